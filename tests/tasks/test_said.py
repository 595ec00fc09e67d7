"""What a task did, in words."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_segment.operators import (
    SegmentCreateSourceOperator,
    SegmentGetSourceOperator,
    SegmentListSourcesOperator,
)
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.tasks.said import brief, called, done
from tests.harness.task_runner import RunTask, TaskRun

pytestmark = pytest.mark.core


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ("create_source", "Created source"),
        ("add_connection_from_source_to_warehouse", "Added connection from source to warehouse"),
        ("batch_query_messaging_subscriptions_for_space", "Queried messaging subscriptions for space"),
        ("cancel_reverse_etl_sync_for_model", "Cancelled reverse etl sync for model"),
        ("list_sources", "Listed sources"),
        ("get_source", "Read source"),
        ("preview_destination_filter", "Previewed destination filter"),
    ],
)
def test_an_operation_as_what_was_done(operation: str, said: str) -> None:
    assert done(operation) == said


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        ({"id": "s1", "slug": "shop", "name": "Shop"}, " shop (id s1)"),
        ({"id": "s1"}, " (id s1)"),
        ({"name": "Shop"}, " Shop"),
        ({"id": 1, "name": None}, ""),
        ("SUCCESS", " (SUCCESS)"),
        ([], ""),
        (None, ""),
    ],
)
def test_a_resource_as_it_is_called(resource: Any, said: str) -> None:
    assert called(brief(resource)) == said


def lines(run: TaskRun, words: str) -> list[str]:
    assert run.state == "success", run.error
    return [line for line in run.log.splitlines() if words in line]


def test_each_task_says_what_it_did_once(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    create = SegmentCreateSourceOperator(task_id="c", slug="shop", enabled=True, metadata_id="IqDTy1TpoU")
    created = run_task(create)
    [line] = lines(created, "Created source")
    assert f"Created source shop (id {created.xcom['id']}): POST /sources with slug, enabled" in line
    assert "request id" in line
    [line] = lines(
        run_task(SegmentGetSourceOperator(task_id="g", source_id=created.xcom["id"])), "Read source"
    )
    assert f"Read source shop (id {created.xcom['id']}): GET /sources/{created.xcom['id']}" in line
    listed = SegmentListSourcesOperator(task_id="l", page_size=1)
    [line] = lines(run_task(listed), "Listed sources")
    assert "Listed sources: 2, in 2 requests" in line
    [line] = lines(run_task(SegmentListSourcesOperator(task_id="m")), "Listed sources")
    assert "Listed sources: 2, in 1 request" in line
