"""When and what is loaded to a warehouse. Two requests per minute for most operations."""

from __future__ import annotations

from typing import Any

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, path
from airflow_provider_segment.tasks.operation import SegmentListOperator, SegmentOperator


class SyncHour(TypedDict):
    """One hour of the day."""

    hourOfDay: int
    enabled: bool


class SyncSchedule(TypedDict):
    """The hours at which a warehouse is synced."""

    times: list[SyncHour]
    timezone: str


class SyncOverride(TypedDict):
    """Whether a source, a collection of it, or one property of that, is synced."""

    sourceId: str
    enabled: bool
    collection: NotRequired[str | None]
    property: NotRequired[str | None]


class SegmentGetAdvancedSyncScheduleFromWarehouseOperator(SegmentOperator):
    """Return when a warehouse is synced: ``enabled`` and, if set, ``schedule``. Two requests per minute."""

    endpoint = "GET /warehouses/{warehouseId}/advanced-sync-schedule"
    answers = {"enabled": bool, "schedule": NotRequired[dict[str, Any] | None]}

    warehouse_id: Arg[str] = path()


class SegmentReplaceAdvancedSyncScheduleForWarehouseOperator(SegmentOperator):
    """Set when a warehouse is synced. Two requests per minute."""

    endpoint = "PUT /warehouses/{warehouseId}/advanced-sync-schedule"
    answers = {"enabled": bool, "schedule": NotRequired[dict[str, Any] | None]}

    warehouse_id: Arg[str] = path()
    enabled: Arg[bool]
    schedule: Arg[SyncSchedule | None] = NOT_GIVEN


class SegmentUpdateSelectiveSyncForWarehouseOperator(SegmentOperator):
    """Choose which sources, collections and properties are synced to a warehouse. Two requests per minute.

    Returns ``status`` (``UPDATED`` or ``UNCHANGED``) and ``warnings``.
    """

    endpoint = "PATCH /warehouses/{warehouseId}/selective-sync"
    answers = {"status": str, "warnings": list[str]}

    warehouse_id: Arg[str] = path()
    sync_overrides: Arg[list[SyncOverride]]


class SegmentListSyncsFromWarehouseOperator(SegmentListOperator):
    """Return the latest syncs of all sources to a warehouse. Two requests per minute.

    A running sync has no ``end`` yet.
    """

    endpoint = "GET /warehouses/{warehouseId}/syncs"
    returns = "reports"

    warehouse_id: Arg[str] = path()


class SegmentListSelectiveSyncsFromWarehouseAndSourceOperator(SegmentListOperator):
    """Return which collections and properties of a source are synced to a warehouse.

    Two requests per minute.
    """

    endpoint = "GET /warehouses/{warehouseId}/connected-sources/{sourceId}/selective-syncs"
    returns = "items"

    warehouse_id: Arg[str] = path()
    source_id: Arg[str] = path()


class SegmentListSyncsFromWarehouseAndSourceOperator(SegmentListOperator):
    """Return the latest syncs from a source to a warehouse. Two requests per minute.

    A running sync has no ``end`` yet.
    """

    endpoint = "GET /warehouses/{warehouseId}/connected-sources/{sourceId}/syncs"
    returns = "reports"

    warehouse_id: Arg[str] = path()
    source_id: Arg[str] = path()
