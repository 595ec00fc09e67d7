"""The example DAGs: they are parsed without errors, and their tasks do what they show."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sandbox.clock import iso
from example_dags.demo.night import DAY, FAULTY, make_night
from tests.harness.ids import ids_given, triggers_of
from tests.harness.sandbox_api import start_sync
from tests.harness.task_runner import REPOSITORY, RunTask

EXAMPLES = REPOSITORY / "example_dags"
NIGHT = datetime.fromisoformat(f"{DAY}T00:00:00+00:00")
AIRFLOW_3 = version("apache-airflow") >= "3"


def make_send_events() -> object:
    from example_dags import nightly_backfill

    return nightly_backfill.send_events


def parsed(place: Path) -> dict[str, Any]:
    """The DAGs of a file or a folder, which have no errors and hold no ids of what has a name."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:
        from airflow.models.dagbag import DagBag
    bag = DagBag(str(place))
    assert bag.import_errors == {}
    assert [
        (dag.dag_id, each)
        for dag in bag.dags.values()
        for given in (*dag.tasks, *triggers_of(dag))
        for each in ids_given(given)
    ] == []
    for dag in bag.dags.values():
        assert dag.description and dag.doc_md and dag.doc_md.startswith(dag.doc_md.strip()), dag.dag_id
        assert dag.owner == "data" and "segment" in dag.tags and len(dag.tags) > 1, dag.dag_id
    return dict(bag.dags)


@pytest.mark.core
def test_every_example_is_parsed() -> None:
    elsewhere = {"spark_orders", "agent_with_approval"}
    assert set(parsed(EXAMPLES)) == {file.stem for file in EXAMPLES.glob("[!_]*.py")} - elsewhere


@pytest.mark.skipif(not AIRFLOW_3, reason="the demo is for Airflow 3")
def test_the_dags_of_the_demo_are_parsed() -> None:
    assert set(parsed(EXAMPLES / "demo" / "dags")) == {"large_night"}


def test_the_example_with_spark_is_parsed_where_its_provider_is_installed() -> None:
    pytest.importorskip("airflow.providers.apache.spark")
    [dag] = parsed(EXAMPLES / "spark_orders.py").values()
    assert dag.get_task("verify").upstream_task_ids == {"read_report"}
    assert dag.get_task("read_report").upstream_task_ids == {"send"}


def test_the_example_with_an_agent_is_parsed_where_its_provider_is_installed() -> None:
    pytest.importorskip("airflow.providers.common.ai")
    [dag] = parsed(EXAMPLES / "agent_with_approval.py").values()
    assert dag.task_ids == ["agent"]


@pytest.mark.core
def test_the_nightly_backfill_sends_the_day_before_the_run(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    make_night(tmp_path, 100)
    run = run_task(make_send_events(), logical_date=NIGHT, conf={"events": str(tmp_path)})
    assert run.state == "success", run.error
    assert run.rendered["path"] == f"{tmp_path}/{DAY}/*.jsonl*"
    assert run.xcom["sent"] == len(segment_sandbox.accepted) == 100
    assert sum(run.xcom["rejected"].values()) == FAULTY


@pytest.mark.core
def test_the_nightly_backfill_sends_the_day_that_was_asked_for(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    make_night(tmp_path, 100)
    run = run_task(make_send_events(), conf={"events": str(tmp_path), "day": DAY})
    assert run.state == "success", run.error
    assert len(segment_sandbox.accepted) == 100


@pytest.mark.skipif(not AIRFLOW_3, reason="every run has a logical date before Airflow 3")
def test_the_nightly_backfill_needs_no_logical_date(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    run = run_task(make_send_events(), logical_date=None, conf={"events": str(tmp_path)})
    assert run.rendered["path"] == f"{tmp_path}/2026-01-02/*.jsonl*"


@pytest.mark.core
def test_an_earlier_sync_is_not_what_the_run_waits_for(
    run_task: RunTask, segment_sandbox: Sandbox, warehouse: str
) -> None:
    from example_dags import warehouse_ready

    start_sync(segment_sandbox)
    segment_sandbox.advance_clock(60)
    end = iso(segment_sandbox.state.clock.now())
    segment_sandbox.advance_clock(60)
    start = start_sync(segment_sandbox)
    run = run_task.to_end(
        warehouse_ready.loaded,
        xcoms={("counted", "return_value"): {"end": end}},
        conf={"source": "sandbox", "warehouse": "w"},
    )
    assert run.state == "success", run.error
    assert [sync["start"] for sync in run.xcom["syncs"]] == [start]


@pytest.mark.core
def test_the_run_waits_for_as_many_events_as_it_sent(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    from example_dags import warehouse_ready

    run = run_task(
        warehouse_ready.counted,
        xcoms={("send_events", "return_value"): {"sent": 103, "duplicates": 3, "distinct": 100}},
        conf={"source": "sandbox"},
    )
    assert run.state == "deferred", run.error
    assert run.deferred and run.deferred.timeout and run.deferred.timeout > timedelta(hours=1)
    facts = run.deferred.kwargs["facts"]
    assert (facts["source_id"], facts["min_count"]) == (segment_sandbox.source_id, 100)


@pytest.mark.core
def test_nothing_is_missing_where_segment_drops_duplicates(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    """A file with events twice, and then the same night again."""
    from example_dags import warehouse_ready

    events = [{"type": "page", "userId": f"u{n}", "messageId": f"m{n % 40}"} for n in range(100)]
    (tmp_path / DAY).mkdir()
    (tmp_path / DAY / "a.jsonl").write_text("\n".join(map(json.dumps, events)))
    conf = {"source": "sandbox", "events": str(tmp_path), "day": DAY, "lag": -120}
    for again in (False, True):
        sent = run_task(warehouse_ready.send_events, conf=conf)
        assert (sent.xcom["sent"], sent.xcom["duplicates"], sent.xcom["distinct"]) == (100, 60, 40)
        counted = run_task.to_end(
            warehouse_ready.counted,
            xcoms={("send_events", "return_value"): sent.xcom},
            conf={**conf, "sent_before": again},
        )
        assert counted.state == "success", counted.error
    assert len(segment_sandbox.accepted) == 40


@pytest.mark.core
def test_the_audit_writes_its_report_and_tells_of_what_is_wrong(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    """The source of a new workspace is silent, which is serious."""
    from example_dags import workspace_audit

    path = tmp_path / "audit.json"
    run = run_task(workspace_audit.audit, conf={"report": str(path)})
    assert run.state == "failed"
    assert "Sources without events (1)" in str(run.error)
    report = json.loads(path.read_text())
    assert [each["kind"] for each in report["findings"] if each["severity"] == "high"] == ["source_silent"]
    [event] = segment_sandbox.accepted
    assert event["event"] == "Segment Audit Failed"
    assert event["properties"]["report"] == str(path)
    assert event["properties"]["note"].startswith("# Audit of ")
