"""Message ids for events that come without one.

Segment drops an event whose id it has seen within about 24 hours. So an id derived from the event, or from
the task instance that sends it, makes it harmless to send the event again. Such an id is also derived from
the write key, because Segment's deduplication does not distinguish sources.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec
from xxhash import xxh3_128_hexdigest

from airflow_provider_segment.errors import SegmentEventError
from airflow_provider_segment.events.codec import decode, encode
from airflow_provider_segment.events.mapping.cells import key_text
from airflow_provider_segment.values import Moment, ValueRejected, timestamp_text

PREFIX = "airflow-"


def random_id() -> str:
    """An id for an event that counts as new each time it is sent."""
    return str(uuid.uuid4())


def id_from_parts(write_key: str, parts: Sequence[Any]) -> str:
    """An id derived from Python values, such as the ids of a task instance."""
    digest = blake2b(repr(tuple(parts)).encode(), key=write_key.encode()[:64], digest_size=16)
    return PREFIX + digest.hexdigest()


IDENTITY = ("type", "event", "userId", "anonymousId", "groupId")
"""The fields that an id from keys follows, too: what an event is, and whom it is about."""


class IdOfEvent:
    """Derives the ids of events from their keys.

    An id also follows the event's place among those of its row and its ``IDENTITY``: two events of one row
    have the same keys, but different ids.
    """

    def __init__(self, write_key: str) -> None:
        self._digest = _digest(write_key)

    def __call__(self, place: int, event: Mapping[str, Any], keys: Sequence[str]) -> str:
        """The id of an event.

        :param place: among those of its row
        :param keys: the texts of its keys
        :raises ValueRejected: a text cannot be written
        """
        get = event.get
        identity = (
            place,
            get("type"),
            get("event"),
            get("userId"),
            get("anonymousId"),
            get("groupId"),
            *keys,
        )
        try:
            return PREFIX + self._digest(encode(identity))
        except UnicodeEncodeError:
            raise ValueRejected(
                "a text that the messageId follows has half of an emoji (a surrogate)"
            ) from None

    def of_json(self, identity: bytes) -> str:
        """The same, of the JSON array of the place, the ``IDENTITY`` and the keys."""
        return PREFIX + self._digest(identity)


def add_content_id(write_key: str) -> Callable[[bytes], bytes]:
    """A function that adds to an event, as JSON, an id derived from all of it."""
    seed, head, tail = _seed(write_key), b',"messageId":"' + PREFIX.encode(), b'"}'
    # All in one step: this is called for each of millions of events.
    return lambda line: b"".join((line[:-1], head, xxh3_128_hexdigest(line, seed).encode(), tail))


def ids_from_fields(write_key: str, fields: Sequence[str]) -> Callable[[bytes], str]:
    """A function from an event, as JSON, to its id.

    :param fields: names (dotted: ``properties.order_id``) of the fields that the id is derived from, as keys
        (see :class:`IdOfEvent`). The function raises SegmentEventError for an event that lacks one, or has
        something else there than a key
    """
    paths = [name.split(".") for name in fields]
    id_of_event = IdOfEvent(write_key)

    def from_fields(line: bytes) -> str:
        event = decode(line)
        return id_of_event(0, event, [_key(event, path) for path in paths])

    return from_fields


def _digest(write_key: str) -> Callable[[bytes], str]:
    seed = _seed(write_key)
    return lambda content: xxh3_128_hexdigest(content, seed)


def _seed(write_key: str) -> int:
    # A one-way hash, so that no id reveals the key; the fast hash is not cryptographic.
    return int.from_bytes(blake2b(write_key.encode(), digest_size=8).digest(), "big")


def _key(event: Any, path: list[str]) -> str:
    name, value = ".".join(path), event
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    if value is None or value == "":
        raise SegmentEventError("missing_field", f"no {name} to derive a messageId from")
    try:
        if path == ["timestamp"] and (moment := timestamp_text(value)):
            value = msgspec.convert(moment, Moment)
        return key_text(value)
    except ValueRejected as error:
        raise SegmentEventError("invalid_field", f"{name}: {error}") from None
