"""Sensors for reverse ETL."""

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
    """Waits until a reverse ETL sync has ended: a given sync, or any sync of a mapping since a time.

    Returns the status of the sync as Segment reports it, with the counts of its phases (as text).

    :param model_id: the model
    :param sync_id: the sync
    :param subscription_id: the mapping, instead of ``sync_id``: the number after ``/mappings/`` in the URL of
        Segment's app
    :param since: with ``subscription_id``: only syncs that started at or after this time count, ISO 8601. By
        default the end of the run's data interval, or the time the run was due if it has none
    :param on_partial: what to do if a sync could not deliver all rows: ``fail`` or ``accept``
    """

    model_id: Arg[str]
    sync_id: Arg[str | None] = None
    subscription_id: Arg[str | None] = None
    since: Arg[datetime | None] = None
    on_partial: Arg[Literal["accept", "fail"]] = "fail"

    def condition(self, arguments: dict[str, Any], context: Context) -> Condition:
        """The sync has ended, or a sync of the mapping."""
        from airflow_provider_segment.waiting.reverse_etl import ReverseEtlMappingSynced, ReverseEtlSynced

        common = {"model_id": arguments["model_id"], "on_partial": arguments["on_partial"]}
        if (arguments["sync_id"] is None) == (arguments["subscription_id"] is None):
            raise AirflowFailException("give either sync_id or subscription_id")
        if arguments["sync_id"] is not None:
            return ReverseEtlSynced(sync_id=arguments["sync_id"], **common)
        since = utc(arguments["since"]) or interval_of(context)[1]
        return ReverseEtlMappingSynced(subscription_id=arguments["subscription_id"], since=since, **common)
