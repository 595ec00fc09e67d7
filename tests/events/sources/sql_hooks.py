"""What the tests of SQL sources share: hooks without Airflow, and a database that stops answering."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from airflow_provider_segment.events.sources.source import Block
from airflow_provider_segment.events.sources.sql import SqlSource


class Hook:
    """Connects by a function; remembers how often."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self.connections: list[Any] = []

    def get_conn(self) -> Any:
        self.connections.append(self._connect())
        return self.connections[-1]


def sqlite_hook(path: Path, *statements: str) -> Hook:
    """A database in a file, after these statements."""
    file = path / "rows.sqlite"
    with sqlite3.connect(file) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return Hook(lambda: sqlite3.connect(file))


def rows_of(source: Iterable[Block]) -> list[tuple[Any, ...]]:
    """All rows of a source."""
    return [row for block in source for row in block.items]


def dicts_of(source: Iterable[Block]) -> list[dict[str, Any]]:
    """All rows of a source, with the names of their columns."""
    return [dict(zip(block.columns or (), row, strict=True)) for block in source for row in block.items]


def read_some(source: SqlSource, blocks: int = 1) -> tuple[Any, list[tuple[Any, ...]]]:
    """The iterator of a source, and the rows of its first blocks."""
    iterator = iter(source)
    return iterator, [row for _ in range(blocks) for row in next(iterator).items]


class SilentProxy:
    """A socket before a server's, which passes everything on until it is told to be silent."""

    def __init__(self, path: Path, server: Path) -> None:
        self._server = server
        self._speaks = threading.Event()
        self._speaks.set()
        self._sockets: list[socket.socket] = []
        self._listener = self._open()
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def be_silent(self) -> None:
        """From now on nothing arrives, and nothing is closed."""
        self._speaks.clear()

    def __enter__(self) -> SilentProxy:
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections."""
        self._speaks.set()
        for one in [self._listener, *self._sockets]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _open(self) -> socket.socket:
        self._sockets.append(socket.socket(socket.AF_UNIX))
        return self._sockets[-1]

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                server = self._open()
                server.connect(str(self._server))
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self._speaks.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)
