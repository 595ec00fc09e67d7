"""The trigger behind deferred tasks, and time. In a real triggerer: test_waits.py."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.triggers import segment
from airflow_provider_segment.triggers.segment import SegmentTrigger
from airflow_provider_segment.waiting.warehouses import WarehouseConnected, WarehouseSynced
from tests.harness.scripted_api import ScriptedAPI
from tests.harness.timeouts import time_out_after_first_poll

pytestmark = pytest.mark.core

LONG_AGO = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
DAY = timedelta(days=1)


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> dict[str, timedelta]:
    """The error of the system clock."""
    right, by = Clock.now, {"by": timedelta(0)}
    monkeypatch.setattr(Clock, "now", lambda self: right(self) + by["by"])
    return by


def trigger(warehouse: str, timeout: float = 600) -> SegmentTrigger:
    condition = WarehouseSynced(warehouse_id=warehouse, since=LONG_AGO)
    options: dict[str, Any] = {"segment_conn_id": "segment_default", "poll_interval": 0.05}
    made = SegmentTrigger.until(condition, timeout=timeout, max_poll_failures=3, **options)
    return SegmentTrigger(**made.serialize()[1])


def first_event(trigger: SegmentTrigger, meanwhile: Any = None) -> Any:
    async def main() -> Any:
        event = asyncio.ensure_future(anext(trigger.run()))
        if meanwhile:
            await asyncio.to_thread(meanwhile)
        return (await event).payload

    return asyncio.run(main())


def wait_for_requests(sandbox: Sandbox, count: int = 2) -> None:
    """Wait for further requests to the sandbox."""
    before = len(sandbox.requests)
    while len(sandbox.requests) < before + count:
        time.sleep(0.01)


@pytest.mark.parametrize("jump", [DAY, -DAY], ids=["ahead", "back"])
def test_setting_the_clock_during_the_wait_changes_nothing(
    segment_sandbox: Sandbox, warehouse: str, moved: dict[str, timedelta], jump: timedelta
) -> None:
    def meanwhile() -> None:
        wait_for_requests(segment_sandbox)
        moved["by"] = jump
        wait_for_requests(segment_sandbox)
        segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=0)

    assert first_event(trigger(warehouse), meanwhile)["status"] == "done"


def test_a_clock_that_was_set_back_does_not_prolong_the_wait(
    segment_sandbox: Sandbox,
    warehouse: str,
    moved: dict[str, timedelta],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = time_out_after_first_poll(monkeypatch)
    deferred = trigger(warehouse, timeout=1000)
    moved["by"] = -DAY
    event = first_event(deferred)
    assert given == [1000]
    assert event["status"] == "timeout"
    assert "1 of 1 sources not synced" in event["message"]


def test_a_trigger_started_after_its_deadline_polls_once_more(
    segment_sandbox: Sandbox, warehouse: str, moved: dict[str, timedelta]
) -> None:
    """As after a downtime of the triggerer."""
    deferred = trigger(warehouse)
    segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=0)
    moved["by"] = DAY
    assert first_event(deferred)["status"] == "done"


def test_a_task_is_not_resumed_before_the_scheduler_knows_of_its_deferral(
    segment_sandbox: Sandbox, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment, "MIN_DEFERRAL", timedelta(seconds=10))
    slept: list[float] = []

    async def asleep(self: Clock, seconds: float) -> None:
        slept.append(seconds)

    now = Clock().now()
    monkeypatch.setattr(Clock, "now", lambda self: now)
    monkeypatch.setattr(Clock, "asleep", asleep)
    segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=0)
    deferred = trigger(warehouse)
    now += timedelta(seconds=4)
    assert first_event(deferred)["status"] == "done"
    assert slept[-1] == 6.0


CANCEL: Any = {"method": "POST", "path": "/cancel", "json": {}, "media_type": None}


@pytest.mark.parametrize(
    ("request_", "answer", "cancelled"),
    [(CANCEL, {"status": "x"}, True), (CANCEL, (500, {}), False), (None, None, False)],
    ids=["cancelled", "refused", "nothing to cancel"],
)
def test_a_trigger_started_after_execution_timeout_polls_once_more_and_cancels(
    scripted_api: ScriptedAPI, monkeypatch: pytest.MonkeyPatch, request_: Any, answer: Any, cancelled: bool
) -> None:
    scripted_api.answers["GET /warehouses/w/connection-state"] = {"connectionState": "FAILED"}
    scripted_api.answers["POST /cancel"] = answer
    monkeypatch.setattr(segment, "KILL_RETRIES", 0)
    given = time_out_after_first_poll(monkeypatch)
    overdue = SegmentTrigger.until(
        WarehouseConnected(warehouse_id="w"),
        timeout=600,
        segment_conn_id="segment_default",
        poll_interval=1,
        max_poll_failures=3,
        on_kill_request=request_,
        execution_deadline=LONG_AGO.isoformat(),
    )
    event = first_event(SegmentTrigger(**overdue.serialize()[1]))
    assert (event["status"], event["result"]) == ("execution_timeout", cancelled)
    assert "Last seen: connection state FAILED" in event["message"]
    assert given == [segment.LAST_LOOK]
    assert scripted_api.asked.count("POST /cancel") == bool(request_)
