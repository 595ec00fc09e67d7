"""SegmentPreviewEventsOperator through the real task runner: it says what a send does, and sends nothing."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_segment.operators.events import SegmentBatchEventsOperator, SegmentPreviewEventsOperator
from airflow_provider_segment.sandbox import Sandbox
from tests.events.test_send import BAD, make_events, write_lines
from tests.harness.task_runner import RunTask
from tests.operators.test_rows import MAPPING, ORDERS, write_csv
from tests.operators.varied_events import ONE_OF_EACH_KIND, WITHOUT_ID, commits

pytestmark = pytest.mark.core


def preview(**arguments: Any) -> SegmentPreviewEventsOperator:
    return SegmentPreviewEventsOperator(task_id="preview", **arguments)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"message_id_fields": ["userId", "timestamp"]},
        {"max_events_per_second": 50},
        {"context": {"default": 1}, "integrations": {"All": False}},
    ],
)
def test_the_preview_equals_the_report_of_the_run(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path, options: dict[str, Any]
) -> None:
    events = [*commits(3_000, without_author=10), *WITHOUT_ID, *ONE_OF_EACH_KIND, *BAD]
    path = write_lines(tmp_path / "events.jsonl", events)
    if "max_events_per_second" in options:
        path = write_lines(tmp_path / "few.jsonl", make_events(70))
    run = run_task(preview(path=path, **options))
    assert run.state == "success", run.error
    seen = run.xcom
    assert {request["method"] for request in segment_sandbox.requests} == {"GET"}
    assert segment_sandbox.accepted == []
    sent = run_task(SegmentBatchEventsOperator(task_id="send", path=path, max_rejected=None, **options)).xcom
    same = ("rows", "skipped", "read", "rejected", "batches", "bytes")
    assert {name: seen[name] for name in same} == {name: sent[name] for name in same}
    assert seen["events"] == seen["api_calls"] == sent["sent"]
    if options.get("message_id_fields"):
        assert seen["duplicates"] == sent["duplicates"]
    arrived = segment_sandbox.accepted
    assert seen["users"] == len({event.get("userId") or event["anonymousId"] for event in arrived})
    assert sum(seen["types"].values()) == sent["sent"]
    assert json.loads(json.dumps(seen)) == seen


def test_rows_are_previewed_with_what_would_be_rejected(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "orders.csv"
    write_csv(path)
    path.write_text(path.read_text().replace("0.07", "seven"))
    run = run_task(preview(path=str(path), mapping=MAPPING))
    assert (run.xcom["rows"], run.xcom["events"], run.xcom["users"]) == (30, 29, 3)
    [example] = run.xcom["examples"]["invalid_value"]
    assert example["column"] == "total" and example["place"]["row_number"] == 7
    assert any("message_id_fields" in warning for warning in run.xcom["warnings"])
    assert "seven" in run.xcoms["note"] and "29" in run.xcoms["note"]
    assert "Order Completed" in run.log


@pytest.mark.parametrize(("limit", "looked_at"), [(10, 10), (30, None), (1_000, None)])
def test_only_the_beginning(
    run_task: RunTask, segment_sandbox: Sandbox, limit: int, looked_at: int | None
) -> None:
    run = run_task(preview(events=ORDERS, mapping=MAPPING, limit=limit))
    assert (run.xcom["rows"], run.xcom["limit"]) == (min(limit, 30), looked_at)


def test_suppressed_users_and_the_destinations_that_are_reached(
    run_task: RunTask, segment_sandbox: Sandbox
) -> None:
    from airflow_provider_segment.hooks.segment import SegmentHook

    hook = SegmentHook()
    hook.request(
        "POST",
        "/regulations",
        json={"regulationType": "SUPPRESS_ONLY", "subjectType": "USER_ID", "subjectIds": ["u1"]},
    )
    hook.request(
        "POST",
        "/destinations",
        json={
            "sourceId": segment_sandbox.source_id,
            "metadataId": "54521fd525e721e32a72ee91",
            "name": "Our Amplitude",
            "settings": {},
        },
    )
    run = run_task(preview(events=ORDERS, mapping=MAPPING, source_id=segment_sandbox.source_id))
    assert run.state == "success", run.error
    assert run.xcom["suppressed_users"] == 1
    assert run.xcom["destinations"] == ["Our Amplitude"]
    assert "Our Amplitude" in run.xcoms["note"]


def test_an_empty_input_is_said_to_be_empty(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    run = run_task(preview(events=[], mapping=MAPPING))
    assert run.state == "success" and run.xcom["warnings"]


def test_a_query_is_previewed(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("create table orders (id integer, customer text)")
        connection.executemany("insert into orders values (?, ?)", [(n, f"u{n % 3}") for n in range(1, 11)])
    monkeypatch.setenv(
        "AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "shop.db")})
    )
    mapping = {"type": "page", "userId": "$customer", "properties": {"id": "$id"}}
    query = {"sql_conn_id": "shop", "sql": "select * from orders where id > ?", "parameters": [4]}
    run = run_task(preview(mapping=mapping, message_id_fields=["id"], **query))
    assert run.state == "success", run.error
    assert (run.xcom["rows"], run.xcom["events"], run.xcom["users"]) == (6, 6, 3)
    run = run_task(preview(mapping=mapping, events=[], **query))
    assert run.state == "failed" and "give either events, path, part or sql" in str(run.error)
    run = run_task(preview(mapping=mapping, sql="select 1"))
    assert run.state == "failed" and "sql and sql_conn_id belong together" in str(run.error)
