"""A private PostgreSQL server with the table of orders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.table_files import SQL_COLUMNS, table_file


class NoServerError(Exception):
    """There is no PostgreSQL on this machine, or not what is needed to start it."""


class Orders:
    """The tables of a server, made on first use."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._made: set[int] = set()

    def address(self, count: int) -> str:
        """Where a table of this many orders is: a URL of the server, and the table's name after a `#`."""
        if count not in self._made:
            self._make(count)
            self._made.add(count)
        server = self._server
        return f"postgresql://{server.user}@/{server.database}?host={server.folder}#orders_{count}"

    def _make(self, count: int) -> None:
        table = f"orders_{count}"
        with self._server.connect(autocommit=True) as connection:
            connection.execute(f"create unlogged table {table} ({SQL_COLUMNS})")
            copy = connection.cursor().copy(f"copy {table} from stdin (format csv, header)")
            with copy as copying, table_file("csv", count).open("rb") as file:
                while part := file.read(1 << 20):
                    copying.write(part)
            connection.execute(f"vacuum (freeze, analyze) {table}")  # or the first reader does it


@contextmanager
def order_tables() -> Iterator[Orders]:
    """A server, stopped at the end.

    :raises NoServerError: it cannot be started
    """
    try:
        import psycopg  # noqa: F401
        import pytest

        from tests.harness.databases import started_postgres
    except ImportError as error:
        raise NoServerError(str(error)) from None
    with ExitStack() as stack:
        try:
            server = stack.enter_context(started_postgres())
        except pytest.skip.Exception as reason:  # no Exception
            raise NoServerError(str(reason)) from None
        yield Orders(server)


def connection_url(address: str) -> str:
    return address.partition("#")[0]


def table_of(address: str) -> str:
    return address.partition("#")[2]


def airflow_connection(address: str) -> dict[str, Any]:
    """An Airflow connection to the server of a table."""
    url = urlsplit(address)
    [host] = parse_qs(url.query)["host"]
    return {"conn_type": "postgres", "host": host, "login": url.username, "schema": url.path.lstrip("/")}
