"""What it costs to send a file in parts, over the workers of a cluster, and what the workers gain.

    python -m benchmarks.parts            # some 10 minutes, and 3 GB of disk and of memory each
    python -m benchmarks.parts --quick    # does everything work?

A real Airflow on Celery, as in `make demo-celery`: the dependency group `cluster`, PostgreSQL and Redis. The
sink checks each run: every event arrived, once. On one machine all of it shares the cores: speeds are those
of the machine, so that only ratios say something, and more workers than cores are of no use.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from shutil import rmtree
from statistics import median
from threading import Event, Thread
from typing import NamedTuple

import psutil  # type: ignore[import-untyped,unused-ignore]

from benchmarks.environment import CACHE
from benchmarks.measurements import conditions
from benchmarks.sink import received, sink
from example_dags.demo.cluster import WORKERS, Cluster, cluster
from example_dags.demo.large_night import lines

REPOSITORY = Path(__file__).parents[1]
FOLDER = CACHE / "parts"
DAGS = REPOSITORY / "benchmarks" / "dags" / "cluster"
SLOTS = 4
SECONDS_BETWEEN_SAMPLES = 0.5
PACKAGES = ("celery", "msgspec", "isal")


class Sizes(NamedTuple):
    usual: int
    many: int  # does memory stay flat?
    tiny: int  # parts of one event each: what does a part cost?


FULL = Sizes(usual=2_000_000, many=10_000_000, tiny=64)
QUICK = Sizes(usual=40_000, many=80_000, tiny=8)


class Run(NamedTuple):
    """A run: seconds from the first send's start to the last one's end, and of the whole DAG run; CPU seconds
    of all of Airflow; the resident memory of the largest sending process, in MB, at each sample."""

    sending: float
    run: float
    cpu: float
    memory: list[float]


class Bench:
    """Runs of the DAG in one cluster."""

    def __init__(self, airflow: Cluster) -> None:
        self.airflow = airflow

    def measure(self, path: Path, events: int, parts: int) -> Run:
        """Send a file in parts, and check what arrived."""
        with sink() as url:
            conn_id = f"sink_{url.rpartition(':')[2]}"
            extra = {"region": "us", "write_key": "benchmark"}
            self.airflow.add_connection(conn_id, conn_type="segment", host=url, extra=extra)
            conf = {"path": str(path), "parts": parts, "bytes": path.stat().st_size, "conn_id": conn_id}
            before = cpu_seconds(self.airflow)
            with Sampler(self.airflow) as sampler:
                run = self.airflow.run_dag("parts", conf=conf)
            cpu = cpu_seconds(self.airflow) - before
            got = received(url)
        if run["state"] != "success" or not got.events == got.distinct == events:
            sys.exit(
                f"{run['state']}: {got.events:,} events arrived, {got.distinct:,} distinct, of {events:,}"
            )
        place = f"dags/parts/dagRuns/{run['dag_run_id']}/taskInstances"
        tasks = self.airflow.get(place, task_id="send", limit=100)["task_instances"]
        times = [(moment(task["start_date"]), moment(task["end_date"])) for task in tasks]
        sending = max(end for _, end in times) - min(start for start, _ in times)
        whole = moment(run["end_date"]) - moment(run["start_date"])
        print(f"{parts:>4} parts{events:>12,} events{events / sending:>10,.0f}/s", file=sys.stderr)
        return Run(sending, whole, cpu, sampler.memory)


class Sampler:
    """Samples the memory of the largest process of the workers: one that sends."""

    def __init__(self, airflow: Cluster) -> None:
        self.memory: list[float] = []
        self._airflow = airflow
        self._end = Event()
        self._thread = Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._end.wait(SECONDS_BETWEEN_SAMPLES):
            largest = 0
            for process in self._airflow.processes(*self._airflow.workers):
                with suppress(psutil.NoSuchProcess):
                    largest = max(largest, process.memory_info().rss)
            self.memory.append(largest / 1e6)


def cpu_seconds(airflow: Cluster) -> float:
    """What all of Airflow has used, children that have ended included."""
    total = 0.0
    for process in airflow.processes():
        with suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])  # user, system, and those of its children
    return total


def pin(airflow: Cluster, worker: str, core: int | None) -> None:
    """Let a worker, and all that it starts, run on one core; None for all of them."""
    cores = [core] if core is not None else sorted(os.sched_getaffinity(0))
    for process in airflow.processes(worker):
        with suppress(psutil.NoSuchProcess):
            process.cpu_affinity(cores)


def moment(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def order_file(count: int) -> Path:
    """Path of a file of so many orders, one a line; written on first use."""
    path = CACHE / f"orders-{count}.jsonl"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".tmp")
        with unfinished.open("w", encoding="utf-8") as file:
            file.writelines(lines(range(count)))
        os.replace(unfinished, path)
    return path


def measure(sizes: Sizes, rounds: int) -> Iterator[str]:
    """All runs; lines of Markdown."""
    usual, many, tiny = map(order_file, sizes)
    environment = {"PYTHONPATH": str(REPOSITORY)}
    first, second = WORKERS
    with cluster(FOLDER, [DAGS], workers=[first], slots=SLOTS, environment=environment) as airflow:
        bench = Bench(airflow)
        bench.measure(tiny, sizes.tiny, sizes.tiny)  # everything is imported, and compiled
        runs: dict[str, list[Run]] = {}

        def add(label: str, parts: int) -> None:
            runs.setdefault(label, []).append(bench.measure(usual, sizes.usual, parts))

        for _ in range(rounds):
            for parts in (1, 4, 16):
                add(f"1 worker, {parts} {'parts' if parts > 1 else 'part'}", parts)
            pin(airflow, first, 0)
            add("1 worker on one core, 16 parts", 16)
            airflow.start_worker(second)
            airflow.wait_for("the second worker", lambda: len(airflow.processes(second)) > SLOTS)
            pin(airflow, second, 1)
            add("2 workers on a core each, 16 parts", 16)
            pin(airflow, first, None)
            pin(airflow, second, None)
            add("2 workers, 16 parts", 16)
            airflow.kill(second)
        empty = bench.measure(tiny, sizes.tiny, sizes.tiny)
        large = bench.measure(many, sizes.many, SLOTS)

    yield "| | events/s while it sends | s of the run | CPU-s of Airflow | peak MB of a task |"
    yield "|---|--:|--:|--:|--:|"
    for label, each in runs.items():
        rate, whole, cpu, memory = (
            median(values)
            for values in zip(
                *((sizes.usual / run.sending, run.run, run.cpu, max(run.memory)) for run in each), strict=True
            )
        )
        yield f"| {label} | {rate:,.0f} | {whole:.1f} | {cpu:.0f} | {memory:.0f} |"
    yield ""
    yield (
        f"- A part costs {empty.cpu / sizes.tiny:.2f} CPU-s and {empty.sending / sizes.tiny:.2f} s of the "
        f"run: {sizes.tiny} parts of one event each, {SLOTS} at once."
    )
    quarter = max(1, len(large.memory) // 4)
    early, late = max(large.memory[quarter : 2 * quarter]), max(large.memory[-quarter:])
    yield (
        f"- {sizes.many:,} events in {SLOTS} parts at once: the largest process of the worker had "
        f"{early:.0f} MB in the second quarter of the time, and {late:.0f} MB in the last one."
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description="What it costs to send in parts, over the workers of a cluster."
    )
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="few events")
    options = parser.parse_args()
    rmtree(FOLDER, ignore_errors=True)
    sizes = QUICK if options.quick else FULL
    table = list(measure(sizes, options.rounds))
    print(f"`{' '.join(['python -m benchmarks.parts', *sys.argv[1:]])}`: {conditions(PACKAGES)}.")
    print(f"{sizes.usual:,} events of about 190 bytes; {options.rounds} round(s).\n", *table, sep="\n")


if __name__ == "__main__":
    main()
