"""Runs one try of an operator through Airflow's real task runner, on Airflow 3.3 and on 2.11.

`run = run_task(operator)` runs it in this process; `run_task.start("module:function")` in another one,
which a test may kill. The same module is that other process: `python -m tests.harness.task_runner`.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
import importlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

DAG_ID = "tests"
LOGICAL_DATE = datetime(2026, 1, 2, tzinfo=timezone.utc)
REPOSITORY = Path(__file__).parents[2]

FIRE: Any = object()
"""Have the trigger fire its own event."""

Upstream = Mapping[tuple[str, str] | tuple[str, str, int], Any]
"""What tasks pushed, by (task_id, key), or, of mapped ones, by (task_id, key, map_index)."""


@dataclass(frozen=True)
class Try:
    """Which try of which task instance to run, and what Airflow has kept for it."""

    try_number: int = 1
    max_tries: int | None = None  # by default the task's retries; a clear sets it to the last try + retries
    clear_number: int = 0  # how often something in the DAG run was cleared
    map_index: int = -1
    run_id: str = "scheduled__2026-01-02T00:00:00+00:00"
    logical_date: datetime | None = LOGICAL_DATE
    conf: dict[str, Any] = field(default_factory=dict)
    xcoms: Upstream = field(default_factory=dict)
    state_store: dict[str, Any] | None = None
    state_store_file: Path | None = None  # each change of the store is also written here
    resume: tuple[str, dict[str, Any]] | None = None  # after a deferral: the method to resume, its kwargs
    first_reschedule: datetime | None = None  # when it was first rescheduled


@dataclass
class Deferred:
    """What a try handed to the triggerer, as Airflow keeps it."""

    classpath: str
    kwargs: dict[str, Any]
    next_method: str
    timeout: timedelta | None
    next_kwargs: dict[str, Any] = field(default_factory=dict)  # for the method, besides the event

    def fire(self) -> dict[str, Any]:
        """Run the trigger as a triggerer does, to its first event; what the task is resumed with."""
        module, _, name = self.classpath.rpartition(".")
        trigger = getattr(importlib.import_module(module), name)(**self.kwargs)

        async def first_event() -> Any:
            async for event in trigger.run():
                return event.payload
            raise RuntimeError("the trigger ended without an event")

        return {"event": json.loads(json.dumps(asyncio.run(first_event())))}


@dataclass
class TaskRun:
    """What one try left behind."""

    state: str  # success, failed, up_for_retry, skipped, deferred, ...
    error: BaseException | None
    xcoms: dict[str, Any]  # what the task pushed, by key
    rendered: dict[str, Any]  # its template fields, as Airflow shows them
    state_store: dict[str, Any]  # context["task_state_store"]; always empty before Airflow 3.3
    log: str  # all that was logged, debug lines included, before Airflow masks secrets
    deferred: Deferred | None = None
    asset_events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # URI, extra
    partitions: list[tuple[str, str]] = field(default_factory=list)  # of their assets: URI, key

    @property
    def xcom(self) -> Any:
        """What `execute` returned."""
        return self.xcoms.get("return_value")


@functools.cache
def runner() -> Callable[[Any, Try], TaskRun]:
    """The entry point to the task runner of the installed Airflow."""
    major = version("apache-airflow").partition(".")[0]
    return importlib.import_module(f"tests.harness.airflow_{major}").run_try  # type: ignore[no-any-return]


class RunTask:
    """The fixture `run_task`."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="run-task-")
        self._started: list[StartedTry] = []

    def __enter__(self) -> RunTask:
        return self

    def __exit__(self, *_: object) -> None:
        for started in self._started:
            started.kill()
        self._folder.cleanup()

    def __call__(self, operator: Any, **which_try: Any) -> TaskRun:
        """Run one try of `operator` in this process; the keywords are the fields of `Try`."""
        return runner()(operator, Try(**which_try))

    def to_end(self, operator: Any, **which_try: Any) -> TaskRun:
        """Run one try to its end: through its deferrals, triggers included. XComs of all phases come back."""
        run = self(operator, **which_try)
        while run.deferred:
            run = self.resume(operator, run, **which_try)
        return run

    def resume(self, operator: Any, run: TaskRun, event: Any = FIRE, **which_try: Any) -> TaskRun:
        """Resume a deferred try.

        :param event: the payload of the trigger's event, instead of running the trigger
        """
        assert run.deferred
        method = run.deferred.next_method
        try:
            kwargs = run.deferred.fire() if event is FIRE else {"event": event}
            kwargs |= run.deferred.next_kwargs
        except Exception as error:  # as the triggerer reports one
            method, kwargs = "__fail__", {"error": "Trigger failure", "traceback": [repr(error)]}
        store = run.state_store or which_try.pop("state_store", None)
        after = self(operator, **{**which_try, "state_store": store, "resume": (method, kwargs)})
        after.xcoms = {**run.xcoms, **after.xcoms}
        after.log = run.log + after.log
        return after

    def start(self, factory: str, *arguments: Any, **which_try: Any) -> StartedTry:
        """Start one try, in another process, of the operator that `factory` ("module:function") makes."""
        folder = Path(tempfile.mkdtemp(dir=self._folder.name))
        started = StartedTry(
            factory, arguments, Try(**which_try, state_store_file=folder / "store.json"), folder
        )
        self._started.append(started)
        return started


class StartedTry:
    """A try that runs in its own process."""

    def __init__(self, factory: str, arguments: tuple[Any, ...], which_try: Try, folder: Path) -> None:
        self._folder = folder
        self._try = which_try
        (folder / "try.pickle").write_bytes(pickle.dumps((factory, arguments, which_try)))
        with (folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.harness.task_runner", str(folder)],
                cwd=REPOSITORY,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def state_store(self) -> dict[str, Any]:
        """What Airflow would keep for the next try now."""
        file = self._try.state_store_file
        return json.loads(file.read_text()) if file and file.exists() else dict(self._try.state_store or {})

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def terminate(self) -> None:
        """SIGTERM, as Airflow sends it to a task that a user ends."""
        self._process.terminate()

    def kill(self) -> None:
        """SIGKILL: the process cannot react."""
        self._process.kill()
        self._process.wait()

    def wait(self, timeout: float = 600) -> TaskRun:
        """Wait for the try's end. RuntimeError: it was killed, or crashed before it could report."""
        code = self._process.wait(timeout)
        if code:
            output = (self._folder / "output").read_text(errors="replace")
            raise RuntimeError(f"the task's process ended with {code}: {output}")
        return TaskRun(**pickle.loads((self._folder / "run.pickle").read_bytes()))


def main(folder: Path) -> None:
    factory, arguments, which_try = pickle.loads((folder / "try.pickle").read_bytes())
    module, _, function = factory.partition(":")
    run = runner()(getattr(importlib.import_module(module), function)(*arguments), which_try)
    try:
        pickle.loads(pickle.dumps(run.error))
    except Exception:
        run.error = RuntimeError(repr(run.error))
    (folder / "run.pickle").write_bytes(pickle.dumps(vars(run)))


@contextlib.contextmanager
def params_untouched(operator: Any) -> Iterator[None]:
    """Keep a run's conf out of the next: Airflow writes it into the DAG's own Params."""
    before = copy.deepcopy((operator.params, operator.dag.params))
    try:
        yield
    finally:
        operator.params, operator.dag.params = before


def write_whole(file: Path, text: str) -> None:
    """Write a file atomically."""
    beside = file.with_suffix(".new")
    beside.write_text(text)
    os.replace(beside, file)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
