"""SegmentTriggerDbtSyncOperator."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_segment.operators.dbt_jobs import SegmentTriggerDbtSyncOperator
from airflow_provider_segment.sandbox import Sandbox
from tests.operators.jobs.job_runs import RunJob, asked, needs_state_store

pytestmark = pytest.mark.core


def test_a_dbt_sync_is_started_once(run_here: RunJob, sandbox: Sandbox) -> None:
    run = run_here(SegmentTriggerDbtSyncOperator, source_id=sandbox.source_id)
    assert run.state == "success" and run.xcom, run.error
    assert len(asked(sandbox, "POST", "/dbt-model-syncs/trigger")) == 1


@needs_state_store
def test_a_retry_returns_the_dbt_trigger_of_the_previous_try(run_here: RunJob, sandbox: Sandbox) -> None:
    def fail(context: Any, result: Any) -> None:
        raise RuntimeError(f"after it was started: {result}")

    first = run_here(SegmentTriggerDbtSyncOperator, source_id=sandbox.source_id, post_execute=fail)
    assert first.state == "up_for_retry"
    second = run_here(SegmentTriggerDbtSyncOperator, after=first, source_id=sandbox.source_id)
    assert second.state == "success", second.error
    assert str(second.xcom) in str(first.error)
    assert len(asked(sandbox, "POST", "/dbt-model-syncs/trigger")) == 1
