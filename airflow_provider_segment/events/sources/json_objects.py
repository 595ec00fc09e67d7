"""JSON objects in any arrangement but one per line: in an array, one after the other, or over several lines.

Commas, brackets, white space and the record separator of JSON text sequences may stand between objects. An
object that is not JSON becomes an item of its own, as does anything else between two objects, so that they
are rejected, and only they.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Any

import msgspec

from airflow_provider_segment.errors import SegmentEventError
from airflow_provider_segment.events.codec import Unreadable
from airflow_provider_segment.events.sources.source import MAX_ITEM_BYTES, Overlong

MAX_BOUNDARIES = 100
"""How far the end of a damaged object is looked for: the number of objects that may begin behind it."""

SPACE = b" \t\r\n,\x1e"
_BETWEEN = re.compile(rb"[\s,\[\]\x1e]*")
_BETWEEN_OBJECTS = re.compile(rb"[\s,\[\]\x1e]*(?:\{|\Z)")
_BOUNDARY = re.compile(rb"[}\]][\s,\[\]\x1e]*\{")
_OTHER = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[^\s,\[\]\x1e{"]+', re.DOTALL)
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["{}\[\]]', re.DOTALL)
_REST_OF_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_WHERE = re.compile(r"(trailing characters )?\(byte (\d+)\)$")
"""The end of what msgspec says of a text that begins with an object, or is malformed."""


class _Object(msgspec.Struct, gc=False):
    """A JSON object whose content is checked to be JSON, but not built."""


class _Event(msgspec.Struct, gc=False):
    type: str


_decode_object: Callable[[Any], Any] = msgspec.json.Decoder(_Object).decode
_decode_event: Callable[[Any], Any] = msgspec.json.Decoder(_Event).decode


def is_object(text: bytes) -> bool:
    """Whether it is one JSON object."""
    try:
        _decode_object(text)
    except Unreadable:
        return False
    return True


def items_of(text: bytes) -> list[bytes]:
    """The items of a text that may go on."""
    return _split(text)[0]


def whole_objects_at_start(text: bytes) -> int:
    """The length of the objects that an unfinished line begins with; 0 if it does not hold several."""
    items, used, _ = _split(text)
    return used if len(items) > 1 else 0


def objects_in(line: bytes) -> list[bytes]:
    """The objects of a line, if it holds several, or an array of them; otherwise none."""
    items, _, _ = _split(line, last=True)
    whole = sum(map(is_object, items))
    return items if items != [line] and (whole == len(items) or whole > 1) else []


def objects_instead(item: Any, error: SegmentEventError) -> list[bytes]:
    """The objects of a line that holds several, although it should be one; otherwise none.

    :param error: what is wrong with it as one
    """
    if type(item) is not bytes or error.reason not in ("not_json", "not_an_object"):
        return []
    return objects_in(item)


def split_objects(blocks: Iterable[bytes]) -> Iterator[list[Any]]:
    """The objects of a text, as they stand in it.

    Of an object that is longer than ``MAX_ITEM_BYTES`` only the beginning is kept, as an :class:`.Overlong`.

    :raises ValueError: it ends within an object or an array; all that it has was yielded before
    """
    rest = b""
    overlong: Overlong | None = None
    nesting = Nesting()
    arrays = 0
    for block in blocks:
        if overlong:
            end = nesting.end(block)
            overlong = overlong.with_more(len(block) if end is None else end)
            if end is None:
                continue
            yield [overlong]
            overlong, block = None, block[end:]
        text = rest + block
        items, used, opened = _split(text)
        arrays = max(0, arrays + opened)
        rest = text[used:]
        if len(rest) > MAX_ITEM_BYTES:
            overlong, rest, nesting = Overlong.of(rest), b"", Nesting()
            nesting.end(text, used)
        yield items
    unfinished = overlong is not None
    if overlong:
        yield [overlong]
    elif rest:
        unfinished = rest.startswith(b"{")
        items, _, opened = _split(rest, last=True)
        arrays = max(0, arrays + opened)
        yield items
    if unfinished or arrays:
        what = "an object" if unfinished else "an array"
        raise ValueError(f"it ends within {what}: it was cut off, or a bracket is missing")


class Nesting:
    """How deep in objects, arrays and strings a text is that comes block by block."""

    def __init__(self) -> None:
        self.broken = False
        """Whether it ended because brackets do not match."""
        self._open = bytearray()
        self._in_string = False
        self._escaped = False

    def end(self, text: bytes, start: int = 0) -> int | None:
        """Where the outermost object ends in this block, or a bracket does not match; None if it goes on."""
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
                self._open += kind
            elif kind in b"}]":
                # The code of a closing bracket is that of its opening one plus two.
                if not self._open or self._open.pop() != kind[0] - 2:
                    self.broken = True
                    # A square one may be that of the array around the object.
                    return token.start() if kind == b"]" else token.end()
                if not self._open:
                    return token.end()
            elif kind == b'"':  # it does not end here
                self._leave_in_string(text, token.end())
                return None
        return None

    def _leave_in_string(self, text: bytes, start: int) -> None:
        string = text[start:]
        self._in_string = True
        self._escaped = (len(string) - len(string.rstrip(b"\\"))) % 2 == 1


def _split(text: bytes, *, last: bool = False) -> tuple[list[bytes], int, int]:
    """The items of a text, how much of it they take, and how many more arrays it opens around them than it
    closes; an unfinished item only at the last."""
    items: list[bytes] = []
    start = arrays = 0
    view = memoryview(text)
    while True:
        between = _BETWEEN.match(text, start)
        assert between is not None
        if between.end() - start > 1 or between[0] in (b"[", b"]"):
            arrays += between[0].count(b"[") - between[0].count(b"]")
        start = between.end()
        if start == len(text):
            return items, start, arrays
        end = _end_of_item(text, view, start, last=last)
        if end is None:
            return items, start, arrays
        items.append(text[start:end])
        start = end


def _end_of_item(text: bytes, view: memoryview, start: int, *, last: bool) -> int | None:
    """Where an item ends; None if it is unfinished, and this is not the last of the text."""
    if text[start : start + 1] != b"{":
        other = _OTHER.match(text, start)
        if other and (last or other.end() < len(text)):
            return other.end()
        return len(text) if last else None
    whole, where = _read(view[start:])
    if whole:
        return start + len(text[start : start + where].rstrip(SPACE))
    fault = start + where if 0 < where < len(text) - start else None  # a number may go on behind the text
    end = _end_of_invalid(text, view, start, fault, last=last)
    return end or (len(text) if last else None)


def _end_of_invalid(
    text: bytes, view: memoryview, start: int, fault: int | None, *, last: bool
) -> int | None:
    """Where an object ends that ceases to be JSON at ``fault``, or goes on; None if that cannot be told."""
    if fault and (end := _end_before_next(text, view, start, fault)):
        return end
    nesting = Nesting()
    end = nesting.end(text, start)
    if fault and text[fault] < ord(" "):
        # A line break in a string: is a quote missing before?
        next_one = _end_of_damage(text, view, start + len(text[start:fault].rstrip(SPACE)) - 1)
        if next_one and (end is None or next_one < end):
            return next_one
    if end is None:
        if not fault or not (last or len(text) - start > MAX_ITEM_BYTES):
            return None
        return _end_of_damage(text, view, fault)
    if nesting.broken and not _BETWEEN_OBJECTS.match(text, end):
        return _end_of_damage(text, view, end) or end
    return end


def _read(text: memoryview, decode: Callable[[Any], Any] = _decode_object) -> tuple[bool, int]:
    """Whether a text begins with a whole object, and where this ends or ceases to be JSON; 0 if nowhere."""
    try:
        decode(text)
    except Unreadable as error:
        where = _WHERE.search(str(error))
        if where and where[1]:
            return True, int(where[2]) - _trailing_offset()
        return False, int(where[2]) if where else 0
    return True, len(text)


@cache
def _trailing_offset() -> int:
    """How far behind an object the place is that msgspec names if something follows."""
    try:
        _decode_object(b"{}{}")
    except Unreadable as error:
        if where := _WHERE.search(str(error)):
            return int(where[2]) - len(b"{}")
    return 0


def _end_before_next(text: bytes, view: memoryview, start: int, fault: int) -> int | None:
    """Where an object ends in which another one begins, because it lacks a brace or a quote."""
    before = text[start:fault]
    if before.endswith(b'"'):
        # A quote is missing: this one is the first of the next object, but closed a string of this one.
        before = before[:-1].rstrip(SPACE)
        ended = before.endswith(b"{") and before[:-1].rstrip(SPACE).endswith((b"}", b"]"))
        before = before[:-1]
    else:
        ended = text[fault : fault + 1] == b"{" and (
            before.rstrip(SPACE).endswith((b"}", b"]")) or _read(view[fault:], _decode_event)[0]
        )
    return start + len(before.rstrip(SPACE)) if ended else None


def _end_of_damage(text: bytes, view: memoryview, fault: int) -> int | None:
    """Where an object that lacks a bracket or a quote ends: before the next whole event."""
    for boundary in islice(_BOUNDARY.finditer(text, fault), MAX_BOUNDARIES):
        if _read(view[boundary.end() - 1 :], _decode_event)[0]:
            return boundary.start() + 1
    return None
