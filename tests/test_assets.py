"""Assets: their URIs, the events that tasks emit for them, and lineage."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from airflow.providers.common.compat.sdk import Asset, AssetAlias

from airflow_provider_segment import assets
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.operators import (
    SegmentCreateSourceOperator,
    SegmentDeleteSourceOperator,
    SegmentGetSourceOperator,
    SegmentRunReverseEtlSyncOperator,
)
from airflow_provider_segment.operators.events import SegmentBatchEventsOperator, SegmentTrackOperator
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sensors import SegmentEventVolumeSensor, SegmentWarehouseSyncSensor
from tests.harness.task_runner import RunTask

PARTITIONS = version("apache-airflow") >= "3.2"
ALIAS = AssetAlias("what_changed")
EVENTS = [{"type": "track", "event": "E", "userId": "u", "messageId": f"m{n}"} for n in range(3)]


@pytest.mark.core
def test_a_uri_names_a_resource() -> None:
    assert Asset(uri="segment://warehouses/abc/").uri == "segment://warehouses/abc"
    for uri in ("segment://warehouses", "segment:///abc", "segment://"):
        with pytest.raises(ValueError, match="segment://warehouses/abc"):  # to Airflow 2 it is a warning
            assets.sanitize_uri(urlsplit(uri))


@pytest.mark.core
def test_openlineage_knows_a_segment_asset() -> None:
    from airflow.providers_manager import ProvidersManager

    manager: Any = ProvidersManager()
    known = (
        getattr(manager, "asset_to_openlineage_converters", None) or manager.dataset_to_openlineage_converters
    )
    dataset = known["segment"](Asset(uri="segment://warehouses/abc"), None)
    assert (dataset.namespace, dataset.name) == ("segment", "warehouses/abc")


@pytest.mark.core
def test_the_event_of_an_outlet_says_what_was_sent(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    outlet = Asset(uri=f"segment://sources/{segment_sandbox.source_id}")
    run = run_task(
        SegmentBatchEventsOperator(
            task_id="t", events=EVENTS, source_id=segment_sandbox.source_id, outlets=[outlet, ALIAS]
        )
    )
    assert run.state == "success", run.error
    assert {uri for uri, _ in run.asset_events} == {outlet.uri}
    for _, extra in run.asset_events:
        assert (extra["read"], extra["sent"]) == (3, 3)
        assert segment_sandbox.write_key not in str(extra)


@pytest.mark.core
def test_what_was_sent_is_a_partition(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    outlet = Asset(uri="segment://nights/shop")
    send = SegmentBatchEventsOperator(
        task_id="t",
        events=EVENTS,
        outlets=[outlet, ALIAS],
        partition_key="{{ macros.ds_add(ds, -1) }}",
    )
    run = run_task(send, logical_date=datetime(2026, 11, 20, tzinfo=timezone.utc))
    assert run.state == "success", run.error
    assert [extra["sent"] for uri, extra in run.asset_events if uri == outlet.uri] == [3]
    assert run.partitions == ([(outlet.uri, "2026-11-19")] if PARTITIONS else [])


@pytest.mark.core
@pytest.mark.parametrize("deferrable", [False, True])
def test_what_was_waited_for_is_a_partition(
    run_task: RunTask, segment_sandbox: Sandbox, deferrable: bool
) -> None:
    SegmentHook().send_events(EVENTS, source_id=segment_sandbox.source_id)
    outlet = Asset(uri="segment://nights/shop")
    run = run_task.to_end(
        SegmentEventVolumeSensor(
            task_id="t",
            source_id=segment_sandbox.source_id,
            start=(datetime.now(timezone.utc) - timedelta(hours=1)).isoformat(),
            min_count=3,
            lag=-120,
            deferrable=deferrable,
            poke_interval=0.05,
            outlets=[outlet],
            partition_key="2026-11-19",
        )
    )
    assert run.state == "success", run.error
    assert run.partitions == ([(outlet.uri, "2026-11-19")] if PARTITIONS else [])


@pytest.mark.core
@pytest.mark.parametrize("nothing", [None, "", " ", "{{ dag_run.conf.get('night', '') }}"])
def test_without_a_key_the_partition_is_that_of_the_run(
    run_task: RunTask, segment_sandbox: Sandbox, nothing: str | None
) -> None:
    outlet = Asset(uri="segment://nights/shop")
    run = run_task(
        SegmentBatchEventsOperator(task_id="t", events=EVENTS, outlets=[outlet], partition_key=nothing)
    )
    assert run.state == "success", run.error
    assert (run.partitions, len(run.asset_events)) == ([], 1)


@pytest.mark.core
def test_a_key_that_airflow_would_refuse_fails_before_anything_is_sent(
    run_task: RunTask, segment_sandbox: Sandbox
) -> None:
    outlet = Asset(uri="segment://nights/shop")
    run = run_task(
        SegmentBatchEventsOperator(task_id="t", events=EVENTS, outlets=[outlet], partition_key="n" * 251)
    )
    assert run.state == "failed"
    assert "partition_key: must have at most 250 characters" in str(run.error)
    assert segment_sandbox.requests == []


@pytest.mark.core
def test_the_key_of_a_connection_stands_for_its_source(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    run = run_task(SegmentTrackOperator(task_id="t", event="E", user_id="u", outlets=[ALIAS]))
    [(uri, extra)] = run.asset_events
    assert uri == "segment://connections/segment_default"
    assert extra == {"type": "track", "message_id": run.xcom["message_id"]}


@pytest.mark.core
def test_the_event_of_an_operator_says_what_it_did(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    create = SegmentCreateSourceOperator(
        task_id="t",
        slug="web",
        enabled=True,
        metadata_id="IqDTy1TpoU",
        settings={"k": "s3cr3t"},
        outlets=[ALIAS],
    )
    run = run_task(create)
    source_id = run.xcom["id"]
    assert run.asset_events == [
        (f"segment://sources/{source_id}", {"operation": "POST /sources", "id": source_id})
    ]
    run = run_task(SegmentDeleteSourceOperator(task_id="d", source_id=source_id, outlets=[ALIAS]))
    assert run.asset_events == [
        (
            f"segment://sources/{source_id}",
            {"operation": "DELETE /sources/{sourceId}", "source_id": source_id},
        )
    ]


@pytest.mark.core
def test_who_only_reads_changes_nothing(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    run = run_task(
        SegmentGetSourceOperator(task_id="t", source_id=segment_sandbox.source_id, outlets=[ALIAS])
    )
    assert run.state == "success", run.error
    assert run.asset_events == []


@pytest.mark.core
@pytest.mark.parametrize("deferrable", [False, True])
def test_a_job_says_how_it_ended(
    run_task: RunTask, segment_sandbox: Sandbox, mapping: dict[str, str], deferrable: bool
) -> None:
    segment_sandbox.scripts.add("reverse_etl_sync", seconds=0, delivered=5)
    run = run_task.to_end(
        SegmentRunReverseEtlSyncOperator(
            task_id="t",
            **mapping,
            deferrable=deferrable,
            poll_interval=0.05,
            outlets=[ALIAS],
        )
    )
    assert run.state == "success", run.error
    [(uri, extra)] = run.asset_events
    assert uri == f"segment://reverse-etl-models/{mapping['model_id']}"
    load = extra["loadPhase"]  # in Airflow 2 as JSON
    assert (json.loads(load) if isinstance(load, str) else load)["deliverSuccessCount"] == "5"


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_sync_flows_from_the_sources_to_the_warehouse(
    run_task: RunTask, segment_sandbox: Sandbox, collector: Any, warehouse: str, deferrable: bool
) -> None:
    segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=0)
    outlet = Asset(uri=f"segment://warehouses/{warehouse}")
    run = run_task.to_end(
        SegmentWarehouseSyncSensor(
            task_id="t",
            warehouse_id=warehouse,
            since="2026-01-01",
            deferrable=deferrable,
            poke_interval=0.05,
            outlets=[outlet],
        )
    )
    assert run.state == "success", run.error
    [(uri, extra)] = run.asset_events
    assert uri == outlet.uri
    assert [sync["sourceId"] for sync in extra["syncs"]] == [segment_sandbox.source_id]
    flow = collector.collected_assets
    assert [each.asset.uri for each in flow.inputs] == [f"segment://sources/{segment_sandbox.source_id}"]
    assert [each.asset.uri for each in flow.outputs] == [outlet.uri]


def test_events_flow_to_their_source(segment_sandbox: Sandbox, collector: Any, tmp_path: Path) -> None:
    SegmentHook().send_events(EVENTS, source_id=segment_sandbox.source_id)
    SegmentHook().send_events(EVENTS)
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(map(msgspec.json.encode, EVENTS)))
    SegmentHook().send_events(path=str(file))
    assert [each.asset.uri for each in collector.collected_assets.inputs] == [f"file://{file}"]
    assert {each.asset.uri for each in collector.collected_assets.outputs} == {
        f"segment://sources/{segment_sandbox.source_id}",
        "segment://connections/segment_default",
    }


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Airflow's collector, which it has only where somebody reads it: OpenLineage, for example."""
    from airflow.providers.common.compat.lineage import hook
    from airflow.providers.common.compat.sdk import HookLineageCollector

    collector = HookLineageCollector()
    monkeypatch.setattr(hook, "get_hook_lineage_collector", lambda: collector)
    return collector
