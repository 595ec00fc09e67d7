"""Everything that the package can do, to be searched: operators, sensors, transfer, notifier, triggers."""

from __future__ import annotations

from airflow_provider_segment.catalogue.declarations import operation_named, operations
from airflow_provider_segment.catalogue.operation import Argument, Operation
from airflow_provider_segment.catalogue.ranking import find_operations

__all__ = ["Argument", "Operation", "find_operations", "operation_named", "operations"]
