"""What `make demo-ui` offers: each example DAG runs with its default params.

Here without Airflow's processes; `make test-demo` runs all of them in a real Airflow.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.testing.dag_runs import SegmentAirflow
from example_dags.demo.examples import OF_DATABASE, copy_examples, missing
from example_dags.demo.shop import (
    CONNECTIONS,
    VARIABLES,
    days,
    make_files,
    make_tables,
    make_workspace,
)
from tests.harness.databases import Postgres

pytest_plugins = ["tests.harness.databases"]

ASKS = {"preview_and_approve", "agent_with_approval"}
"""They wait for an answer in Airflow's UI."""
STARTED_BY_ASSETS = {"warehouse_asset", "night_report"}
WAITS_FOR_LOADS = {"verified_backfill", "warehouse_ready"}
"""For a sync that begins after what they send: `make test-demo` runs them."""
OTHERS = sorted(
    {file.stem for file in (Path(__file__).parents[1] / "example_dags").glob("[!_]*.py")}
    - {"spark_orders", *ASKS, *STARTED_BY_ASSETS, *WAITS_FOR_LOADS}
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of the demo: `dags`, and the `data` that they name."""
    folder = tmp_path_factory.mktemp("demo")
    make_files(folder / "data")
    copy_examples(folder / "dags", folder / "data", missing(None))
    return folder


@pytest.fixture
def connected(segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connections and Variables of the demo, and its workspace."""
    for conn_id, fields in CONNECTIONS.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id}".upper(), json.dumps(fields))
    for name, value in VARIABLES.items():
        monkeypatch.setenv(f"AIRFLOW_VAR_{name}".upper(), value)
    make_workspace(segment_sandbox)


@pytest.fixture
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The database of the demo, for the examples that use it."""
    with ExitStack() as stack:
        if request.getfixturevalue("dag_id") in OF_DATABASE:
            postgres: Postgres = request.getfixturevalue("postgres")
            pytest.importorskip("airflow.providers.postgres")
            postgres.run("create database demo")
            stack.callback(postgres.run, "drop database demo with (force)")
            own = Postgres(postgres.folder)
            own.database = "demo"
            make_tables(own)
            monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(own.airflow_connection))
        yield


def loaded(file: Path) -> Any:
    """The DAG of a file."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:
        from airflow.models.dagbag import DagBag
    bag = DagBag(str(file))
    assert bag.import_errors == {}
    [dag] = bag.dags.values()
    return dag


@pytest.mark.parametrize("dag_id", OTHERS)
def test_an_example_runs_as_it_stands(
    dag_id: str, shop: Path, connected: None, database: None, segment_airflow: SegmentAirflow
) -> None:
    run = segment_airflow.run(loaded(shop / "dags" / f"{dag_id}.py"))
    assert run.state == "success", run.log
    assert set(run.states.values()) == {"success"}


def test_what_is_left_out_has_a_reason() -> None:
    assert missing("there is no PostgreSQL") == {
        **missing(None),
        **dict.fromkeys(OF_DATABASE, "there is no PostgreSQL"),
    }
    assert missing(None)["spark_orders"] == "needs Spark"


def test_a_run_finds_files_of_its_day(shop: Path) -> None:
    """Whether it is started today or after midnight."""
    for day in days():
        assert list((shop / "data" / "events" / day.isoformat()).glob("*.jsonl*"))
