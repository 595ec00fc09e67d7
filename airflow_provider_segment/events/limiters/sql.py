"""A limiter in a table of PostgreSQL, MySQL, MariaDB or SQLite: one statement, or two, for each request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.rate import LONGEST_QUEUE
from airflow_provider_segment.events.sources.sql_driver import Driver
from airflow_provider_segment.events.sources.sql_drivers import SqliteDriver, open_driver
from airflow_provider_segment.events.sources.sql_mysql import MySQLDriver
from airflow_provider_segment.events.sources.sql_postgres import PostgresDriver

TABLE = "segment_rate"
"""The table, in the connection's default schema. It has a row for each source."""


class _Sql(NamedTuple):
    """The statements of a database. Times are microseconds since 1970, by the clock of the server.

    :param now: the time at which it is evaluated, also within a statement that had to wait for a lock
    :param create: creates the table
    :param reserve: reserves seconds
    :param read: returns the seconds until their end, if ``reserve`` does not
    """

    now: str
    create: str
    reserve: str
    read: str = ""
    placeholder: str = "%s"

    def statement(self, text: str) -> str:
        ends = (
            f"case when {TABLE}.ends_at between {self.now} and {self.now} + {LONGEST_QUEUE * 1e6:.0f} "
            f"then {TABLE}.ends_at else {self.now} end"
        )
        return text.format(table=TABLE, now=self.now, value=self.placeholder, ends=ends)


_CREATE = "create table {table} (source varchar(64) primary key, ends_at bigint not null)"
_UPSERT = (
    "insert into {table} (source, ends_at) values ({value}, {now} + {value}) "
    "on conflict (source) do update set ends_at = {ends} + {value} "
    "returning ends_at - {now}"
)
POSTGRES = _Sql(
    now="cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)",
    # Not logged: what a crash loses are some seconds, and no commit waits for the disk.
    create=_CREATE.replace("create table", "create unlogged table"),
    reserve=_UPSERT,
)
SQLITE = _Sql(
    now="cast((julianday('now') - 2440587.5) * 86400000000 as integer)",
    create=_CREATE,
    reserve=_UPSERT,
    placeholder="?",
)
MYSQL = _Sql(
    now="cast(unix_timestamp(sysdate(6)) * 1000000 as signed)",
    create=_CREATE + " engine = innodb",
    reserve=(
        "insert into {table} (source, ends_at) values ({value}, last_insert_id({now} + {value})) "
        "on duplicate key update ends_at = last_insert_id({ends} + {value})"
    ),
    read="select cast(last_insert_id() as signed) - {now}",
)
_SQL: Sequence[tuple[type[Driver], _Sql]] = (
    (PostgresDriver, POSTGRES),
    (MySQLDriver, MYSQL),
    (SqliteDriver, SQLITE),
)


class SqlLimiter:
    """Timelines in a table, which is created if it does not exist.

    :param connect: makes a connection by a DB-API driver
    :param name: what messages call it
    """

    def __init__(self, connect: Callable[[], Any], name: str = "the rate limiter in a database") -> None:
        self.name = name
        self._connect = connect
        self._driver: Driver | None = None
        self._sql = POSTGRES

    def reserve(self, source: str, seconds: float) -> float:
        """Reserve the next seconds of a source's timeline; how long it is until their end.

        :raises SegmentConfigurationError: it is another database, or the table cannot be created
        """
        if self._driver is not None:
            try:
                return self._reserve(self._driver, source, seconds)
            except Exception:  # the connection may have been idle for too long
                self.close()
        return self._reserve(self._open(), source, seconds)

    def close(self) -> None:
        """Close the connection."""
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    def _reserve(self, driver: Driver, source: str, seconds: float) -> float:
        microseconds = round(seconds * 1e6)
        rows = self._run(driver, self._sql.reserve, (source, microseconds, microseconds))
        if self._sql.read:
            rows = self._run(driver, self._sql.read)
        return max(0.0, float(rows[0][0]) / 1e6)

    def _open(self) -> Driver:
        driver = open_driver(self._connect)
        try:
            sql = next((sql for kind, sql in _SQL if isinstance(driver, kind)), None)
            if sql is None:
                raise SegmentConfigurationError(
                    f"{self.name} must be in PostgreSQL, MySQL, MariaDB, SQLite or Redis"
                )
            self._sql = sql
            _commit_each_statement(driver)
            self._make_table(driver)
        except BaseException:
            driver.close()
            raise
        self._driver = driver
        return driver

    def _make_table(self, driver: Driver) -> None:
        if self._has_table(driver):  # to create it "if not exists", one needs the right to create it
            return
        try:
            self._run(driver, self._sql.create)
        except Exception as error:
            self._run(driver, "select 1")  # or the connection is lost
            if self._has_table(driver):  # another sender was faster
                return
            raise SegmentConfigurationError(
                f"{self.name} needs a table, which cannot be created: {str(error).strip()}. Have somebody "
                f"create it who may: {self._sql.statement(self._sql.create)}"
            ) from None

    def _has_table(self, driver: Driver) -> bool:
        try:
            self._run(driver, f"select ends_at from {TABLE} where 1 = 0")
        except Exception:
            return False
        return True

    def _run(self, driver: Driver, statement: str, parameters: Sequence[Any] = ()) -> Sequence[Any]:
        cursor = driver.plain()
        try:
            cursor.execute(self._sql.statement(statement), parameters)
            return cursor.fetchall() if cursor.description else ()
        finally:
            cursor.close()


def _commit_each_statement(driver: Driver) -> None:
    connection = driver.connection
    if isinstance(driver, SqliteDriver):
        connection.isolation_level = None
    elif callable(connection.autocommit):  # mysqlclient
        connection.autocommit(True)
    else:
        connection.autocommit = True
