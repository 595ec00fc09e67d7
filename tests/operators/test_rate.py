"""The ceiling of a run: what each task of it takes, and what a limiter of an Airflow connection keeps."""

from __future__ import annotations

import json
import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events import shared_rate
from airflow_provider_segment.events.limiters.redis import RedisLimiter
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.operators.events import SegmentBatchEventsOperator, SegmentPreviewEventsOperator
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.transfers.sql_to_segment import SqlToSegmentOperator
from tests.harness.databases import started_redis
from tests.harness.task_runner import RunTask

pytestmark = pytest.mark.core

EVENTS = [{"type": "track", "event": "e", "userId": f"u{number}"} for number in range(100)]
CEILING = 4_000


def connect(monkeypatch: pytest.MonkeyPatch, conn_id: str, **connection: Any) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))


def sizes(sandbox: Sandbox) -> list[int]:
    """How many events each request had."""
    return [request["events"] for request in sandbox.requests if request["path"] == "/v1/batch"]


@pytest.mark.parametrize(
    ("map_index", "limits", "most"),
    [
        (-1, {}, 400),
        (-1, {"max_active_tis_per_dagrun": 16}, 400),
        (0, {"max_active_tis_per_dagrun": 16}, 25),
        (3, {"max_active_tis_per_dag": 16}, 25),
        (3, {"max_active_tis_per_dagrun": 32, "max_active_tis_per_dag": 16}, 25),
    ],
)
def test_the_instances_of_a_mapped_task_share_the_ceiling(
    run_task: RunTask, segment_sandbox: Sandbox, map_index: int, limits: dict[str, int], most: int
) -> None:
    """Seen by the size of the batches, which is a part of the task's part."""
    task = SegmentBatchEventsOperator(task_id="send", events=EVENTS, max_events_per_second=CEILING, **limits)
    run = run_task(task, map_index=map_index)
    assert run.state == "success", run.error
    assert sizes(segment_sandbox) == ([100] if most > 100 else [most] * (100 // most))


def test_a_mapped_task_hands_on_how_many_run_at_once() -> None:
    mapped = SegmentBatchEventsOperator.partial(
        task_id="send", max_events_per_second=CEILING, max_active_tis_per_dagrun=16
    ).expand(path=["a", "b"])
    assert mapped.max_active_tis_per_dagrun == 16
    assert mapped.unmap({"path": "a"}).max_active_tis_per_dagrun == 16


@pytest.mark.parametrize(
    "ceiling", [{"max_events_per_second": 5}, {"max_requests_per_second": "{{ 5 }}"}], ids=str
)
@pytest.mark.parametrize("from_sql", [True, False])
def test_a_mapped_task_must_know_how_many_run_at_once(
    run_task: RunTask,
    segment_sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    ceiling: dict[str, Any],
    from_sql: bool,
) -> None:
    connect(monkeypatch, "db", conn_type="sqlite", host=":memory:")
    options: Any = {"task_id": "send", "retries": 2, **ceiling}
    if from_sql:
        task: Any = SqlToSegmentOperator(sql_conn_id="db", sql="select 'u' as userId", **options)
    else:
        task = SegmentBatchEventsOperator(events=EVENTS, **options)
    run = run_task(task, map_index=0)
    assert run.state == "failed" and isinstance(run.error, AirflowFailException)
    assert "Set max_active_tis_per_dagrun" in str(run.error)
    assert "rate_limiter_conn_id" in str(run.error)
    assert not segment_sandbox.requests


def test_without_a_ceiling_a_mapped_task_needs_nothing(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    assert run_task(SegmentBatchEventsOperator(task_id="send", events=EVENTS), map_index=0).state == "success"


def test_a_preview_counts_with_the_ceiling_of_the_run(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    ceilings = {"max_events_per_second": 1, "max_requests_per_second": 0.5}
    task = SegmentPreviewEventsOperator(
        task_id="look", events=EVENTS, max_active_tis_per_dagrun=4, **ceilings
    )
    run = run_task(task, map_index=0)
    assert run.state == "success", run.error
    assert run.xcom["minutes"] == 1.7
    assert "at 1 events and 0.5 requests a second." in run.xcoms["note"]


# With a limiter


def test_a_limiter_in_a_database(
    run_task: RunTask, segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two instances of a mapped task, which need not know of each other."""
    file = tmp_path / "limiter.db"
    connect(monkeypatch, "limiter", conn_type="sqlite", host=str(file))
    task = SegmentBatchEventsOperator(
        task_id="send", events=EVENTS, max_events_per_second=CEILING, rate_limiter_conn_id="limiter"
    )
    for map_index in (0, 1):
        run = run_task(task, map_index=map_index)
        assert run.state == "success", run.error
        assert "does not answer" not in run.log
    with closing(sqlite3.connect(file)) as connection:
        [(source, ends_at)] = connection.execute("select source, ends_at from segment_rate").fetchall()
    assert ends_at > 0
    write_key = SegmentHook().get_conn().settings.write_key
    assert write_key is not None and write_key.get_secret_value() not in source


@pytest.mark.parametrize(
    ("connection", "complaint"),
    [
        ({"conn_type": "segment", "password": "pass-word"}, "neither one to Redis nor one to a database"),
        ({"conn_type": "unheard_of", "password": "pass-word"}, "is its provider installed"),
    ],
)
def test_a_connection_to_something_else_is_refused(
    run_task: RunTask,
    segment_sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    connection: dict[str, str],
    complaint: str,
) -> None:
    connect(monkeypatch, "limiter", **connection)
    task = SegmentBatchEventsOperator(
        task_id="send",
        retries=2,
        events=EVENTS,
        max_events_per_second=CEILING,
        rate_limiter_conn_id="limiter",
    )
    run = run_task(task, map_index=0)
    assert run.state == "failed" and isinstance(run.error, AirflowFailException)
    assert complaint in str(run.error)
    assert "pass-word" not in str(run.error)
    assert not segment_sandbox.requests


def test_a_limiter_that_is_down_from_the_start(
    run_task: RunTask, segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its error quotes the host, which is the same as the password."""
    connect(
        monkeypatch,
        "limiter",
        conn_type="postgres",
        host="/no-password",
        login="u",
        password="/no-password",
    )
    task = SegmentBatchEventsOperator(
        task_id="send",
        events=EVENTS,
        max_events_per_second=CEILING,
        max_active_tis_per_dagrun=16,
        rate_limiter_conn_id="limiter",
    )
    run = run_task(task, map_index=0)
    assert run.state == "success", run.error
    assert sizes(segment_sandbox) == [25] * 4
    [warning] = [line for line in run.log.splitlines() if "the rate limiter of the connection" in line]
    assert "does not answer" in warning and "this sender keeps to 250 events/s" in warning
    assert "***" in warning and "no-password" not in warning


def test_a_limiter_that_is_killed_meanwhile(
    segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("airflow.providers.redis")
    monkeypatch.setattr(shared_rate, "CALL_SECONDS", 600)  # however slow the machine is
    caplog.set_level(logging.INFO)
    hook = SegmentHook()
    hook._log = logging.getLogger("tests.hook")
    reserve = RedisLimiter.reserve
    waits: list[float] = []
    with started_redis() as server:

        def reserve_and_kill(limiter: RedisLimiter, source: str, seconds: float) -> float:
            wait = reserve(limiter, source, seconds)
            waits.append(wait)
            if len(waits) == 2:
                server.connect().shutdown(nosave=True)
                monkeypatch.setattr(shared_rate, "CALL_SECONDS", 0)  # the client tries for some seconds
            return wait

        monkeypatch.setattr(RedisLimiter, "reserve", reserve_and_kill)
        connect(monkeypatch, "limiter", **server.airflow_connection)
        report = hook.send_events(
            EVENTS, max_events_per_second=CEILING, senders=16, rate_limiter_conn_id="limiter"
        )
    assert report.sent == 100 and sizes(segment_sandbox) == [25] * 4
    assert len(waits) == 2 and 0 < waits[0] <= 25 / CEILING
    said = [record.getMessage() for record in caplog.records if record.name == "tests.hook"]
    assert len([text for text in said if "does not answer" in text]) == 1


def test_a_limiter_needs_a_ceiling(segment_sandbox: Sandbox) -> None:
    with pytest.raises(SegmentConfigurationError, match="rate_limiter_conn_id needs a ceiling"):
        SegmentHook().send_events(EVENTS, rate_limiter_conn_id="limiter")
    assert not segment_sandbox.requests
