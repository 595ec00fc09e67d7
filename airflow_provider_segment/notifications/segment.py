"""Tells Segment how DAG runs and tasks end, so that the health of pipelines stands beside product events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseNotifier

from airflow_provider_segment.hooks.segment import SegmentHook

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

ENDINGS = {
    "success": "Succeeded",
    "failed": "Failed",
    "up_for_retry": "Retried",
    "skipped": "Skipped",
}

RETRIES = 2
"""A callback of a DAG runs where DAG files are parsed, and must not hold that up for long."""


class SegmentNotifier(BaseNotifier):
    """Sends a track event for the end of a DAG run or a task.

    ::

        DAG(..., on_failure_callback=SegmentNotifier(), on_success_callback=SegmentNotifier())
        default_args={"on_failure_callback": SegmentNotifier(), "on_retry_callback": SegmentNotifier()}

    The events are called ``DAG Run Failed``, ``DAG Run Succeeded``, ``Task Failed``, ``Task Succeeded``,
    ``Task Retried`` and ``Task Skipped``. Their properties are ``dag_id``, ``run_id``, ``run_type``,
    ``logical_date`` and ``duration`` (seconds since the start), of a DAG run ``reason`` (Airflow's word for
    why it ended so), of a task ``task_id``, ``map_index``, ``try_number`` and, where it failed, ``error``:
    the name of the exception, without its text, which may tell more than product analytics should know.

    Airflow logs a notification that fails; the DAG run and the task are as they are.

    :param event: name of the event, instead of these (templated)
    :param properties: further properties (templated)
    :param user_id: whom the event belongs to (templated)
    :param anonymous_id: the same without a user; by default all events belong to ``airflow``, which is one
        tracked user to Segment's bill (templated)
    :param segment_conn_id: the Airflow connection, with a write key (templated)
    :raises SegmentError: the event could not be delivered
    """

    template_fields = ("event", "properties", "user_id", "anonymous_id", "segment_conn_id")

    def __init__(
        self,
        *,
        event: str | None = None,
        properties: Mapping[str, Any] | None = None,
        user_id: str | None = None,
        anonymous_id: str = "airflow",
        segment_conn_id: str = SegmentHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.event = event
        self.properties = properties
        self.user_id = user_id
        self.anonymous_id = anonymous_id
        self.segment_conn_id = segment_conn_id

    def notify(self, context: Context) -> None:
        """Send the event."""
        default, facts = _of_dag_run(context) if "reason" in context else _of_task(context)
        facts |= _of_both(context)
        hook = SegmentHook(self.segment_conn_id, retries=RETRIES)
        # A callback that is run once more is no second event; a run that was cleared, and ends again, is.
        run: Any = context.get("dag_run")
        same = [facts.get(name) for name in ("dag_id", "run_id", "task_id", "map_index", "try_number")]
        message_id = hook.derive_message_id("notifier", default, *same, str(run and run.start_date))
        hook.track(
            self.event or default,
            {name: value for name, value in facts.items() if value is not None} | dict(self.properties or {}),
            user_id=self.user_id,
            anonymous_id=None if self.user_id else self.anonymous_id,
            message_id=message_id,
        )
        self.log.info("Sent the event %r to Segment", self.event or default)


def _of_dag_run(context: Context) -> tuple[str, dict[str, Any]]:
    reason = context.get("reason")
    run: Any = context.get("dag_run")
    name = f"DAG Run {'Succeeded' if reason == 'success' else 'Failed'}"
    return name, {"reason": reason, "duration": _seconds_since(run and run.start_date)}


def _of_task(context: Context) -> tuple[str, dict[str, Any]]:
    ti: Any = context.get("ti")
    error = context.get("exception")
    state = str(ti.state.value if hasattr(ti.state, "value") else ti.state)
    ending = ENDINGS.get(state, state.replace("_", " ").title())
    return f"Task {ending}", {
        "task_id": ti.task_id,
        "map_index": ti.map_index if ti.map_index >= 0 else None,
        "try_number": ti.try_number,
        "error": type(error).__name__ if isinstance(error, BaseException) else None,
        "duration": _seconds_since(ti.start_date),
    }


def _of_both(context: Context) -> dict[str, Any]:
    run: Any = context.get("dag_run")
    dag: Any = context.get("dag")
    date = run and getattr(run, "logical_date", None)
    return {
        "dag_id": dag.dag_id,
        "run_id": context.get("run_id"),
        "run_type": run and str(getattr(run.run_type, "value", run.run_type)),
        "logical_date": date and date.isoformat(),
    }


def _seconds_since(start: datetime | None) -> float | None:
    return round((datetime.now(timezone.utc) - start).total_seconds(), 3) if start else None
