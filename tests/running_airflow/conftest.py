"""The fixture `airflow`: a real Airflow, started once for this folder, with a sandbox of its own.

Its triggerer polls that sandbox whenever it likes, which would be seen by tests that inspect requests. So in
this folder `segment_sandbox` is another server than elsewhere.

A run in Airflow mostly waits. So files whose tests need several runs start all of them first, and each test
then follows its own; these share a sandbox, `shared_sandbox`, and each run has resources of its own there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from airflow_provider_segment.api.rate_limits import RATE_LIMITERS
from airflow_provider_segment.sandbox import Sandbox
from tests.harness.task_runner import REPOSITORY

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with this folder: nothing else takes one of several workers as long."""
    items.sort(key=lambda item: HERE not in item.path.parents)


@pytest.fixture(scope="session")
def _segment_sandbox_server() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def shared_sandbox(_segment_sandbox_server: Sandbox) -> Iterator[Sandbox]:
    """The sandbox of `segment_sandbox`, fresh for each file and not for each test."""
    sandbox = _segment_sandbox_server
    sandbox.reset()
    RATE_LIMITERS.clear()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(sandbox.connection))
        yield sandbox


@pytest.fixture(scope="package")
def airflow(tmp_path_factory: pytest.TempPathFactory, _segment_sandbox_server: Sandbox) -> Iterator[object]:
    """API server, scheduler with LocalExecutor and DAG processor; see `ThrowawayAirflow`.

    Its DAGs are those of example_dags and tests/running_airflow/dags. The connection `segment_default` leads
    to the server of the fixture `segment_sandbox`, and so does `segment_impatient`, without retries. The pool
    `segment_reverse_etl` is the one that docs/reverse_etl.md has people make.
    """
    if version("apache-airflow") < "3.3":
        pytest.skip("needs Airflow 3.3")
    from example_dags.demo.throwaway_airflow import ThrowawayAirflow

    home = tmp_path_factory.mktemp("airflow")
    folders = [REPOSITORY / "example_dags", HERE / "dags"]
    # Runs by assets need the scheduler to look; a DAG that runs by the clock, too, may run once more.
    environment = {
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "True",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
            {"type": "file", "log_file_path": str(home / "lineage")}
        ),
        # The files do not change.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
        # The end of a task's process is noticed sooner.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        # What a killed triggerer had is taken up by the next one sooner.
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "5",
        # Runs that go on at the same time wait for Segment, not for a free worker.
        "AIRFLOW__CORE__PARALLELISM": "8",
        # The callbacks that Airflow 3.3.2 runs on an executor may read no connection from Airflow itself.
        "AIRFLOW__WORKERS__SECRETS_BACKEND": (
            "airflow.secrets.environment_variables.EnvironmentVariablesBackend"
        ),
        "AIRFLOW_CONN_SEGMENT_OF_WORKERS": json.dumps(_segment_sandbox_server.connection),
        "PYTHONPATH": str(REPOSITORY),
    }
    with ThrowawayAirflow(home, folders, environment=environment) as airflow:
        connection = _segment_sandbox_server.connection
        airflow.add_connection("segment_default", **connection)
        extra = {**connection["extra"], "retries": 0}
        airflow.add_connection("segment_impatient", **{**connection, "extra": extra})
        pool = {"slots": 1, "include_deferred": True, "description": "One reverse ETL sync at a time"}
        airflow.post("pools", {"name": "segment_reverse_etl", **pool})
        yield airflow
