"""`segment_airflow.run(dag)`: a whole DAG run in this process, and what came of it."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from airflow_provider_segment.testing.airflow_versions import run_dag, xcoms
from airflow_provider_segment.testing.simulated_time import simulated_time
from airflow_provider_segment.testing.throw_away_airflow import BUNDLE, airflow_in

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_segment.sandbox import Sandbox


@dataclass(frozen=True)
class DagRunResult:
    """What came of a DAG run. A mapped task has a name per index: `send[0]`."""

    state: str
    """Of the run: `success` or `failed`."""
    states: dict[str, str | None]
    """By task."""
    xcoms: dict[str, dict[str, Any]]
    """By task and key: `xcoms["send"]["return_value"]`."""
    log: str = field(repr=False)
    """What Airflow and the tasks logged and printed."""
    accepted: list[dict[str, Any]] = field(repr=False)
    """The events that the sandbox accepted during the run, as `Sandbox.accepted` has them."""
    dropped: list[dict[str, Any]] = field(repr=False)
    """Those that it dropped, as `Sandbox.dropped` has them."""
    requests: list[dict[str, Any]] = field(repr=False)
    """The requests that it answered, as `Sandbox.requests` has them."""


class SegmentAirflow:
    """A throw-away Airflow whose connection `segment_default` leads to the sandbox.

    :param folder: where its database is, and what it writes
    """

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self._folder = folder
        self._sandbox = sandbox

    def run(
        self,
        dag: DAG,
        *,
        conf: dict[str, Any] | None = None,
        logical_date: datetime | None = None,
        real_time: bool = False,
    ) -> DagRunResult:
        """Run a DAG from any place to its end, retries and deferred tasks included, one task after the other.

        Nobody waits: waits for Segment and sensors move the sandbox's clock, and retries come at once. A
        sensor with ``mode="reschedule"`` polls as with ``mode="poke"``.

        :param conf: the run's configuration, which overrides the DAG's params
        :param logical_date: by default now
        :param real_time: let everybody wait
        """
        sandbox = self._sandbox
        before = [len(each) for each in received_by(sandbox)]
        with airflow_in(self._folder), pytest.MonkeyPatch.context() as monkeypatch, logged() as log:
            if not real_time:
                without_delays(monkeypatch, dag)
            with nullcontext() if real_time else simulated_time(monkeypatch, sandbox):
                run = run_dag(dag, BUNDLE, conf, logical_date)
            states = {name_of(each): state_of(each) for each in run.get_task_instances()}
            pushed: dict[str, dict[str, Any]] = {}
            for row, value in xcoms(run):
                pushed.setdefault(name_of(row), {})[row.key] = value
        received = [each[count:] for each, count in zip(received_by(sandbox), before, strict=True)]
        return DagRunResult(str(state_of(run)), states, pushed, log.getvalue(), *received)


def received_by(sandbox: Sandbox) -> tuple[list[dict[str, Any]], ...]:
    return sandbox.accepted, sandbox.dropped, sandbox.requests


def without_delays(monkeypatch: pytest.MonkeyPatch, dag: Any) -> None:
    """Retry at once, and do not reschedule sensors: Airflow compares those times with its own clock."""
    for task in dag.tasks:
        arguments = task.partial_kwargs if hasattr(task, "partial_kwargs") else vars(task)
        monkeypatch.setitem(arguments, "retry_delay", timedelta(0))
        if growing := arguments.get("retry_exponential_backoff"):
            monkeypatch.setitem(arguments, "retry_exponential_backoff", type(growing)())
        if arguments.get("mode") == "reschedule":
            monkeypatch.setitem(arguments, "mode", "poke")


def name_of(instance: Any) -> str:
    index: int = instance.map_index
    return str(instance.task_id) if index < 0 else f"{instance.task_id}[{index}]"


def state_of(instance: Any) -> str | None:
    state = instance.state
    return state and str(getattr(state, "value", state))


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """What is printed, and what Airflow's own handler of logs writes, secrets masked."""
    text, unused = io.StringIO(), logging.StreamHandler(io.StringIO())
    tasks = logging.getLogger("airflow.task")
    with ExitStack() as stack:
        stdout: Any = stack.enter_context(redirect_stdout(cast("Any", Tee(sys.stdout, text))))
        for handler in logging.getLogger().handlers:
            # Airflow 3's writes to what stdout was when it was set up; Airflow 2's to what it is.
            if handler.name == "default" and isinstance(handler, logging.StreamHandler):
                stack.callback(handler.setStream, handler.stream)
                handler.setStream(stdout)
        tasks.addHandler(unused)  # or `dag.test()` of Airflow 2 adds one for stdout, and leaves it there
        stack.callback(tasks.removeHandler, unused)
        yield text


class Tee:
    """A stream that writes to another one, too."""

    def __init__(self, stream: Any, other: io.StringIO) -> None:
        self._stream = stream
        self._other = other

    def write(self, text: str) -> int:
        self._other.write(text)
        return int(self._stream.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
