"""What the sandbox received, counted and described for the operations that report it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from airflow_provider_segment.sandbox.state import State, StoredEvent

MINUTE, DAY = 60, 86_400
RECENT = 10_000  # events that are read whole, where properties are asked for


class Event(msgspec.Struct, rename="camel"):
    """The parts of an event that are counted by."""

    type: Any = None
    event: Any = None
    name: Any = None
    user_id: Any = None
    anonymous_id: Any = None
    context: Any = None


decode_event = msgspec.json.Decoder(Event).decode


class Kind(NamedTuple):
    """What events are counted apart by."""

    source_id: str | None
    minute: int  # when it was received, in seconds since 1970
    event_type: str
    event_name: str | None
    app_version: str | None
    reason: str | None  # why it was dropped


class Person(NamedTuple):
    """One user or visitor, on one day."""

    source_id: str | None
    day: int
    user_id: str | None
    anonymous_id: str | None


class Ledger:
    """Counts of all events. It reads each event once, and only when somebody asks: sending stays as fast."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.read = {"accepted": 0, "dropped": 0}
        self.counts: Counter[Kind] = Counter()
        self.people: set[Person] = set()

    def catch_up(self) -> Ledger:
        for name in self.read:
            events: list[StoredEvent] = getattr(self.state, name)
            for stored in events[self.read[name] :]:
                self.count(stored)
            self.read[name] = len(events)
        return self

    def count(self, stored: StoredEvent) -> None:
        try:
            event = decode_event(stored.raw) if stored.raw else Event()
        except msgspec.ValidationError:
            event = Event()
        delivery = stored.delivery
        minute = int(delivery.received_at // MINUTE) * MINUTE
        type = str(delivery.type or event.type or "unknown")
        name = event.event if type == "track" else event.name
        self.counts[
            Kind(delivery.source_id, minute, type, text(name), app_version(event), stored.reason)
        ] += 1
        if stored.reason is None:
            day = minute // DAY * DAY
            self.people.add(Person(delivery.source_id, day, text(event.user_id), text(event.anonymous_id)))

    def minutes(self, source_id: str) -> Counter[int]:
        """How many events were accepted from a source in which minute."""
        found: Counter[int] = Counter()
        for kind, count in self.catch_up().counts.items():
            if kind.source_id == source_id and kind.reason is None:
                found[kind.minute] += count
        return found


def text(value: Any) -> str | None:
    return None if value is None else str(value)


def app_version(event: Event) -> str | None:
    app = event.context.get("app") if isinstance(event.context, dict) else None
    return text(app.get("version")) if isinstance(app, dict) else None


def recent(state: State, source_id: str | None = None) -> Iterator[dict[str, Any]]:
    """The last accepted events, of one source or of all, the newest first."""
    for stored in reversed(state.accepted[-RECENT:]):
        if source_id in (None, stored.delivery.source_id):
            yield stored.as_event()


TABLES = {
    "track": "tracks",
    "identify": "identifies",
    "page": "pages",
    "screen": "screens",
    "group": "groups",
}


def collections_of(state: State, source_id: str) -> dict[str, list[str]]:
    """The tables of a warehouse that a source's events fill, and their columns."""
    tables: dict[str, dict[str, None]] = {}
    for event in recent(state, source_id):
        names = [TABLES.get(event["type"], "aliases")]
        if event["type"] == "track":
            names.append(str(event.get("event")).lower().replace(" ", "_"))
        columns: dict[str, None] = dict.fromkeys(
            [*(event.get("properties") or {}), *(event.get("traits") or {})]
        )
        for name in names:
            tables.setdefault(name, {}).update(columns)
    return {name: list(columns) for name, columns in sorted(tables.items())}


def sample(values: Any) -> str:
    return values if isinstance(values, str) else json.dumps(values)
