"""The window of time that events are counted in."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import msgspec

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MINUTES_UP_TO, HOURS_UP_TO = 4 * HOUR, 14 * DAY
"""How long a window Segment counts by the minute, by the hour."""
MINUTES_BACK_TO, HOURS_BACK_TO = 48 * HOUR, 30 * DAY
"""How old a window Segment's Delivery Overview still knows by the minute, and at all."""


class Part(NamedTuple):
    """A part of a window, whose both ends are those of buckets."""

    start: datetime
    end: datetime
    granularity: str

    @property
    def query(self) -> dict[str, str]:
        """As queries take it."""
        return {
            "startTime": self.start.isoformat(),
            "endTime": self.end.isoformat(),
            "granularity": self.granularity,
        }


class Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From a moment to another, which is not part of it. Segment counts whole minutes.

    :param end: None for a window that is still open
    :param lag: seconds that Segment takes until it has counted an event
    """

    start: datetime
    end: datetime | None
    lag: float

    def counted_to(self, now: datetime) -> datetime:
        """Up to when events are counted by now."""
        known = _floor(now - timedelta(seconds=self.lag), MINUTE)
        return known if self.end is None else min(known, _ceil(self.end, MINUTE))

    def is_over(self, now: datetime) -> bool:
        """Whether all of it is counted."""
        return self.end is not None and now >= _ceil(self.end, MINUTE) + timedelta(seconds=self.lag)

    def parts(self, now: datetime) -> list[Part]:
        """What to ask for, in few questions; nothing while nothing is counted yet."""
        start, end = _floor(self.start, MINUTE), self.counted_to(now)
        return _parts(start, end, minutes_up_to=MINUTES_UP_TO)

    def recent_parts(self, now: datetime) -> list[Part]:
        """The same, for the Delivery Overview, which forgets minutes.

        :raises ValueError: so far back it knows only hours, or nothing
        """
        start, end = _floor(self.start, MINUTE), self.counted_to(now)
        fresh = now - start < MINUTES_BACK_TO
        parts = _parts(start, end, minutes_up_to=MINUTES_UP_TO if fresh else timedelta(0))
        if now - start > HOURS_BACK_TO:
            raise ValueError(
                "Segment's Delivery Overview goes back 30 days, and the window begins before that"
            )
        if any(part.granularity == "MINUTE" and now - part.start > MINUTES_BACK_TO for part in parts):
            raise ValueError(
                "Segment's Delivery Overview knows only whole hours of what is more than 48 hours ago: begin "
                "and end the window on the hour"
            )
        return parts

    def describe(self) -> str:
        """The window, in words."""
        return f"from {self.start:%F %T}" + (f" to {self.end:%F %T %Z}" if self.end else " on")


def _parts(start: datetime, end: datetime, *, minutes_up_to: timedelta) -> list[Part]:
    """The largest buckets that fit into it, and smaller ones for what is left at its ends."""
    if end <= start:
        return []
    for bucket, name, longer_than in ((DAY, "DAY", HOURS_UP_TO), (HOUR, "HOUR", minutes_up_to)):
        first, last = _ceil(start, bucket), _floor(end, bucket)
        if end - start > longer_than and first < last:
            return [
                *_parts(start, first, minutes_up_to=minutes_up_to),
                Part(first, last, name),
                *_parts(last, end, minutes_up_to=minutes_up_to),
            ]
    return [Part(start, end, "MINUTE")]


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _floor(moment: datetime, bucket: timedelta) -> datetime:
    """Begin of the bucket (of UTC) that a moment lies in."""
    return moment - (moment - _EPOCH) % bucket


def _ceil(moment: datetime, bucket: timedelta) -> datetime:
    return moment + (_EPOCH - moment) % bucket
