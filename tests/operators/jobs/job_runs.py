"""Runs job operators, each through all its tries and deferrals; what tests of jobs share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import version
from typing import Any

import pytest

from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.tasks.jobs import SegmentJobOperator
from airflow_provider_segment.tasks.memory import KEY
from tests.harness.task_runner import RunTask, TaskRun

needs_state_store = pytest.mark.skipif(version("apache-airflow") < "3.3", reason="no task state store")

answer_lost = pytest.mark.parametrize(
    "lost",
    [{"kind": "reset"}, {"kind": "truncated"}, {"kind": "not_json"}, {"kind": "status", "status": 502}],
    ids=lambda fault: fault["kind"],
)
NO_EVENTS = [None, {}, {"status": "?"}, "x"]
"""What a trigger never says."""


class RunJob:
    """Runs job operators in one mode, each to its end, with three tries."""

    def __init__(self, run_task: RunTask, caplog: pytest.LogCaptureFixture, *, deferrable: bool) -> None:
        self.deferrable = deferrable
        self.was_deferred = False
        self.kept = ""
        """All that Airflow shows or keeps of the tries so far, except their logs."""
        self._run_task = run_task
        self._caplog = caplog

    def operator(self, operator: type[Any], **arguments: Any) -> Any:
        defaults: dict[str, Any] = {"task_id": "job", "retries": 2, "retry_delay": timedelta(0)}
        if "deferrable" in operator.template_fields:
            defaults["deferrable"] = self.deferrable
        if issubclass(operator, SegmentJobOperator):
            defaults |= {"poll_interval": 0.05, "timeout": 600}
        return operator(**{**defaults, **arguments})

    def __call__(self, operator: type[Any], *, after: TaskRun | None = None, **arguments: Any) -> TaskRun:
        """:param after: the try before this one"""
        which = {"try_number": 2, "state_store": after.state_store or None} if after else {}
        return self.run(self.operator(operator, **arguments), **which)

    def run(self, operator: Any, **which: Any) -> TaskRun:
        run = self._run_task(operator, **which)
        while run.deferred:
            self._keep(run)
            self.was_deferred = True
            run = self._run_task.resume(operator, run, **which)
        self._keep(run)
        run.log += self._caplog.text  # what the trigger logged
        return run

    def deferred(self, operator: type[Any], **arguments: Any) -> tuple[Any, TaskRun]:
        """An operator, and its run up to its deferral."""
        made = self.operator(operator, deferrable=True, **arguments)
        run = self._run_task(made)
        assert run.deferred, run.error
        return made, run

    def _keep(self, run: TaskRun) -> None:
        trigger = run.deferred and run.deferred.kwargs
        kept = [run.xcoms, run.rendered, run.state_store, run.asset_events, trigger]
        self.kept += json.dumps(kept, default=str)


def asked(sandbox: Sandbox, method: str, path: str) -> list[dict[str, Any]]:
    """The received requests to an endpoint."""
    return [each for each in sandbox.requests if (each["method"], each["path"]) == (method, path)]


def notes_of(store: dict[str, Any]) -> dict[str, Any]:
    """What a try has noted for the next one."""
    notes: dict[str, Any] = store.get(KEY, {}).get("notes", {})
    return notes


def wait_until(condition: Callable[[], Any], seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not reached in {seconds:.0f} s"
        time.sleep(0.02)


GRACE = timedelta(hours=1)


def keys(sandbox: Sandbox) -> list[str]:
    found: list[str] = sandbox.state.collections["/sources"][sandbox.source_id]["writeKeys"]
    return found


class Vault:
    """Receives new keys."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.arguments = {"source_id": sandbox.source_id, "hand_over": self.put, "grace": GRACE}
        self.got: list[str] = []
        self.good_then: list[str] = []
        self._sandbox = sandbox

    def put(self, key: str, context: Any) -> None:
        context["ti"].task.log.info("somebody logs the key %s", key)
        self.got.append(key)
        self.good_then = list(keys(self._sandbox))

    def refuse(self, key: str, context: Any) -> None:
        self.put(key, context)
        raise PermissionError("the vault is sealed")
