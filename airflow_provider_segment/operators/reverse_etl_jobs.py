"""Jobs of reverse ETL."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_segment.api.clock import CLOCKS_APART, Clock
from airflow_provider_segment.api.media_types import ALPHA
from airflow_provider_segment.tasks.declarative import Arg
from airflow_provider_segment.tasks.jobs import Job, SegmentJobOperator

if TYPE_CHECKING:
    from airflow_provider_segment.triggers.segment import CancelRequest
    from airflow_provider_segment.waiting.condition import Condition


class SegmentRunReverseEtlSyncOperator(SegmentJobOperator):
    """Runs a reverse ETL sync, and waits until it has ended.

    If the answer to the start is lost, the sync is looked up among those of the mapping before another is
    started. Returns Segment's status of the sync, with the counts of its phases (as strings).

    :param source_id: the source warehouse
    :param model_id: the model
    :param subscription_id: the mapping: the number after ``/mappings/`` in the URL of Segment's app
    :param on_partial: what to do about a sync that could not deliver all rows: ``fail`` or ``accept``
    """

    source_id: Arg[str]
    model_id: Arg[str]
    subscription_id: Arg[str]
    on_partial: Arg[Literal["accept", "fail"]] = "fail"

    can_be_found = True

    def before(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The latest existing syncs."""
        since = Clock().now() - CLOCKS_APART
        return {"since": since.isoformat(), "syncs": self._ids_since(since, arguments)}

    def start(self, arguments: dict[str, Any]) -> Job:
        """Start a manual sync."""
        ids = {
            "sourceId": arguments["source_id"],
            "modelId": arguments["model_id"],
            "subscriptionId": arguments["subscription_id"],
        }
        shape = {"reverseETLManualSync": {"syncId": str}}
        answer = self.hook.request("POST", "/reverse-etl-syncs", json=ids, media_type=ALPHA, shape=shape)
        return self._job_of(answer.data["reverseETLManualSync"]["syncId"], arguments)

    def find(self, arguments: dict[str, Any], before: dict[str, Any]) -> Job | None:
        """The oldest sync that was not there before."""
        ids = self._ids_since(datetime.fromisoformat(before["since"]), arguments)
        new = [sync_id for sync_id in ids if sync_id not in before["syncs"]]
        return self._job_of(new[-1], arguments) if new else None

    def condition(self, job: Job) -> Condition:
        """The sync has ended."""
        from airflow_provider_segment.waiting.reverse_etl import ReverseEtlSynced

        return ReverseEtlSynced(**job)

    def cancellation(self, job: Job) -> CancelRequest:
        """Cancel the sync. Segment answers 200 even if it has ended."""
        from airflow_provider_segment.api.paths import fill_path

        path = "/reverse-etl-models/{model_id}/syncs/{sync_id}/cancel"
        return {"method": "POST", "path": fill_path(path, job), "json": {}, "media_type": ALPHA}

    def _ids_since(self, since: datetime, arguments: dict[str, Any]) -> list[str]:
        from airflow_provider_segment.waiting.reverse_etl import syncs_since
        from airflow_provider_segment.waiting.watch import ask_all

        questions = syncs_since(since, arguments["model_id"], arguments["subscription_id"])
        return [sync["syncId"] for sync in ask_all(questions, self.hook.get_conn())]

    @staticmethod
    def _job_of(sync_id: str, arguments: dict[str, Any]) -> Job:
        return {"model_id": arguments["model_id"], "sync_id": sync_id, "on_partial": arguments["on_partial"]}
