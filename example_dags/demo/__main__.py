"""The demo: a night of generated events, sent twice by a real Airflow to the sandbox on this machine.

`--ui` leaves both running until Ctrl-C, with all example DAGs, a workspace, files and a database for them.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from typing import Any, TypeVar

import httpx  # noqa: TID253  (no scheduler imports this file)

from airflow_provider_segment.sandbox import Sandbox
from example_dags.demo.examples import copy_examples, missing
from example_dags.demo.night import DAY, FAULTY, make_night
from example_dags.demo.shop import CONNECTIONS, POOLS, VARIABLES, make_files, make_tables, make_workspace
from example_dags.demo.throwaway_airflow import FINISHED, ThrowawayAirflow
from example_dags.demo.warehouse_loads import warehouse_loads

GOOD = 200_000
DAG_ID = "nightly_backfill"
STARTED_BY_ASSETS = ("warehouse_asset", "night_report")
FOLDER = Path(".cache/demo")
UI_PORTS = (8080, 8765)
"""Of Airflow and of Segment."""

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

    with running(folder, examples=ui, ports=UI_PORTS if ui else (0, 0)) as (airflow, segment, without):
        rejects_path = send_night(airflow, segment, events, f"Run 1 of {DAG_ID}")
        say("\nThe rejected events", short(rejects_path))
        with rejects_path.open(encoding="utf-8") as dead_letters:
            for letter in map(json.loads, dead_letters):
                place = f"{Path(letter['file']).name}, line {letter['line']}"
                say("", f"{place:<24}{letter['detail']}")

        send_night(airflow, segment, events, "Run 2, the same night again")
        if ui:
            show_what_the_asset_started(airflow)
            show(airflow, segment, without)
            signal.pause()
    say("\nTo look around in the UI", "make demo-ui")


@contextmanager
def running(
    folder: Path, *, examples: bool, ports: tuple[int, int] = (0, 0)
) -> Iterator[tuple[ThrowawayAirflow, Sandbox, dict[str, str]]]:
    """Airflow and Segment on this machine, and which example DAGs are left out, and why.

    :param examples: with all that the examples need; schedules and assets start runs
    :param ports: of Airflow and of Segment; 0 for a free one
    """
    with ExitStack() as stack:
        database, no_database = stack.enter_context(postgres()) if examples else (None, "needs a database")
        without = missing(no_database)
        data, dags = folder / "data", folder / "dags"
        copy_examples(dags, data, without)
        segment = stack.enter_context(Sandbox(port=ports[1]))
        say("Segment, on this machine", f"{segment.url}/_sandbox")
        environment = {
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": str(examples),
            "AIRFLOW__CORE__PARALLELISM": "8",
        }
        starting = ThrowawayAirflow(folder / "airflow", [dags], environment=environment, port=ports[0])
        airflow, took = timed(lambda: stack.enter_context(starting))
        say(f"Airflow {version('apache-airflow')}", f"{airflow.url}, up after {took:.1f} s")
        # The Test button of Airflow 3.3.2 works only where a port is stored.
        airflow.add_connection("segment_default", **segment.connection, port=0)
        if examples:
            stack.enter_context(shop_of(airflow, segment, data, database))
        yield airflow, segment, without


@contextmanager
def shop_of(airflow: ThrowawayAirflow, segment: Sandbox, data: Path, database: Any) -> Iterator[None]:
    """What the example DAGs need, and a warehouse that is loaded when something was sent."""
    make_files(data)
    connections = dict(CONNECTIONS)
    if database:
        make_tables(database)
        connections["warehouse"] = database.airflow_connection
    for conn_id, fields in connections.items():
        airflow.add_connection(conn_id, **fields)
    for key, value in VARIABLES.items():
        airflow.post("variables", {"key": key, "value": value})
    for pool in POOLS:
        airflow.post("pools", pool)
    warehouse_id = make_workspace(segment)
    for dag_id in STARTED_BY_ASSETS:
        airflow.unpause(dag_id)
        airflow.parse_again(dag_id)  # or Airflow would begin to watch half a minute later
    with warehouse_loads(segment, warehouse_id, database):
        yield


@contextmanager
def postgres() -> Iterator[tuple[Any, str | None]]:
    """A PostgreSQL server, or why there is none."""
    from tests.harness.databases import Unavailable, started_postgres

    with ExitStack() as stack:
        try:
            server, reason = stack.enter_context(started_postgres()), None
        except Unavailable as error:
            server, reason = None, str(error)
        yield server, reason


def show_what_the_asset_started(airflow: ThrowawayAirflow) -> None:
    """Wait for the first run of the DAG of the warehouse's asset, and print of which loads it was told."""
    dag_id = STARTED_BY_ASSETS[0]

    def ended() -> list[str]:
        return [run["dag_run_id"] for run in airflow.runs(dag_id) if run["state"] in FINISHED]

    run_id = airflow.wait_for(f"a run of {dag_id}", ended)[0]
    say("\nStarted by an asset", dag_id)
    for load in airflow.xcom(dag_id, run_id, "transform"):
        say("", f"{load['count']:,} rows were loaded to the warehouse Shop, {load['start']}")


def show(airflow: ThrowawayAirflow, segment: Sandbox, without: Mapping[str, str]) -> None:
    """Where to look."""
    [run] = airflow.runs(DAG_ID)[-1:]
    say("\nAll example DAGs", f"{airflow.url}/dags", "no login; each runs with one click, as it stands")
    say("The last run", f"{airflow.url}/dags/{DAG_ID}/runs/{run['dag_run_id']}")
    say("The connection's form", f"{airflow.url}/connections")
    say("Segment", f"{segment.url}/_sandbox")
    say("Started by an asset", f"{airflow.url}/dags/{STARTED_BY_ASSETS[0]}", "when the warehouse was loaded")
    say("Waits for an answer", f"{airflow.url}/required_actions", "preview_and_approve, agent_with_approval")
    for dag_id, reason in without.items():
        say("Left out", dag_id, reason)
    say("", "Ctrl-C stops both")


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
    rejected = report["rejected"]
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in rejected.items())
    say(f"\n{title}", f"{run['state']} after {took:.1f} s, including scheduler and workers")
    say("  read", f"{report['read']:,}")
    speed = f"{report['seconds']:.1f} s, {report['events_per_second']:,.0f} events/s"
    say("  sent", f"{report['sent']:,}", f"in {report['batches']:,} batches, {speed}")
    say("  rejected", f"{sum(rejected.values()):,}", reasons)
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
    print(f"{name.lstrip(chr(10)):<30}{f'{value}  ':<12}{remark}".rstrip(), flush=True)


if __name__ == "__main__":
    main()
