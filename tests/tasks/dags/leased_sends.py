"""Sends that take long, at the rate of the run: of a file, and of what a function yields."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param

import airflow_provider_segment.decorators.segment_events as decorators
from airflow_provider_segment.operators.events import SegmentBatchEventsOperator

RATE = "{{ params.rate }}"


def yielded() -> Iterator[dict[str, Any]]:
    for number in range(100_000):
        yield {"type": "track", "event": "Counted", "userId": "u", "properties": {"n": number}}


with DAG(
    "leased_sends",
    schedule=None,
    render_template_as_native_obj=True,
    default_args={"retries": 1, "retry_delay": timedelta(0)},
    params={
        "path": Param("", type="string"),
        "rate": Param(None, type=["null", "number"]),
    },
) as dag:
    SegmentBatchEventsOperator(task_id="file", path="{{ params.path }}", max_events_per_second=RATE)
    decorators.segment_events_task(task_id="function", max_events_per_second=RATE)(yielded)()

DAGS = {dag.dag_id: dag}
