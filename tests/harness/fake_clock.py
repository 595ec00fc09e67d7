"""Clocks that tests move: one of a client's own, and one for the sandbox and all its clients."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime, timedelta, timezone
from typing import Any
from weakref import WeakKeyDictionary

import pytest

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.waiting.polls import Subscriber


class FakeClock(Clock):
    """Sleeping takes no time, and is recorded."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._moment = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 2, tzinfo=timezone.utc) + timedelta(seconds=self._moment)

    def monotonic(self) -> float:
        return self._moment

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._moment += seconds

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)


NOON = datetime(2026, 3, 10, 12, 10, 10, tzinfo=timezone.utc)


def freeze_at_noon(sandbox: Sandbox) -> None:
    """Stop the sandbox's time shortly after a noon, so that the hour of the day affects no test."""
    sandbox.freeze_clock()
    sandbox.advance_clock(NOON.timestamp() - sandbox.state.clock.now())


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

    class Requests(list[Any]):
        def append(self, request: Any) -> None:
            super().append(request)
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
    monkeypatch.setattr(sandbox.state, "requests", Requests(sandbox.state.requests))
