"""What hurts in a Segment workspace, every night: a report in a file, and a word to whoever should know.

The task fails if something is seriously wrong, after the report is written. Its failure becomes an event at
Segment, which can alert wherever Segment's destinations reach; any other notifier works as well.
"""

from __future__ import annotations

# [START workspace_audit]
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_segment.notifications.segment import SegmentNotifier
from airflow_provider_segment.operators.audit import SegmentAuditWorkspaceOperator

with DAG(
    "workspace_audit",
    description="What hurts in a Segment workspace, every night",
    doc_md=__doc__,
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    default_args={"owner": "data"},
    catchup=False,
    params={
        "report": Param(
            "/data/segment_audit.json", type="string", description="File: a path, or s3://, gs://, ..."
        ),
        "mtu_allowance": Param(100_000, type="integer", description="Tracked users a month, by the contract"),
    },
    tags=["segment", "governance"],
):
    audit = SegmentAuditWorkspaceOperator(
        task_id="audit",
        to_path="{{ params.report }}",
        mtu_allowance="{{ params.mtu_allowance }}",
        exclude=["test *", "Test *"],
        fail_on=["high"],
        retries=2,
        retry_delay=timedelta(minutes=10),
        execution_timeout=timedelta(hours=2),
        on_failure_callback=SegmentNotifier(
            event="Segment Audit Failed",
            properties={"report": "{{ params.report }}", "note": "{{ ti.xcom_pull(key='note') }}"},
        ),
    )
# [END workspace_audit]
