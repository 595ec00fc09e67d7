"""What a ledger costs: the same input sent without one, with one in a folder, and with one in a table.

    python -m benchmarks.ledger            # 5 rounds, some 5 minutes
    python -m benchmarks.ledger --quick    # one small round: does everything work?

The ways take turns, each run is a process of its own, and each is checked: every event arrived, once. What
is measured is the processor time of the sending process: on a machine that does other things, too, the time
by the clock says little of differences as small as these.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from statistics import median
from typing import NamedTuple

from benchmarks.environment import CACHE
from benchmarks.events import event_file
from benchmarks.measurements import NEAR, Measurements, conditions
from benchmarks.peers import Run, our_job, peak_mb, run_module, say
from benchmarks.sink import received, sink

WITHOUT, FOLDER, TABLE, AGAIN = "without", "in a folder", "in a table (SQLite)", "in a folder, sent before"
FEW = 100
"""Events of a small file."""


class Input(NamedTuple):
    files: int
    events: int


FULL = [Input(1, 1_000_000), Input(1_000, 200_000)]
QUICK = [Input(1, 20_000), Input(50, 10_000)]


class Job(NamedTuple):
    """A file, or many, sent in one of the ways."""

    peer: str
    events: int
    round_trip: int
    files: int


def path_of(files: int, events: int) -> str:
    """The path of an input."""
    if files == 1:
        return str(event_file(events))
    folder = CACHE / f"events-{events}-in-{files}"
    if not folder.exists():
        made = folder.with_name(f"{folder.name}.new")
        made.mkdir(parents=True)
        with event_file(events).open("rb") as lines:
            for number in range(files):
                with (made / f"{number:05}.jsonl").open("wb") as file:
                    file.writelines(next(lines) for _ in range(events // files))
        made.rename(folder)
    return f"{folder}/*.jsonl"


def send(way: str, path: str, url: str, folder: str | None = None) -> int:
    """Send an input, with the ledger in a folder, by default a new one."""
    folder = folder or tempfile.mkdtemp(dir=CACHE)
    options = {"rejects_path": f"{folder}/rejected.jsonl"}
    if way in (FOLDER, AGAIN):
        options["ledger_path"] = f"{folder}/ledger"
    elif way == TABLE:
        connection = {"conn_type": "sqlite", "host": f"{folder}/ledger.sqlite"}
        os.environ["AIRFLOW_CONN_LEDGER"] = json.dumps(connection)
        options["ledger_conn_id"] = "ledger"
    return our_job(path, url, **options)


def run(way: str, path: str, url: str) -> Run:
    """A run in this process."""
    with sink() as elsewhere:  # much is imported by the first request only
        send(way, str(event_file(FEW)), elsewhere)
    folder = tempfile.mkdtemp(dir=CACHE)
    before = peak_mb()
    delivered = 0
    if way == AGAIN:  # what it takes to find that nothing is left
        delivered = send(way, path, url, folder)
    start = time.process_time()
    delivered += send(way, path, url, folder)
    return Run(delivered, time.process_time() - start, before, peak_mb())


def measure(job: Job) -> tuple[Run, int]:
    """A run of a job, and how many events arrived."""
    with sink(job.round_trip) as url:
        result = run_module("benchmarks.ledger", "--run", job.peer, path_of(job.files, job.events), url)
        got = received(url)
    print(
        f"{job.peer:26}{job.files:>6} files{job.events:>10,} events{result.seconds:>8.2f} s", file=sys.stderr
    )
    return result, got.events


def main() -> None:
    parser = argparse.ArgumentParser(description="What a ledger costs.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round of few events")
    parser.add_argument("--run", nargs=3, metavar=("WAY", "PATH", "URL"), help="one run, in this process")
    options = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    if options.run:
        say(run(*options.run))
        return
    inputs = (
        [Input(1, 20_000), Input(50, 10_000)]
        if options.quick
        else [Input(1, 1_000_000), Input(1_000, 200_000)]
    )
    rounds = 1 if options.quick else options.rounds
    measured = Measurements(measure)
    ways = (WITHOUT, FOLDER, TABLE, AGAIN)
    for _ in range(rounds):
        for files, events in inputs:
            for way in ways:
                measured.add(Job(way, events, NEAR, files))
    print(f"`{' '.join(['python -m benchmarks.ledger', *sys.argv[1:]])}`: {conditions(['msgspec'])}.")
    print(f"Events of about 600 bytes; medians of {rounds} round(s).\n")
    print("| | ledger | CPU seconds | to without |\n|---|---|--:|--:|")
    for files, events in inputs:
        without = Job(WITHOUT, events, NEAR, files)
        for way in ways:
            job = Job(way, events, NEAR, files)
            seconds = median(run.seconds for run in measured.runs[job])
            ratio = 1 / measured.ratio(job, without)
            name = f"{events:,} events in {files:,} file{'s' if files > 1 else ''}"
            print(f"| {name} | {way} | {seconds:.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
