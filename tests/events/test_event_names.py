"""What the events of a run are: counted by type and name, in a report that stays small."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from airflow_provider_segment.events.event_names import LONGEST_NAME, NAMES, split
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox

pytestmark = pytest.mark.core


def track(name: str, number: int) -> dict[str, Any]:
    return {"type": "track", "event": name, "userId": f"user-{number}", "properties": {"n": number}}


def others(number: int) -> list[dict[str, Any]]:
    user = {"userId": f"user-{number}"}
    return [
        {"type": "identify", **user},
        {"type": "page", "name": "Home", **user},
        {"type": "screen", "event": "Not a name", **user},
        {"type": "group", "groupId": "g", **user},
        {"type": "alias", "previousId": "p", **user},
    ]


def test_counts_what_was_sent_by_type_and_name(segment_sandbox: Sandbox) -> None:
    events = [*(track("Paid", n) for n in range(7)), *(track("identify", n) for n in range(3)), *others(1)]
    report = SegmentHook().send_events([*events, {"type": "track", "event": "Lost"}, others(2)[0]])
    assert report.event_names == {
        "track Paid": 7,
        "track identify": 3,
        "identify": 2,
        **dict.fromkeys(("page", "screen", "group", "alias"), 1),
    }
    assert report.event_names.total() == report.sent == 16
    assert report.as_dict()["event_names"] == dict(report.event_names)


def test_a_report_names_so_many_events_and_counts_the_rest_in_one(segment_sandbox: Sandbox) -> None:
    names = [f"Event {number}" for number in range(NAMES + 30)]
    events = [track(name, number) for number in range(3) for name in names]
    report = SegmentHook().send_events([*events, track("x" * (LONGEST_NAME + 1), 1)])
    assert len(report.event_names) == NAMES + 1
    assert report.event_names["track"] == 30 * 3 + 1
    assert report.event_names.total() == report.sent
    assert len(json.dumps(report.as_dict())) < 10_000


def test_an_event_that_segment_refuses_is_not_counted(segment_sandbox: Sandbox) -> None:
    segment_sandbox.faults.add("status", status=400, contains='"user-3"')
    report = SegmentHook().send_events([*(track("Paid", n) for n in range(6)), others(1)[0]])
    assert report.rejected == {"refused": 1}
    assert report.event_names == {"track Paid": 5, "identify": 1}


def test_times_are_in_utc(segment_sandbox: Sandbox) -> None:
    report = SegmentHook().send_events([track("Paid", 1)])
    assert report.started is not None
    assert report.ended is not None
    started, ended = datetime.fromisoformat(report.started.replace("Z", "+00:00")), report.ended
    assert started.utcoffset() is not None
    assert report.started <= ended


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("track Order Completed", ("track", "Order Completed")),
        ("track", ("track", None)),
        ("page", ("page", None)),
    ],
)
def test_a_key_is_a_type_and_perhaps_a_name(key: str, parts: tuple[str, str | None]) -> None:
    assert split(key) == parts
