"""The harness itself, with its own operators: it reports what a task really did."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowFailException,
    AirflowSkipException,
    BaseOperator,
    TaskDeferred,
)

from tests.harness.task_runner import RunTask

needs_airflow_3 = pytest.mark.skipif(version("apache-airflow") < "3.3", reason="no task state store")


class Probe(BaseOperator):
    """Does what its argument `does` says, and returns its template field."""

    template_fields = ("text",)

    def __init__(self, *, text: Any = None, does: str = "nothing", marker: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text
        self.does = does
        self.marker = marker

    def execute(self, context: Any) -> Any:
        self.log.info("the operator logs %s", "a line")
        logging.getLogger("airflow_provider_segment.probe").debug("a module logs %s", "another")
        getattr(self, self.does)(context)
        return self.text

    def nothing(self, context: Any) -> None:
        pass

    def fail(self, context: Any) -> None:
        raise ValueError("broken")

    def fail_for_good(self, context: Any) -> None:
        raise AirflowFailException("broken for good")

    def skip(self, context: Any) -> None:
        raise AirflowSkipException

    def defer_itself(self, context: Any) -> None:
        from airflow.triggers.testing import SuccessTrigger

        raise TaskDeferred(trigger=SuccessTrigger(), method_name="execute")

    def push(self, context: Any) -> None:
        context["ti"].xcom_push(key="extra", value={"n": 1})

    def count(self, context: Any) -> None:
        store = context["task_state_store"]
        store.set("tries", store.get("tries", 0) + 1)

    def count_and_hang(self, context: Any) -> None:
        self.count(context)
        Path(self.marker).touch()
        time.sleep(3600)


def make_probe(does: str, marker: str = "") -> Probe:
    return Probe(task_id="probe", does=does, marker=marker, text="{{ ti.try_number }}", retries=1)


@pytest.mark.core
@pytest.mark.parametrize(
    ("does", "retries", "state"),
    [
        ("nothing", 0, "success"),
        ("fail", 0, "failed"),
        ("fail", 1, "up_for_retry"),
        ("fail_for_good", 1, "failed"),
        ("skip", 0, "skipped"),
        ("defer_itself", 0, "deferred"),
    ],
)
def test_states(run_task: RunTask, does: str, retries: int, state: str) -> None:
    run = run_task(Probe(task_id="probe", does=does, retries=retries, retry_delay=timedelta(0)))
    assert run.state == state
    if does.startswith("fail"):
        assert "broken" in str(run.error)


@pytest.mark.core
def test_what_a_task_leaves_behind(run_task: RunTask) -> None:
    run = run_task(
        Probe(task_id="probe", does="push", text=["{{ ds }}", "{{ run_id }}", "{{ dag_run.conf.n }}"]),
        conf={"n": 5},
    )
    assert run.xcom == ["2026-01-02", "scheduled__2026-01-02T00:00:00+00:00", "5"]
    assert run.xcoms == {"return_value": run.xcom, "extra": {"n": 1}}
    assert run.rendered["text"] == run.xcom
    assert "the operator logs a line" in run.log
    assert "a module logs another" in run.log


@pytest.mark.core
def test_a_retry_is_the_same_task_instance(run_task: RunTask) -> None:
    operator = Probe(
        task_id="probe", text="{{ ti.try_number }}", does="fail", retries=2, retry_delay=timedelta(0)
    )
    runs = [run_task(operator, try_number=number) for number in (1, 2, 3)]
    assert [run.state for run in runs] == ["up_for_retry", "up_for_retry", "failed"]
    assert [run.rendered["text"] for run in runs] == ["1", "2", "3"]


@pytest.mark.core
def test_mapped_task_instances_know_their_index(run_task: RunTask) -> None:
    assert run_task(Probe(task_id="probe", text="{{ ti.map_index }}"), map_index=3).xcom == "3"


@pytest.mark.core
def test_upstream_xcoms(run_task: RunTask) -> None:
    with DAG("tests", schedule=None):
        upstream = Probe(task_id="upstream")
        pulled = Probe(task_id="pulled", text="{{ ti.xcom_pull('upstream')[1].id }}")
        passed = Probe(task_id="passed", text=upstream.output)
    xcoms = {("upstream", "return_value"): [{"id": 1}, {"id": 2}]}
    assert run_task(pulled, xcoms=xcoms).xcom == "2"
    assert run_task(passed, xcoms=xcoms).xcom == [{"id": 1}, {"id": 2}]


@needs_airflow_3
def test_a_run_may_have_no_logical_date(run_task: RunTask) -> None:
    assert run_task(Probe(task_id="probe", text="{{ ds }}"), logical_date=None).state == "failed"
    assert (
        run_task(Probe(task_id="probe", text="{{ dag_run.run_after }}"), logical_date=None).state == "success"
    )


@needs_airflow_3
def test_the_state_store_is_passed_from_try_to_try(run_task: RunTask) -> None:
    first = run_task(make_probe("count"))
    assert first.state_store == {"tries": 1}
    second = run_task(make_probe("count"), try_number=2, state_store=first.state_store)
    assert second.state_store == {"tries": 2}


@pytest.mark.core
def test_a_try_in_a_process_of_its_own(run_task: RunTask) -> None:
    run = run_task.start("tests.harness.test_harness:make_probe", "nothing", try_number=2).wait()
    assert (run.state, run.xcom) == ("success", "2")


@needs_airflow_3
def test_a_killed_try_leaves_its_state_store_to_the_next(run_task: RunTask, tmp_path: Path) -> None:
    marker = tmp_path / "halfway"
    killed = run_task.start("tests.harness.test_harness:make_probe", "count_and_hang", str(marker))
    while killed.running and not marker.exists():
        time.sleep(0.02)
    killed.kill()
    with pytest.raises(RuntimeError, match="ended with -9"):
        killed.wait()
    second = run_task(make_probe("count"), try_number=2, state_store=killed.state_store)
    assert second.state == "success"
    assert second.state_store == {"tries": 2}
