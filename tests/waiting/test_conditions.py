"""What conditions make of Segment's answers, and of time: without Segment, Airflow, or a clock."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_segment.errors import SegmentAnswerError
from airflow_provider_segment.waiting.audiences import AudienceComputed
from airflow_provider_segment.waiting.condition import Check, Condition, Verdict, with_answer_errors
from airflow_provider_segment.waiting.feeds import VolumeCrossings
from airflow_provider_segment.waiting.regulations import Regulated
from airflow_provider_segment.waiting.reverse_etl import ReverseEtlMappingSynced, ReverseEtlSynced
from airflow_provider_segment.waiting.volume import EventVolume
from airflow_provider_segment.waiting.warehouses import WarehouseSynced
from airflow_provider_segment.waiting.window import Window
from airflow_provider_segment.waiting.words import meaning_of

pytestmark = pytest.mark.core

NOW = datetime(2026, 11, 25, 12, 0, 30, tzinfo=timezone.utc)


def answered(questions: Any, *answers: Any) -> Any:
    """What comes of questions that get these answers, in this order."""
    checked, left = with_answer_errors(questions), list(answers)
    answer = None
    try:
        while True:
            checked.send(answer)
            answer = left.pop(0)
    except StopIteration as end:
        assert not left, f"{len(left)} answers were not requested"
        return end.value


def verdict(condition: Condition, *answers: Any, now: datetime = NOW) -> Verdict:
    result: Verdict = answered(condition.check(now), *answers)
    return result


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


# --- words ---


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("SUCCESS", "success"),
        ("Succeeded", "success"),
        ("finished", "success"),
        ("Live", "success"),
        ("PARTIAL_SUCCESS", "partial"),
        ("Partially Succeeded", "partial"),
        ("FAIL", "failed"),
        ("failure", "failed"),
        ("Canceled", "cancelled"),
        ("CANCELLING", "running"),
        ("IN_PROGRESS", "running"),
        ("INITIALIZED", "running"),
        ("Not Computing", "skipped"),
        ("NOT_SUPPORTED", "unsupported"),
        *(
            (word, "unknown")
            for word in ("COMPLETED_WITH_ERRORS", "Success (partial)", "LIVE_PAUSED", "", None)
        ),
    ],
)
def test_words(word: Any, meaning: str) -> None:
    assert meaning_of(word) == meaning


def test_an_unknown_word_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        meaning_of("Frobnicated")
    assert [record.levelname for record in caplog.records if "Frobnicated" in record.getMessage()] == [
        "ERROR"
    ]


# --- windows ---


@pytest.mark.parametrize(
    ("start", "end", "parts"),
    [
        ("2026-11-25T08:00", "2026-11-25T12:00", ["MINUTE 240"]),
        ("2026-11-25T07:00", "2026-11-25T12:00", ["HOUR 300"]),
        ("2026-11-25T07:30", "2026-11-25T13:30", ["MINUTE 30", "HOUR 300", "MINUTE 30"]),
        ("2026-11-25T00:00", "2026-11-25T05:30", ["HOUR 300", "MINUTE 30"]),
        ("2026-11-24T00:00", "2026-11-25T00:00", ["HOUR 1440"]),
        ("2026-11-01T00:00", "2026-11-25T00:00", ["DAY 34560"]),
        (
            "2026-11-01T18:30",
            "2026-11-25T18:30",
            ["MINUTE 30", "HOUR 300", "DAY 33120", "HOUR 1080", "MINUTE 30"],
        ),
        ("2026-11-25T10:00:18.5", "2026-11-25T10:02:01", ["MINUTE 3"]),
    ],
)
def test_a_window_is_counted_in_buckets_that_fit(start: str, end: str, parts: list[str]) -> None:
    window = Window(start=at(start), end=at(end), lag=60.0)
    found = window.parts(at("2026-11-26T12:00"))
    assert [
        f"{part.granularity} {(part.end - part.start) / timedelta(minutes=1):.0f}" for part in found
    ] == parts
    assert all(one.end == other.start for one, other in itertools.pairwise(found))
    size = {"MINUTE": 60, "HOUR": 3_600, "DAY": 86_400}
    for part in found:
        assert all(moment.timestamp() % size[part.granularity] == 0 for moment in (part.start, part.end))


def test_an_open_window_is_counted_up_to_the_lag() -> None:
    window = Window(start=at("2026-11-25T11:50"), end=None, lag=60.0)
    [part] = window.parts(NOW)
    assert (part.start, part.end) == (at("2026-11-25T11:50"), at("2026-11-25T11:59"))
    assert not window.is_over(at("2030-01-01"))
    assert Window(start=NOW, end=None, lag=60.0).parts(NOW) == []


def test_the_delivery_overview_knows_old_hours_but_no_old_minutes() -> None:
    old = Window(start=at("2026-11-22T01:00"), end=at("2026-11-22T02:00"), lag=60.0)
    assert [part.granularity for part in old.recent_parts(NOW)] == ["HOUR"]
    for start, end in (("2026-11-22T01:30", "2026-11-22T02:30"), ("2026-10-01T00:00", "2026-10-02T00:00")):
        with pytest.raises(ValueError, match="Delivery Overview"):
            Window(start=at(start), end=at(end), lag=60.0).recent_parts(NOW)


# --- answers of another shape ---

OVER = Window(start=at("2026-11-25T10:00"), end=at("2026-11-25T11:00"), lag=60.0)


@pytest.mark.parametrize(
    "condition",
    [
        EventVolume(source_id="s", window=OVER, max_count=0),
        WarehouseSynced(warehouse_id="w", since=NOW, source_ids=["s"]),
        ReverseEtlSynced(model_id="m", sync_id="s"),
        ReverseEtlMappingSynced(model_id="m", subscription_id="s", since=NOW),
        Regulated(regulate_id="r"),
        AudienceComputed(space_id="s", audience_id="a"),
    ],
    ids=lambda condition: type(condition).__name__,
)
@pytest.mark.parametrize(
    "answer",
    [None, "ok", [], {}, {"message": "maintenance"}, {"reports": [{}], "result": [{}], "syncStatuses": [3]}],
    ids=str,
)
def test_an_answer_of_another_shape_is_an_answer_error(condition: Condition, answer: Any) -> None:
    with pytest.raises(SegmentAnswerError, match="expected"):
        verdict(condition, answer)


def test_an_audience_without_a_status_is_not_decided() -> None:
    assert (
        verdict(AudienceComputed(space_id="s", audience_id="a"), {"audience": {"id": "a"}}).state == "waiting"
    )


# --- pages in whatever order ---


def report(source_id: str, minute: int, status: str = "SUCCESS") -> dict[str, Any]:
    start = f"2026-11-25 11:{minute:02}:00+00:00"
    return {"sourceId": source_id, "start": start, "end": start, "status": status}


def test_pages_are_read_until_they_are_too_old() -> None:
    condition = WarehouseSynced(warehouse_id="w", since=at("2026-11-25T11:30"), source_ids=["a", "b"])
    more = {"pagination": {"next": "2"}}
    in_order = {"reports": [report("a", 50), report("b", 40), report("a", 20)], **more}
    assert verdict(condition, in_order).state == "done"
    by_source = {
        "reports": [report("a", 50), report("a", 20), report("a", 10), report("b", 55), report("b", 5)],
        **more,
    }
    assert verdict(condition, by_source, to(None, reports=[report("b", 3)])).state == "done"
    oldest_first = {"reports": [report("a", 5), report("a", 10)], **more}
    last = to(None, reports=[report("a", 50), report("b", 50)])
    assert verdict(condition, oldest_first, last).state == "done"


def to(cursor: Any, **lists: Any) -> dict[str, Any]:
    return {**lists, "pagination": {"next": cursor}}


@pytest.mark.parametrize("cursors", [["A", "A"], ["A", "B", "A"], [1, "1"]], ids=str)
def test_a_cursor_seen_before_is_an_error_and_not_the_end(cursors: list[Any]) -> None:
    """Neither a list that is read to its end nor one that is read back to a moment is taken for complete."""
    synced = WarehouseSynced(warehouse_id="w", since=at("2026-11-25T11:30"), source_ids=["a"])
    with pytest.raises(SegmentAnswerError, match="seen before"):
        verdict(synced, *(to(cursor, reports=[report("a", 50)]) for cursor in cursors))
    connected = WarehouseSynced(warehouse_id="w", since=at("2026-11-25T11:30"))
    with pytest.raises(SegmentAnswerError, match="seen before"):
        verdict(connected, *(to(cursor, sources=[{"id": "a"}]) for cursor in cursors))
    mapping = ReverseEtlMappingSynced(model_id="m", subscription_id="s", since=NOW)
    with pytest.raises(SegmentAnswerError, match="seen before"):
        verdict(mapping, *(to(cursor, syncStatuses=[]) for cursor in cursors))


def test_the_same_cursors_in_another_walk_are_no_error() -> None:
    condition = WarehouseSynced(warehouse_id="w", since=at("2026-11-25T11:30"))
    answers = [to("A", sources=[{"id": "a"}]), to(None, sources=[]), to("A", reports=[report("a", 50)])]
    assert verdict(condition, *answers, to(None, reports=[])).state == "done"


# --- regulations ---


@pytest.mark.parametrize(
    ("overall", "destinations", "policy", "state"),
    [
        ("FINISHED", ["FINISHED"], {}, "done"),
        ("FINISHED", ["FAILED", "FINISHED"], {}, "failed"),
        ("FINISHED", ["NOT_SUPPORTED"], {}, "done"),
        ("FINISHED", ["NOT_SUPPORTED"], {"on_unsupported": "fail"}, "failed"),
        ("NOT_SUPPORTED", [], {}, "failed"),
        ("NOT_SUPPORTED", ["NOT_SUPPORTED"], {}, "done"),
        ("NOT_SUPPORTED", ["FAILED", "FAILED"], {}, "failed"),
        ("INVALID", ["NOT_SUPPORTED"], {}, "failed"),
        ("INVALID", ["FAILED", "FINISHED"], {"on_partial": "accept"}, "failed"),
        ("FAILED", ["NOT_SUPPORTED", "RUNNING"], {}, "waiting"),
        ("FAILED", ["NOT_SUPPORTED", "FINISHED"], {}, "done"),
        ("FAILED", ["FAILED", "FINISHED"], {}, "failed"),
        ("FAILED", ["FAILED", "FINISHED"], {"on_partial": "accept"}, "done"),
        ("FAILED", ["FAILED"], {"on_partial": "accept"}, "failed"),
        ("FAILED", [], {"on_partial": "accept"}, "failed"),
        ("PARTIAL_SUCCESS", ["RUNNING", "FINISHED"], {}, "waiting"),
        ("PARTIAL_SUCCESS", ["FAILED"], {"on_partial": "accept"}, "done"),
        ("PARTIAL_SUCCESS", [], {}, "failed"),
        ("RUNNING", ["FINISHED"], {}, "waiting"),
        ("FROBNICATED", ["FINISHED"], {}, "failed"),
        ("FINISHED", ["FROBNICATED"], {"on_partial": "accept"}, "failed"),
    ],
)
def test_the_verdict_on_a_regulation(
    overall: str, destinations: list[str], policy: dict[str, Any], state: str
) -> None:
    stream = {
        "id": "s",
        "destinationStatus": [{"id": "d", "name": "D", "status": each} for each in destinations],
    }
    regulation = {"overallStatus": overall, "finishedAt": "2026-11-25T10:00:00Z", "streamStatus": [stream]}
    assert verdict(Regulated(regulate_id="r", **policy), {"regulation": regulation}).state == state


# --- days ---


def test_the_day_that_has_just_ended_is_counted() -> None:
    feed, since = VolumeCrossings(source_id="s", count=10), at("2026-11-24T22:00")
    many, few = {"result": [{"total": 11, "series": []}]}, {"result": []}
    [crossed] = answered(feed.look(at("2026-11-25T00:01:30"), since), many)
    assert crossed["key"] == "2026-11-24"
    found = answered(feed.look(at("2026-11-25T06:00"), since), many, few, few)
    assert [each["key"] for each in found] == ["2026-11-24"]


def test_a_check_without_requests() -> None:
    class Sure(Condition, frozen=True):
        def check(self, now: datetime) -> Check:
            return Verdict("done", "sure")
            yield

    assert verdict(Sure()).state == "done"
