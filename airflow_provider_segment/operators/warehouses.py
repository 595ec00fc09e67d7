"""Warehouses and the sources loaded to them."""

from __future__ import annotations

from typing import Any

from airflow_provider_segment.api.resources import Identified
from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, path
from airflow_provider_segment.tasks.operation import (
    SegmentDeleteOperator,
    SegmentListOperator,
    SegmentOperator,
)


class SegmentListWarehousesOperator(SegmentListOperator):
    """Return all warehouses of the workspace. Their settings do not include passwords."""

    endpoint = "GET /warehouses"
    returns = "warehouses"


class SegmentGetWarehouseOperator(SegmentOperator):
    """Return a warehouse. Its settings do not include the password."""

    endpoint = "GET /warehouses/{warehouseId}"
    returns = "warehouse"

    warehouse_id: Arg[str] = path()


class SegmentUpdateWarehouseOperator(SegmentOperator):
    """Update a warehouse.

    The settings are always required, and merged: a setting that is omitted is kept, null removes it.
    """

    endpoint = "PATCH /warehouses/{warehouseId}"
    returns = "warehouse"
    secrets = ("settings",)

    warehouse_id: Arg[str] = path()
    name: Arg[str | None] = NOT_GIVEN
    enabled: Arg[bool | None] = NOT_GIVEN
    settings: Arg[dict[str, Any]]


class SegmentCreateWarehouseOperator(SegmentCreateOperator):
    """Create a warehouse.

    ``if_exists`` looks for one of the same kind and name; without a ``name`` it finds none.

    :param metadata_id: the warehouse's id in the catalog
    :param disconnect_all_sources: do not load every source of the workspace to it when it is created, as
        Segment does by default
    """

    endpoint = "POST /warehouses"
    returns = "warehouse"
    secrets = ("settings",)
    natural_key = ("metadata_id", "name")
    listed_by = SegmentListWarehousesOperator
    listed = {"id": str, "metadata": Identified, "settings": dict[str, Any]}
    updated_by = SegmentUpdateWarehouseOperator
    merged = ("settings",)
    instructions = ("disconnect_all_sources",)

    metadata_id: Arg[str]
    name: Arg[str | None] = NOT_GIVEN
    enabled: Arg[bool | None] = NOT_GIVEN
    settings: Arg[dict[str, Any]]
    disconnect_all_sources: Arg[bool] = True

    def is_same(self, item: dict[str, Any], arguments: dict[str, Any]) -> bool:
        """By kind and name; Segment stores the name in the settings."""
        name = arguments.get("name") or arguments["settings"].get("name")
        same_name = name is not None and item["settings"].get("name") == name
        return same_name and self.shown(item, "metadata_id") == arguments["metadata_id"]


class SegmentDeleteWarehouseOperator(SegmentDeleteOperator):
    """Delete a warehouse from Segment. Loaded data is not deleted."""

    endpoint = "DELETE /warehouses/{warehouseId}"

    warehouse_id: Arg[str] = path()


class SegmentCreateValidationInWarehouseOperator(SegmentOperator):
    """Validate the settings of a warehouse before creating it; returns ``CONNECTED`` or ``FAILED``."""

    endpoint = "POST /warehouses/validation"
    returns = "status"
    answers = str
    secrets = ("settings",)

    metadata_id: Arg[str]
    settings: Arg[dict[str, Any]]


class SegmentListConnectedSourcesFromWarehouseOperator(SegmentListOperator):
    """Return all sources that are loaded to a warehouse."""

    endpoint = "GET /warehouses/{warehouseId}/connected-sources"
    returns = "sources"

    warehouse_id: Arg[str] = path()


class SegmentAddConnectionFromSourceToWarehouseOperator(SegmentOperator):
    """Load a source to a warehouse; returns ``CONNECTED`` or ``NOT_CONNECTED``."""

    endpoint = "POST /warehouses/{warehouseId}/connected-sources/{sourceId}"
    returns = "status"
    answers = str

    warehouse_id: Arg[str] = path()
    source_id: Arg[str] = path()


class SegmentRemoveSourceConnectionFromWarehouseOperator(SegmentDeleteOperator):
    """Stop loading a source to a warehouse. Loaded data is not deleted."""

    endpoint = "DELETE /warehouses/{warehouseId}/connected-sources/{sourceId}"

    warehouse_id: Arg[str] = path()
    source_id: Arg[str] = path()


class SegmentGetConnectionStateFromWarehouseOperator(SegmentOperator):
    """Test the connection to a warehouse; returns ``CONNECTED`` or ``FAILED``."""

    endpoint = "GET /warehouses/{warehouseId}/connection-state"
    returns = "connectionState"
    answers = str

    warehouse_id: Arg[str] = path()
