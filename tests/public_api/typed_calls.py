"""Calls for type checkers: right ones are accepted; each wrong one is an error, else its `ignore` is one.

Not a test of pytest: mypy (strict, so with `warn_unused_ignores`) and pyright read it.
"""
# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import DAG, Asset, TriggerRule, task

from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.operators import (
    SegmentAddConnectionFromSourceToWarehouseOperator,
    SegmentBatchEventsOperator,
    SegmentCreateInvitesOperator,
    SegmentCreateSourceOperator,
    SegmentCreateWarehouseOperator,
    SegmentDeleteSourceOperator,
    SegmentGetProfileTraitsOperator,
    SegmentListSourcesOperator,
    SegmentRequestOperator,
    SegmentTrackOperator,
    SegmentUpdateSourceOperator,
)


def callback(context: object) -> None:
    """Do nothing."""


@task
def source_id() -> str:
    """Of a task of the TaskFlow API."""
    return "s"


with DAG("right", schedule=None) as dag:
    source = SegmentCreateSourceOperator(
        task_id="every_argument_of_base_operator",
        slug="shop",
        metadata_id="m",
        dag=dag,
        default_args={},
        depends_on_past=True,
        do_xcom_push=False,
        doc_md="doc",
        email="jane@example.com",
        end_date=datetime(2026, 1, 1),
        execution_timeout=timedelta(minutes=1),
        executor_config={},
        inlets=[Asset("a")],
        map_index_template="{{ ds }}",
        max_active_tis_per_dag=1,
        max_retry_delay=3.0,
        multiple_outputs=True,
        on_execute_callback=callback,
        on_failure_callback=callback,
        on_retry_callback=[callback],
        on_skipped_callback=None,
        on_success_callback=[callback, callback],
        outlets=[Asset("b")],
        owner="me",
        params={"a": 1},
        pool="pool",
        pre_execute=callback,
        priority_weight=1,
        queue="queue",
        render_template_as_native_obj=True,
        resources={},
        retries=2,
        retry_delay=timedelta(minutes=1),
        retry_exponential_backoff=True,
        sla=None,
        start_date=datetime(2026, 1, 1),
        task_display_name="A task",
        trigger_rule="all_done",
        weight_rule="downstream",
    )
    warehouse = SegmentCreateWarehouseOperator(
        task_id="templates", metadata_id="m", settings="{{ params.settings }}", enabled="{{ params.on }}"
    )
    SegmentAddConnectionFromSourceToWarehouseOperator(
        task_id="outputs",
        source_id=source.output["id"],
        warehouse_id=warehouse.output["id"],
        trigger_rule=TriggerRule.ALL_DONE,
        retry_delay=3,
    )
    SegmentUpdateSourceOperator(task_id="taskflow", source_id=source_id(), settings=None, enabled=True)
    SegmentUpdateSourceOperator.partial(task_id="mapped", enabled=True).expand(source_id=["a", "b"])
    SegmentDeleteSourceOperator(task_id="delete", source_id="s", missing_ok=True)
    SegmentListSourcesOperator(task_id="list", limit=3, page_size="{{ 3 }}")
    SegmentListSourcesOperator(task_id="file", to_path="{{ ds }}", response_filter=lambda found: found[:1])
    SegmentListSourcesOperator(task_id="hook", region="eu", log_requests="{{ 1 }}", request_timeout=5)
    SegmentRequestOperator(task_id="raw", path="/{a}", path_params={"a": 1}, headers={"X-A": "b"}, data=b"c")
    SegmentCreateInvitesOperator(task_id="shape", invites=[{"email": "jane@example.com"}], if_exists="skip")
    SegmentRequestOperator(task_id="request", path="/x", json=[1], response_filter=lambda data: data["x"])
    SegmentGetProfileTraitsOperator(task_id="profile", space_id="p", external_id="user_id:1", include=["a"])

SegmentUpdateSourceOperator(task_id="missing")  # type: ignore[call-arg]
SegmentUpdateSourceOperator(source_id="s")  # type: ignore[call-arg]
SegmentUpdateSourceOperator(task_id="number", source_id=3)  # type: ignore[arg-type]
SegmentUpdateSourceOperator(task_id="number", source_id="s", enabled=3.5)  # type: ignore[arg-type]
SegmentUpdateSourceOperator(task_id="list", source_id="s", settings=["x"])  # type: ignore[arg-type]
SegmentListSourcesOperator(task_id="filter", response_filter=True)  # type: ignore[arg-type]
SegmentUpdateSourceOperator(task_id="unknown", source_id="s", nam="x")  # type: ignore[call-arg]
SegmentDeleteSourceOperator(task_id="unknown", source_id="s", missing_okay=True)  # type: ignore[call-arg]
SegmentCreateInvitesOperator(task_id="shape", invites=[{"mail": "x"}])  # type: ignore[typeddict-item]

SegmentTrackOperator(
    task_id="event", event="E", user_id=7, properties={"n": 1}, context="{{ params.context }}"
)
SegmentTrackOperator(task_id="unknown", event="E", propertis={})  # type: ignore[call-arg]
SegmentTrackOperator(task_id="list", event="E", properties=[])  # type: ignore[arg-type]
SegmentBatchEventsOperator(task_id="bulk", path="x", concurrency="{{ 8 }}", max_rejected=None, retries=2)
SegmentBatchEventsOperator(task_id="list", path=["x"])
SegmentBatchEventsOperator(task_id="path", path=[7])  # type: ignore[list-item]

SegmentHook().send_events(path="x", concurrency=8, message_id_fields=["userId"], context={"a": 1})
SegmentHook().send_events(path="x", concurency=8)  # type: ignore[call-arg]
SegmentHook().send_events(path="x", concurrency="8")  # type: ignore[arg-type]
SegmentHook().send_events(path="x", message_id_fields="userId")  # type: ignore[arg-type]
