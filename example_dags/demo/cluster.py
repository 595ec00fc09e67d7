"""A real Airflow on Celery, on one machine: PostgreSQL, Redis, API server, scheduler, workers.

    with cluster(home, dags=[folder]) as airflow:
        airflow.kill(WORKERS[0])
        airflow.start_worker(WORKERS[0])

Needs the programs of the Debian packages `postgresql` and `redis-server`, and the dependency group `cluster`.
"""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped,unused-ignore]
from cryptography.fernet import Fernet

from example_dags.demo.throwaway_airflow import ThrowawayAirflow, processes_of
from tests.harness.databases import Postgres, Redis, started_postgres, started_redis

WORKERS = ("worker-1", "worker-2")
CONNECTIONS = 150
"""To the database: each process of each component has a few."""


class Cluster(ThrowawayAirflow):
    """Airflow with the CeleryExecutor.

    :param slots: tasks that a worker runs at once
    """

    local_settings = ""
    healthy_parts = ("metadatabase", "scheduler", "dag_processor")  # nothing is deferred: no triggerer

    def __init__(
        self,
        home: Path,
        dags: Sequence[Path],
        *,
        postgres: Postgres,
        redis: Redis,
        workers: Sequence[str],
        slots: int,
        environment: Mapping[str, str],
    ) -> None:
        self.redis = redis
        self.workers = workers
        self._slots = slots
        where = f"{postgres.user}@/{postgres.database}?host={postgres.folder}"
        shared = {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__PARALLELISM": str(2 * slots * len(workers)),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{where}",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{where}",
            "AIRFLOW__CELERY__BROKER_URL": redis.url,
            # Each component would make its own, and refuse the others.
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
            "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
            # A backfill outlives an API server that is away: see docs/large_backfills.md.
            "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "30",
            "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "30",
            "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "5",
        }
        super().__init__(home, dags, environment={**shared, **environment})
        self._environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] = f"{self.url}/execution/"

    def start_components(self) -> None:
        """Start what Airflow consists of, workers included."""
        self.start_api_server()
        self._start("scheduler", "--skip-serve-logs")
        self._start("dag-processor")
        for worker in self.workers:
            self.start_worker(worker)

    def start_api_server(self) -> None:
        """Start the API server, for the first time or after `kill("api-server")`."""
        self._start("api-server")

    def start_worker(self, name: str) -> None:
        """Start a Celery worker."""
        own = ["--celery-hostname", f"{name}@%h", "--pid", str(self.home / f"{name}.pid")]
        (self.home / f"{name}.pid").unlink(missing_ok=True)
        self._start(
            "celery", "worker", "--concurrency", str(self._slots), "--skip-serve-logs", *own, name=name
        )

    def kill_supervisor(self, task: Mapping[str, Any]) -> psutil.Process:
        """SIGKILL the process that supervises a running task, and only that one.

        :param task: the task instance, as the REST API returns it
        :returns: the task's process, whose parent is gone
        """
        orphan = psutil.Process(task["pid"])
        os.kill(orphan.ppid(), signal.SIGKILL)
        return orphan

    def is_of(self, name: str, pid: int) -> bool:
        """Whether a process is one of a component's."""
        try:
            return os.getsid(pid) == self._components[name].pid
        except ProcessLookupError:
            return False

    def processes(self, *names: str) -> list[psutil.Process]:
        """The processes of some components, their tasks included."""
        return list(processes_of({self._components[name].pid for name in names or self._components}))


@contextmanager
def cluster(
    home: Path,
    dags: Sequence[Path],
    *,
    workers: Sequence[str] = WORKERS,
    slots: int = 4,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Cluster]:
    """A cluster, stopped at the end with all its processes. The home folder is left behind: it has the logs.

    :param environment: environment variables of all its processes, such as settings of Airflow
    """
    given = environment or {}
    with started_postgres(CONNECTIONS) as postgres, started_redis() as redis:
        with Cluster(
            home, dags, postgres=postgres, redis=redis, workers=workers, slots=slots, environment=given
        ) as airflow:
            yield airflow
