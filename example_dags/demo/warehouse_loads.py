"""Segment's loads of the warehouse: the sandbox reports syncs, and has no database to load; the demo has."""

from __future__ import annotations

import threading
from collections import defaultdict
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
SYNCS = (10.0, 180.0)
"""Seconds after the last event: soon, and when all that came late is there, which `verified_backfill` waits
for."""


@contextmanager
def warehouse_loads(segment: Sandbox, warehouse_id: str, database: Postgres | None) -> Iterator[None]:
    """Load what was sent to a source, and report it as a sync, when nothing more comes.

    :param database: None to report syncs only
    """
    end = threading.Event()

    def run() -> None:
        seen, quiet, syncs = None, 0.0, list(SYNCS)
        while not end.wait(PAUSE):
            counts = segment.summary
            now = (counts["accepted"], counts["duplicates"])
            if now != seen:
                seen, quiet, syncs = now, 0.0, list(SYNCS)
                continue
            quiet += PAUSE
            if syncs and quiet >= syncs[0]:
                del syncs[0]
                if database:
                    load(segment, database)
                segment.scripts.add("warehouse_sync", now=True, seconds=0, warehouse_id=warehouse_id)

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
    for event in segment.accepted:
        if (schema := slugs.get(event["projectId"])) in LOADED:
            row = (event["messageId"], event["receivedAt"], event.get("event"))
            rows[f"{schema}.{TABLES[event['type']]}"].append(row)
    with database.connect() as connection, connection.cursor() as cursor:
        for table, new in rows.items():
            cursor.executemany(f"insert into {table} values (%s, %s, %s) on conflict do nothing", new)
