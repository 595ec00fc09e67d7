"""Clocks that tests move: one of a client's own, and the sandbox's, stopped."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.sandbox import Sandbox


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
