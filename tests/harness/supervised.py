"""One try of a task on Airflow 3.3 as a worker runs it: its process, and over it Airflow's real supervisor.

Only the API server is replaced: it is in the supervisor's memory, and a test has it fail. The same module is
the process of the supervisor: `python -m tests.harness.supervised`.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import subprocess
import sys
import uuid
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
        (folder / "try.pickle").write_bytes(pickle.dumps((dag_file, task, which_try)))
        bundle = {
            "name": "tests",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(dag_file.parent)},
        }
        settings = {
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder),
            # Each call that fails is told at once, and no heartbeat that fails ends the task.
            "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "1",
            "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "100000",
        }
        with (folder / "output").open("wb") as output:
            self.supervisor = subprocess.Popen(
                [sys.executable, "-m", "tests.harness.supervised", str(folder)],
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
    def ended(self) -> bool:
        """Whether the task's process is gone. A zombie is: in a container nobody may collect an orphan."""
        pid = self._folder / "pid"
        if not pid.exists():
            return False
        try:
            return bool(psutil.Process(int(pid.read_text())).status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return True

    def end(self) -> None:
        """Leave no process behind."""
        self.supervisor.kill()
        self.supervisor.wait()
        if (self._folder / "pid").exists() and not self.ended:
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(int((self._folder / "pid").read_text())).kill()


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


def main(folder: Path) -> None:
    import importlib.util

    import httpx
    from airflow.sdk.api.client import Client
    from airflow.sdk.api.datamodels._generated import BundleInfo, TaskInstance
    from airflow.sdk.execution_time.supervisor import supervise_task

    from tests.harness.airflow_3 import NOT_FOUND, ExecutionAPI

    dag_file, (dag_id, task_id), which_try = pickle.loads((folder / "try.pickle").read_bytes())
    spec = importlib.util.spec_from_file_location(dag_file.stem, dag_file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    api = ExecutionAPI(module.DAGS[dag_id].get_task(task_id), which_try)

    def answer(request: httpx.Request) -> httpx.Response:
        how = (folder / "how.txt").read_text() if (folder / "how.txt").exists() else ""
        if how:
            with (folder / "asked").open("a") as asked:
                asked.write(".")
        if how == "away":
            raise httpx.ConnectError("refused", request=request)
        if how == "replaced" and "/store/" in request.url.path:
            return NOT_FOUND
        if request.url.path.endswith("/run"):
            write_whole(folder / "pid", str(json.loads(request.content)["pid"]))
        answered = api(request)
        write_whole(folder / "store.json", json.dumps(api.store))
        write_whole(folder / "xcom.json", json.dumps(api.pushed.get("return_value")))
        return answered

    with Client(base_url=None, token="", dry_run=True, transport=httpx.MockTransport(answer)) as client:
        code = supervise_task(
            ti=TaskInstance(
                id=uuid.uuid4(),
                task_id=task_id,
                dag_id=dag_id,
                run_id=which_try.run_id,
                try_number=which_try.try_number,
                map_index=-1,
                dag_version_id=uuid.uuid4(),
            ),
            bundle_info=BundleInfo(name="tests"),
            dag_rel_path=dag_file.name,
            token="",
            client=client,
            log_path="task.log",
        )
    sys.exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
