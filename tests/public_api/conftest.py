"""Operators against a sandbox that is overheard."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.harness.task_runner import RunTask
from tests.public_api.journey import Journey, Overheard


@pytest.fixture(scope="session")
def _overheard() -> Iterator[Overheard]:
    with Overheard.running() as overheard:
        yield overheard


@pytest.fixture
def overheard(_overheard: Overheard, monkeypatch: pytest.MonkeyPatch) -> Overheard:
    """A fresh sandbox that is overheard, and which the Airflow connection `segment_default` leads to."""
    _overheard.sandbox.reset()
    _overheard.exchanges.clear()
    connection = _overheard.sandbox.connection
    connection["extra"]["retries"] = 0  # a test that looks for faults should see the first one
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(connection))
    return _overheard


@pytest.fixture
def go(run_task: RunTask, overheard: Overheard) -> Iterator[Journey]:
    """Run operators there, one after another: `go("CreateSource", slug="shop", metadata_id=...)`."""
    yield Journey(run_task, overheard)
    assert overheard.faults() == []
