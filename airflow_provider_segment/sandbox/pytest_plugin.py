"""The sandbox as a pytest fixture, for tests of your own DAGs.

In the conftest.py at the root of your tests::

    pytest_plugins = ["airflow_provider_segment.sandbox.pytest_plugin"]

In a test::

    def test_my_dag(segment_airflow):
        run = segment_airflow.run(my_dag)
        assert run.state == "success"
        assert [event["event"] for event in run.accepted] == ["Order Completed"]

`segment_airflow` is a throw-away Airflow, and `segment_sandbox` the sandbox that its tasks reach.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_segment.api.rate_limits import RATE_LIMITERS
from airflow_provider_segment.api.regions import SANDBOXES
from airflow_provider_segment.sandbox import Sandbox

if TYPE_CHECKING:
    from airflow_provider_segment.testing.dag_runs import SegmentAirflow


@pytest.fixture(scope="session")
def _segment_sandbox_server() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def segment_sandbox(_segment_sandbox_server: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A fresh sandbox, which the Airflow connection `segment_default` points to."""
    sandbox = _segment_sandbox_server
    sandbox.reset()
    RATE_LIMITERS.clear()
    SANDBOXES.add(sandbox.url)  # or the first task would ask
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(sandbox.connection))
    return sandbox


@pytest.fixture(scope="session")
def _segment_airflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from airflow_provider_segment.testing.throw_away_airflow import make_database

    return make_database(tmp_path_factory.mktemp("segment-airflow-database"))


@pytest.fixture
def segment_airflow(
    segment_sandbox: Sandbox, _segment_airflow_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> SegmentAirflow:
    """A throw-away Airflow that runs DAGs against `segment_sandbox`: `run = segment_airflow.run(dag)`."""
    from airflow_provider_segment.testing.dag_runs import SegmentAirflow

    folder = tmp_path_factory.mktemp("segment-airflow")
    shutil.copy(_segment_airflow_database, folder)
    return SegmentAirflow(folder, segment_sandbox)
