"""What the tries of a task instance tell each other, by Airflow's task state store (3.3 and later)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_segment.clock import Clock

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

DEADLINE = "segment_wait_deadline"


def seconds_left(timeout: float, context: Context) -> float:
    """Of the seconds to wait, those that earlier tries have left; all of them where Airflow has no memory."""
    store: Any = context.get("task_state_store")
    if not store:
        return timeout
    now = Clock().now()
    deadline = store.get(DEADLINE)
    if deadline is None:
        store.set(DEADLINE, (now + timedelta(seconds=timeout)).isoformat())
        return timeout
    return min(timeout, max(0.0, (datetime.fromisoformat(deadline) - now).total_seconds()))
