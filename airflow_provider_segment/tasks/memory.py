"""What the tries of a task instance tell each other, by Airflow's task state store (3.3 and later)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_segment.api.clock import Clock

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

KEY = "segment"
"""Key in the task state store, of all notes together."""
KEPT = timedelta(days=90)
"""Longer than anything that is waited for."""

DEADLINE = "wait_until"


class Memory:
    """The notes of a task instance. Plain JSON; where Airflow has no store for it, it forgets at once.

    Whoever clears a task wants it done anew, but Airflow's store outlives that. What changes with every
    clearing, and with no retry, is the number of the last try: notes of another one do not count.
    """

    def __init__(self, context: Context) -> None:
        ti: Any = context.get("ti")
        self._store: Any = context.get("task_state_store")
        self._last_try = getattr(ti, "max_tries", None)
        self.persistent = bool(self._store)
        """Whether notes outlive a try (Airflow 3.3 and later)."""
        retries = getattr(getattr(ti, "task", None), "retries", 0) or 0
        first_try = (self._last_try or 0) - retries + 1  # clearing sets max_tries to try_number + retries
        self.is_retry: bool = ti is not None and ti.try_number > max(1, first_try)
        """Whether an earlier try failed since the task was last cleared."""
        known: Any = self._store.get(KEY) if self._store else None
        self._notes: dict[str, Any] = known["notes"] if known and known["of"] == self._last_try else {}

    def get(self, name: str, default: Any = None) -> Any:
        """A note."""
        return self._notes.get(name, default)

    def note(self, **notes: Any) -> None:
        """Make notes; None takes one away."""
        self._notes = {name: note for name, note in {**self._notes, **notes}.items() if note is not None}
        if self._store:
            self._store.set(KEY, {"of": self._last_try, "notes": self._notes}, retention=KEPT)

    def seconds_left(self, timeout: float) -> float:
        """Of the seconds to wait, those that earlier tries have left."""
        now = Clock().now()
        deadline = self.get(DEADLINE)
        if deadline is None:
            self.note(**{DEADLINE: (now + timedelta(seconds=timeout)).isoformat()})
            return timeout
        return min(timeout, max(0.0, (datetime.fromisoformat(deadline) - now).total_seconds()))
