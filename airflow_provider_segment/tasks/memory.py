"""Notes passed from one try of a task instance to the next, in Airflow's task state store (3.3 and later)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_segment.api.clock import Clock

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

KEY = "segment"
"""Key in the task state store, of all notes together."""
KEPT = timedelta(days=90)
"""Longer than any wait."""

DEADLINE = "wait_until"


class Memory:
    """The notes of a task instance. Plain JSON; where Airflow has no store for it, it forgets at once.

    Whoever clears a task wants it done anew, but Airflow's store outlives that. Notes do not count if the
    task was cleared after they were made. A clear sets the number of the last try to the tries so far plus
    the DAG's retries, a retry leaves it. Where somebody changed the DAG's retries, a clear may bring about
    the same number; then the notes count only if nothing in the DAG run was cleared.

    A task that is cleared while it runs is ended, and begins anew if its executor reports a success. If the
    executor reports a failure, Airflow retries the task and changes nothing else: its notes count.
    """

    def __init__(self, context: Context) -> None:
        ti: Any = context.get("ti")
        self._store: Any = context.get("task_state_store")
        retries = getattr(getattr(ti, "task", None), "retries", 0) or 0
        last_try = getattr(ti, "max_tries", None)
        self._of = [last_try, retries, getattr(context.get("dag_run"), "clear_number", None)]
        self.persistent = bool(self._store)
        """Whether notes outlive a try (Airflow 3.3 and later)."""
        first_try = (last_try or 0) - retries + 1  # clearing sets max_tries to try_number + retries
        self.is_retry: bool = ti is not None and ti.try_number > max(1, first_try)
        """Whether an earlier try failed since the task was last cleared."""
        known: Any = self._store.get(KEY) if self._store else None
        self._notes: dict[str, Any] = known["notes"] if known and self._counts(*known["of"]) else {}

    def get(self, name: str, default: Any = None) -> Any:
        """A note."""
        return self._notes.get(name, default)

    def note(self, **notes: Any) -> None:
        """Make notes; None takes one away."""
        self._notes = {name: note for name, note in {**self._notes, **notes}.items() if note is not None}
        if self._store:
            self._store.set(KEY, {"of": self._of, "notes": self._notes}, retention=KEPT)

    @contextmanager
    def before_request(self, **notes: Any) -> Iterator[None]:
        """Make notes that tell a retry of the request in this block, whose answer may get lost.

        They are taken away if Segment did not carry the request out: what appears later is not the task's.
        """
        from airflow_provider_segment.errors import SegmentError

        self.note(**notes)
        try:
            yield
        except SegmentError as error:
            if not error.may_have_run:
                self.note(**dict.fromkeys(notes))
            raise

    def _counts(self, last_try: int | None, retries: int, clears: int | None) -> bool:
        """Whether the task was not cleared since a note was made, as far as Airflow lets one know."""
        return last_try == self._of[0] and (retries == self._of[1] or clears == self._of[2])

    def seconds_left(self, timeout: float) -> float:
        """Of the seconds to wait, those that earlier tries have left."""
        now = Clock().now()
        deadline = self.get(DEADLINE)
        if deadline is None:
            self.note(**{DEADLINE: (now + timedelta(seconds=timeout)).isoformat()})
            return timeout
        return min(timeout, max(0.0, (datetime.fromisoformat(deadline) - now).total_seconds()))
