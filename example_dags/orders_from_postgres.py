"""Yesterday's orders, from a table into Segment: a mapping says how a row becomes an event.

The rows are streamed, checked and sent while they are read. Rows that become no valid event are set aside,
to be corrected and sent again. A retry goes on where the last try stopped, and a day that is sent twice
within 24 hours creates no duplicates: Segment recognises an event by its message id, which follows the
`order_id`.

Besides the connection `segment_default`, it needs the connection `warehouse`, to a PostgreSQL database with
the table `orders`. Trigger it by hand with a `day` to send another day.
"""

from __future__ import annotations

# [START orders_from_postgres]
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_segment.transfers.sql_to_segment import SqlToSegmentOperator

# The requested day, otherwise the day before the run, however it was started.
DAY = "{{ params.day or macros.ds_add(dag_run.run_after | default(data_interval_end) | ds, -1) }}"

with DAG(
    "orders_from_postgres",
    description="Yesterday's orders, from a table into Segment",
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
        "day": Param(None, type=["null", "string"], format="date", description="Default: the day before"),
        "rejected": Param("/data/rejected", type="string", description="Folder for rejected rows"),
    },
    tags=["segment", "events"],
):
    send_orders = SqlToSegmentOperator(
        task_id="send_orders",
        sql_conn_id="warehouse",
        sql="""
            select order_id, customer_id, ordered_at, total, ship_city from orders
            where ordered_at >= %(start)s and ordered_at < %(start)s::timestamptz + interval '24 hours'
        """,
        parameters={"start": DAY + "T00:00:00Z"},  # in UTC, whatever the time zone of the session
        mapping={
            "type": "track",
            "event": "Order Completed",
            "userId": "$customer_id",
            "timestamp": "$ordered_at",
            "properties": {"order_id": "$order_id", "total": "$total", "shipping": {"city": "$ship_city"}},
        },
        message_id_fields=["order_id"],
        resume_key="order_id",  # unique and never null
        rejects_path="{{ params.rejected }}/orders/" + DAY + ".jsonl",
        max_rejected=100,
        min_events=1,  # a day without orders is more likely a mistake than a fact
    )
# [END orders_from_postgres]
