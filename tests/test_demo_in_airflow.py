"""All example DAGs of the demo, triggered in a real Airflow, as somebody clicks on them: `make test-demo`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_segment.sandbox import Sandbox
from example_dags.demo.shop import days
from tests.harness.task_runner import REPOSITORY
from tests.running_airflow.runs import Run

if TYPE_CHECKING:
    from example_dags.demo.throwaway_airflow import ThrowawayAirflow

FINISHED = {"success", "failed"}

pytestmark = pytest.mark.demo

STARTED_BY_ASSETS = {"warehouse_asset": "Warehouse Shop: synced", "night_report": "Nights of Shop: sent"}
ASKING = {"preview_and_approve": "approve", "agent_with_approval": "agent"}
SENDERS = {
    "backfill_in_parts": "gather",
    "events_from_parquet": "send_events",
    "identify_from_dbt_model": "send_traits",
    "incremental_orders": "send_orders",
    "night_partition": "send_events",
    "nightly_backfill": "send_events",
    "orders_from_postgres": "send_orders",
    "preview_and_approve": "send",
    "replay_archive": "replay",
    "verified_backfill": "send",
    "warehouse_ready": "send_events",
}
"""The tasks that report what was sent."""


class Clicks:
    """The runs of all DAGs, each triggered once and as it stands, at their end."""

    def __init__(
        self, airflow: ThrowawayAirflow, segment: Sandbox, folder: Path, without: dict[str, str]
    ) -> None:
        self.airflow, self.segment, self.data, self.without = airflow, segment, folder / "data", without
        self.before, self.began = self.received(), datetime.now(timezone.utc).isoformat()
        dag_ids = sorted(file.stem for file in (folder / "dags").glob("*.py"))
        self.runs = {dag_id: Run.start(airflow, dag_id, {}) for dag_id in dag_ids}
        for dag_id in ASKING.keys() & self.runs.keys():
            self.runs[dag_id].wait_for_question(ASKING[dag_id])
            self.runs[dag_id].answer(ASKING[dag_id], "Approve")
        self.states = {}
        for dag_id, run in self.runs.items():
            ended = airflow.wait_for_run(dag_id, run.run_id)
            self.states[dag_id] = ended["state"]
            print(f"{dag_id:<26}{ended['state']:<10}{ended['duration']:>6.0f} s", flush=True)

    def received(self) -> Counter[str]:
        """How many events each source has, by its slug."""
        sources = self.segment.state.collections["/sources"]
        return Counter(sources[one["projectId"]]["slug"] for one in self.segment.accepted)

    def of_assets(self, dag_id: str) -> list[dict[str, Any]]:
        """The runs that nobody triggered, once there are some and each has ended."""

        def ended() -> list[dict[str, Any]]:
            runs = [run for run in self.airflow.runs(dag_id) if run["run_type"] == "asset_triggered"]
            return runs if all(run["state"] in FINISHED for run in runs) else []

        return self.airflow.wait_for(f"the runs of {dag_id}", ended)


@pytest.fixture(scope="module")
def clicks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clicks]:
    if version("apache-airflow") < "3.3":
        pytest.skip("the demo is for Airflow 3.3")
    from example_dags.demo.__main__ import running

    folder = tmp_path_factory.mktemp("demo")
    with running(folder, examples=True) as (airflow, segment, without):
        yield Clicks(airflow, segment, folder, without)


def test_all_examples_run_with_one_click(clicks: Clicks) -> None:
    assert set(clicks.without) == {"spark_orders"}, clicks.without
    examples = {file.stem for file in (REPOSITORY / "example_dags").glob("[!_]*.py")}
    assert clicks.states == dict.fromkeys(examples - {"spark_orders"}, "success")
    skipped = {
        dag_id: [each["task_id"] for each in run.tasks() if each["state"] != "success"]
        for dag_id, run in clicks.runs.items()
    }
    assert {dag_id: ids for dag_id, ids in skipped.items() if ids} == {}


def test_what_each_sent_is_at_segment_once(clicks: Clicks) -> None:
    sent = {dag_id: clicks.runs[dag_id].xcom(task_id)["sent"] for dag_id, task_id in SENDERS.items()}
    assert all(sent.values()), sent
    received = clicks.received() - clicks.before
    to_others = {"shop": "warehouse_ready", "history": "verified_backfill", "replay": "replay_archive"}
    assert {slug: received[slug] for slug in to_others} == {
        slug: sent[dag_id] for slug, dag_id in to_others.items()
    }
    assert sum(received.values()) == sum(sent.values())
    assert clicks.segment.summary["duplicates"] == 0
    events = Counter(each.get("event") for each in clicks.segment.accepted)
    assert events["Voucher Redeemed"] == sent["preview_and_approve"] == 40


def test_each_has_the_effect_that_it_claims(clicks: Clicks) -> None:
    runs, collections = clicks.runs, clicks.segment.state.collections
    assert len(runs["backfill_in_parts"].xcom("parts")) > 1
    assert runs["verified_backfill"].xcom("verify")["finding"] == "ok"
    sent = runs["warehouse_ready"].xcom("send_events")["sent"]
    assert f"has loaded {sent:,} rows" in runs["warehouse_ready"].xcom("transform")
    assert runs["reverse_etl"].xcom("judge") == "0 of 1,000 rows were not delivered"
    enabled = {each["slug"]: each["enabled"] for each in collections["/sources"].values()}
    assert [slug for slug in enabled if not enabled[slug]] == ["old-shop"]
    assert [plan["name"] for plan in collections["/tracking-plans"].values()] == ["Shop"]
    assert "Shop analytics" in {each["name"] for each in collections["/destinations"].values()}
    assert [group["ids"] for group in runs["privacy_requests"].xcom("forget")] == [12]
    assert len(list((clicks.data / "privacy").glob("*/report.json"))) == 1
    assert json.loads((clicks.data / "segment.json").read_text())["sources"]
    assert json.loads((clicks.data / "segment_audit.json").read_text())["findings"]


def test_assets_start_dags_by_themselves(clicks: Clicks) -> None:
    for dag_id, asset in STARTED_BY_ASSETS.items():
        assert {run["state"] for run in clicks.of_assets(dag_id)} == {"success"}
        [known] = clicks.airflow.get("assets", name_pattern=asset)["assets"]
        assert known["group"] == "Segment"
    [night] = clicks.of_assets("night_report")
    assert clicks.airflow.xcom("night_report", night["dag_run_id"], "report") in map(str, days())
    loads = [
        load["count"]
        for run in clicks.of_assets("warehouse_asset")
        for load in clicks.airflow.xcom("warehouse_asset", run["dag_run_id"], "transform")
    ]
    assert max(loads) > 0


def test_a_schedule_starts_nothing_before_its_time(clicks: Clicks) -> None:
    """Not even for the time before the DAG was unpaused."""
    scheduled = [
        run
        for dag_id in clicks.runs
        for run in clicks.airflow.runs(dag_id)
        if run["run_type"] == "scheduled" and run["run_after"] < clicks.began
    ]
    assert scheduled == []
