"""Jobs of dbt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_segment.api.media_types import BETA
from airflow_provider_segment.tasks.base import SegmentBaseOperator
from airflow_provider_segment.tasks.declarative import Arg
from airflow_provider_segment.tasks.memory import Memory

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

TRIGGERED = "dbt_triggered"


class SegmentTriggerDbtSyncOperator(SegmentBaseOperator):
    """Starts a sync of a dbt model source, and returns the trigger.

    Segment reports neither the outcome of a sync nor which syncs were started. If the request was answered, a
    retry returns the same trigger (Airflow 3.3 and later); if the answer was lost, it starts another sync.

    :param source_id: the dbt model source
    :raises SegmentJobError: Segment reports a failure immediately
    """

    source_id: Arg[str]

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Start it, once."""
        from airflow_provider_segment.errors import SegmentJobError
        from airflow_provider_segment.waiting.words import meaning_of

        memory = Memory(context)
        if trigger := memory.get(TRIGGERED):
            self.log.info("Started by an earlier try: %s", trigger)
            return trigger
        body = {"sourceId": arguments["source_id"]}
        shape = {"dbtModelSyncTrigger": {"id": str, "status": str}}
        answer = self.hook.request(
            "POST", "/dbt-model-syncs/trigger", json=body, media_type=BETA, shape=shape
        )
        trigger = answer.data["dbtModelSyncTrigger"]
        self.log.info("Started: %s, request id %s", trigger, answer.request_id)
        if meaning_of(trigger["status"]) in ("failed", "invalid", "cancelled"):
            raise SegmentJobError(f"the trigger's status is {trigger['status']}")
        memory.note(**{TRIGGERED: trigger})
        return trigger
