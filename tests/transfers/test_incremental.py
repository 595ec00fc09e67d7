"""Incremental loads by a watermark, through the task runner: it moves only over what was delivered."""

from __future__ import annotations

import json
import sqlite3
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.ledger.path_store import PathLedgerStore
from airflow_provider_segment.events.ledger.watermark import Watermark, highest, with_overlap
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.transfers.sql_to_segment import SqlToSegmentOperator
from tests.harness.task_runner import RunTask, TaskRun

if TYPE_CHECKING:
    from tests.harness.databases import Postgres

pytestmark = pytest.mark.core
pytest_plugins = ["tests.harness.databases"]
needs_state_store = pytest.mark.skipif(version("apache-airflow") < "3.3", reason="no task state store")

WEEK = timedelta(weeks=1).total_seconds()
MAPPING = {"type": "identify", "userId": "$id", "traits": {"changed": "$changed"}}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with ten customers, to which the connection `shop` leads."""
    pytest.importorskip("airflow.providers.sqlite")
    file = tmp_path / "shop.sqlite"
    change(file, "create table customers (id integer primary key, changed integer)")
    for number in range(10):
        change(file, f"insert into customers values ({number}, {100 + number})")
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "sqlite", "host": str(file)}))
    return file


def change(file: Path, statement: str) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute(statement)
    connection.close()


def make_load(tmp_path: Path, **arguments: Any) -> SqlToSegmentOperator:
    given: dict[str, Any] = {
        "sql_conn_id": "shop",
        "sql": "select * from customers where changed > {{ watermark }} order by changed",
        "watermark": "changed",
        "initial_watermark": 0,
        "ledger_path": str(tmp_path / "ledger"),
        "mapping": MAPPING,
        "message_id_fields": ["id", "changed"],
        "retries": 2,
        "retry_delay": timedelta(0),
    }
    with DAG("incremental", start_date=None, schedule=None):
        return SqlToSegmentOperator(**{"task_id": "load", **given, **arguments})


def loaded(run: TaskRun) -> tuple[int, Any]:
    """How many rows were sent, and where the watermark is."""
    assert run.state == "success", run.error
    return run.xcom["sent"], run.xcom["watermark"]


def changes(sandbox: Sandbox) -> list[int]:
    """The changes that arrived."""
    return [event["traits"]["changed"] for event in sandbox.accepted]


@pytest.mark.parametrize("ledger", ["folder", "table"])
def test_each_load_takes_up_where_the_last_one_ended(
    run_task: RunTask, segment_sandbox: Sandbox, shop: Path, tmp_path: Path, ledger: str
) -> None:
    where = {"ledger_path": None, "ledger_conn_id": "shop"} if ledger == "table" else {}
    task = make_load(tmp_path, **where)
    first = run_task(task)
    assert loaded(first) == (10, 109)
    assert first.rendered["sql"].startswith("select * from customers where changed > 0 ")
    assert "The watermark moved from None to 109" in first.log
    change(shop, "update customers set changed = 200 where id = 3")
    second = run_task(make_load(tmp_path, **where))
    assert loaded(second) == (1, 200)
    assert "changed > 109 " in second.rendered["sql"]
    segment_sandbox.advance_clock(WEEK)
    assert loaded(run_task(task)) == (0, 200)
    assert changes(segment_sandbox) == [*range(100, 110), 200]
    assert segment_sandbox.summary["duplicates"] == 0


def test_the_watermark_as_a_parameter(
    run_task: RunTask, segment_sandbox: Sandbox, shop: Path, tmp_path: Path
) -> None:
    arguments = {
        "sql": "select * from customers where changed > :since",
        "parameters": {"since": "{{ watermark }}"},
        "initial_watermark": "{{ 100 + 4 }}",
        "watermark": "{{ 'changed' }}",
    }
    for sent in (5, 0):
        assert loaded(run_task(make_load(tmp_path, **arguments))) == (sent, 109)
    assert changes(segment_sandbox) == list(range(105, 110))


def test_late_rows_come_with_an_overlap_and_ids_absorb_the_others(
    run_task: RunTask, segment_sandbox: Sandbox, shop: Path, tmp_path: Path
) -> None:
    task = make_load(tmp_path, overlap=3)
    assert loaded(run_task(task)) == (10, 109)
    change(shop, "insert into customers values (20, 107)")
    change(shop, "insert into customers values (21, 105)")
    assert loaded(run_task(task)) == (4, 109), "107 twice, 108, 109; not 105, which is too late"
    assert sorted(changes(segment_sandbox)) == [*range(100, 108), 107, 108, 109]
    assert segment_sandbox.summary["duplicates"] == 3


def test_a_load_that_fails_leaves_the_watermark_where_it_is(
    run_task: RunTask, segment_sandbox: Sandbox, shop: Path, tmp_path: Path
) -> None:
    failed = run_task(make_load(tmp_path, max_events=4))
    assert failed.state == "failed" and len(segment_sandbox.accepted) == 4
    sql = "select nullif(id, 2) as id, changed from customers where changed > {{ watermark }}"
    rejected = run_task(make_load(tmp_path, sql=sql, message_id_fields=["changed"]))
    assert rejected.state == "failed" and "1 events were rejected" in str(rejected.error)
    segment_sandbox.reset()
    assert loaded(run_task(make_load(tmp_path))) == (10, 109)


def test_the_watermark_never_moves_backwards(
    run_task: RunTask, segment_sandbox: Sandbox, shop: Path, tmp_path: Path
) -> None:
    assert loaded(run_task(make_load(tmp_path))) == (10, 109)
    change(shop, "delete from customers where changed > 105")
    assert loaded(run_task(make_load(tmp_path, overlap=10))) == (6, 109)
    assert loaded(run_task(make_load(tmp_path, overlap=10, initial_watermark=5)))[1] == 109


def test_of_two_loads_at_once_the_higher_mark_counts(tmp_path: Path) -> None:
    def mark() -> Watermark:
        return Watermark(PathLedgerStore(str(tmp_path)), ["host", "key"], ["dag", "task"])

    first, second = mark(), mark()
    assert first.read() is second.read() is None
    first.move(None, 7)
    second.move(None, 5)
    assert mark().read() == 7
    other = Watermark(PathLedgerStore(str(tmp_path)), ["host", "key"], ["dag", "other"])
    assert other.read() is None
    assert Watermark(PathLedgerStore(str(tmp_path)), ["host", "2"], ["dag", "task"]).read() is None
    assert b"key" not in b"".join(file.read_bytes() for file in tmp_path.rglob("*.json"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"ledger_path": None}, "a watermark needs a ledger"),
        ({"ledger_conn_id": "shop"}, "give either ledger_path or ledger_conn_id"),
        ({"initial_watermark": None}, "watermark needs an initial_watermark"),
        ({"resume_key": "id"}, "give the same column"),
        ({"sql": "select * from customers"}, "neither sql nor parameters use {{ watermark }}"),
        ({"watermark": "chnged"}, "the rows have no column 'chnged': did you mean changed?"),
        ({"overlap": -1}, "overlap"),
    ],
)
def test_a_load_that_makes_no_sense_fails_before_anything_is_sent(
    run_task: RunTask,
    segment_sandbox: Sandbox,
    shop: Path,
    tmp_path: Path,
    arguments: dict[str, Any],
    said: str,
) -> None:
    run = run_task(make_load(tmp_path, **arguments))
    assert run.state == "failed" and said in str(run.error), run.error
    assert not segment_sandbox.accepted


def test_mapped_loads_would_share_a_watermark(
    run_task: RunTask, segment_sandbox: Sandbox, shop: Path, tmp_path: Path
) -> None:
    run = run_task(make_load(tmp_path), map_index=0)
    assert run.state == "failed" and "mapped tasks would share one" in str(run.error)


def test_a_ledger_that_cannot_be_read_sends_nothing_and_is_tried_again(
    run_task: RunTask, segment_sandbox: Sandbox, shop: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    run = run_task(make_load(tmp_path, ledger_path=str(tmp_path / "file")))
    assert run.state == "up_for_retry" and "the watermark cannot be read" in str(run.error)
    assert not segment_sandbox.accepted


def test_a_mark_that_cannot_be_written_is_told_of(
    run_task: RunTask,
    segment_sandbox: Sandbox,
    shop: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("airflow_provider_segment.events.ledger.path_store.open_private", fail)
        run = run_task(make_load(tmp_path))
    assert loaded(run) == (10, None)
    assert run.xcom["ledger_failure"] == "the disk is full"
    assert "the next load sends these rows again" in run.log
    assert loaded(run_task(make_load(tmp_path))) == (10, 109)


@needs_state_store
def test_with_the_same_column_as_the_key_a_retry_goes_on(
    run_task: RunTask,
    segment_sandbox: Sandbox,
    shop: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("airflow_provider_segment.events.sources.sql_pages.PAGE_ROWS", 2)
    load: dict[str, Any] = {
        "resume_key": "changed",
        "sql": "select * from customers where changed > {{ watermark }}",
    }
    first = run_task(make_load(tmp_path, max_events=7, **load))
    assert first.state == "failed" and len(segment_sandbox.accepted) == 7
    second = run_task(make_load(tmp_path, **load), try_number=2, state_store=first.state_store)
    assert loaded(second) == (10, 109)
    assert second.xcom["sent_before"] == 6
    assert loaded(run_task(make_load(tmp_path, **load))) == (0, 109)


TYPES: dict[str, tuple[str, Any]] = {
    "timestamptz": ("timestamptz '2026-01-01Z' + i * interval '1 hour'", "2026-01-01 09:00:00+00:00"),
    "timestamp": ("timestamp '2026-01-01' + i * interval '1 second'", "2026-01-01 00:00:09"),
    "date": ("date '2026-01-01' + i", "2026-01-10"),
    "numeric": ("i + 0.5", "9.5"),
    "bigint": ("i", 9),
    "text": ("'v' || i", "v9"),
}


@pytest.mark.parametrize("kind", TYPES)
def test_columns_of_these_types_are_watermarks(
    run_task: RunTask,
    segment_sandbox: Sandbox,
    postgres: Postgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    pytest.importorskip("airflow.providers.postgres")
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps(postgres.airflow_connection))
    value, last = TYPES[kind]
    postgres.run(
        "set timezone to 'UTC'",
        "drop table if exists customers",
        f"create table customers as select i as id, ({value})::{kind} as changed "
        "from generate_series(0, 9) i",
        "insert into customers values (99, null)",
    )
    first = {"date": "2025-01-01", "numeric": -1, "bigint": -1, "text": ""}.get(kind, "2025-01-01 00:00:00")
    sql = "select * from customers where changed > '{{ watermark }}' order by id"
    for sent in (10, 0):
        options = {"message_id_fields": ["id"], "naive_timezone": "UTC"}
        run = run_task(make_load(tmp_path, sql=sql, initial_watermark=first, **options))
        assert loaded(run) == (sent, last)


def test_a_column_of_another_type_is_no_watermark(
    run_task: RunTask, segment_sandbox: Sandbox, shop: Path, tmp_path: Path
) -> None:
    sql = "select id, changed / 2.0 as changed from customers where changed > {{ watermark }}"
    run = run_task(make_load(tmp_path, sql=sql))
    assert run.state == "failed" and "watermark must be whole numbers" in str(run.error)
    assert loaded(run_task(make_load(tmp_path))) == (10, 109)
    sql = "select id, 'v' || changed as changed from customers where changed > '{{ watermark }}'"
    change(shop, "insert into customers values (33, 300)")
    run = run_task(make_load(tmp_path, sql=sql, overlap=500))
    assert run.state == "failed" and "values of the types int, str have no order" in str(run.error)


NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("mark", "overlap", "expected"),
    [
        (NOON, 60, NOON - timedelta(minutes=1)),
        (NOON, timedelta(hours=1), NOON - timedelta(hours=1)),
        (date(2026, 1, 2), timedelta(hours=1), date(2026, 1, 1)),
        (date(2026, 1, 2), timedelta(days=2), date(2025, 12, 31)),
        (7, 2.5, 4),
        (7, timedelta(seconds=2), 5),
        (Decimal("7.5"), 2.5, Decimal("5.0")),
        ("v7", None, "v7"),
    ],
)
def test_overlaps(mark: Any, overlap: Any, expected: Any) -> None:
    assert with_overlap(mark, overlap) == expected


def test_text_has_no_overlap() -> None:
    with pytest.raises(SegmentConfigurationError, match="text"):
        with_overlap("v7", 1)


@given(st.lists(st.integers()))
def test_the_highest(values: list[int]) -> None:
    assert highest(values) == max(values, default=None)
