"""The notifier as the callback of a missed deadline, by Airflow's own trigger and callback runner.

In a real triggerer and a real executor: test_waits.py.
"""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from typing import Any

import pytest

if version("apache-airflow") < "3.3":
    pytest.skip("needs Airflow 3.3", allow_module_level=True)

import structlog
from airflow.sdk import DAG, AsyncCallback, DeadlineAlert, DeadlineReference, SyncCallback
from airflow.sdk.execution_time.callback_supervisor import execute_callback
from airflow.triggers.callback import CallbackTrigger

from airflow_provider_segment.notifications.segment import SegmentNotifier
from airflow_provider_segment.sandbox import Sandbox
from tests.harness.scripted_api import ScriptedAPI
from tests.secrets.forms import FORMS, found

RUN = {
    "dag_run_id": "scheduled__2026-01-02",
    "dag_id": "night",
    "logical_date": "2026-01-02T00:00:00Z",
    "queued_at": "2026-01-03T00:00:00.250000Z",
    "start_date": "2026-01-03T00:00:01.500000Z",
    "end_date": None,
    "duration": None,
    "data_interval_start": "2026-01-02T00:00:00Z",
    "data_interval_end": "2026-01-02T00:00:00Z",
    "run_after": "2026-01-03T00:00:00Z",
    "last_scheduling_decision": None,
    "run_type": "scheduled",
    "state": "running",
    "triggered_by": "timetable",
    "triggering_user_name": None,
    "conf": {},
    "note": None,
    "dag_versions": [],
    "bundle_version": None,
    "dag_display_name": "night",
    "partition_key": None,
    "partition_date": None,
}
"""The DAG run in the context of a deadline, as Airflow's API shows it."""


def context(run: dict[str, Any] | None = None, deadline_id: str = "d1") -> dict[str, Any]:
    time = datetime(2026, 1, 3, 1, tzinfo=timezone.utc)
    return {"dag_run": RUN | (run or {}), "deadline": {"id": deadline_id, "deadline_time": time}}


def in_triggerer(context: dict[str, Any], **arguments: Any) -> tuple[str, str]:
    """Run an `AsyncCallback` as a triggerer does; its state, and what Airflow stores of its end."""
    callback = AsyncCallback(SegmentNotifier, kwargs=arguments)
    trigger = CallbackTrigger(callback.path, {**callback.kwargs, "context": context})

    async def last_event() -> Any:
        return [event.payload async for event in trigger.run()][-1]

    payload = asyncio.run(last_event())
    return str(payload["state"]), str(payload.get("body"))


def in_executor(context: dict[str, Any], **arguments: Any) -> tuple[str, str]:
    """Run a `SyncCallback` as an executor's process does."""
    callback = SyncCallback(SegmentNotifier, kwargs=arguments)
    kwargs = {**callback.kwargs, "context": context}
    done, error = execute_callback(callback.path, kwargs, "", None, structlog.get_logger())
    return "success" if done else "failed", str(error)


WAYS = pytest.mark.parametrize("run", [in_triggerer, in_executor], ids=["triggerer", "executor"])


@WAYS
def test_a_missed_deadline(segment_sandbox: Sandbox, run: Any) -> None:
    """A callback that runs twice, as after a restart of the triggerer, sends one event."""
    arguments = {"properties": {"team": "{{ dag_run.dag_id }} team"}, "user_id": "{{ dag_run.state }}-owner"}
    for _ in range(2):
        assert run(context(), **arguments) == ("success", "None")
    [event] = segment_sandbox.accepted
    assert (event["event"], event["userId"]) == ("DAG Run Missed Deadline", "running-owner")
    assert event["properties"].pop("duration") > 0
    assert event["properties"] == {
        "dag_id": "night",
        "run_id": "scheduled__2026-01-02",
        "run_type": "scheduled",
        "logical_date": "2026-01-02T00:00:00+00:00",
        "state": "running",
        "deadline": "2026-01-03T01:00:00+00:00",
        "team": "night team",
    }
    assert segment_sandbox.summary["dropped"] == {"duplicate": 1}


def test_both_ways_send_the_same_event(segment_sandbox: Sandbox) -> None:
    in_triggerer(context())
    in_executor(context())
    assert segment_sandbox.summary["dropped"] == {"duplicate": 1}


def test_two_deadlines_of_a_run_are_two_events(segment_sandbox: Sandbox) -> None:
    for deadline_id in ("d1", "d2"):
        in_triggerer(context(deadline_id=deadline_id))
    assert len(segment_sandbox.accepted) == 2


def test_a_run_that_was_never_started_and_has_no_date(segment_sandbox: Sandbox) -> None:
    missing = {"start_date": None, "logical_date": None, "state": "queued", "run_type": "manual"}
    assert in_triggerer(context(missing))[0] == "success"
    [event] = segment_sandbox.accepted
    assert event["properties"].keys() == {"dag_id", "run_id", "run_type", "state", "deadline"}


@WAYS
@pytest.mark.parametrize(
    ("template", "unknown"),
    [("{{ dag.dag_id }}", "'dag' is undefined"), ("{{ run_id }}", "'run_id' is undefined")],
)
def test_a_template_that_needs_more_than_there_is(
    segment_sandbox: Sandbox, run: Any, template: str, unknown: str
) -> None:
    state, said = run(context(), event=template)
    assert state == "failed" and unknown in said
    assert segment_sandbox.requests == []


@WAYS
@pytest.mark.parametrize("form", FORMS)
def test_what_fails_is_told_without_credentials(
    scripted_api: ScriptedAPI,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    run: Any,
    form: str,
) -> None:
    """Whatever a server says. Airflow stores what is told, and logs it."""
    write_key = "Wk17abcdefghijklmnop"
    said_back = {"message": f"you sent {FORMS[form](write_key)}"}
    monkeypatch.setattr(scripted_api, "answer", lambda request: (401, said_back))
    host = f"http://127.0.0.1:{scripted_api.port}"
    connection = {"conn_type": "segment", "host": host, "extra": {"secret_write_key": write_key}}
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(connection))
    with structlog.testing.capture_logs() as logged:
        state, told = run(context())
    assert state == "failed" and "401" in told and "you sent" in told
    assert found(write_key, told + caplog.text + repr(logged)) == []


def test_airflow_takes_it_for_a_deadline() -> None:
    """As in a DAG file: Airflow checks a callback when it is made."""
    dag = DAG(
        "night",
        schedule=None,
        deadline=[
            DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=1), callback(SegmentNotifier))
            for callback in (AsyncCallback, SyncCallback)
        ],
    )
    path = f"{SegmentNotifier.__module__}.{SegmentNotifier.__qualname__}"
    assert dag.deadline is not None
    assert [alert.callback.path for alert in dag.deadline] == [path, path]
