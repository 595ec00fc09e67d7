"""An event loop whose time passes only while everybody waits, and then at once. It knows no threads."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

from airflow_provider_segment.api.clock import Clock

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Does not wait for its timeout, but moves the time on."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everybody waits, and nothing will ever happen")
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that starts at zero."""

    def __init__(self) -> None:
        self._moments = _Selector()
        super().__init__(self._moments)

    def time(self) -> float:
        return self._moments.now


class VirtualClock(Clock):
    """The clock of the running loop."""

    def now(self) -> datetime:
        return datetime(2026, 1, 2, tzinfo=timezone.utc) + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def run_in_virtual_time(main: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns; it takes no time."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
