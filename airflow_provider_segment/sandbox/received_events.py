"""Counts and tables of the received events, for the operations that report them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from airflow_provider_segment.sandbox.kept import Kept
from airflow_provider_segment.sandbox.stored_events import StoredEvent

MINUTE, DAY = 60, 86_400
RECENT = 10_000  # events that are parsed in full for questions about properties


class CountedFields(msgspec.Struct, rename="camel"):
    """The fields of an event that its count depends on."""

    type: Any = None
    event: Any = None
    name: Any = None
    user_id: Any = None
    anonymous_id: Any = None
    context: Any = None


decode_event = msgspec.json.Decoder(CountedFields).decode


class CountKey(NamedTuple):
    """Events that agree in all of this are counted together."""

    source_id: str | None
    minute: int  # of receipt, in seconds since 1970
    event_type: str
    event_name: str | None
    app_version: str | None
    reason: str | None  # why it was dropped


class Person(NamedTuple):
    """A user or visitor who was active on a day."""

    source_id: str | None
    day: int
    user_id: str | None
    anonymous_id: str | None


class EventCounts:
    """Counts of all events. Each event is parsed once, and only when a count is needed: receiving stays fast.

    :param accepted: the accepted events; the list may grow
    :param dropped: the same for dropped ones
    """

    def __init__(self, accepted: Kept[StoredEvent], dropped: Kept[StoredEvent]) -> None:
        self._lists = [accepted, dropped]
        self._counted = [0, 0]
        self.by_key: Counter[CountKey] = Counter()
        self.people: set[Person] = set()

    def catch_up(self) -> EventCounts:
        """Count the events that came since the last time."""
        for n, events in enumerate(self._lists):
            for stored in events.since(self._counted[n]):
                self._count(stored)
            self._counted[n] = events.total
        return self

    def _count(self, stored: StoredEvent) -> None:
        try:
            event = decode_event(stored.raw) if stored.raw else CountedFields()
        except msgspec.ValidationError:
            event = CountedFields()
        delivery = stored.delivery
        minute = int(delivery.received_at // MINUTE) * MINUTE
        type = str(delivery.type or event.type or "unknown")
        name = event.event if type == "track" else event.name
        key = CountKey(delivery.source_id, minute, type, text(name), app_version(event), stored.reason)
        self.by_key[key] += 1
        if stored.reason is None:
            day = minute // DAY * DAY
            self.people.add(Person(delivery.source_id, day, text(event.user_id), text(event.anonymous_id)))

    def minutes(self, source_id: str) -> Counter[int]:
        """The number of events accepted from a source in each minute (seconds since 1970)."""
        found: Counter[int] = Counter()
        for key, count in self.catch_up().by_key.items():
            if key.source_id == source_id and key.reason is None:
                found[key.minute] += count
        return found


def text(value: Any) -> str | None:
    return None if value is None else str(value)


def app_version(event: CountedFields) -> str | None:
    app = event.context.get("app") if isinstance(event.context, dict) else None
    return text(app.get("version")) if isinstance(app, dict) else None


def recent(accepted: list[StoredEvent], source_id: str | None = None) -> Iterator[dict[str, Any]]:
    """The most recent of the accepted events, of one source or of all, newest first."""
    for stored in reversed(accepted[-RECENT:]):
        if source_id in (None, stored.delivery.source_id):
            yield stored.as_event()


TABLE_NAMES = {
    "track": "tracks",
    "identify": "identifies",
    "page": "pages",
    "screen": "screens",
    "group": "groups",
}


def tables_of(accepted: list[StoredEvent], source_id: str) -> dict[str, list[str]]:
    """The warehouse tables that a source's events are loaded into, and their columns."""
    tables: dict[str, dict[str, None]] = {}
    for event in recent(accepted, source_id):
        names = [TABLE_NAMES.get(event["type"], "aliases")]
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
