"""All sensors in one place: ``from airflow_provider_segment.sensors import SegmentWarehouseSyncSensor``.

A sensor's module is imported when the sensor is first asked for.
"""

# ruff: noqa: F403  (the star imports are for editors and type checkers)

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_segment.lazy import lazy_names

if TYPE_CHECKING:
    from airflow_provider_segment.sensors.events import *
    from airflow_provider_segment.sensors.jobs import *
    from airflow_provider_segment.sensors.resource import *
    from airflow_provider_segment.sensors.warehouses import *

SENSORS_OF_MODULE = {
    "events": [
        "SegmentDeliverySensor",
        "SegmentEventVolumeSensor",
    ],
    "jobs": [
        "SegmentAudienceSensor",
        "SegmentRegulationSensor",
        "SegmentReverseEtlSyncSensor",
    ],
    "resource": [
        "SegmentResourceSensor",
    ],
    "warehouses": [
        "SegmentWarehouseConnectionSensor",
        "SegmentWarehouseSyncSensor",
    ],
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, SENSORS_OF_MODULE)
