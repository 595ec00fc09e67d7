"""Each night's events into Segment, and each night as a partition of an asset, for the DAGs that wait for it.

The key of a partition is the day, `2026-11-19`, also where a night is sent by hand or by a backfill:
`airflow backfill create --dag-id night_partition --from-date 2026-11-01 --to-date 2026-11-30`. Before
Airflow 3.2 assets have no partitions: the events are sent all the same.
"""

from __future__ import annotations

# [START night_partition]
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_segment.operators.events import SegmentBatchEventsOperator

try:
    from airflow.sdk import Asset
except ImportError:  # Airflow 2
    outlets: list[Any] = []
else:
    outlets = [Asset(name="Nights of Shop: sent", uri="segment://nights/shop", group="Segment")]

# The requested day, otherwise the day before the run, however it was started.
DAY = "{{ params.day or macros.ds_add(dag_run.run_after | default(data_interval_end) | ds, -1) }}"

with DAG(
    "night_partition",
    description="Each night's events into Segment, as a partition of an asset",
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
        "events": Param("/data/nights", type="string", description="Folder: a path, or s3://, gs://, ..."),
        "day": Param(None, type=["null", "string"], format="date", description="Default: the day before"),
    },
    tags=["segment", "events"],
):
    send_events = SegmentBatchEventsOperator(
        task_id="send_events",
        path="{{ params.events }}/" + DAY + "/*.jsonl*",
        outlets=outlets,
        partition_key=DAY,
    )
# [END night_partition]
