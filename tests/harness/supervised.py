"""One try of a task as a worker runs it: its process, and over it, in another one, Airflow's real supervisor.

On Airflow 3.3 the API server is replaced by one in the supervisor's memory, and a test can have that fail.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped,unused-ignore]

from tests.harness.task_runner import REPOSITORY, Try, write_whole


class Supervised:
    """A try that was started.

    :param folder: of its own, for what the processes tell each other
    :param dag_file: where the task's DAG is
    :param task: the id of the DAG, and of the task
    """

    def __init__(self, folder: Path, dag_file: Path, task: tuple[str, str], which_try: Try) -> None:
        folder.mkdir()
        self._folder = folder
        self._store = folder / "store.json"
        self._pid = folder / "pid"
        (folder / "try.pickle").write_bytes(pickle.dumps((dag_file, task, which_try)))
        bundle = {
            "name": "tests",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(dag_file.parent)},
        }
        settings = {
            "AIRFLOW_HOME": str(folder),  # Airflow 2 needs a database
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder),
            # Each call that fails is told at once, and no heartbeat that fails ends the task.
            "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "1",
            "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "100000",
        }
        major = version("apache-airflow").partition(".")[0]
        with (folder / "output").open("wb") as output:
            self.supervisor = subprocess.Popen(
                [sys.executable, "-m", f"tests.harness.supervisor_{major}", str(folder)],
                cwd=REPOSITORY,
                env={**os.environ, **settings},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        """What the task logged, as long as there was a supervisor, and what both printed."""
        files = [self._folder / "task.log", self._folder / "output"]
        return "\n".join(file.read_text(errors="replace") for file in files if file.exists())

    @property
    def state_store(self) -> dict[str, Any]:
        """What Airflow would keep for the next try now."""
        return json.loads(self._store.read_text()) if self._store.exists() else {}

    @property
    def xcom(self) -> Any:
        """What the task returned."""
        return json.loads((self._folder / "xcom.json").read_text())

    def let_api_answer(self, how: str | None) -> None:
        """From now on the API server is `away`, or says that the task instance was `replaced`."""
        if how:
            write_whole(self._folder / "how.txt", how)
        else:
            (self._folder / "how.txt").unlink()

    @property
    def asked(self) -> int:
        """How often the API server was asked since it answers otherwise."""
        asked = self._folder / "asked"
        return asked.stat().st_size if asked.exists() else 0

    @property
    def started(self) -> bool:
        """Whether the task's process is known."""
        return self._pid.exists()

    @property
    def ended(self) -> bool:
        """Whether the task's process is gone. A zombie is: in a container nobody may collect an orphan."""
        try:
            return bool(psutil.Process(int(self._pid.read_text())).status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return True

    def end(self) -> None:
        """Leave no process behind."""
        self.supervisor.kill()
        self.supervisor.wait()
        if self.started:
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(int(self._pid.read_text())).kill()


class Supervise:
    """The fixture `supervise`: starts tries of a task."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Supervised] = []

    def __call__(self, dag_file: Path, task: tuple[str, str], **which_try: Any) -> Supervised:
        """Start one try of a task; the keywords are the fields of `Try`."""
        folder = self._folder / f"try-{len(self._started)}"
        started = Supervised(folder, dag_file, task, Try(**which_try))
        self._started.append(started)
        return started

    def end(self) -> None:
        for started in self._started:
            started.end()
