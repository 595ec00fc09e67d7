"""The example DAGs that make events of rows: their tasks do what they show."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from tests.harness.task_runner import RunTask, TaskRun

if TYPE_CHECKING:
    from tests.harness.databases import Postgres

pytest_plugins = ["tests.harness.databases"]

DAY = "2026-01-01"
NIGHT = datetime.fromisoformat(f"{DAY}T00:00:00+00:00")
AIRFLOW_3 = version("apache-airflow") >= "3"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def counted(sandbox: Sandbox) -> Counter[tuple[str, str | None]]:
    """What arrived, by type and name."""
    return Counter((event["type"], event.get("event")) for event in sandbox.accepted)


@pytest.fixture
def warehouse(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Postgres:
    """A database that the connection `warehouse` leads to."""
    pytest.importorskip("airflow.providers.postgres")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(postgres.airflow_connection))
    return postgres


@pytest.fixture
def orders(warehouse: Postgres) -> Postgres:
    """48 orders of two days, an hour apart; a session there has another time zone than the DAG."""
    warehouse.run(
        "alter database postgres set timezone to 'Pacific/Auckland'",
        "drop table if exists orders",
        "create table orders (order_id bigint primary key, customer_id text, ordered_at timestamptz, "
        "total numeric(12, 2), ship_city text)",
        "insert into orders select i, 'u' || i % 5, timestamptz '2026-01-01Z' + i * interval '1 hour', "
        "i + 0.5, case when i % 2 = 0 then 'Wien' end from generate_series(0, 47) i",
    )
    return warehouse


def send_orders(run_task: RunTask, tmp_path: Path, **which_try: Any) -> TaskRun:
    from example_dags import orders_from_postgres

    conf = {"rejected": str(tmp_path), **which_try.pop("conf", {})}
    return run_task(orders_from_postgres.send_orders, conf=conf, **which_try)


@pytest.mark.core
def test_the_orders_of_the_day_before_are_sent_once(
    run_task: RunTask, segment_sandbox: Sandbox, orders: Postgres, tmp_path: Path
) -> None:
    for _ in range(2):
        run = send_orders(run_task, tmp_path, logical_date=NIGHT)
        assert run.state == "success", run.error
        assert run.rendered["parameters"] == {"start": "2026-01-01T00:00:00Z"}
        assert (run.xcom["rows"], run.xcom["sent"]) == (24, 24)
    accepted = segment_sandbox.accepted
    assert sorted(event["properties"]["order_id"] for event in accepted) == list(range(24))
    assert segment_sandbox.summary["duplicates"] == 24
    first = min(accepted, key=lambda event: event["properties"]["order_id"])
    assert first["event"] == "Order Completed" and first["userId"] == "u0"
    assert first["originalTimestamp"] == "2026-01-01T00:00:00Z"
    assert first["properties"] == {"order_id": 0, "total": 0.5, "shipping": {"city": "Wien"}}


@pytest.mark.core
def test_an_order_of_nobody_is_set_aside_and_sent_when_it_is_corrected(
    run_task: RunTask, segment_sandbox: Sandbox, orders: Postgres, tmp_path: Path
) -> None:
    from example_dags import orders_from_postgres

    orders.run("update orders set customer_id = null where order_id = 30")
    run = send_orders(run_task, tmp_path, conf={"day": "2026-01-02"})
    assert run.state == "success", run.error
    assert (run.xcom["read"], run.xcom["sent"], run.xcom["rejected"]) == (24, 23, {"missing_id": 1})
    [letter] = lines(tmp_path / "orders" / "2026-01-02.jsonl")
    assert letter["row"]["order_id"] == 30 and letter["reason"] == "missing_id"
    letter["row"]["customer_id"] = "u0"

    task = orders_from_postgres.send_orders
    report = SegmentHook().send_events(
        [json.dumps(letter).encode()], mapping=task.mapping, message_id_fields=["order_id"]
    )
    assert report.sent == 1
    assert len(segment_sandbox.accepted) == 24


@pytest.mark.core
def test_a_day_without_orders_is_no_success(
    run_task: RunTask, segment_sandbox: Sandbox, orders: Postgres, tmp_path: Path
) -> None:
    run = send_orders(run_task, tmp_path, conf={"day": "2026-02-01"})
    assert run.state == "up_for_retry"
    assert "0 events were sent, and min_events is 1" in str(run.error)


@pytest.mark.skipif(not AIRFLOW_3, reason="every run has a logical date before Airflow 3")
def test_the_orders_need_no_logical_date(
    run_task: RunTask, segment_sandbox: Sandbox, orders: Postgres, tmp_path: Path
) -> None:
    run = send_orders(run_task, tmp_path, logical_date=None)
    assert run.state == "success", run.error
    assert run.rendered["parameters"] == {"start": "2026-01-02T00:00:00Z"}


@pytest.mark.core
def test_each_hour_the_orders_that_changed_are_sent(
    run_task: RunTask, segment_sandbox: Sandbox, warehouse: Postgres, tmp_path: Path
) -> None:
    from example_dags import incremental_orders

    warehouse.run(
        "drop table if exists orders",
        "create table orders (order_id bigint primary key, customer_id text, updated_at timestamptz, "
        "status text, total numeric(12, 2))",
        "insert into orders select i, 'u', timestamptz '2026-01-01Z' + i * interval '1 minute', 'new', i "
        "from generate_series(0, 59) i",
    )

    def load() -> Any:
        conf = {"ledger": str(tmp_path / "ledger"), "rejected": str(tmp_path)}
        run = run_task(incremental_orders.send_orders, conf=conf)
        assert run.state == "success", run.error
        return run

    first = load()
    assert (first.xcom["sent"], first.xcom["watermark"]) == (60, "2026-01-01 00:59:00+00:00")
    warehouse.run(
        "update orders set status = 'paid', updated_at = '2026-01-01 01:10Z' where order_id = 3",
        "insert into orders values (60, 'u', '2026-01-01 00:55Z', 'late', 1)",
    )
    second = load()
    assert second.rendered["parameters"] == {"since": "2026-01-01 00:49:00+00:00"}
    assert second.xcom["watermark"] == "2026-01-01 01:10:00+00:00"
    assert segment_sandbox.summary["duplicates"] == 11, "of the overlap"
    statuses = Counter(event["properties"]["status"] for event in segment_sandbox.accepted)
    assert statuses == {"new": 60, "paid": 1, "late": 1}


@pytest.mark.core
def test_only_the_customers_who_changed_are_identified(
    run_task: RunTask, segment_sandbox: Sandbox, warehouse: Postgres
) -> None:
    from example_dags import identify_from_dbt_model

    warehouse.run(
        "drop table if exists customers",
        "create table customers (customer_id bigint primary key, email text, plan text, orders int, "
        "lifetime_value numeric(12, 2), updated_at timestamptz)",
        "insert into customers select i, 'c' || i || '@example.com', 'pro', i, i / 4.0, "
        "timestamptz '2025-12-31 12:00:00Z' + i * interval '1 hour' from generate_series(1, 60) i",
    )

    def send(**which_try: Any) -> TaskRun:
        run = run_task(identify_from_dbt_model.send_traits, **which_try)
        assert run.state == "success", run.error
        return run

    run = send(logical_date=NIGHT)
    assert run.rendered["parameters"] == {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}
    accepted = segment_sandbox.accepted
    assert sorted(int(event["userId"]) for event in accepted) == list(range(12, 36))
    first = min(accepted, key=lambda event: int(event["userId"]))
    assert first["type"] == "identify" and first["originalTimestamp"] == "2026-01-01T00:00:00Z"
    assert first["traits"] == {"email": "c12@example.com", "plan": "pro", "orders": 12, "lifetime_value": 3}

    change = "update customers set plan = null, updated_at = '2026-01-01 23:30:00Z' where customer_id = 12"
    warehouse.run(change)
    send(logical_date=NIGHT)
    assert len(segment_sandbox.accepted) == 25, "the others are dropped as duplicates"
    [_, changed] = [event for event in segment_sandbox.accepted if event["userId"] == "12"]
    assert changed["traits"]["plan"] is None

    warehouse.run(change.replace("2026-01-01", "2026-01-05"))
    assert send(logical_date=NIGHT).xcom["sent"] == 23, "who changed since then is not sent as of then"


def write_parquet(file: Path) -> None:
    polars = pytest.importorskip("polars")
    start = datetime(2026, 1, 1, 8)
    rows = [
        {
            "order_id": number,
            "customer_id": number % 4,
            "email": None if number % 4 == 3 else f"c{number % 4}@example.com",
            "status": "paid" if number % 2 else "cancelled",
            "ordered_at": start + timedelta(minutes=number),
            "total": number / 8,
            "items": [{"sku": "tea", "quantity": number}],
            "address": {"city": "Wien", "zip": "01010"},
        }
        for number in range(20)
    ]
    file.parent.mkdir(parents=True)
    polars.DataFrame(rows).write_parquet(file)


@pytest.mark.core
def test_a_row_of_parquet_is_an_identify_a_track_both_or_neither(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    from example_dags import events_from_parquet

    write_parquet(tmp_path / DAY / "part-0.parquet")
    run = run_task(events_from_parquet.send_events, logical_date=NIGHT, conf={"orders": str(tmp_path)})
    assert run.state == "success", run.error
    assert (run.xcom["rows"], run.xcom["read"], run.xcom["sent"]) == (20, 25, 25)
    assert counted(segment_sandbox) == {("identify", None): 15, ("track", "Order Completed"): 10}
    [order] = [
        event for event in segment_sandbox.accepted if event.get("properties", {}).get("order_id") == 9
    ]
    assert order["userId"] == "1" and order["originalTimestamp"] == "2026-01-01T08:09:00Z"
    assert order["properties"] == {
        "order_id": 9,
        "total": 1.125,
        "products": [{"sku": "tea", "quantity": 9}],
        "shipping": {"city": "Wien"},
    }


ARCHIVED: dict[str, Any] = {
    "type": "track",
    "event": "Order Completed",
    "userId": "u1",
    "messageId": "old-1",
    "timestamp": "2024-03-01T10:00:00.000Z",
    "originalTimestamp": "2024-03-01T09:59:00.000Z",
    "sentAt": "2024-03-01T10:00:01.000Z",
    "receivedAt": "2024-03-01T10:00:02.000Z",
    "writeKey": "another-key",
    "integrations": {"Amplitude": False},
}


@pytest.mark.core
def test_a_day_of_the_archive_goes_to_another_source_and_to_named_destinations_only(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    from example_dags import replay_archive

    archived = [
        ARCHIVED,
        {**ARCHIVED, "messageId": "old-2", "integrations": {"All": True}},
        {**ARCHIVED, "messageId": "old-3", "type": "delete"},
    ]
    for day in ("1709251200000", "1709337600000"):
        (tmp_path / day).mkdir()
        content = "\n".join(json.dumps({**event, "userId": day}) for event in archived)
        (tmp_path / day / "events.gz").write_bytes(gzip.compress(content.encode()))
    made = SegmentHook().request(
        "POST", "/sources", json={"slug": "replay", "enabled": True, "metadataId": "iUM16Md8P2"}
    )
    source = made.data["source"]
    conf = {"archive": str(tmp_path), "day": "2024-03-01", "source": "replay"}
    run = run_task(replay_archive.replay, conf=conf)
    assert run.state == "success", run.error
    assert (run.xcom["rows"], run.xcom["skipped"], run.xcom["sent"]) == (3, 1, 2)
    accepted = segment_sandbox.accepted
    assert {event["userId"] for event in accepted} == {"1709251200000"}
    assert {event["originalTimestamp"] for event in accepted} == {ARCHIVED["timestamp"]}
    assert [event["integrations"] for event in accepted] == [
        {"All": False, "Amplitude": False},
        {"All": False, "Amplitude": True},
    ]
    assert not {event["messageId"] for event in accepted} & {"old-1", "old-2"}
    assert {stored.delivery.source_id for stored in segment_sandbox.state.accepted} == {source["id"]}


@pytest.fixture
def vouchers(tmp_path: Path) -> Path:
    """A vendor's file of three users, with a value that is no number."""
    file = tmp_path / "vouchers.csv"
    rows = [(f"V{n:03}", f"0{n % 3}", "05.01.2026 14:30", "5.50") for n in range(30)]
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("code", "customer", "redeemed", "value"))
        writer.writerows(rows)
        writer.writerow(("V999", "01", "05.01.2026 14:30", "five"))
    return file


@pytest.mark.core
def test_no_more_is_sent_than_was_previewed(
    run_task: RunTask, segment_sandbox: Sandbox, vouchers: Path
) -> None:
    from example_dags import preview_and_approve

    conf = {"path": str(vouchers)}
    preview = run_task(preview_and_approve.preview, conf=conf)
    assert preview.state == "success", preview.error
    assert (preview.xcom["events"], preview.xcom["users_at_most"]) == (30, 3)
    assert "five" in preview.xcoms["note"]
    assert segment_sandbox.accepted == []

    seen = {("preview", key): value for key, value in preview.xcoms.items()}
    sent = run_task(preview_and_approve.send, conf=conf, xcoms=seen)
    assert sent.state == "success", sent.error
    assert sent.xcom["sent"] == len(segment_sandbox.accepted) == 30
    event = segment_sandbox.accepted[0]
    assert event["userId"] == "00", "text, as it is in the file"
    assert event["originalTimestamp"] == "2026-01-05T13:30:00Z"
    assert event["properties"] == {"voucher": "V000", "value": 5.5}
    [letter] = lines(Path(f"{vouchers}.rejected.jsonl"))
    assert (letter["row"]["code"], letter["column"]) == ("V999", "value")

    segment_sandbox.reset()
    vouchers.write_text(vouchers.read_text() + "V031,07,05.01.2026 14:30,1\r\n")
    more = run_task(preview_and_approve.send, conf=conf, xcoms=seen)
    assert more.state == "failed" and "than the 30 events that max_events allows" in str(more.error)
    assert len(segment_sandbox.accepted) == 30


@pytest.mark.core
@pytest.mark.skipif(AIRFLOW_3, reason="Airflow 3 asks: see running_airflow/test_approval.py")
def test_where_no_task_can_ask_one_waits_to_be_marked(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    from example_dags import preview_and_approve

    approve = preview_and_approve.dag.get_task("approve")
    xcoms = {("preview", "note"): "**Nothing was sent.**"}
    run = run_task(approve, xcoms=xcoms, conf={"path": "vouchers.csv"})
    assert run.state == "up_for_reschedule", run.error
    assert "**Nothing was sent.**" in str(run.rendered)
    assert preview_and_approve.send.upstream_task_ids == {"approve"}
