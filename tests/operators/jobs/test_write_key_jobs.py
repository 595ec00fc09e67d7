"""SegmentRotateWriteKeyOperator: a new key, handed over before the old ones are removed."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import redact

from airflow_provider_segment.operators.write_key_jobs import SegmentRotateWriteKeyOperator
from airflow_provider_segment.sandbox import Sandbox
from tests.harness.sandbox_api import Api
from tests.harness.task_runner import RunTask
from tests.operators.jobs.job_runs import (
    GRACE,
    NO_EVENTS,
    RunJob,
    Vault,
    asked,
    keys,
    needs_state_store,
    notes_of,
    wait_until,
)

pytestmark = pytest.mark.core


def test_a_write_key_is_rotated_and_never_shown(
    run_job: RunJob, api: Api, sandbox: Sandbox, vault: Vault
) -> None:
    api("POST", f"/sources/{sandbox.source_id}/writekey")
    old = keys(sandbox)
    run = run_job(SegmentRotateWriteKeyOperator, **vault.arguments)
    assert run.state == "success", run.error
    assert run_job.was_deferred == run_job.deferrable
    [new] = vault.got
    assert vault.good_then == [*old, new]
    assert keys(sandbox) == [new]
    assert run.xcom == {"source_id": sandbox.source_id, "write_key": f"•••{new[-4:]}"}
    made = asked(sandbox, "POST", f"/sources/{sandbox.source_id}/writekey")[-1]
    removed = next(each for each in sandbox.requests if each["method"] == "DELETE")
    assert moment(removed) - moment(made) >= GRACE, "until then both are good"
    assert f"somebody logs the key {new}" in run.log
    for key in (*old, new):
        assert key not in run_job.kept
        assert key not in str(redact(run.log))


def moment(request: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(request["receivedAt"].replace("Z", "+00:00"))


@pytest.mark.parametrize("event", NO_EVENTS)
def test_nothing_is_removed_without_an_event_of_the_trigger(
    run_here: RunJob, run_task: RunTask, sandbox: Sandbox, vault: Vault, event: Any
) -> None:
    operator, run = run_here.deferred(SegmentRotateWriteKeyOperator, **vault.arguments)
    assert run_task.resume(operator, run, event).state == "up_for_retry"
    assert keys(sandbox) == [sandbox.write_key, *vault.got]


def test_a_key_that_could_not_be_handed_over_is_removed(
    run_job: RunJob, sandbox: Sandbox, vault: Vault
) -> None:
    first = run_job(SegmentRotateWriteKeyOperator, **{**vault.arguments, "hand_over": vault.refuse})
    assert first.state == "up_for_retry" and isinstance(first.error, PermissionError)
    assert len(vault.good_then) == 2
    assert keys(sandbox) == [sandbox.write_key]
    second = run_job(SegmentRotateWriteKeyOperator, after=first, **vault.arguments)
    assert second.state == "success", second.error
    refused, taken = vault.got
    assert refused != taken and keys(sandbox) == [taken]


def test_a_new_key_whose_answer_was_lost_is_not_left_over(
    run_job: RunJob, sandbox: Sandbox, vault: Vault
) -> None:
    sandbox.faults.add("reset", when="after", path=f"/sources/{sandbox.source_id}/writekey", next=1)
    run = run_job(SegmentRotateWriteKeyOperator, **vault.arguments)
    if run.state == "up_for_retry":
        run = run_job(SegmentRotateWriteKeyOperator, after=run, **vault.arguments)
    assert run.state == "success", run.error
    assert keys(sandbox) == vault.got and len(vault.got) == 1


@pytest.mark.parametrize(("status", "new"), [(403, 2), (500, 1)], ids=["refused", "perhaps carried out"])
@needs_state_store
def test_a_key_that_appears_after_a_refusal_is_not_ours(
    run_here: RunJob, api: Api, sandbox: Sandbox, vault: Vault, status: int, new: int
) -> None:
    path = f"/sources/{sandbox.source_id}/writekey"
    sandbox.faults.add("status", status=status, path=path, next=1)
    first = run_here(SegmentRotateWriteKeyOperator, **vault.arguments)
    assert first.state == "up_for_retry"
    api("POST", path)
    anothers = keys(sandbox)[1]
    second = run_here(SegmentRotateWriteKeyOperator, after=first, **vault.arguments)
    assert second.state == "success", second.error
    assert len(asked(sandbox, "POST", path)) == new + 1
    assert (vault.got == [anothers]) == (status == 500)
    assert keys(sandbox) == vault.got


@needs_state_store
def test_a_key_that_replaces_one_handed_over_is_handed_over(
    run_here: RunJob, sandbox: Sandbox, vault: Vault
) -> None:
    sandbox.faults.add("status", status=403, path=f"/sources/{sandbox.source_id}/writekey/", next=1)
    first = run_here(SegmentRotateWriteKeyOperator, **vault.arguments)
    assert first.state == "up_for_retry"
    keys(sandbox).remove(vault.got[0])
    second = run_here(SegmentRotateWriteKeyOperator, after=first, **vault.arguments)
    assert second.state == "success", second.error
    assert len(vault.got) == 2 and keys(sandbox) == vault.got[1:]


def test_an_old_key_whose_removal_was_not_answered_is_removed(
    run_job: RunJob, sandbox: Sandbox, vault: Vault
) -> None:
    lost = sandbox.faults.add("reset", when="after", path=f"/sources/{sandbox.source_id}/writekey/", next=1)
    run = run_job(SegmentRotateWriteKeyOperator, **vault.arguments)
    assert (run.state, lost.hits) == ("success", 1), run.error
    assert keys(sandbox) == vault.got


def test_a_token_that_sees_no_keys_changes_nothing(run_here: RunJob, sandbox: Sandbox, vault: Vault) -> None:
    body = {"data": {"source": {"id": sandbox.source_id, "writeKeys": []}}}
    sandbox.faults.add("status", status=200, body=body, path=f"/sources/{sandbox.source_id}")
    run = run_here(SegmentRotateWriteKeyOperator, **vault.arguments)
    assert run.state == "failed" and "Source Admin" in str(run.error)
    assert (vault.got, keys(sandbox)) == ([], [sandbox.write_key])


def make_rotation(source_id: str, file: str, seconds: float) -> SegmentRotateWriteKeyOperator:
    """Runs in a process that is killed: while it hands the key over, or in the grace period after that."""

    def hand_over(key: str, context: Any) -> None:
        Path(file).write_text(key)
        time.sleep(seconds)

    return SegmentRotateWriteKeyOperator(task_id="job", retries=2, source_id=source_id, hand_over=hand_over)


@needs_state_store
@pytest.mark.parametrize("handed_over", [False, True])
def test_after_a_crash_the_retry_continues_the_rotation(
    run_task: RunTask, run_here: RunJob, sandbox: Sandbox, vault: Vault, tmp_path: Path, handed_over: bool
) -> None:
    file = tmp_path / "key"
    arguments = (sandbox.source_id, str(file), 0 if handed_over else 3600)
    killed = run_task.start("tests.operators.jobs.test_write_key_jobs:make_rotation", *arguments)
    wait_until(
        lambda: file.exists() and file.read_text() and len(notes_of(killed.state_store)) == 1 + handed_over
    )
    killed.kill()
    new = file.read_text()
    assert keys(sandbox) == [sandbox.write_key, new]
    assert new not in json.dumps(killed.state_store)
    operator = run_here.operator(SegmentRotateWriteKeyOperator, **vault.arguments)
    second = run_here.run(operator, try_number=2, state_store=killed.state_store)
    assert second.state == "success", second.error
    assert keys(sandbox) == [new]
    assert vault.got == ([] if handed_over else [new])
