"""The window of time that events are counted in."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MINUTES_UP_TO, HOURS_UP_TO = 4 * HOUR, 14 * DAY


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """From a moment to another, which is not part of it.

    :param end: None for a window that is still open
    :param lag: seconds that Segment takes until it has counted an event
    """

    start: datetime
    end: datetime | None
    lag: float

    def counted_to(self, now: datetime) -> datetime:
        """Up to when events are counted by now, in whole minutes."""
        known = (now - timedelta(seconds=self.lag)).replace(second=0, microsecond=0)
        return known if self.end is None else min(known, self.end)

    def is_over(self, now: datetime) -> bool:
        """Whether all of it is counted."""
        return self.end is not None and now >= self.end + timedelta(seconds=self.lag)

    def query(self, now: datetime) -> dict[str, str] | None:
        """Begin, end and size of buckets, as queries take them; None while nothing is counted yet."""
        end = self.end if self.is_over(now) and self.end else self.counted_to(now)
        if end <= self.start:
            return None
        return {
            "startTime": self.start.isoformat(),
            "endTime": end.isoformat(),
            "granularity": self._granularity(end),
        }

    def _granularity(self, end: datetime) -> str:
        """The largest buckets that fit: none may reach out of the window at its begin."""
        length = end - self.start
        if length > HOURS_UP_TO and _begins(self.start, DAY):
            return "DAY"
        return "HOUR" if length > MINUTES_UP_TO and _begins(self.start, HOUR) else "MINUTE"

    def describe(self) -> str:
        """The window, in words."""
        return f"from {self.start:%F %T}" + (f" to {self.end:%F %T %Z}" if self.end else " on")


def _begins(moment: datetime, bucket: timedelta) -> bool:
    return moment.timestamp() % bucket.total_seconds() == 0
