"""Decodes and encodes events as JSON."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import Any

import msgspec

from airflow_provider_segment.errors import SegmentEventError
from airflow_provider_segment.events.limits import MAX_EVENT_BYTES
from airflow_provider_segment.events.sources.source import Overlong

Unreadable = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises if a line is not JSON."""
Unwritable = (TypeError, ValueError, RecursionError, msgspec.MsgspecError)
"""What encoding raises if a value cannot be written as JSON."""

_decode = msgspec.json.Decoder().decode


def _encode_unknown(value: Any) -> Any:
    if isinstance(value, date):  # a subclass: pendulum's DateTime, which Airflow passes
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} is not JSON")


encode = msgspec.json.Encoder(enc_hook=_encode_unknown).encode
# A dict with its keys in another order is the same event, and must get the same id.
encode_sorted = msgspec.json.Encoder(enc_hook=_encode_unknown, order="deterministic").encode


def decode(line: bytes) -> Any:
    """The content of a line.

    :raises SegmentEventError: it is not JSON
    """
    try:
        return _decode(line)
    except Unreadable as error:
        raise SegmentEventError("not_json", str(error)) from None


def to_bytes(item: Any) -> bytes:
    """An event that was not read as bytes, as bytes.

    :raises SegmentEventError: it cannot be written as JSON
    """
    if isinstance(item, str):
        return item.encode("utf-8", "surrogatepass").strip()
    if isinstance(item, Overlong):
        raise SegmentEventError("too_large", f"{item.size:,} bytes; the limit is {MAX_EVENT_BYTES:,}")
    try:
        with suppress(TypeError):  # keys of mixed types cannot be sorted
            return encode_sorted(item)
        return encode(item)
    except Unwritable as error:
        raise SegmentEventError("not_json", f"cannot be written as JSON: {error}") from None
