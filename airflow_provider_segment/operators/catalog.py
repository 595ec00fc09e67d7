"""The catalog: what can be connected, and which settings it takes."""

from __future__ import annotations

from airflow_provider_segment.tasks.declarative import Arg, path
from airflow_provider_segment.tasks.operation import SegmentListOperator, SegmentOperator


class SegmentGetDestinationsCatalogOperator(SegmentListOperator):
    """Return the catalog of destinations, with the settings that each takes.

    Several hundred entries with long descriptions: too much for XCom in most installations. Pass a ``limit``,
    or request a single one by its id.
    """

    endpoint = "GET /catalog/destinations"
    returns = "destinationsCatalog"


class SegmentGetDestinationMetadataOperator(SegmentOperator):
    """Return one destination of the catalog, with the settings it takes."""

    endpoint = "GET /catalog/destinations/{destinationMetadataId}"
    returns = "destinationMetadata"

    destination_metadata_id: Arg[str] = path()


class SegmentGetSourcesCatalogOperator(SegmentListOperator):
    """Return the catalog of sources, with the settings that each takes."""

    endpoint = "GET /catalog/sources"
    returns = "sourcesCatalog"


class SegmentGetSourceMetadataOperator(SegmentOperator):
    """Return one source of the catalog, with the settings it takes."""

    endpoint = "GET /catalog/sources/{sourceMetadataId}"
    returns = "sourceMetadata"

    source_metadata_id: Arg[str] = path()


class SegmentGetWarehousesCatalogOperator(SegmentListOperator):
    """Return the catalog of warehouses, with the settings that each takes."""

    endpoint = "GET /catalog/warehouses"
    returns = "warehousesCatalog"


class SegmentGetWarehouseMetadataOperator(SegmentOperator):
    """Return one warehouse of the catalog, with the settings it takes."""

    endpoint = "GET /catalog/warehouses/{warehouseMetadataId}"
    returns = "warehouseMetadata"

    warehouse_metadata_id: Arg[str] = path()
