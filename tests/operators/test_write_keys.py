"""SegmentCreateWriteKeyForSourceOperator: a retry makes a key, unless the try before it did."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pytest

from airflow_provider_segment import operators
from tests.harness.scripted_api import ScriptedAPI
from tests.harness.task_runner import RunTask

KEY = "POST /sources/s/writekey"


@pytest.mark.skipif(version("apache-airflow") < "3.3", reason="before it nothing is kept from try to try")
@pytest.mark.parametrize(("status", "asked"), [(403, 2), (500, 1)], ids=["refused", "perhaps carried out"])
def test_a_key_that_appears_after_a_refusal_is_not_ours(
    run_task: RunTask, scripted_api: ScriptedAPI, status: int, asked: int
) -> None:
    operator = operators.SegmentCreateWriteKeyForSourceOperator(task_id="t", source_id="s", retries=1)
    scripted_api.answers |= {
        "GET /sources/s": {"source": {"id": "s", "writeKeys": ["a"]}},
        KEY: (status, {"errors": []}),
    }
    first = run_task(operator)
    assert first.state == "up_for_retry"
    source = {"source": {"id": "s", "writeKeys": ["a", "b"]}}
    scripted_api.answers |= {"GET /sources/s": source, KEY: source}
    second = run_task(operator, try_number=2, state_store=first.state_store)
    assert second.state == "success", second.error
    assert scripted_api.asked.count(KEY) == asked


@pytest.mark.parametrize("source", [{"id": "s"}, {"id": "s", "writeKeys": None}])
def test_a_token_that_sees_no_keys_makes_one(
    run_task: RunTask, scripted_api: ScriptedAPI, source: dict[str, Any]
) -> None:
    scripted_api.answers |= {"GET /sources/s": {"source": source}, KEY: {"source": source}}
    run = run_task(operators.SegmentCreateWriteKeyForSourceOperator(task_id="t", source_id="s"))
    assert run.state == "success", run.error
    assert scripted_api.asked.count(KEY) == 1
