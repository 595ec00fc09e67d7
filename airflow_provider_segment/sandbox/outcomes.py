"""What becomes of an event, in words."""

from __future__ import annotations

WHY_DROPPED = {
    "duplicate": "An event with this messageId came in the 24 hours before.",
    "unknown_write_key": "No source has the write key.",
    "wrong_region": "The write key belongs to a workspace of the other region.",
    "too_many_events": "The batch had more than 2,500 events: all of them are dropped.",
    "not_an_object": "It is no JSON object.",
    "unknown_type": "Its type is none of track, identify, page, screen, group and alias.",
    "message_id_too_long": "Its messageId has more than 100 characters.",
    "no_user_anon_id": "It has neither a userId nor an anonymousId.",
    "missing_user_id": "An alias needs a userId.",
    "missing_previous_id": "An alias needs a previousId.",
    "missing_event": "A track needs the name of its event.",
    "missing_group_id": "A group needs a groupId.",
    "suppressed_user": "The user is suppressed by a regulation.",
    "unplanned": "The tracking plan of its source does not have it, and the source blocks such events.",
    "unplanned_and_schema_violation": "The tracking plan does not have it, and it violates the common rule.",
    "schema_violation": "It violates its rule of the tracking plan, and the source blocks such events.",
    "common_schema_violation": "It violates the common rule of the tracking plan.",
}
"""Each reason that a drop may have."""

GROUPS = ("accepted", "dropped", "rejected")
"""What may be asked for besides a reason. `rejected` is dropped, but no duplicate."""


def because(reason: str | None) -> str | None:
    """The reason of a drop as a sentence."""
    return None if reason is None else WHY_DROPPED.get(reason, reason)
