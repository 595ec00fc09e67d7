"""What the sandbox remembers. All of it is in memory; `State.reset` forgets it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgspec

from airflow_provider_segment.sandbox.clock import MovableClock
from airflow_provider_segment.sandbox.constants import Region
from airflow_provider_segment.sandbox.enforced_limits import EnforcedLimits, RateLimit
from airflow_provider_segment.sandbox.faults import Faults
from airflow_provider_segment.sandbox.kept import Kept
from airflow_provider_segment.sandbox.oauth import OAuth
from airflow_provider_segment.sandbox.protocols import Judge, Plans
from airflow_provider_segment.sandbox.received_events import EventCounts
from airflow_provider_segment.sandbox.received_profiles import ReceivedProfiles
from airflow_provider_segment.sandbox.scripts import Scripts
from airflow_provider_segment.sandbox.stored_events import StoredEvent
from airflow_provider_segment.sandbox.totals import Totals

Item = dict[str, Any]
Collections = dict[str, dict[str, Item]]  # collection path -> id -> item

BATCH_PATHS = ("/v1/batch", "/v1/import", "/v1/b")
DEDUPLICATION_WINDOW = 24 * 60 * 60  # seconds

EVENT_BYTES, REQUEST_BYTES = 300, 800
"""What Python needs for an event, besides its body, and for the record of a request (measured)."""


class RequestRecord(msgspec.Struct, kw_only=True, rename="camel"):
    """One request as the sandbox saw it, without secrets."""

    api: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    bytes: int  # of the body, as it came over the wire
    received_at: str
    request_id: str
    status: int | None = None  # None: the connection was reset
    fault: str | None = None
    events: int = 0
    sent_at: Any = None
    token: int | None = None  # the number of the OAuth token that it carried, or was granted


class State:
    """Everything one sandbox knows.

    :param new_workspace: makes the collections of a new workspace, at the start and at each reset
    :param rate_limits: whether the limits that Segment publishes for single operations are enforced
    :param keep_mb: megabytes of events and requests that are kept; None keeps all
    """

    def __init__(
        self,
        region: Region,
        new_workspace: Callable[[], Collections],
        *,
        rate_limits: bool = False,
        keep_mb: int | None = None,
    ) -> None:
        self.region: Region = region
        self.new_workspace = new_workspace
        self.rate_limits = rate_limits
        self.keep_mb = keep_mb
        self._lock = threading.Lock()  # a test asks in its own thread, the page in the server's
        self.faults = Faults()
        self.reset()

    def reset(self) -> None:
        """Forget all events, requests, resources, OAuth apps, faults and limits; unfreeze the clock.

        The fixed credentials stay.
        """
        self.clock = MovableClock()
        self.faults.clear()
        self.rate_limit: RateLimit | None = None
        self.published_limits = EnforcedLimits() if self.rate_limits else None
        self.accepted: Kept[StoredEvent] = Kept()
        self.dropped: Kept[StoredEvent] = Kept()
        self.requests: Kept[RequestRecord] = Kept()
        self.event_bytes = 0
        self.totals = Totals()
        self.seen: dict[str, float] = {}  # messageId -> when it was first received, by any source
        self.suppressed: set[str] = set()  # user ids
        self.profiles: dict[tuple[str, str, str], dict[str, Any]] = {}  # by space, collection, external id
        self.received_profiles = ReceivedProfiles(self.accepted)
        self.collections = self.new_workspace()
        self.oauth = OAuth(self.region)
        self.plans = Plans()
        self.computing: dict[str, Any] = {}  # id of an audience, trait or preview -> start and script
        self.scripts = Scripts(self.clock.now)
        self.counts = EventCounts(self.accepted, self.dropped)

    def is_duplicate(self, message_id: str, now: float) -> bool:
        """Whether this id was received within the window; if not, it is remembered."""
        seen_at = self.seen.get(message_id)
        if seen_at is not None and now - seen_at < DEDUPLICATION_WINDOW:
            return True
        self.seen[message_id] = now
        return False

    def source_of(self, write_key: str) -> str | None:
        """The id of the source that this write key belongs to."""
        sources = self.collections["/sources"].values()
        return next((source["id"] for source in sources if write_key in source["writeKeys"]), None)

    def enforce_oauth(self, source: str, enforced: bool = True) -> None:
        """Have a source, given by its id or a write key, take OAuth tokens only, or no longer.

        :raises ValueError: there is no such source
        """
        id = source if source in self.collections["/sources"] else self.source_of(source)
        if id is None:
            raise ValueError("no source has this id or write key")
        (self.oauth.enforced.add if enforced else self.oauth.enforced.discard)(id)

    def judge_of(self, source_id: str | None) -> Judge | None:
        """Who judges the events of a source by its tracking plan; None if it has none."""
        return self.plans.judge_of(source_id, self.collections) if source_id else None

    def limits_of(self, operation: str) -> list[RateLimit]:
        """The rate limits in force for an operation of the Public API."""
        own = self.published_limits.of(operation) if self.published_limits else None
        return [limit for limit in (self.rate_limit, own) if limit]

    def take(self, events: list[StoredEvent]) -> None:
        """Keep the events of a request, accepted and dropped."""
        for stored in events:
            (self.dropped if stored.reason else self.accepted).append(stored)
        if self.keep_mb is not None:
            self.event_bytes += size(events)

    def make_room(self) -> None:
        """Forget the oldest, a tenth at a time, if there is more than is kept.

        All of it was counted before, and duplicates of it are still found for a day.
        """
        if self.keep_mb is None or self.is_within(self.keep_mb):
            return
        self.catch_up()
        self.counts.catch_up()
        with self._lock:
            while not self.is_within(self.keep_mb) and self.requests:
                for events in (self.accepted, self.dropped):
                    gone = events.forget(len(events) // 10 + 1)
                    self.event_bytes -= size(gone)
                    rejected = sum(stored.reason not in (None, "duplicate") for stored in gone)
                    self.totals.rejected.forget(rejected)
                self.requests.forget(len(self.requests) // 10 + 1)
        day = self.clock.now() - DEDUPLICATION_WINDOW
        self.seen = {id: seen_at for id, seen_at in self.seen.items() if seen_at > day}

    def is_within(self, megabytes: int) -> bool:
        return self.event_bytes + len(self.requests) * REQUEST_BYTES <= megabytes * 1_000_000

    def catch_up(self) -> None:
        """Bring the totals up to date."""
        with self._lock:
            self.totals.catch_up(self.dropped, self.requests, BATCH_PATHS)

    def summary(self) -> dict[str, Any]:
        """Counts: accepted, duplicates, dropped by reason, requests, batches, and bytes of all requests."""
        self.catch_up()
        return {
            "accepted": self.accepted.total,
            "duplicates": self.totals.dropped["duplicate"],
            "dropped": {reason: count for reason, count in self.totals.dropped.items() if count},
            "requests": self.requests.total,
            "batches": self.totals.batches,
            "bytes": self.totals.bytes,
        }


def size(events: list[StoredEvent]) -> int:
    return sum(len(stored.raw) + EVENT_BYTES for stored in events)
