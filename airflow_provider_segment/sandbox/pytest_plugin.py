"""The sandbox as a pytest fixture, for tests of your own DAGs.

In the conftest.py at the root of your tests::

    pytest_plugins = ["airflow_provider_segment.sandbox.pytest_plugin"]

In a test::

    def test_my_dag(segment_sandbox):
        my_dag.test()
        assert [event["event"] for event in segment_sandbox.accepted] == ["Order Completed"]
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from airflow_provider_segment.api.rate_limits import RATE_LIMITERS
from airflow_provider_segment.sandbox import Sandbox


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
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(sandbox.connection))
    return sandbox
