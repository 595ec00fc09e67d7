"""All sensors in one place: ``from airflow_provider_segment.sensors import SegmentWarehouseSyncSensor``.

A sensor's module is imported when the sensor is first accessed.
"""

# ruff: noqa: F403  (the star imports are for editors and type checkers; a test checks that none is missing)

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_segment.lazy import lazy_classes

if TYPE_CHECKING:
    from airflow_provider_segment.sensors.any_resource import *
    from airflow_provider_segment.sensors.audiences import *
    from airflow_provider_segment.sensors.deletion_and_suppression import *
    from airflow_provider_segment.sensors.event_counts import *
    from airflow_provider_segment.sensors.reverse_etl import *
    from airflow_provider_segment.sensors.warehouses import *

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_classes(__name__)
