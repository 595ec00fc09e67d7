"""The data source in a session of one machine, `local[2]`: real Python workers, real HTTP."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sending import send_events
from tests.spark.sessions import PRIVATE_KEY_ENV, ROOT, WRITE_KEY, WRITE_KEY_ENV, printed, session, write

from pyspark import TaskContext  # isort: skip
from pyspark.errors import AnalysisException, PySparkException  # isort: skip

pytestmark = pytest.mark.spark

TRACK = {
    "type": "track",
    "event": "Order Completed",
    "userId": "$user",
    "timestamp": "$at",
    "properties": {"total": "$total", "items": "$items", "flags": "$flags"},
}
MAPPED = {"mapping": json.dumps(TRACK), "message_id_fields": '["id"]'}
COLUMNS = [
    "id",
    "concat('u', id) as user",
    "cast(id as float) / 10 as total",
    "timestamp'2026-01-02T03:04:05Z' as at",
    "array('a', 'b') as items",
    "map('gift', id % 2 = 0) as flags",
]
AS_JSON = "to_json(struct('track' as type, 'e' as event, concat('u', id) as userId)) as value"
LONG_JSON = AS_JSON.replace("'e' as event", "repeat('e', 1000) as event")
"""Rows that fill each buffer on the way soon."""


@pytest.fixture(scope="module")
def events_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spark-events")


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the driver and the workers print."""
    return tmp_path_factory.mktemp("spark") / "output"


@pytest.fixture(scope="module")
def private_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the executors take the key of an OAuth app from."""
    return tmp_path_factory.mktemp("spark-key") / "segment.pem"


@pytest.fixture(scope="module")
def spark(events_log: Path, output: Path, private_key: Path) -> Iterator[Any]:
    log = {"spark__eventLog__enabled": "true", "spark__eventLog__dir": events_log.as_uri()}
    log["spark__eventLog__compress"] = "false"
    log["spark__sql__execution__arrow__maxRecordsPerBatch"] = "100"  # not 10,000: a partition here has fewer
    log[f"spark__executorEnv__{PRIVATE_KEY_ENV}"] = str(private_key)
    with session("local[2,3]", output, **log) as spark:  # a partition has three tries
        yield spark


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "report.json"


def read(report: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(report.read_text())
    return content


def test_a_source_that_enforces_oauth(
    spark: Any, segment_sandbox: Sandbox, report: Path, output: Path, private_key: Path
) -> None:
    app = segment_sandbox.create_oauth_app()
    segment_sandbox.enforce_oauth(segment_sandbox.source_id)
    private_key.write_text(app["private_key"])
    ids = {"oauth_app_id": app["app_id"], "oauth_key_id": app["key_id"]}
    rows = spark.range(0, 100, 1, 2).selectExpr(AS_JSON)
    write(rows, base_url=segment_sandbox.url, json_column="value", report_path=str(report), **ids)
    assert read(report)["total"]["sent"] == len(segment_sandbox.accepted) == 100
    shown = output.read_text()
    assert not [line for line in app["private_key"].splitlines()[1:-1] if line in shown]


def test_columns_by_a_mapping(spark: Any, segment_sandbox: Sandbox, report: Path) -> None:
    frame = spark.range(0, 3_000, 1, 3).selectExpr(*COLUMNS)
    write(frame, base_url=segment_sandbox.url, report_path=str(report), **MAPPED)
    assert len(segment_sandbox.accepted) == 3_000
    [event] = [event for event in segment_sandbox.accepted if event["userId"] == "u7"]
    assert event["properties"] == {"total": 0.7, "items": ["a", "b"], "flags": {"gift": False}}
    told = read(report)
    assert told["committed"] and told["unknown_partitions"] == 0
    assert told["total"]["sent"] == sum(each["sent"] for each in told["partitions"]) == 3_000
    assert sorted(each["partition"] for each in told["partitions"]) == [0, 1, 2]

    # The same rows, sent from Python, are the same events.
    rows = [{"id": number, "user": f"u{number}"} for number in range(3_000)]
    known = {"write_key": WRITE_KEY, "base_url": segment_sandbox.url, "message_id_fields": ["id"]}
    send_events(rows, mapping={"type": "track", "event": "Order Completed", "userId": "$user"}, **known)
    assert len(segment_sandbox.accepted) == 3_000


def test_columns_named_as_fields(spark: Any, segment_sandbox: Sandbox) -> None:
    columns = ("'identify' as type", "concat('u', id) as userId", "id % 3 as `traits.plan`")
    write(spark.range(10).selectExpr(*columns), base_url=segment_sandbox.url)
    traits = {event["userId"]: event["traits"] for event in segment_sandbox.accepted}
    assert traits == {f"u{number}": {"plan": number % 3} for number in range(10)}


def test_a_column_of_json(spark: Any, segment_sandbox: Sandbox) -> None:
    write(spark.range(0, 1_000, 1, 2).selectExpr(AS_JSON), base_url=segment_sandbox.url, json_column="value")
    users = {event["userId"] for event in segment_sandbox.accepted}
    assert users == {f"u{number}" for number in range(1_000)}


def test_no_rows(spark: Any, segment_sandbox: Sandbox, report: Path) -> None:
    empty = spark.range(0).selectExpr(*COLUMNS)
    write(empty, base_url=segment_sandbox.url, report_path=str(report), **MAPPED)
    assert read(report)["total"]["read"] == 0
    assert not segment_sandbox.requests


def test_rejected_rows_are_kept_by_partition_and_can_be_sent_again(
    spark: Any, segment_sandbox: Sandbox, report: Path, tmp_path: Path
) -> None:
    user = "if(id % 10 = 0, null, concat('u', id)) as user"
    frame = spark.range(0, 100, 1, 2).selectExpr("id", user, *COLUMNS[2:])
    options = {**MAPPED, "base_url": segment_sandbox.url, "rejects_path": str(tmp_path / "rejected")}
    with pytest.raises(AnalysisException, match="10 events were rejected, 0 are allowed"):
        write(frame, report_path=str(report), **options)
    assert len(segment_sandbox.accepted) == 90
    assert read(report)["total"]["rejected"] == {"missing_id": 10}

    write(frame, max_rejected=10, **options)
    files = sorted((tmp_path / "rejected").iterdir())
    assert [file.name for file in files] == ["part-00000.jsonl", "part-00001.jsonl"]
    for file in files:
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert len(lines) == 5
        corrected = [{**line, "row": {**line["row"], "user": "known"}} for line in lines]
        file.write_text("".join(f"{json.dumps(line)}\n" for line in corrected))
    known = {"write_key": WRITE_KEY, "base_url": segment_sandbox.url, "message_id_fields": ["id"]}
    sent = send_events(path=str(tmp_path / "rejected" / "*.jsonl"), mapping=TRACK, **known)
    assert sent.sent == 10
    assert len(segment_sandbox.accepted) == 100


def failing(url: str, last_attempt: int) -> Any:
    """Has partition 0 of three with 4,000 rows fail, in its attempts up to a number, after 3,000 rows.

    It fails when the other two are in Segment, and some of its own rows.
    """

    def rows(rows: Any) -> Iterator[Any]:
        task = TaskContext.get()
        fails = task.partitionId() == 0 and task.attemptNumber() <= last_attempt
        for number, row in enumerate(rows):
            if fails and number == 3_000:
                while json.load(urlopen(f"{url}/_sandbox/state"))["accepted"] <= 8_000:
                    time.sleep(0.2)
                raise RuntimeError("the disk is gone")
            yield row

    return rows


def test_a_partition_that_fails_once_is_sent_again_and_nothing_is_doubled(
    spark: Any, segment_sandbox: Sandbox, report: Path
) -> None:
    rows = spark.range(0, 12_000, 1, 3).selectExpr(LONG_JSON).rdd
    frame = rows.mapPartitions(failing(segment_sandbox.url, 0)).toDF("value string")
    write(frame, base_url=segment_sandbox.url, json_column="value", report_path=str(report))
    assert len({event["messageId"] for event in segment_sandbox.accepted}) == 12_000
    assert len(segment_sandbox.accepted) == 12_000
    assert segment_sandbox.summary["duplicates"] > 0
    told = read(report)
    assert told["total"]["sent"] == 12_000
    assert {each["partition"]: each["attempt"] for each in told["partitions"]} == {0: 1, 1: 0, 2: 0}


def test_a_partition_that_always_fails_is_not_passed_over(
    spark: Any, segment_sandbox: Sandbox, report: Path, output: Path
) -> None:
    rows = spark.range(0, 12_000, 1, 3).selectExpr(LONG_JSON).rdd
    frame = rows.mapPartitions(failing(segment_sandbox.url, 2)).toDF("value string")
    with pytest.raises(PySparkException, match="the disk is gone"):
        write(frame, base_url=segment_sandbox.url, json_column="value", report_path=str(report))
    told = read(report)
    assert not told["committed"] and told["unknown_partitions"] >= 1
    assert told["total"]["sent"] == 4_000 * len(told["partitions"])
    assert len(segment_sandbox.accepted) > told["total"]["sent"]  # of the partition that failed, too
    assert printed(output, "an unknown number of those of")


def test_the_ceiling_is_that_of_the_job(spark: Any, segment_sandbox: Sandbox, report: Path) -> None:
    frame = spark.range(0, 600, 1, 2).selectExpr(AS_JSON)
    ceiling = {"max_events_per_second": 200, "parallelism": 2}
    write(frame, base_url=segment_sandbox.url, json_column="value", report_path=str(report), **ceiling)
    # Each of the two keeps to 100 events a second; a busy machine only takes longer.
    assert [each["seconds"] >= 2.9 for each in read(report)["partitions"]] == [True, True]


@pytest.mark.parametrize(
    ("options", "mode", "said"),
    [
        ({"write_key_env": "SEGMENT_NOWHERE"}, "append", "SEGMENT_NOWHERE .* Nothing was sent"),
        ({"write_key": "another-key"}, "append", "write_key: options are shown in plans"),
        ({}, "overwrite", 'use mode."append".'),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(
    spark: Any, segment_sandbox: Sandbox, options: dict[str, str], mode: str, said: str
) -> None:
    writer = spark.range(10).selectExpr(AS_JSON).write.format("segment").option("json_column", "value")
    with pytest.raises(PySparkException, match=said):
        writer.options(base_url=segment_sandbox.url, **options).mode(mode).save()
    assert not segment_sandbox.requests


def test_the_code_of_the_guide(
    spark: Any, segment_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "spark.md").read_text()
    job = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[0]
    orders = tmp_path / "orders"
    spark.range(50).selectExpr("id as order_id", "id as customer", "id as total").write.parquet(str(orders))
    monkeypatch.chdir(tmp_path)
    arguments = [str(orders), str(tmp_path / "out"), segment_sandbox.url]
    monkeypatch.setattr("sys.argv", ["send_orders.py", *arguments])
    monkeypatch.setattr(spark, "stop", lambda: None)  # the session of these tests goes on
    exec(job, {"__name__": "__main__"})
    assert len(segment_sandbox.accepted) == 50
    assert json.loads((tmp_path / "out" / "report.json").read_text())["total"]["sent"] == 50


def test_the_key_is_nowhere_in_the_events_that_spark_logs(
    spark: Any, segment_sandbox: Sandbox, events_log: Path, output: Path
) -> None:
    """Last: the log then holds the plans of all jobs of these tests."""
    frame = spark.range(10).selectExpr(AS_JSON)
    write(frame, base_url=segment_sandbox.url, json_column="value")
    with pytest.raises(PySparkException):
        write(frame, base_url="http://127.0.0.1:1", json_column="value", retries=0)
    spark.stop()
    logged = "".join(file.read_text() for file in events_log.rglob("*") if file.is_file())
    assert "AppendData" in logged and WRITE_KEY_ENV in logged
    assert WRITE_KEY not in logged + printed(output, "10 sent")
