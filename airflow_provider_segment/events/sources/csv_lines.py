"""Rows of lines of CSV, and what to do with lines that are none.

Most files have one row in each line, and no fault. Those lines are read all at once. Only if that fails are
they read row by row.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import islice
from typing import Any

from airflow_provider_segment.events.sources.csv_dialect import COMMA, CsvDialect
from airflow_provider_segment.events.sources.source import MAX_ITEM_BYTES, Overlong
from airflow_provider_segment.events.sources.tables import RAW_CHARACTERS, MalformedRow
from airflow_provider_segment.events.sources.text import DAMAGED, is_damaged, visible
from airflow_provider_segment.values import shown_text


class CsvLines:
    """Reads text that comes in pieces of whole lines.

    :param dialect: how it is written
    :param delimiter: if the dialect has none
    """

    def __init__(self, dialect: CsvDialect, encoding: str, delimiter: str = COMMA) -> None:
        self._options: dict[str, Any] = {
            "delimiter": dialect.delimiter or delimiter,
            "quotechar": dialect.quotechar,
            "escapechar": dialect.escapechar,
            "quoting": csv.QUOTE_MINIMAL if dialect.quotechar else csv.QUOTE_NONE,
            "strict": True,  # otherwise `"a "b" c"` becomes another text
        }
        self._encoding = encoding
        self._columns: tuple[str, ...] = ()
        self._width = 0
        self._carried: list[str] = []  # the lines of a row that goes on
        self._line = 1
        self._odd = False
        if csv.field_size_limit() < MAX_ITEM_BYTES:
            # For the whole process, but nobody relies on an error for what is larger.
            csv.field_size_limit(MAX_ITEM_BYTES)

    def header(self, text: str | Overlong) -> list[str] | None:
        """The first row that is not blank; None if all lines are blank. The rest of the text is kept.

        :raises csv.Error: it cannot be read
        """
        if isinstance(text, Overlong):
            raise csv.Error(f"it has {text.size:,} characters")
        lines = _split(text)
        reader = csv.reader(lines, **self._options)
        row = next(filter(None, reader), None)
        self._carried = lines[reader.line_num :]
        self._line += reader.line_num
        return row

    def expect(self, columns: tuple[str, ...]) -> None:
        """Say which columns the rows have."""
        self._columns = columns
        self._width = len(columns)

    def rows(self, text: str | Overlong, *, last: bool) -> tuple[list[Any], Sequence[int]]:
        """The rows of the next lines, and the line in which each begins.

        :param last: whether no more lines come
        """
        if isinstance(text, Overlong):
            items, starts = self.rows("", last=True)  # what went on until here cannot go on
            fault = f"a line of {text.size:,} characters: is it CSV?"
            self._line += 1
            return [*items, MalformedRow(fault, text.start.decode())], [*starts, self._line - 1]
        lines = self._carried + _split(text)
        self._carried = []
        first = self._line
        damaged = is_damaged("".join(lines))
        if not self._odd and not damaged and (rows := self._one_a_line(lines)) is not None:
            self._line += len(lines)
            return rows, range(first, self._line)
        return self._row_by_row(lines, last, damaged)

    def _one_a_line(self, lines: list[str]) -> list[Any] | None:
        """The rows, if each line is one."""
        try:
            rows = list(csv.reader(lines, **self._options))
        except csv.Error:
            return None
        if len(rows) != len(lines) or set(map(len, rows)) - {self._width}:
            return None
        return [tuple(row) if "" not in row else _with_nulls(row) for row in rows]

    def _row_by_row(self, lines: list[str], last: bool, damaged: bool) -> tuple[list[Any], Sequence[int]]:
        items: list[Any] = []
        starts: list[int] = []
        begin = 0
        while begin < len(lines):
            for row, end, goes_on in self._read(lines, begin):
                if goes_on and not last and sum(map(len, lines[begin:])) < MAX_ITEM_BYTES:
                    self._carried, lines = lines[begin:], lines[:begin]
                    break
                fault = self._fault_of(row, damaged)
                if fault and end - begin > 1 and self._are_rows(lines[begin + 1 : end]):
                    # Not what belongs to it, but what a quote that does not close swallowed.
                    items.append(
                        _malformed("a quote is missing: other rows follow before it closes", lines[begin])
                    )
                    starts.append(self._line + begin)
                    begin += 1
                    break
                if fault:
                    over = f", over {end - begin} lines: is a quote missing?" if end - begin > 1 else ""
                    items.append(_malformed(fault + over, *lines[begin:end]))
                elif row and not isinstance(row, csv.Error):
                    items.append(tuple(row) if "" not in row else _with_nulls(row))
                if fault or row:
                    starts.append(self._line + begin)
                begin = end
        # If nothing was odd, the next lines are read at once again.
        self._odd = len(items) != len(lines) and not last
        self._line += len(lines)
        return items, starts

    def _read(self, lines: list[str], begin: int) -> Iterator[tuple[list[str] | csv.Error, int, bool]]:
        """Each row or fault, the line behind it, and whether it goes on behind the last one."""
        ended = False

        def feed() -> Iterator[str]:
            nonlocal ended
            yield from islice(lines, begin, None)
            ended = True

        reader = csv.reader(feed(), **self._options)
        while True:
            row: list[str] | csv.Error
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                row = error
            yield row, begin + reader.line_num, ended

    def _fault_of(self, row: list[str] | csv.Error, damaged: bool) -> str | None:
        if isinstance(row, csv.Error):
            return str(row)
        if row and len(row) != self._width:
            return f"{_number(len(row), 'value')} for {_number(self._width, 'column')}"
        if damaged:
            for column, value in zip(self._columns, row, strict=False):
                if DAMAGED.search(value):
                    value = shown_text(visible(value))
                    return f"{column}: {value} is not {self._encoding}: give the encoding if it is another"
        return None

    def _are_rows(self, lines: list[str]) -> bool:
        """Whether lines are rows by themselves. Those of a text hardly have as many values each."""
        wrong = sum(not self._is_row(line) for line in lines)
        return self._width > 1 and wrong <= len(lines) // 10

    def _is_row(self, line: str) -> bool:
        try:
            return [len(row) for row in csv.reader([line], **self._options)] == [self._width]
        except csv.Error:
            return False


def _split(text: str) -> list[str]:
    return list(StringIO(text, newline=""))  # not splitlines(): it also splits at form feeds


def _with_nulls(row: list[str]) -> tuple[str | None, ...]:
    return tuple([value or None for value in row])


def _malformed(fault: str, *lines: str) -> MalformedRow:
    return MalformedRow(fault, visible("".join(lines)[:RAW_CHARACTERS]).rstrip("\r\n"))


def _number(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"
