"""Sending tasks under Airflow's real supervisor, in real processes, one of which is killed or replaced."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from airflow_provider_segment.operators.events import CHECKPOINT
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.tasks.memory import KEY
from tests.events.test_send import make_events, numbers, write_lines
from tests.harness.supervised import Supervise, Supervised
from tests.operators.test_batch_events import wait_until

pytestmark = pytest.mark.core
needs_state_store = pytest.mark.skipif(version("apache-airflow") < "3.3", reason="no task state store")

DAG_FILE = Path(__file__).parent / "dags" / "leased_sends.py"
FILE = ("leased_sends", "file")
FUNCTION = ("leased_sends", "function")
EVENTS = 100_000
RATE = 200
"""Events a second, so that no try comes to its end by itself."""


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Supervise]:
    supervise = Supervise(tmp_path)
    yield supervise
    supervise.end()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return write_lines(tmp_path / "events.jsonl", make_events(EVENTS))


def position(task: Supervised) -> float:
    notes = task.state_store.get(KEY, {}).get("notes", {})
    return float(notes.get(CHECKPOINT, {}).get("position", 0))


def assert_the_next_try_sends_the_rest(
    supervise: Supervise, sandbox: Sandbox, before: Supervised, path: str
) -> None:
    """Each event once, and those twice on their way that came after the last checkpoint."""
    sent = sandbox.summary["accepted"]
    assert sent < EVENTS
    task = supervise(DAG_FILE, FILE, try_number=2, conf={"path": path}, state_store=before.state_store)
    assert task.supervisor.wait() == 0, task.log
    report = task.xcom
    assert (report["sent"], report["sent_before"]) == (EVENTS, position(before))
    assert numbers(sandbox) == list(range(EVENTS))
    assert sandbox.summary["duplicates"] == sent - report["sent_before"]


@needs_state_store
def test_a_task_whose_supervisor_is_killed_ends_by_itself(
    supervise: Supervise, segment_sandbox: Sandbox, path: str
) -> None:
    task = supervise(DAG_FILE, FILE, conf={"path": path, "rate": RATE})
    wait_until(lambda: position(task) > 0)
    task.supervisor.kill()
    task.supervisor.wait()
    wait_until(lambda: task.ended)
    assert_the_next_try_sends_the_rest(supervise, segment_sandbox, task, path)


def test_so_does_one_that_has_no_checkpoint(supervise: Supervise, segment_sandbox: Sandbox) -> None:
    task = supervise(DAG_FILE, FUNCTION, conf={"rate": RATE})
    wait_until(lambda: segment_sandbox.summary["accepted"] > RATE)
    wait_until(lambda: task.started)
    task.supervisor.kill()
    task.supervisor.wait()
    wait_until(lambda: task.ended)
    assert segment_sandbox.summary["accepted"] < EVENTS


@needs_state_store
def test_a_try_that_was_replaced_stops(supervise: Supervise, segment_sandbox: Sandbox, path: str) -> None:
    task = supervise(DAG_FILE, FILE, conf={"path": path, "rate": RATE})
    wait_until(lambda: position(task) > 0)
    task.let_api_answer("replaced")  # its heartbeats are still accepted
    task.supervisor.wait()
    assert "Airflow has replaced this try of the task" in task.log
    assert_the_next_try_sends_the_rest(supervise, segment_sandbox, task, path)


@needs_state_store
def test_an_api_server_that_is_away_for_a_while_stops_nothing(
    supervise: Supervise, segment_sandbox: Sandbox, path: str
) -> None:
    task = supervise(DAG_FILE, FILE, conf={"path": path, "rate": RATE * 100})
    wait_until(lambda: position(task) > 0)
    task.let_api_answer("away")
    wait_until(lambda: task.asked >= 1)
    reached = position(task)
    wait_until(lambda: task.asked >= 3)
    sent = segment_sandbox.summary["accepted"]
    wait_until(lambda: segment_sandbox.summary["accepted"] > sent)
    assert position(task) == reached < EVENTS
    task.let_api_answer(None)
    assert task.supervisor.wait() == 0, task.log
    assert (task.xcom["sent"], task.xcom["sent_before"]) == (EVENTS, 0)
    assert segment_sandbox.summary["duplicates"] == 0
    assert task.log.count("The checkpoint could not be saved") == 1
