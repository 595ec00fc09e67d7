"""Sensors for warehouses."""

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
    """Waits until all data that Segment had received by a given time is in the warehouse.

    That is: each source has a successful sync that started at or after that time. A sync that was already
    running may have missed the latest events. Each poll asks which sources are connected. A source that is
    disabled, or whose syncs are, keeps the sensor waiting until ``timeout``: give the others as
    ``source_ids``.

    Segment allows two requests per minute for the syncs of all warehouses in a workspace. So use
    ``deferrable=True``: in a triggerer, all sensors of a warehouse share their requests. With N warehouses,
    each is polled at most every N times 30 seconds.

    Returns ``{"warehouse_id": ..., "syncs": [...]}``: for each source, Segment's report of the sync that
    counted.

    :param warehouse_id: the warehouse
    :param source_ids: the sources to wait for; by default all that are connected to the warehouse
    :param since: the time, ISO 8601 with zone; by default the end of the run's data interval, or the time the
        run was due if it has none (runs triggered by an asset or manually)
    :param on_partial: what to do if a sync skipped rows: ``wait`` for the next one, which loads them,
        ``accept`` it, or ``fail``
    :param on_failed: what to do if the latest sync failed: ``fail``, or ``wait`` for the next one
    """

    warehouse_id: Arg[str]
    source_ids: Arg[list[str] | None] = None
    since: Arg[datetime | None] = None
    on_partial: Arg[Literal["wait", "accept", "fail"]] = "wait"
    on_failed: Arg[Literal["wait", "fail"]] = "fail"

    def condition(self, arguments: dict[str, Any], context: Context) -> Condition:
        """Each source has a successful sync since the given time."""
        from airflow_provider_segment.waiting.warehouses import WarehouseSynced

        if arguments["source_ids"] == []:
            raise AirflowFailException("source_ids is empty: omit it to wait for all connected sources")
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
    """Waits until Segment can connect to the warehouse. Returns ``CONNECTED``.

    :param warehouse_id: the warehouse
    """

    warehouse_id: Arg[str]

    def condition(self, arguments: dict[str, Any], context: Context) -> Condition:
        """Segment can connect to the warehouse."""
        from airflow_provider_segment.waiting.warehouses import WarehouseConnected

        return WarehouseConnected(warehouse_id=arguments["warehouse_id"])
