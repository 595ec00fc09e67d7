"""The drivers that are known, told by the module of their connections.

Any other is used as DB-API says. Most of those page by themselves when rows are fetched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_segment.events.sources.sql_driver import Driver
from airflow_provider_segment.events.sources.sql_mysql import MySQLConnectorDriver, MySQLdbDriver
from airflow_provider_segment.events.sources.sql_postgres import Psycopg2Driver, PsycopgDriver
from airflow_provider_segment.events.sources.sql_text import SQLITE


class SqliteDriver(Driver):
    """sqlite3, which reads rows only as they are fetched."""

    dialect = SQLITE

    def interrupt(self) -> None:
        self.connection.interrupt()


_DRIVERS: dict[str, type[Driver]] = {
    "psycopg": PsycopgDriver,
    "psycopg2": Psycopg2Driver,
    "MySQLdb": MySQLdbDriver,
    "mysql": MySQLConnectorDriver,
    "sqlite3": SqliteDriver,
}


def open_driver(connect: Callable[[], Any]) -> Driver:
    """A connection that is set up.

    :param connect: makes a connection
    """
    connection = connect()
    kinds = (kind.__module__.partition(".")[0] for kind in type(connection).__mro__)
    driver = next((_DRIVERS[kind] for kind in kinds if kind in _DRIVERS), Driver)(connection, connect)
    try:
        driver.prepare()
    except BaseException:
        driver.close()
        raise
    return driver
