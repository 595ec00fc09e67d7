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

# The requested day, otherwise the day before the run, however it was started.
DAY = "(params.day or macros.ds_add(dag_run.run_after | default(data_interval_end) | ds, -1))"
# Segment names the folder of a day by its first millisecond.
FOLDER = f"{{{{ (macros.datetime.fromisoformat({DAY} ~ 'T00:00:00+00:00').timestamp() * 1000) | int }}}}"

with DAG(
    "replay_archive",
    description="A day of Segment's archive, sent to another source",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1),
    max_active_runs=1,
    default_args={
        "owner": "data",
        "retries": 5,
        "retry_delay": timedelta(minutes=2),
        "retry_exponential_backoff": True,
    },
    params={
        "archive": Param(
            "/data/segment-logs/shop",
            type="string",
            description="Folder of the source: s3://<bucket>/segment-logs/<source id>, or a path",
        ),
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            description="When Segment received the events, in UTC. Default: the day before",
        ),
        "source": Param("replay", type="string", description="Slug of the source to send them to"),
    },
    tags=["segment", "events"],
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
