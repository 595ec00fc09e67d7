"""What the tries of a task instance keep, and what ends with a clear."""

from __future__ import annotations

import ast
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import airflow_provider_segment
from airflow_provider_segment.tasks.base import SegmentBaseOperator
from airflow_provider_segment.tasks.memory import Memory
from tests.harness.scripted_api import ScriptedAPI
from tests.harness.task_runner import RunTask, TaskRun

HAS_STORE = version("apache-airflow") >= "3.3"
PACKAGE = Path(airflow_provider_segment.__file__).parent


class Remember(SegmentBaseOperator):
    """Returns what its memory knows, then notes its try."""

    def perform(self, arguments: dict[str, Any], context: Any) -> Any:
        memory = Memory(context)
        known = memory.get("try")
        memory.note(**{"try": context["ti"].try_number})
        return {"is_retry": memory.is_retry, "known": known, "persistent": memory.persistent}


def attempt(run_task: RunTask, number: int, max_tries: int, after: TaskRun | None = None) -> TaskRun:
    """Run one try of a task with two retries."""
    kept = {"state_store": after.state_store} if after and after.state_store else {}
    run = run_task(Remember(task_id="t", retries=2), try_number=number, max_tries=max_tries, **kept)
    assert run.state == "success", run.error
    assert run.xcom["persistent"] is HAS_STORE
    return run


# A clear sets max_tries to the number of the last try, plus the retries: after one try of a task with two
# retries, to 3; after all three, to 5.
@pytest.mark.core
@pytest.mark.parametrize(
    ("tries", "is_retry", "known"),
    [
        pytest.param([(1, 2)], False, None, id="first try"),
        pytest.param([(1, 2), (2, 2)], True, 1, id="retry"),
        pytest.param([(1, 2), (2, 2), (3, 2)], True, 2, id="last retry"),
        pytest.param([(1, 2), (2, 3)], False, None, id="cleared after success"),
        pytest.param([(1, 2), (2, 2), (3, 2), (4, 5)], False, None, id="cleared after failure"),
        pytest.param([(1, 2), (2, 3), (3, 3)], True, 2, id="retry after a clear"),
        pytest.param([(1, 2), (2, 3), (3, 3), (4, 5)], False, None, id="cleared twice"),
        pytest.param([(1, 2), (2, 3), (3, 4), (4, 4)], True, 3, id="retry after two clears"),
    ],
)
def test_a_clear_begins_anew_and_a_retry_goes_on(
    run_task: RunTask, scripted_api: ScriptedAPI, tries: list[tuple[int, int]], is_retry: bool, known: int
) -> None:
    run = None
    for number, max_tries in tries:
        run = attempt(run_task, number, max_tries, run)
    assert run
    assert run.xcom["is_retry"] is is_retry
    assert run.xcom["known"] == (known if HAS_STORE else None)


@pytest.mark.skipif(not HAS_STORE, reason="before Airflow 3.3 nothing is kept from try to try")
@pytest.mark.parametrize(
    ("retries", "clear_number", "known"),
    [
        pytest.param(0, 1, None, id="cleared, with other retries"),
        pytest.param(0, 0, 1, id="retry with other retries"),
        pytest.param(1, 1, 1, id="retry after another task was cleared"),
    ],
)
def test_a_clear_that_leaves_the_number_of_the_last_try(
    run_task: RunTask, scripted_api: ScriptedAPI, retries: int, clear_number: int, known: int | None
) -> None:
    first = run_task(Remember(task_id="t", retries=1), max_tries=1)
    second = run_task(
        Remember(task_id="t", retries=retries),
        try_number=2,
        max_tries=1,
        clear_number=clear_number,
        state_store=first.state_store,
    )
    assert second.xcom["known"] == known


def test_only_memory_touches_the_task_state_store() -> None:
    """Others would forget that a cleared task begins anew."""
    users = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if "task_state_store" in (getattr(node, "value", None), getattr(node, "attr", None))
    }
    assert users == {"tasks/memory.py"}
