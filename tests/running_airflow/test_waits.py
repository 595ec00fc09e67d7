"""Sensors, jobs and watchers in a real Airflow: scheduler, workers, triggerer."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from tests.harness.sandbox_api import POSTGRES_WAREHOUSE, ago, create, send, syncs_of

if TYPE_CHECKING:
    from example_dags.demo.throwaway_airflow import ThrowawayAirflow

pytestmark = pytest.mark.airflow

LONG_AGO = "2026-01-01T00:00:00Z"
MODES = ("poke", "reschedule", "deferrable")


def test_every_sensor_in_every_mode(
    airflow: ThrowawayAirflow, segment_sandbox: Sandbox, warehouse: str, mapping: dict[str, str]
) -> None:
    send(segment_sandbox, *({"messageId": f"m{n}"} for n in range(3)))
    names = {"source_id": "sourceId", "model_id": "modelId", "subscription_id": "subscriptionId"}
    sync = create("/reverse-etl-syncs", **{names[name]: id for name, id in mapping.items()})
    space = segment_sandbox.space_id
    audience = {"name": "A", "definition": {"query": "x"}, "audienceType": "USERS"}
    counted = {"source_id": segment_sandbox.source_id, "start": ago(hours=1), "lag": -120}
    confs: dict[str, dict[str, Any]] = {
        "warehouse_sync": {"warehouse_id": warehouse, "since": LONG_AGO},
        "warehouse_connection": {"warehouse_id": warehouse},
        "event_volume": {**counted, "min_count": 3},
        "delivery": {**counted, "expect": '{"received": {"min": 3}}'},
        "reverse_etl": {"model_id": mapping["model_id"], "sync_id": sync["syncId"]},
        "regulation": {
            "regulate_id": create(
                "/regulations", regulationType="DELETE_ONLY", subjectType="USER_ID", subjectIds=["u"]
            )
        },
        "audience": {"space_id": space, "audience_id": create(f"/spaces/{space}/audiences", **audience)},
        "resource": {
            "path": f"/sources/{segment_sandbox.source_id}",
            "field": "source.slug",
            "value": "sandbox",
        },
    }
    runs = {name: airflow.trigger_dag(f"wait_for_{name}", conf=conf) for name, conf in confs.items()}
    airflow.wait_for_task("wait_for_warehouse_sync", runs["warehouse_sync"], "deferrable", "deferred")
    segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=0)
    for name, run_id in runs.items():
        dag_id = f"wait_for_{name}"
        run = airflow.wait_for_run(dag_id, run_id)
        states = {mode: airflow.task(dag_id, run_id, mode)["state"] for mode in MODES}
        logs = [airflow.task_log(dag_id, run_id, mode) for mode in MODES if states[mode] != "success"]
        assert run["state"] == "success", (name, states, logs)
        assert airflow.xcom(dag_id, run_id, "deferrable") is not None


def test_a_task_has_its_link_while_it_waits(
    airflow: ThrowawayAirflow, segment_sandbox: Sandbox, warehouse: str
) -> None:
    dag_id = "wait_for_warehouse_sync"
    run_id = airflow.trigger_dag(dag_id, conf={"warehouse_id": warehouse, "since": LONG_AGO})
    url = f"https://app.segment.com/goto-my-workspace/warehouses/{warehouse}/overview"
    for mode in ("poke", "deferrable"):
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{mode}/links"
        wait_until(lambda path=path: airflow.get(path)["extra_links"] == {"Segment": url})
        assert airflow.task(dag_id, run_id, mode)["state"] in ("running", "deferred")
    segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=0)
    assert airflow.wait_for_run(dag_id, run_id)["state"] == "success"


def test_a_wait_goes_on_through_restarts_and_crashes_of_the_triggerer(
    airflow: ThrowawayAirflow, segment_sandbox: Sandbox, warehouse: str
) -> None:
    dag_id, impatient = "wait_for_warehouse_sync", {"segment_conn_id": "segment_impatient"}
    run_id = airflow.trigger_dag(dag_id, conf={"warehouse_id": warehouse, "since": LONG_AGO, **impatient})
    airflow.wait_for_task(dag_id, run_id, "deferrable", "deferred")
    for kill in (False, True):
        airflow.stop_triggerer(kill=kill)
        airflow.start_triggerer()
        asked = polls(segment_sandbox, warehouse)
        wait_until(lambda before=asked: polls(segment_sandbox, warehouse) > before + 5)
    before = polls(segment_sandbox, warehouse)
    for kind in ("status", "not_json", "reset"):
        segment_sandbox.faults.add(kind, next=9, **({"status": 500} if kind == "status" else {}))
    wait_until(lambda: polls(segment_sandbox, warehouse) > before + 10)
    segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=0)
    assert airflow.wait_for_run(dag_id, run_id)["state"] == "success"
    log = airflow.task_log(dag_id, run_id, "deferrable")
    assert "Waiting for a sync" in log
    assert not any(secret in log for secret in (segment_sandbox.token, segment_sandbox.write_key))


def test_a_warehouse_that_is_deleted_meanwhile_fails_the_wait(
    airflow: ThrowawayAirflow, segment_sandbox: Sandbox, warehouse: str
) -> None:
    dag_id = "wait_for_warehouse_sync"
    run_id = airflow.trigger_dag(dag_id, conf={"warehouse_id": warehouse, "since": LONG_AGO})
    airflow.wait_for_task(dag_id, run_id, "deferrable", "deferred")
    SegmentHook().request("DELETE", f"/warehouses/{warehouse}")
    assert airflow.wait_for_run(dag_id, run_id)["state"] == "failed"
    assert "Segment answered 404" in airflow.task_log(dag_id, run_id, "deferrable")


@pytest.mark.parametrize("seconds", [0.5])
def test_a_job_deferred(
    airflow: ThrowawayAirflow, segment_sandbox: Sandbox, mapping: dict[str, str], seconds: float
) -> None:
    segment_sandbox.scripts.add("reverse_etl_sync", seconds=seconds, delivered=7)
    run = airflow.run_dag("run_reverse_etl", conf=mapping)
    assert run["state"] == "success"
    assert (
        airflow.xcom("run_reverse_etl", run["dag_run_id"], "run")["loadPhase"]["deliverSuccessCount"] == "7"
    )


def test_every_job_in_the_worker_and_in_the_triggerer(
    airflow: ThrowawayAirflow, segment_sandbox: Sandbox, mapping: dict[str, str]
) -> None:
    space_id = segment_sandbox.space_id
    body = {"name": "A", "definition": {"query": "x", "targetEntity": "e"}, "audienceType": "LINKED"}
    audience_id = create(f"/spaces/{space_id}/audiences", enabled=True, **body)
    run = airflow.run_dag("jobs", conf={**mapping, "space_id": space_id, "audience_id": audience_id})
    run_id = run["dag_run_id"]
    tasks = airflow.get(f"dags/jobs/dagRuns/{run_id}/taskInstances", limit=50)["task_instances"]
    failed = [task["task_id"] for task in tasks if task["state"] != "success"]
    assert failed == [], [airflow.task_log("jobs", run_id, task_id)[-3000:] for task_id in failed]
    assert len(tasks) == 11
    assert len(syncs_of(mapping)) == 2
    assert SegmentHook().get_write_key(segment_sandbox.source_id) != segment_sandbox.write_key


def test_marking_a_deferred_job_as_failed_cancels_it(
    airflow: ThrowawayAirflow, segment_sandbox: Sandbox, mapping: dict[str, str]
) -> None:
    segment_sandbox.scripts.add("reverse_etl_sync", seconds=3600)
    run_id = airflow.trigger_dag("run_reverse_etl", conf=mapping)
    airflow.wait_for_task("run_reverse_etl", run_id, "run", "deferred")
    [sync] = syncs_of(mapping)
    assert sync["syncStatus"] == "IN_PROGRESS"
    assert airflow.xcom("run_reverse_etl", run_id, "run", "job")["sync_id"] == sync["syncId"]
    time.sleep(3)  # the triggerer takes it up
    airflow.set_task_state("run_reverse_etl", run_id, "run", "failed")
    wait_until(lambda: syncs_of(mapping)[0]["syncStatus"] == "CANCELED")


def test_a_dag_runs_once_for_each_sync_whatever_happens_to_the_triggerer(
    airflow: ThrowawayAirflow, segment_sandbox: Sandbox
) -> None:
    segment_sandbox.scripts.add("warehouse_sync", missing=True)
    made = str(create("/warehouses", metadataId=POSTGRES_WAREHOUSE, settings={"name": "w"}))
    collections = segment_sandbox.state.collections
    for path in [path for path in collections if f"/warehouses/{made}" in path]:
        collections[path.replace(made, "watched-warehouse")] = collections.pop(path)
    collections["/warehouses"]["watched-warehouse"] = {
        **collections["/warehouses"].pop(made),
        "id": "watched-warehouse",
    }
    dag_id = "when_synced"
    airflow.unpause(dag_id)
    wait_until(lambda: polls(segment_sandbox, "watched-warehouse") > 3)
    starts: list[str] = []

    def sync() -> None:
        script = segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=0)
        moment = datetime.fromtimestamp(script.given_at, timezone.utc)
        starts.append(moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"))

    def told() -> list[str]:
        runs = [run for run in airflow.runs(dag_id) if run["state"] == "success"]
        return [start for run in runs for start in airflow.xcom(dag_id, run["dag_run_id"], "syncs")]

    sync()
    wait_until(lambda: told() == starts)
    time.sleep(3)  # Airflow has stored the event, and the note of it is written
    for kill in (False, True):
        airflow.stop_triggerer(kill=kill)
        sync()
        time.sleep(1)
        sync()
        airflow.start_triggerer()
        wait_until(lambda: len(told()) >= len(starts), timeout=180)
        time.sleep(3)
    sync()
    wait_until(lambda: len(told()) >= len(starts))
    assert told() == starts
    assert len(airflow.runs(dag_id)) == len(starts)


@pytest.mark.parametrize("fail", [False, True])
def test_segment_is_told_how_a_run_and_its_task_ended(
    airflow: ThrowawayAirflow, segment_sandbox: Sandbox, fail: bool
) -> None:
    run = airflow.run_dag("notifying", conf={"fail": fail})
    assert run["state"] == ("failed" if fail else "success")
    wait_until(lambda: len(segment_sandbox.accepted) == 2)
    told = {event["event"]: event["properties"] for event in segment_sandbox.accepted}
    assert set(told) == (
        {"Task Failed", "DAG Run Failed"} if fail else {"Task Succeeded", "DAG Run Succeeded"}
    )
    for properties in told.values():
        assert (properties["dag_id"], properties["run_id"]) == ("notifying", run["dag_run_id"])
    if fail:
        assert told["Task Failed"]["error"] == "RuntimeError"
        assert told["DAG Run Failed"]["team"] == "notifying team"


def polls(sandbox: Sandbox, warehouse: str) -> int:
    return sum(request["path"] == f"/warehouses/{warehouse}/syncs" for request in sandbox.requests)


def wait_until(reached: Callable[[], bool], timeout: float = 90) -> None:
    end = time.monotonic() + timeout
    while not reached():
        assert time.monotonic() < end, f"not reached after {timeout} s"
        time.sleep(0.2)
