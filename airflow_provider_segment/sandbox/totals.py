"""Totals of all that was received, with what is forgotten: cheap to ask for, and cheap to keep up to date."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from airflow_provider_segment.sandbox.kept import Kept
from airflow_provider_segment.sandbox.stored_events import Delivery, StoredEvent, text_of

NAMES = 2_000
"""So many names are counted one by one: a sender that puts an id into each name must not fill the memory."""

OTHER_NAMES = "(other names)"
SPANS = 4_000
"""So many spans of time are counted; then two at a time become one."""


class Named(NamedTuple):
    """What events are counted by."""

    type: str
    name: str
    outcome: str


class Totals:
    """The counts of what a sandbox received since its last reset."""

    def __init__(self) -> None:
        self.by_name: Counter[Named] = Counter()
        self.dropped: Counter[str | None] = Counter()  # by reason
        self.rejected: Kept[StoredEvent] = Kept()  # the dropped ones that are no duplicates
        self.batches = 0
        self.bytes = 0
        self._span = 1  # seconds
        self._by_span: Counter[tuple[int, bool]] = Counter()  # by time, and whether they were accepted
        self._events = self._requests = 0

    def add(self, delivery: Delivery, events: list[tuple[Any, Any, str | None]]) -> None:
        """Count the events of a request, when they are received: later they would have to be parsed again.

        :param events: type and name, which may be anything, and why it was dropped
        """
        try:
            counts = Counter(events)
        except TypeError:  # a list cannot be counted
            counts = Counter((text_of(type), text_of(name), reason) for type, name, reason in events)
        for (type, name, reason), count in counts.items():
            named = Named(text_of(delivery.type or type), text_of(name), reason or "accepted")
            if named not in self.by_name and len(self.by_name) >= NAMES:
                named = named._replace(name=OTHER_NAMES)
            self.by_name[named] += count
            self._by_span[int(delivery.received_at) // self._span, reason is None] += count
        while len(self._by_span) > 2 * SPANS:
            self._span *= 2
            merged: Counter[tuple[int, bool]] = Counter()
            for (start, accepted), count in self._by_span.items():
                merged[start // 2, accepted] += count
            self._by_span = merged

    def times(self) -> Iterable[tuple[float, bool, int]]:
        """When events came (the middle of a span), whether they were accepted, and how many."""
        for (start, accepted), count in self._by_span.items():
            yield (start + 0.5) * self._span, accepted, count

    def catch_up(self, dropped: Kept[StoredEvent], requests: Kept[Any], batch_paths: Iterable[str]) -> None:
        """Count what was added to these lists since the last time."""
        new = dropped.since(self._events)
        self._events += len(new)
        self.dropped.update(stored.reason for stored in new)
        self.rejected.extend(stored for stored in new if stored.reason != "duplicate")
        records = requests.since(self._requests)
        self._requests += len(records)
        self.batches += sum(record.path in batch_paths for record in records)
        self.bytes += sum(record.bytes for record in records)
