"""What waits: each sensor and job deferred, and DAGs that run when something has happened at Segment."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, get_current_context, task

from airflow_provider_segment.operators import SegmentRunReverseEtlSyncOperator
from airflow_provider_segment.references import ref
from airflow_provider_segment.sensors import (
    SegmentAudienceSensor,
    SegmentDeliverySensor,
    SegmentEventVolumeSensor,
    SegmentRegulationSensor,
    SegmentResourceSensor,
    SegmentReverseEtlSyncSensor,
    SegmentWarehouseConnectionSensor,
    SegmentWarehouseSyncSensor,
)
from airflow_provider_segment.triggers.asset_watchers import SegmentWarehouseSyncedTrigger
from tests.running_airflow.runs import WATCHED

SENSORS = {
    "warehouse_sync": (SegmentWarehouseSyncSensor, ("warehouse_id", "since")),
    "warehouse_connection": (SegmentWarehouseConnectionSensor, ("warehouse_id",)),
    "event_volume": (SegmentEventVolumeSensor, ("source_id", "start", "min_count", "lag")),
    "delivery": (SegmentDeliverySensor, ("source_id", "start", "expect", "lag")),
    "reverse_etl": (SegmentReverseEtlSyncSensor, ("model_id", "sync_id")),
    "regulation": (SegmentRegulationSensor, ("regulate_id",)),
    "audience": (SegmentAudienceSensor, ("space_id", "audience_id")),
    "resource": (SegmentResourceSensor, ("path", "field", "value")),
}
MODES: dict[str, dict[str, Any]] = {
    "deferrable": {"deferrable": True},
    "poke": {},
    # Airflow 3.3.2 fails a task that comes back before the scheduler has heard of its going.
    "reschedule": {"mode": "reschedule", "poke_interval": 5},
}

for name, (sensor, arguments) in SENSORS.items():
    # The modes are Airflow's and the base class's: they differ from sensor to sensor in the trigger alone.
    modes = MODES if name == "warehouse_sync" else ("deferrable",)
    with DAG(f"wait_for_{name}", schedule=None, start_date=datetime(2026, 1, 1)):
        for mode in modes:
            sensor(
                task_id=mode,
                **{"poke_interval": 0.5, "timeout": 3600, **MODES[mode]},
                **{argument: f"{{{{ params.{argument} }}}}" for argument in arguments},
                params=dict.fromkeys(arguments, ""),
            )

with DAG("wait_impatiently", schedule=None, start_date=datetime(2026, 1, 1)):
    SegmentWarehouseSyncSensor(
        task_id="wait",
        warehouse_id="{{ params.warehouse_id }}",
        since=datetime(2026, 1, 1, tzinfo=timezone.utc),
        segment_conn_id="segment_impatient",
        poke_interval=0.1,
        timeout=3600,
        max_poll_failures=30,
        deferrable=True,
        params={"warehouse_id": ""},
    )

with DAG("run_reverse_etl", schedule=None, start_date=datetime(2026, 1, 1)):
    SegmentRunReverseEtlSyncOperator(
        task_id="run",
        source_id="{{ params.source_id }}",
        model_id="{{ params.model_id }}",
        subscription_id="{{ params.subscription_id }}",
        params={"source_id": "", "model_id": "", "subscription_id": ""},
        pool="segment_reverse_etl",
        deferrable=True,
        poll_interval=0.5,
    )

synced = Asset(
    "watched_warehouse",
    uri=f"segment://warehouses/{WATCHED}",
    watchers=[
        AssetWatcher(
            name="synced",
            trigger=SegmentWarehouseSyncedTrigger(warehouse_id=ref("warehouse", WATCHED), poll_interval=1.0),
        )
    ],
)

with DAG("when_synced", schedule=[synced], start_date=datetime(2026, 1, 1), max_active_runs=1):

    @task
    def syncs() -> list[str]:
        """The starts of the syncs that this run was started for."""
        events = get_current_context()["triggering_asset_events"][synced]
        return [event.extra["payload"]["start"] for event in events]

    syncs()
