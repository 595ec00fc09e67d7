"""Runs once for each night that is in Segment: for each partition that `night_partition` reports."""

from __future__ import annotations

# [START night_report]
from datetime import datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Asset, task

try:
    from airflow.sdk import PartitionedAssetTimetable
except ImportError:  # before Airflow 3.2 assets have no partitions: nothing starts the DAG there
    schedule: Any = None
else:
    schedule = PartitionedAssetTimetable(assets=Asset("segment://nights/shop"))

with DAG("night_report", schedule=schedule, start_date=datetime(2026, 1, 1), catchup=False, tags=["segment"]):

    @task
    def report(dag_run: Any = None) -> str:
        """Whatever needs the night. The run has no logical date: its night is the key of the partition."""
        night: str = dag_run.partition_key
        print(f"The night of {night} is in Segment")
        return night

    report()
# [END night_report]
