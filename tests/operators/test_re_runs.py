"""A ledger of what was delivered: what a re-run of a task sends, through the task runner."""

from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_segment.events import lease
from airflow_provider_segment.events.ledger import ledger as ledger_module
from airflow_provider_segment.events.ledger.path_store import PathLedgerStore
from airflow_provider_segment.events.ledger.sql_store import TABLE
from airflow_provider_segment.operators.events import SegmentBatchEventsOperator
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.transfers.sql_to_segment import SqlToSegmentOperator
from tests.events.test_send import make_events, numbers, read_lines, write_lines
from tests.harness.task_runner import RunTask, StartedTry, TaskRun
from tests.operators.test_batch_events import wait_until

if TYPE_CHECKING:
    from tests.harness.databases import Postgres

pytestmark = pytest.mark.core
pytest_plugins = ["tests.harness.databases"]

Ledger = dict[str, str]
AIRFLOW_3 = version("apache-airflow") >= "3"
WEEKS = timedelta(weeks=3).total_seconds()
"""Longer than Segment remembers message ids."""


@pytest.fixture(params=["folder", "sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """The arguments that name a ledger, of each kind."""
    return make_ledger(request, request.param, tmp_path, monkeypatch)


def make_ledger(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Ledger:
    if kind == "folder":
        return {"ledger_path": str(tmp_path / "ledger")}
    if kind == "sqlite":
        pytest.importorskip("airflow.providers.sqlite")
        connection: Any = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.sqlite")}
    else:
        pytest.importorskip("airflow.providers.postgres")
        server: Postgres = request.getfixturevalue("postgres")
        server.run(f"drop table if exists {TABLE}")
        connection = server.airflow_connection
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(connection))
    return {"ledger_conn_id": "ledger"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for the input."""
    made = tmp_path / "input"
    made.mkdir()
    return made


def make_operator(path: Any, ledger: Ledger, **arguments: Any) -> SegmentBatchEventsOperator:
    rejects = str(rejects_of(path)) if path else None
    given = {"rejects_path": rejects, "retries": 2, "retry_delay": timedelta(0), **ledger, **arguments}
    with DAG("re_runs", start_date=None, schedule=None):
        return SegmentBatchEventsOperator(task_id="send", path=path, **given)


def write(folder: Path, name: str, start: int, end: int) -> Path:
    file = folder / name
    write_lines(file, make_events(end)[start:])
    return file


def succeeded(run: TaskRun) -> dict[str, Any]:
    assert run.state == "success", run.error
    report: dict[str, Any] = run.xcom
    assert report["ledger_failure"] is None
    return report


def test_a_re_run_sends_only_the_file_that_was_added(
    run_task: RunTask, segment_sandbox: Sandbox, folder: Path, ledger: Ledger
) -> None:
    for number in range(3):
        write(folder, f"{number}.jsonl", 100 * number, 100 * number + 100)
    task = make_operator(f"{folder}/*.jsonl", ledger)
    first = succeeded(run_task(task))
    assert (first["sent"], first["left_out"]) == (300, 0)

    write(folder, "1a.jsonl", 300, 350)
    second = run_task(task)
    report = succeeded(second)
    assert (report["read"], report["sent"], report["left_out"]) == (50, 50, 300)
    assert "300 left out, which earlier runs sent" in second.log
    third = succeeded(run_task(task))
    assert (third["read"], third["sent"], third["left_out"], third["changed"]) == (0, 0, 350, 0)
    assert numbers(segment_sandbox) == list(range(350))
    assert segment_sandbox.summary["duplicates"] == 0


def test_a_run_with_another_input_keeps_what_the_ledger_says_was_rejected(
    run_task: RunTask, segment_sandbox: Sandbox, folder: Path, tmp_path: Path
) -> None:
    """Nobody would read it again."""
    ledger = {"ledger_path": str(tmp_path / "ledger"), "rejects_path": str(tmp_path / "rejected")}
    for number in range(2):
        file = write(folder, f"{number}.jsonl", 10 * number, 10 * number + 10)
        file.write_text(f"no event {number}\n" + file.read_text())
        succeeded(run_task(make_operator(str(file), ledger, max_rejected=1)))
    assert [letter["raw"] for letter in read_lines(tmp_path / "rejected")] == ["no event 0", "no event 1"]


def test_a_run_of_the_rest_does_not_hide_what_the_one_before_failed_for(
    run_task: RunTask, segment_sandbox: Sandbox, folder: Path, tmp_path: Path
) -> None:
    file = write(folder, "a.jsonl", 0, 10)
    file.write_text("no event\nnor this\n" + file.read_text())
    ledger = {"ledger_path": str(tmp_path / "ledger")}
    for read in (12, 0):
        run = run_task(make_operator(str(file), ledger, max_rejected=1))
        assert run.state == "failed" and "2 events were rejected, 1 are allowed" in str(run.error)
        assert f"{read} events read" in str(run.error)
    report = succeeded(run_task(make_operator(str(file), ledger, max_rejected_share=0.17)))
    assert (report["read"], report["left_out"], report["rejected_earlier"]) == (0, 10, 2)
    run = run_task(make_operator(str(file), ledger, max_rejected_share=0.16))
    assert "2 of 12 events were rejected" in str(run.error)


def test_what_was_left_out_counts_as_sent_for_min_events(
    run_task: RunTask, segment_sandbox: Sandbox, folder: Path, tmp_path: Path
) -> None:
    ledger = {"ledger_path": str(tmp_path / "ledger")}
    file = write(folder, "a.jsonl", 0, 10)
    for _ in range(2):
        succeeded(run_task(make_operator(str(file), ledger, min_events=10)))
    run = run_task(make_operator(str(file), ledger, min_events=11))
    assert "10 events were sent, and min_events is 11" in str(run.error)
    assert segment_sandbox.summary["duplicates"] == 0


@pytest.mark.parametrize(
    ("change", "sent"),
    [
        ({"concurrency": 1, "gzip": True, "min_events": 1, "max_events": 99, "retries": 7}, 0),
        ({"context": {"app": "shop"}}, 10),
        ({"mapping": {"type": "identify", "userId": "$userId"}}, 10),
        ({"message_id_fields": ["properties.n"]}, 10),
        ({"format": "jsonl"}, 10),
    ],
)
def test_options_that_make_other_events_have_a_ledger_of_their_own(
    run_task: RunTask,
    segment_sandbox: Sandbox,
    folder: Path,
    tmp_path: Path,
    change: dict[str, Any],
    sent: int,
) -> None:
    ledger = {"ledger_path": str(tmp_path / "ledger")}
    file = str(write(folder, "a.jsonl", 0, 10))
    assert succeeded(run_task(make_operator(file, ledger)))["sent"] == 10
    report = succeeded(run_task(make_operator(file, ledger, **change)))
    assert (report["sent"], report["left_out"]) == (sent, 10 - sent)


def test_another_source_gets_all_of_it(
    run_task: RunTask,
    segment_sandbox: Sandbox,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger = {"ledger_path": str(tmp_path / "ledger")}
    task = make_operator(str(write(folder, "a.jsonl", 0, 10)), ledger)
    assert succeeded(run_task(task))["sent"] == 10
    connection = segment_sandbox.connection
    connection["extra"]["secret_write_key"] = "another"
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(connection))
    assert succeeded(run_task(task))["sent"] == 10


@pytest.mark.parametrize("choice", ["resend", "skip", "fail"])
def test_a_changed_file_is_what_the_user_chose(
    run_task: RunTask, segment_sandbox: Sandbox, folder: Path, ledger: Ledger, choice: str
) -> None:
    write(folder, "a.jsonl", 0, 10)
    write(folder, "b.jsonl", 10, 20)
    task = make_operator(f"{folder}/*.jsonl", ledger, changed_input=choice)
    succeeded(run_task(task))
    changed = write(folder, "b.jsonl", 10, 25)
    write(folder, "c.jsonl", 30, 35)
    run = run_task(task)
    if choice == "fail":
        assert run.state == "up_for_retry"
        assert f"{changed.as_uri()} changed after it was delivered, and nothing was sent" in str(run.error)
        assert numbers(segment_sandbox) == list(range(20))
        return
    report = succeeded(run)
    assert report["changed"] == 1
    assert (
        f"delivered, and {'sent anew' if choice == 'resend' else 'left out'}: {changed.as_uri()}" in run.log
    )
    assert report["sent"] == (20 if choice == "resend" else 5)
    assert numbers(segment_sandbox) == [*range(20 if choice == "skip" else 25), *range(30, 35)]
    again = succeeded(run_task(task))
    assert (again["sent"], again["changed"]) == (0, 0 if choice == "resend" else 1)


def test_a_file_that_was_killed_in_the_middle_goes_on_where_the_ledger_says(
    run_task: RunTask, segment_sandbox: Sandbox, folder: Path, ledger: Ledger
) -> None:
    """Another run, without the state of the first, as on Airflow before 3.3, or after weeks."""
    events = make_events(6_000, size=2_000)
    events[10]["type"] = "cake"
    for event in events[3_000:]:
        event["late"] = True
    path = write_lines(folder / "a.jsonl", events)
    on_its_way: Any = segment_sandbox.faults.add("held", contains='"late": true')
    started = run_task.start(f"{__name__}:make_slow_operator", path, ledger)
    wait_until(lambda: on_its_way.hits == 2)  # all that go at once
    wait_until(lambda: known(ledger) > 2_000)
    started.kill()
    segment_sandbox.faults.clear()
    segment_sandbox.advance_clock(WEEKS)
    delivered = segment_sandbox.summary["accepted"]
    assert 2_000 < delivered < 6_000

    report = succeeded(run_task(make_operator(path, ledger, max_rejected=None)))
    assert 0 < report["sent"] <= 6_000 - 2_000
    # Batches in flight arrived, of which the ledger did not know.
    assert report["left_out"] + report["sent"] == 5_999
    assert set(numbers(segment_sandbox)) == {*range(6_000)} - {10}
    assert len(numbers(segment_sandbox)) == delivered + report["sent"]
    assert [letter["event"]["properties"]["n"] for letter in read_lines(rejects_of(path))] == [10]
    assert report["rejected_earlier"] == 1


def known(ledger: Ledger) -> int:
    """How many events the ledger holds."""
    if path := ledger.get("ledger_path"):
        files = Path(path).glob("*/*.json")
        return sum(entry["sent"] for file in files for entry in json.loads(file.read_text())["entries"])
    from airflow.providers.common.compat.sdk import BaseHook

    hook: Any = BaseHook.get_hook(ledger["ledger_conn_id"])
    try:
        return int(hook.get_first(f"select sum(sent) from {TABLE}")[0] or 0)
    except Exception:
        return 0


def rejects_of(path: str) -> Path:
    return Path(path).parent.with_name("rejects") / "all.jsonl"


def make_slow_operator(path: str, ledger: Ledger) -> SegmentBatchEventsOperator:
    """Runs in the process that is killed: writes often enough for the test."""
    lease.CHECKPOINT_SECONDS = 0.05
    ledger_module.LEDGER_SECONDS = 0
    ledger_module.SHARE_OF_TIME = 1
    return make_operator(path, ledger, concurrency=2, max_rejected=None)


# Queries


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database of 100 orders, to which the connection `shop` leads."""
    pytest.importorskip("airflow.providers.sqlite")
    file = tmp_path / "shop.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("create table orders (id integer primary key, changed integer)")
    connection.close()
    add_orders(file, 0, 100)
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "sqlite", "host": str(file)}))
    return file


def add_orders(file: Path, start: int, end: int) -> None:
    with sqlite3.connect(file) as connection:
        connection.executemany("insert into orders values (?, ?)", [(n, n) for n in range(start, end)])
    connection.close()


ROWS = {
    "sql_conn_id": "shop",
    "mapping": {
        "type": "track",
        "event": "Ordered",
        "userId": "u",
        "properties": {"n": "$id", "changed": "$changed"},
    },
    "message_id_fields": ["id", "changed"],
    "nulls": "drop",
    "retries": 2,
    "retry_delay": timedelta(0),
}


def make_query(ledger: Ledger, tmp_path: Path, **arguments: Any) -> SqlToSegmentOperator:
    given = {"sql": "select * from orders", **ROWS, **ledger, "rejects_path": str(tmp_path / "r.jsonl")}
    with DAG("re_runs", start_date=None, schedule=None):
        return SqlToSegmentOperator(task_id="send", **{**given, **arguments})


def test_a_query_with_a_key_goes_on_behind_the_last_one(
    run_task: RunTask, segment_sandbox: Sandbox, shop: Path, tmp_path: Path, ledger: Ledger
) -> None:
    task = make_query(ledger, tmp_path, resume_key="id")
    assert succeeded(run_task(task))["sent"] == 100
    assert succeeded(run_task(task))["left_out"] == 100
    add_orders(shop, 200, 230)
    report = succeeded(run_task(task))
    assert (report["read"], report["sent"], report["left_out"]) == (30, 30, 100)
    other = make_query(ledger, tmp_path, resume_key="id", sql="select * from orders where id < 5")
    segment_sandbox.advance_clock(WEEKS)
    assert succeeded(run_task(other))["sent"] == 5, "another query is another input"
    assert len(numbers(segment_sandbox)) == 135


def test_a_query_without_a_key_is_one_input(
    run_task: RunTask, segment_sandbox: Sandbox, shop: Path, tmp_path: Path, ledger: Ledger
) -> None:
    sql = "select * from orders where id >= :start and id < :end"
    for day in (0, 50, 0):
        parameters = {"start": day, "end": day + 50}
        run = run_task(make_query(ledger, tmp_path, sql=sql, parameters=parameters))
        sent = succeeded(run)["sent"]
    assert sent == 0, "the first day was sent before"
    assert numbers(segment_sandbox) == list(range(100))
    assert segment_sandbox.summary["duplicates"] == 0


@pytest.mark.parametrize("resume_key", [None, "id"])
def test_a_query_that_failed_in_the_middle_is_read_again_as_far_as_it_must(
    run_task: RunTask,
    segment_sandbox: Sandbox,
    shop: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    resume_key: str | None,
) -> None:
    monkeypatch.setattr("airflow_provider_segment.events.sources.sql_pages.PAGE_ROWS", 10)
    monkeypatch.setattr("airflow_provider_segment.events.limits.MAX_BATCH_EVENTS", 10)
    ledger = {"ledger_path": str(tmp_path / "ledger")}
    task = make_query(ledger, tmp_path, resume_key=resume_key, max_events=45)
    failed = run_task(task)
    assert failed.state == "failed" and len(numbers(segment_sandbox)) == 45
    segment_sandbox.advance_clock(WEEKS)
    report = succeeded(run_task(make_query(ledger, tmp_path, resume_key=resume_key)))
    assert report["left_out"] == (40 if resume_key else 0)
    assert report["sent"] == 100 - report["left_out"]
    assert set(numbers(segment_sandbox)) == {*range(100)}


# Retries, ledgers that are lost, several tasks


@pytest.mark.parametrize("written", [True, False])
def test_a_retry_counts_what_the_first_try_did(
    run_task: RunTask,
    segment_sandbox: Sandbox,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    written: bool,
) -> None:
    """If the ledger did not learn what the first try did, it does so from the checkpoint, in the retry."""
    ledger = {"ledger_path": str(tmp_path / "ledger")}
    write(folder, "0.jsonl", 0, 100)
    succeeded(run_task(make_operator(f"{folder}/*.jsonl", ledger)))
    write(folder, "1.jsonl", 100, 200)
    write(folder, "2.jsonl", 200, 300)
    with monkeypatch.context() as patched:
        if not written:
            patched.setattr(PathLedgerStore, "add", fail)
        first = run_task(make_operator(f"{folder}/*.jsonl", ledger, max_events=150))
    assert first.state == "failed" and len(numbers(segment_sandbox)) == 250
    assert written == ("The ledger could not be written" not in first.log)
    second = run_task(
        make_operator(f"{folder}/*.jsonl", ledger), try_number=2, state_store=first.state_store or None
    )
    report = succeeded(second)
    if first.state_store:
        assert (report["sent"], report["sent_before"], report["left_out"]) == (200, 100, 100)
        assert report["sent"] == report["read"]
    else:
        assert report["sent"] + report["left_out"] == 300
    assert set(numbers(segment_sandbox)) == {*range(300)}
    third = succeeded(run_task(make_operator(f"{folder}/*.jsonl", ledger)))
    assert (third["read"], third["left_out"]) == (0, 300)


def fail(*_: Any, **__: Any) -> None:
    raise OSError("no space left")


def test_a_ledger_that_cannot_be_written_costs_a_re_send_and_is_told_of(
    run_task: RunTask,
    segment_sandbox: Sandbox,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = make_operator(str(write(folder, "a.jsonl", 0, 10)), {"ledger_path": str(tmp_path / "ledger")})
    with monkeypatch.context() as patched:
        patched.setattr(PathLedgerStore, "add", fail)
        run = run_task(task)
    assert run.state == "success" and run.xcom["ledger_failure"] == "no space left"
    assert "the ledger could not be written: no space left" in run.log
    assert succeeded(run_task(task))["sent"] == 10


@pytest.mark.parametrize("damage", ["lost", "cut off", "no JSON"])
def test_a_ledger_that_is_lost_costs_a_re_send(
    run_task: RunTask, segment_sandbox: Sandbox, folder: Path, tmp_path: Path, damage: str
) -> None:
    ledger = tmp_path / "ledger"
    task = make_operator(str(write(folder, "a.jsonl", 0, 10)), {"ledger_path": str(ledger)})
    succeeded(run_task(task))
    [file] = ledger.glob("*/*.json")
    if damage == "lost":
        shutil.rmtree(ledger)
    else:
        file.write_bytes(file.read_bytes()[:-5] if damage == "cut off" else b"mine")
    run = run_task(task)
    assert succeeded(run)["sent"] == 10
    assert ("is no file of a ledger" in run.log) == (damage != "lost")
    assert succeeded(run_task(task))["sent"] == 0


def test_a_ledger_that_is_not_reached_sends_nothing_and_is_tried_again(
    run_task: RunTask, segment_sandbox: Sandbox, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "ledger").write_text("a file, where the folder should be")
    task = make_operator(str(write(folder, "a.jsonl", 0, 10)), {"ledger_path": str(tmp_path / "ledger")})
    run = run_task(task)
    assert run.state == "up_for_retry" and "the ledger cannot be read, and nothing was sent" in str(run.error)
    assert not segment_sandbox.accepted


def test_parts_and_the_whole_are_the_same_input_for_the_ledger(
    run_task: RunTask, segment_sandbox: Sandbox, folder: Path, tmp_path: Path, ledger: Ledger
) -> None:
    """Two mapped tasks at once, of which one fails; then the whole file, and then thirds of it."""
    file = write(folder, "a.jsonl", 0, 100)
    size = file.stat().st_size
    halves = [part_of(file, 0, size // 2), part_of(file, size // 2, size)]

    def half(number: int) -> StartedTry:
        rejects = str(tmp_path / f"rejects-{number}.jsonl")
        return run_task.start(f"{__name__}:make_half", halves[number], ledger, rejects, 60 - 50 * number)

    if AIRFLOW_3:
        first, second = (started.wait() for started in [half(0), half(1)])
    else:  # where two processes of the harness share a DAG run
        first, second = half(0).wait(), half(1).wait()
    assert (first.state, second.state) == ("success", "failed"), (first.error, second.error)
    segment_sandbox.advance_clock(WEEKS)
    whole = succeeded(run_task(make_operator(str(file), ledger)))
    assert first.xcom["sent"] <= whole["left_out"] <= first.xcom["sent"] + 10
    assert set(numbers(segment_sandbox)) == {*range(100)}
    for start in range(0, size, size // 3 + 2):
        third = part_of(file, start, start + size // 3 + 2)
        task = make_operator(None, ledger, part=third, rejects_path=str(tmp_path / "rejects.jsonl"))
        assert succeeded(run_task(task))["read"] == 0


def part_of(file: Path, start: int, end: int) -> dict[str, Any]:
    piece = {"path": str(file), "unit": "byte", "start": start, "end": end}
    return {"name": f"from {start}", "pieces": [piece]}


def make_half(part: dict[str, Any], ledger: Ledger, rejects: str, most: int) -> SegmentBatchEventsOperator:
    """Runs in a process of its own."""
    return make_operator(None, ledger, part=part, rejects_path=rejects, max_events=most)


def test_no_secret_is_in_the_ledger(
    run_task: RunTask, segment_sandbox: Sandbox, shop: Path, folder: Path, tmp_path: Path
) -> None:
    ledger = {"ledger_path": str(tmp_path / "ledger")}
    file = write(folder, "a.jsonl", 0, 10)
    options = {"context": {"of": "CONTEXT-SECRET"}}
    succeeded(run_task(make_operator(str(file), ledger, **options)))
    sql = "select *, 'SQL-SECRET' as s from orders where id >= :start"
    succeeded(
        run_task(make_query(ledger, tmp_path, sql=sql, parameters={"start": 1, "x": "PARAMETER-SECRET"}))
    )
    written = b"".join(file.read_bytes() for file in (tmp_path / "ledger").rglob("*.json"))
    assert file.as_uri().encode() in written and b"shop " in written
    assert b"SECRET" not in written and segment_sandbox.write_key.encode() not in written


def test_no_credential_is_in_what_is_said_of_a_ledger(
    run_task: RunTask,
    segment_sandbox: Sandbox,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hooks: Any = pytest.importorskip("airflow.providers.sqlite.hooks.sqlite")
    connection = {"conn_type": "sqlite", "host": str(tmp_path / "l"), "password": "OF-THE-DATABASE"}
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(connection))

    def refuse(*_: Any) -> None:
        raise RuntimeError("no access with OF-THE-DATABASE")

    monkeypatch.setattr(hooks.SqliteHook, "get_conn", refuse)
    run = run_task(make_operator(str(write(folder, "a.jsonl", 0, 10)), {"ledger_conn_id": "ledger"}))
    assert run.state == "up_for_retry" and "the ledger cannot be read" in str(run.error)
    assert "no access with" in str(run.error) and "OF-THE-DATABASE" not in str(run.error)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"ledger_conn_id": "ledger"}, "give either ledger_path or ledger_conn_id"),
        ({"rejects_path": None}, "a ledger needs a rejects_path"),
        ({"max_users": 7}, "max_users counts the users of the whole input"),
        ({"ledger_path": None, "changed_input": "skip"}, "changed_input needs a ledger"),
        (
            {"path": None, "events": make_events(3), "rejects_path": "r.jsonl"},
            "a ledger is for files and queries",
        ),
        ({"ledger_path": None, "ledger_conn_id": "segment_default"}, "is not one to a database"),
    ],
)
def test_what_makes_no_sense_fails_before_anything_is_sent(
    run_task: RunTask,
    segment_sandbox: Sandbox,
    folder: Path,
    tmp_path: Path,
    arguments: dict[str, Any],
    said: str,
) -> None:
    path = str(write(folder, "a.jsonl", 0, 10))
    given = {"path": path, "ledger": {}, "ledger_path": str(tmp_path / "ledger"), **arguments}
    run = run_task(make_operator(**given))
    assert run.state == "failed" and said in str(run.error), run.error
    assert not segment_sandbox.accepted
