"""The notifier as Airflow 2.11 calls it: at the end of DAG runs, and for missed SLAs."""

from __future__ import annotations

from datetime import datetime, timezone
from importlib.metadata import version

import pytest

if version("apache-airflow") >= "3":
    pytest.skip("Airflow 3 calls back in another way", allow_module_level=True)

from airflow.models import DAG, SlaMiss
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator

from airflow_provider_segment.notifications.segment import SegmentNotifier
from airflow_provider_segment.sandbox import Sandbox

pytestmark = pytest.mark.core

DATE = datetime(2026, 1, 2, tzinfo=timezone.utc)


@pytest.mark.parametrize("failed", [True, False])
def test_the_end_of_a_dag_run(segment_sandbox: Sandbox, failed: bool) -> None:
    from tests.harness.airflow_2 import prepare

    def work() -> None:
        if failed:
            raise RuntimeError("as told")

    prepare()
    notifier = SegmentNotifier(properties={"team": "{{ dag.dag_id }} team"})
    with DAG(
        "night", schedule=None, on_failure_callback=notifier, on_success_callback=notifier, start_date=DATE
    ) as dag:
        PythonOperator(task_id="t", python_callable=work)
    dag.test(execution_date=DATE)
    [event] = segment_sandbox.accepted
    assert event["event"] == ("DAG Run Failed" if failed else "DAG Run Succeeded")
    assert event["properties"].pop("duration") >= 0
    assert event["properties"] == {
        "dag_id": "night",
        "run_id": "manual__2026-01-02T00:00:00+00:00",
        "run_type": "manual",
        "logical_date": "2026-01-02T00:00:00+00:00",
        "reason": "task_failure" if failed else "success",
        "team": "night team",
    }


def test_missed_slas(segment_sandbox: Sandbox) -> None:
    """Airflow calls with five arguments; called again for the same, it is one event."""
    notifier = SegmentNotifier(properties={"team": "{{ dag.dag_id }} team"})
    with DAG("night", schedule=None, start_date=DATE) as dag:
        EmptyOperator(task_id="load")
    missed = [
        SlaMiss(dag_id="night", task_id=task_id, execution_date=DATE) for task_id in ("send", "load", "load")
    ]
    for _ in range(2):
        notifier(dag, "load on ...", "", missed, [])
    [event] = segment_sandbox.accepted
    assert event["event"] == "DAG Missed SLA"
    assert event["properties"] == {"dag_id": "night", "task_ids": ["load", "send"], "team": "night team"}
