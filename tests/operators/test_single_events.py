"""The operators of single events, through the task runner, over HTTP."""

from __future__ import annotations

import inspect
import json
from datetime import datetime, timedelta, timezone
from typing import Any, get_args, get_type_hints

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentEventError, SegmentServerError
from airflow_provider_segment.events.single import EventFields
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.operators.events import (
    SegmentAliasOperator,
    SegmentBatchEventsOperator,
    SegmentGroupOperator,
    SegmentIdentifyOperator,
    SegmentPageOperator,
    SegmentScreenOperator,
    SegmentTrackEventOperator,
    SegmentTrackOperator,
)
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.tasks.annotations import evaluate
from tests.harness.loops import in_iteration
from tests.harness.task_runner import RunTask

pytestmark = pytest.mark.core

COMMON: dict[str, Any] = {
    "anonymous_id": "a-{{ ds }}",
    "context": {"ip": "{{ ds }}"},
    "integrations": {"All": False},
    "timestamp": "{{ ds }}T03:04:05Z",
}
DAY = "2026-01-02"


@pytest.mark.parametrize(
    ("operator", "own", "sent"),
    [
        (
            SegmentTrackOperator,
            {"user_id": 7, "event": "Paid on {{ ds }}", "properties": {"day": ["{{ ds }}"]}},
            {"userId": "7", "event": f"Paid on {DAY}", "properties": {"day": [DAY]}},
        ),
        (
            SegmentIdentifyOperator,
            {"user_id": "u", "traits": {"seen": "{{ ds }}"}},
            {"userId": "u", "traits": {"seen": DAY}},
        ),
        (
            SegmentPageOperator,
            {"user_id": "u", "name": "{{ ds }}", "category": "c", "properties": {"n": 1}},
            {"userId": "u", "name": DAY, "category": "c", "properties": {"n": 1}},
        ),
        (SegmentScreenOperator, {"user_id": "u", "name": "Home"}, {"userId": "u", "name": "Home"}),
        (
            SegmentGroupOperator,
            {"user_id": "u", "group_id": 5, "traits": {"plan": "{{ ds }}"}},
            {"userId": "u", "groupId": "5", "traits": {"plan": DAY}},
        ),
        (
            SegmentAliasOperator,
            {"user_id": "u", "previous_id": "p-{{ ds }}"},
            {"userId": "u", "previousId": f"p-{DAY}"},
        ),
    ],
)
def test_each_call_arrives_unchanged(
    run_task: RunTask,
    segment_sandbox: Sandbox,
    operator: type[Any],
    own: dict[str, Any],
    sent: dict[str, Any],
) -> None:
    run = run_task(operator(task_id="send", **own, **COMMON))
    assert run.state == "success"
    (event,) = segment_sandbox.accepted
    expected = {
        "anonymousId": f"a-{DAY}",
        "integrations": {"All": False},
        "type": operator.event_type,
        **sent,
    }
    assert expected.items() <= event.items()
    assert event["originalTimestamp"] == f"{DAY}T03:04:05Z"
    assert event["context"]["ip"] == DAY
    assert event["context"]["library"]["name"] == "airflow-provider-segment"
    assert run.xcom == {"success": True, "message_id": event["messageId"]}
    (request,) = segment_sandbox.requests
    assert request["path"] == f"/v1/{operator.event_type}"


def test_a_retry_does_not_duplicate_the_event_but_another_run_does(
    run_task: RunTask, segment_sandbox: Sandbox
) -> None:
    operator = SegmentTrackOperator(
        task_id="send", event="Paid", user_id="u", retries=2, retry_delay=timedelta(0)
    )
    segment_sandbox.faults.add(
        "status", when="after", status=501, next=1
    )  # accepted, and the answer is an error
    assert run_task(operator).state == "up_for_retry"
    assert run_task(operator, try_number=2).state == "success"
    assert len(segment_sandbox.accepted) == 1
    for which in ({"run_id": "another"}, {"map_index": 1}):
        run_task(operator, **which)
    assert len(segment_sandbox.accepted) == 3


def test_each_iteration_of_a_loop_sends_an_event_of_its_own(
    run_task: RunTask, segment_sandbox: Sandbox
) -> None:
    """A loop of Airflow 3.4 tells its iterations apart only by what it adds to the context."""
    for index in (1, 2, 2):  # the last one again, as a retry
        operator = SegmentTrackOperator(
            task_id="send", event="Paid", user_id="u", pre_execute=in_iteration(index)
        )
        assert run_task(operator).state == "success"
    assert len(segment_sandbox.accepted) == 2


def test_an_event_sent_to_two_sources_is_not_a_duplicate(
    run_task: RunTask, segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = SegmentTrackOperator(task_id="send", event="Paid", user_id="u")
    one = run_task(operator).xcom["message_id"]
    other = json.loads(json.dumps(segment_sandbox.connection))
    other["extra"]["secret_write_key"] = "of-another-source"
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(other))
    assert run_task(operator).xcom["message_id"] != one


def test_a_given_message_id(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    run_task(SegmentTrackOperator(task_id="send", event="e", user_id="u", message_id="mine-{{ ds_nodash }}"))
    assert segment_sandbox.accepted[0]["messageId"] == "mine-20260102"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"event": "e"}, "missing_id"),
        ({"event": "", "user_id": "u"}, "invalid_field"),
        ({"event": "e", "user_id": "u", "timestamp": "yesterday"}, "invalid_timestamp"),
        ({"event": "e", "user_id": "u", "properties": {"x": "x" * 40_000}}, "too_large"),
    ],
)
def test_what_segment_would_drop_fails_and_is_not_sent(
    run_task: RunTask, segment_sandbox: Sandbox, arguments: dict[str, Any], why: str
) -> None:
    run = run_task(SegmentTrackOperator(task_id="send", **arguments))
    assert run.state == "failed"
    assert isinstance(run.error, SegmentEventError) and run.error.reason == why
    assert not segment_sandbox.requests


@pytest.mark.parametrize(
    "arguments",
    [
        {"properties": "not an object"},
        {"context": ["x"]},
        {"integrations": True},
        {"timestamp": ["2026-01-02"]},
        {"timestamp": True},
        {"user_id": {"id": 1}},
        {"user_id": True},
        {"anonymous_id": True},
        {"message_id": True},
        {"group_id": True},
        {"previous_id": False},
        {"event": None},
        {"region": "xx"},
        {"region": True},
        {"raise_on_error": "perhaps"},
    ],
)
@pytest.mark.parametrize("raise_on_error", [True, False])
def test_a_wrong_argument_fails_before_anything_is_sent(
    run_task: RunTask, segment_sandbox: Sandbox, arguments: dict[str, Any], raise_on_error: bool
) -> None:
    (name,) = arguments
    operator, own = {
        "group_id": (SegmentGroupOperator, {}),
        "previous_id": (SegmentAliasOperator, {}),
    }.get(name, (SegmentTrackOperator, {"event": "e"}))
    event = {"user_id": "u", **own, **arguments}
    run = run_task(operator(task_id="send", **{"raise_on_error": raise_on_error, "retries": 2, **event}))
    assert run.state == "failed" and isinstance(run.error, AirflowFailException)
    assert f": {name}" in str(run.error)
    if name != "raise_on_error":
        hook = SegmentHook(region=event.pop("region", None))
        with pytest.raises(SegmentConfigurationError, match=name):
            getattr(hook, operator.event_type)(**event)
    assert not segment_sandbox.requests


def test_objects_may_be_rendered_as_json(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    operator = SegmentTrackOperator(
        task_id="send", event="e", user_id="u", properties='{"day": "{{ ds }}"}', raise_on_error="{{ true }}"
    )
    assert run_task(operator).state == "success"
    assert segment_sandbox.accepted[0]["properties"] == {"day": DAY}


def test_an_error_of_the_connection_can_be_a_result(
    run_task: RunTask, segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps({"conn_type": "segment"}))
    run = run_task(SegmentTrackOperator(task_id="send", event="e", user_id="u", raise_on_error=False))
    assert run.state == "success"
    assert run.xcom["success"] is False and "write key" in run.xcom["error"]


def test_a_user_s_own_constructor(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    class Paid(SegmentTrackOperator):
        """A payment."""

        def __init__(self, *, amount: int, **kwargs: Any) -> None:
            super().__init__(event="Paid", properties={"amount": amount}, **kwargs)

    assert run_task(Paid(task_id="send", amount=5, user_id="u")).state == "success"
    assert segment_sandbox.accepted[0]["properties"] == {"amount": 5}


def test_the_operators_take_the_fields_of_the_hook() -> None:
    for operator in (SegmentTrackOperator, SegmentPageOperator, SegmentGroupOperator, SegmentAliasOperator):
        of_event = {name for name, field in operator.fields.items() if field.place == "body"}
        own = inspect.signature(getattr(SegmentHook, operator.event_type)).parameters.keys()
        assert of_event == {*EventFields.__annotations__, *own} - {"self", "fields"}
        method = getattr(SegmentHook, operator.event_type)
        types = get_type_hints(EventFields) | get_type_hints(method, localns={"EventFields": EventFields})
        for name in of_event:
            declared = get_args(evaluate(operator.fields[name].annotation, operator.__module__, {}))[0]
            assert declared == types[name], name


def test_an_error_can_be_a_result(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    segment_sandbox.faults.add("status", status=501)
    failing = SegmentTrackOperator(task_id="send", event="e", user_id="u")
    run = run_task(failing)
    assert run.state == "failed" and isinstance(run.error, SegmentServerError)
    run = run_task(SegmentTrackOperator(task_id="send", event="e", user_id="u", raise_on_error=False))
    assert run.state == "success"
    assert run.xcom["success"] is False and "501" in run.xcom["error"]


def test_a_dag_of_the_official_operator_works_with_another_import(
    run_task: RunTask, segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    official = {
        "conn_type": "segment",
        "host": segment_sandbox.url,
        "extra": {"write_key": segment_sandbox.write_key},
    }
    monkeypatch.setenv("AIRFLOW_CONN_MY_SEGMENT", json.dumps(official))
    operator = SegmentTrackEventOperator(
        task_id="send",
        user_id="{{ ds }}",
        event="{{ dag.dag_id }}",
        properties={"n": 1},
        segment_conn_id="my_segment",
        segment_debug_mode=True,
    )
    run = run_task(operator)
    assert run.state == "success"
    (event,) = segment_sandbox.accepted
    assert (event["userId"], event["event"], event["properties"]) == (DAY, "tests", {"n": 1})
    assert "POST /v1/track -> 200" in run.log


@pytest.mark.parametrize(
    "operator",
    [
        SegmentTrackOperator(task_id="send", event="e", user_id="u"),
        SegmentBatchEventsOperator(task_id="send", events=[{"type": "page", "userId": "u"}], source_id="x"),
    ],
    ids=lambda operator: type(operator).__name__,
)
def test_no_secret_is_logged_or_rendered(
    run_task: RunTask, segment_sandbox: Sandbox, operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if hasattr(operator, "source_id"):
        operator.source_id = segment_sandbox.source_id
    for fault in (None, 501, 401):
        if fault:
            segment_sandbox.faults.add("status", status=fault, api="tracking")
        run = run_task(operator)
        # Airflow tells its supervisor what to mask; in this harness that is one process, and logs it.
        log = "\n".join(line for line in run.log.splitlines() if "MaskSecret(" not in line)
        shown = log + repr(run.rendered) + repr(run.xcoms) + repr(run.error)
        for secret in (segment_sandbox.token, segment_sandbox.write_key, segment_sandbox.profile_token):
            assert secret not in shown


def test_all_fields_are_templated() -> None:
    for operator in (
        SegmentTrackOperator,
        SegmentIdentifyOperator,
        SegmentGroupOperator,
        SegmentAliasOperator,
    ):
        assert set(operator.fields) == set(operator.template_fields)


def test_the_hook_alone(segment_sandbox: Sandbox) -> None:
    hook = SegmentHook()
    when = datetime(2026, 1, 2, tzinfo=timezone.utc)
    sent = [
        hook.track("Paid", {"n": 1}, user_id=1, timestamp=when),
        hook.track("Paid", {"n": 1}, user_id=1, timestamp=when),
        hook.identify({"name": "x"}, anonymous_id="a"),
        hook.page("Home", user_id="u"),
        hook.screen("Home", "c", {"n": 1}, user_id="u"),
        hook.group("g", user_id="u"),
        hook.alias("p", user_id="u"),
    ]
    assert [event["messageId"] for event in segment_sandbox.accepted] == sent
    assert len(set(sent)) == 7, "two calls are two events"
