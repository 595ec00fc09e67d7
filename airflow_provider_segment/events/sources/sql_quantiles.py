"""Keys at which the rows of a query are cut into ranges with about as many rows each."""

from __future__ import annotations

from collections.abc import Generator

from airflow_provider_segment.events.sources.source import Block
from airflow_provider_segment.events.sources.sql import (
    FETCH_TIMEOUT,
    Hook,
    Parameters,
    SqlSource,
    check_column,
    fetch_all,
)
from airflow_provider_segment.events.sources.sql_range import known_dialect
from airflow_provider_segment.events.sources.sql_text import check_query, wrapped


class KeyQuantiles(SqlSource):
    """Rows of a key, how many rows of the query have a smaller one, and how many have one at all.

    The database sorts the keys and counts. There is a row for the first key, and one where each further range
    begins; several of them have the same key if many rows have it.

    :param column: of the query, whose values are the keys
    :param count: of ranges
    :raises SegmentConfigurationError: on iteration, also: the dialect is not known, or there is no such
        column
    """

    def __init__(
        self,
        hook: Hook,
        sql: str,
        parameters: Parameters = None,
        *,
        column: str,
        count: int,
        fetch_timeout: float = FETCH_TIMEOUT,
    ) -> None:
        super().__init__(hook, sql, parameters, fetch_timeout=fetch_timeout)
        self.column = column
        self.nulls = 0
        """How many rows have no key, once the first block was read."""
        self._count = count

    def _blocks(self) -> Generator[Block, None, None]:
        check_query(self._sql)
        with self._connected() as driver:
            dialect = known_dialect(driver, "partition_column")
            sql, parameters = self._statement(driver)
            check_column(driver, sql, parameters, self.column, "partition_column")
            literally = dialect.literally if parameters else str
            key, count = literally(dialect.column(self.column)), self._count
            without = wrapped(sql, "count(*) as found", f"where {key} is null")
            [(self.nulls,)] = fetch_all(driver, without, parameters)[1]
            order = f"over (order by {key})"
            ranked = wrapped(
                sql,
                f"{key} as segment_key, rank() {order} as segment_rank, row_number() {order} as segment_row, "
                "count(*) over () as segment_total",
                f"where {key} is not null",
            )
            begins = literally(f"where (segment_row - 1) * {count} % segment_total < {count}")
            what = "segment_key, segment_rank - 1 as segment_before, segment_total"
            columns, rows = fetch_all(
                driver, wrapped(ranked, what, f"{begins} order by segment_row"), parameters
            )
            yield Block(rows, 1, columns)
