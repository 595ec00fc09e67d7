"""What a bulk send tells Airflow's metrics."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_segment.events import send
from airflow_provider_segment.hooks import metrics
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox

pytestmark = pytest.mark.core


class Recorder:
    """In place of Airflow's stats, which go to a server."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.gauges: dict[str, float] = {}
        self.tags: list[Any] = []

    def incr(self, stat: str, count: int = 1, *, tags: Any) -> None:
        self.counts[stat] += count
        self.tags.append(tags)

    def gauge(self, stat: str, value: float, *, tags: Any) -> None:
        self.gauges[stat] = value


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(metrics, "Stats", recorder)
    return recorder


def test_what_happened_is_counted_once(
    segment_sandbox: Sandbox, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "PROGRESS_SECONDS", 0.01)
    segment_sandbox.faults.add("status", status=429, retry_after=0, next=1, path="/v1/batch")
    hour_ago = datetime.now(timezone.utc) - timedelta(hours=1)
    events = [{"type": "page", "userId": f"u{number}", "timestamp": hour_ago} for number in range(3_000)]
    report = SegmentHook().send_events([*events[:2_000], {"type": "page"}, *events[2_000:]])
    assert (report.sent, report.rate_limited) == (3_000, 1)
    assert recorder.counts == {
        "segment.events.sent": 3_000,
        "segment.events.rejected": 1,
        "segment.requests.rate_limited": 1,
    }
    assert {tags["segment_conn_id"] for tags in recorder.tags} == {"segment_default"}
    assert recorder.gauges["segment.events.lag"] >= 3_600


def test_events_without_a_timestamp_have_no_lag(segment_sandbox: Sandbox, recorder: Recorder) -> None:
    assert SegmentHook().send_events([{"type": "page", "userId": "u"}]).lag is None
    assert recorder.gauges == {}


def test_airflows_stats_take_them(segment_sandbox: Sandbox) -> None:
    assert SegmentHook().send_events([{"type": "page", "userId": "u"}]).sent == 1
