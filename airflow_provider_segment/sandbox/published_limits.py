"""The rate limits that Segment publishes, enforced."""

from __future__ import annotations

import re

from airflow_provider_segment.api.published_limits import LIMITS
from airflow_provider_segment.sandbox.rate_limit import RateLimit


class PublishedLimits:
    """The limits of all endpoints, each with its own count."""

    def __init__(self) -> None:
        self._limits = {name: RateLimit(limit.requests, limit.seconds) for name, limit in LIMITS.items()}

    def of(self, operation: str) -> RateLimit | None:
        """The limit of an operation, given as "METHOD /path/{parameter}"."""
        return self._limits.get(re.sub(r"\{\w+\}", "{}", operation))
