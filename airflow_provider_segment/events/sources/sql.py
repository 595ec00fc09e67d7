"""Rows of a SQL query, streamed from any database that a ``DbApiHook`` of Airflow connects to."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from airflow_provider_segment.errors import (
    SegmentConfigurationError,
    SegmentError,
    SegmentInputError,
    SegmentStoppedError,
)
from airflow_provider_segment.events.mapping.template import nearest
from airflow_provider_segment.events.parts import KeyRange
from airflow_provider_segment.events.sources.interruptible import Interruptible, Silence, Stopped
from airflow_provider_segment.events.sources.source import Block
from airflow_provider_segment.events.sources.sql_driver import Driver
from airflow_provider_segment.events.sources.sql_drivers import open_driver
from airflow_provider_segment.events.sources.sql_range import known_dialect, restricted
from airflow_provider_segment.events.sources.sql_text import check_query, single, wrapped

log = logging.getLogger(__name__)

FETCH_ROWS = 2_000
"""Rows of a block. More are slower: they do not fit into the processor's caches."""
FETCH_TIMEOUT = 3_600.0

Parameters = Mapping[str, Any] | Sequence[Any] | None


class Hook(Protocol):
    """What is needed of a hook: a ``DbApiHook`` provides it."""

    def get_conn(self) -> Any:
        """A new connection by a DB-API driver."""


class SqlSource:
    """The rows of a query, read in one transaction, which is never committed.

    So what the query changes is lost, unless the driver commits by itself.

    Everything is read in one thread, from the connection to its end.

    :param hook: connects to the database
    :param sql: a single query
    :param parameters: for its placeholders, in the style of the driver
    :param conn_id: of the database, which tells the query from the same one to another database
    :param within: the range of rows that is read; None for all
    :param fetch_timeout: seconds that the database may take to send the next rows
    :raises SegmentConfigurationError: on iteration: it is no query, or several, or two columns have one name;
        or a range is wanted, and the dialect is not known
    :raises SegmentInputError: on iteration: the query failed, the connection was lost, or the database was
        silent for too long
    :raises SegmentStoppedError: on iteration: it was stopped
    """

    blocking = True

    def __init__(
        self,
        hook: Hook,
        sql: str,
        parameters: Parameters = None,
        *,
        conn_id: str = "",
        within: KeyRange | None = None,
        fetch_timeout: float = FETCH_TIMEOUT,
    ) -> None:
        self.files: list[str] = []
        self.size: int | None = None
        self.done = 0
        self.identity: Any = None  # another run may read the rows in another order
        self.conn_id = conn_id
        self.nothing = False
        """Set to have nothing read."""
        self._hook = hook
        self._sql = sql
        self._parameters = parameters
        self._within = within
        self._fetch_timeout = fetch_timeout
        self._driver: Driver | None = None
        self._reading = Interruptible(self._blocks(), self._interrupt, fetch_timeout)

    def __iter__(self) -> Iterator[Block]:
        if self.nothing:
            return
        try:
            for block in self._reading:
                self.done = block.last
                yield block
        except Silence:
            raise SegmentInputError(
                f"the database sent nothing for {self._fetch_timeout:,g} seconds {self._where()}"
            ) from None
        except Stopped:
            raise SegmentStoppedError(f"the query was stopped {self._where()}") from None

    @property
    def asked(self) -> list[Any]:
        """What is asked of the database, in whatever order it answers."""
        sql = self._sql.strip().removesuffix(";").rstrip()
        return [self.conn_id, sql, self._parameters or None, *([self._within] if self._within else [])]

    def stop(self) -> None:
        """End the reading soon, and what the database does for it; may be called in a signal handler."""
        self._reading.stop()

    def place(self, position: int) -> dict[str, Any]:
        return {"row_number": position}

    def _where(self) -> str:
        return f"after row {self.done:,}" if self.done else "before its first row"

    def _interrupt(self) -> None:
        if (driver := self._driver) is not None:
            with suppress(Exception):  # the connection is given up in any case
                driver.interrupt()

    # In the thread that reads

    def _statement(self, driver: Driver) -> tuple[str, Parameters]:
        """The query for the rows that are wanted, as the driver takes it, and its parameters."""
        sql = statement(self._sql, driver)
        if self._within is None:
            return sql, self._parameters
        return restricted(sql, self._parameters, self._within, known_dialect(driver, "a part of a query"))

    def _blocks(self) -> Generator[Block, None, None]:
        check_query(self._sql)
        log.info(
            "The rows are read by a single query, so a retry reads and sends all of them again; within 24 "
            "hours Segment drops those that it has, by their message ids. With resume_key a retry goes on"
        )
        with self._connected() as driver:
            driver.begin()
            cursor = driver.stream()
            with suppress(Exception):  # BigQuery, for one, pages by it; some drivers have none
                cursor.arraysize = FETCH_ROWS
            columns = execute(driver, cursor, *self._statement(driver))
            read = 0
            while fetched := cursor.fetchmany(FETCH_ROWS):
                yield Block(driver.rows(fetched, columns), read + 1, columns)
                read += len(fetched)
            if not read:
                yield Block([], 1, columns)  # the columns are checked all the same

    @contextmanager
    def _connected(self) -> Iterator[Driver]:
        """A connection, closed at the end.

        :raises SegmentInputError: whatever goes wrong with it
        """
        try:
            self._driver = driver = open_driver(self._hook.get_conn)
            try:
                yield driver
            finally:
                self._driver = None
                driver.close()
        except SegmentError:
            raise
        except Exception as error:
            reason = str(error).strip() or type(error).__name__
            raise SegmentInputError(f"the query failed {self._where()}: {reason}") from error


def statement(sql: str, driver: Driver) -> str:
    """A query as the driver takes it: without a semicolon at its end.

    :raises SegmentConfigurationError: there are several
    """
    return single(sql, driver.dialect) if driver.dialect else sql.rstrip().removesuffix(";")


def execute(driver: Driver, cursor: Any, sql: str, parameters: Parameters) -> tuple[str, ...]:
    """Execute a query; the names of its columns.

    :raises SegmentConfigurationError: it has no columns, or two of one name
    """
    if not parameters:
        # Without an argument: with one, each % in the query would have to be doubled.
        cursor.execute(sql)
    else:
        cursor.execute(sql, dict(parameters) if isinstance(parameters, Mapping) else tuple(parameters))
    columns = driver.columns(cursor)
    if not columns:
        raise SegmentConfigurationError("sql is no query: it gives no rows")
    if twice := [name for name, count in Counter(columns).items() if count > 1]:
        raise SegmentConfigurationError(
            f"several columns of the query are named {', '.join(twice)}: give them other names by `as`"
        )
    return columns


def fetch_all(driver: Driver, sql: str, parameters: Parameters) -> tuple[tuple[str, ...], list[Any]]:
    """The columns and the rows of a query with few rows, in a transaction of its own."""
    driver.begin()
    cursor = driver.plain()
    columns = execute(driver, cursor, sql, parameters)
    rows = list(driver.rows(cursor.fetchall(), columns))
    cursor.close()
    driver.rollback()
    return columns, rows


def check_column(driver: Driver, sql: str, parameters: Parameters, column: str, argument: str) -> None:
    """Make sure that a query has a column.

    :param sql: of :func:`statement`
    :param argument: names the column
    :raises SegmentConfigurationError: it has none of that name
    """
    columns, _ = fetch_all(driver, wrapped(sql, "*", "limit 0"), parameters)
    if column not in columns:
        hint = nearest(column, columns)
        raise SegmentConfigurationError(f"{argument}: the rows have no column {column!r}{hint}")
