"""What many sensors cost Segment and the triggerer that wait for syncs to the warehouses of one workspace.

    python -m benchmarks.waiting                                # 1,000 over 20 warehouses; some 25 minutes
    python -m benchmarks.waiting --sensors 40 --warehouses 4    # does everything work?

A real Airflow 3.3 (scheduler, LocalExecutor, one triggerer) defers them; the sandbox keeps the limits that
Segment publishes. The exit code is 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import date, datetime
from importlib.metadata import version
from itertools import count, cycle, islice
from pathlib import Path
from shutil import rmtree
from typing import Any, NamedTuple

import httpx

from airflow_provider_segment.api.published_limits import LIMITS
from airflow_provider_segment.sandbox import Sandbox
from benchmarks.environment import CACHE
from benchmarks.waiting_probe import WORTH_NOTING, Gap, noted
from example_dags.demo.throwaway_airflow import ThrowawayAirflow

LIMIT = LIMITS["GET /warehouses/{}/syncs"]
HEADROOM = 1.1  # of the poll interval, over what a round of all warehouses takes at the limit
MAX_BLOCK = 0.1  # seconds
PAGE = 100  # of Airflow's REST API
PER_SENSOR = 5.0  # seconds to defer it, at most
POSTGRES = "55d3d3aea3c"
REPOSITORY = Path(__file__).parents[1]
FOLDER = CACHE / "waiting"


class Seen(NamedTuple):
    """What was measured; times in seconds since 1970."""

    requests: list[dict[str, Any]]
    gaps: list[Gap]
    fired: list[float]
    succeeded: int  # tasks
    deferred_at: float
    true_at: float
    ended_at: float


def measure(sensors: int, warehouses: int, poll_interval: float) -> Seen:
    """Defer the sensors, let a sync to each warehouse end when all have looked once, wait until all fired."""
    rmtree(FOLDER, ignore_errors=True)
    home, gaps = FOLDER / "airflow", FOLDER / "gaps.jsonl"
    with Sandbox(rate_limits=True) as segment:
        segment.scripts.add("warehouse_sync", missing=True)
        ids = make_warehouses(segment, warehouses)
        made = len(segment.requests)
        warehouse_ids = list(islice(cycle(ids), sensors))
        setup = {"gaps": str(gaps), "poll_interval": poll_interval, "warehouse_ids": warehouse_ids}
        environment = {
            "AIRFLOW__TRIGGERER__CAPACITY": str(sensors + 10),
            "BENCHMARK_WAITING": json.dumps(setup),
            "PYTHONPATH": str(REPOSITORY),
        }
        with ThrowawayAirflow(home, [REPOSITORY / "benchmarks" / "dags"], environment=environment) as airflow:
            airflow.add_connection("segment_default", **segment.connection)
            run_id = airflow.trigger_dag("waiting")
            path = f"dags/waiting/dagRuns/{run_id}/taskInstances"

            def tasks(state: str) -> int:
                return int(airflow.get(path, task_id="wait", state=state, limit=1)["total_entries"])

            def asked() -> int:
                return len({request["path"] for request in segment.requests if is_poll(request)})

            work = PER_SENSOR * sensors + 60
            wait_until("sensors deferred", lambda: tasks("deferred"), sensors, work)
            deferred_at = time.time()
            wait_until("warehouses asked about", asked, warehouses, poll_interval + 60)
            true_at: float = segment.scripts.add("warehouse_sync", now=True, seconds=0).given_at
            wait_until("sensors fired", lambda: sensors - tasks("deferred"), sensors, 2 * poll_interval)
            ended_at = time.time()
            wait_until("tasks succeeded", lambda: tasks("success"), sensors, work)
            return Seen(
                requests=segment.requests[made:],
                gaps=noted(gaps),
                fired=[moment for moment in fired_at(airflow, path) if moment > true_at],
                succeeded=tasks("success"),
                deferred_at=deferred_at,
                true_at=true_at,
                ended_at=ended_at,
            )


def make_warehouses(segment: Sandbox, number: int) -> list[str]:
    """Their ids. Each is connected to the one source that there is."""
    body = {"metadataId": POSTGRES, "settings": {"name": "w"}}
    with httpx.Client(base_url=segment.url, headers={"Authorization": f"Bearer {segment.token}"}) as client:
        answers = [client.post("/warehouses", json=body).raise_for_status() for _ in range(number)]
    return [answer.json()["data"]["warehouse"]["id"] for answer in answers]


def wait_until(what: str, reached: Callable[[], int], number: int, timeout: float) -> None:
    """Wait until so many are there, or there is no more time: then the table tells."""
    end = time.monotonic() + timeout
    while (so_far := reached()) < number and time.monotonic() < end:
        time.sleep(5)
    say(f"{so_far:,} of {number:,} {what}")


def fired_at(airflow: ThrowawayAirflow, path: str) -> Iterator[float]:
    """When the triggerer handed each task back to the scheduler; seconds since 1970.

    Its logs would not do: of a burst of events, Airflow 3.3.2 closes the triggers' log files too early.
    """
    for offset in count(0, PAGE):
        page = airflow.get(path, task_id="wait", limit=PAGE, offset=offset)["task_instances"]
        yield from (seconds(task["scheduled_when"]) for task in page)
        if len(page) < PAGE:
            return


def is_poll(request: dict[str, Any]) -> bool:
    return str(request["path"]).endswith("/syncs")


def seconds(moment: str) -> float:
    """Since 1970."""
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def most_within(times: list[float], seconds: float) -> int:
    """The most of them in any window of so many seconds."""
    return max((bisect_left(times, time + seconds) - i for i, time in enumerate(times)), default=0)


class Row(NamedTuple):
    what: str
    measured: str
    bar: str = ""
    missed: bool = False


def rows(sensors: int, poll_interval: float, seen: Seen) -> Iterator[Row]:
    polls = sorted(seconds(request["receivedAt"]) for request in seen.requests if is_poll(request))
    most = most_within(polls, LIMIT.seconds)
    yield Row("requests for syncs, most in any 60 s", f"{most}", f"{LIMIT.requests}", most > LIMIT.requests)
    mean = len(polls) * LIMIT.seconds / (polls[-1] - polls[0] + LIMIT.seconds)
    yield Row("requests for syncs, mean of all windows of 60 s", f"{mean:.2f}")
    yield Row("requests for syncs", f"{len(polls):,}")
    yield Row("requests in all", f"{len(seen.requests):,}")
    refused = sum(request["status"] == 429 for request in seen.requests)
    yield Row("answers 429", f"{refused}", "0", refused > 0)
    yield Row("sensors fired", f"{len(seen.fired):,}", f"{sensors:,}", len(seen.fired) != sensors)
    yield Row("of their tasks succeeded", f"{seen.succeeded:,}", f"{sensors:,}", seen.succeeded != sensors)
    delay = max(seen.fired, default=float("inf")) - seen.true_at
    yield Row(
        "from the state to firing, longest", f"{delay:.2f} s", f"{poll_interval:.0f} s", delay > poll_interval
    )
    waiting = [gap for gap in seen.gaps if seen.deferred_at < gap.at <= seen.ended_at]
    deferring = [gap for gap in seen.gaps if gap.at <= seen.deferred_at]
    blocked = max((gap.blocked for gap in waiting), default=0.0)
    yield Row(
        "the loop stood still, its core not taken from it, longest",
        longest(waiting, "blocked"),
        in_ms(MAX_BLOCK),
        blocked > MAX_BLOCK,
    )
    yield Row("the loop computed in one go, longest", longest(waiting, "cpu"))
    yield Row("the loop was late, longest", longest(waiting, "late"))
    yield Row("while they were being deferred: computed", longest(deferring, "cpu"))
    yield Row("while they were being deferred: stood still", longest(deferring, "blocked"))


def longest(gaps: list[Gap], what: str) -> str:
    if not gaps:
        return f"under {in_ms(WORTH_NOTING)}"
    gap = max(gaps, key=lambda gap: float(getattr(gap, what)))
    late, cpu, starved = map(in_ms, (gap.late, gap.cpu, gap.starved))
    return f"{in_ms(getattr(gap, what))} ({late} late, {cpu} of CPU, {starved} without a core)"


def in_ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def say(what: str) -> None:
    print(f"{datetime.now():%T} {what}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="What many deferred sensors cost.")
    parser.add_argument("--sensors", type=int, default=1000)
    parser.add_argument("--warehouses", type=int, default=20)
    options = parser.parse_args()
    poll_interval = HEADROOM * options.warehouses * LIMIT.seconds / LIMIT.requests

    found = list(
        rows(options.sensors, poll_interval, measure(options.sensors, options.warehouses, poll_interval))
    )
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"`{' '.join(['python -m benchmarks.waiting', *sys.argv[1:]])}`:")
    print(f"{date.today()}, {machine}, Airflow {version('apache-airflow')}.\n")
    print("| | measured | at most |", "|---|--:|--:|", sep="\n")
    for row in found:
        print(f"| {row.what} | {row.measured} | {row.bar}{' (missed)' if row.missed else ''} |")
    sys.exit(any(row.missed for row in found))


if __name__ == "__main__":
    main()
