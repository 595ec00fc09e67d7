"""The link from a task to Segment's app: there before the task ends, and of the right resource."""

from __future__ import annotations

import json
from typing import Any

import pytest

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

APP = "https://app.segment.com/goto-my-workspace"


def link_of(run: TaskRun) -> Any:
    return run.xcoms[SegmentLink.xcom_key]


def test_a_sensor_links_to_its_resource_while_it_waits(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    run = run_task(
        SegmentWarehouseSyncSensor(
            task_id="t", warehouse_id="{{ params.w }}", params={"w": "a/b"}, deferrable=True
        )
    )
    assert run.state == "deferred"
    assert link_of(run) == f"{APP}/warehouses/a%2Fb/overview"


def test_the_slug_of_a_source_is_asked_for(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    sensor = SegmentEventVolumeSensor(task_id="t", source_id=segment_sandbox.source_id, deferrable=True)
    assert link_of(run_task(sensor)) == f"{APP}/sources/sandbox/overview"


@pytest.mark.parametrize("status", [404, 500])
def test_a_link_that_cannot_be_made_stops_nothing(
    run_task: RunTask, segment_sandbox: Sandbox, status: int
) -> None:
    segment_sandbox.faults.add("status", status=status, path=f"/sources/{segment_sandbox.source_id}")
    sensor = SegmentEventVolumeSensor(task_id="t", source_id=segment_sandbox.source_id, deferrable=True)
    run = run_task(sensor)
    assert run.state == "deferred"
    assert link_of(run) == f"{APP}/sources"
    asked = [each for each in segment_sandbox.requests if each["path"].startswith("/sources/")]
    assert len(asked) == 1


@pytest.mark.parametrize("id", ["", ".."])
def test_an_id_that_makes_no_path_has_no_page(run_task: RunTask, segment_sandbox: Sandbox, id: str) -> None:
    run = run_task(SegmentWarehouseSyncSensor(task_id="t", warehouse_id=id))
    assert run.state == "failed"
    assert "must not be" in str(run.error)
    run = run_task(SegmentEventVolumeSensor(task_id="t", source_id=id, deferrable=True))
    assert link_of(run) == f"{APP}/sources"


def test_what_was_created_is_linked_to(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    source = run_task(
        SegmentCreateSourceOperator(task_id="t", slug="web", enabled=True, metadata_id="IqDTy1TpoU")
    )
    assert link_of(source) == f"{APP}/sources/web/overview"
    plan = run_task(SegmentCreateTrackingPlanOperator(task_id="p", name="P", type="LIVE"))
    assert link_of(plan) == f"{APP}/protocols/tracking-plans/{plan.xcom['id']}"


@pytest.mark.parametrize(
    ("operator", "page"),
    [
        (SegmentListSourcesOperator(task_id="a"), "/overview"),
        (SegmentListTrackingPlansOperator(task_id="b"), "/overview"),
        (SegmentGetFunctionOperator(task_id="c", function_id="sfnc_gone"), "/functions/catalog"),
        (SegmentReverseEtlSyncSensor(task_id="d", model_id="m", sync_id="s", deferrable=True), "/overview"),
        (SegmentTrackOperator(task_id="e", event="E", user_id="u"), "/sources"),
        (SegmentBatchEventsOperator(task_id="f", events=[]), "/sources"),
    ],
    ids=lambda each: type(each).__name__ if not isinstance(each, str) else None,
)
def test_others_link_to_the_nearest_page(
    run_task: RunTask, segment_sandbox: Sandbox, operator: Any, page: str
) -> None:
    assert link_of(run_task(operator)) == APP + page


def test_the_link_of_a_region_and_a_workspace(
    run_task: RunTask, segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = segment_sandbox.connection
    connection = {**connection, "extra": {**connection["extra"], "region": "eu", "workspace": "acme"}}
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(connection))
    run = run_task(SegmentWarehouseSyncSensor(task_id="t", warehouse_id="w", deferrable=True))
    assert link_of(run) == "https://eu1.app.segment.com/acme/warehouses/w/overview"


def test_the_link_outlives_a_deferral(run_task: RunTask, segment_sandbox: Sandbox, warehouse: str) -> None:
    # Airflow 3 asks for the link again at the end of each leg, and stores what it is told.
    sensor = SegmentWarehouseSyncSensor(
        task_id="t", warehouse_id=warehouse, since="2026-01-01", deferrable=True
    )
    first = run_task(sensor)
    segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=0)
    xcoms = {("t", key): value for key, value in first.xcoms.items()}
    second = run_task.resume(sensor, first, xcoms=xcoms)
    assert second.state == "success", second.error
    assert link_of(second) == link_of(first) == f"{APP}/warehouses/{warehouse}/overview"
