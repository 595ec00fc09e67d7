"""A DAG whose end, and whose task's end, Segment is told of."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import DAG, task

from airflow_provider_segment.notifications.segment import SegmentNotifier

with DAG(
    "notifying",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    params={"fail": False},
    on_success_callback=SegmentNotifier(),
    on_failure_callback=SegmentNotifier(properties={"team": "{{ dag.dag_id }} team"}),
    default_args={"on_failure_callback": SegmentNotifier(), "on_success_callback": SegmentNotifier()},
):

    @task
    def work(params: dict[str, bool]) -> None:
        """Succeed or fail, as told."""
        if params["fail"]:
            raise RuntimeError("as told")

    work()
