"""The trigger behind deferred tasks, and time. In a real triggerer: test_running_waits.py."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any

import pytest

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.triggers import segment
from airflow_provider_segment.triggers.segment import SegmentTrigger
from airflow_provider_segment.waiting.condition import Verdict
from airflow_provider_segment.waiting.warehouses import WarehouseSynced
from airflow_provider_segment.waiting.watch import Watch

pytestmark = pytest.mark.core

LONG_AGO = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
DAY = timedelta(days=1)


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> dict[str, timedelta]:
    """By how much the machine's clock is wrong."""
    right, by = Clock.now, {"by": timedelta(0)}
    monkeypatch.setattr(Clock, "now", lambda self: right(self) + by["by"])
    return by


def trigger(warehouse: str, timeout: float = 30) -> SegmentTrigger:
    condition = WarehouseSynced(warehouse_id=warehouse, since=LONG_AGO)
    options: dict[str, Any] = {"segment_conn_id": "segment_default", "poll_interval": 0.05}
    made = SegmentTrigger.until(condition, timeout=timeout, max_poll_failures=3, **options)
    return SegmentTrigger(**made.serialize()[1])


def first_event(trigger: SegmentTrigger, meanwhile: Any = None) -> Any:
    async def main() -> Any:
        event = asyncio.ensure_future(anext(trigger.run()))
        await asyncio.sleep(0.3)
        if meanwhile:
            await asyncio.to_thread(meanwhile)
        return (await event).payload

    return asyncio.run(main())


@pytest.mark.parametrize("jump", [DAY, -DAY], ids=["ahead", "back"])
def test_a_clock_that_is_moved_during_the_wait_changes_nothing(
    segment_sandbox: Sandbox, warehouse: str, moved: dict[str, timedelta], jump: timedelta
) -> None:
    def meanwhile() -> None:
        moved["by"] = jump
        time.sleep(0.3)
        segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=0)

    assert first_event(trigger(warehouse), meanwhile)["status"] == "done"


def test_a_clock_that_was_set_back_does_not_prolong_the_wait(
    segment_sandbox: Sandbox,
    warehouse: str,
    moved: dict[str, timedelta],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The wait is cut off by hand once there was a poll: how long one takes is no matter."""
    given: list[float] = []

    async def wait_for(wait: Coroutine[Any, Any, Any], seconds: float) -> None:
        given.append(seconds)
        task = asyncio.ensure_future(wait)
        await seen.wait()
        task.cancel()
        raise asyncio.TimeoutError

    def saw(watch: Watch, verdict: Verdict) -> None:
        really_saw(watch, verdict)
        seen.loop.call_soon_threadsafe(seen.set)

    class Seen(asyncio.Event):
        loop: asyncio.AbstractEventLoop

    async def main() -> Any:
        seen.loop = asyncio.get_running_loop()
        return (await anext(deferred.run())).payload

    seen, really_saw = Seen(), Watch.saw
    monkeypatch.setattr(Watch, "saw", saw)
    monkeypatch.setattr(segment.asyncio, "wait_for", wait_for)
    deferred = trigger(warehouse, timeout=1000)
    moved["by"] = -DAY
    event = asyncio.run(main())
    assert given == [1000]
    assert event["status"] == "timeout"
    assert "1 of 1 sources not synced" in event["message"]


def test_after_the_time_is_over_there_is_one_more_look(
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
    monkeypatch.setattr(segment, "MIN_DEFERRAL", timedelta(seconds=1))
    segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=0)
    start = time.monotonic()
    assert first_event(trigger(warehouse))["status"] == "done"
    assert time.monotonic() - start >= 0.9
