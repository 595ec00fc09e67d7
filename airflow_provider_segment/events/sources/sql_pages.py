"""Rows of a SQL query by ranges of a key: reading can go on where it ended, and no session has to last."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Mapping, Sequence
from time import monotonic
from typing import Any, NoReturn

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentInputError
from airflow_provider_segment.events.key_json import key_from_json, key_to_json
from airflow_provider_segment.events.ledger.intervals import WHOLE, Bound, Interval
from airflow_provider_segment.events.parts import KeyRange
from airflow_provider_segment.events.sources.source import Block
from airflow_provider_segment.events.sources.sql import (
    FETCH_TIMEOUT,
    Hook,
    Parameters,
    SqlSource,
    check_column,
    fetch_all,
)
from airflow_provider_segment.events.sources.sql_driver import Driver
from airflow_provider_segment.events.sources.sql_range import known_dialect
from airflow_provider_segment.events.sources.sql_text import check_query, wrapped

PAGE_ROWS = 10_000
"""Rows of one query, and of a block."""
IDLE_SECONDS = 60.0
"""After a pause as long as this, the next range is read by another connection: firewalls and databases drop
those that are idle."""
MARKS = 10_000
"""Places that are remembered. If there are more, the oldest are forgotten: a retry reads more again."""


class PagedSqlSource(SqlSource):
    """The rows of a query in the order of a key, in pages, each by a query and in a transaction of its own.

    A change made to the table meanwhile may be read or not; rows that stay as they are, are read once.

    :param resume_key: a column of the result, unique and not null
    :param conn_id: of the database, so that a retry goes on only with the same one
    :raises SegmentConfigurationError: on iteration, also: the dialect is not known, the key is not among the
        columns, or of a type that is no key
    :raises SegmentInputError: on iteration, also: the key is null, or not unique
    """

    def __init__(
        self,
        hook: Hook,
        sql: str,
        parameters: Parameters = None,
        *,
        resume_key: str,
        conn_id: str,
        within: KeyRange | None = None,
        fetch_timeout: float = FETCH_TIMEOUT,
    ) -> None:
        # Ranges of the key are of one query, however it was cut; those of other columns are other queries.
        by_key = within is not None and within.column == resume_key
        super().__init__(
            hook,
            sql,
            parameters,
            conn_id=conn_id,
            within=None if by_key else within,
            fetch_timeout=fetch_timeout,
        )
        self.identity = [sql, parameters or None, resume_key, conn_id, within]
        self.ranges = [_interval(within) if within is not None and by_key else WHOLE]
        """The ranges of the key that are read, in their order."""
        self._key = resume_key
        self._range = 0
        self._without_rows: set[int] = set()
        self._last: Any = None
        self._read = 0
        self._marks: deque[dict[str, Any]] = deque(maxlen=MARKS)

    @property
    def asked(self) -> list[Any]:
        """What is asked of the database, whatever ranges of the key are read."""
        return [*super().asked, self._key]

    def reached(self, position: float) -> list[Interval]:
        """What is done with if all rows up to a position are: ranges, and the beginning of the last one.

        Of a range without an end that is up to its last key: greater ones may be added.
        """
        ended = self._range == len(self.ranges) and position >= self._read
        mark = self.mark(position)
        key = None if mark is None else Bound(key_from_json(mark["key"]), True)
        last = len(self.ranges) if ended else 0 if mark is None else mark["range"]
        done: list[Interval] = []
        for index, (start, end) in enumerate(self.ranges[:last]):
            if end is None:
                return done if key is None or index in self._without_rows else [*done, Interval(start, key)]
            # Texts have an order of the database, in which this one may end before it begins.
            nothing = index in self._without_rows and isinstance(end.key, str)
            done.append(Interval(end if nothing else start, end))
        if not ended and mark is not None:
            done.append(Interval(self.ranges[last].start, key))
        return done

    def mark(self, position: float) -> dict[str, Any] | None:
        """Where to go on if all rows up to a position are done with; None if that is at the beginning.

        What is before is forgotten, so positions must not decrease.
        """
        marks = self._marks
        while len(marks) > 1 and marks[1]["position"] <= position:
            marks.popleft()
        return marks[0] if marks and marks[0]["position"] <= position else None

    def resume(self, mark: Mapping[str, Any]) -> None:
        """Start behind a mark; positions go on from its own."""
        self.done = self._read = mark["position"]
        self._last = key_from_json(mark["key"])

    def _blocks(self) -> Generator[Block, None, None]:
        check_query(self._sql)
        checked = False
        while self._range < len(self.ranges):
            with self._connected() as driver:
                pages = _Pages(driver, *self._statement(driver), self._key)
                if not checked:
                    pages.check()
                    checked = True
                while self._range < len(self.ranges):
                    rows, more = pages.after(self._last, self.ranges[self._range])
                    block = Block(rows, self._read + 1, pages.columns)
                    if rows:
                        self._last = pages.key_of(rows[-1])
                        mark = {"position": block.last, "key": self._key_as_json(), "range": self._range}
                        self._marks.append(mark)
                    began = monotonic()
                    yield block
                    self._read = block.last
                    if not more:
                        if self._last is None:
                            self._without_rows.add(self._range)
                        self._range, self._last = self._range + 1, None
                    if monotonic() - began >= IDLE_SECONDS:
                        break

    def _key_as_json(self) -> Any:
        try:
            return key_to_json(self._last)
        except TypeError as error:
            raise SegmentConfigurationError(f"resume_key {error}") from None


class _Pages:
    """The queries of one connection.

    :param sql: of :func:`.statement`
    :raises SegmentConfigurationError: its dialect is not known
    """

    def __init__(self, driver: Driver, sql: str, parameters: Parameters, key: str) -> None:
        self.columns: tuple[str, ...] = ()
        """Of the last query for rows."""
        self._driver = driver
        self._dialect = known_dialect(driver, "resume_key")
        self._sql = sql
        self._parameters = parameters
        self._key = key

    def key_of(self, row: Sequence[Any]) -> Any:
        """The key of a row."""
        return row[self.columns.index(self._key)]

    def check(self) -> None:
        """Make sure that the key is a column, and is never null.

        :raises SegmentConfigurationError: it is no column
        :raises SegmentInputError: it is null
        """
        check_column(self._driver, self._sql, self._parameters, self._key, "resume_key")
        _, nulls = self._query("1 as found", [("is null",)], "limit 1")
        if nulls:
            self._no_key("null in some row, which would never be read")

    def after(self, last: Any, within: Interval = WHOLE) -> tuple[Sequence[Any], bool]:
        """The next rows, and whether there are more.

        :param last: the key of the row before; None for the first rows
        :param within: the range of the key in which the rows are
        :raises SegmentInputError: the key is not unique
        """
        start, end = within
        conditions: list[Condition] = []
        if last is not None:
            conditions = [(">", last)]
        elif start is not None:
            conditions = [(">" if start.behind else ">=", start.key)]
        if end is not None:
            conditions.append(("<=" if end.behind else "<", end.key))
        self.columns, rows = self._query("*", conditions, f"order by {{key}} limit {PAGE_ROWS + 1}")
        if len(rows) <= PAGE_ROWS:
            return rows, False
        key, next_key = map(self.key_of, rows[-2:])
        # Of several rows with the last key of a page, the next page would have none.
        if key == next_key or self._is_repeated(key):
            self._no_key(f"{key!r} in several rows")
        return rows[:PAGE_ROWS], True

    def _is_repeated(self, key: Any) -> bool:
        """Whether several texts are equal to a key for the database, which may not look at case, for one."""
        if not isinstance(key, str):
            return False
        _, found = self._query("1 as found", [("=", key)], "limit 2")
        return len(found) > 1

    def _no_key(self, why: str) -> NoReturn:
        raise SegmentInputError(f"resume_key must be unique and not null, but {self._key} is {why}")

    def _query(
        self, what: str, conditions: Sequence[Condition], rest: str
    ) -> tuple[tuple[str, ...], list[Any]]:
        """The columns and the rows of a query over the rows of the query, in a transaction of its own.

        :param what: is selected
        :param conditions: on the key
        :param rest: of the query; ``{key}`` is the column of the key
        """
        dialect, parameters, sql = self._dialect, self._parameters, self._sql
        column = dialect.column(self._key)
        values = [value for _, *given in conditions for value in given]
        named = isinstance(parameters, Mapping) and bool(parameters)
        names = [_NAME.format(number) for number in range(len(values))]
        if values and not parameters:
            sql = dialect.literally(sql)
        if values and isinstance(parameters, Mapping) and parameters:
            parameters = {**parameters, **dict(zip(names, values, strict=True))}
        elif values:
            parameters = [*(parameters or []), *values]
        if parameters:
            column = dialect.literally(column)
        places = iter([dialect.named.format(name) if named else dialect.positional for name in names])
        where = " and ".join(
            " ".join([column, sign, *(next(places) for _ in given)]) for sign, *given in conditions
        )
        rest = rest.format(key=column)
        query = wrapped(sql, what, f"where {where} {rest}" if where else rest)
        return fetch_all(self._driver, query, parameters)


def _interval(within: KeyRange) -> Interval:
    return Interval(*(None if key is None else Bound(key, False) for key in within.keys))


Condition = tuple[str] | tuple[str, Any]
"""What is compared with the key, and how."""
_NAME = "segment_key_{}"
"""Of the parameters that are added to those of the query."""
