"""What the sandbox remembers. All of it is in memory; `State.reset` forgets it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import msgspec

from airflow_provider_segment.sandbox.clock import Clock, iso, seconds
from airflow_provider_segment.sandbox.faults import Faults
from airflow_provider_segment.sandbox.published_limits import PublishedLimits
from airflow_provider_segment.sandbox.rate_limit import RateLimit
from airflow_provider_segment.sandbox.received import Ledger
from airflow_provider_segment.sandbox.resources import Collections, seed
from airflow_provider_segment.sandbox.resources.spaces import SPACE
from airflow_provider_segment.sandbox.scripts import Scripts

# Fixed, so that a connection stays valid when the sandbox starts again.
TOKEN = "sandbox-public-api-token"
PROFILE_TOKEN = "sandbox-profile-api-token"
WRITE_KEY = "sandbox-write-key"
OTHER_REGION_WRITE_KEY = "sandbox-other-region-write-key"
SOURCE_ID = "sandboxSource000000001"
SPACE_ID: str = SPACE["id"]

DEDUPLICATION_WINDOW = 24 * 60 * 60  # seconds


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What all events of one request have in common."""

    received_at: float
    source_id: str | None
    sent_at: Any = None
    context: dict[str, Any] | None = None
    integrations: dict[str, Any] | None = None
    type: str | None = None  # on a single event's endpoint the path says it


class StoredEvent(msgspec.Struct, gc=False):
    """An event as it came, and its delivery. It becomes a dict only when somebody looks at it."""

    message_id: str
    raw: bytes
    delivery: Delivery
    reason: str | None = None  # why it was dropped

    def as_event(self) -> dict[str, Any]:
        """The event as Segment hands it on: batch level parts merged in, its timestamps corrected."""
        event = json.loads(self.raw)
        if not isinstance(event, dict):
            return {"value": event}
        event.pop("writeKey", None)
        delivery = self.delivery
        for part in ("context", "integrations"):
            shared = getattr(delivery, part)
            if shared:
                own = event.get(part)
                event[part] = {**shared, **own} if isinstance(own, dict) else shared
        sent_at = event.get("sentAt", delivery.sent_at)
        return {
            **event,
            "type": delivery.type or event.get("type"),
            "messageId": self.message_id,
            "projectId": delivery.source_id,
            "receivedAt": iso(delivery.received_at),
            "sentAt": sent_at,
            "originalTimestamp": event.get("timestamp"),
            "timestamp": iso(corrected(event.get("timestamp"), sent_at, delivery.received_at)),
        }

    def as_drop(self) -> dict[str, Any]:
        # A duplicate's body is not kept: a second run of a large job would double the memory.
        event = self.as_event() if self.raw else None
        return {"reason": self.reason, "messageId": self.message_id, "event": event}


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
    status: int | None = None  # none: the connection was reset
    fault: str | None = None
    events: int = 0
    sent_at: Any = None


class State:
    """Everything one sandbox knows."""

    def __init__(self, region: str, *, rate_limits: bool = False) -> None:
        self.region = region
        self.rate_limits = rate_limits
        self.faults = Faults()
        self.resets = 0
        self.reset()

    def reset(self) -> None:
        """Forget all events, requests, resources, faults and limits. Credentials stay valid."""
        self.resets += 1
        self.clock = Clock()
        self.faults.clear()
        self.rate_limit: RateLimit | None = None
        self.published_limits = PublishedLimits() if self.rate_limits else None
        self.accepted: list[StoredEvent] = []
        self.dropped: list[StoredEvent] = []
        self.requests: list[RequestRecord] = []
        self.seen: dict[str, float] = {}  # messageId -> when it was first received, across all sources
        self.suppressed: set[str] = set()  # user ids
        self.profiles: dict[tuple[str, str, str], dict[str, Any]] = {}  # by space, collection, external id
        self.collections: Collections = seed(SOURCE_ID, WRITE_KEY)
        self.computing: dict[str, Any] = {}  # audience, trait or preview -> since when, and its script
        self.scripts = Scripts(self.clock.now)
        self.ledger = Ledger(self)

    def is_duplicate(self, message_id: str, now: float) -> bool:
        """Whether this id was seen within the window. If not, it has been from now on."""
        seen_at = self.seen.get(message_id)
        if seen_at is not None and now - seen_at < DEDUPLICATION_WINDOW:
            return True
        self.seen[message_id] = now
        return False

    def source_of(self, write_key: str) -> str | None:
        """The id of the source that this write key belongs to."""
        sources = self.collections["/sources"].values()
        return next((source["id"] for source in sources if write_key in source["writeKeys"]), None)

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
            "batches": sum(record.path in ("/v1/batch", "/v1/import") for record in self.requests),
            "bytes": sum(record.bytes for record in self.requests),
        }


def corrected(timestamp: Any, sent_at: Any, received_at: float) -> float:
    """Segment's rule for a client's wrong clock: receivedAt - (sentAt - originalTimestamp).

    Without a readable timestamp it is the time of receipt; without a readable sentAt nothing is corrected.
    """
    original, sent = seconds(timestamp), seconds(sent_at)
    if original is None:
        return received_at
    return original if sent is None else received_at - (sent - original)
