"""The data source on executors that are processes of their own, and one of them is killed."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_segment.sandbox import Sandbox
from tests.spark.sessions import session, write

pytestmark = pytest.mark.spark

EVENTS = 12_000
TRACK = "to_json(struct('track' as type, 'e' as event, concat('u', id) as userId)) as value"


def executors(application: str) -> list[int]:
    """The processes of an application's executors."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has ended
            continue
        if {b"org.apache.spark.executor.CoarseGrainedExecutorBackend", application.encode()} <= set(command):
            found.append(int(process.name))
    return found


def test_an_executor_that_is_killed_costs_no_event_and_doubles_none(
    segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    with session("local-cluster[2,1,1024]", tmp_path / "output", spark__task__maxFailures="4") as spark:
        frame = spark.range(0, EVENTS, 1, 4).selectExpr(TRACK)
        options: dict[str, Any] = {
            "base_url": segment_sandbox.url,
            "json_column": "value",
            "max_events_per_second": 1_000,  # slow enough to be killed in the middle
            "parallelism": 2,
            "report_path": str(tmp_path / "report.json"),
        }
        done, killed = threading.Event(), []

        def kill_one() -> None:
            while not done.wait(0.05):
                if segment_sandbox.summary["accepted"] >= EVENTS / 6:
                    killed.extend(executors(spark.sparkContext.applicationId)[:1])
                    return os.kill(killed[0], signal.SIGKILL)

        killer = threading.Thread(target=kill_one)
        killer.start()
        try:
            write(frame, **options)
        finally:
            done.set()
            killer.join()
    assert killed
    accepted = segment_sandbox.accepted
    assert len(accepted) == len({event["messageId"] for event in accepted}) == EVENTS
    assert segment_sandbox.summary["duplicates"] > 0  # of the partition that was begun again
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["committed"] and told["total"]["sent"] == EVENTS
    assert max(each["attempt"] for each in told["partitions"]) >= 1
