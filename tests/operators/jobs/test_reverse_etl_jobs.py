"""SegmentRunReverseEtlSyncOperator: a reverse ETL sync, started once and waited for."""

from __future__ import annotations

import asyncio
import importlib
import json
from datetime import timedelta
from importlib.metadata import version
from typing import Any

import pytest

from airflow_provider_segment.errors import SegmentJobError, SegmentWaitTimeoutError
from airflow_provider_segment.operators.reverse_etl_jobs import SegmentRunReverseEtlSyncOperator
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.tasks.jobs import BEFORE_START, JOB
from airflow_provider_segment.tasks.memory import KEY
from tests.harness.sandbox_api import create, syncs_of
from tests.harness.task_runner import RunTask
from tests.harness.timeouts import time_out_after_first_poll
from tests.operators.jobs.job_runs import (
    NO_EVENTS,
    RunJob,
    answer_lost,
    asked,
    needs_state_store,
    notes_of,
    wait_until,
)

pytestmark = pytest.mark.core
LONG_AGO = "2026-01-01T00:00:00+00:00"


def start_sync(mapping: dict[str, str]) -> str:
    """Somebody else's sync of the same mapping."""
    names = {"source_id": "sourceId", "model_id": "modelId", "subscription_id": "subscriptionId"}
    return str(create("/reverse-etl-syncs", **{names[name]: id for name, id in mapping.items()})["syncId"])


@pytest.mark.parametrize(
    ("status", "policy", "state"),
    [
        ("SUCCESS", {}, "success"),
        ("FAIL", {}, "up_for_retry"),
        ("PARTIAL_SUCCESS", {}, "up_for_retry"),
        ("PARTIAL_SUCCESS", {"on_partial": "accept"}, "success"),
        ("CANCELED", {"on_partial": "accept"}, "up_for_retry"),
        ("MYSTERY", {"on_partial": "accept"}, "up_for_retry"),
    ],
)
def test_a_sync_ends(
    run_job: RunJob, sandbox: Sandbox, mapping: Any, status: str, policy: Any, state: str
) -> None:
    counts = {"extracted": 10, "delivered": 9, "failed": 1}
    sandbox.scripts.add("reverse_etl_sync", status=status, seconds=0.2, error="no quota", **counts)
    run = run_job(SegmentRunReverseEtlSyncOperator, **mapping, **policy)
    assert run.state == state, run.error
    [sync] = syncs_of(mapping)
    assert run_job.was_deferred == run_job.deferrable
    assert run.xcoms["job"]["sync_id"] == sync["syncId"]
    if state == "success":
        assert run.xcom == sync
        assert run.xcom["extractPhase"]["extractCount"] == "10"
        assert run.xcom["loadPhase"]["deliverSuccessCount"] == "9"
    else:
        assert run.xcom is None and isinstance(run.error, SegmentJobError)
        message = f"sync {sync['syncId']} is {status}, 10 extracted, 9 delivered, 1 not delivered, no quota"
        assert message in str(run.error)
    assert ("does not know" in run.log) == (status == "MYSTERY")


def test_an_unknown_status_without_an_end_time_is_not_final(
    run_job: RunJob, sandbox: Sandbox, mapping: Any
) -> None:
    status = {"syncId": "s", "syncStatus": "MYSTERY", "startedAt": "2026-01-01T00:00:00Z"}
    answer = {"status": 200, "body": {"data": {"reverseETLSyncStatus": status}}, "next": 2}
    looks = sandbox.faults.add("status", path=f"/reverse-etl-models/{mapping['model_id']}/syncs/", **answer)
    run = run_job(SegmentRunReverseEtlSyncOperator, **mapping)
    assert run.state == "success", run.error
    assert (looks.hits, run.xcom["syncStatus"]) == (2, "SUCCESS")
    assert "is MYSTERY" in run.log and "does not know" in run.log


def test_a_sync_is_started_and_not_waited_for(run_job: RunJob, sandbox: Sandbox, mapping: Any) -> None:
    sandbox.scripts.add("reverse_etl_sync", seconds=3600)
    run = run_job(SegmentRunReverseEtlSyncOperator, **mapping, wait_for_completion=False)
    assert run.state == "success", run.error
    [sync] = syncs_of(mapping)
    assert (sync["syncStatus"], run.xcom["sync_id"]) == ("IN_PROGRESS", sync["syncId"])


@answer_lost
def test_a_sync_whose_start_was_not_answered_is_found(
    run_here: RunJob, sandbox: Sandbox, mapping: Any, lost: Any
) -> None:
    old = start_sync(mapping)
    fault = sandbox.faults.add(when="after", path="/reverse-etl-syncs", next=1, **lost)
    run = run_here(SegmentRunReverseEtlSyncOperator, **mapping)
    assert run.state == "success", run.error
    assert fault.hits == 1
    assert [sync["syncId"] for sync in syncs_of(mapping)] == [run.xcom["syncId"], old], "no second one"


def test_a_start_that_never_arrived_is_sent_again(run_here: RunJob, sandbox: Sandbox, mapping: Any) -> None:
    old = start_sync(mapping)
    sandbox.faults.add("reset", path="/reverse-etl-syncs", next=1)
    run = run_here(SegmentRunReverseEtlSyncOperator, **mapping)
    assert run.state == "success", run.error
    assert [sync["syncId"] for sync in syncs_of(mapping)] == [run.xcom["syncId"], old]


def test_a_start_that_is_refused_is_not_sent_again(run_here: RunJob, sandbox: Sandbox, mapping: Any) -> None:
    run = run_here(SegmentRunReverseEtlSyncOperator, **{**mapping, "source_id": "nothing"})
    assert run.state == "up_for_retry" and "404" in str(run.error)
    assert len(asked(sandbox, "POST", "/reverse-etl-syncs")) == 1
    assert syncs_of(mapping) == []


def make_sync(mapping: dict[str, str]) -> SegmentRunReverseEtlSyncOperator:
    """Runs in a process that gets killed."""
    waiting: dict[str, Any] = {"retry_delay": timedelta(0), "poll_interval": 0.05, "timeout": 600}
    return SegmentRunReverseEtlSyncOperator(task_id="job", retries=2, **waiting, **mapping)


@needs_state_store
def test_after_a_crash_the_retry_continues_with_the_sync(
    run_task: RunTask, run_here: RunJob, sandbox: Sandbox, mapping: Any
) -> None:
    sandbox.scripts.add("reverse_etl_sync", seconds=3600, next=1)
    killed = run_task.start("tests.operators.jobs.test_reverse_etl_jobs:make_sync", mapping)
    wait_until(lambda: JOB in notes_of(killed.state_store))
    killed.kill()
    assert [sync["syncStatus"] for sync in syncs_of(mapping)] == ["IN_PROGRESS"]
    sandbox.advance_clock(3600)
    second = run_here.run(make_sync(mapping), try_number=2, state_store=killed.state_store)
    assert second.state == "success", second.error
    assert [sync["syncId"] for sync in syncs_of(mapping)] == [second.xcom["syncId"]]
    assert second.xcoms["job"]["sync_id"] == second.xcom["syncId"]


@needs_state_store
@pytest.mark.parametrize("arrived", [True, False])
def test_after_a_crash_between_start_and_note_the_sync_is_looked_up(
    run_job: RunJob, mapping: Any, arrived: bool
) -> None:
    old = start_sync(mapping)
    left = {KEY: {"of": [2, 2, 0], "notes": {BEFORE_START: {"since": LONG_AGO, "syncs": [old]}}}}
    lost = start_sync(mapping) if arrived else None
    run = run_job.run(
        run_job.operator(SegmentRunReverseEtlSyncOperator, **mapping), try_number=2, state_store=left
    )
    assert run.state == "success", run.error
    assert [sync["syncId"] for sync in syncs_of(mapping)] == [lost or run.xcom["syncId"], old]
    assert lost in (None, run.xcom["syncId"])


@needs_state_store
@pytest.mark.parametrize("status", ["FAIL", "CANCELED"])
def test_a_retry_after_a_sync_that_failed_starts_another(
    run_job: RunJob, sandbox: Sandbox, mapping: Any, status: str
) -> None:
    sandbox.scripts.add("reverse_etl_sync", status=status, seconds=0, next=1)
    first = run_job(SegmentRunReverseEtlSyncOperator, **mapping)
    assert first.state == "up_for_retry"
    second = run_job(SegmentRunReverseEtlSyncOperator, after=first, **mapping)
    assert second.state == "success", second.error
    assert [sync["syncStatus"] for sync in syncs_of(mapping)] == ["SUCCESS", status]


def test_the_timeout_error_says_what_was_last_seen(
    run_job: RunJob, sandbox: Sandbox, mapping: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if run_job.deferrable:
        time_out_after_first_poll(monkeypatch)
    sandbox.scripts.add("reverse_etl_sync", seconds=3600)
    run = run_job(SegmentRunReverseEtlSyncOperator, **mapping, timeout=2)
    assert run.state == "up_for_retry" and isinstance(run.error, SegmentWaitTimeoutError)
    [sync] = syncs_of(mapping)
    assert f"Last seen: sync {sync['syncId']} is IN_PROGRESS" in str(run.error)
    assert sync["syncStatus"] == "IN_PROGRESS", "the job itself goes on"


def test_ending_the_task_cancels_the_sync(run_task: RunTask, sandbox: Sandbox, mapping: Any) -> None:
    sandbox.scripts.add("reverse_etl_sync", seconds=3600)
    started = run_task.start("tests.operators.jobs.test_reverse_etl_jobs:make_sync", mapping)
    look = f"/reverse-etl-models/{mapping['model_id']}/syncs/"
    wait_until(lambda: any(each["path"].startswith(look) for each in sandbox.requests))
    started.terminate()
    if version("apache-airflow") < "3":
        with pytest.raises(RuntimeError):  # Airflow 2 ends the process
            started.wait()
    else:
        assert started.wait().state != "success"
    assert [sync["syncStatus"] for sync in syncs_of(mapping)] == ["CANCELED"]


def test_ending_a_deferred_task_cancels_the_sync(run_here: RunJob, sandbox: Sandbox, mapping: Any) -> None:
    sandbox.scripts.add("reverse_etl_sync", seconds=3600)
    _, run = run_here.deferred(SegmentRunReverseEtlSyncOperator, **mapping)
    assert run.deferred and syncs_of(mapping)[0]["syncStatus"] == "IN_PROGRESS"
    module, _, name = run.deferred.classpath.rpartition(".")
    trigger = getattr(importlib.import_module(module), name)(**run.deferred.kwargs)
    asyncio.run(trigger.on_kill())
    assert [sync["syncStatus"] for sync in syncs_of(mapping)] == ["CANCELED"]


def test_the_state_while_it_waits(run_here: RunJob, sandbox: Sandbox, mapping: Any) -> None:
    sandbox.scripts.add("reverse_etl_sync", seconds=3600)
    _, run = run_here.deferred(SegmentRunReverseEtlSyncOperator, **mapping)
    [sync] = syncs_of(mapping)
    job = {"model_id": mapping["model_id"], "sync_id": sync["syncId"], "on_partial": "fail"}
    assert run.deferred and run.xcoms["job"] == run.deferred.kwargs["facts"] == job
    trigger = json.dumps(run.deferred.kwargs)
    assert json.loads(trigger) == run.deferred.kwargs
    for secret in (sandbox.token, sandbox.write_key, sandbox.profile_token):
        assert secret not in trigger


@pytest.mark.parametrize("event", NO_EVENTS)
def test_an_event_that_is_missing_or_unknown_is_a_failure(
    run_here: RunJob, run_task: RunTask, mapping: Any, event: Any
) -> None:
    operator, run = run_here.deferred(SegmentRunReverseEtlSyncOperator, **mapping)
    after = run_task.resume(operator, run, event)
    assert after.state == "up_for_retry" and "without saying" in str(after.error)
