"""MySQL and MariaDB, by mysqlclient and by mysql-connector-python."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from importlib import import_module
from typing import Any

from airflow_provider_segment.events.sources.sql_driver import Driver, keep_alive
from airflow_provider_segment.events.sources.sql_text import MYSQL
from airflow_provider_segment.events.sources.sql_values import day, moment, moment_in_utc

log = logging.getLogger(__name__)

YEAR_SECONDS = 365 * 24 * 60 * 60


class MySQLDriver(Driver):
    """What the drivers of MySQL and MariaDB have in common.

    ``TIMESTAMP`` values come without a zone, in that of the session, which is set to UTC.
    """

    dialect = MYSQL
    _in_utc = False
    _thread: int
    """The server's number of the connection."""

    def prepare(self) -> None:
        cursor = self.plain()
        try:
            cursor.execute("set session time_zone = '+00:00'")
            self._in_utc = True
        except Exception as error:
            log.warning("TIMESTAMP values are read without a zone, because UTC cannot be set: %s", error)
        # While we pause, the server waits with the next row, and counts that as time of the statement.
        for setting in (
            f"net_write_timeout = {YEAR_SECONDS}",
            "max_statement_time = 0",  # MariaDB
            "max_execution_time = 0",  # MySQL
        ):
            with suppress(Exception):
                cursor.execute(f"set session {setting}")
        cursor.close()

    def interrupt(self) -> None:
        other = self._connect()
        try:
            other.cursor().execute(f"kill query {self._thread}")
        finally:
            other.close()


_TIMESTAMP, _DATE, _DATETIME = 7, 10, 12
"""Types of columns, in MySQL's protocol."""


class MySQLdbDriver(MySQLDriver):
    """mysqlclient."""

    def prepare(self) -> None:
        super().prepare()
        # A copy that the connection has for itself. Its own conversions make null of what they cannot read.
        self.connection.converter.update(
            {_DATE: day, _DATETIME: moment, _TIMESTAMP: moment_in_utc if self._in_utc else moment}
        )
        self._thread = self.connection.thread_id()
        keep_alive(self.connection.fileno())

    def stream(self) -> Any:
        return self.connection.cursor(import_module("MySQLdb.cursors").SSCursor)

    def plain(self) -> Any:
        return self.connection.cursor(import_module("MySQLdb.cursors").Cursor)


class MySQLConnectorDriver(MySQLDriver):
    """mysql-connector-python."""

    dialect = MYSQL._replace(doubles=False)

    def __init__(self, connection: Any, connect: Callable[[], Any]) -> None:
        super().__init__(connection, connect)
        self._in_zone: list[int] = []
        self._thread = connection.connection_id

    def stream(self) -> Any:
        return self.connection.cursor(buffered=False)

    def plain(self) -> Any:
        return self.connection.cursor(buffered=True)

    def columns(self, cursor: Any) -> tuple[str, ...]:
        described = enumerate(cursor.description or ())
        self._in_zone = [index for index, column in described if column[1] == _TIMESTAMP and self._in_utc]
        return super().columns(cursor)

    def rows(self, fetched: Sequence[Any], columns: Sequence[str]) -> Sequence[Any]:
        rows = super().rows(fetched, columns)
        for index in self._in_zone:
            rows = [(*row[:index], _with_utc(row[index]), *row[index + 1 :]) for row in rows]
        return rows


def _with_utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.replace(tzinfo=timezone.utc)
