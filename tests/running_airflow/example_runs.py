"""Runs of the example DAGs: in the running Airflow, and before Airflow 3 by `dag.test()`."""

from __future__ import annotations

import importlib
import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

from tests.running_airflow.runs import Run

if TYPE_CHECKING:
    from example_dags.demo.throwaway_airflow import ThrowawayAirflow

AIRFLOW_3 = version("apache-airflow") >= "3"


class ExampleRun:
    """A run of an example DAG, and all that Airflow shows of it."""

    def __init__(self, dag_id: str, conf: dict[str, Any], run: Run | None) -> None:
        self._dag_id = dag_id
        self._conf = conf
        self._run = run
        self.shown: list[str] = []  # task instances, XComs, logs
        self.returned: dict[str, Any] = {}  # what the tasks returned, mapped ones aside

    def end(self) -> dict[str, str]:
        """Wait for the end; the states of the tasks, by task id and map index."""
        tasks = self._in_airflow_3(self._run) if self._run else self._in_airflow_2()
        return {f"{task_id}[{index}]" if index >= 0 else task_id: state for task_id, index, state in tasks}

    def _in_airflow_3(self, run: Run) -> list[tuple[str, int, str]]:
        run.end()
        place = f"dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances"
        tasks = run.tasks()
        entries = run.airflow.get(f"{place}/~/xcomEntries", limit=100)["xcom_entries"]
        xcoms = {
            (entry["task_id"], entry["key"]): run.xcom(entry["task_id"], entry["key"])
            for entry in entries
            if entry["map_index"] < 0
        }
        self.returned = {task_id: value for (task_id, key), value in xcoms.items() if key == "return_value"}
        self.shown += [json.dumps(tasks), json.dumps(entries), *map(json.dumps, xcoms.values())]
        for task in tasks:
            log = run.airflow.get(
                f"{place}/{task['task_id']}/logs/{task['try_number']}", map_index=task["map_index"]
            )
            self.shown.append(json.dumps(log))
        return [(task["task_id"], task["map_index"], task["state"]) for task in tasks]

    def _in_airflow_2(self) -> list[tuple[str, int, str]]:
        from tests.harness.airflow_2 import prepare

        prepare()
        dag = importlib.import_module(f"example_dags.{self._dag_id}").dag
        tasks = dag.test(run_conf=self._conf).get_task_instances()
        self.returned = {task.task_id: task.xcom_pull(task.task_id) for task in tasks if task.map_index < 0}
        return [(task.task_id, task.map_index, str(task.state)) for task in tasks]


class Examples:
    """Starts example DAGs, and holds the connections and variables that they use."""

    def __init__(self, airflow: ThrowawayAirflow | None, monkeypatch: pytest.MonkeyPatch) -> None:
        self._airflow = airflow
        self._monkeypatch = monkeypatch

    def start(self, dag_id: str, **conf: Any) -> ExampleRun:
        """Start a run; before Airflow 3 it starts when its end is waited for."""
        if not self._airflow:
            return ExampleRun(dag_id, conf, None)
        unpause(self._airflow, dag_id)
        return ExampleRun(dag_id, conf, Run.start(self._airflow, dag_id, conf))

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


def unpause(airflow: ThrowawayAirflow, dag_id: str) -> None:
    """Unpause a DAG, and end the run that its schedule starts: only what a test asks for runs."""
    before = airflow.get(f"dags/{dag_id}")
    airflow.unpause(dag_id)
    if not before["is_paused"] or before["timetable_summary"] is None:
        return
    airflow.wait_for(f"the scheduled run of {dag_id}", lambda: airflow.runs(dag_id))
    for run in airflow.runs(dag_id):
        if run["state"] in ("queued", "running"):
            airflow.patch(f"dags/{dag_id}/dagRuns/{run['dag_run_id']}", {"state": "failed"})
