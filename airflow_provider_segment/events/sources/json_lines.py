"""JSON Lines: one event per line."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

from airflow_provider_segment.events.sources.json_objects import whole_objects_at_start
from airflow_provider_segment.events.sources.source import MAX_ITEM_BYTES, Overlong


class LineMarks:
    """Where lines are, as far as it is remembered: a mark for each block of text."""

    def __init__(self) -> None:
        self._continued: list[int] = []
        self._ends = array("Q")
        self._numbers = array("Q")

    def goes_on(self, number: int) -> None:
        """The item of this number goes on with the line of the one before."""
        self._continued.append(number)

    def add(self, number: int, end: int) -> None:
        """The item of this number ends a line, and the next one begins at this offset."""
        self._ends.append(end)  # first: another thread may look for it
        self._numbers.append(number)

    def line_of(self, number: int) -> int:
        """The line of an item, both from 1."""
        return number - bisect_right(self._continued, number)

    def end_of(self, number: int) -> int:
        """An offset before which there are no lines but those of the items up to this number, the last that
        is remembered."""
        index = bisect_right(self._numbers, number) - 1
        return self._ends[index] if index >= 0 else 0


def split_lines(blocks: Iterable[bytes], marks: LineMarks | None = None) -> Iterator[list[Any]]:
    """The lines of a text, without surrounding whitespace, including blank ones.

    Of a line that is longer than ``MAX_ITEM_BYTES`` only the beginning is kept, as an :class:`.Overlong`.
    One that is so long because it holds several objects comes in pieces, each of whole objects.

    :param blocks: none of them longer than ``MAX_ITEM_BYTES``
    :param marks: get where the lines are
    """
    marks = marks or LineMarks()
    rest = b""
    overlong: Overlong | None = None
    count = read = 0
    for block in blocks:
        read += len(block)
        lines: list[Any] = (rest + block).split(b"\n")
        rest = lines.pop()
        items: list[Any] = []
        if overlong:
            if not lines:
                overlong, rest = overlong.with_more(len(rest)), b""
                continue
            items, overlong = [overlong.with_more(len(lines.pop(0)))], None
        elif lines and len(lines[0]) > MAX_ITEM_BYTES and not whole_objects_at_start(lines[0]):
            items = [Overlong.of(lines.pop(0))]
        if items or lines:
            marks.add(count + len(items) + len(lines), read - len(rest))
        if len(rest) > MAX_ITEM_BYTES:
            if piece := whole_objects_at_start(rest):
                lines.append(rest[:piece])
                rest = rest[piece:]
                marks.goes_on(count + len(items) + len(lines) + 1)
            if len(rest) > MAX_ITEM_BYTES:
                overlong, rest = Overlong.of(rest), b""
        items += [line.strip() for line in lines]
        count += len(items)
        yield items
    if overlong or rest:
        marks.add(count + 1, read)
        yield [overlong or rest.strip()]
