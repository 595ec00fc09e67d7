"""The notifier as a callback of a task, and as a coroutine. In a real Airflow: test_waits.py."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException, BaseOperator

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.notifications.segment import SegmentNotifier
from airflow_provider_segment.sandbox import Sandbox
from tests.harness.loops import in_iteration
from tests.harness.task_runner import RunTask

pytestmark = pytest.mark.core


class Worker(BaseOperator):
    """Does what it is told."""

    def __init__(self, *, error: Exception | None = None, notifier: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.error = error
        self.notifier = notifier

    def execute(self, context: Any) -> None:
        if self.notifier:
            self.notifier(context)
        if self.error:
            raise self.error


def test_a_failed_task(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    notifier = SegmentNotifier(properties={"team": "{{ dag.dag_id }}-team"})
    run = run_task(Worker(task_id="t", error=RuntimeError("password=s3cr3t"), on_failure_callback=notifier))
    assert run.state == "failed"
    [event] = segment_sandbox.accepted
    assert (event["type"], event["event"], event["anonymousId"]) == ("track", "Task Failed", "airflow")
    properties = event["properties"]
    assert properties.pop("duration") >= 0
    assert properties == {
        "dag_id": "tests",
        "run_id": "scheduled__2026-01-02T00:00:00+00:00",
        "run_type": "scheduled",
        "logical_date": "2026-01-02T00:00:00+00:00",
        "task_id": "t",
        "try_number": 1,
        "error": "RuntimeError",
        "team": "tests-team",
    }
    assert "s3cr3t" not in str(event)


@pytest.mark.parametrize(
    ("callback", "arguments", "name"),
    [
        ("on_success_callback", {}, "Task Succeeded"),
        ("on_retry_callback", {"error": RuntimeError(), "retries": 1}, "Task Retried"),
        ("on_skipped_callback", {"error": AirflowSkipException()}, "Task Skipped"),
        ("on_execute_callback", {}, "Task Started"),
    ],
)
def test_other_callbacks_of_a_task(
    run_task: RunTask, segment_sandbox: Sandbox, callback: str, arguments: dict[str, Any], name: str
) -> None:
    run_task(
        Worker(task_id="t", **arguments, **{callback: SegmentNotifier(user_id="{{ ti.task_id }}-owner")})
    )
    [event] = segment_sandbox.accepted
    assert (event["event"], event["userId"]) == (name, "t-owner")
    assert "anonymousId" not in event


def test_a_name_of_ones_own(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    run_task(Worker(task_id="t", on_success_callback=SegmentNotifier(event="{{ ti.task_id }} done")))
    assert [event["event"] for event in segment_sandbox.accepted] == ["t done"]


def test_a_notifier_that_the_task_itself_calls(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    """As Airflow's human-in-the-loop operators do."""
    notifier = SegmentNotifier(event="Approval Requested")
    run_task(Worker(task_id="t", notifier=notifier, on_execute_callback=SegmentNotifier()))
    assert [event["event"] for event in segment_sandbox.accepted] == ["Task Started", "Approval Requested"]


def test_two_notifiers_of_one_end_send_two_events(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    notifiers = [
        SegmentNotifier(),
        SegmentNotifier(event="Night Done"),
        SegmentNotifier(event="Night Done", user_id="u1"),
    ]
    run_task(Worker(task_id="t", on_success_callback=notifiers))
    assert [event["event"] for event in segment_sandbox.accepted] == [
        "Task Succeeded",
        "Night Done",
        "Night Done",
    ]


def test_a_notifier_that_is_called_again_renders_again(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    notifier = SegmentNotifier(event="{{ ti.task_id }}", properties={"try": "{{ ti.try_number }}"})
    task = Worker(task_id="t", on_execute_callback=notifier, on_success_callback=notifier)
    for try_number in (1, 2):
        run_task(task, try_number=try_number)
    tries = [event["properties"]["try"] for event in segment_sandbox.accepted]
    assert tries == ["1", "1", "2", "2"]


def test_the_coroutine_sends_the_same_event(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    sent = []

    def both(context: Any) -> None:
        notifier = SegmentNotifier(properties={"team": "growth"})
        for send in (notifier.notify, lambda context: asyncio.run(notifier.async_notify(context))):
            send(context)
            sent.extend(segment_sandbox.accepted)
            segment_sandbox.reset()  # it would drop the second one as a duplicate

    run = run_task(Worker(task_id="t", error=RuntimeError(), on_failure_callback=both))
    assert len(sent) == 2, run.log
    for event in sent:
        assert event["properties"].pop("duration") >= 0
        assert event["properties"]["error"] == "RuntimeError"
        times = [event.pop(name) for name in ("sentAt", "receivedAt", "timestamp")]
        assert all(times)
    assert sent[0] == sent[1]


def test_a_coroutine_that_cannot_send_says_so(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    """Nothing is sent for what is no callback's context."""
    with pytest.raises(SegmentConfigurationError, match="it has only run_id"):
        asyncio.run(SegmentNotifier().async_notify({"run_id": "r"}))
    assert segment_sandbox.requests == []


def test_each_mapped_task_is_an_event_of_its_own(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    task = Worker(task_id="t", on_success_callback=SegmentNotifier())
    for map_index in (0, 1):
        run_task(task, map_index=map_index)
    assert [event["properties"]["map_index"] for event in segment_sandbox.accepted] == [0, 1]


@pytest.mark.skipif(version("apache-airflow") < "3", reason="Airflow 2 has no loops")
def test_each_iteration_of_a_loop_is_an_event_of_its_own(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    for index in (1, 2, 2):
        run_task(Worker(task_id="t", on_success_callback=SegmentNotifier(), pre_execute=in_iteration(index)))
    assert len(segment_sandbox.accepted) == 2


def test_each_try_is_an_event_of_its_own(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    task = Worker(task_id="t", on_success_callback=SegmentNotifier())
    for try_number in (1, 2, 2):  # the last one twice, as Airflow may
        run_task(task, try_number=try_number)
    assert [event["properties"]["try_number"] for event in segment_sandbox.accepted] == [1, 2]
    assert segment_sandbox.summary["dropped"] == {"duplicate": 1}


def test_a_notification_that_fails_changes_nothing(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    segment_sandbox.faults.add("status", status=400, api="tracking")
    run = run_task(Worker(task_id="t", on_success_callback=SegmentNotifier()))
    assert run.state == "success"
    assert "Failed to send notification" in run.log
