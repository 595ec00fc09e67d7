"""Bulk sending without Airflow, and the same as with it."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars
import pytest

from airflow_provider_segment.errors import SegmentAPIError, SegmentConfigurationError, SegmentInputError
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sending import preview_events, send_events
from tests.events.test_storage import hide
from tests.harness.without_airflow import WITHOUT_AIRFLOW

pytestmark = pytest.mark.core

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "sending_without_airflow.md").read_text()
ORDERS = {
    "type": "track",
    "event": "Order Completed",
    "userId": "$user",
    "properties": {"total": "$total"},
}
ROWS = [{"user": f"u{number}", "total": number / 2} for number in range(300)]

SENDS = """
import json, sqlite3
import airflow_provider_segment.arguments, airflow_provider_segment.errors, airflow_provider_segment.values
from airflow_provider_segment.events.limiters.sql import SqlLimiter
from airflow_provider_segment.sending import preview_events, send_events

folder, key, url, mapping = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])

def generated():
    for number in range(300):
        yield {"type": "track", "event": "e", "userId": f"u{number}", "messageId": f"generated-{number}"}

rows = dict(mapping=mapping, message_id_fields=["user"])
inputs = {
    "jsonl": dict(path=f"{folder}/*.jsonl", rejects_path=f"{folder}/rejects/jsonl"),
    "csv": dict(path=f"file://{folder}/orders.csv", csv={"delimiter": ";"}, **rows),
    "parquet": dict(path=[f"{folder}/orders.parquet"], **rows),
    "generator": dict(events=generated()),
}
reports = {}
limiter = SqlLimiter(lambda: sqlite3.connect(f"{folder}/limiter.db"))
limited = dict(max_events_per_second=5_000, senders=None, limiter=limiter)
for name, given in {**inputs, "limited": {**inputs["parquet"], **limited}}.items():
    reports[name] = send_events(write_key=key, base_url=url, **given).as_dict()
reports["preview"] = preview_events(write_key=key, **inputs["parquet"]).as_dict()
assert not [name for name in sys.modules if name.partition(".")[0] in ("airflow", "upath", "fsspec")]
print(json.dumps(reports))
"""


def test_all_inputs_in_a_python_that_has_no_airflow(segment_sandbox: Sandbox, tmp_path: Path) -> None:
    lines = [{"type": "track", "event": "e", "userId": f"u{number}"} for number in range(300)]
    (tmp_path / "events.jsonl").write_text(
        "".join(f"{json.dumps(each)}\n" for each in lines) + '{"type": 1}\n'
    )
    frame = polars.DataFrame(ROWS)
    frame.write_parquet(tmp_path / "orders.parquet")
    frame.write_csv(tmp_path / "orders.csv", separator=";")
    key = segment_sandbox.write_key
    command = [sys.executable, "-c", WITHOUT_AIRFLOW + SENDS, str(tmp_path), key, segment_sandbox.url]
    done = subprocess.run([*command, json.dumps(ORDERS)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    reports = json.loads(done.stdout)
    for name in ("jsonl", "csv", "parquet", "generator", "limited"):
        assert reports[name]["sent"] == 300, name
    assert reports["jsonl"]["rejected"] == {"unknown_type": 1}
    [rejected] = (tmp_path / "rejects" / "jsonl").read_text().splitlines()
    assert json.loads(rejected)["line"] == 301
    assert reports["preview"]["rows"] == 300
    # The rows of the CSV file and of the Parquet file have the same ids.
    assert len(segment_sandbox.accepted) == 900
    assert (tmp_path / "limiter.db").exists()
    assert key not in done.stdout + done.stderr


def test_the_hook_sends_the_same_events(segment_sandbox: Sandbox) -> None:
    report = send_events(
        ROWS, write_key=segment_sandbox.write_key, base_url=segment_sandbox.url, mapping=ORDERS
    )
    again = SegmentHook().send_events(ROWS, mapping=ORDERS)
    assert (report.sent, again.sent) == (300, 300)
    assert len(segment_sandbox.accepted) == 300


def test_a_run_goes_on_at_a_checkpoint(segment_sandbox: Sandbox) -> None:
    events = [{"type": "track", "event": "e", "userId": f"u{number}"} for number in range(10)]
    saved: list[dict[str, Any]] = []

    def send(checkpoint: dict[str, Any] | None, key: str) -> int:
        report = send_events(
            events,
            write_key=key,
            base_url=segment_sandbox.url,
            checkpoint=checkpoint,
            save_checkpoint=saved.append,
        )
        return report.sent - report.sent_before

    assert send(None, segment_sandbox.write_key) == 10
    assert send(saved[-1], segment_sandbox.write_key) == 0
    assert len(segment_sandbox.accepted) == 10


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"write_key": " "}, "write_key must be the write key"),
        ({"write_key": None}, "write_key must be the write key"),
        ({"write_key": "k\u00e4y"}, "write_key: contains characters"),
        ({"region": "mars"}, "region: "),
        ({"max_events_per_second": 5, "senders": None}, "nobody knows how many send at once"),
        ({"max_events_per_second": 5, "rate_limiter_conn_id": "redis"}, "give a limiter"),
        ({"senders": 0}, "senders: "),
        ({"base_url": "ftp://nowhere"}, "base_url: "),
        ({"retries": -1}, "retries: "),
        ({"concurrency": 0}, "concurrency: must be at least 1"),
        ({"source_id": "s"}, "source_id: "),
        ({"tracking_plan_id": "tp"}, "give tracking_plan_path"),
        ({"on_violation": "fail"}, "on_violation needs a plan"),
        ({"path": "events.jsonl"}, "give either events, path or part"),
    ],
)
def test_a_wrong_argument_is_named_before_anything_is_sent(
    segment_sandbox: Sandbox, wrong: dict[str, Any], said: str
) -> None:
    given: dict[str, Any] = {"write_key": segment_sandbox.write_key, "base_url": segment_sandbox.url}
    with pytest.raises(SegmentConfigurationError, match=said) as raised:
        send_events([{"type": "track", "event": "e", "userId": "u"}], **{**given, **wrong})
    assert "k\u00e4y" not in str(raised.value)
    assert not segment_sandbox.requests


def test_other_errors_are_those_of_the_hook(segment_sandbox: Sandbox, tmp_path: Path) -> None:
    known = {"write_key": segment_sandbox.write_key, "base_url": segment_sandbox.url}
    with pytest.raises(SegmentInputError, match="no file matches"):
        send_events(path=str(tmp_path / "nothing"), **known)
    with pytest.raises(SegmentInputError, match="min_events is 1"):
        send_events([], min_events=1, **known)
    segment_sandbox.faults.add("status", status=413)
    with pytest.raises(SegmentAPIError, match="413") as raised:
        send_events([{"type": "track", "event": "e", "userId": f"u{n}"} for n in range(200)], **known)
    assert segment_sandbox.write_key not in str(raised.value)


def test_it_logs_to_a_logger_of_ones_own(segment_sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    event = {"type": "track", "event": "e", "userId": "u"}
    known = {"write_key": segment_sandbox.write_key, "base_url": segment_sandbox.url}
    with caplog.at_level(logging.INFO):
        send_events([event], log=logging.getLogger("mine"), **known)
    assert [record.name for record in caplog.records if "1 sent" in record.getMessage()] == ["mine"]


def test_a_preview_sends_nothing(segment_sandbox: Sandbox) -> None:
    report = preview_events(ROWS, mapping=ORDERS, limit=10)
    assert (report.rows, report.limit) == (10, 10)
    assert not segment_sandbox.requests


def test_the_libraries_to_install_are_those_of_the_package() -> None:
    declared = (ROOT / "pyproject.toml").read_text().partition("\ndependencies = [\n")[2].partition("\n]")[0]
    needed = [each for each in re.findall(r'^ *"([^"]+)"', declared, re.MULTILINE) if "airflow" not in each]
    commands = re.findall(r"^pip install (.*)$", PAGE, re.MULTILINE)
    assert commands == [" ".join(f"'{each}'" for each in needed), "--no-deps airflow-provider-segment"]


def test_the_code_of_the_guide(
    segment_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, "airflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEGMENT_WRITE_KEY", segment_sandbox.write_key)
    monkeypatch.setenv("SEGMENT_BASE_URL", segment_sandbox.url)
    script, worker = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    Path("events").mkdir()
    Path("events/1.jsonl").write_text(json.dumps({"type": "track", "event": "e", "userId": "u"}))
    exec(script, {})
    assert len(segment_sandbox.accepted) == 1
    assert not Path("checkpoint.json").exists()
    names: dict[str, Any] = {}
    exec(worker, names)
    parts = [
        [{"order_id": part * 10 + row, "customer": "u", "total": 1} for row in range(10)] for part in (0, 1)
    ]
    reports = [names["send_partition"](part) for part in (*parts, parts[0])]  # one is run again
    assert [report["sent"] for report in reports] == [10, 10, 10]
    assert len(segment_sandbox.accepted) == 21
