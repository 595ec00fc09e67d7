"""Events are checked against a tracking plan before they are sent, through the real task runner."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.operators.events import SegmentBatchEventsOperator, SegmentPreviewEventsOperator
from airflow_provider_segment.sandbox import Sandbox
from tests.events.test_send import read_lines
from tests.harness.task_runner import RunTask

pytestmark = pytest.mark.core

SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "properties": {
            "type": "object",
            "properties": {"total": {"type": "number"}},
            "required": ["total"],
        }
    },
}
RULES = [{"type": "TRACK", "key": "Order Completed", "jsonSchema": SCHEMA, "version": 1}]
MAPPING = {
    "type": "track",
    "event": "Order Completed",
    "userId": "$user",
    "properties": {"total": "$total"},
}
ROWS = [{"user": f"u{number}", "total": "many" if number == 7 else number} for number in range(10)]


@pytest.fixture
def plan(segment_sandbox: Sandbox) -> str:
    """A tracking plan in the workspace; its id."""
    hook = SegmentHook()
    made = hook.request("POST", "/tracking-plans", json={"name": "Shop", "type": "LIVE"})
    plan_id: str = made.data["trackingPlan"]["id"]
    hook.request("PUT", f"/tracking-plans/{plan_id}/rules", json={"rules": RULES})
    return plan_id


def send(**arguments: Any) -> SegmentBatchEventsOperator:
    return SegmentBatchEventsOperator(
        task_id="send", events=ROWS, mapping=MAPPING, message_id_fields=["user"], **arguments
    )


@pytest.mark.parametrize(
    ("on_violation", "state", "sent"),
    [("report", "success", 10), ("reject", "success", 9), ("fail", "failed", 7)],
)
def test_what_becomes_of_a_violation(
    run_task: RunTask, segment_sandbox: Sandbox, plan: str, on_violation: Any, state: str, sent: int
) -> None:
    run = run_task(send(tracking_plan_id=plan, on_violation=on_violation, max_rejected=1))
    assert run.state == state, run.error
    assert len(segment_sandbox.accepted) == sent
    violation = "Order Completed: properties.total (type)"
    if state == "success":
        assert run.xcom["violations"] == {violation: 1}
        assert run.xcom["rejected"] == ({"tracking_plan": 1} if on_violation == "reject" else {})
        assert "1 violations of the tracking plan" in run.log
    else:
        assert violation in str(run.error) and "7 sent" in str(run.error)
    assert "many" not in json.dumps([run.xcom, str(run.error)]), "never the value"


def test_what_violates_the_plan_is_no_duplicate(
    run_task: RunTask, segment_sandbox: Sandbox, plan: str
) -> None:
    event = {"type": "track", "event": "Order Completed", "userId": "u", "messageId": "m"}
    events = [{**event, "properties": {"total": total}} for total in ("many", "more", 1)]
    operator = SegmentBatchEventsOperator(
        task_id="send", events=events, tracking_plan_id=plan, on_violation="reject", max_rejected=2
    )
    run = run_task(operator)
    assert (run.xcom["sent"], run.xcom["rejected"]) == (1, {"tracking_plan": 2})
    assert run.xcom["duplicates"] == 0, "only one of them was sent"


def test_rules_of_a_file(run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text(json.dumps(RULES))
    rejects = tmp_path / "rejects.jsonl"
    run = run_task(
        send(tracking_plan_path=str(tmp_path / "rules.json"), rejects_path=str(rejects), max_rejected=1)
    )
    assert run.xcom["sent"] == 9
    [letter] = read_lines(rejects)
    assert letter["row"] == ROWS[7] and letter["reason"] == "tracking_plan"


def test_a_rule_that_cannot_be_checked_is_named(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    broken = {"type": "TRACK", "key": "Broken", "jsonSchema": {"type": "nothing"}, "version": 1}
    (tmp_path / "rules.json").write_text(json.dumps([*RULES, broken]))
    run = run_task(send(tracking_plan_path=str(tmp_path / "rules.json"), max_rejected=1))
    assert run.state == "success", run.error
    assert "a rule that is not checked" in run.log and "Broken" in run.log


@pytest.mark.parametrize("on_violation", ["report", "reject", "fail"])
def test_a_preview_shows_the_violations_of_all_events(
    run_task: RunTask, segment_sandbox: Sandbox, plan: str, on_violation: Any
) -> None:
    run = run_task(
        SegmentPreviewEventsOperator(
            task_id="preview",
            events=[*ROWS, *ROWS],
            mapping=MAPPING,
            tracking_plan_id=plan,
            on_violation=on_violation,
        )
    )
    assert run.state == "success", run.error
    assert run.xcom["violations"] == {"Order Completed: properties.total (type)": 2}
    assert run.xcom["events"] == (20 if on_violation == "report" else 18)
    assert "properties.total (type) (2)" in run.xcoms["note"].replace("\\", "")
