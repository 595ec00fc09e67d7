"""Yesterday's orders, from a folder of Parquet: a row becomes an identify, a track, both or neither.

The files of a day are in `<orders>/<day>/`. Their times have no zone, as Spark and pandas often write them:
the DAG says which it is. Reading Parquet needs the extra `parquet`.
"""

from __future__ import annotations

# [START events_from_parquet]
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_segment.operators.events import SegmentBatchEventsOperator

# The requested day, otherwise the day before the run, however it was started.
DAY = "{{ params.day or macros.ds_add(dag_run.run_after | default(data_interval_end) | ds, -1) }}"

CUSTOMER = {
    "type": "identify",
    "when": {"not": {"$": "email", "is_null": True}},
    "userId": "$customer_id",
    "timestamp": "$ordered_at",
    "traits": {"email": "$email"},
}
ORDER = {
    "type": "track",
    "when": {"$": "status", "equals": "paid"},
    "event": "Order Completed",
    "userId": "$customer_id",
    "timestamp": "$ordered_at",
    "properties": {
        "order_id": "$order_id",
        "total": "$total",
        "products": "$items",  # a list of structs becomes a list of objects
        "shipping": {"city": {"$": "address", "path": "city"}},
    },
}

with DAG(
    "events_from_parquet",
    description="Yesterday's orders, from Parquet files into Segment",
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
        "orders": Param("/data/orders", type="string", description="Folder: a path, or s3://, gs://, ..."),
        "day": Param(None, type=["null", "string"], format="date", description="Default: the day before"),
    },
    tags=["segment", "events"],
):
    send_events = SegmentBatchEventsOperator(
        task_id="send_events",
        path="{{ params.orders }}/" + DAY + "/*.parquet",
        mapping=[CUSTOMER, ORDER],
        message_id_fields=["order_id"],  # the two events of a row get different ids all the same
        naive_timezone="UTC",  # of ordered_at
        rejects_path="{{ params.orders }}/rejected/" + DAY + ".jsonl",
        max_rejected_share=0.001,
    )
# [END events_from_parquet]
