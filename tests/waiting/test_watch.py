"""What a wait logs: what is new at once, and now and then that it still waits."""

from __future__ import annotations

import logging
from datetime import datetime, timezone

import pytest

from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sensors import SegmentWarehouseSyncSensor
from airflow_provider_segment.testing.simulated_time import simulate_time
from airflow_provider_segment.waiting.condition import Verdict
from airflow_provider_segment.waiting.warehouses import WarehouseSynced
from airflow_provider_segment.waiting.watch import Watch
from tests.harness.sandbox_api import ago
from tests.harness.task_runner import RunTask

pytestmark = pytest.mark.core

LONG_AGO = datetime(2026, 1, 1, tzinfo=timezone.utc)


def test_a_silent_wait_gives_signs_of_life(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    watch = Watch(WarehouseSynced(warehouse_id="w1", since=LONG_AGO), max_failures=3)
    watch.ends_at = 4_000
    for now in range(0, 1_000, 60):
        watch.saw(Verdict("waiting", "no sync yet" if now < 700 else "it runs"), now)
    said = [record.getMessage().partition(": ")[::2] for record in caplog.records]
    assert [message for _, message in said] == [
        "no sync yet",
        "no sync yet (6 looks so far, 62 min left)",
        "no sync yet (11 looks so far, 57 min left)",
        "it runs",
    ]
    assert [words.startswith("Still waiting for") for words, _ in said] == [False, True, True, False]


def test_without_an_end_it_does_not_say_what_is_left(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    watch = Watch(WarehouseSynced(warehouse_id="w1", since=LONG_AGO), max_failures=3)
    for now in (0, 400):
        watch.saw(Verdict("waiting", "no sync yet"), now)
    assert caplog.messages[-1].endswith("no sync yet (2 looks so far)")


def test_a_trigger_gives_them(
    run_task: RunTask, segment_sandbox: Sandbox, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    tell = Watch.tell

    def tell_and_note(watch: Watch, verdict: Verdict, now: float) -> None:
        looks.append(watch.looks)
        tell(watch, verdict, now)

    monkeypatch.setattr(Watch, "tell", tell_and_note)
    simulate_time(monkeypatch, segment_sandbox)
    segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=1_000)
    run = run_task.to_end(
        SegmentWarehouseSyncSensor(
            task_id="w",
            warehouse_id=warehouse,
            since=ago(hours=1),
            poke_interval=100,
            timeout=7_200,
            deferrable=True,
        )
    )
    assert run.state == "success", run.error
    assert len(looks) > 2, "not only when it begins and ends"
    assert max(looks) > 5
