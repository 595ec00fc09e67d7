"""Time that passes only while somebody waits, for the sandbox and for all its clients."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.waiting.polls import Subscriber

if TYPE_CHECKING:
    import pytest

    from airflow_provider_segment.sandbox import Sandbox

REQUEST_SECONDS = 0.02


def simulate_time(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    """Nobody waits: the sandbox and its clients share a clock that each wait and each request moves.

    A wait moves it by its seconds, whether a client, a job or a trigger between two polls waits; a request by
    `REQUEST_SECONDS`. So work that takes 100 ms is unfinished at the first poll, however slow the machine is.
    """
    lock = threading.Lock()  # the sandbox has a thread of its own

    def sleep(clock: Clock, seconds: float) -> None:
        with lock:
            sandbox.advance_clock(max(seconds, 0.0))

    async def asleep(clock: Clock, seconds: float) -> None:
        sleep(clock, seconds)
        await asyncio.sleep(0)

    requests = sandbox.state.requests
    keep = requests.append

    def keep_and_sleep(request: Any) -> None:
        keep(request)
        sleep(Clock(), REQUEST_SECONDS)

    look, intervals = Subscriber.look, WeakKeyDictionary[Any, float]()

    async def look_at_once(subscriber: Any, clock: Clock) -> Any:
        if subscriber in intervals:
            await clock.asleep(intervals[subscriber])
        else:
            intervals[subscriber], subscriber._interval = subscriber._interval, 0.0
        return await look(subscriber, clock)

    sandbox.freeze_clock()
    monkeypatch.setattr(
        Clock, "now", lambda clock: datetime.fromtimestamp(sandbox.state.clock.now(), timezone.utc)
    )
    monkeypatch.setattr(Clock, "monotonic", lambda clock: sandbox.state.clock.now())
    monkeypatch.setattr(Clock, "sleep", sleep)
    monkeypatch.setattr(Clock, "asleep", asleep)
    monkeypatch.setattr(Subscriber, "look", look_at_once)
    monkeypatch.setattr(requests, "append", keep_and_sleep)


class EndingClock(Clock):
    """A clock for a wait that ends at a moment: `asyncio.wait_for` would measure that in real time."""

    def __init__(self, ends_at: float) -> None:
        self._ends_at = ends_at

    async def asleep(self, seconds: float) -> None:
        left = self._ends_at - self.monotonic()
        await super().asleep(min(seconds, left))
        if seconds > left:
            raise asyncio.TimeoutError


@contextmanager
def simulated_time(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> Iterator[None]:
    """`simulate_time` for what Airflow runs, too: sensors that poll in a worker, and the ends of deferrals.

    :param monkeypatch: is undone by the caller
    """
    from airflow.providers.common.compat.sdk import BaseSensorOperator

    from airflow_provider_segment.triggers.segment import SegmentTrigger

    decided = SegmentTrigger._decided

    async def decided_in_time(trigger: Any, watch: Any) -> Any:
        clock, trigger._clock = trigger._clock, EndingClock(watch.ends_at)
        try:
            return await decided(trigger, watch)
        finally:
            trigger._clock = clock

    was_frozen = sandbox.state.clock.is_frozen
    simulate_time(monkeypatch, sandbox)
    monkeypatch.setattr(SegmentTrigger, "_decided", decided_in_time)
    monkeypatch.setattr(sys.modules[BaseSensorOperator.__module__], "time", Clock())
    try:
        yield
    finally:
        monkeypatch.undo()
        if not was_frozen:
            sandbox.state.clock.unfreeze()
