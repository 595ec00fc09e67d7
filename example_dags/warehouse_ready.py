"""A day's events, from files through Segment into the warehouse, and a task that runs once they are loaded.

Segment counts events a minute after they arrive, and loads warehouses on its own schedule. So the run waits
until as many events are counted as it sent, and then for a sync that started after that: an earlier one may
have missed some. Give the backfill a separate source: other events that arrive meanwhile are counted, too.
"""

from __future__ import annotations

# [START warehouse_ready]
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_segment.operators.events import SegmentBatchEventsOperator
from airflow_provider_segment.references import ref
from airflow_provider_segment.sensors import SegmentEventVolumeSensor, SegmentWarehouseSyncSensor

# The requested day, otherwise the day before the run, however it was started.
DAY = "{{ params.day or macros.ds_add(dag_run.run_after | default(data_interval_end) | ds, -1) }}"
SOURCE = ref("source", "{{ params.source }}")

with DAG(
    "warehouse_ready",
    description="A day's events into the warehouse, and a task that runs once they are loaded",
    doc_md=__doc__,
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={
        "owner": "data",
        "retries": 5,
        "retry_delay": timedelta(minutes=2),
        "retry_exponential_backoff": True,
    },
    params={
        "events": Param("/data/shop", type="string", description="Folder: a path, or s3://, gs://, ..."),
        "day": Param(None, type=["null", "string"], format="date", description="Default: the day before"),
        "sent_before": Param(False, type="boolean", description="Were these events sent within a day?"),
        "source": Param("shop", type="string", description="Slug of the source to send to"),
        "warehouse": Param("Shop", type="string", description="Name of the warehouse it is loaded to"),
        "lag": Param(60, type="integer", description="Seconds until Segment has counted an event"),
    },
    tags=["segment", "events"],
):
    send_events = SegmentBatchEventsOperator(
        task_id="send_events",
        path="{{ params.events }}/" + DAY + "/*.jsonl*",
        rejects_path="{{ params.events }}/rejected/" + DAY + ".jsonl",
        max_rejected=100,
        source_id=SOURCE,
    )
    counted = SegmentEventVolumeSensor(
        task_id="counted",
        source_id=SOURCE,
        start="{{ dag_run.start_date }}",  # events are counted when they arrive, whatever their timestamps
        # Segment does not count again what it received within the last day.
        min_count="{{ 0 if params.sent_before or dag_run.clear_number else "
        "ti.xcom_pull('send_events')['distinct'] }}",
        lag="{{ params.lag }}",
        timeout=timedelta(hours=1),
        deferrable=True,
    )
    loaded = SegmentWarehouseSyncSensor(
        task_id="loaded",
        warehouse_id=ref("warehouse", "{{ params.warehouse }}"),
        source_ids=[SOURCE],
        since="{{ ti.xcom_pull('counted')['end'] }}",  # all had arrived by then
        timeout=timedelta(days=1),
        deferrable=True,
    )

    @task
    def transform(loaded: Any) -> str:
        """Everything is in the warehouse: run dbt here, or whatever uses its tables."""
        [sync] = loaded["syncs"]  # one for each source
        message = f"The sync started at {sync['start']} has loaded {sync['count']:,} rows"
        print(message)
        return message

    send_events >> counted >> loaded
    transform(loaded.output)
# [END warehouse_ready]
