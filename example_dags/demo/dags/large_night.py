"""Millions of events in parts, over the workers of a cluster, at one rate: what `make demo-celery` runs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, task

from airflow_provider_segment.operators.events import SegmentBatchEventsOperator

ORDER = {
    "type": "track",
    "event": "Order Completed",
    "userId": "$customer",
    "timestamp": "$ordered_at",
    "properties": {"order_id": "$order_id", "total": "$total", "currency": "EUR"},
}

with DAG(
    "large_night",
    schedule=None,
    default_args={
        "retries": 10,
        "retry_delay": timedelta(seconds=10),
    },
    params={
        "night": Param(type="string", description="Folder"),
        "rate": Param(type="integer", description="Events a second"),
    },
    render_template_as_native_obj=True,
):

    @task
    def parts(kind: str, params: Any = None) -> list[str]:
        return sorted(map(str, Path(params["night"], kind).iterdir()))

    SENDING: Any = {
        "max_events_per_second": "{{ params.rate }}",
        "rate_limiter_conn_id": "limiter",
        "concurrency": 1,
        "max_active_tis_per_dagrun": 4,
        "map_index_template": "{{ task.path.rpartition('/')[2] }}",
    }
    SegmentBatchEventsOperator.partial(
        task_id="send_parquet", mapping=ORDER, message_id_fields=["order_id"], **SENDING
    ).expand(path=parts.override(task_id="parquet")("parquet"))
    SegmentBatchEventsOperator.partial(
        task_id="send_jsonl", message_id_fields=["properties.order_id"], **SENDING
    ).expand(path=parts.override(task_id="jsonl")("jsonl"))
