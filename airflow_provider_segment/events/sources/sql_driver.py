"""What a database driver needs to stream rows, to keep its session alive, and to be interrupted."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from airflow_provider_segment.events.sources.sql_text import Dialect

KEEPALIVE_SECONDS = 60


class Driver:
    """A connection, by a driver of which nothing is known.

    :param connection: is closed by :meth:`close`
    :param connect: makes another connection
    """

    dialect: ClassVar[Dialect | None] = None
    """If it is known; None forbids to read by pages."""

    def __init__(self, connection: Any, connect: Callable[[], Any]) -> None:
        self.connection = connection
        self._connect = connect
        self._cursor: Any = None

    def prepare(self) -> None:
        """Set the session up."""

    def begin(self) -> None:
        """Set a transaction up, before its first query."""

    def stream(self) -> Any:
        """A cursor that does not hold all rows in memory."""
        self._cursor = self.connection.cursor()
        return self._cursor

    def plain(self) -> Any:
        """A cursor for a small result."""
        return self.connection.cursor()

    def columns(self, cursor: Any) -> tuple[str, ...]:
        """The names of the columns of a cursor that was executed; none if it has no rows to give."""
        return tuple(str(column[0]) for column in cursor.description or ())

    def rows(self, fetched: Sequence[Any], columns: Sequence[str]) -> Sequence[Any]:
        """Fetched rows as tuples."""
        if fetched and isinstance(fetched[0], Mapping):
            return [tuple(row[name] for name in columns) for row in fetched]
        return [tuple(row) for row in fetched]

    def interrupt(self) -> None:
        """End what the database does for this connection, from another thread."""
        for owner, name in (
            (self._cursor, "cancel"),
            (self.connection, "cancel"),
            (self.connection, "close"),
        ):
            if callable(act := getattr(owner, name, None)):
                act()
                return

    def rollback(self) -> None:
        """End the transaction."""
        self.connection.rollback()

    def close(self) -> None:
        """Give the connection up."""
        with suppress(Exception):  # it may be broken
            self.connection.close()


def keep_alive(fileno: int) -> None:
    """Have TCP show firewalls that a quiet connection is in use, and notice when the other side is gone."""
    with suppress(OSError), socket.socket(fileno=os.dup(fileno)) as copy:
        if copy.family in (socket.AF_INET, socket.AF_INET6):
            copy.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if hasattr(socket, "TCP_KEEPIDLE"):
                idle = copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
                copy.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, min(idle, KEEPALIVE_SECONDS))
