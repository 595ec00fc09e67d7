"""A clock that tests move."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow_provider_segment.api.clock import Clock


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
