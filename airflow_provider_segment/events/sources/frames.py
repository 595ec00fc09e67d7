"""Rows of tables: DataFrames of pandas and polars, Arrow tables, and streams of Arrow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.sources.source import Block

BLOCK_ROWS = 8_192


def is_table(items: Any) -> bool:
    """Whether it is a table, of which an iteration would give the columns."""
    return _is_pandas(items) or hasattr(items, "__arrow_c_stream__")


def _is_pandas(items: Any) -> bool:
    return type(items).__module__.partition(".")[0] == "pandas" and hasattr(items, "itertuples")


class TableSource:
    """Rows of a DataFrame, or of anything that gives an Arrow stream.

    :raises SegmentConfigurationError: two columns have the same name, or polars is not installed
    """

    blocking = False

    def __init__(self, table: Any) -> None:
        self.files: list[str] = []
        self.identity = None  # it may be changed in place
        self.done = 0
        if not _is_pandas(table):
            table = _frame(table)
        self._table = table
        self.size: int | None = len(self._table)
        self._columns = tuple(map(str, self._table.columns))
        if twice := [name for name, count in Counter(self._columns).items() if count > 1]:
            raise SegmentConfigurationError(f"several columns of the table are named {', '.join(twice)}")

    def __iter__(self) -> Iterator[Block]:
        for start in range(0, len(self._table), BLOCK_ROWS):
            yield Block(self._rows(start), start + 1, self._columns)
            self.done = min(start + BLOCK_ROWS, len(self._table))

    def _rows(self, start: int) -> Any:
        if _is_pandas(self._table):
            return list(self._table.iloc[start : start + BLOCK_ROWS].itertuples(index=False, name=None))
        from airflow_provider_segment.events.sources.frame_rows import FrameRows

        return FrameRows(self._table.slice(start, BLOCK_ROWS))

    def place(self, position: int) -> dict[str, Any]:
        return {"row_number": position}


class ReaderSource:
    """Rows of an Arrow stream, read batch by batch while they are sent.

    :param reader: iterates over record batches, as pyarrow's ``RecordBatchReader`` does
    """

    blocking = True

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.files: list[str] = []
        self.identity = None  # a stream cannot be inspected without being consumed
        self.size: int | None = None
        self.done = 0

    def __iter__(self) -> Iterator[Block]:
        for batch in self._reader:
            before = self.done
            for block in TableSource(batch):
                yield block._replace(first=before + block.first)
                self.done = before + block.last

    def place(self, position: int) -> dict[str, Any]:
        return {"row_number": position}


def is_reader(items: Any) -> bool:
    """Whether it is a stream of record batches."""
    return hasattr(items, "read_next_batch")


def _frame(table: Any) -> Any:
    """A table of Arrow as a DataFrame of polars.

    :raises SegmentConfigurationError: polars is not installed, or the table cannot be read
    """
    try:
        from airflow_provider_segment.events.sources.frame_rows import plain_columns
        from airflow_provider_segment.events.sources.polars_library import import_polars, polars_errors

        with polars_errors():
            frame = import_polars().DataFrame(table)
            return frame.select(plain_columns(frame.schema))
    except ImportError:
        raise SegmentConfigurationError(
            "tables of Arrow are read by polars: pip install 'airflow-provider-segment[parquet]'"
        ) from None
    except ValueError as error:
        raise SegmentConfigurationError(f"the table cannot be read: {error}") from None
