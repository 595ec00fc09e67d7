"""Clearing a task has its work done anew, where a retry goes on from the try before."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from airflow_provider_segment import operators
from tests.harness.scripted_api import Request, ScriptedAPI
from tests.harness.task_runner import RunTask

pytestmark = pytest.mark.skipif(
    version("apache-airflow") < "3.3", reason="before Airflow 3.3 nothing is kept from try to try"
)
CLEARED = {"try_number": 2}


def test_write_key(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    keys = ["a"]

    def create(request: Request) -> dict[str, object]:
        keys.append(f"k{len(keys)}")
        return {"source": {"id": "s", "writeKeys": list(keys)}}

    scripted_api.answers["GET /sources/s"] = lambda request: {"source": {"id": "s", "writeKeys": list(keys)}}
    scripted_api.answers["POST /sources/s/writekey"] = create

    def operator(retries: int) -> operators.SegmentCreateWriteKeyForSourceOperator:
        return operators.SegmentCreateWriteKeyForSourceOperator(task_id="t", source_id="s", retries=retries)

    first = run_task(operator(1))
    assert first.state == "success", first.error
    retried = run_task(operator(1), try_number=2, state_store=first.state_store)
    assert (retried.state, len(keys)) == ("success", 2), retried.error
    cleared = run_task(operator(2), **CLEARED, state_store=first.state_store)  # clearing raises max_tries
    assert (cleared.state, len(keys)) == ("success", 3), cleared.error


def test_natural_key(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    groups: list[dict[str, str]] = []

    def create(request: Request) -> dict[str, object]:
        groups.append({"id": "g", "name": "A"})
        return {"userGroup": groups[0]}

    scripted_api.answers["GET /groups"] = lambda request: {"userGroups": groups}
    scripted_api.answers["POST /groups"] = create
    first = run_task(operators.SegmentCreateUserGroupOperator(task_id="t", name="A", retries=1))
    assert first.state == "success", first.error
    cleared = run_task(
        operators.SegmentCreateUserGroupOperator(task_id="t", name="A", retries=2),
        **CLEARED,
        state_store=first.state_store,
    )
    assert cleared.state == "failed"
    assert "exists already" in str(cleared.error)
