"""The example DAGs that ask before they act: in a real Airflow, answered as a person does in its UI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from tests.running_airflow.runs import Run

if TYPE_CHECKING:
    from example_dags.demo.throwaway_airflow import ThrowawayAirflow

pytestmark = pytest.mark.airflow

DAG, AGENT = "preview_and_approve", "agent_with_approval"
ANSWERS = {
    "Approve": {"approve": "success", "send": "success"},
    "Reject": {"approve": "success", "send": "skipped"},
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_events_are_sent_if_somebody_approves_of_the_note(
    airflow: ThrowawayAirflow, segment_sandbox: Sandbox, tmp_path: Path, answer: str
) -> None:
    path = tmp_path / "vouchers.csv"
    rows = [f"V{number},{number % 3},05.01.2026 14:30,5.50" for number in range(20)]
    path.write_text("\n".join(["code,customer,redeemed,value", *rows]))

    run = Run.start(airflow, DAG, {"path": str(path)})
    question = run.wait_for_question("approve")
    assert question["subject"] == "Send these events to Segment?"
    assert question["body"] == run.xcom("preview", "note")
    assert "**20 API calls**" in question["body"] and "3 monthly tracked users" in question["body"]
    assert segment_sandbox.accepted == []

    run.answer("approve", answer)
    assert run.end() == "success", run.log("approve")
    assert {task: run.state(task) for task in ANSWERS[answer]} == ANSWERS[answer]
    assert len(segment_sandbox.accepted) == (20 if answer == "Approve" else 0)


@pytest.mark.parametrize(("answer", "enabled"), [("Approve", False), ("Reject", True)])
def test_an_agent_changes_a_source_if_somebody_approves_of_the_call(
    airflow: ThrowawayAirflow, segment_sandbox: Sandbox, answer: str, enabled: bool
) -> None:
    pytest.importorskip("airflow.providers.common.ai", reason="the extra common-ai is not installed")

    def source() -> Any:
        return SegmentHook().request("GET", f"/sources/{segment_sandbox.source_id}").data["source"]

    run = Run.start(airflow, AGENT, {})
    question = run.wait_for_question("agent")
    assert "segment_update_source" in question["subject"]
    called = {"source_id": f"ref:source:{source()['slug']}", "enabled": False}
    assert json.dumps(called, indent=2) in question["body"]
    assert source()["enabled"]

    run.answer("agent", answer)
    assert run.end() == "success", run.log("agent")
    assert source()["enabled"] is enabled
    assert ("denied" in run.xcom("agent")) is enabled
    assert segment_sandbox.write_key not in run.log("agent")
