"""What an audit tolerates."""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """The thresholds, and what to leave out. The operator has the defaults, and says what each means."""

    silent_days: int
    event_days: int
    delivery_days: int
    max_failure_rate: float
    min_failures: int
    max_sync_age_hours: float
    max_function_age_days: int
    mtu_allowance: int | None
    api_calls_allowance: int | None
    exclude: list[str]
