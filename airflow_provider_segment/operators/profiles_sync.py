"""Profiles Sync: the profiles of a space in a warehouse. Alpha."""

from __future__ import annotations

from typing import Any

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.api.resources import Identified
from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, path
from airflow_provider_segment.tasks.operation import (
    ALPHA,
    SegmentDeleteOperator,
    SegmentListOperator,
    SegmentOperator,
)


class ProfilesSyncOverride(TypedDict):
    """Whether a collection, or one property of it, is synced."""

    collection: str
    enabled: bool
    property: NotRequired[str | None]


class SegmentListProfilesWarehouseInSpaceOperator(SegmentListOperator):
    """Return all warehouses that a space's profiles are synced to."""

    endpoint = "GET /spaces/{spaceId}/profiles-warehouses"
    media_type = ALPHA
    returns = "profilesWarehouses"

    space_id: Arg[str] = path()


class SegmentUpdateProfilesWarehouseForSpaceWarehouseOperator(SegmentOperator):
    """Update a profiles warehouse.

    The settings are always required, and merged: a setting that is omitted is kept, null removes it.
    """

    endpoint = "PATCH /spaces/{spaceId}/profiles-warehouses/{warehouseId}"
    media_type = ALPHA
    returns = "profilesWarehouse"
    secrets = ("settings",)

    space_id: Arg[str] = path()
    warehouse_id: Arg[str] = path()
    name: Arg[str | None] = NOT_GIVEN
    enabled: Arg[bool | None] = NOT_GIVEN
    settings: Arg[dict[str, Any]]
    schema_name: Arg[str | None] = NOT_GIVEN


class SegmentCreateProfilesWarehouseOperator(SegmentCreateOperator):
    """Sync a space's profiles to a warehouse.

    ``if_exists`` looks for one of the same kind, name and schema; arguments that are omitted are not
    compared.

    :param metadata_id: the warehouse's id in the catalog
    :param schema_name: the schema to write to
    """

    endpoint = "POST /spaces/{spaceId}/profiles-warehouses"
    media_type = ALPHA
    returns = "profilesWarehouse"
    secrets = ("settings",)
    natural_key = ("metadata_id", "name", "schema_name")
    listed_by = SegmentListProfilesWarehouseInSpaceOperator
    listed = {"id": str, "metadata": Identified, "settings": dict[str, Any]}
    updated_by = SegmentUpdateProfilesWarehouseForSpaceWarehouseOperator
    merged = ("settings",)

    space_id: Arg[str] = path()
    metadata_id: Arg[str]
    name: Arg[str | None] = NOT_GIVEN
    enabled: Arg[bool | None] = NOT_GIVEN
    settings: Arg[dict[str, Any]]
    schema_name: Arg[str | None] = NOT_GIVEN

    def is_same(self, item: dict[str, Any], arguments: dict[str, Any]) -> bool:
        """By kind, schema and name, as far as given; Segment stores the name in the settings."""
        there = {"name": item["settings"].get("name"), "schema_name": item.get("schemaName")}
        same_kind = self.shown(item, "metadata_id") == arguments["metadata_id"]
        return same_kind and all(arguments.get(key) in (None, value) for key, value in there.items())


class SegmentRemoveProfilesWarehouseFromSpaceOperator(SegmentDeleteOperator):
    """Stop syncing a space's profiles to a warehouse."""

    endpoint = "DELETE /spaces/{spaceId}/profiles-warehouses/{warehouseId}"
    media_type = ALPHA

    space_id: Arg[str] = path()
    warehouse_id: Arg[str] = path()


class SegmentListSelectiveSyncsFromWarehouseAndSpaceOperator(SegmentListOperator):
    """Return which collections and properties of a space are synced: ``items`` and ``enableEventTables``."""

    endpoint = "GET /spaces/{spaceId}/profiles-warehouses/{warehouseId}/selective-syncs"
    media_type = ALPHA
    items = "items"
    beside = {"enableEventTables": NotRequired[bool | None]}

    space_id: Arg[str] = path()
    warehouse_id: Arg[str] = path()


class SegmentUpdateSelectiveSyncForWarehouseAndSpaceOperator(SegmentOperator):
    """Choose which collections and properties of a space are synced.

    Returns ``UPDATED``, or ``UNCHANGED`` if nothing changed.
    """

    endpoint = "PATCH /spaces/{spaceId}/profiles-warehouses/{warehouseId}/selective-syncs"
    media_type = ALPHA
    returns = "status"
    answers = str

    space_id: Arg[str] = path()
    warehouse_id: Arg[str] = path()
    sync_overrides: Arg[list[ProfilesSyncOverride] | None] = NOT_GIVEN
    enable_event_tables: Arg[bool | None] = NOT_GIVEN
