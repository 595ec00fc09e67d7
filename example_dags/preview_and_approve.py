"""A vendor's CSV, sent only after somebody has seen what it becomes and what it costs.

The first task maps and checks everything, and sends nothing. The second shows its note, and waits for an
answer: in Airflow's UI, under "Required Actions". Who rejects, or does not answer within a day, sends
nothing. The last task sends no more events, and about no more users, than were approved, even if the file
has grown meanwhile.

Before Airflow 3.1 no task can ask. There the second task waits until somebody marks it: as success to send,
as failed not to. The note is the XCom `note` of the first task, and in its log.
"""

from __future__ import annotations

# [START preview_and_approve]
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowOptionalProviderFeatureException, Param, task

from airflow_provider_segment.operators.events import SegmentBatchEventsOperator, SegmentPreviewEventsOperator

try:
    from airflow.providers.standard.operators.hitl import ApprovalOperator
except (ImportError, AirflowOptionalProviderFeatureException):  # Airflow before 3.1
    Approval: Any = None
else:
    Approval = ApprovalOperator

# What both tasks need to know: whoever approves sees what will be sent.
EVENTS: dict[str, Any] = {
    "path": "{{ params.path }}",
    "mapping": {
        "type": "track",
        "event": "Voucher Redeemed",
        "userId": "$customer",
        "timestamp": {
            "$": "redeemed",
            "as": "timestamp",
            "format": "%d.%m.%Y %H:%M",
            "timezone": "Europe/Berlin",
        },
        "properties": {"voucher": "$code", "value": {"$": "value", "as": "number"}},  # all of CSV is text
    },
    "message_id_fields": ["code"],
    "max_events_per_second": 1_000,
}

with DAG(
    "preview_and_approve",
    description="A vendor's CSV, sent only after somebody has seen what it becomes",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1),
    default_args={
        "owner": "data",
        "retries": 5,
        "retry_delay": timedelta(minutes=2),
        "retry_exponential_backoff": True,
    },
    params={"path": Param("/data/vouchers.csv", type="string", description="A path, or s3://, gs://, ...")},
    tags=["segment", "events"],
) as dag:
    preview = SegmentPreviewEventsOperator(task_id="preview", **EVENTS)

    if Approval:
        approve = Approval(
            task_id="approve",
            subject="Send these events to Segment?",
            body="{{ ti.xcom_pull('preview', key='note') }}",
            response_timeout=timedelta(days=1),
            retries=0,
        )
    else:

        @task.sensor(task_id="approve", mode="reschedule", poke_interval=600, timeout=86_400, retries=0)
        def approve_by_hand(note: str) -> bool:
            """Mark this task as success to send the events, or as failed not to."""
            print(note)
            return False

        approve = approve_by_hand("{{ ti.xcom_pull('preview', key='note') }}")

    send = SegmentBatchEventsOperator(
        task_id="send",
        max_events="{{ ti.xcom_pull('preview')['events'] }}",
        max_users="{{ ti.xcom_pull('preview')['users_at_most'] }}",
        max_rejected="{{ ti.xcom_pull('preview')['rejected'].values() | sum }}",
        rejects_path="{{ params.path }}.rejected.jsonl",
        **EVENTS,
    )
    preview >> approve >> send
# [END preview_and_approve]
