"""A DELETE whose answer was lost did its work all the same."""

from __future__ import annotations

import pytest

from airflow_provider_segment.errors import SegmentNotFoundError
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.operators import SegmentDeleteSourceOperator
from airflow_provider_segment.sandbox import Sandbox
from tests.harness.task_runner import RunTask

pytestmark = pytest.mark.core


def test_a_delete_is_done_though_its_answer_is_lost(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    body = {"slug": "gone", "enabled": True, "metadataId": "IqDTy1TpoU"}
    source = SegmentHook().request("POST", "/sources", json=body).data["source"]
    delete = SegmentDeleteSourceOperator(task_id="delete", source_id=source["id"])
    segment_sandbox.faults.add("reset", when="after", path="/sources/", next=1)
    assert run_task(delete).state == "success"
    again = run_task(delete)
    assert again.state == "failed" and isinstance(again.error, SegmentNotFoundError)
