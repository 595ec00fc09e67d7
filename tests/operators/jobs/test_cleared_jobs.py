"""A cleared job runs again."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_segment.operators.audience_jobs import SegmentRunAudienceOperator
from airflow_provider_segment.operators.dbt_jobs import SegmentTriggerDbtSyncOperator
from airflow_provider_segment.operators.reverse_etl_jobs import SegmentRunReverseEtlSyncOperator
from airflow_provider_segment.operators.write_key_jobs import SegmentRotateWriteKeyOperator
from airflow_provider_segment.sandbox import Sandbox
from tests.operators.jobs.job_runs import RunJob, Vault

pytestmark = pytest.mark.core


@pytest.mark.parametrize("name", ["sync", "audience", "dbt", "rotation"])
def test_clearing_a_successful_task_runs_it_again(
    run_here: RunJob, sandbox: Sandbox, mapping: Any, audience: Any, vault: Vault, name: str
) -> None:
    """Airflow keeps the state store of a successful task, even when the task is cleared."""
    jobs: dict[str, tuple[type[Any], dict[str, Any], str]] = {
        "sync": (SegmentRunReverseEtlSyncOperator, mapping, "/reverse-etl-syncs"),
        "audience": (SegmentRunAudienceOperator, {**audience, "settle": 0}, "/runs"),
        "dbt": (SegmentTriggerDbtSyncOperator, {"source_id": sandbox.source_id}, "/dbt-model-syncs/trigger"),
        "rotation": (SegmentRotateWriteKeyOperator, vault.arguments, "/writekey"),
    }
    operator, arguments, path = jobs[name]

    def started() -> int:
        return sum(each["method"] == "POST" and each["path"].endswith(path) for each in sandbox.requests)

    first = run_here(operator, **arguments)
    assert (first.state, started()) == ("success", 1), first.error
    cleared = run_here(operator, after=first, **arguments, retries=3)  # clearing grants all tries again
    assert (cleared.state, started()) == ("success", 2), cleared.error
