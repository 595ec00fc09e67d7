"""Rows of CSV and TSV files: values are text, an empty one is None."""

from __future__ import annotations

import csv
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from airflow_provider_segment.events.sources.csv_dialect import COMMA, CsvDialect, fault_of
from airflow_provider_segment.events.sources.csv_lines import CsvLines
from airflow_provider_segment.events.sources.source import Overlong
from airflow_provider_segment.events.sources.tables import Table, UnreadableFileError
from airflow_provider_segment.events.sources.text import DAMAGED, UTF_16_BOMS, whole_lines
from airflow_provider_segment.values import shown

BLOCK_BYTES = 1 << 16
"""Bytes of text whose rows are read at once. Their rows take ten times as much: with more, it is slower."""
JUMPS_REMEMBERED = 100_000
"""Rows that begin elsewhere than in the line behind the row before. With more, lines are no longer known."""
OTHER_DELIMITERS = {";": '";"', "\t": r'"\t"', "|": '"|"'}
"""What may be between the names of a header that seems to have only one, and how that is written."""


def read_csv(blocks: Iterator[bytes], dialect: CsvDialect, delimiter: str = COMMA) -> Table:
    """The rows of a text.

    :param blocks: of the text, decompressed
    :param delimiter: if the dialect has none
    :raises UnreadableFileError: its header is none
    """
    start = next(blocks, b"")
    encoding = dialect.encoding or ("utf-16" if start.startswith(UTF_16_BOMS) else "utf-8")
    lines = CsvLines(dialect, encoding, delimiter)
    texts = whole_lines(chain([start], blocks), encoding)
    columns = dialect.columns
    if dialect.header:
        header = _header(lines, texts)
        if header is None:
            return Table(columns or (), iter(()))
        columns = _names(header, dialect, encoding)
    assert columns is not None
    lines.expect(columns)
    numbers = LineNumbers()
    return Table(columns, _blocks(lines, texts, numbers), line_of=numbers.of)


def _header(lines: CsvLines, texts: Iterable[str | Overlong]) -> list[str] | None:
    try:
        return next(filter(None, map(lines.header, texts)), None)
    except csv.Error as error:
        raise UnreadableFileError(f"its header cannot be read: {error}") from None


def _names(header: list[str], dialect: CsvDialect, encoding: str) -> tuple[str, ...]:
    if any(map(DAMAGED.search, header)):
        raise UnreadableFileError(f'its header is not {encoding}: give csv={{"encoding": ...}}')
    if dialect.columns:
        if len(dialect.columns) != len(header):
            raise UnreadableFileError(
                f"its header has {len(header)} names, and columns {len(dialect.columns)}"
            )
        return dialect.columns
    if header[0].startswith(("{", "[{")):
        raise UnreadableFileError("it is JSON, not CSV: leave the format out, or name the columns")
    if len(header) == 1 and not dialect.delimiter:
        for delimiter, written in OTHER_DELIMITERS.items():
            if delimiter in header[0]:
                raise UnreadableFileError(
                    f'its header is the single name {shown(header[0])}: give csv={{"delimiter": {written}}}'
                )
    if fault := fault_of(header):
        raise UnreadableFileError(
            f'in its header, {fault}: correct it, or give csv={{"header": True, "columns": [...]}}'
        )
    return tuple(header)


def _blocks(
    lines: CsvLines, texts: Iterable[str | Overlong], numbers: LineNumbers
) -> Iterator[Sequence[Any]]:
    for text, last in chain(((text, False) for text in texts), [("", True)]):
        items, starts = lines.rows(text, last=last)
        if items:
            numbers.add(starts)
            yield items


class LineNumbers:
    """The lines at which rows begin. Mostly it is the line behind the row before: only others are kept."""

    def __init__(self) -> None:
        self._rows = array("Q")
        self._lines = array("Q")
        self._known = 0
        self._next_line = 0

    def add(self, starts: Sequence[int]) -> None:
        """The lines of the next rows."""
        if isinstance(starts, range):
            self._add(starts[0])
            self._known += len(starts) - 1
            self._next_line = starts[-1] + 1
            return
        for line in starts:
            self._add(line)

    def _add(self, line: int) -> None:
        self._known += 1
        if line != self._next_line and len(self._rows) < JUMPS_REMEMBERED:
            self._rows.append(self._known)
            self._lines.append(line)
        self._next_line = line + 1

    def of(self, row: int) -> int | None:
        """The line of a row; None if too many begin elsewhere to know it."""
        index = bisect_right(self._rows, row) - 1
        if index < 0 or index == JUMPS_REMEMBERED - 1:
            return None
        return self._lines[index] + row - self._rows[index]
