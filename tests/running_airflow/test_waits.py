"""Sensors and jobs in a real Airflow: scheduler, workers, triggerer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sandbox.clock import iso
from tests.harness.sandbox_api import (
    POSTGRES,
    ago,
    create,
    create_mapping,
    create_warehouse,
    send,
    start_sync,
    syncs_of,
)
from tests.running_airflow.runs import Run

if TYPE_CHECKING:
    from example_dags.demo.throwaway_airflow import ThrowawayAirflow

pytestmark = pytest.mark.airflow

LONG_AGO = "2026-01-01T00:00:00Z"


class Runs:
    """The runs of this file, all started at the same time, and what each has to itself."""

    def __init__(self, airflow: ThrowawayAirflow, sandbox: Sandbox) -> None:
        self._airflow = airflow
        names = ("of the sensor", "of the link", "to be deleted")
        self.warehouses = {name: create_warehouse(sandbox) for name in names}
        self.mappings = {name: create_mapping(sandbox) for name in ("sync", "jobs", "canceled")}
        for name, outcome in {
            "sync": {"seconds": 0.5, "delivered": 7},
            "canceled": {"seconds": 3600},
        }.items():
            model_id = self.mappings[name]["model_id"]
            sandbox.scripts.add("reverse_etl_sync", model_id=model_id, **outcome)

        self.rotated = create("/sources", slug="rotated", enabled=True, metadataId=POSTGRES)
        self.write_key = SegmentHook().get_write_key(self.rotated)
        jobs = {**self.mappings["jobs"], **linked_audience(sandbox), "rotated_source_id": self.rotated}
        self.jobs = self._start("jobs", **jobs)
        self.to_be_canceled = self._start("run_reverse_etl", **self.mappings["canceled"])
        late = {"warehouse_id": self.warehouses["of the link"], "since": LONG_AGO}
        self.with_links = self._start("wait_for_warehouse_sync", **late)
        self.orphan = self._start("wait_impatiently", warehouse_id=self.warehouses["to be deleted"])
        self.sensors = {
            name: self._start(f"wait_for_{name}", **conf)
            for name, conf in arguments_of_sensors(sandbox, self.warehouses["of the sensor"]).items()
        }
        self.notifying = {fail: self._start("notifying", fail=fail) for fail in (False, True)}
        self.late = self._start("late")

    def _start(self, dag_id: str, **conf: Any) -> Run:
        return Run.start(self._airflow, dag_id, conf)


def linked_audience(sandbox: Sandbox) -> dict[str, str]:
    """An audience that can be run; the arguments that identify it."""
    body = {"name": "A", "definition": {"query": "x", "targetEntity": "e"}, "audienceType": "LINKED"}
    audience_id = create(f"/spaces/{sandbox.space_id}/audiences", enabled=True, **body)
    return {"space_id": sandbox.space_id, "audience_id": audience_id}


def arguments_of_sensors(sandbox: Sandbox, warehouse: str) -> dict[str, dict[str, Any]]:
    """The arguments of every sensor; the warehouse is not synced yet."""
    send(sandbox, *({"messageId": f"m{n}"} for n in range(3)))
    mapping = create_mapping(sandbox)
    names = {"source_id": "sourceId", "model_id": "modelId", "subscription_id": "subscriptionId"}
    sync = create("/reverse-etl-syncs", **{names[name]: id for name, id in mapping.items()})
    regulation = {"regulationType": "DELETE_ONLY", "subjectType": "USER_ID", "subjectIds": ["u"]}
    space = sandbox.space_id
    audience = {"name": "A", "definition": {"query": "x"}, "audienceType": "USERS"}
    counted = {"source_id": sandbox.source_id, "start": ago(hours=1), "lag": -120}
    return {
        "warehouse_sync": {"warehouse_id": warehouse, "since": LONG_AGO},
        "warehouse_connection": {"warehouse_id": warehouse},
        "event_volume": {**counted, "min_count": 3},
        "delivery": {**counted, "expect": '{"received": {"min": 3}}'},
        "reverse_etl": {"model_id": mapping["model_id"], "sync_id": sync["syncId"]},
        "regulation": {"regulate_id": create("/regulations", **regulation)},
        "audience": {"space_id": space, "audience_id": create(f"/spaces/{space}/audiences", **audience)},
        "resource": {"path": f"/sources/{sandbox.source_id}", "field": "source.slug", "value": "sandbox"},
    }


@pytest.fixture(scope="module")
def runs(airflow: ThrowawayAirflow, shared_sandbox: Sandbox) -> Runs:
    return Runs(airflow, shared_sandbox)


def test_a_task_has_its_link_while_it_waits(
    airflow: ThrowawayAirflow, shared_sandbox: Sandbox, runs: Runs
) -> None:
    warehouse = runs.warehouses["of the link"]
    link = {"Segment": f"{shared_sandbox.url}/_sandbox#/warehouse/{warehouse}"}
    for mode in ("poke", "deferrable"):
        airflow.wait_for("the link", lambda mode=mode: runs.with_links.links(mode) == link)
        assert runs.with_links.state(mode) in ("running", "deferred")
    start_sync(shared_sandbox, warehouse)


@dataclass(frozen=True)
class Handover:
    """What was seen of a pool of one slot when its task was deferred, was marked as failed, and made room.

    :param pool: as Airflow counts it, with a second run waiting
    :param marked: when the first task was marked as failed
    :param second: the run of the second task
    """

    pool: dict[str, Any]
    marked: str
    second: Run


@pytest.fixture(scope="module")
def handover(airflow: ThrowawayAirflow, shared_sandbox: Sandbox, runs: Runs) -> Handover:
    run, mapping = runs.to_be_canceled, runs.mappings["canceled"]
    run.wait_for("run", "deferred")
    [sync] = syncs_of(mapping)
    assert sync["syncStatus"] == "IN_PROGRESS"
    assert run.xcom("run", "job")["sync_id"] == sync["syncId"]
    path = f"/reverse-etl-models/{mapping['model_id']}/syncs/{sync['syncId']}"
    airflow.wait_for(
        "the triggerer's first poll", lambda: any(each["path"] == path for each in shared_sandbox.requests)
    )
    second = Run.start(airflow, "run_reverse_etl", runs.mappings["sync"])
    second.wait_for("run", "scheduled")
    pool = airflow.get("pools/segment_reverse_etl")
    marked = iso(shared_sandbox.state.clock.now())
    run.mark("run", "failed")
    return Handover(pool, marked, second)


def test_marking_a_deferred_job_as_failed_cancels_it(
    airflow: ThrowawayAirflow, runs: Runs, handover: Handover
) -> None:
    mapping = runs.mappings["canceled"]
    airflow.wait_for("the cancellation", lambda: syncs_of(mapping)[0]["syncStatus"] == "CANCELED")
    assert [sync["syncStatus"] for sync in syncs_of(mapping)] == ["CANCELED"]


def test_every_sensor_deferred_and_one_in_every_mode(shared_sandbox: Sandbox, runs: Runs) -> None:
    runs.sensors["warehouse_sync"].wait_for("deferrable", "deferred")
    start_sync(shared_sandbox, runs.warehouses["of the sensor"])
    for name, run in runs.sensors.items():
        run.end()
        failed = [task["task_id"] for task in run.tasks() if task["state"] != "success"]
        assert failed == [], (name, [run.log(task_id) for task_id in failed])
        assert run.xcom("deferrable") is not None
    assert len(runs.sensors["warehouse_sync"].tasks()) == 3


def test_a_warehouse_that_is_deleted_meanwhile_fails_the_wait(runs: Runs) -> None:
    runs.orphan.wait_for("wait", "deferred")
    SegmentHook().request("DELETE", f"/warehouses/{runs.warehouses['to be deleted']}")
    assert runs.orphan.end() == "failed"
    assert "Segment answered 404" in runs.orphan.log("wait")


def test_every_job_in_the_worker_and_in_the_triggerer(runs: Runs) -> None:
    runs.jobs.end()
    tasks = runs.jobs.tasks()
    failed = [task["task_id"] for task in tasks if task["state"] != "success"]
    assert failed == [], [runs.jobs.log(task_id)[-3000:] for task_id in failed]
    assert len(tasks) == 11
    assert len(syncs_of(runs.mappings["jobs"])) == 2
    assert SegmentHook().get_write_key(runs.rotated) != runs.write_key


@pytest.mark.parametrize("fail", [False, True])
def test_segment_receives_an_event_for_the_end_of_a_run_and_of_its_task(
    airflow: ThrowawayAirflow, shared_sandbox: Sandbox, runs: Runs, fail: bool
) -> None:
    run = runs.notifying[fail]
    assert run.end() == ("failed" if fail else "success")

    airflow.wait_for("both events", lambda: len(events_of(shared_sandbox, run)) == 2)
    events = {event["event"]: event["properties"] for event in events_of(shared_sandbox, run)}
    assert set(events) == (
        {"Task Failed", "DAG Run Failed"} if fail else {"Task Succeeded", "DAG Run Succeeded"}
    )
    assert {properties["dag_id"] for properties in events.values()} == {"notifying"}
    if fail:
        assert events["Task Failed"]["error"] == "RuntimeError"
        assert events["DAG Run Failed"]["team"] == "notifying team"


def test_segment_receives_an_event_for_each_missed_deadline(
    airflow: ThrowawayAirflow, shared_sandbox: Sandbox, runs: Runs
) -> None:
    airflow.wait_for("both events", lambda: len(events_of(shared_sandbox, runs.late)) == 2)
    events = events_of(shared_sandbox, runs.late)
    assert [event["event"] for event in events] == ["DAG Run Missed Deadline"] * 2
    properties = sorted((event["properties"] for event in events), key=lambda each: str(each["deadline"]))
    assert [each["deadline"] for each in properties] == [
        "2026-01-01T01:00:00+00:00",  # from the triggerer
        "2026-01-01T02:00:00+00:00",  # from a worker
    ]
    for each in properties:
        assert (each["dag_id"], each["run_type"], each["team"]) == ("late", "manual", "late team")
    files = [file for file in (airflow.home / "logs").rglob("*") if file.is_file()]
    assert any("executor_callbacks" in file.parts for file in files), files
    assert [file for file in files if shared_sandbox.write_key in file.read_text(errors="replace")] == []


def test_a_pool_that_counts_deferred_tasks_has_one_sync_at_a_time(
    airflow: ThrowawayAirflow, runs: Runs, handover: Handover
) -> None:
    assert (handover.pool["deferred_slots"], handover.pool["open_slots"]) == (1, 0)
    [sync] = airflow.wait_for("the second sync", lambda: syncs_of(runs.mappings["sync"]))
    assert sync["startedAt"] >= handover.marked


def test_a_job_deferred(handover: Handover) -> None:
    assert handover.second.end() == "success"
    assert handover.second.xcom("run")["loadPhase"]["deliverSuccessCount"] == "7"


def events_of(sandbox: Sandbox, run: Run) -> list[dict[str, Any]]:
    """What was sent about a run."""
    return [event for event in sandbox.accepted if event.get("properties", {}).get("run_id") == run.run_id]
