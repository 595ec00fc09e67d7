"""Rows of every reader through the real task runner: mapped, checked, sent, rejected, sent again."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_segment.operators.events import SegmentBatchEventsOperator
from airflow_provider_segment.sandbox import Sandbox
from tests.events.test_send import read_lines
from tests.harness.task_runner import RunTask

pytestmark = pytest.mark.core

MAPPING = {
    "type": "track",
    "event": "Order Completed",
    "userId": "$customer_id",
    "timestamp": "$ordered_at",
    "properties": {
        "order_id": "$order_id",
        "total": {"$": "total", "as": "number"},
        "paid": {"$": "paid", "as": "boolean"},
        "shipping": {"city": "$ship_city", "day": "$ship_day"},
    },
}
ORDERS = [
    {
        "customer_id": f"u{number % 3}",
        "ordered_at": datetime(2026, 1, 2, 3, 4, number % 60, 1000 * number, tzinfo=timezone.utc),
        "order_id": number,
        "total": Decimal(number) / 100,
        "paid": number % 2 == 0,
        "ship_city": None if number % 5 == 0 else f"Città {number}",
        "ship_day": date(2026, 1, 1 + number % 28),
    }
    for number in range(1, 31)
]


def as_text(order: dict[str, Any]) -> dict[str, Any]:
    return {
        **order,
        "ordered_at": order["ordered_at"].isoformat().replace("+00:00", "Z"),
        "total": str(order["total"]),
        "ship_day": order["ship_day"].isoformat(),
    }


def write_csv(path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(ORDERS[0]))
        writer.writeheader()
        writer.writerows({**as_text(order), "paid": str(order["paid"]).lower()} for order in ORDERS)


def write_json_lines(path: Path) -> None:
    path.write_bytes(gzip.compress("\n".join(json.dumps(as_text(order)) for order in ORDERS).encode()))


def write_parquet(path: Path) -> None:
    polars = pytest.importorskip("polars")
    schema = {"total": polars.Decimal(12, 2)}
    polars.DataFrame(ORDERS, schema_overrides=schema).write_parquet(path, row_group_size=7)


def write_avro(path: Path) -> None:
    fastavro = pytest.importorskip("fastavro")
    types: dict[str, Any] = {
        "customer_id": "string",
        "ordered_at": {"type": "long", "logicalType": "timestamp-micros"},
        "order_id": "long",
        "total": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2},
        "paid": "boolean",
        "ship_city": ["null", "string"],
        "ship_day": {"type": "int", "logicalType": "date"},
    }
    fields = [{"name": name, "type": kind} for name, kind in types.items()]
    with path.open("wb") as file:
        fastavro.writer(file, {"type": "record", "name": "Order", "fields": fields}, ORDERS)


FILES = {
    "orders.csv": write_csv,
    "orders.jsonl.gz": write_json_lines,
    "orders.parquet": write_parquet,
    "orders.avro": write_avro,
}


@pytest.fixture
def orders(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path = tmp_path / request.param
    FILES[request.param](path)
    return str(path)


def send(**arguments: Any) -> SegmentBatchEventsOperator:
    return SegmentBatchEventsOperator(task_id="send", **arguments)


def accepted(sandbox: Sandbox) -> list[dict[str, Any]]:
    """What arrived, by order, in the members that the mapping makes."""
    kept = ("type", "event", "userId", "originalTimestamp", "properties", "messageId")
    events = [{name: event.get(name) for name in kept} for event in sandbox.accepted]
    return sorted(events, key=lambda event: event["properties"]["order_id"])


def expected() -> list[dict[str, Any]]:
    return [
        {
            "type": "track",
            "event": "Order Completed",
            "userId": order["customer_id"],
            "properties": {
                "order_id": order["order_id"],
                "total": float(order["total"]),
                "paid": order["paid"],
                "shipping": {"city": order["ship_city"], "day": order["ship_day"].isoformat()},
            },
        }
        for order in ORDERS
    ]


@pytest.mark.parametrize("orders", FILES, indirect=True)
def test_a_file_of_rows(run_task: RunTask, segment_sandbox: Sandbox, orders: str) -> None:
    mapping = json.loads(json.dumps(MAPPING))
    if orders.endswith(".csv"):
        mapping["properties"]["order_id"] = {"$": "order_id", "as": "number"}
    run = run_task(send(path=orders, mapping=mapping, message_id_fields=["order_id"]))
    assert run.state == "success", run.error
    assert (run.xcom["rows"], run.xcom["read"], run.xcom["sent"]) == (30, 30, 30)
    arrived = accepted(segment_sandbox)
    ids = [event.pop("messageId") for event in arrived]
    times = [
        datetime.fromisoformat(event.pop("originalTimestamp").replace("Z", "+00:00")) for event in arrived
    ]
    assert arrived == expected()
    assert times == [order["ordered_at"] for order in ORDERS]
    assert len(set(ids)) == 30
    segment_sandbox.reset()
    again = run_task(send(events=ORDERS, mapping=MAPPING, message_id_fields=["order_id"]))
    assert again.xcom["sent"] == 30
    assert [event["messageId"] for event in accepted(segment_sandbox)] == ids, "the same ids from dicts"


def test_rejected_rows_are_corrected_and_sent_with_the_same_mapping(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    path, rejects = tmp_path / "orders.csv", tmp_path / "rejected.jsonl"
    write_csv(path)
    path.write_text(path.read_text().replace("0.07", "seven").replace("0.09", "nine"))
    templates = [MAPPING, {"type": "identify", "userId": "$customer_id", "traits": {"city": "$ship_city"}}]
    options: Any = {"mapping": templates, "message_id_fields": ["order_id"]}
    run = run_task(send(path=str(path), rejects_path=str(rejects), max_rejected=2, **options))
    assert run.state == "success", run.error
    assert (run.xcom["rows"], run.xcom["read"], run.xcom["sent"]) == (30, 60, 58)
    letters = read_lines(rejects)
    assert [(letter["row"]["total"], letter["column"], letter["template"]) for letter in letters] == [
        ("seven", "total", 1),
        ("nine", "total", 1),
    ]
    assert all(letter["reason"] == "invalid_value" and letter["row_number"] for letter in letters)
    again = tmp_path / "rejected_again.jsonl"
    assert run_task(send(path=str(rejects), rejects_path=str(again), **options)).xcom is None
    same = ("row", "reason", "detail", "column", "template")
    assert [[letter[name] for name in same] for letter in read_lines(again)] == [
        [letter[name] for name in same] for letter in letters
    ]
    for letter in letters:
        letter["row"]["total"] = {"seven": "0.07", "nine": "0.09"}[letter["row"]["total"]]
    corrected = tmp_path / "corrected.jsonl"
    corrected.write_text("\n".join(map(json.dumps, letters)))
    run = run_task(send(path=str(corrected), **options))
    assert run.state == "success", run.error
    assert run.xcom["sent"] == 2, "only the events that were rejected"
    orders_sent = [event for event in segment_sandbox.accepted if event["type"] == "track"]
    assert len(orders_sent) == 30 and len({event["messageId"] for event in segment_sandbox.accepted}) == 60


def test_columns_named_as_fields_need_no_mapping(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "events.csv"
    path.write_text("type,event,user_id,properties.total,timestamp\ntrack,Paid,u1,5,2026-01-02T03:04:05Z\n")
    assert run_task(send(path=str(path))).state == "success"
    [event] = segment_sandbox.accepted
    assert (event["event"], event["userId"], event["properties"]) == ("Paid", "u1", {"total": "5"})
    path.write_text("type,event,user_id,total\ntrack,Paid,u1,5\n")
    run = run_task(send(path=str(path)))
    assert run.state == "failed" and "name it as one, such as properties.total" in str(run.error)


def test_an_unknown_column_fails_before_anything_is_sent(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("custmer_id,order_id\nu1,1\n")
    run = run_task(send(path=str(path), mapping={"type": "page", "userId": "$customer_id"}))
    assert run.state == "failed", "a retry would find the same"
    assert "no column 'customer_id': did you mean custmer_id?" in str(run.error)
    assert not segment_sandbox.accepted


def test_a_mapping_that_is_wrong_shows_when_the_dag_is_parsed() -> None:
    with pytest.raises(Exception, match=r"send: mapping: properties\.total\.as: 'nummer' is no type"):
        send(
            path="x",
            mapping={
                "type": "page",
                "userId": "$u",
                "properties": {"total": {"$": "total", "as": "nummer"}},
            },
        )


def test_a_mapping_is_a_template_and_may_be_a_file(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    from airflow.providers.common.compat.sdk import DAG

    (tmp_path / "orders.yaml").write_text("type: page\nuserId: $user\nproperties: {run: '{{ run_id }}'}\n")
    with DAG("tests", schedule=None, template_searchpath=[str(tmp_path)]):
        operator = send(events=[{"user": "u1"}], mapping="orders.yaml")
    operator.resolve_template_files()
    run = run_task(operator)
    assert run.state == "success", run.error
    [event] = segment_sandbox.accepted
    assert event["userId"] == "u1" and event["properties"]["run"].startswith("scheduled__")


def test_the_file_of_a_mapping_of_mapped_tasks(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    from airflow.providers.common.compat.sdk import DAG

    (tmp_path / "orders.yaml").write_text("type: page\nuserId: $user\nproperties: {run: '{{ run_id }}'}\n")
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    with DAG("tests", schedule="@daily", start_date=start, template_searchpath=[str(tmp_path)]) as dag:
        operator = SegmentBatchEventsOperator.partial(task_id="send", mapping="orders.yaml").expand(
            events=[[{"user": "u1"}], [{"user": "u2"}]]
        )
    dag.resolve_template_files()
    for map_index in range(2):
        run = run_task(operator, map_index=map_index)
        assert run.state == "success", run.error
    assert [event["userId"] for event in segment_sandbox.accepted] == ["u1", "u2"]
    assert segment_sandbox.accepted[0]["properties"]["run"].startswith("scheduled__")


def test_too_few_events_fail_the_task(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    run = run_task(send(events=[{"u": "u1"}], mapping={"type": "page", "userId": "$u"}, min_events=2))
    assert run.state in ("failed", "up_for_retry")
    assert "1 events were sent, and min_events is 2" in str(run.error)


@pytest.mark.parametrize(
    ("limit", "sent"), [({"max_events": 20}, 20), ({"max_users": 2}, 2), ({"max_users": 3}, 30)]
)
def test_no_more_is_sent_than_was_approved(
    run_task: RunTask, segment_sandbox: Sandbox, limit: dict[str, int], sent: int
) -> None:
    run = run_task(send(events=ORDERS, mapping=MAPPING, message_id_fields=["order_id"], **limit))
    assert len(segment_sandbox.accepted) == sent
    assert run.state == ("success" if sent == 30 else "failed")
    if sent < 30:
        assert f"than the {next(iter(limit.values()))} " in str(run.error) and f"{sent} sent" in run.log


def page_of(row: dict[str, Any]) -> Any:
    return {"type": "page", "userId": row["user"]} if row["user"] else None


def test_a_function_maps_rows(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    operator = send(events=[{"user": "u1"}, {"user": ""}], mapping=page_of)
    for _ in range(2):
        operator.resolve_template_files()  # as Airflow does when it parses a DAG, in each process anew
        run = run_task(operator)
        assert run.state == "success", run.error
        assert (run.xcom["rows"], run.xcom["skipped"], run.xcom["sent"]) == (2, 1, 1)
    assert "Without message_id_fields" in run.log


@pytest.mark.parametrize("form", ["dicts", "arrow"])
def test_a_row_without_its_time_is_rejected_unless_there_is_a_default(
    run_task: RunTask, segment_sandbox: Sandbox, form: str
) -> None:
    from airflow_provider_segment.hooks.segment import SegmentHook

    rows: Any = [{**ORDERS[0], "ordered_at": None}, ORDERS[1]]
    if form == "arrow":
        rows = pytest.importorskip("polars").DataFrame(rows, schema_overrides={})
    report = SegmentHook().send_events(rows, mapping=MAPPING, message_id_fields=["order_id"])
    assert (report.sent, report.rejected) == (1, {"invalid_timestamp": 1})
    report = SegmentHook().send_events(rows, mapping=MAPPING, timestamp="2026-01-01T00:00:00Z")
    assert report.sent == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("type: trak\nuserId: $u\n", "'trak' is no type of event"),
        ("type: [page\n", "neither JSON nor YAML"),
        ("type: page\ntype: track\nuserId: $u\n", "the key 'type' is there twice"),
        ("type: page\nuserId: $u\ntimestamp: {$: at, as: timestamp, format: unix_ms}\n", "unix_milliseconds"),
    ],
)
def test_a_file_of_a_mapping_is_checked_when_the_dag_is_parsed(
    tmp_path: Path, content: str, said: str
) -> None:
    from airflow.providers.common.compat.sdk import DAG

    (tmp_path / "orders.yaml").write_text(content)
    with DAG("tests", schedule=None, template_searchpath=[str(tmp_path)]):
        operator = send(events=[], mapping="orders.yaml")
    with pytest.raises(Exception, match=said):
        operator.resolve_template_files()


def test_a_violation_needs_a_plan(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    run = run_task(send(events=ORDERS, mapping=MAPPING, on_violation="fail"))
    assert run.state == "failed" and "on_violation needs a plan" in str(run.error)


def test_a_letter_of_another_mapping_is_rejected(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    letter = {"row": {"u": "u1"}, "template": 2, "reason": "invalid_value", "detail": ""}
    (tmp_path / "letters.jsonl").write_text(json.dumps(letter))
    run = run_task(send(path=str(tmp_path / "letters.jsonl"), mapping={"type": "page", "userId": "$u"}))
    assert run.state == "failed" and "of template 2, and the mapping has 1" in run.log
    assert "Nothing was sent" in str(run.error)
