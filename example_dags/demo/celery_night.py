"""The demo of a cluster: millions of events in parts, over two Celery workers, at one rate, through faults.

While they are sent, a worker is killed with all it runs; the API server goes away for a minute; and the
supervisor of a task is killed, and only it. In the end Segment has each event once.

    python -m example_dags.demo.celery_night            # 2,000,000 events, about 6 minutes
    python -m example_dags.demo.celery_night 500000 --rate 2500
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shutil import rmtree
from typing import Any, TypeVar

import httpx  # noqa: TID253  (no scheduler imports this file)
import msgspec
import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest

from airflow_provider_segment.sandbox import Sandbox
from example_dags.demo.__main__ import say, short, timed
from example_dags.demo.cluster import WORKERS, Cluster, cluster
from example_dags.demo.large_night import KINDS, make_large_night, order_id
from example_dags.demo.throwaway_airflow import FINISHED

DAG_ID = "large_night"
DAGS = Path(__file__).parent / "dags"
REPOSITORY = Path(__file__).parents[2]
FOLDER = Path(".cache/demo-celery")
ORDERS = 2_000_000
SLOTS = 4
SENDERS = SLOTS * len(WORKERS)

T = TypeVar("T")


@dataclass(frozen=True)
class Size:
    """How much is sent, and how long everything takes.

    :param orders: how many events
    :param parts: of the orders in Parquet, and of those in JSON Lines
    :param rate: events a second
    :param api_away: seconds without an API server
    :param heartbeat_timeout: seconds until a task whose worker is gone is noticed; Airflow's default is 300
    """

    orders: int
    parts: int
    rate: int
    api_away: float
    heartbeat_timeout: int


@dataclass
class Outcome:
    """What Segment has at the end.

    :param tries: how many tries of tasks there were beyond the first ones
    :param reported: how many events the gathered reports of the parts say were sent
    :param finding: of the task that verifies
    :param twice: orders that Segment has under two message ids
    :param repeated: events that arrived again, and were recognised by their ids
    :param excess: by how many events the rate was exceeded in the worst of all windows of time
    :param allowed_excess: a batch of each task that sends at the same time
    """

    tries: int
    reported: int
    finding: str
    accepted: int
    missing: int
    twice: int
    repeated: int
    excess: float
    allowed_excess: float
    seconds: float


def send_through_faults(airflow: Cluster, segment: Sandbox, night: Path, size: Size) -> Outcome:
    """Run the DAG, and do everything to it that may happen to it in a week."""
    started = time.monotonic()
    conf = {"night": str(night), "source": "sandbox", "rate": size.rate, "parts": size.parts}
    run_id = airflow.trigger_dag(DAG_ID, conf=conf)
    Faults(airflow, segment, size, run_id).happen()
    run = airflow.wait_for_run(DAG_ID, run_id)
    took = time.monotonic() - started
    if run["state"] != "success":
        raise RuntimeError(f"The run has failed; the log of Airflow: {airflow.log}")

    tasks = task_instances(airflow, run_id)
    ids = Counter(map(order_of, segment.state.accepted))
    expected = set(map(order_id, range(size.orders)))
    came = arrivals(segment)
    return Outcome(
        tries=sum(task["try_number"] - 1 for task in tasks),
        reported=sum(airflow.xcom(DAG_ID, run_id, f"gather_{kind}")["sent"] for kind in KINDS),
        finding=airflow.xcom(DAG_ID, run_id, "verify")["finding"],
        accepted=segment.summary["accepted"],
        missing=len(expected - ids.keys()),
        twice=sum(count > 1 for count in ids.values()),
        repeated=segment.summary["duplicates"],
        excess=excess(came, size.rate),
        allowed_excess=SENDERS * max(events for _, events in came),
        seconds=took,
    )


class Faults:
    """What happens to a run while it sends."""

    def __init__(self, airflow: Cluster, segment: Sandbox, size: Size, run_id: str) -> None:
        self.airflow = airflow
        self.segment = segment
        self.size = size
        self.run_id = run_id

    def happen(self) -> None:
        """One after the other, each while there is something to send."""
        count = self.size.orders // 10
        self.wait_for(f"{count:,} events", lambda: self.segment.summary["accepted"] >= count)
        self.worker_killed()
        self.api_server_away()
        # There still is something to send: at least what the lost tasks had, which nobody misses so soon.
        self.supervisor_killed()

    def supervisor_killed(self) -> None:
        """The process that speaks with Airflow is killed; its child, which sends, is not."""
        # One that has begun only now: others may be at their end, and have nothing left to send.
        begun = {(task["id"], task["try_number"]) for task in self.sending()}
        task = self.wait_for(
            "a task that begins",
            lambda: next((t for t in self.sending() if (t["id"], t["try_number"]) not in begun), None),
        )
        count = self.segment.summary["accepted"] + 2 * self.size.rate
        self.wait_for("what it sends", lambda: self.segment.summary["accepted"] >= count)
        orphan = self.airflow.kill_supervisor(task)
        name = f"{task['task_id']} {task['rendered_map_index']}"
        _, took = timed(lambda: self.wait_for("the end of the orphan", lambda: gone(orphan)))
        self.tell(f"the supervisor of {name} was killed; the orphan that it left stopped after {took:.1f} s")

    def api_server_away(self) -> None:
        before = self.segment.summary["accepted"]
        self.airflow.kill("api-server")
        time.sleep(self.size.api_away)
        during = self.segment.summary["accepted"] - before
        self.airflow.start_api_server()
        away = f"the API server was killed, and away for {self.size.api_away:.0f} s"
        self.tell(f"{away}; {during:,} events were sent meanwhile")
        self.airflow.wait_for("the API server", self.airflow.healthy)

    def worker_killed(self) -> None:
        """A worker is killed with all it runs, as when its machine is lost, and comes back."""
        worker = WORKERS[-1]
        lost = self.wait_for(
            f"a task on {worker}",
            lambda: [task for task in self.sending() if self.airflow.is_of(worker, task["pid"])],
        )
        self.airflow.kill(worker)
        self.airflow.start_worker(worker)
        self.tell(f"{worker} was killed with its {len(lost)} tasks, and started again")

    def wait_for(self, what: str, ready: Callable[[], T | None]) -> T:
        """Wait for what only happens while the run goes on.

        :raises RuntimeError: the run has ended
        """

        def ready_or_over() -> T | None:
            answer = ready()
            if not answer:
                run = self.airflow.get(f"dags/{DAG_ID}/dagRuns/{self.run_id}")
                if run["state"] in FINISHED:
                    raise RuntimeError(f"{run['state']} before {what}; Airflow's log is {self.airflow.log}")
            return answer

        return self.airflow.wait_for(what, ready_or_over)

    def sending(self) -> Iterator[dict[str, Any]]:
        """The tasks that are sending; Airflow takes some for running whose process was killed."""
        for task in task_instances(self.airflow, self.run_id):
            sends = task["state"] == "running" and task["task_id"].startswith("send")
            if sends and task["pid"] and psutil.pid_exists(task["pid"]):
                yield task

    def tell(self, what: str) -> None:
        say("", f"{self.segment.summary['accepted']:>10,}  {what}")


def task_instances(airflow: Cluster, run_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = airflow.get(f"dags/{DAG_ID}/dagRuns/{run_id}/taskInstances", limit=200)[
        "task_instances"
    ]
    return found


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


class Properties(msgspec.Struct):
    order_id: str


class Order(msgspec.Struct):
    properties: Properties


decode_order = msgspec.json.Decoder(Order).decode


def order_of(event: Any) -> str:
    return decode_order(event.raw).properties.order_id


def arrivals(segment: Sandbox) -> list[tuple[float, int]]:
    """When events arrived, in seconds, and how many."""
    return [
        (datetime.fromisoformat(record.received_at.replace("Z", "+00:00")).timestamp(), record.events)
        for record in segment.state.requests
        if record.api == "tracking"
    ]


def excess(arrivals: Iterable[tuple[float, int]], rate: float) -> float:
    """By how many events the rate is exceeded in the worst of all windows: a bucket leaks at the rate."""
    level = worst = 0.0
    before: float | None = None
    for moment, events in sorted(arrivals):
        if before is not None:
            level = max(0.0, level - (moment - before) * rate)
        level, before = level + events, moment
        worst = max(worst, level)
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m example_dags.demo.celery_night")
    parser.add_argument("orders", nargs="?", type=int, default=ORDERS)
    parser.add_argument("--rate", type=int, default=10_000, help="events a second")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unwinds every `with`
    rmtree(FOLDER, ignore_errors=True)
    size = Size(options.orders, parts=8, rate=options.rate, api_away=60, heartbeat_timeout=150)
    try:
        demo(FOLDER.resolve(), size)
    except (OSError, RuntimeError, httpx.HTTPError, pytest.skip.Exception) as error:
        sys.exit(f"The demo failed: {error}")
    except KeyboardInterrupt:
        print()


def demo(folder: Path, size: Size) -> None:
    night = folder / "night"
    _, took = timed(lambda: make_large_night(night, size.orders))
    say("A night of orders", f"{size.orders:,}, made in {took:.1f} s")
    say("", short(night))
    with Sandbox() as segment:
        before = time.monotonic()
        with running_cluster(folder / "airflow", segment, size) as airflow:
            say("Airflow, 2 Celery workers", f"{airflow.url}, up after {time.monotonic() - before:.0f} s")
            outcome = send_through_faults(airflow, segment, night, size)
    say("\nThe run", f"success after {outcome.seconds:.0f} s; {outcome.tries} tries more than tasks")
    say("  reported as sent", f"{outcome.reported:,}")
    say("  verified", outcome.finding)
    say("  in Segment", f"{outcome.accepted:,}", f"{outcome.missing:,} missing, {outcome.twice:,} twice")
    say("  sent again", f"{outcome.repeated:,}", "recognised by their message ids")
    most = f"{outcome.allowed_excess:,.0f} are allowed: a batch for each of {SENDERS} tasks"
    say("  above the rate, at most", f"{outcome.excess:,.0f}", f"events in any window; {most}")


@contextmanager
def running_cluster(home: Path, segment: Sandbox, size: Size) -> Iterator[Cluster]:
    """A cluster with a connection to the sandbox."""
    settings = {
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(size.heartbeat_timeout),
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "PYTHONPATH": str(REPOSITORY),
    }
    with cluster(home, [DAGS], slots=SLOTS, environment=settings) as airflow:
        airflow.add_connection("segment_default", **segment.connection)
        airflow.add_connection("limiter", **airflow.redis.airflow_connection)
        yield airflow


if __name__ == "__main__":
    main()
