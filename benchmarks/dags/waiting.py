"""The DAG of `benchmarks.waiting`: many deferred sensors, and a probe of the event loop that they wait in."""

from __future__ import annotations

import json
import os
from datetime import datetime

from airflow.sdk import DAG

from airflow_provider_segment.sensors import SegmentWarehouseSyncSensor
from benchmarks.waiting_probe import Probe

setup = json.loads(os.environ["BENCHMARK_WAITING"])

with DAG("waiting", schedule=None, start_date=datetime(2026, 1, 1)):
    Probe(task_id="probe", path=setup["gaps"], priority_weight=2)  # before the others
    SegmentWarehouseSyncSensor.partial(
        task_id="wait", deferrable=True, poke_interval=setup["poll_interval"], timeout=24 * 3600
    ).expand(warehouse_id=setup["warehouse_ids"])
