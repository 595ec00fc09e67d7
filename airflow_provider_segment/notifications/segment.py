"""Reports the outcome of DAG runs and tasks to Segment, next to product events."""

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
"""A DAG's callbacks run in the DAG processor, and must not delay it for long."""


class SegmentNotifier(BaseNotifier):
    """Sends a track event when a DAG run or a task ends.

    ::

        DAG(..., on_failure_callback=SegmentNotifier(), on_success_callback=SegmentNotifier())
        default_args={"on_failure_callback": SegmentNotifier(), "on_retry_callback": SegmentNotifier()}

    The events are called ``DAG Run Failed``, ``DAG Run Succeeded``, ``Task Failed``, ``Task Succeeded``,
    ``Task Retried`` and ``Task Skipped``. Their properties are ``dag_id``, ``run_id``, ``run_type``,
    ``logical_date`` and ``duration`` (seconds since the start). A DAG run adds ``reason`` (as Airflow gives
    it). A task adds ``task_id``, ``map_index``, ``try_number`` and, if it failed, ``error``: the name of the
    exception, without its text, which may contain confidential data.

    Airflow logs a notification that fails; the state of the DAG run or task does not change.

    :param event: name of the event, instead of the names above (templated)
    :param properties: additional properties (templated)
    :param user_id: the user of the event (templated)
    :param anonymous_id: used if there is no ``user_id``. By default all events belong to ``airflow``, which
        Segment bills as one tracked user (templated)
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
        # A callback that runs twice sends one event; a run that is cleared and ends again, another.
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
