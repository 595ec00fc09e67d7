"""The example DAGs: they are parsed without errors, and do what they show."""

from __future__ import annotations

import copy
import importlib
import json
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from example_dags.demo.night import DAY, FAULTY, make_night
from tests.harness.task_runner import REPOSITORY, RunTask

if TYPE_CHECKING:
    from example_dags.demo.throwaway_airflow import ThrowawayAirflow

EXAMPLES = REPOSITORY / "example_dags"
NIGHT = datetime.fromisoformat(f"{DAY}T00:00:00+00:00")
AIRFLOW_3 = version("apache-airflow") >= "3"
DATABASE = {
    "host": "db.example.com",
    "port": 5432,
    "schema": "segment",
    "login": "segment",
    "password": "db-pass-9f3",
}
API_KEY = "amplitude-key-9f3"


def make_send_events() -> object:
    from example_dags import nightly_backfill

    return nightly_backfill.send_events


@pytest.mark.core
def test_every_example_is_parsed_without_errors() -> None:
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:
        from airflow.models.dagbag import DagBag
    bag = DagBag(str(EXAMPLES))
    assert bag.import_errors == {}
    assert set(bag.dags) == {file.stem for file in EXAMPLES.glob("[!_]*.py")}


@pytest.mark.core
def test_the_nightly_backfill_sends_the_day_before_the_run(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    make_night(tmp_path, 100)
    run = run_task(make_send_events(), logical_date=NIGHT, conf={"events": str(tmp_path)})
    assert run.state == "success", run.error
    assert run.rendered["path"] == f"{tmp_path}/{DAY}/*.jsonl*"
    assert run.xcom["sent"] == len(segment_sandbox.accepted) == 100
    assert sum(run.xcom["rejected"].values()) == FAULTY


@pytest.mark.core
def test_the_nightly_backfill_sends_the_day_that_was_asked_for(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    make_night(tmp_path, 100)
    run = run_task(make_send_events(), conf={"events": str(tmp_path), "day": DAY})
    assert run.state == "success", run.error
    assert len(segment_sandbox.accepted) == 100


@pytest.mark.skipif(not AIRFLOW_3, reason="every run has a logical date before Airflow 3")
def test_the_nightly_backfill_needs_no_logical_date(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    run = run_task(make_send_events(), logical_date=None, conf={"events": str(tmp_path)})
    assert run.rendered["path"] == f"{tmp_path}/2026-01-02/*.jsonl*"


class Runs:
    """Runs example DAGs as Airflow runs them: in the running one, or before Airflow 3 by `dag.test()`."""

    def __init__(self, airflow: ThrowawayAirflow | None, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shown: list[str] = []  # all that Airflow shows of the runs: task instances, XComs, logs
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
        run_id = self._airflow.run_dag(dag_id, conf=conf)["dag_run_id"]
        place = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        tasks = self._airflow.get(place)["task_instances"]
        self.shown += [json.dumps(tasks), json.dumps(self._airflow.get(f"{place}/~/xcomEntries", limit=100))]
        for task in tasks:
            log = self._airflow.get(f"{place}/{task['task_id']}/logs/1", map_index=task["map_index"])
            self.shown.append(json.dumps(log))
        return [(task["task_id"], task["map_index"], task["state"]) for task in tasks]

    def _on_airflow_2(self, dag_id: str, conf: dict[str, str]) -> list[tuple[str, int, str]]:
        from tests.harness.airflow_2 import prepare

        prepare()
        dag = importlib.import_module(f"example_dags.{dag_id}").dag
        tasks = dag.test(run_conf=conf).get_task_instances()
        return [(task.task_id, task.map_index, str(task.state)) for task in tasks]


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
