"""The ways to send a file of events, each a function of the file's path and the sink's address.

Each returns how many events it takes to be delivered. A run is a process of its own:

    python -m benchmarks.peers requests_loop .cache/bench/events-20000.jsonl http://127.0.0.1:PORT
"""

from __future__ import annotations

import json
import logging
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from benchmarks.environment import WITH_AIRFLOW
from benchmarks.events import event_file
from benchmarks.sink import sink

WRITE_KEY = "benchmark"
NAIVE_BATCH = 500  # events
QUEUE_FULL_WAIT = 0.02  # seconds
WARM_UP = 100  # events

Send = Callable[[str, str], int]


class Peer(NamedTuple):
    label: str
    send: Send


PEERS: dict[str, Peer] = {}


def peer(label: str) -> Callable[[Send], Send]:
    def register(send: Send) -> Send:
        PEERS[send.__name__] = Peer(label, send)
        return send

    return register


def read(path: str) -> Iterator[dict[str, Any]]:
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


# segment-analytics-python: each call puts an event into a queue, threads send what is in it.


@peer("segment-analytics-python, defaults")
def analytics(path: str, url: str) -> int:
    return analytics_job(path, url)


@peer("segment-analytics-python, tuned for 0 ms: 500 a batch")
def analytics_near(path: str, url: str) -> int:
    """More threads than one only slow it down here: they share one interpreter with the loop."""
    return analytics_job(path, url, max_queue_size=200_000, upload_size=500)


@peer("segment-analytics-python, tuned for 80 ms: 500 a batch, 6 threads")
def analytics_far(path: str, url: str) -> int:
    return analytics_job(path, url, max_queue_size=200_000, upload_size=500, thread=6)


@peer("segment-analytics-python, used as documented")
def analytics_as_documented(path: str, url: str) -> int:
    """Nobody looks at what `track` answers: what finds the queue full is lost."""
    client = analytics_client(url)
    calls = 0
    for event in read(path):
        analytics_call(client, event)
        calls += 1
    client.flush()
    return calls


def analytics_job(path: str, url: str, **options: Any) -> int:
    """Every event delivered, as a careful user would: tries again while the queue is full."""
    client = analytics_client(url, **options)
    queued = 0
    for event in read(path):
        while not analytics_call(client, event):
            time.sleep(QUEUE_FULL_WAIT)
        queued += 1
    client.flush()  # waits for all threads' work; join() and shutdown() know only the last thread
    return queued


def analytics_client(url: str, **options: Any) -> Any:
    from segment.analytics.client import Client  # type: ignore[import-untyped]

    logging.getLogger("segment").setLevel(logging.ERROR)  # it prints a warning for each event that it refuses
    return Client(WRITE_KEY, host=url, **options)


def analytics_call(client: Any, event: dict[str, Any]) -> bool:
    """Queue `event`; false if the queue was full."""
    queued: bool
    queued, _ = getattr(client, event["type"])(
        user_id=event["userId"],
        anonymous_id=event["anonymousId"],
        timestamp=datetime.fromisoformat(event["timestamp"].replace("Z", "+00:00")),
        context=event["context"],
        **{name: event[name] for name in ("event", "name", "properties", "traits") if name in event},
    )
    return queued


# The loop that anybody would write: a request at a time, no checks, no ids, no retries.


@peer(f"loop over requests, {NAIVE_BATCH} a batch")
def requests_loop(path: str, url: str) -> int:
    import requests

    with requests.Session() as session:
        return naive_job(path, url, session)


@peer(f"loop over httpx, {NAIVE_BATCH} a batch")
def httpx_loop(path: str, url: str) -> int:
    import httpx

    with httpx.Client() as client:
        return naive_job(path, url, client)


def naive_job(path: str, url: str, session: Any) -> int:
    events = read(path)
    sent = 0
    while batch := list(islice(events, NAIVE_BATCH)):
        response = session.post(f"{url}/v1/batch", json={"batch": batch}, auth=(WRITE_KEY, ""))
        response.raise_for_status()
        sent += len(batch)
    return sent


# This package.


@peer("this package")
def ours(path: str, url: str) -> int:
    return our_job(path, url)


@peer("this package, gzip")
def ours_gzip(path: str, url: str) -> int:
    return our_job(path, url, gzip=True)


@peer("this package, not sending: the limit")
def limit(path: str, url: str) -> int:
    """Reads, checks, gives ids and builds the bodies of the requests, in a plain loop."""
    from airflow_provider_segment.api.clock import Clock
    from airflow_provider_segment.events.batch import Batcher
    from airflow_provider_segment.events.check import Checker
    from airflow_provider_segment.events.sources.files import FileSource, list_files

    now = Clock().now
    prepare = Checker(WRITE_KEY).prepare
    batcher = Batcher()
    events = 0
    for block in FileSource(list_files(path)):
        prepared = list(map(prepare, block.items))
        for batch in batcher.add(prepared, range(block.first, block.first + len(prepared))):
            batch.body(now())
        events += len(prepared)
    batcher.last.body(now())
    return events


def our_job(path: str, url: str, **options: Any) -> int:
    from airflow_provider_segment.hooks.segment import SegmentHook

    connection = {"conn_type": "segment", "host": url, "extra": {"secret_write_key": WRITE_KEY}}
    os.environ["AIRFLOW_CONN_SEGMENT_DEFAULT"] = json.dumps(connection)
    return SegmentHook().send_events(path=path, **options).sent


class Run(msgspec.Struct):
    """What a run took."""

    delivered: int  # events, as the peer takes it
    seconds: float  # from opening the file to the last acknowledgement
    idle_mb: float  # peak memory before: the interpreter and the imports
    peak_mb: float


def run(name: str, path: str, url: str) -> Run:
    """A run in a process of its own."""
    return run_module("benchmarks.peers", name, path, url)


def run_module(name: str, *arguments: str) -> Run:
    """What a module, run in a process of its own, says that a run took."""
    command = [sys.executable, "-m", name, *arguments]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=WITH_AIRFLOW).stdout
    return msgspec.json.decode(output.splitlines()[-1], type=Run)  # Airflow logs to stdout


def run_here(send: Send, path: str, url: str, *, warm_up: str) -> Run:
    """A run in this process.

    :param warm_up: the path of a few events, which are sent elsewhere first
    """
    with sink() as elsewhere:  # much is imported by the first request only
        send(warm_up, elsewhere)
    idle_mb = peak_mb()
    start = time.perf_counter()
    delivered = send(path, url)
    return Run(delivered, time.perf_counter() - start, idle_mb, peak_mb())


def say(result: Run) -> None:
    """Tell the process that started this one."""
    sys.stdout.buffer.write(msgspec.json.encode(result))


def peak_mb() -> float:
    """The process's highest resident memory so far, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    peer_name, events_path, sink_url = sys.argv[1:]
    say(run_here(PEERS[peer_name].send, events_path, sink_url, warm_up=str(event_file(WARM_UP))))
