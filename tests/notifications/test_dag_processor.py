"""The notifier as the DAG processor of Airflow 3 calls it: at the end of DAG runs, and for killed tasks."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any

import pytest

if version("apache-airflow") < "3.3":
    pytest.skip("Airflow 2 calls back with the context of a task", allow_module_level=True)

import structlog
from airflow.callbacks.callback_requests import DagCallbackRequest, DagRunContext, TaskCallbackRequest
from airflow.dag_processing.processor import _execute_dag_callbacks, _execute_task_callbacks
from airflow.providers.common.compat.sdk import DAG, BaseOperator
from airflow.utils.state import TaskInstanceState

from airflow_provider_segment.notifications.segment import SegmentNotifier
from airflow_provider_segment.sandbox import Sandbox

DATE = datetime(2026, 1, 2, tzinfo=timezone.utc)
RUN = {
    "dag_id": "night",
    "run_id": "r1",
    "logical_date": DATE,
    "data_interval_start": DATE,
    "data_interval_end": DATE,
    "run_after": DATE,
    "start_date": DATE,
    "end_date": None,
    "run_type": "scheduled",
    "state": "running",
    "conf": {},
    "clear_number": 0,
    "consumed_asset_events": [],
    "partition_key": None,
}
TASK = {
    "id": uuid.uuid4(),
    "task_id": "t",
    "dag_id": "night",
    "run_id": "r1",
    "try_number": 1,
    "dag_version_id": uuid.uuid4(),
}
FILE = {"filepath": "night.py", "bundle_name": "dags", "bundle_version": None, "msg": "as told"}


class Bag:
    """The DAGs of a file, as the processor has parsed it."""

    def __init__(self, dag: DAG) -> None:
        self.dags = {dag.dag_id: dag}


@pytest.mark.parametrize("failed", [True, False])
@pytest.mark.parametrize("told", [True, False], ids=["of a run", "of its id"])
def test_the_end_of_a_dag_run(segment_sandbox: Sandbox, failed: bool, told: bool) -> None:
    """Airflow tells of the run, or, if its last task cannot be told of, only of its id."""
    notifier = SegmentNotifier(properties={"team": "{{ dag.dag_id }} team"})
    with DAG("night", schedule=None, on_failure_callback=notifier, on_success_callback=notifier) as dag:
        BaseOperator(task_id="t")
    context = DagRunContext(dag_run=RUN, last_ti=TASK) if told else None
    request = DagCallbackRequest(
        dag_id="night",
        run_id="r1",
        is_failure_callback=failed,
        context_from_server=context,
        **{**FILE, "msg": "task_failure" if failed else "success"},
    )
    for _ in range(2):  # a callback that runs twice sends one event
        _execute_dag_callbacks(Bag(dag), request, structlog.get_logger())
    [event] = segment_sandbox.accepted
    assert event["event"] == ("DAG Run Failed" if failed else "DAG Run Succeeded")
    properties = event["properties"]
    assert (properties.pop("duration", None) is not None) == told
    assert properties == {
        "dag_id": "night",
        "run_id": "r1",
        "reason": "task_failure" if failed else "success",
        "team": "night team",
        **({"run_type": "scheduled", "logical_date": "2026-01-02T00:00:00+00:00"} if told else {}),
    }


RETRIED = TaskInstanceState.UP_FOR_RETRY
KILLED = {
    "its last try": (0, TaskInstanceState.FAILED, True, "Task Failed"),
    "its last try, only its id told": (0, TaskInstanceState.FAILED, False, "Task Failed"),
    "to be tried again": (1, RETRIED, True, "Task Retried"),
    # It fails, however many tries are left.
    "queued for too long": (1, None, True, "Task Failed"),
}


@pytest.mark.parametrize(("retries", "kind", "told", "name"), KILLED.values(), ids=KILLED)
def test_a_task_that_was_killed(
    segment_sandbox: Sandbox, retries: int, kind: TaskInstanceState | None, told: bool, name: str
) -> None:
    """Airflow tells neither its state nor its start."""
    callbacks: dict[str, Any] = {"on_failure_callback": SegmentNotifier()}
    if kind:
        callbacks["on_retry_callback"] = SegmentNotifier()
    with DAG("night", schedule=None) as dag:
        BaseOperator(task_id="t", retries=retries, **callbacks)
    run = {"dag_run": RUN, "max_tries": retries, "variables": [], "connections": [], "xcom_keys_to_clear": []}
    request = TaskCallbackRequest(
        ti=TASK, task_callback_type=kind, context_from_server=run if told else None, **FILE
    )
    _execute_task_callbacks(Bag(dag), request, structlog.get_logger())
    [event] = segment_sandbox.accepted
    assert event["event"] == name
    assert event["properties"] == {
        "dag_id": "night",
        "run_id": "r1",
        "task_id": "t",
        "try_number": 1,
        **({"run_type": "scheduled", "logical_date": "2026-01-02T00:00:00+00:00"} if told else {}),
    }
