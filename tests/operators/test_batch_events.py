"""SegmentBatchEventsOperator through the task runner: results, limits, retries, kills."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, BaseOperator

from airflow_provider_segment.errors import SegmentInputError
from airflow_provider_segment.events import lease
from airflow_provider_segment.operators.events import CHECKPOINT, SegmentBatchEventsOperator
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.tasks.memory import KEY
from tests.events.test_interruptions import sending_threads
from tests.events.test_send import BAD, make_events, numbers, read_lines, write_lines
from tests.harness.task_runner import RunTask
from tests.operators.varied_events import ONE_OF_EACH_KIND, WITHOUT_ID, commits

pytestmark = pytest.mark.core
needs_state_store = pytest.mark.skipif(version("apache-airflow") < "3.3", reason="no task state store")


def make_operator(path: str | None = None, **arguments: Any) -> SegmentBatchEventsOperator:
    return SegmentBatchEventsOperator(
        task_id="send", path=path, retries=2, retry_delay=timedelta(0), **arguments
    )


def wait_until(condition: Callable[[], bool], seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_a_file_and_its_report(run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path) -> None:
    write_lines(tmp_path / "2026-01-02.jsonl", make_events(500))
    run = run_task(make_operator(f"{tmp_path}/{{{{ ds }}}}*.jsonl"))
    assert run.state == "success"
    assert numbers(segment_sandbox) == list(range(500))
    report = run.xcom
    assert (report["read"], report["sent"], report["rejected"], report["unsent"]) == (500, 500, {}, 0)
    assert json.loads(json.dumps(report)) == report
    assert len(json.dumps(report)) < 1_000
    assert run.rendered["path"] == f"{tmp_path}/2026-01-02*.jsonl"
    assert "500 events read; 500 sent" in run.log


def test_events_of_another_task(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    with DAG("tests", schedule=None):
        upstream = BaseOperator(task_id="upstream")
        operator = SegmentBatchEventsOperator(task_id="send", events=upstream.output)
    run = run_task(operator, xcoms={("upstream", "return_value"): make_events(20)})
    assert run.xcom["sent"] == 20
    assert numbers(segment_sandbox) == list(range(20))


def test_every_option_arrives(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    run = run_task(
        make_operator(
            events=[{"type": "track", "event": "e", "userId": "u", "properties": {"id": 7}}],
            source_id=segment_sandbox.source_id,
            concurrency=1,
            gzip=True,
            max_events_per_second=1_000,
            context={"run": "{{ run_id }}"},
            integrations={"All": False},
            timestamp="{{ ds }}T00:00:00Z",
            message_id_fields=["properties.id"],
        )
    )
    assert run.state == "success"
    (event,) = segment_sandbox.accepted
    assert event["context"]["run"].startswith("scheduled__")
    assert event["integrations"] == {"All": False}
    assert event["originalTimestamp"].startswith("2026-01-02T00:00:00")
    (request,) = [request for request in segment_sandbox.requests if request["path"] == "/v1/batch"]
    assert request["headers"]["Content-Encoding"] == "gzip"


@pytest.mark.parametrize(
    ("max_rejected", "state"), [(0, "failed"), (5, "failed"), (6, "success"), (None, "success")]
)
def test_too_many_rejects_fail_the_task_after_all_valid_events_were_sent(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path, max_rejected: int | None, state: str
) -> None:
    good = make_events(50)
    path = write_lines(tmp_path / "a.jsonl", [*good[:20], *BAD, *good[20:]])
    rejects = tmp_path / "rejects.jsonl"
    run = run_task(make_operator(path, rejects_path=str(rejects), max_rejected=max_rejected))
    assert run.state == state, "never up_for_retry: a retry would find the same"
    assert numbers(segment_sandbox) == list(range(50))
    assert len(read_lines(rejects)) == 6
    if state == "failed":
        assert isinstance(run.error, AirflowFailException)
        assert str(rejects) in str(run.error) and "50 sent" in str(run.error)


@pytest.mark.parametrize(
    ("allowed", "state"),
    [
        ({"max_rejected_share": 0.2}, "success"),  # 6 of 56 are 0.107
        ({"max_rejected_share": "{{ 0.1 }}"}, "failed"),
        ({"max_rejected_share": 0}, "failed"),
        ({"max_rejected_share": 0.2, "max_rejected": 5}, "failed"),
        ({"max_rejected_share": 0.2, "max_rejected": 6}, "success"),
        ({"max_rejected_share": 0.1, "max_rejected": 6}, "failed"),
        ({"max_rejected_share": None}, "failed"),
    ],
)
def test_rejects_may_be_a_share_of_the_events(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path, allowed: dict[str, Any], state: str
) -> None:
    run = run_task(make_operator(write_lines(tmp_path / "a.jsonl", [*make_events(50), *BAD]), **allowed))
    assert run.state == state
    assert len(segment_sandbox.accepted) == 50


@pytest.mark.parametrize(
    "allowed", [{"max_rejected": None}, {"max_rejected": 100}, {"max_rejected_share": 1}]
)
def test_a_run_in_which_all_events_are_rejected_never_succeeds(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path, allowed: dict[str, Any]
) -> None:
    run = run_task(make_operator(write_lines(tmp_path / "a.jsonl", BAD), **allowed))
    assert run.state == "failed"
    assert "all 6 events were rejected" in str(run.error)


def test_an_array_is_sent_and_another_format_is_named(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_text(json.dumps(make_events(5_000)))
    assert run_task(make_operator(str(tmp_path / "a.json"), max_rejected=100)).xcom["sent"] == 5_000
    (tmp_path / "b.jsonl").write_bytes(b"PAR1" + bytes(100))
    run = run_task(make_operator(f"{tmp_path}/*", max_rejected=100))
    assert run.state == "up_for_retry"
    assert "b.jsonl cannot be read: it is Parquet" in str(run.error)
    assert "5,000 events read; 5,000 sent" in str(run.error)


def test_rejects_that_cannot_be_written_fail_the_task(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    path = write_lines(tmp_path / "a.jsonl", [*make_events(50), *BAD])
    run = run_task(make_operator(path, rejects_path="/dev/full", max_rejected=None))
    assert run.state == "failed"
    assert "could not all be written to /dev/full" in str(run.error)
    assert numbers(segment_sandbox) == list(range(50))
    good_only = write_lines(tmp_path / "b.jsonl", make_events(5))
    assert run_task(make_operator(good_only, rejects_path="/dev/full")).state == "success"


def test_a_missing_file_is_retried(run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path) -> None:
    run = run_task(make_operator(f"{tmp_path}/*.jsonl"))
    assert run.state == "up_for_retry" and isinstance(run.error, SegmentInputError)


def test_a_retry_creates_no_duplicates(run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", make_events(3_000, size=1_000))
    segment_sandbox.faults.add("status", status=501, contains='"n": 2500,', next=1)
    first = run_task(make_operator(path, concurrency=2))
    assert first.state == "up_for_retry"
    assert "NOT sent" in first.log
    second = run_task(make_operator(path), try_number=2, state_store=first.state_store or None)
    assert second.state == "success"
    assert (second.xcom["read"], second.xcom["sent"]) == (3_000, 3_000)
    assert numbers(segment_sandbox) == list(range(3_000))


@needs_state_store
def test_a_retry_continues_where_the_last_try_stopped(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    path = write_lines(tmp_path / "a.jsonl", make_events(3_000, size=1_000))
    segment_sandbox.faults.add("status", status=501, contains='"n": 2500,', next=1)
    first = run_task(make_operator(path, concurrency=1))
    position = first.state_store[KEY]["notes"][CHECKPOINT]["position"]
    assert position == len(segment_sandbox.accepted) > 1_000
    second = run_task(make_operator(path), try_number=2, state_store=first.state_store)
    assert second.xcom["sent_before"] == position
    assert segment_sandbox.summary["duplicates"] == 0, "nothing was even sent twice"
    assert "An earlier try delivered everything up to" in second.log


@needs_state_store
def test_a_cleared_task_sends_everything_again(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    path = write_lines(tmp_path / "a.jsonl", make_events(100))
    first = run_task(make_operator(path))
    assert (first.state, first.xcom["sent_before"]) == ("success", 0)
    # When Airflow clears a task, max_tries increases; when it retries, it does not.
    cleared = make_operator(path)
    cleared.retries = 3
    second = run_task(cleared, try_number=2, state_store=first.state_store)
    assert (second.xcom["sent"], second.xcom["sent_before"]) == (100, 0)
    assert segment_sandbox.summary["dropped"] == {"duplicate": 100}
    retried = run_task(make_operator(path), try_number=2, state_store=first.state_store)
    assert (retried.xcom["sent"], retried.xcom["sent_before"]) == (100, 100)


@needs_state_store
def test_a_state_store_that_fails_does_not_stop_the_events(
    run_task: RunTask, segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.execution_time.context import TaskStateStoreAccessor

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the API server is down")

    monkeypatch.setattr(TaskStateStoreAccessor, "set", fail)
    run = run_task(make_operator(events=make_events(10)))
    assert run.state == "success" and run.xcom["sent"] == 10
    assert "the API server is down" in run.log


@pytest.mark.parametrize("killed", ["SIGKILL", "SIGTERM"])
def test_killed_halfway_and_retried(
    run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path, killed: str
) -> None:
    events = make_events(6_000, size=2_000)
    for event in events[3_000:]:
        event["late"] = True
    path = write_lines(tmp_path / "a.jsonl", events)
    on_its_way: Any = segment_sandbox.faults.add("held", contains='"late": true')
    started = run_task.start("tests.operators.test_batch_events:make_slow_operator", path)
    wait_until(lambda: on_its_way.hits == 2)  # all that go at once
    if killed == "SIGKILL":
        started.kill()
    else:
        os.kill(started._process.pid, signal.SIGTERM)
        on_its_way.released = 2
        if version("apache-airflow") < "3":
            with pytest.raises(RuntimeError, match="NOT sent"):  # Airflow 2 ends the process
                started.wait()
        else:
            run = started.wait()
            assert run.state == "up_for_retry"
            assert "NOT sent" in run.log and "stopped before the end of the input" in str(run.error)
    delivered = segment_sandbox.summary["accepted"]
    assert 3_000 < delivered < 6_000
    on_its_way.released = 6_000
    segment_sandbox.faults.clear()

    second = run_task(make_operator(path), try_number=2, state_store=started.state_store or None)
    assert second.state == "success"
    assert (second.xcom["read"], second.xcom["sent"], second.xcom["rejected"]) == (6_000, 6_000, {})
    assert numbers(segment_sandbox) == list(range(6_000)), "each exactly once"


def make_slow_operator(path: str) -> SegmentBatchEventsOperator:
    """Runs in the process that is killed: saves its position often enough for the test."""
    lease.CHECKPOINT_SECONDS = 0.05
    return make_operator(path, concurrency=2)


class EndlessWithTimeout:
    """Endless events; Airflow's task timeout fires at one of them."""

    def __iter__(self) -> Iterator[Any]:
        for n in itertools.count():
            if n == 5_000:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)
            yield from make_events(1)


def test_a_timeout_ends_it_with_a_report(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    run = run_task(make_operator(events=EndlessWithTimeout(), execution_timeout=timedelta(hours=1)))
    assert run.state == "up_for_retry"
    assert "Sending ended early." in run.log and "NOT sent" in run.log
    assert not sending_threads()


# Sample events


def test_events_of_every_kind(run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path) -> None:
    events, rejects = [*WITHOUT_ID, *ONE_OF_EACH_KIND], tmp_path / "rejects.jsonl"
    path = write_lines(tmp_path / "events.jsonl", events)
    report = run_task(make_operator(path, rejects_path=str(rejects), max_rejected=None)).xcom
    assert report["read"] == report["sent"] + sum(report["rejected"].values()) == len(events)
    # Two of them share a messageId.
    assert segment_sandbox.summary["dropped"] == {"duplicate": 1}, "else nothing is dropped behind a 200"
    assert len(segment_sandbox.accepted) == report["sent"] - 1
    assert report["rejected"] == {"missing_id": len(WITHOUT_ID)}
    assert [letter["event"] for letter in read_lines(rejects)] == WITHOUT_ID


def test_many_different_events(run_task: RunTask, segment_sandbox: Sandbox, tmp_path: Path) -> None:
    events = list(commits(21_011, without_author=1_000))
    path = write_lines(tmp_path / "commits.jsonl", events)
    (tmp_path / "commits.jsonl.gz").write_bytes(gzip.compress(Path(path).read_bytes()))
    rejects = tmp_path / "rejects.jsonl"
    segment_sandbox.faults.add("reset", when="after", rate=0.1)
    for name in ("commits.jsonl", "commits.jsonl.gz"):
        run = run_task(make_operator(str(tmp_path / name), rejects_path=str(rejects), max_rejected=None))
        report = run.xcom
        assert report["read"] == 21_011 == report["sent"] + sum(report["rejected"].values())
        assert report["rejected"] == {"missing_id": 22}
    accepted = {
        (event["properties"]["repository"], event["properties"]["commit"])
        for event in segment_sandbox.accepted
    }
    rejected = len(read_lines(rejects))
    assert len(accepted) == len(segment_sandbox.accepted) == 21_011 - rejected
