"""``@task.segment_events`` through the real task runner."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_segment.decorators.segment_events import segment_events_task
from airflow_provider_segment.provider_info import get_provider_info
from airflow_provider_segment.sandbox import Sandbox
from tests.harness.task_runner import RunTask

pytestmark = pytest.mark.core

ROW = {"type": "identify", "userId": "$user", "traits": {"plan": "$plan"}}


def make(function: Any, *args: Any, **options: Any) -> Any:
    """The operator of a function in a DAG, called with arguments."""
    with DAG("tests", schedule=None, start_date=datetime(2026, 1, 1)):
        return segment_events_task(function, **options)(*args).operator


def test_rows_are_sent_as_they_are_yielded(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    def people(plan: str, ds: str | None = None) -> Iterator[dict[str, Any]]:
        for number in range(3_000):
            yield {"user": f"{ds}-{number}", "plan": plan}

    run = run_task(make(people, "{{ run_id }}", mapping=ROW, message_id_fields=["user"]))
    assert run.state == "success", run.error
    assert (run.xcom["rows"], run.xcom["sent"]) == (3_000, 3_000)
    assert segment_sandbox.accepted[0]["userId"].startswith("2026-01-02-")
    assert segment_sandbox.accepted[0]["traits"]["plan"].startswith("scheduled__")


def test_events_may_be_returned_as_a_list(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    def events() -> list[dict[str, Any]]:
        return [{"type": "page", "userId": "u1"}]

    assert run_task(make(events)).xcom["sent"] == 1


@pytest.mark.parametrize(
    ("library", "make_table"), [("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "table")]
)
def test_a_table_may_be_returned(
    run_task: RunTask, segment_sandbox: Sandbox, library: str, make_table: str
) -> None:
    make_one = getattr(pytest.importorskip(library), make_table)

    def table() -> Any:
        return make_one({"user": [1, 2], "plan": ["free", None]})

    assert run_task(make(table, mapping=ROW)).xcom["rows"] == 2
    assert [event["userId"] for event in segment_sandbox.accepted] == ["1", "2"]


@pytest.mark.parametrize("result", [None, 5, "text", {"type": "page"}])
def test_a_function_that_gives_no_rows_fails(
    run_task: RunTask, segment_sandbox: Sandbox, result: Any
) -> None:
    def nothing() -> Any:
        return result

    run = run_task(make(nothing))
    assert run.state == "failed" and "nothing must yield or return rows or events" in str(run.error)


def test_what_was_yielded_before_an_error_is_sent(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    def people() -> Iterator[dict[str, Any]]:
        yield {"user": "u1", "plan": "free"}
        raise RuntimeError("the database went away")

    run = run_task(make(people, mapping=ROW))
    assert isinstance(run.error, RuntimeError)
    assert len(segment_sandbox.accepted) == 1 and "1 sent" in run.log


def test_options_are_checked_and_rendered(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    def people() -> list[dict[str, Any]]:
        return [{"user": "u1", "plan": "free"}]

    run = run_task(make(people, mapping=ROW, context={"run": "{{ run_id }}"}))
    assert run.rendered["context"]["run"].startswith("scheduled__")
    assert run_task(make(people, mapping=ROW, concurrency=0)).state == "failed"
    with pytest.raises(Exception, match="'trak' is no type"):
        make(people, mapping={"type": "trak"})


def test_airflow_finds_it() -> None:
    [declared] = get_provider_info()["task-decorators"]
    assert declared["name"] == "segment_events"
    assert getattr(task, "segment_events", None) is not None
