"""A table of orders sent by dlt, with a custom destination: a function that is called with batches of rows.

dlt first extracts all of the source into files. Where it can, it takes Arrow tables, into which it does not
look: that is its fastest way.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from benchmarks.table_readers import READERS, arrow_batches, arrow_events
from benchmarks.table_server import connection_url, table_of

PAGE = 10_000  # items

Post = Callable[[list[dict[str, Any]]], object]


def send(kind: str, address: str, post: Post, batch_size: int) -> None:
    """Have batches of events posted."""
    with tempfile.TemporaryDirectory() as folder:
        # Before the import. It would keep its state in the home directory, and report its use.
        os.environ |= {
            "DLT_DATA_DIR": folder,
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "RUNTIME__LOG_LEVEL": "ERROR",
        }
        import dlt

        columnar = kind != "events"

        @dlt.destination(
            batch_size=batch_size,
            loader_file_format="parquet" if columnar else "typed-jsonl",
            max_parallel_load_jobs=1,
        )
        def segment(items: Any, table: Any) -> None:
            post(list(arrow_events(items)) if columnar else items)

        pipeline = dlt.pipeline("orders", destination=segment(), pipelines_dir=folder)
        pipeline.run(resource(kind, address)).raise_on_failed_jobs()


def resource(kind: str, address: str) -> Any:
    import dlt

    if kind == "postgres":
        from dlt.sources.sql_database import sql_table

        url = connection_url(address).replace("postgresql:", "postgresql+psycopg:")
        return sql_table(url, table_of(address), backend="pyarrow")
    rows = pages(READERS["python"](kind, address)) if kind == "events" else arrow_batches(kind, address)
    as_it_is: Any = {"timestamp": {"data_type": "text"}}  # dlt would make times of it
    return dlt.resource(rows, name="orders", columns=as_it_is if kind == "events" else {})


def pages(items: Iterator[Any]) -> Iterator[list[Any]]:
    while page := list(islice(items, PAGE)):
        yield page
