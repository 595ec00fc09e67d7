"""Last night's events, from files into Segment: nothing lost, nothing duplicated, nothing silent.

The events of a day are in `<events>/<day>/`, as JSON Lines, compressed or not. A run sends the previous day;
trigger it by hand with a `day` to send another. Sending a day twice within 24 hours creates no duplicates:
Segment recognises the events by their message ids.
"""

from __future__ import annotations

# [START nightly_backfill]
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_segment.operators.events import SegmentBatchEventsOperator

# The requested day, otherwise the day before the run, however it was started.
DAY = "{{ params.day or macros.ds_add(dag_run.run_after | default(data_interval_end) | ds, -1) }}"

with DAG(
    "nightly_backfill",
    description="Last night's events, from files into Segment",
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
        "events": Param("/data/events", type="string", description="Folder: a path, or s3://, gs://, ..."),
        "day": Param(None, type=["null", "string"], format="date", description="Default: the day before"),
    },
    tags=["segment", "events"],
):
    send_events = SegmentBatchEventsOperator(
        task_id="send_events",
        path="{{ params.events }}/" + DAY + "/*.jsonl*",
        rejects_path="{{ params.events }}/rejected/" + DAY + ".jsonl",
        max_rejected=100,  # a few are set aside for repair; more indicate a fault upstream, and fail the task
    )

    @task
    def notify(report: Any) -> str:
        """Report the result: here to the log, in your DAG perhaps to a chat."""
        rejected = sum(report["rejected"].values())
        message = f"{report['sent']:,} of {report['read']:,} events are in Segment"
        if rejected:
            message += f"; {rejected} set aside in {report['rejects_path']}: {report['rejected']}"
        print(message)
        return message

    notify(send_events.output)
# [END nightly_backfill]
