"""Sensors of reverse ETL."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.tasks.declarative import Arg
from airflow_provider_segment.tasks.sensor import SegmentSensor, interval_of, utc

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.waiting.condition import Condition


class SegmentReverseEtlSyncSensor(SegmentSensor):
    """Waits for the end of a reverse ETL sync: of one sync, or of any of a mapping since a moment.

    Returns Segment's status of the sync, with the counts of its phases (as text).

    :param model_id: the model
    :param sync_id: the sync
    :param subscription_id: instead of a sync, the mapping: the number after ``/mappings/`` in the address of
        Segment's app
    :param since: of a mapping, the moment at or after which the sync started, ISO 8601; by default the end of
        the run's data interval, and where there is none when the run was due
    :param on_partial: what to do about a sync that could not deliver all rows: ``fail`` or ``accept``
    """

    model_id: Arg[str]
    sync_id: Arg[str | None] = None
    subscription_id: Arg[str | None] = None
    since: Arg[datetime | None] = None
    on_partial: Arg[Literal["accept", "fail"]] = "fail"

    def condition(self, arguments: dict[str, Any], context: Context) -> Condition:
        """The sync, or one of the mapping."""
        from airflow_provider_segment.waiting.reverse_etl import ReverseEtlMappingSynced, ReverseEtlSynced

        common = {"model_id": arguments["model_id"], "on_partial": arguments["on_partial"]}
        if (arguments["sync_id"] is None) == (arguments["subscription_id"] is None):
            raise AirflowFailException("give a sync_id or a subscription_id")
        if arguments["sync_id"] is not None:
            return ReverseEtlSynced(sync_id=arguments["sync_id"], **common)
        since = utc(arguments["since"]) or interval_of(context)[1]
        return ReverseEtlMappingSynced(subscription_id=arguments["subscription_id"], since=since, **common)
