"""Rows of Parquet files, read by polars (extra ``parquet``), which reads files by their path only.

A file that is cut off is an error. But polars believes what a page says of itself: one that claims far more
values than it has makes it end the whole process, and the task with it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import IO, Any

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.mapping.template import nearest
from airflow_provider_segment.events.sources.frame_rows import FrameRows, plain_columns
from airflow_provider_segment.events.sources.parquet_footer import MAGIC, Footer, read_footer, read_row_groups
from airflow_provider_segment.events.sources.polars_library import import_polars, polars_errors
from airflow_provider_segment.events.sources.tables import Table, UnreadableFileError

BLOCK_ROWS = 8_192
COPY_BYTES = 1 << 22
CHUNK_SIZE = "POLARS_IDEAL_MORSEL_SIZE"
"""What polars calls its streaming chunk size in the environment."""
ROWS_SEARCHED = 1_000_000
"""Rows in which the column is looked for that broke the reading."""


def read_parquet(
    raw: IO[bytes],
    *,
    local: bool = False,
    needed: Collection[str] | None = None,
    rows: tuple[int, int | None] | None = None,
) -> Table:
    """The rows of an open file, in blocks of :class:`.FrameRows`.

    :param local: whether it is a file of this machine; if not, it is first copied to a temporary file
    :param needed: the columns that are read; None for all
    :param rows: the range that is read, from 0; None for all. Only the row groups that it is in are read
    :raises UnreadableFileError: polars is not installed, or the file is damaged or has a column that cannot
        be read
    :raises SegmentConfigurationError: there is no such column
    """
    try:
        pl = import_polars()
    except ImportError:
        raise UnreadableFileError.without("parquet", "Parquet") from None
    with ExitStack() as files:
        try:
            footer = read_footer(raw)
            if footer.intervals:
                raise ValueError(
                    f"the column {', '.join(sorted(footer.intervals))} is an interval, which polars cannot "
                    "read: write it as seconds, or leave it out of the file"
                )
            start, end = _range(footer, rows)
            path = _path_of(raw if local else files.enter_context(_copy_of(raw, _spans(raw, rows))))
            scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            if rows is not None:
                scan = scan.slice(start, end - start)
            with polars_errors():
                schema = _needed(scan.collect_schema(), needed)
            columns = plain_columns(schema, footer.uuids)
        except ValueError as error:
            raise UnreadableFileError(str(error)) from None
        frames = _frames(scan.select(columns), files.pop_all())
    return Table(tuple(schema), frames, end - start, before=start)


def _range(footer: Footer, rows: tuple[int, int | None] | None) -> tuple[int, int]:
    start, end = rows or (0, None)
    end = footer.rows if end is None else end
    if (least := max(start, end)) > footer.rows:
        raise ValueError(f"it has {footer.rows:,} rows, and should have at least {least:,}: it was changed")
    return start, end


def _path_of(file: IO[bytes]) -> str:
    """A path to what is open: a file that was replaced or removed meanwhile is still the one that it was."""
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    return f"{folder}/{file.fileno()}"


def _spans(raw: IO[bytes], rows: tuple[int, int | None] | None) -> list[tuple[int, int]]:
    """The ranges of bytes that are read: those of the row groups, and what is behind all of them."""
    size = raw.seek(0, os.SEEK_END)
    if rows is None:
        return [(0, size)]
    start, end = rows
    groups = read_row_groups(raw)
    read = [
        (group.start, group.end)
        for group in groups
        if start < group.first + group.rows and (end is None or group.first < end)
    ]
    return [(0, len(MAGIC)), *read, (max((group.end for group in groups), default=0), size)]


def _copy_of(raw: IO[bytes], spans: list[tuple[int, int]]) -> IO[bytes]:
    """A copy in a temporary file, which has no name, so that nothing is left of it however this ends.

    :param spans: the ranges of bytes that are copied; the copy has holes between them
    :raises UnreadableFileError: the disk has not enough room
    """
    size = sum(end - start for start, end in spans)
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if size > free:
        raise UnreadableFileError(
            f"{size:,} bytes of it must be copied to {folder}, where {free:,} are free: make room, or set "
            "TMPDIR to a folder with more"
        )
    copy = tempfile.TemporaryFile()  # noqa: SIM115  (whoever asked for it closes it)
    try:
        for start, end in spans:
            raw.seek(start)
            copy.seek(start)
            while start < end and (block := raw.read(min(COPY_BYTES, end - start))):
                copy.write(block)
                start += len(block)
        copy.flush()
    except BaseException:
        copy.close()
        raise
    return copy


def _needed(schema: Mapping[str, Any], needed: Collection[str] | None) -> dict[str, Any]:
    if needed is None:
        return dict(schema)
    for name in needed:
        if name not in schema:
            raise SegmentConfigurationError(f"the rows have no column {name!r}{nearest(name, schema)}")
    found = {name: dtype for name, dtype in schema.items() if name in needed}
    return found or dict(list(schema.items())[:1])  # rows without columns could not be counted


def _frames(scan: Any, files: ExitStack) -> Iterator[FrameRows]:
    read = 0
    with files:
        try:
            with polars_errors():
                frames = _batches(scan)
            while True:
                with polars_errors():
                    frame = next(frames, None)
                if frame is None:
                    return
                if frame.height:
                    yield FrameRows(frame)
                read += frame.height
        except ValueError as error:
            if "UTF-8" in str(error) and (name := _column_without_text(scan, read)):
                raise ValueError(f"the column {name} has text that is not UTF-8") from None
            raise


def _batches(scan: Any) -> Iterator[Any]:
    with _small_chunks():
        batches: Iterator[Any] = iter(
            scan.collect_batches(chunk_size=BLOCK_ROWS, maintain_order=True, engine="streaming")
        )
    return batches


@contextmanager
def _small_chunks() -> Iterator[None]:
    """Let queries that start now work with few rows at once: otherwise the scan takes a gigabyte."""
    config = import_polars().Config
    before = os.environ.get(CHUNK_SIZE)
    config.set_streaming_chunk_size(BLOCK_ROWS)
    try:
        yield
    finally:
        config.set_streaming_chunk_size(int(before) if before else None)


def _column_without_text(scan: Any, read: int) -> str | None:
    """Which column cannot be decoded behind the rows that were read."""
    for name in scan.collect_schema():
        try:
            with polars_errors():
                scan.slice(read, ROWS_SEARCHED).select(name).collect(engine="streaming")
        except ValueError:
            return str(name)
    return None
