"""Sensors of warehouses."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.resources import uri_of
from airflow_provider_segment.tasks.declarative import Arg
from airflow_provider_segment.tasks.sensor import SegmentSensor, interval_of, utc

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.waiting.condition import Condition


class SegmentWarehouseSyncSensor(SegmentSensor):
    """Waits until what Segment had received by a moment is in the warehouse.

    That is: each source has a sync that started at or after the moment, and ended well. A sync that was
    already running may have left out what came last. Which sources are connected is asked at each look; one
    that is disabled, or whose syncs are, is waited for until ``timeout``: name the others.

    Segment allows two requests a minute for the syncs of all warehouses of a workspace. So wait deferred: in
    a triggerer all sensors share their requests, whatever their number; with N warehouses each is asked for
    every N times half a minute at the soonest.

    Returns ``{"warehouse_id": ..., "syncs": [...]}``: of each source the report of the sync that counted, as
    Segment gives it.

    :param warehouse_id: the warehouse
    :param source_ids: these sources; by default all that are connected to it
    :param since: the moment, ISO 8601 with zone; by default the end of the run's data interval, and where
        there is none (runs triggered by an asset or by hand) when the run was due
    :param on_partial: what to do about a sync that left rows out: ``wait`` for the next one, which loads
        them, ``accept`` it, or ``fail``
    :param on_failed: what to do where the latest sync failed: ``fail``, or ``wait`` for the next one
    """

    warehouse_id: Arg[str]
    source_ids: Arg[list[str] | None] = None
    since: Arg[datetime | None] = None
    on_partial: Arg[Literal["wait", "accept", "fail"]] = "wait"
    on_failed: Arg[Literal["wait", "fail"]] = "fail"

    def condition(self, arguments: dict[str, Any], context: Context) -> Condition:
        """A sync since the moment."""
        from airflow_provider_segment.waiting.warehouses import WarehouseSynced

        if arguments["source_ids"] == []:
            raise AirflowFailException("source_ids is empty: leave it out to wait for all that are connected")
        return WarehouseSynced(
            warehouse_id=arguments["warehouse_id"],
            since=utc(arguments["since"]) or interval_of(context)[1],
            source_ids=arguments["source_ids"],
            on_partial=arguments["on_partial"],
            on_failed=arguments["on_failed"],
        )

    def lineage(self, result: Any) -> tuple[list[str], list[str]]:
        """From the sources to the warehouse."""
        sources = [uri_of("sources", report["sourceId"]) for report in result["syncs"]]
        return sources, [uri_of("warehouses", result["warehouse_id"])]


class SegmentWarehouseConnectionSensor(SegmentSensor):
    """Waits until Segment can reach the warehouse. Returns ``CONNECTED``.

    :param warehouse_id: the warehouse
    """

    warehouse_id: Arg[str]

    def condition(self, arguments: dict[str, Any], context: Context) -> Condition:
        """A connection."""
        from airflow_provider_segment.waiting.warehouses import WarehouseConnected

        return WarehouseConnected(warehouse_id=arguments["warehouse_id"])
