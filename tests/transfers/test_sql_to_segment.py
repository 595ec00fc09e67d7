"""SqlToSegmentOperator through the task runner: from a table to events, with retries and kills."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_segment.errors import SegmentInputError
from airflow_provider_segment.events import lease
from airflow_provider_segment.events.parts import KeyRange
from airflow_provider_segment.events.sources import sql as sql_source
from airflow_provider_segment.events.sources import sql_pages
from airflow_provider_segment.operators.events import CHECKPOINT, STARTED
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.tasks.memory import KEY
from airflow_provider_segment.tasks.sql_query import empty_window, open_query
from airflow_provider_segment.transfers.sql_to_segment import SqlToSegmentOperator
from tests.events.test_send import read_lines
from tests.harness.task_runner import RunTask

if TYPE_CHECKING:
    from tests.harness.databases import MariaDB, Postgres

pytestmark = pytest.mark.core
pytest_plugins = ["tests.harness.databases"]
needs_state_store = pytest.mark.skipif(version("apache-airflow") < "3.3", reason="no task state store")

MAPPING = {
    "type": "track",
    "event": "Order Completed",
    "userId": "$customer",
    "timestamp": "$at",
    "properties": {"order_id": "$id", "total": "$total"},
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database of 1,000 orders, to which the connection `shop` leads."""
    pytest.importorskip("airflow.providers.sqlite")
    file = tmp_path / "shop.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("create table orders (id integer primary key, customer text, at text, total real)")
        connection.executemany(
            "insert into orders values (?, ?, ?, ?)",
            [
                (n, f"customer {n % 10}", f"2026-01-02T03:{n // 60:02}:{n % 60:02}Z", n / 2)
                for n in range(1, 1_001)
            ],
        )
    connection.close()
    given = {"conn_type": "sqlite", "host": str(file)}
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps(given))
    return file


def make_operator(sql: str = "select * from orders", **arguments: Any) -> SqlToSegmentOperator:
    given = {"sql_conn_id": "shop", "mapping": MAPPING, "message_id_fields": ["id"]} | arguments
    return SqlToSegmentOperator(task_id="send", sql=sql, retries=2, retry_delay=timedelta(0), **given)


def order_ids(sandbox: Sandbox) -> list[int]:
    """The orders that arrived."""
    return sorted(event["properties"]["order_id"] for event in sandbox.accepted)


def test_orders_become_events(run_task: RunTask, segment_sandbox: Sandbox, shop: Path) -> None:
    sql = "select * from orders where id <= :most and at >= :day -- {{ ds }}"
    run = run_task(make_operator(sql, parameters={"most": 500, "day": "{{ ds }}"}))
    assert run.state == "success", run.error
    assert order_ids(segment_sandbox) == list(range(1, 501))
    event = next(event for event in segment_sandbox.accepted if event["properties"]["order_id"] == 7)
    assert (event["userId"], event["properties"]["total"]) == ("customer 7", 3.5)
    assert event["originalTimestamp"].startswith("2026-01-02T03:00:07")
    report = run.xcom
    assert (report["rows"], report["read"], report["sent"], report["rejected"]) == (500, 500, 500, {})
    assert run.rendered["sql"].endswith("-- 2026-01-02")
    assert run.rendered["parameters"] == {"most": 500, "day": "2026-01-02"}


def test_columns_named_as_fields_need_no_mapping(
    run_task: RunTask, segment_sandbox: Sandbox, shop: Path
) -> None:
    sql = """select 'track' as type, 'Order' as event, customer as "userId", id as "properties.order_id",
        total as "properties.total" from orders limit 3"""
    run = run_task(make_operator(sql, mapping=None, message_id_fields=["properties.order_id"]))
    assert run.state == "success", run.error
    assert order_ids(segment_sandbox) == [1, 2, 3]


def test_the_query_and_the_mapping_in_files(
    run_task: RunTask, segment_sandbox: Sandbox, shop: Path, tmp_path: Path
) -> None:
    (tmp_path / "orders.sql").write_text("select * from orders where id <= {{ params.most }}")
    (tmp_path / "orders.json").write_text(json.dumps({**MAPPING, "event": "{{ params.name }}"}))
    rejects = tmp_path / "orders.sql.json"
    with DAG("tests", schedule=None, template_searchpath=str(tmp_path), params={"most": 5, "name": "x.sql"}):
        operator = make_operator("orders.sql", mapping="orders.json", rejects_path=str(rejects))
    operator.dag.resolve_template_files()  # as Airflow does when it has parsed the file
    run = run_task(operator)
    assert run.state == "success", run.error
    assert order_ids(segment_sandbox) == [1, 2, 3, 4, 5]
    assert {event["event"] for event in segment_sandbox.accepted} == {"x.sql"}, "a text like any other"
    assert rejects.exists()


def test_rejected_rows_are_kept_and_can_be_sent_again(
    run_task: RunTask, segment_sandbox: Sandbox, shop: Path, tmp_path: Path
) -> None:
    rejects = tmp_path / "rejects.jsonl"
    sql = "select id, customer, case when id = 3 then 'soon' else at end as at, total from orders limit 5"
    run = run_task(make_operator(sql, rejects_path=str(rejects), max_rejected=1))
    assert run.state == "success", run.error
    [letter] = read_lines(rejects)
    assert (letter["row_number"], letter["column"], letter["row"]["at"]) == (3, "at", "soon")
    assert order_ids(segment_sandbox) == [1, 2, 4, 5]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"sql": "delete from orders"}, "begins with DELETE"),
        ({"sql": "select 1; select 2"}, "several statements"),
        ({"resume_key": "idd"}, "no column 'idd'"),
        ({"mapping": {**MAPPING, "userId": "$costumer"}}, "no column 'costumer'"),
        ({"fetch_timeout": 0}, "fetch_timeout: must be greater than 0"),
        ({"parameters": "x"}, "parameters"),
        ({"sql_conn_id": "segment_default"}, "'segment_default' is not one to a database: SegmentHook"),
    ],
)
def test_what_is_wrong_with_arguments_fails_without_a_retry(
    run_task: RunTask, segment_sandbox: Sandbox, shop: Path, arguments: dict[str, Any], said: str
) -> None:
    run = run_task(make_operator(**arguments))
    assert (run.state, type(run.error)) == ("failed", AirflowFailException)
    assert said in str(run.error)
    assert not segment_sandbox.accepted


def test_a_query_that_fails_is_retried(run_task: RunTask, segment_sandbox: Sandbox, shop: Path) -> None:
    run = run_task(make_operator("select * from nowhere"))
    assert run.state == "up_for_retry" and isinstance(run.error, SegmentInputError)
    assert "no such table: nowhere" in str(run.error)


def test_every_argument_of_the_reading_arrives(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(
        sql_pages.PagedSqlSource, "__init__", lambda _, *given, **options: opened.append((given, options))
    )
    wanted = {"column": "id", "start": 10, "end": 20}
    operator = make_operator(
        parameters=[1], resume_key="id", part={"name": "orders-1", "range": wanted}, fetch_timeout=5
    )
    open_query("hook", operator.arguments())
    query = ("hook", "select * from orders", [1])
    within = KeyRange(**wanted)
    assert opened == [(query, {"resume_key": "id", "conn_id": "shop", "within": within, "fetch_timeout": 5})]


# Retries


@needs_state_store
def test_a_retry_goes_on_behind_the_last_key(
    run_task: RunTask, segment_sandbox: Sandbox, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_pages, "PAGE_ROWS", 100)
    sql = "select *, hex(zeroblob(2000)) as padding from orders"  # about 100 of them are a batch
    padded = {**MAPPING, "properties": {**MAPPING["properties"], "padding": "$padding"}}
    segment_sandbox.faults.add("status", status=400, contains='"order_id":5,')
    segment_sandbox.faults.add("status", status=501, contains='"order_id":700,', next=1)
    first = run_task(make_operator(sql, mapping=padded, resume_key="id", max_rejected=1, concurrency=1))
    assert first.state == "up_for_retry"
    checkpoint = first.state_store[KEY]["notes"][CHECKPOINT]
    assert checkpoint["mark"]["key"] == checkpoint["mark"]["position"] > 400
    with sqlite3.connect(shop) as connection:  # rows in between go: their numbers tell nothing any more
        connection.execute("delete from orders where id in (1, ?)", [checkpoint["mark"]["key"] + 1])
    again = make_operator(sql, mapping=padded, resume_key="id", max_rejected=1)
    second = run_task(again, try_number=2, state_store=first.state_store)
    assert second.state == "success", second.error
    gone = {5, checkpoint["mark"]["key"] + 1}
    assert set(order_ids(segment_sandbox)) >= set(range(1, 1_001)) - gone, "no row is missing"
    assert second.xcom["sent_before"] == checkpoint["mark"]["position"] - 1
    assert (second.xcom["read"], second.xcom["sent"]) == (999, 998)
    assert second.xcom["event_names"] == {"track Order Completed": 998}
    assert second.xcom["started"] == first.state_store[KEY]["notes"][STARTED] < second.xcom["ended"]


@needs_state_store
@pytest.mark.parametrize(("limit", "sent"), [({"max_events": 900}, 900), ({"max_users": 10}, 1_000)])
def test_what_was_approved_is_for_all_tries(
    run_task: RunTask,
    segment_sandbox: Sandbox,
    shop: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: dict[str, int],
    sent: int,
) -> None:
    monkeypatch.setattr(sql_pages, "PAGE_ROWS", 100)
    sql = "select *, hex(zeroblob(2000)) as padding from orders"
    padded = {**MAPPING, "properties": {**MAPPING["properties"], "padding": "$padding"}}
    segment_sandbox.faults.add("status", status=501, contains='"order_id":700,', next=1)
    given: dict[str, Any] = {"mapping": padded, "resume_key": "id", "concurrency": 1, **limit}
    first = run_task(make_operator(sql, **given))
    assert first.state == "up_for_retry", first.error
    second = run_task(make_operator(sql, **given), try_number=2, state_store=first.state_store)
    assert order_ids(segment_sandbox) == list(range(1, sent + 1))
    if "max_events" in limit:
        assert second.state == "failed" and "than the 900 events that max_events allows" in str(second.error)
    else:  # whom the first try was about is known only if its rows are read again
        assert (second.state, second.xcom["read"]) == ("success", 1_000), second.error


def test_without_a_key_a_retry_sends_everything_again(
    run_task: RunTask, segment_sandbox: Sandbox, shop: Path
) -> None:
    segment_sandbox.faults.add("status", status=501, contains='"order_id":700,', next=1)
    first = run_task(make_operator())
    assert first.state == "up_for_retry"
    assert "With resume_key a retry goes on" in first.log
    second = run_task(make_operator(), try_number=2, state_store=first.state_store or None)
    assert second.xcom["sent"] == 1_000
    assert order_ids(segment_sandbox) == list(range(1, 1_001)), "each once, by its message id"


# Servers


@pytest.fixture
def orders_in_postgres(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Postgres:
    pytest.importorskip("airflow.providers.postgres")
    postgres.run(
        "drop table if exists orders",
        "create table orders (id int primary key, customer text, at timestamptz, total numeric(12, 2))",
        "insert into orders select i, 'customer ' || i % 10, to_timestamp(1767225600 + i), i / 2.0 "
        "from generate_series(1, 20000) i",
    )
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps(postgres.airflow_connection))
    return postgres


@pytest.fixture
def orders_in_mariadb(mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch) -> MariaDB:
    pytest.importorskip("airflow.providers.mysql")
    mariadb.run(
        "drop table if exists orders",
        "create table orders (id int primary key, customer text, at timestamp null, total decimal(12, 2))",
        "set time_zone = '+05:00'",
        "insert into orders select seq, concat('customer ', seq % 10), from_unixtime(1767225600 + seq), "
        "seq / 2 from seq_1_to_20000",
    )
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps(mariadb.airflow_connection))
    return mariadb


@pytest.fixture(params=["postgres", "mariadb"])
def orders(request: pytest.FixtureRequest) -> Any:
    """20,000 orders in a database server."""
    return request.getfixturevalue(f"orders_in_{request.param}")


@pytest.mark.parametrize("resume_key", [None, "id"])
def test_orders_of_a_server(
    run_task: RunTask, segment_sandbox: Sandbox, orders: Any, resume_key: str | None
) -> None:
    run = run_task(make_operator(resume_key=resume_key))
    assert run.state == "success", run.error
    assert order_ids(segment_sandbox) == list(range(1, 20_001))
    event = next(event for event in segment_sandbox.accepted if event["properties"]["order_id"] == 61)
    assert event["properties"]["total"] == 30.5
    assert event["originalTimestamp"].startswith("2026-01-01T00:01:01")


@pytest.mark.parametrize("resume_key", [None, "id"])
def test_a_session_killed_in_the_middle_and_a_retry(
    run_task: RunTask, segment_sandbox: Sandbox, orders: Any, resume_key: str | None
) -> None:
    started = run_task.start(f"{__name__}:make_operator_that_pauses", resume_key)
    on_its_way = segment_sandbox.faults.add("held", contains='"order_id":6000,')
    try:
        wait_until(lambda: bool(on_its_way.hits))
        kill_sessions(orders)
    finally:
        on_its_way.released = 1
    run = started.wait()
    segment_sandbox.faults.clear()
    assert run.state == "up_for_retry", run.error
    assert isinstance(run.error, SegmentInputError)
    assert "the query failed after row" in str(run.error) and "What was before it was sent" in str(run.error)
    sent = len(order_ids(segment_sandbox))
    assert 6_000 < sent < 20_000
    second = run_task(
        make_operator(resume_key=resume_key), try_number=2, state_store=started.state_store or None
    )
    assert second.state == "success", second.error
    assert order_ids(segment_sandbox) == list(range(1, 20_001)), "none missing, none doubled"
    if resume_key and started.state_store:
        assert second.xcom["sent_before"] > 0


def make_operator_that_pauses(resume_key: str | None) -> SqlToSegmentOperator:
    """Runs in a process of its own: small pages, and few batches on their way."""
    lease.CHECKPOINT_SECONDS = 0.05
    sql_pages.PAGE_ROWS = 1_000
    return make_operator(resume_key=resume_key, concurrency=1)


def test_a_task_that_is_ended_cancels_its_query(
    run_task: RunTask, segment_sandbox: Sandbox, orders: Any
) -> None:
    started = run_task.start(f"{__name__}:make_slow_operator", type(orders).__name__)
    wait_until(lambda: computing(orders) == 1)
    started.terminate()
    wait_until(lambda: computing(orders) == 0)
    if version("apache-airflow") < "3":
        with pytest.raises(RuntimeError):  # Airflow 2 ends the process
            started.wait()
    else:
        assert started.wait().state == "up_for_retry"


@pytest.mark.parametrize("orders", ["postgres", "mariadb"], indirect=True)
def test_a_query_is_cancelled_when_sending_fails(
    run_task: RunTask, segment_sandbox: Sandbox, orders: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_source, "FETCH_ROWS", 1_000)
    segment_sandbox.faults.add("status", status=401, path="/v1/batch")
    wait = "pg_sleep(3600)::text" if type(orders).__name__ == "Postgres" else "sleep(3600)"
    sql = f"select id, case when id > 10000 then {wait} else customer end as customer, at, total from orders"
    run = run_task(make_operator(sql + " order by id"))
    assert "401" in str(run.error)
    wait_until(lambda: computing(orders) == 0)


def make_slow_operator(server: str) -> SqlToSegmentOperator:
    wait = "pg_sleep(3600)::text" if server == "Postgres" else "sleep(3600)"
    return make_operator(f"select {wait} as customer, 1 as id, 1 as at, 1 as total")


def sessions(server: Any) -> list[int]:
    """The numbers of a server's sessions, without that of the test."""
    if type(server).__name__ == "Postgres":
        found = server.run(
            "select pid from pg_stat_activity where backend_type = 'client backend' "
            "and pid <> pg_backend_pid()"
        )
    else:
        found = server.run(
            "select id from information_schema.processlist where id <> connection_id() and db = 'tests'"
        )
    return [number for (number,) in found]


def computing(server: Any) -> int:
    """How many sessions are not idle."""
    if type(server).__name__ == "Postgres":
        [(found,)] = server.run(
            "select count(*) from pg_stat_activity where state = 'active' and query like 'FETCH%' "
            "and pid <> pg_backend_pid()"
        )
    else:
        [(found,)] = server.run(
            "select count(*) from information_schema.processlist where info like '%sleep(3600)%' "
            "and id <> connection_id()"
        )
    return int(found)


def kill_sessions(server: Any) -> None:
    kill = "select pg_terminate_backend({})" if type(server).__name__ == "Postgres" else "kill {}"
    for number in sessions(server):
        server.run(kill.format(number))


def wait_until(condition: Callable[[], bool], seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


# Empty time windows, lineage


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"start": "2026-01-02", "end": "2026-01-02"}, ("start", "end")),
        (
            {"window_end": "2026-01-01T00:00:00+00:00", "window_start": "2026-01-02T00:00:00+00:00"},
            ("window_start", "window_end"),
        ),
        ({"Since": 5, "Until": 5}, ("Since", "Until")),
        ({"day_from": "b", "day_to": "a", "other": 1}, ("day_from", "day_to")),
        ({"start": "2026-01-01", "end": "2026-01-02"}, None),
        ({"start": "2026-01-02", "end": 5}, None),
        ({"start": None, "end": None}, None),
        ({"start": "2026-01-02"}, None),
        ({"from": "b", "customer_to": "a"}, None),
        (["2026-01-02", "2026-01-02"], None),
        (None, None),
    ],
)
def test_which_windows_are_empty(parameters: Any, named: Any) -> None:
    assert empty_window(parameters) == named


def test_an_empty_window_is_told(run_task: RunTask, segment_sandbox: Sandbox, shop: Path) -> None:
    window = {"start": "{{ data_interval_start }}", "end": "{{ data_interval_start }}"}
    sql = "select * from orders where at >= :start and at < :end"
    run = run_task(make_operator(sql, parameters=window))
    assert (run.state, run.xcom["read"]) == ("success", 0)
    assert "start is not before end: the time window is empty" in run.log


def test_the_query_is_told_to_the_lineage_collector(
    run_task: RunTask, segment_sandbox: Sandbox, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lineage = pytest.importorskip("airflow.providers.common.sql.hooks.lineage")
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(lineage, "send_sql_hook_lineage", lambda **given: told.append(given))
    run_task(make_operator("select * from orders limit 3"))
    [given] = told
    assert type(given.pop("context")).__name__ == "SqliteHook"
    assert given == {"sql": "select * from orders limit 3", "row_count": 3}


def test_an_older_common_sql_without_lineage(
    run_task: RunTask, segment_sandbox: Sandbox, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "airflow.providers.common.sql.hooks.lineage", None)
    run = run_task(make_operator("select * from orders limit 3"))
    assert run.state == "success", run.error
    assert order_ids(segment_sandbox) == [1, 2, 3]
