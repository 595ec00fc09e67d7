"""JSON Lines: one event per line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from airflow_provider_segment.events.sources.json_objects import whole_objects_at_start
from airflow_provider_segment.events.sources.source import MAX_ITEM_BYTES, Overlong


def split_lines(blocks: Iterable[bytes], continued: list[int] | None = None) -> Iterator[list[Any]]:
    """The lines of a text, without surrounding whitespace, including blank ones.

    Of a line that is longer than ``MAX_ITEM_BYTES`` only the beginning is kept, as an :class:`.Overlong`.
    One that is so long because it holds several objects comes in pieces, each of whole objects.

    :param continued: gets the numbers of the items that go on with the line of the one before, from 1
    """
    rest = b""
    overlong: Overlong | None = None
    count = 0
    for block in blocks:
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        items: list[Any] = []
        if overlong:
            if not lines:
                overlong, rest = overlong.with_more(len(rest)), b""
                continue
            items, overlong = [overlong.with_more(len(lines.pop(0)))], None
        if len(rest) > MAX_ITEM_BYTES:
            if piece := whole_objects_at_start(rest):
                lines.append(rest[:piece])
                rest = rest[piece:]
                if continued is not None:
                    continued.append(count + len(items) + len(lines) + 1)
            if len(rest) > MAX_ITEM_BYTES:
                overlong, rest = Overlong.of(rest), b""
        items += [line.strip() for line in lines]
        count += len(items)
        yield items
    if overlong:
        yield [overlong]
    elif rest:
        yield [rest.strip()]
