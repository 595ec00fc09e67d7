"""The orders that changed since the last load, every hour: a watermark says where each load begins.

It is the highest `updated_at` that was delivered. It is kept in a ledger, and moves only when a load
succeeds: after a day without loads the next one sends all that has changed since. Each load begins ten
minutes before the watermark, for rows whose transaction was committed late. Those that were sent before are
sent once more then, and Segment drops them: their message ids are the same, and the loads less than 24 hours
apart.

Besides the connection `segment_default`, it needs the connection `warehouse`, to a PostgreSQL database with
the table `orders`.
"""

from __future__ import annotations

# [START incremental_orders]
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_segment.transfers.sql_to_segment import SqlToSegmentOperator

with DAG(
    "incremental_orders",
    description="The orders that changed since the last load, every hour",
    doc_md=__doc__,
    schedule="@hourly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "data",
        "retries": 5,
        "retry_delay": timedelta(minutes=2),
        "retry_exponential_backoff": True,
    },
    params={
        "ledger": Param("/data/ledger", type="string", description="Folder of the ledger"),
        "rejected": Param("/data/rejected", type="string", description="Folder for rejected rows"),
    },
    tags=["segment", "events"],
):
    send_orders = SqlToSegmentOperator(
        task_id="send_orders",
        sql_conn_id="warehouse",
        sql="""
            select order_id, customer_id, updated_at, status, total from orders
            where updated_at >= %(since)s
        """,
        parameters={"since": "{{ watermark }}"},
        watermark="updated_at",
        initial_watermark="2025-01-01T00:00:00Z",
        overlap=timedelta(minutes=10),
        ledger_path="{{ params.ledger }}",
        mapping={
            "type": "track",
            "event": "Order Updated",
            "userId": "$customer_id",
            "timestamp": "$updated_at",
            "properties": {"order_id": "$order_id", "status": "$status", "total": "$total"},
        },
        message_id_fields=["order_id", "updated_at"],
        rejects_path="{{ params.rejected }}/orders/{{ run_id }}.jsonl",
        max_rejected=100,
    )
# [END incremental_orders]
