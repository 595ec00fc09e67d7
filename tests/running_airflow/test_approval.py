"""The example DAG that asks before it sends: in a real Airflow, answered as a person answers in its UI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_segment.sandbox import Sandbox
from tests.running_airflow.runs import Run

if TYPE_CHECKING:
    from example_dags.demo.throwaway_airflow import ThrowawayAirflow

pytestmark = pytest.mark.airflow

DAG = "preview_and_approve"
ANSWERS = {
    "Approve": {"approve": "success", "send": "success"},
    "Reject": {"approve": "success", "send": "skipped"},
}


def asked(airflow: ThrowawayAirflow, path: Path) -> Run:
    """A run that waits for an answer, and can be given one.

    Airflow 3.3.2 loses an answer that is given before the process of the asking task is gone, and the
    scheduler has noted that: it takes the exit of that process for the end of the task that goes on.
    """
    run = Run.start(airflow, DAG, {"path": str(path)})
    run.wait_for("approve", "awaiting_input")
    noted = f"TaskInstance Finished: dag_id={DAG}, task_id=approve, run_id={run.run_id},"
    airflow.wait_for(
        "the scheduler's note that the asking process has ended",
        lambda: noted in airflow.log.read_text(errors="replace"),
    )
    return run


@pytest.mark.parametrize("answer", ANSWERS)
def test_events_are_sent_if_somebody_approves_of_the_note(
    airflow: ThrowawayAirflow, segment_sandbox: Sandbox, tmp_path: Path, answer: str
) -> None:
    path = tmp_path / "vouchers.csv"
    rows = [f"V{number},{number % 3},05.01.2026 14:30,5.50" for number in range(20)]
    path.write_text("\n".join(["code,customer,redeemed,value", *rows]))

    run = asked(airflow, path)
    place = f"dags/{DAG}/dagRuns/{run.run_id}/taskInstances/approve/-1/hitlDetails"
    question = airflow.get(place)
    assert question["subject"] == "Send these events to Segment?"
    assert question["body"] == run.xcom("preview", "note")
    assert "**20 API calls**" in question["body"] and "3 monthly tracked users" in question["body"]
    assert segment_sandbox.accepted == []

    airflow.patch(place, {"chosen_options": [answer], "params_input": {}})
    assert run.end() == "success", run.log("approve")
    assert {task: run.state(task) for task in ANSWERS[answer]} == ANSWERS[answer]
    assert len(segment_sandbox.accepted) == (20 if answer == "Approve" else 0)
