"""A day of Segment's archive in S3, sent to another source, and only to the destinations named here.

For a destination that was added later, or that lost data. The events keep their time, and get new message
ids, because Segment drops an id that it has seen within 24 hours at any source. Each event counts as an API
call, and each user as an MTU of this month. Old `identify` and `group` calls overwrite newer traits: see
what a day consists of with `preview_and_approve` before you replay a year.

It needs the connection `segment_default` with a Public API token, which finds the write key of the source,
and Airflow's connection to S3.
"""

from __future__ import annotations

# [START replay_archive]
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_segment.operators.events import SegmentBatchEventsOperator
from airflow_provider_segment.references import ref

# Segment names the folder of a day by its first millisecond.
FOLDER = "{{ (macros.datetime.fromisoformat(params.day ~ 'T00:00:00+00:00').timestamp() * 1000) | int }}"

with DAG(
    "replay_archive",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    max_active_runs=1,
    default_args={"retries": 5, "retry_delay": timedelta(minutes=2), "retry_exponential_backoff": True},
    params={
        "archive": Param(
            "s3://your-bucket/segment-logs/your-source-id", type="string", description="Folder of the source"
        ),
        "day": Param(type="string", format="date", description="When Segment received the events, in UTC"),
        "source": Param(type="string", description="Slug of the source to send them to"),
    },
    tags=["segment"],
):
    replay = SegmentBatchEventsOperator(
        task_id="replay",
        path="{{ params.archive }}/" + FOLDER + "/*.gz",
        format="segment_archive",
        source_id=ref("source", "{{ params.source }}"),
        integrations={"All": False, "Amplitude": True},  # what an event disables itself stays disabled
        max_events_per_second=1_000,
        min_events=1,
    )
# [END replay_archive]
