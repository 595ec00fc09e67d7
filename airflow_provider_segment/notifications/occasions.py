"""What happened, as the context tells that Airflow hands to a notifier.

A callback is not told why it is called. The contexts differ: a task has ``ti``; the end of a DAG run adds
``reason`` to the context of one of its tasks; a missed deadline has ``dag_run``, as a dict, and ``deadline``;
a missed SLA (Airflow 2) has ``slas``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from airflow_provider_segment.version_compat import iteration_of

STATES = {
    "running": "Started",
    "success": "Succeeded",
    "failed": "Failed",
    "up_for_retry": "Retried",
    "skipped": "Skipped",
}


@dataclass(frozen=True)
class Occasion:
    """One thing that happened.

    :param name: the event's name
    :param properties: the event's properties; None where Airflow does not tell
    :param identity: what else tells it from others of that name, run and task
    """

    name: str
    properties: dict[str, Any]
    identity: tuple[Any, ...]

    @property
    def key(self) -> list[Any]:
        """Equal for the same occasion only."""
        names = ("dag_id", "run_id", "task_id", "map_index", "try_number")
        return [self.name, *map(self.properties.get, names), *self.identity]


def occasion_of(context: Mapping[str, Any], notifier: object) -> Occasion:
    """What a context tells.

    :param notifier: what Airflow called: whether a task was to be retried may depend on it
    :raises SegmentConfigurationError: it is not a context of a callback
    """
    if "reason" in context:
        return _end_of_dag_run(context)
    if context.get("ti"):
        return _task(context, notifier)
    if "deadline" in context:
        return _missed_deadline(context)
    if "slas" in context:
        return _missed_sla(context)
    from airflow_provider_segment.errors import SegmentConfigurationError

    raise SegmentConfigurationError(
        "the context tells neither of a task nor of a DAG run: it has only "
        f"{', '.join(sorted(context)) or 'nothing'}. "
        "Use the notifier as the callback of a DAG, a task or a deadline"
    )


def _end_of_dag_run(context: Mapping[str, Any]) -> Occasion:
    reason = context["reason"]
    run = context.get("dag_run")
    facts = _run(context) | {"reason": reason, "duration": _seconds_since(run and run.start_date)}
    name = f"DAG Run {'Succeeded' if reason == 'success' else 'Failed'}"
    return Occasion(name, facts, (str(run and run.start_date),))


def _task(context: Mapping[str, Any], notifier: object) -> Occasion:
    ti, run, error = context["ti"], context.get("dag_run"), context.get("exception")
    state = _text(ti.state) or _state_of_killed(ti, notifier)
    facts = _run(context) | {
        "task_id": ti.task_id,
        "map_index": None if ti.map_index in (None, -1) else ti.map_index,
        "try_number": ti.try_number,
        "error": type(error).__name__ if isinstance(error, BaseException) else None,
        # Airflow does not tell when a task started that it found dead.
        "duration": _seconds_since(getattr(ti, "start_date", None)),
    }
    name = f"Task {STATES.get(state, state.replace('_', ' ').title())}"
    return Occasion(name, facts, (str(run and run.start_date), *iteration_of(context)))


def _state_of_killed(ti: Any, notifier: object) -> str:
    """Airflow 3 does not tell the state of a task that it found dead, only calls what the state calls for."""
    callbacks = ti.task.on_retry_callback or ()
    callbacks = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    left = ti.task.retries and ti.try_number <= ti.max_tries
    return "up_for_retry" if left and any(each is notifier for each in callbacks) else "failed"


def _missed_deadline(context: Mapping[str, Any]) -> Occasion:
    run, deadline = context["dag_run"], context["deadline"]
    facts = {
        "dag_id": run["dag_id"],
        "run_id": run["dag_run_id"],
        "run_type": run.get("run_type"),
        "logical_date": _iso(run.get("logical_date")),
        "state": run.get("state"),
        "deadline": _iso(deadline["deadline_time"]),
        "duration": _seconds_since(run.get("start_date")),
    }
    return Occasion("DAG Run Missed Deadline", facts, (deadline["id"],))


def _missed_sla(context: Mapping[str, Any]) -> Occasion:
    missed = sorted((sla.task_id, sla.execution_date.isoformat()) for sla in context["slas"])
    facts = {"dag_id": context["dag"].dag_id, "task_ids": sorted({task_id for task_id, _ in missed})}
    return Occasion("DAG Missed SLA", facts, tuple(missed))


def _run(context: Mapping[str, Any]) -> dict[str, Any]:
    run = context.get("dag_run")
    return {
        "dag_id": context["dag"].dag_id,
        "run_id": context.get("run_id"),
        "run_type": run and _text(run.run_type),
        "logical_date": _iso(run and getattr(run, "logical_date", None)),
    }


def _text(value: Any) -> str:
    """The text of an enumeration's member, or of what is none."""
    return str(getattr(value, "value", value) or "")


def _moment(value: datetime | str | None) -> datetime | None:
    """A time, which Airflow gives as text in some contexts."""
    return datetime.fromisoformat(value.replace("Z", "+00:00")) if isinstance(value, str) else value


def _iso(value: datetime | str | None) -> str | None:
    moment = _moment(value)
    return moment.isoformat() if moment else None


def _seconds_since(value: datetime | str | None) -> float | None:
    start = _moment(value)
    return round((datetime.now(timezone.utc) - start).total_seconds(), 3) if start else None
