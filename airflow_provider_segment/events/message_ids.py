"""Message ids for events that come without one.

Segment drops an event whose id it has seen within about 24 hours. So an id derived from the event, or from
the task instance that sends it, makes it harmless to send the event again. Such an id is also derived from
the write key, because Segment's deduplication does not distinguish sources.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import timezone
from hashlib import blake2b
from typing import Any

import msgspec
from xxhash import xxh3_128_hexdigest

from airflow_provider_segment.errors import SegmentEventError
from airflow_provider_segment.events.codec import decode, encode
from airflow_provider_segment.values import Moment, ValueRejected, id_text, timestamp_text

PREFIX = "airflow-"


def random_id() -> str:
    """An id for an event that counts as new each time it is sent."""
    return str(uuid.uuid4())


def id_from_parts(write_key: str, parts: Sequence[Any]) -> str:
    """An id derived from Python values, such as the ids of a task instance."""
    digest = blake2b(repr(tuple(parts)).encode(), key=write_key.encode()[:64], digest_size=16)
    return PREFIX + digest.hexdigest()


def ids_from_content(write_key: str, fields: Sequence[str] | None = None) -> Callable[[bytes], bytes]:
    """A function from an event, as JSON, to its id.

    :param fields: names (dotted: ``properties.order_id``) of the fields that the id is derived from, besides
        the type and the event's name; by default the whole line. The function raises SegmentEventError for
        an event that lacks one, or has something else there than an id
    """
    # A one-way hash, so that no id reveals the key; the fast hash below is not cryptographic.
    seed = int.from_bytes(blake2b(write_key.encode(), digest_size=8).digest(), "big")
    prefix = PREFIX.encode()

    def from_line(line: bytes) -> bytes:
        return prefix + xxh3_128_hexdigest(line, seed).encode()

    if not fields:
        return from_line
    paths = [name.split(".") for name in fields]
    return lambda line: from_line(_values(line, paths))


def _values(line: bytes, paths: list[list[str]]) -> bytes:
    event = decode(line)
    values: list[Any] = [event["type"], event.get("event")]
    for path in paths:
        name = ".".join(path)
        try:
            value = _text(_value(event, path), is_timestamp=path == ["timestamp"])
        except ValueRejected as error:
            raise SegmentEventError(
                "invalid_field", f"{name}: {error}, so no messageId can be derived from it"
            ) from None
        if value is None:
            raise SegmentEventError("missing_field", f"no {name} to derive a messageId from")
        values.append(value)
    return encode(values)


def _value(event: Any, path: list[str]) -> Any:
    for name in path:
        event = event.get(name) if isinstance(event, dict) else None
    return event


def _text(value: Any, *, is_timestamp: bool) -> str | None:
    """A value of an event in one form, however the event is written: 7, 7.0 and "7" are the same."""
    if is_timestamp and (moment := timestamp_text(value)):
        return msgspec.convert(moment, Moment).astimezone(timezone.utc).isoformat()
    return id_text(value)
