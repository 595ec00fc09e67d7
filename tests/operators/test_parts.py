"""An input in parts: cut, sent by several tasks, and gathered."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from dataclasses import fields
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, Asset, BaseOperator

from airflow_provider_segment.events.event_names import NAMES, add_up
from airflow_provider_segment.events.report import SendReport
from airflow_provider_segment.operators.events import SegmentBatchEventsOperator, SegmentPreviewEventsOperator
from airflow_provider_segment.operators.parts import (
    SegmentGatherReportsOperator,
    SegmentPartitionEventsOperator,
)
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.transfers.sql_to_segment import SqlToSegmentOperator
from tests.events.test_send import BAD, make_events, numbers, read_lines, write_lines
from tests.harness.task_runner import RunTask, TaskRun

pytestmark = pytest.mark.core


def partition(**arguments: Any) -> SegmentPartitionEventsOperator:
    return SegmentPartitionEventsOperator(task_id="parts", **arguments)


def send(part: Any, **arguments: Any) -> SegmentBatchEventsOperator:
    return SegmentBatchEventsOperator(
        task_id="send", part=part, retries=2, retry_delay=timedelta(0), **arguments
    )


def gather(run_task: RunTask, parts: Any, reports: list[Any], **arguments: Any) -> TaskRun:
    """Gather reports, of which those that are None are missing."""
    with DAG("tests", schedule=None):
        upstream = BaseOperator(task_id="parts")
        sender = BaseOperator(task_id="send")
        operator = SegmentGatherReportsOperator(
            task_id="gather", parts=upstream.output, reports=sender.output, retries=1, **arguments
        )
    assert operator.upstream_task_ids == {"parts", "send"} and operator.trigger_rule == "all_done"
    xcoms: dict[Any, Any] = {("parts", "return_value"): parts}
    for index, report in enumerate(reports):
        if report is not None:
            xcoms["send", "return_value", index] = report
    return run_task(operator, xcoms=xcoms)


def test_what_the_parts_sent_is_a_partition(run_task: RunTask) -> None:
    parts = [{"name": "a-0000", "pieces": []}]
    night = Asset(uri="segment://nights/shop")
    report = SendReport(read=3, sent=3).as_dict()
    run = gather(run_task, parts, [report], outlets=[night], partition_key="2026-11-19")
    assert run.state == "success", run.error
    assert [extra["sent"] for _, extra in run.asset_events] == [3]
    assert run.partitions == ([(night.uri, "2026-11-19")] if version("apache-airflow") >= "3.2" else [])

    run = gather(run_task, parts, [report], outlets=[night], partition_key="n" * 251)
    assert run.state == "failed" and "at most 250 characters" in str(run.error)


def test_files_in_parts_and_their_report(run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path) -> None:
    events = make_events(3_000)
    (tmp_path / "lake" / "day=1").mkdir(parents=True)
    (tmp_path / "lake" / "_SUCCESS").write_bytes(b"")
    write_lines(tmp_path / "lake" / "a.jsonl", [*events[:1_000], BAD[0]])
    write_lines(tmp_path / "lake" / "day=1" / "b.jsonl", [BAD[0], *events[1_000:]])
    made = run_task(partition(path=f"{tmp_path}/lake", max_parts=5, min_part_bytes="1"))
    assert made.state == "success", made.error
    parts = made.xcom
    assert [part["name"] for part in parts] == [f"lake-000{number}" for number in range(5)]
    assert json.loads(json.dumps(parts)) == parts

    options = {"rejects_path": f"{tmp_path}/{{{{ ti.map_index }}}}.jsonl", "max_rejected": 2}
    runs = [run_task(send(part, **options), map_index=number) for number, part in enumerate(parts)]
    assert [run.state for run in runs] == ["success"] * 5
    assert numbers(segment_sandbox) == list(range(3_000))
    assert segment_sandbox.summary["duplicates"] == 0
    assert [run.xcom["part"] for run in runs] == [part["name"] for part in parts]

    run = gather(run_task, parts, [run.xcom for run in runs], rejects_path=f"{tmp_path}/all.jsonl")
    assert run.state == "success", run.error
    report = run.xcom
    assert (report["read"], report["sent"], report["unsent"]) == (3_002, 3_000, 0)
    assert sum(report["rejected"].values()) == 2
    merged = tmp_path / "all.jsonl"
    assert report["rejects_path"] == str(merged)
    assert sorted(Path(letter["file"]).name for letter in read_lines(merged)) == ["a.jsonl", "b.jsonl"]
    assert merged.stat().st_mode & 0o777 == 0o600
    assert report["started"] == min(run.xcom["started"] for run in runs)


def test_a_query_in_parts(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("airflow.providers.sqlite")
    file = tmp_path / "shop.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("create table orders (id integer primary key, customer text, day text)")
        rows = [(n, f"customer {n % 10}", f"2026-01-{1 + n % 9:02}") for n in range(1, 1_001)]
        connection.executemany("insert into orders values (?, ?, ?)", rows)
    connection.close()
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "sqlite", "host": str(file)}))
    query: dict[str, Any] = {
        "sql_conn_id": "shop",
        "sql": "select * from orders where id <= :most",
        "parameters": {"most": 900},
    }
    made = run_task(partition(**query, partition_column="day", max_parts=4, min_part_rows=1))
    assert made.state == "success", made.error
    assert [part["name"] for part in made.xcom] == [f"day-000{number}" for number in range(4)]
    options: dict[str, Any] = {
        "mapping": {"type": "track", "event": "Ordered", "userId": "$customer", "properties": {"n": "$id"}},
        "message_id_fields": ["id"],
        "resume_key": "id",
    }
    for part in made.xcom:
        seen = run_task(SegmentPreviewEventsOperator(task_id="look", part=part, **query, **options))
        run = run_task(SqlToSegmentOperator(task_id="send", part=part, **query, **options))
        assert run.state == "success", run.error
        assert 100 <= run.xcom["sent"] == seen.xcom["events"] <= 300
    assert sorted(event["properties"]["n"] for event in segment_sandbox.accepted) == list(range(1, 901))
    assert segment_sandbox.summary["duplicates"] == 0


def test_no_more_parts_than_airflow_maps(
    run_task: RunTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "3")
    write_lines(tmp_path / "a.jsonl", make_events(100))
    run = run_task(partition(path=f"{tmp_path}/a.jsonl", max_parts=1_000, min_part_bytes=1))
    assert len(run.xcom) == 3


def test_no_input_is_an_error_unless_it_is_allowed(run_task: RunTask, tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", make_events(10))
    paths = [f"{tmp_path}/*.csv", f"{tmp_path}/a.jsonl"]
    run = run_task(partition(path=paths))
    assert run.state == "failed" and "no file matches" in str(run.error)
    run = run_task(partition(path=paths, allow_empty=True))
    assert [piece["path"] for part in run.xcom for piece in part["pieces"]] == [f"{tmp_path}/a.jsonl"]
    assert run_task(partition(path=paths[0], allow_empty=True)).xcom == []


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"path": "a", "sql": "select 1"},
        {"sql": "select 1", "sql_conn_id": "a"},
        {"path": "a", "sql": "select 1", "sql_conn_id": "a", "partition_column": "b"},
        {"path": "a", "max_parts": 0},
    ],
)
def test_wrong_arguments_fail_at_once(run_task: RunTask, wrong: dict[str, Any]) -> None:
    run = run_task(partition(**wrong))
    assert isinstance(run.error, AirflowFailException)
    assert "give either path, or sql_conn_id" in str(run.error) or "max_parts" in str(run.error)


def test_parts_go_to_the_sender_that_they_are_for(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    of_query = {"name": "a", "range": {"column": "id"}}
    run = run_task(send(of_query))
    assert run.state == "failed" and "it is sent by SqlToSegmentOperator" in str(run.error)
    write_lines(tmp_path / "a.jsonl", make_events(10))
    run = run_task(send({"name": "a", "pieces": [{"path": f"{tmp_path}/a.jsonl"}]}, path="a"))
    assert run.state == "failed" and "give either events, path or part" in str(run.error)
    run = run_task(send({"name": "a", "piece": []}))
    assert run.state == "failed" and "must be a part that SegmentPartitionEventsOperator" in str(run.error)
    assert segment_sandbox.requests == []


def test_both_senders_are_mapped_over_parts() -> None:
    with DAG("tests", schedule=None):
        parts = partition(path="a").output
        files = SegmentBatchEventsOperator.partial(
            task_id="files", map_index_template="{{ task.part['name'] }}"
        ).expand(part=parts)
        rows = SqlToSegmentOperator.partial(task_id="rows", sql_conn_id="shop", sql="select 1").expand(
            part=parts
        )
        for sender in (files, rows):
            assert sender.upstream_task_ids == {"parts"}
            gathering = SegmentGatherReportsOperator(
                task_id=f"gather_{sender.task_id}", parts=parts, reports=sender.output
            )
            assert gathering.upstream_task_ids == {"parts", sender.task_id}
            assert gathering.reports == sender.task_id


# Reports


def report(**known: Any) -> dict[str, Any]:
    return SendReport(**known).as_dict()


PARTS = [{"name": f"a-000{number}"} for number in range(4)]


def test_a_part_without_a_report_is_named(run_task: RunTask) -> None:
    run = gather(run_task, PARTS, [report(read=1), None, report(read=2), None])
    assert run.state == "failed"
    assert "2 of 4 parts have not been sent, or not to their end: a-0001, a-0003" in str(run.error)


def test_a_report_of_another_part_is_not_taken_for_this_one(run_task: RunTask) -> None:
    reports = [report(part="a-0000"), report(part="b-0001"), report(), report(part="b-0003")]
    run = gather(run_task, PARTS, reports)
    assert run.state == "failed" and "what was sent as a-0001, a-0003 was another part" in str(run.error)


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        (None, "the parts are not known"),
        (["a"], "each with a name"),
        ([{"path": "a"}], "each with a name"),
        ([PARTS[0], PARTS[0]], "have the same name"),
    ],
)
def test_what_are_no_parts_is_named(run_task: RunTask, parts: Any, complaint: str) -> None:
    run = gather(run_task, parts, [report(), report()])
    assert run.state == "failed" and complaint in str(run.error)


def test_no_parts_are_an_empty_report(run_task: RunTask) -> None:
    assert gather(run_task, [], []).xcom == SendReport().as_dict()


def test_all_fields_of_reports_are_put_together() -> None:
    one = SendReport(
        source_id="s",
        started="2026-01-01T10:00:00Z",
        ended="2026-01-01T10:20:00Z",
        rejected=Counter(too_large=1),
        violations=Counter(a=2),
        event_names=Counter({"track A": 1, "identify": 2}),
        lag=5.0,
        first={"line": 1},
        last={"line": 2},
        rejects_path="a",
        rejects_failure="full",
        ledger_failure="away",
    )
    counts = [each.name for each in fields(SendReport) if each.type == "int"]
    for number, name in enumerate(counts):
        setattr(one, name, number)
    two = SendReport(**{**vars(one), "started": "2026-01-01T09:50:00Z", "ended": "2026-01-01T10:10:00Z"})
    two.lag, two.first, two.last = 9.0, {"line": 3}, {"line": 4}
    nothing = SendReport(source_id="s")
    total = SendReport.of_parts([each.as_dict() for each in (one, two, nothing)])
    assert vars(total) == {
        **{name: 2 * number for number, name in enumerate(counts)},
        "source_id": "s",
        "started": "2026-01-01T09:50:00Z",
        "ended": "2026-01-01T10:20:00Z",
        "seconds": 1_800.0,
        "rejected": Counter(too_large=2),
        "violations": Counter(a=4),
        "event_names": Counter({"track A": 2, "identify": 4}),
        "lag": 9.0,
        "first": {"line": 1},
        "last": {"line": 4},
        "watermark": None,
        "part": None,
        "rejects_path": None,
        "rejects_failure": "full",
        "ledger_failure": "away",
    }
    two.source_id = "t"
    assert SendReport.of_parts([one.as_dict(), two.as_dict()]).source_id is None


def test_names_are_counted_one_by_one_only_where_their_count_is_known() -> None:
    some = {"track A": 1, "track B": 2, "page": 3}
    others = {"track B": 4, "track": 5}  # it may have counted A among the others
    assert add_up([some, others]) == {"track": 6, "track B": 6, "page": 3}
    many = [{f"track {name}": 1 for name in range(start, start + NAMES)} for start in (0, 1)]
    total = add_up(many)
    assert len(total) == NAMES + 1 and total["track"] == 1 and total.total() == 2 * NAMES


def rejects(path: Path, count: int = 1) -> dict[str, Any]:
    write_lines(path, [{"reason": "not_json", "raw": path.name}] * count)
    return report(read=count, rejected=Counter(not_json=count), rejects_path=str(path))


def test_rejected_events_are_merged_in_the_order_of_the_parts(run_task: RunTask, tmp_path: Path) -> None:
    reports = [rejects(tmp_path / "b"), report(rejects_path=f"{tmp_path}/gone"), rejects(tmp_path / "a", 2)]
    run = gather(run_task, PARTS[:3], reports, rejects_path=f"{tmp_path}/new/all")
    assert run.state == "success", run.error
    assert [letter["raw"] for letter in read_lines(tmp_path / "new" / "all")] == ["b", "a", "a"]
    assert (tmp_path / "a").exists()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    run = gather(run_task, PARTS[:3], reports, rejects_path=f"{tmp_path}/link")
    assert run.state == "failed" and "is a symbolic link" in str(run.error)
    assert len(read_lines(tmp_path / "a")) == 2


def test_what_an_earlier_run_of_a_part_rejected_is_merged(run_task: RunTask, tmp_path: Path) -> None:
    earlier = {**rejects(tmp_path / "a"), "read": 0, "rejected": {}, "rejected_earlier": 1}
    elsewhere = {**earlier, "rejects_path": f"{tmp_path}/gone"}
    run = gather(run_task, PARTS[:2], [earlier, elsewhere], rejects_path=f"{tmp_path}/all")
    assert run.state == "success", run.error
    assert [letter["raw"] for letter in read_lines(tmp_path / "all")] == ["a"]


def test_rejected_events_that_cannot_be_merged_are_an_error(run_task: RunTask, tmp_path: Path) -> None:
    lost = rejects(tmp_path / "a")
    shared = rejects(tmp_path / "b")
    cases = {
        "a-0000, a-0001 had the same rejects_path": [shared, report(rejects_path=f"{tmp_path}/b")],
        "rejected events of a-0000 were only logged": [report(rejected=Counter(a=1)), shared],
        "is that of a part": [{**lost, "rejects_path": f"{tmp_path}/all"}, shared],
        "the rejected events of a-0000 cannot be copied": [lost, shared],
    }
    (tmp_path / "a").unlink()
    for complaint, reports in cases.items():
        run = gather(run_task, PARTS[:2], reports, rejects_path=f"{tmp_path}/all")
        assert run.state != "success" and complaint in str(run.error), complaint
    assert gather(run_task, PARTS[:2], cases["a-0000, a-0001 had the same rejects_path"]).state == "failed"
