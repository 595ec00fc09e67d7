"""The traits of customers, from a model of dbt: one identify for each row that changed yesterday.

Segment keeps the traits that arrive last, whatever their `timestamp`: an old identify overwrites newer
traits. So the model must hold each customer once, as they are now. Then even the run of an old day is
harmless: a row that changed since then is no longer in its window. A history of changes, such as a snapshot
of dbt, is no source for this DAG.

Besides the connection `segment_default`, it needs the connection `warehouse`. Schedule it when dbt has built
the model with all of yesterday's changes: a row that appears later, with an older `updated_at`, is not sent.
"""

from __future__ import annotations

# [START identify_from_dbt_model]
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_segment.transfers.sql_to_segment import SqlToSegmentOperator

# The requested day, otherwise the day before the run, however it was started; and the day after that.
DAY_BEFORE = "(params.day or macros.ds_add(dag_run.run_after | default(data_interval_end) | ds, -1))"
START = "{{ " + DAY_BEFORE + " }}T00:00:00Z"
END = "{{ macros.ds_add(" + DAY_BEFORE + ", 1) }}T00:00:00Z"

with DAG(
    "identify_from_dbt_model",
    description="The traits of customers that changed yesterday, from a model of dbt",
    doc_md=__doc__,
    schedule="0 6 * * *",
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
    },
    tags=["segment", "events"],
):
    send_traits = SqlToSegmentOperator(
        task_id="send_traits",
        sql_conn_id="warehouse",
        sql="""
            select customer_id, updated_at, email, plan, orders, lifetime_value from customers
            where updated_at >= %(start)s and updated_at < %(end)s
        """,
        parameters={"start": START, "end": END},
        mapping={
            "type": "identify",
            "userId": "$customer_id",
            "timestamp": "$updated_at",
            "traits": "$*",  # the columns that are not named above
        },
        nulls="keep",  # a plan that ended becomes null; "drop" would leave the old one at Segment
        # Without updated_at, a second change within 24 hours would be dropped as a duplicate.
        message_id_fields=["customer_id", "updated_at"],
        max_events_per_second=1_000,  # what Segment recommends with Engage
    )
# [END identify_from_dbt_model]
