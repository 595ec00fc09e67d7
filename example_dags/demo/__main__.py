"""The demo: a night of generated events, sent twice by a real Airflow to the sandbox on this machine.

`--ui` leaves Airflow and Segment running until Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from threading import Event
from typing import TypeVar

import httpx  # noqa: TID253  (no scheduler imports this file)

from airflow_provider_segment.sandbox import Sandbox
from example_dags.demo.night import DAY, FAULTY, make_night
from example_dags.demo.throwaway_airflow import ThrowawayAirflow

GOOD = 200_000
DAG_ID = "nightly_backfill"
EXAMPLE_DAGS = Path(__file__).parents[1]
FOLDER = Path(".cache/demo")
UI_PORT = 8080
UI_SANDBOX_PORT = 8765

T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m example_dags.demo", description=__doc__)
    parser.add_argument("--ui", action="store_true", help="keep Airflow and Segment running until Ctrl-C")
    ui = parser.parse_args().ui
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unwinds every `with`
    rmtree(FOLDER, ignore_errors=True)
    try:
        demo(GOOD, FOLDER.resolve(), ui=ui)
    except (OSError, RuntimeError, httpx.HTTPError) as error:
        sys.exit(f"The demo failed: {error}")
    except KeyboardInterrupt:
        print()


def demo(good: int, folder: Path, *, ui: bool = False) -> None:
    """Send `good` events, and a few faulty ones, twice."""
    events = folder / "events"
    night, took = timed(lambda: make_night(events, good))
    files = list(night.iterdir())
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    say("A night of events", f"{good + FAULTY:,} in {len(files)} files, {megabytes:,.0f} MB, in {took:.1f} s")
    say("", short(night))

    with Sandbox(port=UI_SANDBOX_PORT if ui else 0) as segment:
        say("Segment, on this machine", f"{segment.url}/_sandbox")
        before = time.monotonic()
        with ThrowawayAirflow(folder / "airflow", [EXAMPLE_DAGS], port=UI_PORT if ui else 0) as airflow:
            took = time.monotonic() - before
            say(f"Airflow {version('apache-airflow')}", f"{airflow.url}, up after {took:.1f} s")
            # The Test button of Airflow 3.3.2 works only where a port is stored.
            airflow.add_connection("segment_default", **segment.connection, port=0)

            rejects_path = send_night(airflow, segment, events, f"Run 1 of {DAG_ID}")
            say("\nThe rejected events", short(rejects_path))
            with rejects_path.open(encoding="utf-8") as dead_letters:
                for letter in map(json.loads, dead_letters):
                    place = f"{Path(letter['file']).name}, line {letter['line']}"
                    say("", f"{place:<24}{letter['detail']}")

            send_night(airflow, segment, events, "Run 2, the same night again")
            if ui:
                say("\nAirflow", f"{airflow.url}/dags/{DAG_ID}, no login")
                say("Segment", f"{segment.url}/_sandbox")
                say("", "Ctrl-C stops both")
                Event().wait()
    say("\nTo look around in the UI", "make demo-ui")


def send_night(airflow: ThrowawayAirflow, segment: Sandbox, events: Path, title: str) -> Path:
    """Run the DAG and print a summary; returns the path of the rejected events."""
    before = segment.summary
    run, took = timed(lambda: airflow.run_dag(DAG_ID, conf={"events": str(events), "day": DAY}))
    run_id = run["dag_run_id"]
    if run["state"] != "success":
        log = airflow.task_log(DAG_ID, run_id, "send_events")
        raise RuntimeError(
            f"{title}: {run['state']}; the log of send_events:\n{log}\nAirflow's: {airflow.log}"
        )

    report = airflow.xcom(DAG_ID, run_id, "send_events")
    after = segment.summary
    duplicates = after["duplicates"] - before["duplicates"]
    say(f"\n{title}", f"{run['state']} after {took:.1f} s, including scheduler and workers")
    say("  read", f"{report['read']:,}")
    speed = f"{report['seconds']:.1f} s, {report['events_per_second']:,.0f} events/s"
    say("  sent", f"{report['sent']:,}", f"in {report['batches']:,} batches, {speed}")
    say("  rejected", f"{sum(report['rejected'].values()):,}", ", ".join(report["rejected"]))
    say("  new in Segment", f"{after['accepted'] - before['accepted']:,}")
    say("  already there", f"{duplicates:,}", "recognised by their message ids")
    say("  Segment holds", f"{after['accepted']:,}")
    return Path(report["rejects_path"])


def timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.monotonic()
    return work(), time.monotonic() - started


def short(path: Path) -> str:
    return os.path.relpath(path)


def say(name: str, value: object, remark: str = "") -> None:
    if name.startswith("\n"):
        print()
    print(f"{name.lstrip(chr(10)):<30}{value!s:<{12 if remark else 0}}{remark}".rstrip(), flush=True)


if __name__ == "__main__":
    main()
