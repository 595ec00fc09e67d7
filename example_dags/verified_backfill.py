"""A night of events, and the proof that all of them arrived: at Segment, at a destination, in the warehouse.

`send` returns a report; `verify` compares it with what Segment counts, and with the ids in the warehouse. It
is green only if everything arrived, names the step that lost events, and is skipped if that cannot be known.
"""

from __future__ import annotations

# [START verified_backfill]
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_segment.operators.events import SegmentBatchEventsOperator
from airflow_provider_segment.operators.verification import SegmentVerifyEventsOperator
from airflow_provider_segment.references import ref

with DAG(
    "verified_backfill",
    description="A night of events, and the proof that all of them arrived",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={
        "owner": "data",
        "retries": 5,
        "retry_delay": timedelta(minutes=2),
        "retry_exponential_backoff": True,
    },
    params={
        "events": Param("/data/history/*.jsonl", type="string", description="Files, also s3://, gs://, ..."),
        "source": Param("history", type="string", description="Slug of the source to send to"),
        "destination": Param("Amplitude", type="string", description="Name of the one that is to be filled"),
        "warehouse": Param("Shop", type="string", description="Name of the warehouse at Segment"),
        "schema": Param("history", type="string", description="The schema of the source in it"),
    },
    tags=["segment", "events"],
):
    send = SegmentBatchEventsOperator(
        task_id="send", path="{{ params.events }}", source_id=ref("source", "{{ params.source }}")
    )

    verify = SegmentVerifyEventsOperator(
        task_id="verify",
        reports=send.output,
        destination_ids=[ref("destination", "{{ params.source }}", "{{ params.destination }}")],
        # A sync to it that begins after the send is waited for.
        warehouse_id=ref("warehouse", "{{ params.warehouse }}"),
        warehouse_conn_id="warehouse",
        warehouse_schema="{{ params.schema }}",
        timeout=24 * 60 * 60,
        deferrable=True,
    )
# [END verified_backfill]
