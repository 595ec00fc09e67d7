"""A DAG whose runs begin with missed deadlines: Segment is told by the triggerer and by a worker."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, AsyncCallback, DeadlineAlert, DeadlineReference, SyncCallback, task

from airflow_provider_segment.notifications.segment import SegmentNotifier

TEAM = "{{ dag_run.dag_id }} team"
CALLBACKS = {
    "segment_default": AsyncCallback,
    # What docs/waiting.md says of connections on an executor.
    "segment_of_workers": SyncCallback,
}

with DAG(
    "late",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    deadline=[
        DeadlineAlert(
            reference=DeadlineReference.FIXED_DATETIME(datetime(2026, 1, 1, hour, tzinfo=timezone.utc)),
            interval=timedelta(0),
            callback=callback(
                SegmentNotifier, kwargs={"segment_conn_id": conn_id, "properties": {"team": TEAM}}
            ),
        )
        for hour, (conn_id, callback) in enumerate(CALLBACKS.items(), 1)
    ],
):

    @task
    def work() -> None:
        """Nothing: the deadlines are over."""

    work()
