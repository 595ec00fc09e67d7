"""The sandbox's time, and Segment's format of times."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any

import msgspec

EARLIEST, LATEST = 0.0, 7000 * 365.25 * 24 * 60 * 60


class MovableClock:
    """Time in seconds since 1970: it can be moved, and frozen so that nothing else moves it."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._frozen_at: float | None = None

    def now(self) -> float:
        return (time.time() if self._frozen_at is None else self._frozen_at) + self._offset

    def advance(self, seconds: float) -> None:
        """Move the time; ValueError outside of the years that dates have."""
        if not EARLIEST <= self.now() + seconds <= LATEST:
            raise ValueError(f"the clock cannot be moved by {seconds} s: it stays between 1970 and 9000")
        self._offset += seconds

    @property
    def is_frozen(self) -> bool:
        return self._frozen_at is not None

    def freeze(self) -> None:
        if self._frozen_at is None:
            self._frozen_at = time.time()

    def unfreeze(self) -> None:
        """Let the time run on from where it stands."""
        if self._frozen_at is not None:
            self._offset += self._frozen_at - time.time()
            self._frozen_at = None


def iso(seconds: float) -> str:
    """Seconds since 1970 in Segment's format: UTC, milliseconds, Z.

    On purpose not `api.clock.timestamp`, which it judges.
    """
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds(value: Any) -> float | None:
    """The seconds since 1970 of an ISO 8601 time (UTC if it has no zone); None for anything else."""
    try:
        moment = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
