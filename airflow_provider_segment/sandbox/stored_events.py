"""Events as the sandbox keeps them."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from airflow_provider_segment.sandbox.clock import iso, seconds


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of one request have in common."""

    received_at: float
    source_id: str | None
    request_id: str = ""
    sent_at: Any = None
    context: dict[str, Any] | None = None
    integrations: dict[str, Any] | None = None
    type: str | None = None  # of a single event, from the path


class StoredEvent(msgspec.Struct, gc=False):
    """An event as it was received, and its delivery. It is parsed only when it is read."""

    message_id: str
    raw: bytes
    delivery: Delivery
    reason: str | None = None  # why it was dropped

    def as_event(self) -> dict[str, Any]:
        """The event as Segment passes it on: with the batch's context, and timestamps corrected."""
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


def corrected(timestamp: Any, sent_at: Any, received_at: float) -> float:
    """Segment's correction of a client's clock: receivedAt - (sentAt - originalTimestamp).

    Without a valid timestamp it is the time of receipt; without a valid sentAt nothing is corrected.
    """
    original, sent = seconds(timestamp), seconds(sent_at)
    if original is None:
        return received_at
    return original if sent is None else received_at - (sent - original)


def text_of(value: Any) -> str:
    """The name, type or user of an event, which may be anything, as it is shown."""
    return "" if value is None else str(value)
