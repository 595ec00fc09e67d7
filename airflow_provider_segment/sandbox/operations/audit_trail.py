"""The audit trail: each write leaves an event."""

from __future__ import annotations

from typing import Any

from airflow_provider_segment.sandbox.clock import seconds
from airflow_provider_segment.sandbox.collection import Handler
from airflow_provider_segment.sandbox.operations.access import OWNER
from airflow_provider_segment.sandbox.received_call import ReceivedCall, new_id

VERBS = {"POST": "Created", "PUT": "Replaced", "PATCH": "Modified", "DELETE": "Deleted"}


def audit(call: ReceivedCall, operation: str) -> None:
    """Note a write."""
    method, path = operation.split()
    words = [part for part in path.split("/") if part and not part.startswith("{")]
    noun = words[-1].replace("-", " ").title().removesuffix("s")
    subject = call.subject
    id = new_id()
    call.state.collections["/audit-events"][id] = {
        "id": id,
        "timestamp": call.now(),
        "type": f"{noun} {VERBS[method]}",
        "actor": OWNER["id"],
        "actorEmail": OWNER["email"],
        "resourceId": str(subject.get("id", "")),
        "resourceType": words[0].removesuffix("s"),
        "resourceName": str(subject.get("name") or subject.get("slug") or ""),
    }


def audit_events(call: ReceivedCall) -> Any:
    """The newest first."""
    asked = call.valid_query(dict.fromkeys(("startTime", "endTime", "resourceId", "resourceType"), str))
    start, end = seconds(asked.pop("startTime", None)), seconds(asked.pop("endTime", None))
    events = [
        event
        for event in reversed(call.collection("/audit-events").values())
        if (start is None or (seconds(event["timestamp"]) or 0) >= start)
        and (end is None or (seconds(event["timestamp"]) or 0) < end)
        and all(event[name].lower() == value.lower() for name, value in asked.items())
    ]
    return call.page("events", events)


SPECIAL: dict[str, Handler] = {"GET /audit-events": audit_events}
