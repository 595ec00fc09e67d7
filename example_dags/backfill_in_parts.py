"""Years of events, from files into Segment, by many tasks at once: cut into parts, sent, and gathered.

The files in the folder `events`, and below, are cut into at most 64 parts of about the same size. Each is
sent by a mapped task, up to eight at once, on whichever workers are free. The last task puts their reports
together: it fails, and names the part, if one is missing.

A part that failed for good can be cleared, with what is downstream: the others are not sent again.
"""

from __future__ import annotations

# [START backfill_in_parts]
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_segment.operators.events import SegmentBatchEventsOperator
from airflow_provider_segment.operators.parts import (
    SegmentGatherReportsOperator,
    SegmentPartitionEventsOperator,
)

with DAG(
    "backfill_in_parts",
    description="Years of events, cut into parts that many tasks send at once",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1),
    # An hour in all: an outage of Airflow itself costs tries, too.
    default_args={
        "owner": "data",
        "retries": 5,
        "retry_delay": timedelta(minutes=2),
        "retry_exponential_backoff": True,
    },
    params={
        "events": Param("/data/lake", type="string", description="Folder or glob, also s3://, gs://, ..."),
        "rejected": Param("/data/rejected", type="string", description="Folder for rejected events"),
        "min_part_bytes": Param(1 << 26, type="integer", description="No part is smaller"),
    },
    tags=["segment", "events"],
) as dag:
    parts = SegmentPartitionEventsOperator(
        task_id="parts",
        path="{{ params.events }}",
        min_part_bytes="{{ params.min_part_bytes }}",
    )

    send = SegmentBatchEventsOperator.partial(
        task_id="send",
        rejects_path="{{ params.rejected }}/{{ run_id }}/{{ ti.map_index }}.jsonl",  # each part needs its own
        max_rejected_share=0.01,  # a few are set aside for repair; more indicate a fault upstream
        max_events_per_second=5_000,  # all parts together
        max_active_tis_per_dagrun=8,
        map_index_template="{{ task.part['name'] }}",
    ).expand(part=parts.output)

    gather = SegmentGatherReportsOperator(
        task_id="gather",
        parts=parts.output,
        reports=send.output,
        rejects_path="{{ params.rejected }}/{{ run_id }}/all.jsonl",
    )
# [END backfill_in_parts]
