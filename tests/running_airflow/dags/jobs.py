"""The jobs, each waiting in its worker and in the triggerer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_provider_segment.operators import (
    SegmentDeleteUsersDataOperator,
    SegmentPreviewAudienceOperator,
    SegmentRotateWriteKeyOperator,
    SegmentRunAudienceOperator,
    SegmentRunReverseEtlSyncOperator,
    SegmentTriggerDbtSyncOperator,
)

IDS = ("source_id", "model_id", "subscription_id", "space_id", "audience_id", "rotated_source_id")
PARAM = {name: f"{{{{ params.{name} }}}}" for name in IDS}


def keep(key: str, context: Any) -> None:
    """Where the new write key would go."""


with DAG("jobs", schedule=None, start_date=datetime(2026, 1, 1), params=dict.fromkeys(IDS, "")):
    for mode, deferrable in (("worker", False), ("triggerer", True)):
        waiting: dict[str, Any] = {"deferrable": deferrable, "poll_interval": 0.5}
        SegmentRunReverseEtlSyncOperator(
            task_id=f"sync_{mode}",
            source_id=PARAM["source_id"],
            model_id=PARAM["model_id"],
            subscription_id=PARAM["subscription_id"],
            **waiting,
        )
        SegmentDeleteUsersDataOperator(
            task_id=f"delete_{mode}", regulation_type="DELETE_ONLY", user_ids=["u1", mode], **waiting
        )
        SegmentRunAudienceOperator(
            task_id=f"audience_{mode}",
            space_id=PARAM["space_id"],
            audience_id=PARAM["audience_id"],
            settle=0,
            **waiting,
        )
        SegmentPreviewAudienceOperator(
            task_id=f"preview_{mode}",
            space_id=PARAM["space_id"],
            definition={"query": "x"},
            audience_type="USERS",
            **waiting,
        )
    rotate = [
        SegmentRotateWriteKeyOperator(
            task_id=f"rotate_{mode}",
            source_id=PARAM["rotated_source_id"],
            hand_over=keep,
            grace=timedelta(seconds=1),
            deferrable=deferrable,
        )
        for mode, deferrable in (("worker", False), ("triggerer", True))
    ]
    rotate[0] >> rotate[1]
    SegmentTriggerDbtSyncOperator(task_id="dbt", source_id=PARAM["source_id"])
