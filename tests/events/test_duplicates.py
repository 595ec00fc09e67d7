"""How many of the message ids are different."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.errors import SegmentStoppedError
from airflow_provider_segment.events import duplicates, lease
from airflow_provider_segment.events.duplicates import MessageIds
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox

pytestmark = pytest.mark.core


@given(
    st.lists(st.text(max_size=2) | st.text(min_size=99, max_size=100)),
    st.integers(1, 9),
    st.integers(0, 9),
)
def test_ids_that_were_there_before_are_counted(ids: list[str], parts: int, in_memory: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "PARTS", parts)
        patch.setattr(duplicates, "IN_MEMORY", in_memory)
        counted = MessageIds()
        for number, one in enumerate(ids):
            counted.add(one)
            if number % 3:
                counted.fold()
        assert counted.repeated() == len(ids) - len(set(ids))


def test_without_room_on_the_disk_they_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "IN_MEMORY", 1)
    monkeypatch.setattr(duplicates, "TemporaryFile", Mock(side_effect=OSError("no space left")))
    counted = MessageIds()
    for one in "abcabd":
        counted.add(one)
        counted.fold()
    assert counted.repeated() == 2


def test_the_report_tells_duplicates_from_what_is_counted(segment_sandbox: Sandbox) -> None:
    event = {"type": "page", "userId": "u"}
    ids = ["a", "b", "a", "c", "a", 1, 1]
    events = [{**event, "messageId": one} for one in ids]
    report = SegmentHook().send_events([*events, {"type": "page"}, event])
    assert (report.read, report.sent, report.duplicates, report.distinct) == (9, 8, 3, 5)
    assert len(segment_sandbox.accepted) == report.distinct
    assert "3 with the messageId of another, which Segment drops" in str(report)


def test_a_stopped_run_does_not_take_the_time_to_compare_ids(
    segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow kills a task soon after it asked it to stop; millions of ids take seconds."""
    hook = SegmentHook()
    saved: list[dict[str, Any]] = []

    def save(checkpoint: dict[str, Any]) -> None:
        saved.append(checkpoint)
        hook.stop_sending()

    compared = Mock()
    monkeypatch.setattr(MessageIds, "repeated", compared)
    monkeypatch.setattr(lease, "CHECKPOINT_SECONDS", 0)  # at each turn of the event loop
    event = {"type": "page", "userId": "u", "context": {"x": "x" * 5_000}}
    with pytest.raises(SegmentStoppedError):
        hook.send_events([{**event, "messageId": f"{n}"} for n in range(3_000)], save_checkpoint=save)
    assert 0 < saved[-1]["position"] == len(segment_sandbox.accepted) < 3_000
    compared.assert_not_called()


def test_ids_from_the_same_fields_are_duplicates_too(segment_sandbox: Sandbox) -> None:
    orders = [
        {"type": "track", "userId": "u", "event": "Order", "properties": {"id": n % 3}} for n in range(5)
    ]
    too_large = {**orders[0], "properties": {"id": 0, "x": "x" * 40_000}}
    report = SegmentHook().send_events([*orders, too_large], message_id_fields=["properties.id"])
    assert (report.read, report.sent, report.duplicates, report.distinct) == (6, 5, 2, 3)
    assert report.rejected == {"too_large": 1}
    assert len(segment_sandbox.accepted) == report.distinct
