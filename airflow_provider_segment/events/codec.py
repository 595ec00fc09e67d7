"""Decodes and encodes events as JSON."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec

from airflow_provider_segment.errors import SegmentEventError
from airflow_provider_segment.events.limits import MAX_EVENT_BYTES
from airflow_provider_segment.events.sources.source import Overlong
from airflow_provider_segment.values import (
    ValueRejected,
    is_plain,
    json_event,
    shown_text,
)

Unreadable = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises if a line is not JSON."""
Unwritable = (TypeError, ValueError, RecursionError, msgspec.MsgspecError)
"""What encoding raises if a value cannot be written as JSON."""

_decode = msgspec.json.Decoder().decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

encode = msgspec.json.Encoder().encode
# A dict with its keys in another order is the same event, and must get the same id.
encode_sorted = msgspec.json.Encoder(order="deterministic").encode

_MENDABLE = (b"NaN", b"Infinity", b"\\ud", b"\\uD")
"""What is in a line that other JSON libraries write and read, but that is not JSON."""


def decode(line: bytes | msgspec.Raw) -> Any:
    """The content of a line.

    :raises SegmentEventError: it is not JSON
    """
    try:
        return _decode(line)
    except Unreadable as error:
        raise SegmentEventError("not_json", str(error)) from None


def decode_members(line: bytes) -> dict[str, msgspec.Raw]:
    """The members of the object in a line, their values as they are written there.

    NaN and infinity, which ``json.dumps`` writes, become null, and halves of surrogate pairs U+FFFD.

    :raises SegmentEventError: it is not JSON, or not an object
    :raises ValueRejected: an id has half of a surrogate pair
    """
    try:
        line.decode()
        return _decode_members(line)
    except msgspec.ValidationError:
        raise SegmentEventError(
            "not_an_object", f"an event is a JSON object, not {shown_text(line.decode()[:40])}"
        ) from None
    except Unreadable as error:
        if any(mark in line for mark in _MENDABLE):
            with suppress(json.JSONDecodeError, UnicodeDecodeError, RecursionError):
                return decode_members(compact(line))
        raise SegmentEventError("not_json", str(error)) from None


def compact(line: bytes) -> bytes:
    """The same JSON without spaces and without escapes that UTF-8 does not need; its numbers stay as written.

    :raises ValueError, RecursionError: it is not JSON
    """
    return encode(json_event(_loads(line.decode())))


def _loads(text: str) -> Any:
    return json.loads(text, parse_constant=lambda _: None, parse_float=_as_written, parse_int=_as_written)


def _as_written(number: str) -> msgspec.Raw:
    return msgspec.Raw(number.encode())


def to_bytes(item: Any) -> bytes:
    """An event that was not read as bytes, as bytes.

    :raises SegmentEventError: it cannot be written as JSON
    :raises ValueRejected: the same, because of a value in it
    """
    if isinstance(item, str):
        return item.encode(errors="backslashreplace").strip()  # halves of surrogate pairs as JSON escapes
    if isinstance(item, SegmentEventError):
        raise item
    if isinstance(item, Overlong):
        raise SegmentEventError("too_large", f"{item.size:,} bytes; the limit is {MAX_EVENT_BYTES:,}")
    try:
        if type(item) is dict and is_plain(item):
            with suppress(UnicodeEncodeError):  # it has half of a surrogate pair
                return encode_sorted(item)
        return encode_sorted(json_event(item))
    except ValueRejected:
        raise
    except Unwritable as error:
        raise SegmentEventError("not_json", f"cannot be written as JSON: {error}") from None
