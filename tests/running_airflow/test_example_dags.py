"""The example DAGs, run to their end; in a running Airflow, and before Airflow 3 by `dag.test()`."""

from __future__ import annotations

import copy
import importlib
import json
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from example_dags.demo.night import DAY, make_night
from tests.harness.sandbox_api import AMPLITUDE, create, start_sync, syncs_of

if TYPE_CHECKING:
    from example_dags.demo.throwaway_airflow import ThrowawayAirflow

AIRFLOW_3 = version("apache-airflow") >= "3"
DATABASE = {
    "host": "db.example.com",
    "port": 5432,
    "schema": "segment",
    "login": "segment",
    "password": "db-pass-9f3",
}
API_KEY = "amplitude-key-9f3"


class Runs:
    """Runs example DAGs as Airflow runs them: in the running one, or before Airflow 3 by `dag.test()`."""

    def __init__(self, airflow: ThrowawayAirflow | None, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shown: list[str] = []  # all that Airflow shows of the runs: task instances, XComs, logs
        self.returned: dict[str, Any] = {}  # what the tasks of the latest run returned, mapped ones aside
        self._airflow = airflow
        self._monkeypatch = monkeypatch

    def add_connection(self, conn_id: str, **fields: Any) -> None:
        if self._airflow:
            self._airflow.add_connection(conn_id, **fields)
        else:
            self._monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id}".upper(), json.dumps(fields))

    def add_variable(self, name: str, value: str) -> None:
        if self._airflow:
            self._airflow.post("variables", {"key": name, "value": value})
        else:
            self._monkeypatch.setenv(f"AIRFLOW_VAR_{name}".upper(), value)

    def variable(self, name: str) -> Any:
        """What a task put there, as an Airflow admin sees it in the UI."""
        if self._airflow:
            return self._airflow.get(f"variables/{name}")["value"]
        from airflow.models import Variable

        return Variable.get(name)

    def __call__(self, dag_id: str, **conf: str) -> dict[str, str]:
        """Run a DAG to its end; the states of its tasks, by task id and map index."""
        tasks = self._on_airflow_3(dag_id, conf) if self._airflow else self._on_airflow_2(dag_id, conf)
        return {f"{task_id}[{index}]" if index >= 0 else task_id: state for task_id, index, state in tasks}

    def _on_airflow_3(self, dag_id: str, conf: dict[str, str]) -> list[tuple[str, int, str]]:
        assert self._airflow
        unpause(self._airflow, dag_id)
        run_id = self._airflow.run_dag(dag_id, conf=conf)["dag_run_id"]
        place = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        tasks = self._airflow.get(place)["task_instances"]
        entries = self._airflow.get(f"{place}/~/xcomEntries", limit=100)["xcom_entries"]
        xcoms = {
            (entry["task_id"], entry["key"]): self._airflow.xcom(
                dag_id, run_id, entry["task_id"], entry["key"]
            )
            for entry in entries
            if entry["map_index"] < 0
        }
        self.returned = {task_id: value for (task_id, key), value in xcoms.items() if key == "return_value"}
        self.shown += [json.dumps(tasks), json.dumps(entries), *map(json.dumps, xcoms.values())]
        for task in tasks:
            log = self._airflow.get(
                f"{place}/{task['task_id']}/logs/{task['try_number']}", map_index=task["map_index"]
            )
            self.shown.append(json.dumps(log))
        return [(task["task_id"], task["map_index"], task["state"]) for task in tasks]

    def _on_airflow_2(self, dag_id: str, conf: dict[str, str]) -> list[tuple[str, int, str]]:
        from tests.harness.airflow_2 import prepare

        prepare()
        dag = importlib.import_module(f"example_dags.{dag_id}").dag
        tasks = dag.test(run_conf=conf).get_task_instances()
        self.returned = {task.task_id: task.xcom_pull(task.task_id) for task in tasks if task.map_index < 0}
        return [(task.task_id, task.map_index, str(task.state)) for task in tasks]


def unpause(airflow: ThrowawayAirflow, dag_id: str) -> None:
    """Unpause a DAG, and end the run that its schedule starts at once: only what a test asks for runs."""
    airflow.unpause(dag_id)
    if airflow.get(f"dags/{dag_id}")["timetable_summary"] is not None:
        wait_until(lambda: bool(airflow.runs(dag_id)))
        for run in airflow.runs(dag_id):
            if run["state"] in ("queued", "running"):
                airflow.patch(f"dags/{dag_id}/dagRuns/{run['dag_run_id']}", {"state": "failed"})


def wait_until(reached: Callable[[], bool], timeout: float = 90) -> None:
    end = time.monotonic() + timeout
    while not reached():
        assert time.monotonic() < end, f"not reached after {timeout} s"
        time.sleep(0.2)


@pytest.fixture
def run_dag(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(request.getfixturevalue("airflow") if AIRFLOW_3 else None, monkeypatch)


def workspace(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """All that the workspace holds, but for the times of changes. Ids tell new things from old ones."""
    return {
        path: {
            id: {name: value for name, value in item.items() if name not in ("createdAt", "updatedAt")}
            for id, item in collection.items()
        }
        for path, collection in copy.deepcopy(sandbox.state.collections).items()
        if collection and path != "/audit-events"
    }


@pytest.mark.core
@pytest.mark.airflow
def test_provisioning_twice_leaves_the_same_workspace(run_dag: Runs, segment_sandbox: Sandbox) -> None:
    run_dag.add_connection("segment_warehouse", conn_type="postgres", **DATABASE)
    run_dag.add_variable("amplitude_api_key", API_KEY)
    hook = SegmentHook()

    states = run_dag("provision_workspace", source="shop-two", warehouse="Two")
    assert set(states.values()) == {"success"}, states
    once = workspace(segment_sandbox)
    [source] = [each for each in hook.paginate("/sources") if each["slug"] == "shop-two"]
    [warehouse] = hook.paginate("/warehouses")
    [destination] = hook.paginate("/destinations")
    [subscription] = hook.paginate(f"/destinations/{destination['id']}/subscriptions")
    [plan] = hook.paginate("/tracking-plans")
    assert warehouse["settings"]["name"] == "Two" and warehouse["settings"]["port"] == "5432"
    assert destination["sourceId"] == source["id"] and destination["enabled"]
    assert (subscription["name"], subscription["actionSlug"]) == ("Orders", "logEvent")
    rules = hook.paginate(f"/tracking-plans/{plan['id']}/rules")
    assert {rule["key"] for rule in rules} == {"Product Viewed", "Order Completed"}
    for place in (
        f"/warehouses/{warehouse['id']}/connected-sources",
        f"/tracking-plans/{plan['id']}/sources",
    ):
        assert [each["id"] for each in hook.paginate(place)] == [source["id"]]
    key = run_dag.variable("segment_secret_write_key_shop-two")
    assert key in ("***", *source["writeKeys"])

    hook.request("PATCH", f"/destinations/{destination['id']}", json={"enabled": False})  # someone tries out
    states = run_dag("provision_workspace", source="shop-two", warehouse="Two")
    assert set(states.values()) == {"success"}, states
    assert workspace(segment_sandbox) == once

    secrets = (*source["writeKeys"], DATABASE["password"], API_KEY, segment_sandbox.token)
    assert [secret for secret in secrets for text in run_dag.shown if str(secret) in text] == []


@pytest.mark.core
@pytest.mark.airflow
def test_the_inventory_twice_is_the_same_report(
    run_dag: Runs, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    hook = SegmentHook()
    made = hook.request(
        "POST", "/warehouses", json={"metadataId": "55d3d3aea3c", "settings": {**DATABASE, "name": "Lake"}}
    ).data["warehouse"]
    hook.request("POST", "/labels", json={"label": {"key": "env", "value": "prod"}})
    segment_sandbox.faults.add("status", path="/credentials", status=403)
    before = workspace(segment_sandbox)

    reports = []
    for _ in range(2):
        states = run_dag("workspace_inventory", report=str(tmp_path / "report.json"))
        [failed] = [task for task, state in states.items() if state == "failed"]
        assert states.pop(failed) and set(states.values()) == {"success"}, states
        reports.append(json.loads((tmp_path / "report.json").read_text()))
    report = reports[0]
    assert reports[1] == report
    assert workspace(segment_sandbox) == before
    assert report["warehouses"] == [{"id": made["id"], "name": "Lake", "enabled": True}]
    assert report["labels"] == [{"key": "env", "value": "prod"}]
    assert report["credentials"] is None
    assert [user["email"] for user in report["users"]] == [user["email"] for user in hook.paginate("/users")]
    assert [name for name in report if name.startswith("audiences of ")]


def answer_late(sandbox: Sandbox, path: str) -> None:
    """Hold the first answer for a while, so that no trigger fires before the scheduler knows of the deferral.

    Airflow 3.3.2 fails a task whose trigger is faster; and it may take `[workers] min_heartbeat_interval`,
    which is 5 s, to notice that a worker's process has ended.
    """
    sandbox.faults.add("slow", path=path, seconds=6, next=1)


@pytest.mark.airflow
def test_the_run_goes_on_when_what_it_sent_is_in_the_warehouse(
    airflow: ThrowawayAirflow, segment_sandbox: Sandbox, warehouse: str, tmp_path: Path
) -> None:
    dag_id, source = "warehouse_ready", segment_sandbox.source_id
    make_night(tmp_path, 100)
    start_sync(segment_sandbox)
    segment_sandbox.advance_clock(120)  # past the minute of that one: the next one loads all events
    answer_late(segment_sandbox, "/events/volume")
    answer_late(segment_sandbox, f"/warehouses/{warehouse}/syncs")
    conf = {"events": str(tmp_path), "day": DAY, "source_id": source, "warehouse_id": warehouse, "lag": -600}
    unpause(airflow, dag_id)
    run_id = airflow.trigger_dag(dag_id, conf=conf)

    airflow.wait_for_task(dag_id, run_id, "loaded", "deferred")
    assert airflow.task(dag_id, run_id, "counted")["state"] == "success"
    segment_sandbox.advance_clock(600)  # past the window, which the negative lag has moved into the future
    start = start_sync(segment_sandbox)

    assert airflow.wait_for_run(dag_id, run_id)["state"] == "success"
    sent, counted, loaded, told = (
        airflow.xcom(dag_id, run_id, task_id) for task_id in ("send_events", "counted", "loaded", "transform")
    )
    assert sent["sent"] == counted["count"] == len(segment_sandbox.accepted) == 100
    assert counted["end"] <= start.replace("Z", "+00:00")
    assert [(sync["sourceId"], sync["start"], sync["count"]) for sync in loaded["syncs"]] == [
        (source, start, 100)
    ]
    assert told == f"The sync started at {start} has loaded 100 rows"


@pytest.mark.airflow
def test_the_asset_has_the_dag_run_for_each_sync(
    airflow: ThrowawayAirflow, segment_sandbox: Sandbox, warehouse: str
) -> None:
    from example_dags.warehouse_asset import WAREHOUSE_ID

    dag_id = "warehouse_asset"
    rename_warehouse(segment_sandbox, warehouse, WAREHOUSE_ID)
    starts = []
    for _ in range(2):
        # What ended before the watch began is not told; this is later, and there at the first look.
        segment_sandbox.advance_clock(600)
        starts.append(start_sync(segment_sandbox))
    airflow.unpause(dag_id)
    parse_again(airflow, dag_id)

    def syncs_of_runs() -> list[list[str]]:
        runs = [run["dag_run_id"] for run in airflow.runs(dag_id) if run["state"] == "success"]
        return [[sync["start"] for sync in airflow.xcom(dag_id, run, "transform")] for run in runs]

    wait_until(lambda: len(syncs_of_runs()) == 2)
    assert syncs_of_runs() == [[start] for start in starts]


def rename_warehouse(sandbox: Sandbox, old: str, new: str) -> None:
    """Segment gives ids itself; this one is in a DAG file."""
    collections = sandbox.state.collections
    for path in [path for path in collections if f"/warehouses/{old}" in path]:
        collections[path.replace(old, new)] = collections.pop(path)
    collections["/warehouses"][new] = {**collections["/warehouses"].pop(old), "id": new}


def parse_again(airflow: ThrowawayAirflow, dag_id: str) -> None:
    """Have a DAG file parsed now, not in half a minute: then Airflow begins to watch for an unpaused DAG."""
    token = airflow.get(f"dags/{dag_id}")["file_token"]
    airflow._answer("PUT", f"parseDagFile/{token}")


@pytest.mark.core
@pytest.mark.airflow
@pytest.mark.parametrize(("undelivered", "judgement"), [(1, "success"), (2, "failed")])
def test_reverse_etl_is_judged_by_what_was_not_delivered(
    run_dag: Runs, segment_sandbox: Sandbox, mapping: dict[str, str], undelivered: int, judgement: str
) -> None:
    counts = {"delivered": 100 - undelivered, "failed": undelivered}
    segment_sandbox.scripts.add("reverse_etl_sync", status="PARTIAL_SUCCESS", seconds=0, **counts)
    answer_late(segment_sandbox, f"/reverse-etl-models/{mapping['model_id']}/syncs/")
    states = run_dag("reverse_etl", **mapping)
    assert states == {"sync": "success", "judge": judgement}
    assert [sync["syncStatus"] for sync in syncs_of(mapping)] == ["PARTIAL_SUCCESS"]
    if judgement == "success":
        assert run_dag.returned["judge"] == "1 of 100 rows were not delivered"
    elif AIRFLOW_3:
        assert any("2 of 100 rows were not delivered" in text for text in run_dag.shown)


@pytest.mark.core
@pytest.mark.airflow
def test_people_are_forgotten_and_named_nowhere(
    run_dag: Runs, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    people = [f"person-{number}@example.com" for number in range(12)]
    week = tmp_path / DAY
    week.mkdir()
    (week / "a.txt").write_text("\n".join([*people[:8], people[0], ""]))
    (week / "b.txt").write_text("\n".join(people[6:]))
    unable = create(
        "/destinations", sourceId=segment_sandbox.source_id, metadataId=AMPLITUDE, settings={}, name="Amp"
    )
    segment_sandbox.scripts.add(
        "regulation", status="FAILED", seconds=0, destinations={unable: "NOT_SUPPORTED"}
    )
    answer_late(segment_sandbox, "/regulations/")

    states = run_dag("privacy_requests", requests=str(tmp_path), day=DAY)
    assert states == {"forget": "success", "report": "success"}
    [regulation] = SegmentHook().paginate("/regulations")
    assert regulation["regulationType"] == "SUPPRESS_WITH_DELETE"
    assert sorted(regulation["subjects"]) == sorted(people)
    report = (week / "report.json").read_text()
    [group] = json.loads(report)
    assert (group["first"], group["last"], group["ids"]) == (1, 12, 12)
    assert group["regulate_id"] == regulation["id"]
    assert run_dag.returned["report"] == (
        f"12 users were deleted, but not in Amp, which cannot delete: see {week / 'report.json'}"
    )
    assert [text for text in (report, *run_dag.shown) if "@example.com" in text] == []
