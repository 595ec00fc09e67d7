"""Millions of events in parts, over the workers of a cluster, at one rate: what `make demo-celery` runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param

from airflow_provider_segment.operators.events import SegmentBatchEventsOperator
from airflow_provider_segment.operators.parts import (
    SegmentGatherReportsOperator,
    SegmentPartitionEventsOperator,
)
from airflow_provider_segment.operators.verification import SegmentVerifyEventsOperator
from airflow_provider_segment.references import ref

ORDER = {
    "type": "track",
    "event": "Order Completed",
    "userId": "$customer",
    "timestamp": "$ordered_at",
    "properties": {"order_id": "$order_id", "total": "$total", "currency": "EUR"},
}
SENDERS: dict[str, dict[str, Any]] = {
    "parquet": {"mapping": ORDER, "message_id_fields": ["order_id"]},
    "jsonl": {"message_id_fields": ["properties.order_id"]},
}

with DAG(
    "large_night",
    description="Millions of events in parts, over the workers of a cluster, at one rate",
    doc_md=__doc__,
    schedule=None,
    default_args={"owner": "data", "retries": 10, "retry_delay": timedelta(seconds=10)},
    params={
        "night": Param(type="string", description="Folder"),
        "source": Param(type="string", description="Slug of the source to send to"),
        "rate": Param(type="integer", description="Events a second, of all tasks together"),
        "parts": Param(type="integer", description="Of each of the two kinds of files"),
    },
    render_template_as_native_obj=True,
    tags=["segment", "events"],
):
    reports: list[Any] = []
    for kind, how in SENDERS.items():
        parts = SegmentPartitionEventsOperator(
            task_id=f"cut_{kind}",
            path=f"{{{{ params.night }}}}/{kind}",
            max_parts="{{ params.parts }}",
            min_part_bytes=1,
        )
        send = SegmentBatchEventsOperator.partial(
            task_id=f"send_{kind}",
            source_id=ref("source", "{{ params.source }}"),
            max_events_per_second="{{ params.rate }}",
            rate_limiter_conn_id="limiter",
            concurrency=1,
            max_active_tis_per_dagrun=4,
            map_index_template="{{ task.part['name'] }}",
            **how,
        ).expand(part=parts.output)
        gather = SegmentGatherReportsOperator(
            task_id=f"gather_{kind}", parts=parts.output, reports=send.output
        )
        reports.append(gather.output)
    SegmentVerifyEventsOperator(task_id="verify", reports=reports, lag=0, poll_interval=5)
