"""JSON objects in any arrangement but one per line: in an array, one after the other, or over several lines.

Commas, brackets, white space and the record separator of JSON text sequences may stand between objects. An
object that is not JSON becomes an item of its own, as does anything else between two objects, so that they
are rejected, and only they.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from airflow_provider_segment.events.codec import Unreadable
from airflow_provider_segment.events.sources.source import MAX_ITEM_BYTES, Overlong

MAX_BOUNDARIES = 1_000
"""How far the end of a damaged object is looked for: the number of objects that may begin behind it."""

_BETWEEN = re.compile(rb"[\s,\[\]\x1e]*")
_BOUNDARY = re.compile(rb"[}\]][\s,\[\]\x1e]*\{")
_OTHER = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[^\s,\[\]\x1e{"]+', re.DOTALL)
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["{}\[\]]', re.DOTALL)
_REST_OF_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


class _Object(msgspec.Struct, gc=False):
    """A JSON object whose content is checked to be JSON, but not built."""


class _Event(msgspec.Struct, gc=False):
    type: str


_decode_object = msgspec.json.Decoder(_Object).decode
_decode_event = msgspec.json.Decoder(_Event).decode


def is_object(text: bytes, decode: Callable[[bytes], Any] = _decode_object) -> bool:
    """Whether it is one JSON object."""
    try:
        decode(text)
    except Unreadable:
        return False
    return True


def split_objects(blocks: Iterable[bytes]) -> Iterator[list[Any]]:
    """The objects of a text, as they stand in it.

    Of an object that is longer than ``MAX_ITEM_BYTES`` only the beginning is kept, as an :class:`.Overlong`.
    """
    rest = b""
    overlong: Overlong | None = None
    nesting = Nesting()
    for block in blocks:
        if overlong:
            end = nesting.end(block)
            overlong = overlong.with_more(len(block) if end is None else end)
            if end is None:
                continue
            yield [overlong]
            overlong, block = None, block[end:]
        text = rest + block
        items, used = _split(text)
        rest = text[used:]
        if len(rest) > MAX_ITEM_BYTES:
            overlong, rest, nesting = Overlong.of(rest), b"", Nesting()
            nesting.end(text, used)
        yield items
    if overlong:
        yield [overlong]
    elif rest:
        items, used = _split(rest, last=True)
        yield items


def end_of_object(text: bytes, start: int = 0) -> int | None:
    """Where the object that begins at ``start`` ends; None if it does not."""
    return Nesting().end(text, start)


class Nesting:
    """How deep in objects, arrays and strings a text is that comes block by block."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def end(self, text: bytes, start: int = 0) -> int | None:
        """Where the outermost object ends in this block; None if it does not."""
        if self._in_string:
            closed = _REST_OF_STRING.match(text, start + self._escaped)
            if not closed:
                self._leave_in_string(text, start + self._escaped)
                return None
            start = closed.end()
        self._in_string = False
        for token in _TOKEN.finditer(text, start):
            kind = token[0]
            if kind in b"{[":
                self._depth += 1
            elif kind in b"}]":
                self._depth -= 1
                if self._depth <= 0:
                    return token.end()
            elif kind == b'"':  # it does not end here
                self._leave_in_string(text, token.end())
                return None
        return None

    def _leave_in_string(self, text: bytes, start: int) -> None:
        string = text[start:]
        self._in_string = True
        self._escaped = (len(string) - len(string.rstrip(b"\\"))) % 2 == 1


def _split(text: bytes, *, last: bool = False) -> tuple[list[bytes], int]:
    """The items of a text, and how much of it they take; an unfinished one only at the last."""
    items: list[bytes] = []
    start = 0
    while True:
        start = _end(_BETWEEN.match(text, start))
        if start == len(text):
            return items, start
        end = _end_of_item(text, start, last=last)
        if end is None:
            return items, start
        items.append(text[start:end])
        start = end


def _end_of_item(text: bytes, start: int, *, last: bool) -> int | None:
    if text[start : start + 1] != b"{":
        other = _OTHER.match(text, start)
        if other and (last or other.end() < len(text)):
            return other.end()
        return len(text) if last else None
    boundary = _BOUNDARY.search(text, start)
    if boundary and is_object(text[start : boundary.start() + 1]):
        return boundary.start() + 1
    end = end_of_object(text, start)
    if end and text[end - 1 : end] == b"}":
        return end
    if end is None and not last and len(text) - start <= MAX_ITEM_BYTES:
        return None
    return _end_of_damage(text, start) or (len(text) if last else None)


def _end_of_damage(text: bytes, start: int) -> int | None:
    """Where an object that lacks a brace or a quote ends: before the next whole event."""
    for boundary in islice(_BOUNDARY.finditer(text, start), MAX_BOUNDARIES):
        following = boundary.end() - 1
        end = end_of_object(text, following)
        if end and is_object(text[following:end], _decode_event):
            return boundary.start() + 1
    return None


def _end(match: re.Match[bytes] | None) -> int:
    assert match is not None
    return match.end()
