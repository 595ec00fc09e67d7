"""A backfill that waits for nothing before it is retried, and sends one batch at a time."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_segment.operators.events import SegmentBatchEventsOperator

with DAG(
    "backfill_retried_at_once",
    schedule=None,
    params={"path": Param(type="string"), "rejects_path": Param(type="string")},
):
    SegmentBatchEventsOperator(
        task_id="send_events",
        path="{{ params.path }}",
        rejects_path="{{ params.rejects_path }}",
        max_rejected=None,
        concurrency=1,
        retries=1,
        retry_delay=timedelta(0),
    )
