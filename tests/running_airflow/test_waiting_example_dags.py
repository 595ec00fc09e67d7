"""The example DAGs that wait for Segment, all started at the same time; see `example_runs`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from example_dags.demo.night import DAY, make_night
from tests.harness.sandbox_api import (
    AMPLITUDE,
    create,
    create_mapping,
    create_warehouse,
    start_sync,
    syncs_of,
)
from tests.running_airflow.example_runs import AIRFLOW_3, Examples, unpause
from tests.running_airflow.runs import Run, watch

if TYPE_CHECKING:
    from example_dags.demo.throwaway_airflow import ThrowawayAirflow

pytestmark = pytest.mark.airflow
needs_airflow_3 = pytest.mark.skipif(not AIRFLOW_3, reason="assets and a triggerer of its own")

WINDOW = 7200
"""Seconds by which the window of the counted events reaches into the future: the clock of the sandbox, which
notes when they come, is moved on for other runs."""

PEOPLE = [f"person-{number}@example.com" for number in range(12)]


class Runs:
    """The runs of this file, and what each has to itself."""

    def __init__(self, examples: Examples, sandbox: Sandbox, folder: Path) -> None:
        names = {undelivered: f"{undelivered} of 100 missing" for undelivered in (1, 2)}
        self.mappings = {undelivered: create_mapping(sandbox, name) for undelivered, name in names.items()}
        for undelivered, mapping in self.mappings.items():
            counts = {"delivered": 100 - undelivered, "failed": undelivered}
            fields = {"model_id": mapping["model_id"], "status": "PARTIAL_SUCCESS", "seconds": 0, **counts}
            sandbox.scripts.add("reverse_etl_sync", **fields)
        self.reverse_etl = {
            undelivered: examples.start(
                "reverse_etl", source="sandbox", model=name, destination=name, mapping=name
            )
            for undelivered, name in names.items()
        }
        self.week = folder / DAY
        self.week.mkdir()
        (self.week / "a.txt").write_text("\n".join([*PEOPLE[:8], PEOPLE[0], ""]))
        (self.week / "b.txt").write_text("\n".join(PEOPLE[6:]))
        unable = create(
            "/destinations", sourceId=sandbox.source_id, metadataId=AMPLITUDE, settings={}, name="Amp"
        )
        outcome = {"status": "FAILED", "seconds": 0, "destinations": {unable: "NOT_SUPPORTED"}}
        sandbox.scripts.add("regulation", **outcome)
        self.privacy = examples.start("privacy_requests", requests=str(folder), day=DAY)


class WarehouseRuns:
    """The runs that need Airflow 3, and what each has to itself."""

    def __init__(self, airflow: ThrowawayAirflow, sandbox: Sandbox, folder: Path) -> None:
        make_night(folder, 100)
        self.warehouse = create_warehouse(sandbox, "ready")
        start_sync(sandbox, self.warehouse)
        sandbox.advance_clock(120)  # past the minute of that one: the next one loads all events
        conf = {"source": "sandbox", "warehouse": "ready", "lag": -WINDOW}
        unpause(airflow, "warehouse_ready")
        self.ready = Run.start(airflow, "warehouse_ready", {"events": str(folder), "day": DAY, **conf})

        watched = create_warehouse(sandbox, "Shop")
        self.starts = []
        for _ in range(2):
            # What ended before the watch began starts no run; this is later, and there at the first poll.
            sandbox.advance_clock(600)
            self.starts.append(start_sync(sandbox, watched))
        watch(airflow, "warehouse_asset")


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest, shared_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runs]:
    airflow = request.getfixturevalue("warehouse_runs") and request.getfixturevalue("airflow")
    with pytest.MonkeyPatch.context() as monkeypatch:
        examples = Examples(airflow, monkeypatch)
        yield Runs(examples, shared_sandbox, tmp_path_factory.mktemp("privacy"))


@pytest.fixture(scope="module")
def warehouse_runs(
    request: pytest.FixtureRequest, shared_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> WarehouseRuns | None:
    if not AIRFLOW_3:
        return None
    airflow = request.getfixturevalue("airflow")
    return WarehouseRuns(airflow, shared_sandbox, tmp_path_factory.mktemp("events"))


@needs_airflow_3
def test_the_run_goes_on_when_what_it_sent_is_in_the_warehouse(
    shared_sandbox: Sandbox, warehouse_runs: WarehouseRuns, runs: Runs
) -> None:
    run = warehouse_runs.ready
    run.wait_for("loaded", "deferred")
    shared_sandbox.advance_clock(WINDOW)
    start = start_sync(shared_sandbox, warehouse_runs.warehouse)

    assert run.end() == "success"
    sent, counted, loaded, message = map(run.xcom, ("send_events", "counted", "loaded", "transform"))
    assert sent["sent"] == counted["count"] == len(shared_sandbox.accepted) == 100
    assert counted["end"] <= start.replace("Z", "+00:00")
    assert [(sync["sourceId"], sync["start"], sync["count"]) for sync in loaded["syncs"]] == [
        (shared_sandbox.source_id, start, 100)
    ]
    assert message == f"The sync started at {start} has loaded 100 rows"


@needs_airflow_3
def test_the_asset_has_the_dag_run_for_each_sync(
    airflow: ThrowawayAirflow, warehouse_runs: WarehouseRuns, runs: Runs
) -> None:
    dag_id = "warehouse_asset"

    def ended() -> list[str]:
        return [run["dag_run_id"] for run in airflow.runs(dag_id) if run["state"] == "success"]

    airflow.wait_for("a run for each sync", lambda: len(ended()) >= 2)
    syncs = [airflow.xcom(dag_id, run, "transform") for run in ended()]
    assert [[sync["start"] for sync in each] for each in syncs] == [
        [start] for start in warehouse_runs.starts
    ]


@pytest.mark.core
@pytest.mark.parametrize(("undelivered", "judgement"), [(1, "success"), (2, "failed")])
def test_reverse_etl_is_judged_by_what_was_not_delivered(
    runs: Runs, undelivered: int, judgement: str
) -> None:
    run = runs.reverse_etl[undelivered]
    assert run.end() == {"sync": "success", "judge": judgement}
    assert [sync["syncStatus"] for sync in syncs_of(runs.mappings[undelivered])] == ["PARTIAL_SUCCESS"]
    if judgement == "success":
        assert run.returned["judge"] == "1 of 100 rows were not delivered"
    elif AIRFLOW_3:
        assert any("2 of 100 rows were not delivered" in text for text in run.shown)


@pytest.mark.core
def test_users_are_deleted_and_named_nowhere(runs: Runs) -> None:
    run, file = runs.privacy, runs.week / "report.json"
    assert run.end() == {"forget": "success", "report": "success"}
    [regulation] = SegmentHook().paginate("/regulations")
    assert regulation["regulationType"] == "SUPPRESS_WITH_DELETE"
    assert sorted(regulation["subjects"]) == sorted(PEOPLE)
    report = file.read_text()
    [group] = json.loads(report)
    assert (group["first"], group["last"], group["ids"]) == (1, 12, 12)
    assert group["regulate_id"] == regulation["id"]
    assert run.returned["report"] == (
        f"12 users were deleted, but not in Amp, which cannot delete: see {file}"
    )
    assert [text for text in (report, *run.shown) if "@example.com" in text] == []
