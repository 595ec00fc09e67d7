"""`segment_airflow.run(dag)`: whole runs of DAGs made here, whose waits take no time (test_dag_runs.py)."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from airflow import settings
from airflow.providers.common.compat.sdk import DAG, BaseOperator

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.operators.events import SegmentTrackEventOperator
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sensors import SegmentEventVolumeSensor
from airflow_provider_segment.testing.dag_runs import DagRunResult, SegmentAirflow

pytestmark = pytest.mark.core

HOUR = 60 * 60
WAYS = pytest.mark.parametrize(
    "way",
    [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}],
    ids=["poke", "reschedule", "deferred"],
)


class Flaky(BaseOperator):
    """Fails until its third try, and says what it was given."""

    def execute(self, context: Any) -> Any:
        print("printed in try", context["ti"].try_number)
        self.log.info("logged in try %d", context["ti"].try_number)
        if context["ti"].try_number < 3:
            raise ValueError("not yet")
        context["ti"].xcom_push(key="at", value=datetime(2026, 1, 2, tzinfo=timezone.utc))
        return context["params"]["n"]


class Double(BaseOperator):
    def __init__(self, *, number: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.number = number

    def execute(self, context: Any) -> int:
        return 2 * self.number


class RememberTime(BaseOperator):
    """Its XComs: the time of Segment's clients, and the system's."""

    def execute(self, context: Any) -> list[str]:
        Clock().sleep(0.05)
        return [Clock().now().isoformat(), datetime.now(timezone.utc).isoformat()]


def new_dag(**arguments: Any) -> DAG:
    return DAG("made_here", schedule=None, start_date=datetime(2026, 1, 1), **arguments)


def volume(sandbox: Sandbox, **arguments: Any) -> SegmentEventVolumeSensor:
    return SegmentEventVolumeSensor(task_id="wait", source_id=sandbox.source_id, min_count=1, **arguments)


@WAYS
def test_a_wait_of_hours_takes_none(
    segment_airflow: SegmentAirflow, segment_sandbox: Sandbox, way: dict[str, Any]
) -> None:
    segment_sandbox.scripts.add("volume", lag=5 * HOUR)
    with new_dag() as dag:
        SegmentTrackEventOperator(task_id="send", user_id="u", event="E") >> volume(
            segment_sandbox, poke_interval=10 * 60, timeout=24 * HOUR, **way
        )
    before = segment_sandbox.state.clock.now()
    run = segment_airflow.run(dag)
    assert run.states == {"send": "success", "wait": "success"}, run.log
    assert segment_sandbox.state.clock.now() - before > 5 * HOUR
    assert [event["event"] for event in run.accepted] == ["E"]
    assert 30 < len(run.requests) < 50  # every ten minutes


@WAYS
def test_a_wait_ends_at_its_timeout(
    segment_airflow: SegmentAirflow, segment_sandbox: Sandbox, way: dict[str, Any]
) -> None:
    with new_dag() as dag:
        volume(segment_sandbox, poke_interval=600, timeout=HOUR, **way)
    run = segment_airflow.run(dag)
    assert (run.state, run.states) == ("failed", {"wait": "failed"})
    assert "Waited 3,600 s for" in run.log
    assert 5 <= len(run.requests) <= 7  # every ten minutes


@pytest.fixture
def flaky_run(segment_airflow: SegmentAirflow) -> tuple[DAG, DagRunResult]:
    with new_dag(params={"n": 1}) as dag:
        doubles = Double.partial(task_id="double").expand(number=[1, 2])
        doubles >> Flaky(task_id="flaky", retries=2, retry_exponential_backoff=True)
    return dag, segment_airflow.run(dag, conf={"n": 7})


def test_what_came_of_a_run(flaky_run: tuple[DAG, DagRunResult]) -> None:
    """Retries come at once: they would wait for some ten minutes."""
    _, run = flaky_run
    assert run.state == "success", run.log
    assert run.states == {"double[0]": "success", "double[1]": "success", "flaky": "success"}
    assert run.xcoms == {
        "double[0]": {"return_value": 2},
        "double[1]": {"return_value": 4},
        "flaky": {"at": datetime(2026, 1, 2, tzinfo=timezone.utc), "return_value": 7},
    }
    for number in (1, 2, 3):
        assert run.log.count(f"printed in try {number}") == run.log.count(f"logged in try {number}") == 1
    assert "ValueError: not yet" in run.log
    assert (run.accepted, run.dropped, run.requests) == ([], [], [])


def test_a_run_leaves_the_dag_as_it_was(flaky_run: tuple[DAG, DagRunResult]) -> None:
    task = flaky_run[0].get_task("flaky")
    assert (task.retry_delay, bool(task.retry_exponential_backoff)) == (timedelta(minutes=5), True)


def test_a_run_leaves_airflow_as_it_was(segment_airflow: SegmentAirflow) -> None:
    before, environment = dict(vars(settings)), dict(os.environ)
    with new_dag() as dag:
        RememberTime(task_id="time")
    assert segment_airflow.run(dag).state == "success"
    assert vars(settings) == before
    assert dict(os.environ) == environment


def test_a_dag_that_has_changed_runs_as_it_is_now(segment_airflow: SegmentAirflow) -> None:
    for task_id in ("before", "after"):
        with new_dag() as dag:
            RememberTime(task_id=task_id)
        assert segment_airflow.run(dag).states == {task_id: "success"}


def test_only_what_this_run_did_is_in_its_result(
    segment_airflow: SegmentAirflow, segment_sandbox: Sandbox
) -> None:
    with new_dag(params={"event": "E"}) as dag:
        SegmentTrackEventOperator(task_id="send", user_id="u", event="{{ params.event }}")
    for event in ("First", "Second"):
        [accepted] = segment_airflow.run(dag, conf={"event": event}).accepted
        assert accepted["event"] == event
    assert len(segment_sandbox.accepted) == len(segment_sandbox.requests) == 2


@pytest.mark.parametrize("real_time", [False, True])
def test_time_is_real_where_the_test_says_so(
    segment_airflow: SegmentAirflow, segment_sandbox: Sandbox, real_time: bool
) -> None:
    segment_sandbox.advance_clock(HOUR)
    with new_dag() as dag:
        RememberTime(task_id="time")
    run = segment_airflow.run(dag, real_time=real_time)
    ours, theirs = map(datetime.fromisoformat, run.xcoms["time"]["return_value"])
    assert (abs(ours - theirs) < timedelta(minutes=30)) == real_time
    assert not segment_sandbox.state.clock.is_frozen


def test_a_clock_that_the_test_stopped_stays_stopped(
    segment_airflow: SegmentAirflow, segment_sandbox: Sandbox
) -> None:
    segment_sandbox.freeze_clock()
    with new_dag() as dag:
        RememberTime(task_id="time")
    segment_airflow.run(dag)
    assert segment_sandbox.state.clock.is_frozen


def test_a_date_may_be_given(segment_airflow: SegmentAirflow) -> None:
    with new_dag() as dag:
        SegmentTrackEventOperator(task_id="send", user_id="u", event="{{ ds }}")
    run = segment_airflow.run(dag, logical_date=datetime(2026, 3, 4, tzinfo=timezone.utc))
    assert [event["event"] for event in run.accepted] == ["2026-03-04"]
