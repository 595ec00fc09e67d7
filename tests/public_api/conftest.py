"""Operators against a sandbox whose traffic is recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.harness.fake_clock import freeze_at_noon
from tests.harness.task_runner import RunTask

pytest.register_assert_rewrite("tests.public_api.scenario")

from tests.public_api.scenario import RecordedSandbox, Scenario  # noqa: E402


@pytest.fixture(scope="session")
def _recorded() -> Iterator[RecordedSandbox]:
    with RecordedSandbox.running() as recorded:
        yield recorded


@pytest.fixture
def recorded(_recorded: RecordedSandbox, monkeypatch: pytest.MonkeyPatch) -> RecordedSandbox:
    """An empty sandbox whose traffic is recorded; the Airflow connection `segment_default` points to it.

    Its clock is frozen until a test advances it, so that no result depends on the machine or the hour.
    """
    _recorded.sandbox.reset()
    freeze_at_noon(_recorded.sandbox)
    _recorded.exchanges.clear()
    connection = _recorded.sandbox.connection
    connection["extra"]["retries"] = 0  # else a retry would hide a fault
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(connection))
    return _recorded


@pytest.fixture
def go(run_task: RunTask, recorded: RecordedSandbox) -> Iterator[Scenario]:
    """Run operators against it, one after another: `go("CreateSource", slug="shop", metadata_id=...)`."""
    yield Scenario(run_task, recorded)
    assert recorded.faults() == []
