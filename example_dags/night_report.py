"""Runs once for each night that is in Segment: for each partition that `night_partition` reports."""

from __future__ import annotations

# [START night_report]
from datetime import datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

try:
    from airflow.sdk import Asset, PartitionedAssetTimetable
except ImportError:  # before Airflow 3.2 assets have no partitions: nothing starts the DAG there
    schedule: Any = None
else:
    night = Asset(name="Nights of Shop: sent", uri="segment://nights/shop", group="Segment")
    schedule = PartitionedAssetTimetable(assets=night)

with DAG(
    "night_report",
    description="Runs once for each night that is in Segment",
    doc_md=__doc__,
    schedule=schedule,
    start_date=datetime(2026, 1, 1),
    default_args={"owner": "data"},
    catchup=False,
    tags=["segment", "assets"],
):

    @task
    def report(dag_run: Any = None) -> str | None:
        """Whatever needs the night. The run has no logical date: its night is the key of the partition."""
        day: str | None = dag_run.partition_key
        if day is None:
            print("Started by hand, for no night: a run of night_partition starts this DAG")
            return None
        print(f"The night of {day} is in Segment")
        return day

    report()
# [END night_report]
