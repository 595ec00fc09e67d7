"""All example DAGs of the demo, triggered in a real Airflow, as somebody clicks on them: `make test-demo`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_segment.sandbox import Sandbox
from tests.running_airflow.runs import Run

pytestmark = pytest.mark.demo

STARTED_BY_ASSETS = {"warehouse_asset": "Warehouse Shop: synced", "night_report": "Nights of Shop: sent"}
ASKING = {"preview_and_approve": "approve", "agent_with_approval": "agent"}


def source(segment: Sandbox, slug: str) -> Any:
    sources = segment.state.collections["/sources"].values()
    return next(each for each in sources if each["slug"] == slug)


def test_all_examples_run_with_one_click(tmp_path: Path) -> None:
    from example_dags.demo.__main__ import running

    with running(tmp_path, examples=True) as (airflow, segment, without):
        examples = {file.stem for file in (tmp_path / "dags").glob("*.py")}
        assert set(without) == {"spark_orders"}, without
        runs = {dag_id: Run.start(airflow, dag_id, {}) for dag_id in examples - {*STARTED_BY_ASSETS}}
        for dag_id, task_id in ASKING.items():
            runs[dag_id].wait_for_question(task_id)
            runs[dag_id].answer(task_id, "Approve")
        states = {dag_id: run.end() for dag_id, run in runs.items()}
        assert states == dict.fromkeys(states, "success")
        skipped = {
            dag_id: [each["task_id"] for each in run.tasks() if each["state"] != "success"]
            for dag_id, run in runs.items()
        }
        assert {dag_id: ids for dag_id, ids in skipped.items() if ids} == {}

        # What they claim.
        events = [each.get("event") for each in segment.accepted]
        assert events.count("Voucher Redeemed") == 40
        assert runs["verified_backfill"].xcom("verify")["finding"] == "ok"
        assert not source(segment, "old-shop")["enabled"]
        assert source(segment, "shop")["enabled"]
        plans = segment.state.collections["/tracking-plans"].values()
        assert [plan["name"] for plan in plans] == ["Shop"]
        data = tmp_path / "data"
        assert json.loads((data / "segment.json").read_text())["sources"]
        assert json.loads((data / "segment_audit.json").read_text())["findings"]
        assert [group["ids"] for group in runs["privacy_requests"].xcom("forget")] == [12]

        for dag_id, asset in STARTED_BY_ASSETS.items():
            started = airflow.wait_for(f"a run of {dag_id}", lambda dag_id=dag_id: airflow.runs(dag_id))
            assert {run["run_type"] for run in started} == {"asset_triggered"}
            [known] = airflow.get("assets", name_pattern=asset)["assets"]
            assert known["group"] == "Segment"
        airflow.wait_for("the warehouse's runs", lambda: ended(airflow.runs("warehouse_asset")))


def ended(runs: list[dict[str, Any]]) -> bool:
    assert not [run for run in runs if run["state"] == "failed"]
    return all(run["state"] == "success" for run in runs)
