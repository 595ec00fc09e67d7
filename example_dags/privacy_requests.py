"""A week's deletion requests: users deleted and suppressed everywhere, and a report to prove it.

The ids are in `<requests>/<day>/`, one per line, in text files; the day is that of the run, unless another is
requested. Airflow never shows them, and the report identifies them only by their positions in the files. A
week without a file fails, so that a lost file is noticed: if there are no requests, put an empty one there.
"""

from __future__ import annotations

# [START privacy_requests]
import json
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, ObjectStoragePath, Param, task

from airflow_provider_segment.operators import SegmentDeleteUsersDataOperator

FOLDER = "{{ params.requests }}/{{ params.day or dag_run.run_after | default(data_interval_end) | ds }}"

with DAG(
    "privacy_requests",
    description="Users deleted and suppressed everywhere, with a report to prove it",
    doc_md=__doc__,
    schedule="@weekly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"owner": "data", "retries": 3, "retry_delay": timedelta(minutes=1)},
    params={
        "requests": Param("/data/privacy", type="string", description="Folder: a path, or s3://, gs://, ..."),
        "day": Param(None, type=["null", "string"], format="date", description="Default: that of the run"),
    },
    tags=["segment", "privacy"],
) as dag:
    forget = SegmentDeleteUsersDataOperator(
        task_id="forget",
        regulation_type="SUPPRESS_WITH_DELETE",
        path=FOLDER + "/*.txt",
        deferrable=True,  # it may take 30 days
    )

    @task
    def report(groups: Any, file: str) -> str:
        """Write the result of each group, and where users must be deleted by hand."""
        ObjectStoragePath(file).write_text(json.dumps(groups, indent=1))
        message = f"{sum(group['ids'] for group in groups):,} users were deleted"
        if undone := {destination["name"] for group in groups for destination in group["undone"]}:
            message += f", but not in {', '.join(sorted(undone))}, which cannot delete: see {file}"
        print(message)
        return message

    report(forget.output, FOLDER + "/report.json")
# [END privacy_requests]
