"""What waits in the triggerer, and what is watched there, while the triggerer is restarted and killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_segment.sandbox import Sandbox
from tests.harness.sandbox_api import create_warehouse, start_sync
from tests.running_airflow.runs import WATCHED, Run, watch

if TYPE_CHECKING:
    from example_dags.demo.throwaway_airflow import ThrowawayAirflow

pytestmark = pytest.mark.airflow

WATCHING = "when_synced"


class Restarts:
    """A deferred sensor and a watched warehouse, through a restart, a crash and failing requests."""

    def __init__(self, airflow: ThrowawayAirflow, sandbox: Sandbox) -> None:
        self._airflow = airflow
        self._sandbox = sandbox
        self.starts: list[str] = []  # of the syncs of the watched warehouse
        self._warehouse = create_warehouse(sandbox)
        self._watched = create_warehouse(sandbox, WATCHED)
        self.wait = Run.start(airflow, "wait_impatiently", {"warehouse_id": self._warehouse})
        watch(airflow, WATCHING)
        self.wait.wait_for("wait", "deferred")
        self._polled(self._warehouse, times=2)
        self._polled(self._watched, times=1)

        self._sync_watched()
        self._recorded()
        for kill in (False, True):
            airflow.stop_triggerer(kill=kill)
            self._sync_watched()
            self._sync_watched()
            airflow.start_triggerer()
            self._polled(self._warehouse, times=2)
            self._recorded()
        for kind in ("status", "not_json", "reset"):
            sandbox.faults.add(kind, next=3, **({"status": 500} if kind == "status" else {}))
        self._polled(self._warehouse, times=10)
        self._sync_watched()
        self._recorded()
        start_sync(sandbox, self._warehouse)

    def _sync_watched(self) -> None:
        self._sandbox.advance_clock(1)  # each sync has a start of its own
        self.starts.append(start_sync(self._sandbox, self._watched))

    def _polled(self, warehouse: str, *, times: int) -> None:
        """Wait for that many more polls."""

        def polls() -> int:
            return sum(each["path"] == f"/warehouses/{warehouse}/syncs" for each in self._sandbox.requests)

        before = polls()
        self._airflow.wait_for(f"{times} polls of {warehouse}", lambda: polls() >= before + times)

    def _recorded(self) -> None:
        """Wait until a run was started for each sync, and the watcher has recorded that."""
        self._airflow.wait_for("a run for each sync", lambda: len(self._runs()) >= len(self.starts))
        [asset] = self._airflow.get("assets", uri_pattern=WATCHED)["assets"]

        def recorded() -> bool:
            entries = self._airflow.get(f"assets/{asset['id']}/state-store")["asset_state_store"]
            return any(len(entry["value"]["keys"]) == len(self.starts) for entry in entries)

        self._airflow.wait_for("the watcher's record", recorded)

    def starts_of_runs(self) -> list[str]:
        """The starts of the syncs that runs were started for and that these have received."""
        return [start for run in self._runs() for start in self._airflow.xcom(WATCHING, run, "syncs")]

    def _runs(self) -> list[str]:
        return [run["dag_run_id"] for run in self._airflow.runs(WATCHING) if run["state"] == "success"]


@pytest.fixture(scope="module")
def restarts(airflow: ThrowawayAirflow, shared_sandbox: Sandbox) -> Restarts:
    return Restarts(airflow, shared_sandbox)


def test_a_wait_outlasts_the_triggerer(restarts: Restarts) -> None:
    assert restarts.wait.end() == "success"


def test_the_log_of_a_wait_shows_no_secret(restarts: Restarts, shared_sandbox: Sandbox) -> None:
    restarts.wait.end()
    log = restarts.wait.log("wait")
    assert "Waiting for a sync" in log
    assert not any(secret in log for secret in (shared_sandbox.token, shared_sandbox.write_key))


def test_a_dag_runs_once_for_each_sync(airflow: ThrowawayAirflow, restarts: Restarts) -> None:
    assert restarts.starts_of_runs() == restarts.starts
    assert len(airflow.runs(WATCHING)) == len(restarts.starts) == 6
