"""The options of a bulk send: one declaration for hook, operator, checks and checkpoints."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.options import OPTIONS, Option, SendOptions, all_options, identity_of
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.operators.events import SegmentBatchEventsOperator
from airflow_provider_segment.sandbox import Sandbox
from tests.harness.task_runner import RunTask

pytestmark = pytest.mark.core

EVENTS = [{"type": "track", "event": "e", "userId": "u", "properties": {"id": 7}}]

WRONG: list[tuple[str, Any]] = [
    ("concurrency", 0),
    ("concurrency", -1),
    ("concurrency", "many"),
    ("concurrency", 1.5),
    ("concurrency", "1.5"),
    ("concurrency", True),
    ("concurrency", "true"),
    ("concurrency", None),
    ("gzip", "perhaps"),
    ("gzip", None),
    ("max_events_per_second", 0),
    ("max_events_per_second", True),
    ("max_events_per_second", -5),
    ("max_events_per_second", math.nan),
    ("max_events_per_second", math.inf),
    ("max_events_per_second", "fast"),
    ("max_requests_per_second", 0),
    ("max_requests_per_second", "fast"),
    ("rate_limiter_conn_id", ["redis"]),
    ("rate_limiter_conn_id", "redis"),  # without a ceiling
    ("context", "text"),
    ("context", [1]),
    ("context", {"a": {"b": object()}}),
    ("integrations", True),
    ("integrations", {"All": "false"}),
    ("integrations", {"Amplitude": None}),
    ("integrations", {"Amplitude": 1}),
    ("timestamp", "2026-01-02"),
    ("timestamp", "yesterday"),
    ("timestamp", 1700000000),
    ("timestamp", True),
    ("message_id_fields", "properties.id"),
    ("message_id_fields", []),
    ("message_id_fields", [""]),
    ("message_id_fields", ["."]),
    ("message_id_fields", [" properties.id"]),
    ("message_id_fields", ["properties. id"]),
    ("message_id_fields", ("userId", "properties..id")),
    ("message_id_fields", [7, None]),
    ("rejects_path", ["a"]),
    ("path", {"a": 1}),
    ("mapping", "type: trak"),
    ("mapping", 5),
    ("nulls", "some"),
    ("naive_timezone", "Berlin"),
    ("min_events", -1),
    ("max_users", "many"),
    ("format", "xml"),
    ("csv", {"delimeter": ";"}),
    ("message_ids", "old"),
    ("on_violation", "warn"),
    ("path", b"\xff"),
    ("source_id", ["x"]),
    ("source_id", True),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_an_invalid_option_is_refused_before_anything_is_sent(
    run_task: RunTask, segment_sandbox: Sandbox, name: str, value: Any
) -> None:
    options: Any = {name: value}
    with pytest.raises(SegmentConfigurationError, match=f"^{name}"):
        SegmentHook().send_events(EVENTS, **options)
    if isinstance(value, float) and not math.isfinite(value):
        options = {name: str(value)}  # Airflow itself cannot show the number
    run = run_task(SegmentBatchEventsOperator(task_id="send", events=EVENTS, retries=2, **options))
    assert run.state == "failed", "without a retry"
    assert isinstance(run.error, AirflowFailException)
    assert f": {name}" in str(run.error)
    assert not segment_sandbox.requests


@pytest.mark.parametrize("value", [-1, "-1", "{{ -1 }}", 0.5, "0.5", True, "none", "nan"])
def test_an_invalid_max_rejected_is_refused_before_anything_is_sent(
    run_task: RunTask, segment_sandbox: Sandbox, value: Any
) -> None:
    run = run_task(SegmentBatchEventsOperator(task_id="send", events=EVENTS, retries=2, max_rejected=value))
    assert run.state == "failed" and isinstance(run.error, AirflowFailException)
    assert "max_rejected" in str(run.error)
    assert not segment_sandbox.requests


@pytest.mark.parametrize("arguments", [{}, {"events": [], "path": "x"}, {"events": "text"}, {"events": 7}])
def test_an_invalid_input_fails_without_a_retry(
    run_task: RunTask, segment_sandbox: Sandbox, arguments: dict[str, Any]
) -> None:
    run = run_task(SegmentBatchEventsOperator(task_id="send", retries=2, **arguments))
    assert run.state == "failed" and isinstance(run.error, AirflowFailException)
    assert "events" in str(run.error)
    assert not segment_sandbox.requests


@pytest.mark.parametrize(
    ("name", "given", "taken"),
    [
        ("concurrency", "{{ 4 + 4 }}", 8),
        ("concurrency", "8", 8),
        ("gzip", "{{ false }}", False),
        ("gzip", "true", True),
        ("max_events_per_second", "{{ 1000 }}", 1000.0),
        ("max_rejected", "{{ 5 }}", 5),
        ("max_rejected", "null", None),
        ("context", '{"run": "{{ ds }}"}', {"run": "2026-01-02"}),
        ("integrations", {"All": False, "{{ ds }}": True}, {"All": False, "{{ ds }}": True}),
        ("timestamp", "{{ ds }}T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("message_id_fields", "[\"properties.{{ 'id' }}\"]", ["properties.id"]),
        ("message_id_fields", ("userId", "{{ ds }}"), ("userId", "2026-01-02")),
        ("rejects_path", "/dev/null{{ '' }}", "/dev/null"),
        ("region", "{{ 'us' }}", "us"),
        ("region", " EU ", "eu"),
        ("region", "{{ '' }}", None),
        ("region", "null", None),
        ("path", Path("a.jsonl"), "a.jsonl"),
        ("source_id", "{{ ds }}", "2026-01-02"),
    ],
)
def test_each_argument_is_templated(
    run_task: RunTask, segment_sandbox: Sandbox, name: str, given: Any, taken: Any
) -> None:
    seen: list[dict[str, Any]] = []

    class Looking(SegmentBatchEventsOperator):
        """Sends nothing."""

        def perform(self, arguments: dict[str, Any], context: Any) -> Any:
            seen.append(arguments)
            assert self.hook.get_conn()
            return {}

    run = run_task(Looking(task_id="send", **({} if name == "path" else {"events": EVENTS}), **{name: given}))
    assert run.state == "success", run.error
    assert seen[0][name] == taken and type(seen[0][name]) is type(taken)
    assert name in SegmentBatchEventsOperator.template_fields


@pytest.mark.parametrize("region", ["xx", "us-east-1", 5, True])
def test_a_wrong_region_is_refused_before_anything_is_sent(
    run_task: RunTask, segment_sandbox: Sandbox, region: Any
) -> None:
    with pytest.raises(SegmentConfigurationError, match="region"):
        SegmentHook(region=region).send_events(EVENTS)
    run = run_task(SegmentBatchEventsOperator(task_id="send", events=EVENTS, retries=2, region=region))
    assert run.state == "failed" and isinstance(run.error, AirflowFailException)
    assert ": region" in str(run.error)
    assert not segment_sandbox.requests


@pytest.mark.parametrize(
    ("name", "value"), [("checkpoint", 5), ("save_checkpoint", "x"), ("gzipped", True), ("events", {})]
)
def test_what_else_the_hook_refuses_before_anything_is_sent(
    segment_sandbox: Sandbox, name: str, value: Any
) -> None:
    arguments: Any = {"events": EVENTS, name: value}
    with pytest.raises(SegmentConfigurationError, match=f"^{name}"):
        SegmentHook().send_events(**arguments)
    assert not segment_sandbox.requests


def test_the_hook_takes_what_the_operator_takes(segment_sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({**EVENTS[0], "messageId": "m"}))
    options: Any = {"concurrency": "8", "gzip": "true", "context": '{"run": 1}'}
    report = SegmentHook(region=" EU ").send_events(  # type: ignore[arg-type]
        path=tmp_path / "a.jsonl", rejects_path=str(tmp_path / "rejects.jsonl"), **options
    )
    assert report.sent == 1
    assert segment_sandbox.accepted[0]["context"]["run"] == 1


def test_events_may_be_rendered_as_json(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    operator = SegmentBatchEventsOperator(task_id="send", events="{{ dag_run.conf['events'] | tojson }}")
    run = run_task(operator, conf={"events": EVENTS * 2})
    assert run.state == "success", run.error
    assert run.xcom["sent"] == 2


def test_events_are_neither_copied_nor_inspected() -> None:
    """There may be millions."""
    events = [object(), *EVENTS]
    operator = SegmentBatchEventsOperator(task_id="send", events=events)  # type: ignore[arg-type]
    assert operator.arguments()["events"] is events


def test_gzip_as_text_is_parsed(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    for text, encoding in (("false", None), ("true", "gzip")):
        run = run_task(SegmentBatchEventsOperator(task_id="send", events=EVENTS, gzip=text))
        assert run.state == "success", run.error
        assert segment_sandbox.requests[-1]["headers"].get("Content-Encoding") == encoding


def test_the_operator_has_an_argument_for_each_option_with_its_default() -> None:
    fields = SegmentBatchEventsOperator.fields
    assert list(OPTIONS) == list(SendOptions.__annotations__)
    for name, declared in OPTIONS.items():
        assert fields[name].default == declared.default
        assert name in SegmentBatchEventsOperator.template_fields
        assert f":param {name}:" in (SendOptions.__doc__ or "")


def test_an_option_is_part_of_the_identity_unless_it_says_otherwise() -> None:
    assert Option().identity
    apart = {"rejects_path", "concurrency", "gzip"}
    apart |= {"max_events_per_second", "max_requests_per_second", "rate_limiter_conn_id"}
    apart |= {"min_events", "max_events", "max_users"}
    apart |= {"ledger_path", "ledger_conn_id", "changed_input"}
    assert identity_of(all_options({})).keys() == OPTIONS.keys() - apart


def test_a_user_s_own_constructor(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    class OfOurTeam(SegmentBatchEventsOperator):
        """Stamps the team on each event."""

        def __init__(self, *, team: str, **kwargs: Any) -> None:
            super().__init__(context={"team": team}, concurrency="{{ 1 }}", **kwargs)
            self.team = team

    run = run_task(OfOurTeam(task_id="send", team="data", events=EVENTS))
    assert run.state == "success", run.error
    assert segment_sandbox.accepted[0]["context"]["team"] == "data"
