"""Time, as the clients see it: one object, so that tests can replace it."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta, timezone

CLOCKS_APART = timedelta(minutes=5)
"""By how much Segment's clock and this machine's may differ."""


class Clock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The date and time, in UTC."""
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """Seconds since some moment, never going back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, blocking the thread."""
        time.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """Wait, letting other coroutines run."""
        await asyncio.sleep(seconds)


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, the form of Segment's own libraries."""
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
