"""The clock of the clients: one object that tests can replace."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta, timezone

CLOCKS_APART = timedelta(minutes=5)
"""The largest difference assumed between Segment's clock and the system clock."""

SIGNAL_SECONDS = 1.0
"""How late a signal may be noticed. One that comes just before a thread begins to wait for a lock is handled
only when the thread wakes, so the main thread does not sleep for longer than this."""


class Clock:
    """The system clock."""

    def now(self) -> datetime:
        """The date and time, in UTC."""
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """Seconds since an arbitrary point in time; never decreases."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, blocking the thread."""
        time.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """Wait while other coroutines run."""
        await asyncio.sleep(seconds)


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, the format of Segment's own libraries."""
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
