"""Segment's loads of the warehouse: the sandbox reports syncs, and has no database to load; the demo has."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_segment.verification.rows import TABLES
from example_dags.demo.shop import LOADED

if TYPE_CHECKING:
    from airflow_provider_segment.sandbox import Sandbox
    from tests.harness.databases import Postgres

PAUSE = 10.0
"""Seconds between two looks for new events."""
LOADS = (180.0, 600.0)
"""Seconds after its last event when a source is loaded: when that is counted, which `verified_backfill` and
`warehouse_ready` wait for, and once more where their tasks were slow."""


@contextmanager
def warehouse_loads(segment: Sandbox, warehouse_id: str, database: Postgres | None) -> Iterator[None]:
    """Load what a source received when nothing more comes, and report it as a sync.

    What came before anybody looked at the syncs is loaded right after that: it starts a DAG that watches.

    :param database: None to report syncs only
    """
    end = threading.Event()

    def run() -> None:
        seen, due = 0, dict[str, list[float]]()
        rows = Counter[str]()
        while not end.wait(PAUSE):
            if not any(request.path.endswith("/syncs") for request in segment.state.requests):
                continue
            now = time.monotonic()
            connected = segment.state.collections.get(f"/warehouses/{warehouse_id}/connected-sources", {})
            new = segment.state.accepted.since(seen)
            news = Counter(id for one in new if (id := str(one.delivery.source_id)) in connected)
            rows += news
            for id in news:
                due[id] = [now + seconds for seconds in LOADS] if seen else [now]
            seen += len(new)
            loaded = [id for id, moments in due.items() if moments and moments[0] <= now]
            if loaded and database:
                load(segment, database)
            for id in loaded:
                del due[id][0]
                about = {"warehouse_id": warehouse_id, "source_id": id, "count": rows.pop(id, 0)}
                segment.scripts.add("warehouse_sync", now=True, seconds=0, **about)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def load(segment: Sandbox, database: Postgres) -> None:
    """Add the rows of events that are not in the database yet."""
    slugs = {each["id"]: each["slug"] for each in segment.state.collections["/sources"].values()}
    rows: dict[str, list[tuple[str | None, ...]]] = defaultdict(list)
    for one in list(segment.state.accepted):
        if (schema := slugs.get(one.delivery.source_id)) in LOADED:
            event = one.as_event()
            row = (event["messageId"], event["receivedAt"], event.get("event"))
            rows[f"{schema}.{TABLES[event['type']]}"].append(row)
    with database.connect() as connection, connection.cursor() as cursor:
        for table, new in rows.items():
            cursor.executemany(f"insert into {table} values (%s, %s, %s) on conflict do nothing", new)
