"""A real Airflow 3.3 for a few minutes: with API server, scheduler, triggerer; SQLite and LocalExecutor.

    with ThrowawayAirflow(home, dags=[folder]) as airflow:
        run = airflow.run_dag("nightly_backfill", conf={...})
        assert run["state"] == "success"

The home folder is filled and left behind (it holds the logs); the processes never outlive the `with`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx  # noqa: TID253  (no scheduler imports this file)
import psutil  # type: ignore[import-untyped,unused-ignore]
from typing_extensions import Self

T = TypeVar("T")
LOCKED = re.compile("Database error|Database is locked")
LOCKED_AT_MOST = 5
FINISHED = {"success", "failed"}
PATIENCE = 900
"""Seconds to wait for anything: a busy machine is no failure. A process that has died is noticed sooner."""
# Read by each process of Airflow.
LOCAL_SETTINGS = """# Lets SQLite read while it writes, and not wait for the disk.
import os

from sqlalchemy import event
from sqlalchemy.engine import Engine


@event.listens_for(Engine, "connect")
def tune(connection, _):
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = OFF")
    cursor.execute(f"PRAGMA busy_timeout = {os.environ['SQLITE_BUSY_MS']}")
    cursor.close()
"""


BUSY_MS = {"api-server": 5_000}
"""Milliseconds for which a component waits while SQLite is locked. The API server may wait for itself: one
session of a request for another one. It gives up first, and its client asks again."""
OTHERS_BUSY_MS = 30_000


class ThrowawayAirflow:
    """Airflow in separate processes, controlled through its REST API."""

    local_settings = LOCAL_SETTINGS
    healthy_parts: tuple[str, ...] = ("metadatabase", "scheduler", "dag_processor", "triggerer")

    def __init__(
        self,
        home: Path,
        dags: Sequence[Path],
        *,
        environment: Mapping[str, str] | None = None,
        port: int = 0,
    ) -> None:
        self.home = home
        self._reserved = reserved_port(port)
        self.port = self._reserved.getsockname()[1]
        self.url = f"http://localhost:{self.port}"
        self.log = home / "logs" / "throwaway-airflow.log"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")},
            **settings(home, dags, self.port, self.url),
            "SQLITE_BUSY_MS": str(OTHERS_BUSY_MS),
            **(environment or {}),
        }
        self._components: dict[str, subprocess.Popen[bytes]] = {}
        self._sessions: set[int] = set()  # of all that were ever started: a child may outlive its parent
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            (self.home / "config").mkdir(exist_ok=True)
            (self.home / "config" / "airflow_local_settings.py").write_text(self.local_settings)
            self._output = stack.enter_context(self.log.open("ab"))
            self._api = stack.enter_context(
                httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False)
            )
            stack.enter_context(self._reserved)
            stack.callback(self._stop)
            self._start("db", "migrate").wait()
            self.start_components()
            self.wait_for("Airflow", self.healthy)
            token = self._api.get("/auth/token").raise_for_status().json()["access_token"]
            self._api.headers["Authorization"] = f"Bearer {token}"
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    # The REST API

    def get(self, path: str, **query: Any) -> Any:
        """GET /api/v2/<path>. Raises httpx.HTTPStatusError if the answer is an error."""
        return self._answer("GET", path, params=query)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._answer("POST", path, json=body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._answer("PATCH", path, json=body)

    def _answer(self, method: str, path: str, **options: Any) -> Any:
        response = self._api.request(method, f"/api/v2/{path}", **options)
        for _ in range(LOCKED_AT_MOST):
            # Concurrent writes sometimes find SQLite locked; a failed one has changed nothing.
            if not (response.is_server_error and LOCKED.search(response.text)):
                break
            time.sleep(1)
            response = self._api.request(method, f"/api/v2/{path}", **options)
        if response.is_error:
            response.read()
            raise httpx.HTTPStatusError(
                f"{response.status_code} {response.text}", request=response.request, response=response
            )
        return response.json() if response.content else None

    def add_connection(self, conn_id: str, **fields: Any) -> Any:
        """Make a connection; `extra` is given as a dict."""
        return self.post("connections", self._connection(conn_id, fields))

    def get_connection(self, conn_id: str) -> Any:
        return self.get(f"connections/{conn_id}")

    def test_connection(self, conn_id: str, **fields: Any) -> Any:
        """What the test button does: {"status": bool, "message": str}."""
        return self.post("connections/test", self._connection(conn_id, fields))

    @staticmethod
    def _connection(conn_id: str, fields: dict[str, Any]) -> dict[str, Any]:
        return {"connection_id": conn_id, **fields, "extra": json.dumps(fields.get("extra", {}))}

    # DAG runs

    def trigger_dag(
        self, dag_id: str, *, conf: Mapping[str, Any] | None = None, logical_date: datetime | None = None
    ) -> str:
        """Wait for the DAG, unpause it, start a run, and return the run id."""
        self.wait_for(f"DAG {dag_id}", lambda: self._parsed(dag_id))
        self.patch(f"dags/{dag_id}", {"is_paused": False})
        date = logical_date and logical_date.isoformat()
        run = self.post(f"dags/{dag_id}/dagRuns", {"conf": dict(conf or {}), "logical_date": date})
        return str(run["dag_run_id"])

    def wait_for_run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Wait until a DAG run has ended, and return it."""

        def ended() -> dict[str, Any] | None:
            run: dict[str, Any] = self.get(f"dags/{dag_id}/dagRuns/{run_id}")
            return run if run["state"] in FINISHED else None

        return self.wait_for(f"run {run_id} of {dag_id}", ended)

    def run_dag(
        self,
        dag_id: str,
        *,
        conf: Mapping[str, Any] | None = None,
        logical_date: datetime | None = None,
    ) -> dict[str, Any]:
        """Start a DAG run, wait for its end, and return it: ["state"] is "success" or "failed"."""
        run_id = self.trigger_dag(dag_id, conf=conf, logical_date=logical_date)
        return self.wait_for_run(dag_id, run_id)

    def task(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """The task instance: its state, try_number, pid, ..."""
        found: dict[str, Any] = self.get(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}")
        return found

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """The log of one try, one line per entry, as Airflow shows it."""
        place = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        entries = self.get(place, full_content=True)["content"]
        return "\n".join(entry if isinstance(entry, str) else json.dumps(entry) for entry in entries)

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        place = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.get(place, deserialize=True)["value"]

    def kill_task(self, dag_id: str, run_id: str, task_id: str) -> None:
        """SIGKILL the process that runs the task, as the kernel does when out of memory."""
        os.kill(self.task(dag_id, run_id, task_id)["pid"], signal.SIGKILL)

    def set_task_state(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Mark a task as failed or successful, as a user does in the UI."""
        self.patch(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}", {"new_state": state})

    def wait_for_task(self, dag_id: str, run_id: str, task_id: str, state: str) -> dict[str, Any]:
        """Wait until a task is in a state, such as "deferred"."""

        def reached() -> dict[str, Any] | None:
            task = self.task(dag_id, run_id, task_id)
            return task if task["state"] == state else None

        return self.wait_for(f"{task_id} {state}", reached)

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """The runs of a DAG, the oldest first."""
        found: list[dict[str, Any]] = self.get(f"dags/{dag_id}/dagRuns", order_by="run_after", limit=100)[
            "dag_runs"
        ]
        return found

    def unpause(self, dag_id: str) -> None:
        """Wait for a DAG, then unpause it, so that its schedule or assets start it."""
        self.wait_for(f"DAG {dag_id}", lambda: self._parsed(dag_id))
        self.patch(f"dags/{dag_id}", {"is_paused": False})

    def parse_again(self, dag_id: str) -> None:
        """Have the file of a DAG parsed now, not when its turn comes."""
        self._answer("PUT", f"parseDagFile/{self.get(f'dags/{dag_id}')['file_token']}")

    def wait_for(self, what: str, ready: Callable[[], T | None]) -> T:
        """Wait until `ready` returns something true, and return that.

        :param what: what is waited for, for the error
        :raises RuntimeError: one of Airflow's processes has stopped
        :raises TimeoutError: after `PATIENCE`
        """
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if answer := ready():
                return answer
            for name, process in self._components.items():
                if process.poll() is not None and (name != "db" or process.returncode):
                    raise RuntimeError(f"Airflow's {name} has stopped; its log is {self.log}")
            time.sleep(0.2)
        raise TimeoutError(f"{what}: not after {PATIENCE} s; Airflow's log is {self.log}")

    # Processes

    def start_components(self) -> None:
        """Start what Airflow consists of."""
        self._start("api-server")
        self._start("scheduler", "--skip-serve-logs")
        self._start("dag-processor")
        self.start_triggerer()

    def start_triggerer(self) -> None:
        """Start the triggerer."""
        self._start("triggerer", "--skip-serve-logs")

    def stop_triggerer(self, *, kill: bool = False) -> None:
        """Stop it: gracefully, as a deployment does, or killed with all its children, as in a crash."""
        if kill:
            self.kill("triggerer")
        else:
            process = self._components.pop("triggerer")
            process.terminate()
            process.wait()

    def kill(self, name: str) -> None:
        """SIGKILL a component with all its children, as when its machine fails."""
        process = self._components.pop(name)
        for each in list(processes_of({process.pid})):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait()

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Airflow's command line, and return how it ended and what it said."""
        command = [sys.executable, "-m", "airflow", *arguments]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)

    def _start(self, *command: str, name: str | None = None) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", *command],
            env={**self._environment, "SQLITE_BUSY_MS": str(BUSY_MS.get(command[0], OTHERS_BUSY_MS))},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._components[name or command[0]] = process
        self._sessions.add(process.pid)
        return process

    def _stop(self) -> None:
        """Kill every process of every component; workers and tasks share its session, not its group."""
        while processes := list(processes_of(self._sessions)):
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(processes, timeout=1)
        for component in self._components.values():
            component.wait()

    def healthy(self) -> bool:
        """Whether all of Airflow is up, its API server included."""
        with contextlib.suppress(httpx.TransportError):
            answer = self._api.get("/api/v2/monitor/health")
            parts = answer.json() if answer.is_success else {}
            return all(parts.get(part, {}).get("status") == "healthy" for part in self.healthy_parts)
        return False

    def _parsed(self, dag_id: str) -> bool:
        if errors := self.get("importErrors")["import_errors"]:
            raise RuntimeError(f"{errors[0]['filename']}: {errors[0]['stack_trace']}")
        return any(dag["dag_id"] == dag_id for dag in self.get("dags", limit=100)["dags"])


def settings(home: Path, dags: Sequence[Path], port: int, url: str) -> dict[str, str]:
    """Airflow's settings, as environment variables."""
    bundles = [
        {
            "name": f"dags-{number}",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(folder), "refresh_interval": 30},
        }
        for number, folder in enumerate(dags, 1)
    ]
    options: dict[str, dict[str, object]] = {
        "api": {"host": "127.0.0.1", "port": port, "base_url": url, "workers": 1},
        "core": {
            "executor": "LocalExecutor",
            "load_examples": False,
            "parallelism": 4,
            "simple_auth_manager_all_admins": True,
            "test_connection": "Enabled",
        },
        "dag_processor": {"dag_bundle_config_list": json.dumps(bundles)},
        "database": {"load_default_connections": False},
        # Nothing is scheduled: only requested runs.
        "scheduler": {"use_job_schedule": False, "scheduler_idle_sleep_time": 0.2},
        "usage_data_collection": {"enabled": False},
    }
    return {
        "AIRFLOW_HOME": str(home),
        **{
            f"AIRFLOW__{section}__{option}".upper(): str(value)
            for section, values in options.items()
            for option, value in values.items()
        },
    }


def processes_of(sessions: set[int]) -> Iterator[psutil.Process]:
    """Every live process of these sessions."""
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def reserved_port(port: int = 0) -> socket.socket:
    """A socket that keeps a port, or a free one for 0, for a server that Airflow starts later.

    It is bound, so that no other program gets the port, and does not listen: Airflow's server can bind it.

    :raises OSError: the port is taken
    """
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        raise
    return bound
