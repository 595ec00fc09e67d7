"""What the sandbox remembers. All of it is in memory; `State.reset` forgets it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from airflow_provider_segment.sandbox.clock import MovableClock
from airflow_provider_segment.sandbox.constants import Region
from airflow_provider_segment.sandbox.enforced_limits import EnforcedLimits, RateLimit
from airflow_provider_segment.sandbox.faults import Faults
from airflow_provider_segment.sandbox.oauth import OAuth
from airflow_provider_segment.sandbox.protocols import Judge, Plans
from airflow_provider_segment.sandbox.received_events import EventCounts
from airflow_provider_segment.sandbox.received_profiles import ReceivedProfiles
from airflow_provider_segment.sandbox.scripts import Scripts
from airflow_provider_segment.sandbox.stored_events import StoredEvent

Item = dict[str, Any]
Collections = dict[str, dict[str, Item]]  # collection path -> id -> item

BATCH_PATHS = ("/v1/batch", "/v1/import", "/v1/b")
DEDUPLICATION_WINDOW = 24 * 60 * 60  # seconds


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
    """

    def __init__(
        self, region: Region, new_workspace: Callable[[], Collections], *, rate_limits: bool = False
    ) -> None:
        self.region: Region = region
        self.new_workspace = new_workspace
        self.rate_limits = rate_limits
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
        self.accepted: list[StoredEvent] = []
        self.dropped: list[StoredEvent] = []
        self.requests: list[RequestRecord] = []
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

    def summary(self) -> dict[str, Any]:
        """Counts: accepted, duplicates, dropped by reason, requests, batches, and bytes of all requests."""
        dropped = Counter(event.reason for event in self.dropped)
        return {
            "accepted": len(self.accepted),
            "duplicates": dropped["duplicate"],
            "dropped": dict(dropped),
            "requests": len(self.requests),
            "batches": sum(record.path in BATCH_PATHS for record in self.requests),
            "bytes": sum(record.bytes for record in self.requests),
        }
