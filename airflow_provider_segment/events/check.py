"""Segment's rules for an event, checked before it is sent, because Segment answers 200 and drops it.

The rules are the structs below: msgspec checks a line against them without building the parts that only pass
through. A line that fits goes to Segment byte for byte, with what it lacks (message id, defaults) added
before its last brace. A line that does not fit is repaired where its meaning is beyond doubt (a number as an
id, an empty id, a null, a ``sentAt`` of its own) and otherwise refused with a reason.

Sources: Segment's HTTP API reference and Spec.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from hashlib import blake2b
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from xxhash import xxh3_128_hexdigest

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentEventError
from airflow_provider_segment.events.limits import MAX_EVENT_BYTES, MAX_MESSAGE_ID_CHARACTERS

Reason = Literal[
    "not_json",
    "not_an_object",
    "unknown_type",
    "missing_id",
    "missing_field",
    "invalid_field",
    "invalid_message_id",
    "invalid_timestamp",
    "too_large",
    "refused",
]
"""Why an event was rejected; ``refused`` is Segment's own 400 or 413 for this very event."""

ID_FIELDS = ("userId", "anonymousId", "groupId", "previousId", "messageId")

NonEmpty = Annotated[str, Meta(min_length=1)]
MessageId = Annotated[str, Meta(min_length=1, max_length=MAX_MESSAGE_ID_CHARACTERS)]
Timestamp = Annotated[datetime, Meta(tz=True)]


class AnyObject(Struct, gc=False):
    """A JSON object whose content is checked to be JSON, and not built."""


class Event(Struct, rename="camel", tag_field="type", kw_only=True, gc=False):
    """What all types have in common."""

    anonymous_id: NonEmpty | UnsetType = UNSET
    message_id: MessageId | UnsetType = UNSET
    timestamp: Timestamp | UnsetType = UNSET
    properties: AnyObject | UnsetType = UNSET
    traits: AnyObject | UnsetType = UNSET
    context: AnyObject | UnsetType = UNSET
    integrations: AnyObject | UnsetType = UNSET
    # Segment shifts an event by the age of its sentAt, so that a replayed one would move it in time.
    sent_at: UnsetType = UNSET


class UserEvent(Event, kw_only=True, gc=False):
    """What all types but alias have in common: the user may be anonymous."""

    user_id: NonEmpty | UnsetType = UNSET


class Track(UserEvent, tag="track", kw_only=True, gc=False):
    """A user did something."""

    event: NonEmpty


class Identify(UserEvent, tag="identify", kw_only=True, gc=False):
    """Who a user is."""


class Page(UserEvent, tag="page", kw_only=True, gc=False):
    """A user saw a page."""


class Screen(UserEvent, tag="screen", kw_only=True, gc=False):
    """A user saw a screen of an app."""


class Group(UserEvent, tag="group", kw_only=True, gc=False):
    """A user belongs to a group."""

    group_id: NonEmpty


class Alias(Event, tag="alias", kw_only=True, gc=False):
    """A user has another id, too."""

    user_id: NonEmpty
    previous_id: NonEmpty


_decode: Callable[[bytes], UserEvent | Alias] = msgspec.json.Decoder(
    Track | Identify | Page | Screen | Group | Alias
).decode
_decode_freely = msgspec.json.Decoder().decode


def _encode_unknown(value: Any) -> Any:
    if isinstance(value, date):  # a subclass: pendulum's DateTime, which is what Airflow hands out
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} is not JSON")


_encode = msgspec.json.Encoder(enc_hook=_encode_unknown).encode
# The same dict in another order of its keys is the same event, and must get the same id.
_encode_sorted = msgspec.json.Encoder(enc_hook=_encode_unknown, order="deterministic").encode


class Checker:
    """Turns what came in into what is sent: one event as JSON bytes, checked, with an id and the defaults.

    :param write_key: of the source that the events go to. Message ids are derived from it, too, because
        Segment's deduplication does not keep sources apart.
    :param message_id_fields: names (dotted: ``properties.order_id``) of the fields that a missing
        ``messageId`` is derived from, beside the type and the event's name; by default the whole line
    :param context: default ``context``; an event's own keys win
    :param integrations: default ``integrations``; an event's own keys win
    :param timestamp: default ``timestamp``, ISO 8601 with zone
    """

    def __init__(
        self,
        write_key: str,
        *,
        message_id_fields: Sequence[str] | None = None,
        context: Mapping[str, Any] | None = None,
        integrations: Mapping[str, Any] | None = None,
        timestamp: str | None = None,
    ) -> None:
        # A one-way hash, so that no id betrays the key; the fast one below is not made for that.
        self._seed = int.from_bytes(blake2b(write_key.encode(), digest_size=8).digest(), "big")
        self._id_fields = [name.split(".") for name in message_id_fields or ()]
        self._objects: dict[str, dict[str, Any]] = {}
        if context:
            self._objects["context"] = dict(context)
        if integrations:
            self._objects["integrations"] = dict(integrations)
        self._object_members = {name: _member(name, value) for name, value in self._objects.items()}
        self._timestamp_member = b""
        if timestamp:
            try:
                moment = msgspec.convert(_iso(timestamp), Timestamp)
            except msgspec.ValidationError as error:
                raise SegmentConfigurationError(
                    f"timestamp {timestamp!r} is not ISO 8601 with a zone: {error}"
                ) from None
            self._timestamp_member = _member("timestamp", moment.isoformat())
        self._has_defaults = bool(self._objects or self._timestamp_member)

    def prepare(self, item: bytes | str | Mapping[str, Any]) -> bytes:
        """The event as it is sent.

        :param item: a JSON text without surrounding white space, or a dict
        :raises SegmentEventError: Segment would refuse or drop it
        """
        line = item if type(item) is bytes else _to_bytes(item)
        try:
            if not line.isascii():
                line.decode()
            event = _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            line = _repair(line)
            event = _decode_repaired(line)
        if event.user_id is UNSET and event.anonymous_id is UNSET:
            raise SegmentEventError("missing_id", "neither userId nor anonymousId")
        digest = b""
        if event.message_id is UNSET:
            identity = self._identity(line) if self._id_fields else line
            digest = xxh3_128_hexdigest(identity, self._seed).encode()
        defaults = b""
        if self._has_defaults:
            line, defaults = self._with_defaults(line, event)
        if digest:
            line = b"".join((line[:-1], b',"messageId":"airflow-', digest, b'"', defaults, b"}"))
        elif defaults:
            line = b"".join((line[:-1], defaults, b"}"))
        if len(line) > MAX_EVENT_BYTES:
            raise SegmentEventError("too_large", f"{len(line):,} bytes; Segment takes {MAX_EVENT_BYTES:,}")
        return line

    def _with_defaults(self, line: bytes, event: UserEvent | Alias) -> tuple[bytes, bytes]:
        """The event merged with the defaults of what it has, and as bytes the defaults that it lacks."""
        lacking = self._timestamp_member if event.timestamp is UNSET else b""
        whole: Any = None
        for name, default in self._objects.items():
            if getattr(event, name) is UNSET:
                lacking += self._object_members[name]
            else:
                whole = whole or _decode_whole(line)
                whole[name] = {**default, **whole[name]}
        return _encode(whole) if whole else line, lacking

    def _identity(self, line: bytes) -> bytes:
        event = _decode_whole(line)
        values: list[Any] = [event["type"], event.get("event")]
        for path in self._id_fields:
            value: Any = event
            for name in path:
                value = value.get(name) if isinstance(value, dict) else None
            if value is None:
                raise SegmentEventError("missing_field", f"no {'.'.join(path)} to derive a messageId from")
            values.append(value)
        return _encode_sorted(values)


def _member(name: str, value: Any) -> bytes:
    return b',"%b":%b' % (name.encode(), _encode(value))


def _to_bytes(item: Any) -> bytes:
    if isinstance(item, str):
        return item.encode("utf-8", "surrogatepass").strip()
    try:
        with suppress(TypeError):  # keys that are not text have no order
            return _encode_sorted(item)
        return _encode(item)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise SegmentEventError("not_json", f"cannot be written as JSON: {error}") from None


def _decode_whole(line: bytes) -> Any:
    try:
        return _decode_freely(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SegmentEventError("not_json", str(error)) from None


def _repair(line: bytes) -> bytes:
    """The line as an object without what has only one meaning but the wrong form."""
    event = _decode_whole(line)
    if not isinstance(event, dict):
        raise SegmentEventError("not_an_object", f"an event is a JSON object, not {line[:40]!r}")
    if isinstance(event.get("event"), dict) and "type" not in event:
        event = event["event"]  # a dead letter, corrected and sent again
    event = {name: value for name, value in event.items() if value is not None and name != "sentAt"}
    for name in ID_FIELDS:
        value = event.get(name)
        if value == "":
            del event[name]
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            event[name] = str(value)
    if isinstance(event.get("timestamp"), str):
        event["timestamp"] = _iso(event["timestamp"])
    return _encode(event)


def _iso(text: str) -> str:
    """Any ISO 8601 form in one that the rules know; other text as it is."""
    with suppress(msgspec.ValidationError):
        msgspec.convert(text, Timestamp)
        return text
    try:
        return datetime.fromisoformat(text.strip().replace("Z", "+00:00")).isoformat()
    except ValueError:
        return text


def _decode_repaired(line: bytes) -> UserEvent | Alias:
    try:
        return _decode(line)
    except msgspec.ValidationError as error:
        raise SegmentEventError(_reason_of(str(error)), str(error)) from None


def _reason_of(complaint: str) -> Reason:
    if missing := re.search(r"missing required field `(\w+)`", complaint):
        return "unknown_type" if missing[1] == "type" else _MISSING.get(missing[1], "missing_field")
    where = re.search(r"at `\$\.(\w+)", complaint)
    return _INVALID.get(where[1], "invalid_field") if where else "invalid_field"


_MISSING: dict[str, Reason] = {"userId": "missing_id"}
_INVALID: dict[str, Reason] = {
    "type": "unknown_type",
    "messageId": "invalid_message_id",
    "timestamp": "invalid_timestamp",
}
