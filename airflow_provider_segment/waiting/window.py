"""The time window in which events are counted."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import msgspec

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MINUTES_UP_TO, HOURS_UP_TO = 4 * HOUR, 14 * DAY
"""The longest windows that Segment counts by the minute and by the hour."""
MINUTES_BACK_TO, HOURS_BACK_TO = 48 * HOUR, 30 * DAY
"""How far back Segment's Delivery Overview goes by the minute, and at all."""


class Part(NamedTuple):
    """A part of a window that starts and ends on bucket boundaries."""

    start: datetime
    end: datetime
    granularity: str

    @property
    def query(self) -> dict[str, str]:
        """The query parameters."""
        return {
            "startTime": self.start.isoformat(),
            "endTime": self.end.isoformat(),
            "granularity": self.granularity,
        }


class Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time window. Segment counts whole minutes.

    :param end: end, exclusive; None for an open window
    :param lag: seconds until Segment has counted an event that arrived
    """

    start: datetime
    end: datetime | None
    lag: float

    def counted_to(self, now: datetime) -> datetime:
        """The time up to which all events are counted."""
        known = floor(now - timedelta(seconds=self.lag), MINUTE)
        return known if self.end is None else min(known, ceil(self.end, MINUTE))

    def is_over(self, now: datetime) -> bool:
        """Whether all events of the window are counted."""
        return self.end is not None and now >= ceil(self.end, MINUTE) + timedelta(seconds=self.lag)

    def parts(self, now: datetime) -> list[Part]:
        """The parts to request, as few as possible; none while no events are counted yet."""
        start, end = floor(self.start, MINUTE), self.counted_to(now)
        return _parts(start, end, minutes_up_to=MINUTES_UP_TO)

    def coarse_parts(self, now: datetime) -> list[Part]:
        """The parts in the largest buckets, for totals whose series is of no use."""
        start, end = floor(self.start, MINUTE), self.counted_to(now)
        return _parts(start, end, minutes_up_to=timedelta(0), hours_up_to=timedelta(0))

    def recent_parts(self, now: datetime) -> list[Part]:
        """The parts for the Delivery Overview, which keeps minutes for a shorter time.

        :raises ValueError: it has no counts, or only hourly ones, for a window that old
        """
        start, end = floor(self.start, MINUTE), self.counted_to(now)
        fresh = now - start < MINUTES_BACK_TO
        parts = _parts(start, end, minutes_up_to=MINUTES_UP_TO if fresh else timedelta(0))
        if now - start > HOURS_BACK_TO:
            raise ValueError("Segment's Delivery Overview goes back 30 days; the window starts before that")
        if any(part.granularity == "MINUTE" and now - part.start > MINUTES_BACK_TO for part in parts):
            raise ValueError(
                "Segment's Delivery Overview has only hourly counts beyond 48 hours: start and end the "
                "window on the hour"
            )
        return parts

    def describe(self) -> str:
        """The window in a few words, for logs and errors."""
        return f"from {self.start:%F %T}" + (f" to {self.end:%F %T %Z}" if self.end else " onwards")


def _parts(
    start: datetime, end: datetime, *, minutes_up_to: timedelta, hours_up_to: timedelta = HOURS_UP_TO
) -> list[Part]:
    """The largest buckets that fit, and smaller ones for the rest at both ends."""
    if end <= start:
        return []
    for bucket, name, longer_than in ((DAY, "DAY", hours_up_to), (HOUR, "HOUR", minutes_up_to)):
        first, last = ceil(start, bucket), floor(end, bucket)
        if end - start > longer_than and first < last:
            return [
                *_parts(start, first, minutes_up_to=minutes_up_to, hours_up_to=hours_up_to),
                Part(first, last, name),
                *_parts(last, end, minutes_up_to=minutes_up_to, hours_up_to=hours_up_to),
            ]
    return [Part(start, end, "MINUTE")]


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def floor(moment: datetime, bucket: timedelta) -> datetime:
    """Start of the bucket (UTC) that contains a time."""
    return moment - (moment - _EPOCH) % bucket


def ceil(moment: datetime, bucket: timedelta) -> datetime:
    return moment + (_EPOCH - moment) % bucket
