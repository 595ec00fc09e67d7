"""The DAG of `benchmarks.parts`: a file in parts."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from airflow.sdk import DAG, Param, task

from airflow_provider_segment.operators.events import SegmentBatchEventsOperator

with DAG(
    "parts",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    params={
        "path": Param(type="string"),
        "parts": Param(type="integer"),
        "bytes": Param(type="integer"),
        "conn_id": Param(type="string"),
    },
):

    @task
    def parts(params: Any = None) -> list[dict[str, Any]]:
        """Ranges of bytes, as `SegmentPartitionEventsOperator` makes them, but of any size."""
        edges = [params["bytes"] * number // params["parts"] for number in range(params["parts"] + 1)]
        return [
            {
                "name": f"{number:03}",
                "pieces": [{"path": params["path"], "unit": "byte", "start": start, "end": end}],
            }
            for number, (start, end) in enumerate(pairwise(edges))
        ]

    SegmentBatchEventsOperator.partial(
        task_id="send",
        segment_conn_id="{{ params.conn_id }}",
        message_id_fields=["properties.order_id"],
        retries=1,
        retry_delay=timedelta(seconds=1),
        map_index_template="{{ task.part['name'] }}",
    ).expand(part=parts())
