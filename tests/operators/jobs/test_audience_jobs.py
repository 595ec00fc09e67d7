"""SegmentRunAudienceOperator and SegmentPreviewAudienceOperator."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_segment.errors import SegmentJobError
from airflow_provider_segment.operators.audience_jobs import (
    SegmentPreviewAudienceOperator,
    SegmentRunAudienceOperator,
)
from airflow_provider_segment.sandbox import Sandbox
from tests.harness.timeouts import time_out_after_first_poll
from tests.operators.jobs.job_runs import RunJob, asked, needs_state_store

pytestmark = pytest.mark.core


def runs_of(sandbox: Sandbox, audience: dict[str, str]) -> int:
    return len(asked(sandbox, "POST", "/spaces/{space_id}/audiences/{audience_id}/runs".format(**audience)))


@pytest.mark.parametrize("status", ["Live", "Failed", "Disabled"])
def test_an_audience_is_run(run_job: RunJob, sandbox: Sandbox, audience: Any, status: str) -> None:
    sandbox.scripts.add("audience", steps=[("Computing", 0.3)], status=status, size=5)
    run = run_job(SegmentRunAudienceOperator, **audience, settle=0.1)
    assert run_job.was_deferred == run_job.deferrable
    assert runs_of(sandbox, audience) == 1
    assert "status Computing" in run.log, "it was waited for"
    if status == "Live":
        assert run.state == "success", run.error
        found = (run.xcom["id"], run.xcom["status"], run.xcom["size"]["count"])
        assert found == (audience["audience_id"], "Live", 5)
    else:
        assert run.state == "up_for_retry"
        assert isinstance(run.error, SegmentJobError) and f"status {status}" in str(run.error)


@pytest.mark.parametrize("before", ["Live", "Failed"])
def test_the_state_before_a_run_is_not_mistaken_for_its_end(
    run_job: RunJob, sandbox: Sandbox, audience: Any, before: str
) -> None:
    sandbox.scripts.add("audience", steps=[(before, 0.2), ("Computing", 0.3)], status="Live")
    run = run_job(SegmentRunAudienceOperator, **audience, settle=0.4)
    assert run.state == "success", run.error
    assert "status Computing" in run.log, "it was waited for"


@needs_state_store
def test_a_retry_waits_for_the_run_of_the_previous_try(
    run_job: RunJob, sandbox: Sandbox, audience: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if run_job.deferrable:
        time_out_after_first_poll(monkeypatch)
    sandbox.scripts.add("audience", steps=[("Computing", 1000)], status="Live")
    first = run_job(SegmentRunAudienceOperator, **audience, settle=0, timeout=2)
    assert first.state == "up_for_retry" and "status Computing" in str(first.error)
    sandbox.advance_clock(1000)
    second = run_job(SegmentRunAudienceOperator, after=first, **audience, settle=0)
    assert second.state == "success", second.error
    assert runs_of(sandbox, audience) == 1


@pytest.mark.parametrize("outcome", [{"size": 7}, {"status": "FAILED", "reason": "query too large"}])
def test_a_preview(run_job: RunJob, sandbox: Sandbox, outcome: Any) -> None:
    sandbox.scripts.add("preview", seconds=0.2, **outcome)
    arguments = {"definition": {"query": "{{ ds }}"}, "audience_type": "USERS"}
    run = run_job(SegmentPreviewAudienceOperator, space_id=sandbox.space_id, **arguments)
    [preview] = sandbox.state.collections[f"/spaces/{sandbox.space_id}/previews"].values()
    assert run_job.was_deferred == run_job.deferrable
    assert preview["definition"] == {"query": "2026-01-02"}
    if "status" in outcome:
        assert run.state == "up_for_retry"
        assert isinstance(run.error, SegmentJobError) and "query too large" in str(run.error)
    else:
        assert run.state == "success", run.error
        size = {"count": 7, "type": "USERS", "uniqueCount": 7}
        assert run.xcom == {"id": preview["id"], "status": "COMPLETED", "size": size}, "no members"
