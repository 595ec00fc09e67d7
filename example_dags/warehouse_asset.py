"""A DAG that runs when Segment has loaded a warehouse: once for each sync, with the sync's details.

No task waits: Airflow's triggerer watches the warehouse, and emits an asset event for each successful sync,
including syncs that ended while it was down (Airflow 3.3 and later).
"""

from __future__ import annotations

# [START warehouse_asset]
from datetime import datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_segment.references import ref
from airflow_provider_segment.triggers.asset_watchers import SegmentWarehouseSyncedTrigger

try:
    from airflow.sdk import Asset, AssetWatcher
except ImportError:  # Airflow 2 has no watchers: nothing starts the DAG there
    schedule: Any = None
else:
    trigger = SegmentWarehouseSyncedTrigger(warehouse_id=ref("warehouse", "Shop"))
    schedule = Asset(
        name="Warehouse Shop: synced",
        uri="segment://warehouses/Shop",
        group="Segment",
        watchers=[AssetWatcher(name="Segment has loaded it", trigger=trigger)],
    )

with DAG(
    "warehouse_asset",
    description="Runs when Segment has loaded a warehouse",
    doc_md=__doc__,
    schedule=schedule,
    start_date=datetime(2026, 1, 1),
    default_args={"owner": "data"},
    catchup=False,
    max_active_runs=1,
    tags=["segment", "assets"],
):

    @task
    def transform(triggering_asset_events: Any = None) -> list[Any]:
        """Run dbt here, or whatever uses the tables. Each source has its own syncs."""
        syncs = [event.extra["payload"] for events in triggering_asset_events.values() for event in events]
        for sync in syncs:
            print(f"{sync['count']:,} rows of source {sync['sourceId']}, sync started at {sync['start']}")
        return syncs

    transform()
# [END warehouse_asset]
