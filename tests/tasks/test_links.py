"""The link from a task to Segment's app, or to the page of a sandbox: there before the task ends, and of the
right resource."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_segment.api import client, regions
from airflow_provider_segment.operators import (
    SegmentCreateSourceOperator,
    SegmentCreateTrackingPlanOperator,
    SegmentGetFunctionOperator,
    SegmentListSourcesOperator,
    SegmentListTrackingPlansOperator,
)
from airflow_provider_segment.operators.events import SegmentBatchEventsOperator, SegmentTrackOperator
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sensors import (
    SegmentEventVolumeSensor,
    SegmentReverseEtlSyncSensor,
    SegmentWarehouseSyncSensor,
)
from airflow_provider_segment.tasks.links import SegmentLink
from tests.harness.task_runner import RunTask, TaskRun

pytestmark = pytest.mark.core

APP = "https://app.segment.com/sandbox"
"""The workspace whose token it is."""
ANY_APP = "https://app.segment.com/goto-my-workspace"
"""Where nothing is looked up."""


@pytest.fixture
def segment(segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox that does not say that it is one."""
    monkeypatch.setattr(client, "SANDBOX_REGION", "x-nothing")
    monkeypatch.setattr(regions, "SANDBOXES", set())
    return segment_sandbox


@pytest.fixture
def unknown_sandbox(segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox that has not answered yet."""
    monkeypatch.setattr(regions, "SANDBOXES", set())
    monkeypatch.setattr(client, "SANDBOXES", regions.SANDBOXES)
    return segment_sandbox


def link_of(run: TaskRun) -> Any:
    return run.xcoms[SegmentLink.xcom_key]


def test_a_sensor_links_to_its_resource_while_it_waits(run_task: RunTask, segment: Sandbox) -> None:
    run = run_task(
        SegmentWarehouseSyncSensor(
            task_id="t", warehouse_id="{{ params.w }}", params={"w": "a/b"}, deferrable=True
        )
    )
    assert run.state == "deferred"
    assert link_of(run) == f"{APP}/warehouses/a%2Fb/overview"


def test_the_slug_of_a_source_is_asked_for(run_task: RunTask, segment: Sandbox) -> None:
    sensor = SegmentEventVolumeSensor(task_id="t", source_id=segment.source_id, deferrable=True)
    assert link_of(run_task(sensor)) == f"{APP}/sources/sandbox/overview"


@pytest.mark.parametrize("status", [404, 500])
def test_a_link_that_cannot_be_made_stops_nothing(run_task: RunTask, segment: Sandbox, status: int) -> None:
    segment.faults.add("status", status=status, path=f"/sources/{segment.source_id}")
    sensor = SegmentEventVolumeSensor(task_id="t", source_id=segment.source_id, deferrable=True)
    run = run_task(sensor)
    assert run.state == "deferred"
    assert link_of(run) == f"{APP}/sources"
    asked = [each for each in segment.requests if each["path"].startswith("/sources/")]
    assert len(asked) == 1


@pytest.mark.parametrize("id", ["", ".."])
def test_an_id_that_makes_no_path_has_no_page(run_task: RunTask, segment: Sandbox, id: str) -> None:
    run = run_task(SegmentWarehouseSyncSensor(task_id="t", warehouse_id=id))
    assert run.state == "failed"
    assert "must not be" in str(run.error)
    run = run_task(SegmentEventVolumeSensor(task_id="t", source_id=id, deferrable=True))
    assert link_of(run) == f"{APP}/sources"


def test_what_was_created_is_linked_to(run_task: RunTask, segment: Sandbox) -> None:
    source = run_task(
        SegmentCreateSourceOperator(task_id="t", slug="web", enabled=True, metadata_id="IqDTy1TpoU")
    )
    assert link_of(source) == f"{ANY_APP}/sources/web/overview"
    plan = run_task(SegmentCreateTrackingPlanOperator(task_id="p", name="P", type="LIVE"))
    assert link_of(plan) == f"{ANY_APP}/protocols/tracking-plans/{plan.xcom['id']}"


@pytest.mark.parametrize(
    ("operator", "page"),
    [
        (SegmentListSourcesOperator(task_id="a"), f"{ANY_APP}/overview"),
        (SegmentListTrackingPlansOperator(task_id="b"), f"{ANY_APP}/overview"),
        (SegmentGetFunctionOperator(task_id="c", function_id="f"), f"{ANY_APP}/functions/catalog"),
        (
            SegmentReverseEtlSyncSensor(task_id="d", model_id="m", sync_id="s", deferrable=True),
            f"{APP}/overview",
        ),
        (SegmentTrackOperator(task_id="e", event="E", user_id="u"), f"{ANY_APP}/sources"),
        (SegmentBatchEventsOperator(task_id="f", events=[]), f"{APP}/sources/sandbox/overview"),
    ],
    ids=lambda each: type(each).__name__ if not isinstance(each, str) else None,
)
def test_others_link_to_the_nearest_page(
    run_task: RunTask, segment: Sandbox, operator: Any, page: str
) -> None:
    assert link_of(run_task(operator)) == page


def test_the_link_of_a_region_and_a_workspace(
    run_task: RunTask, segment: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = segment.connection
    connection = {**connection, "extra": {**connection["extra"], "region": "eu", "workspace": "acme"}}
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(connection))
    run = run_task(SegmentWarehouseSyncSensor(task_id="t", warehouse_id="w", deferrable=True))
    assert link_of(run) == "https://eu1.app.segment.com/acme/warehouses/w/overview"


def test_the_link_outlives_a_deferral(run_task: RunTask, segment: Sandbox, warehouse: str) -> None:
    # Airflow 3 asks for the link again at the end of each leg, and stores what it is told.
    sensor = SegmentWarehouseSyncSensor(
        task_id="t", warehouse_id=warehouse, since="2026-01-01", deferrable=True
    )
    first = run_task(sensor)
    segment.scripts.add("warehouse_sync", now=True, seconds=0)
    xcoms = {("t", key): value for key, value in first.xcoms.items()}
    second = run_task.resume(sensor, first, xcoms=xcoms)
    assert second.state == "success", second.error
    assert link_of(second) == link_of(first) == f"{APP}/warehouses/{warehouse}/overview"


def test_a_send_with_a_token_that_sees_no_write_key(
    run_task: RunTask, segment: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment.faults.add("status", status=403, path="/sources")
    run = run_task(SegmentBatchEventsOperator(task_id="t", events=[]))
    assert run.state == "success", run.error
    assert link_of(run) == f"{APP}/sources"


@pytest.mark.parametrize(
    ("operator", "place"),
    [
        (SegmentListSourcesOperator(task_id="a"), ""),
        (SegmentGetFunctionOperator(task_id="b", function_id="sfnc/gone"), "function/sfnc%2Fgone"),
        (SegmentTrackOperator(task_id="c", event="E", user_id="u"), ""),
        (SegmentBatchEventsOperator(task_id="d", events=[]), ""),
        (SegmentWarehouseSyncSensor(task_id="e", warehouse_id="w", deferrable=True), "warehouse/w"),
        (SegmentReverseEtlSyncSensor(task_id="f", model_id="m", sync_id="s", timeout=0), "reverse-etl/m"),
    ],
    ids=lambda each: type(each).__name__ if not isinstance(each, str) else None,
)
def test_the_page_of_the_sandbox_that_answers(
    run_task: RunTask, unknown_sandbox: Sandbox, operator: Any, place: str
) -> None:
    """The first task finds out by the answer to its own request, whether it succeeds or fails."""
    for _ in range(2):
        assert link_of(run_task(operator)) == f"{unknown_sandbox.url}/_sandbox#/{place}"


def test_what_was_created_in_a_sandbox(run_task: RunTask, unknown_sandbox: Sandbox) -> None:
    run = run_task(
        SegmentCreateSourceOperator(task_id="t", slug="web", enabled=True, metadata_id="IqDTy1TpoU")
    )
    assert link_of(run) == f"{unknown_sandbox.url}/_sandbox#/source/{run.xcom['id']}"
    assert {each["path"] for each in unknown_sandbox.requests} == {"/sources"}
