"""Airflow's ``execution_timeout``, and a job's own ``timeout``: the same end in the worker and deferred."""

from __future__ import annotations

import signal
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.errors import SegmentWaitTimeoutError
from airflow_provider_segment.operators import (
    SegmentPreviewAudienceOperator,
    SegmentRotateWriteKeyOperator,
    SegmentRunReverseEtlSyncOperator,
)
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.tasks.jobs import SegmentJobOperator
from tests.harness.sandbox_api import syncs_of
from tests.harness.task_runner import TaskRun
from tests.harness.timeouts import time_out_after_first_poll
from tests.operators.jobs.job_runs import RunJob, Vault, asked, keys, needs_state_store, notes_of

pytestmark = pytest.mark.core

HOUR = timedelta(hours=1)


def run_out(run_job: RunJob, operator: type[Any], **arguments: Any) -> TaskRun:
    """Run a job until its ``execution_timeout`` ends it, in the middle of its wait."""
    with pytest.MonkeyPatch.context() as patch:
        if run_job.deferrable:
            time_out_after_first_poll(patch)
        else:
            sleep, alarms = Clock.sleep, [signal.SIGALRM]

            def sleep_into_the_alarm(clock: Clock, seconds: float) -> None:
                sleep(clock, seconds)
                while alarms:  # Airflow's own handler of it
                    signal.raise_signal(alarms.pop())

            patch.setattr(Clock, "sleep", sleep_into_the_alarm)
        if issubclass(operator, SegmentJobOperator):
            arguments = {"timeout": 3 * 3600, **arguments}
        run = run_job(operator, execution_timeout=HOUR, **arguments)
    assert run.state == "up_for_retry" and isinstance(run.error, AirflowTaskTimeout), run.error
    assert run_job.was_deferred == run_job.deferrable
    return run


def long_sync(sandbox: Sandbox, mapping: dict[str, str]) -> str:
    """Let the next sync take two hours; the path of its cancellation, up to its id."""
    sandbox.scripts.add("reverse_etl_sync", seconds=7200)
    return f"/reverse-etl-models/{mapping['model_id']}/syncs/"


def test_execution_timeout_cancels_the_job_and_a_retry_starts_anew(
    run_job: RunJob, sandbox: Sandbox, mapping: dict[str, str]
) -> None:
    path = long_sync(sandbox, mapping)
    first = run_out(run_job, SegmentRunReverseEtlSyncOperator, **mapping)
    [sync] = syncs_of(mapping)
    assert sync["syncStatus"] in ("CANCELLING", "CANCELED")
    assert len(asked(sandbox, "POST", f"{path}{sync['syncId']}/cancel")) == 1
    assert "job" not in notes_of(first.state_store)
    sandbox.scripts.add("reverse_etl_sync", seconds=0.1)
    second = run_job(SegmentRunReverseEtlSyncOperator, after=first, execution_timeout=HOUR, **mapping)
    assert second.state == "success", second.error
    assert len(syncs_of(mapping)) == 2 and second.xcom["syncId"] != sync["syncId"]


@needs_state_store
def test_a_retry_goes_on_with_a_job_that_could_not_be_cancelled(
    run_job: RunJob, sandbox: Sandbox, mapping: dict[str, str]
) -> None:
    path = long_sync(sandbox, mapping)
    fault = sandbox.faults.add(
        "status", status=500, path=path, contains="{}"
    )  # not the polls, which have no body
    first = run_out(run_job, SegmentRunReverseEtlSyncOperator, **mapping)
    assert fault.hits and "Could not cancel the job" in first.log
    sandbox.faults.clear()
    sandbox.advance_clock(7200)
    second = run_job(SegmentRunReverseEtlSyncOperator, after=first, **mapping)
    assert second.state == "success", second.error
    assert len(syncs_of(mapping)) == 1


@needs_state_store
def test_a_retry_goes_on_with_a_job_that_cannot_be_cancelled(
    run_job: RunJob, sandbox: Sandbox, audience: dict[str, str]
) -> None:
    sandbox.scripts.add("preview", seconds=7200)
    arguments: dict[str, Any] = {
        "space_id": audience["space_id"],
        "definition": {"query": "x"},
        "audience_type": "USERS",
    }
    first = run_out(run_job, SegmentPreviewAudienceOperator, **arguments)
    sandbox.advance_clock(7200)
    second = run_job(SegmentPreviewAudienceOperator, after=first, **arguments)
    assert second.state == "success", second.error
    path = f"/spaces/{audience['space_id']}/audiences/previews"
    assert len(asked(sandbox, "POST", path)) == 1


@needs_state_store
def test_a_retry_goes_on_with_the_job_after_its_own_timeout(
    run_job: RunJob, sandbox: Sandbox, mapping: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = long_sync(sandbox, mapping)
    with pytest.MonkeyPatch.context() as patch:
        if run_job.deferrable:
            time_out_after_first_poll(patch)
        arguments: dict[str, Any] = {"timeout": 2, "execution_timeout": HOUR, **mapping}
        first = run_job(SegmentRunReverseEtlSyncOperator, **arguments)
    assert first.state == "up_for_retry" and isinstance(first.error, SegmentWaitTimeoutError)
    [sync] = syncs_of(mapping)
    assert sync["syncStatus"] == "IN_PROGRESS"
    assert not asked(sandbox, "POST", f"{path}{sync['syncId']}/cancel")
    sandbox.advance_clock(7200)
    second = run_job(SegmentRunReverseEtlSyncOperator, after=first, **arguments)
    assert second.state == "success", second.error
    assert second.xcom["syncId"] == sync["syncId"] and len(syncs_of(mapping)) == 1


@needs_state_store
def test_a_rotation_goes_on_after_execution_timeout(run_job: RunJob, sandbox: Sandbox, vault: Vault) -> None:
    """The new key is handed over, and the old ones still work."""
    first = run_out(run_job, SegmentRotateWriteKeyOperator, **vault.arguments)
    assert len(keys(sandbox)) == 2
    second = run_job(SegmentRotateWriteKeyOperator, after=first, **vault.arguments)
    assert second.state == "success", second.error
    assert keys(sandbox) == vault.got and len(vault.got) == 1
