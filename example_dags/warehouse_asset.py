"""A DAG that runs when Segment has loaded a warehouse: once for each sync, and with the sync at hand.

No task waits: Airflow's triggerer watches the warehouse, and tells of each sync that ended well by an event
of the warehouse's asset, also of those that came while it was down (Airflow 3.3 and later).
"""

from __future__ import annotations

# [START warehouse_asset]
import os
from datetime import datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_segment.triggers.asset_watchers import SegmentWarehouseSyncedTrigger

# What is watched is settled when this file is parsed: there are no params then, and a Variable would be asked
# of Airflow's database again and again.
WAREHOUSE_ID = os.environ.get("SEGMENT_WAREHOUSE_ID", "your-warehouse-id")

try:
    from airflow.sdk import Asset, AssetWatcher
except ImportError:  # Airflow 2 has no watchers: nothing starts the DAG there
    schedule: Any = None
else:
    trigger = SegmentWarehouseSyncedTrigger(warehouse_id=WAREHOUSE_ID)
    watcher = AssetWatcher(name="synced", trigger=trigger)
    schedule = Asset(f"segment://warehouses/{WAREHOUSE_ID}", watchers=[watcher])

with DAG(
    "warehouse_asset",
    schedule=schedule,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    tags=["segment"],
):

    @task
    def go_on(triggering_asset_events: Any = None) -> list[Any]:
        """Run dbt here, or whatever builds on the tables. Each source has its own syncs."""
        syncs = [event.extra["payload"] for events in triggering_asset_events.values() for event in events]
        for sync in syncs:
            print(f"{sync['count']:,} rows of source {sync['sourceId']} by the sync of {sync['start']}")
        return syncs

    go_on()
# [END warehouse_asset]
