"""The example DAGs: they are parsed without errors, and do what they show."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from airflow_provider_segment.sandbox import Sandbox
from example_dags.demo.night import DAY, FAULTY, make_night
from tests.harness.task_runner import REPOSITORY, RunTask

EXAMPLES = REPOSITORY / "example_dags"
NIGHT = datetime.fromisoformat(f"{DAY}T00:00:00+00:00")


def make_send_events() -> object:
    from example_dags import nightly_backfill

    return nightly_backfill.send_events


@pytest.mark.core
def test_every_example_is_parsed_without_errors() -> None:
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:
        from airflow.models.dagbag import DagBag
    bag = DagBag(str(EXAMPLES))
    assert bag.import_errors == {}
    assert set(bag.dags) == {file.stem for file in EXAMPLES.glob("[!_]*.py")}


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


@pytest.mark.skipif(version("apache-airflow") < "3.3", reason="every run has a logical date before Airflow 3")
def test_the_nightly_backfill_needs_no_logical_date(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    run = run_task(make_send_events(), logical_date=None, conf={"events": str(tmp_path)})
    assert run.rendered["path"] == f"{tmp_path}/2026-01-02/*.jsonl*"
