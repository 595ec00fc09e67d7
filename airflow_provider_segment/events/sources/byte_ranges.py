"""Ranges of bytes of a text, made ranges of whole lines: a line belongs to that in which its first byte lies.

So whatever the bytes are at which a text is cut, each line is in exactly one of the ranges.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO

BLOCK_BYTES = 1 << 20


def first_line(raw: IO[bytes], start: int) -> int:
    """The offset of the first line that begins at a byte or behind it; that of the end if there is none.

    :param raw: can seek
    """
    if start == 0:
        return 0
    at = raw.seek(start - 1)
    while block := raw.read(BLOCK_BYTES):
        if (found := block.find(b"\n")) >= 0:
            return at + found + 1
        at += len(block)
    return at


def lines_between(raw: IO[bytes], start: int, end: int | None) -> tuple[int, Iterator[bytes]]:
    """The offset of the first line of a range, and its lines in blocks of any bytes.

    :param end: of the range, from the beginning of the text; None for the end of the text
    :raises ValueError: the text is shorter
    """
    size = raw.seek(0, os.SEEK_END)
    if size < (start if end is None else end):
        raise ValueError(f"it has {size:,} bytes, and should have at least {end or start:,}: it was changed")
    begin = first_line(raw, start)
    return begin, _blocks(raw, begin, end)


def _blocks(raw: IO[bytes], begin: int, end: int | None) -> Iterator[bytes]:
    if end is not None and begin >= end:
        return
    at = raw.seek(begin)
    while block := raw.read(BLOCK_BYTES):
        behind = at + len(block)
        # The last line goes on to the first line break that is not before the last byte of the range.
        if end is not None and behind >= end and (found := block.find(b"\n", max(0, end - 1 - at)) + 1):
            yield block[:found]
            return
        yield block
        at = behind
