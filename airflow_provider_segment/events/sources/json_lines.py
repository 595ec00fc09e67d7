"""JSON Lines: one event per line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from airflow_provider_segment.events.sources.source import MAX_ITEM_BYTES, Overlong


def split_lines(blocks: Iterable[bytes]) -> Iterator[list[Any]]:
    """The lines of a text, without surrounding whitespace, including blank ones.

    Of a line that is longer than ``MAX_ITEM_BYTES`` only the beginning is kept, as an :class:`.Overlong`.
    """
    rest = b""
    overlong: Overlong | None = None
    for block in blocks:
        lines: list[Any] = (rest + block).split(b"\n")
        rest = lines.pop()
        if overlong:
            if not lines:
                overlong, rest = overlong.with_more(len(rest)), b""
                continue
            lines[0], overlong = overlong.with_more(len(lines[0])), None
        if len(rest) > MAX_ITEM_BYTES:
            overlong, rest = Overlong.of(rest), b""
        yield [line.strip() if type(line) is bytes else line for line in lines]
    if overlong:
        yield [overlong]
    elif rest:
        yield [rest.strip()]
