"""A backfill that Airflow's scheduler manages, one run a day, and a DAG that waits for each of the days."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_segment.sandbox import Sandbox
from tests.running_airflow.example_runs import unpause

if TYPE_CHECKING:
    from example_dags.demo.throwaway_airflow import ThrowawayAirflow

pytestmark = pytest.mark.airflow

NIGHTS = ("2026-11-17", "2026-11-18", "2026-11-19")
EACH = 40


def test_a_backfill_sends_each_night_and_each_starts_who_waits_for_it(
    airflow: ThrowawayAirflow, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    for night in NIGHTS:
        (tmp_path / night).mkdir()
        events = [
            {"type": "page", "userId": f"u{n}", "messageId": f"{night}-{n}", "context": {"night": night}}
            for n in range(EACH)
        ]
        (tmp_path / night / "a.jsonl").write_text("\n".join(map(json.dumps, events)))
    unpause(airflow, "night_partition")
    airflow.unpause("night_report")
    scheduled = {run["dag_run_id"] for run in airflow.runs("night_partition")}

    backfill = airflow.post(
        "backfills",
        {
            "dag_id": "night_partition",
            "from_date": "2026-11-18T00:00:00Z",  # the days on which the nights would have been sent
            "to_date": "2026-11-20T00:00:00Z",
            "max_active_runs": 2,
            "dag_run_conf": {"events": str(tmp_path)},
        },
    )
    airflow.wait_for("the backfill", lambda: airflow.get(f"backfills/{backfill['id']}")["completed_at"])
    runs = [run for run in airflow.runs("night_partition") if run["dag_run_id"] not in scheduled]
    logs = [airflow.task_log("night_partition", run["dag_run_id"], "send_events") for run in runs]
    assert [(run["run_type"], run["state"]) for run in runs] == [("backfill", "success")] * 3, logs

    sent = [event["messageId"] for event in segment_sandbox.accepted]
    assert sorted(sent) == sorted(f"{night}-{n}" for night in NIGHTS for n in range(EACH))

    def reported() -> list[str]:
        ended = [run for run in airflow.runs("night_report") if run["state"] == "success"]
        return [airflow.xcom("night_report", run["dag_run_id"], "report") for run in ended]

    airflow.wait_for("a report of each night", lambda: len(reported()) >= len(NIGHTS))
    assert sorted(reported()) == list(NIGHTS)
