"""Segment's rules for events, checked before sending, because Segment answers 200 to events that it drops.

The rules are the structs below: msgspec checks a line against them without building the parts that are only
passed through. A valid line is sent byte for byte, with what it lacks (message id, defaults) added before its
last brace. An invalid line is repaired if its meaning is unambiguous (a number as an id, an empty id, a null,
a ``sentAt``) and otherwise rejected with a reason.

Sources: Segment's HTTP API reference and Spec.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentEventError
from airflow_provider_segment.events.codec import (
    Unreadable,
    compact,
    decode,
    decode_members,
    encode,
    to_bytes,
)
from airflow_provider_segment.events.duplicates import MessageIds
from airflow_provider_segment.events.event_names import EventNames
from airflow_provider_segment.events.integrations import restrict
from airflow_provider_segment.events.limits import MAX_EVENT_BYTES, MAX_MESSAGE_ID_CHARACTERS
from airflow_provider_segment.events.message_ids import add_content_id, ids_from_fields
from airflow_provider_segment.values import (
    ID_FIELDS,
    Moment,
    ValueRejected,
    id_text,
    json_value,
    shown,
    shown_text,
    timestamp_text,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from airflow_provider_segment.events.options import SendOptions

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
    "malformed_row",
    "invalid_value",
    "mapping_failed",
    "same_message_id",
    "tracking_plan",
]
"""Why an event was rejected; ``refused``: Segment answered 400 or 413 to this event alone; ``malformed_row``:
the row of a table cannot be read; ``invalid_value``: a value of the row cannot become what the mapping says;
``mapping_failed``: the function that maps rows raised an error; ``same_message_id``: an event of the same row
has its id; ``tracking_plan``: it violates the tracking plan."""

Check = Callable[[bytes], None]
"""Raises SegmentEventError for an event to be rejected, and another error to end the run before it."""

NonEmpty = Annotated[str, Meta(min_length=1)]
MessageId = Annotated[str, Meta(min_length=1, max_length=MAX_MESSAGE_ID_CHARACTERS)]


OfType = tuple[str]
"""What an event is counted as that has no name: its type."""


class AnyObject(Struct, gc=False):
    """A JSON object whose content is checked to be JSON, but not built."""


class CommonRules(Struct, rename="camel", tag_field="type", kw_only=True, gc=False):
    """What all types have in common."""

    anonymous_id: NonEmpty | UnsetType = UNSET
    message_id: MessageId | UnsetType = UNSET
    timestamp: Moment | UnsetType = UNSET
    properties: AnyObject | UnsetType = UNSET
    traits: AnyObject | UnsetType = UNSET
    context: AnyObject | UnsetType = UNSET
    integrations: AnyObject | UnsetType = UNSET
    # Segment shifts an event's time by the age of its sentAt: a replayed sentAt would falsify it.
    sent_at: UnsetType = UNSET


class UserRules(CommonRules, kw_only=True, gc=False):
    """What all types but alias have in common: the user may be anonymous."""

    user_id: NonEmpty | UnsetType = UNSET


class Track(UserRules, tag="track", kw_only=True, gc=False):
    """A user did something."""

    event: NonEmpty


class Identify(UserRules, tag="identify", kw_only=True, gc=False):
    """Who a user is."""

    event: ClassVar[OfType] = ("identify",)


class Page(UserRules, tag="page", kw_only=True, gc=False):
    """A user saw a page."""

    event: ClassVar[OfType] = ("page",)


class Screen(UserRules, tag="screen", kw_only=True, gc=False):
    """A user saw a screen of an app."""

    event: ClassVar[OfType] = ("screen",)


class Group(UserRules, tag="group", kw_only=True, gc=False):
    """A user belongs to a group."""

    event: ClassVar[OfType] = ("group",)

    group_id: NonEmpty


class Alias(CommonRules, tag="alias", kw_only=True, gc=False):
    """A user has another id, too."""

    event: ClassVar[OfType] = ("alias",)

    user_id: NonEmpty
    previous_id: NonEmpty


AnyRules = Track | Identify | Page | Screen | Group | Alias

_decode: Callable[[bytes], AnyRules] = msgspec.json.Decoder(AnyRules).decode


class Checker:
    """Turns an input item into what is sent: an event as JSON bytes, checked, with message id and defaults.

    :param write_key: of the source that the events go to. Message ids are also derived from it, because
        Segment's deduplication does not distinguish sources.
    :param checks: each is asked about each event that is valid otherwise
    :param options: those of a bulk send
    """

    def __init__(
        self, write_key: str, *, checks: Sequence[Check] = (), **options: Unpack[SendOptions]
    ) -> None:
        self._checks = checks
        fields = options.get("message_id_fields")
        self._add_content_id = add_content_id(write_key)
        self._derive_id = ids_from_fields(write_key, fields) if fields else None
        self._objects: dict[str, dict[str, Any]] = {}
        if context := options.get("context"):
            self._objects["context"] = json_value(context)
        if integrations := options.get("integrations"):
            self._objects["integrations"] = json_value(integrations)
        self._object_members = {name: _member(name, value) for name, value in self._objects.items()}
        self._timestamp_member = b""
        if timestamp := options.get("timestamp"):
            self._timestamp_member = _member("timestamp", read_timestamp(timestamp).isoformat())
        self._has_defaults = bool(self._objects or self._timestamp_member)
        self.own_ids = MessageIds()
        """The message ids that valid events brought, or got from named fields."""
        self._note_id = self.own_ids.add
        self.names = EventNames()
        """What the valid events are."""
        self._names = self.names.new

    def prepare(self, item: bytes | str | Mapping[str, Any]) -> bytes:
        """The event as it is sent.

        :param item: a JSON text without surrounding whitespace, or a dict
        :raises SegmentEventError: Segment would refuse or drop it
        """
        line = item if type(item) is bytes else _as_reject(to_bytes, item)
        try:
            if not line.isascii():
                line.decode()
            event = _decode(line)
        except Unreadable:
            line = _as_reject(_repair, line)
            event = _decode_repaired(line)
        if event.user_id is UNSET and event.anonymous_id is UNSET:
            raise SegmentEventError("missing_id", "neither userId nor anonymousId")
        own_id = event.message_id
        if own_id is UNSET:
            if self._derive_id is None:
                line = self._add_content_id(line)
            else:
                own_id = self._derive_id(line)
                line = b"".join((line[:-1], _member("messageId", own_id), b"}"))
        if self._has_defaults:
            line = self._with_defaults(line, event)
        if len(line) > MAX_EVENT_BYTES:
            line = _compacted(line)
        for check in self._checks:
            check(line)
        if own_id is not UNSET:
            self._note_id(own_id)
        self._names[event.event] += 1
        return line

    def fold(self) -> None:
        """Reduce what is kept of each event to what counts."""
        self.own_ids.fold()
        self.names.fold()

    def _with_defaults(self, line: bytes, event: AnyRules) -> bytes:
        """The event with the defaults for what it lacks, and its objects merged with theirs."""
        lacking = self._timestamp_member if event.timestamp is UNSET else b""
        whole: Any = None
        for name, default in self._objects.items():
            if getattr(event, name) is UNSET:
                lacking += self._object_members[name]
            else:
                whole = whole or decode(line)
                merge = restrict if name == "integrations" else _own_keys_win
                whole[name] = merge(default, whole[name])
        if whole:
            line = encode(whole)
        return b"".join((line[:-1], lacking, b"}")) if lacking else line


def _own_keys_win(default: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    return {**default, **own}


def _member(name: str, value: Any) -> bytes:
    return b',"%b":%b' % (name.encode(), encode(value))


def _compacted(line: bytes) -> bytes:
    """A line that is over the limit, if only by spaces and by escapes such as ``\\u00e9``, without them."""
    line = compact(line)
    if len(line) > MAX_EVENT_BYTES:
        raise SegmentEventError("too_large", f"{len(line):,} bytes; the limit is {MAX_EVENT_BYTES:,}")
    return line


def _as_reject(make: Callable[[Any], bytes], item: Any) -> bytes:
    """What a function makes of an item; a value that it rejects rejects the event."""
    try:
        return make(item)
    except ValueRejected as error:
        name = error.path[0] if len(error.path) == 1 else None
        reason = _INVALID.get(name, "invalid_field") if name in _FORMS else "not_json"
        raise SegmentEventError(reason, str(error)) from None


def _repair(line: bytes) -> bytes:
    """The line with its unambiguous errors corrected, and the other values as they are written in it."""
    members = decode_members(line)
    if "type" not in members and bytes(members.get("event", b"")).startswith(b"{"):
        members = decode_members(bytes(members["event"]))  # a dead letter, corrected and sent again
    event: dict[str, Any] = {}
    for name, written in members.items():
        if name == "sentAt" or bytes(written) == b"null":
            continue
        if name in _FORMS:
            text = _in_form(name, written)
            if text is not None:
                event[name] = text
        else:
            event[name] = written
    return encode(event)


def _in_form(name: str, written: msgspec.Raw) -> str | None:
    try:
        value = decode(written)
    except SegmentEventError:
        raise ValueRejected(f"{shown_text(bytes(written).decode())} cannot be read", name) from None
    try:
        return _FORMS[name](value)
    except ValueRejected as error:
        raise ValueRejected(error.complaint, name) from None


_FORMS: dict[str, Callable[[Any], str | None]] = {
    **dict.fromkeys(ID_FIELDS, id_text),
    "timestamp": timestamp_text,
}


def read_timestamp(value: str | datetime) -> datetime:
    """A default timestamp.

    :raises SegmentConfigurationError: it is not a time with a zone
    """
    try:
        text = timestamp_text(json_value(value))
    except ValueRejected as error:
        raise SegmentConfigurationError(f"timestamp: {error}") from None
    if text is None:
        raise SegmentConfigurationError("timestamp: it is no time")
    return msgspec.convert(text, Moment)


def _decode_repaired(line: bytes) -> AnyRules:
    try:
        return _decode(line)
    except msgspec.ValidationError as error:
        complaint = str(error)
        if where := _PLACE.search(complaint):
            complaint += f": {shown(decode(line)[where[1]])}"
        raise SegmentEventError(_reason_of(str(error)), complaint) from None


_PLACE = re.compile(r"at `\$\.(\w+)")


def _reason_of(complaint: str) -> Reason:
    if missing := re.search(r"missing required field `(\w+)`", complaint):
        return "unknown_type" if missing[1] == "type" else _MISSING.get(missing[1], "missing_field")
    where = _PLACE.search(complaint)
    return _INVALID.get(where[1], "invalid_field") if where else "invalid_field"


_MISSING: dict[str, Reason] = {"userId": "missing_id"}
_INVALID: dict[str, Reason] = {
    "type": "unknown_type",
    "messageId": "invalid_message_id",
    "timestamp": "invalid_timestamp",
}
