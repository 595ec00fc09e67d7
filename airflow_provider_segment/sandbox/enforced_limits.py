"""Rate limits, enforced as the Public API enforces them: fixed windows of requests."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Annotated, NamedTuple

from msgspec import Meta

from airflow_provider_segment.api.published_limits import LIMITS


class Standing(NamedTuple):
    """A caller's count in the current window."""

    consumed: int
    remaining: int
    reset_at: float  # seconds since 1970
    allowed: bool

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Consumed": str(self.consumed),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": formatdate(self.reset_at, usegmt=True),
        }


@dataclass
class RateLimit:
    """At most `requests` in `seconds`, counted separately for each key."""

    requests: Annotated[int, Meta(ge=0)]
    seconds: Annotated[float, Meta(gt=0, le=366 * 24 * 60 * 60)] = 60.0
    _windows: dict[str, tuple[float, int]] = field(default_factory=dict, init=False, repr=False)

    def take(self, key: str, now: float) -> Standing:
        """Count one request; refused ones count, too."""
        start, consumed = self._windows.get(key, (now, 0))
        if now - start >= self.seconds:
            start, consumed = now, 0
        consumed += 1
        self._windows[key] = (start, consumed)
        remaining = max(self.requests - consumed, 0)
        return Standing(consumed, remaining, start + self.seconds, consumed <= self.requests)


class EnforcedLimits:
    """The limits that Segment publishes, each with its own count."""

    def __init__(self) -> None:
        self._limits = {name: RateLimit(limit.requests, limit.seconds) for name, limit in LIMITS.items()}

    def of(self, operation: str) -> RateLimit | None:
        """The limit of an operation, given as "METHOD /path/{parameter}"."""
        return self._limits.get(re.sub(r"\{\w+\}", "{}", operation))
