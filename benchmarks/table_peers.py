"""The ways to send a table of orders, each a function of the kind of its source, its address, and the sink's.

Each returns how many events it takes to be delivered. A run is a process of its own:

    python -m benchmarks.table_peers pyarrow parquet ADDRESS ADDRESS_OF_A_FEW http://127.0.0.1:PORT
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from benchmarks.peers import (
    NAIVE_BATCH,
    QUEUE_FULL_WAIT,
    WRITE_KEY,
    Run,
    analytics_client,
    run_here,
    run_module,
    say,
)
from benchmarks.table_engines import ENGINES
from benchmarks.table_files import mapping
from benchmarks.table_readers import READERS
from benchmarks.table_server import airflow_connection, table_of

KEYS = ["order_id"]

Send = Callable[[str, str, str], int]


# The official library


def analytics(kind: str, address: str, url: str) -> int:
    """Every event delivered, as a careful user would: tries again while the queue is full."""
    client = analytics_client(url)
    queued = 0
    read = READERS["pyarrow" if kind == "parquet" else "python"]
    for event in read(kind, address):
        while not call(client, event):
            time.sleep(QUEUE_FULL_WAIT)
        queued += 1
    client.flush()
    return queued


def call(client: Any, event: dict[str, Any]) -> bool:
    """Queue `event`; false if the queue was full."""
    queued: bool
    queued, _ = client.track(
        user_id=event["userId"],
        event=event["event"],
        timestamp=datetime.fromisoformat(event["timestamp"].replace("Z", "+00:00")),
        properties=event["properties"],
    )
    return queued


# The loops: a request at a time, no checks, no ids, no retries.


def loop(reader: str, kind: str, address: str, url: str) -> int:
    import requests

    events = READERS[reader](kind, address)
    sent = 0
    with requests.Session() as session:
        while batch := list(islice(events, NAIVE_BATCH)):
            post_json(session, url, batch)
            sent += len(batch)
    return sent


def post_json(session: Any, url: str, batch: list[dict[str, Any]]) -> None:
    session.post(f"{url}/v1/batch", json={"batch": batch}, auth=(WRITE_KEY, "")).raise_for_status()


def engine_loop(engine: str, kind: str, address: str, url: str) -> int:
    import httpx

    sent = 0
    headers = {"Content-Type": "application/json"}
    with httpx.Client(auth=(WRITE_KEY, ""), headers=headers) as client:
        for texts in ENGINES[engine](kind, address):
            body = f'{{"batch":[{",".join(texts)}]}}'.encode()
            client.post(f"{url}/v1/batch", content=body).raise_for_status()
            sent += len(texts)
    return sent


def dlt_pipeline(kind: str, address: str, url: str) -> int:
    import requests

    from benchmarks import table_dlt

    sent = 0
    with requests.Session() as session:

        def post(batch: list[dict[str, Any]]) -> None:
            nonlocal sent
            post_json(session, url, batch)
            sent += len(batch)

        table_dlt.send(kind, address, post, NAIVE_BATCH)
    return sent


# This package


def ours(kind: str, address: str, url: str) -> int:
    from airflow_provider_segment.hooks.segment import SegmentHook

    connection = {"conn_type": "segment", "host": url, "extra": {"secret_write_key": WRITE_KEY}}
    os.environ["AIRFLOW_CONN_SEGMENT_DEFAULT"] = json.dumps(connection)
    hook, options = SegmentHook(), our_options(kind)
    if kind == "postgres":
        return hook.send_from(our_query(address), **options).sent
    return hook.send_events(path=address, **options).sent


def limit(kind: str, address: str, url: str) -> int:
    """Reads, maps, checks, gives ids and builds the bodies of the requests, in a plain loop."""
    from airflow_provider_segment.api.clock import Clock
    from airflow_provider_segment.events.batch import Batcher
    from airflow_provider_segment.events.options import all_options
    from airflow_provider_segment.events.pipeline import make_pipeline
    from airflow_provider_segment.events.report import SendReport
    from airflow_provider_segment.events.sources.open import open_source

    options = our_options(kind)
    if kind == "postgres":
        source: Any = our_query(address)
    else:
        keys = options.get("message_id_fields")
        source, _ = open_source(None, address, mapping=options.get("mapping"), keys=keys)
    mapper, checker = make_pipeline(WRITE_KEY, all_options(options), SendReport(), None)
    now, prepare, batcher = Clock().now, checker.prepare, Batcher()
    events = 0
    for block in source:
        placed = (block if kind == "events" else mapper(block)).placed()
        prepared, positions = [], []
        for position, item in placed:
            prepared.append(prepare(item))
            positions.append(position)
        for batch in batcher.add(prepared, positions):
            batch.body(now())
        events += len(prepared)
    batcher.last.body(now())
    return events


def our_options(kind: str) -> dict[str, Any]:
    return {} if kind == "events" else {"mapping": mapping(kind), "message_id_fields": KEYS}


def our_query(address: str) -> Any:
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    from airflow_provider_segment.events.sources.sql import SqlSource

    os.environ["AIRFLOW_CONN_WAREHOUSE"] = json.dumps(airflow_connection(address))
    return SqlSource(PostgresHook("warehouse"), f"select * from {table_of(address)}")


PEERS: dict[str, Send] = {
    "analytics": analytics,
    **{reader: partial(loop, reader) for reader in READERS},
    "dlt": dlt_pipeline,
    **{engine: partial(engine_loop, engine) for engine in ENGINES},
    "ours": ours,
    "limit": limit,
}


def run(peer: str, kind: str, address: str, few: str, url: str) -> Run:
    """A run in a process of its own.

    :param few: the address of a few orders, which are sent elsewhere first
    """
    return run_module("benchmarks.table_peers", peer, kind, address, few, url)


def main(peer: str, kind: str, address: str, few: str, url: str) -> None:
    say(run_here(partial(PEERS[peer], kind), address, url, warm_up=few))


if __name__ == "__main__":
    main(*sys.argv[1:])
