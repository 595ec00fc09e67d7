"""What the example DAGs find in the demo: a shop's files, its workspace at Segment, and its database.

Everything has the names that the examples have as defaults, so that each runs with one click.
"""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_segment.api.client import SegmentClient
from airflow_provider_segment.connection import checked_settings
from airflow_provider_segment.verification.rows import TABLES
from benchmarks.events import SEED, make_event
from example_dags.demo.night import encode, make_night

if TYPE_CHECKING:
    from airflow_provider_segment.sandbox import Sandbox
    from tests.harness.databases import Postgres

LOADED = ("shop", "history")
"""The sources that are loaded to the warehouse, each into a schema of its name."""

HOURS_AGO = 3
"""When the shop opened: by now that is counted."""

CONNECTIONS: dict[str, dict[str, Any]] = {
    # With it Segment would connect to the database: see provision_workspace.
    "segment_warehouse": {
        "conn_type": "postgres",
        "host": "warehouse.shop.example",
        "port": 5432,
        "schema": "analytics",
        "login": "segment",
        "password": "warehouse-password",
    }
}
VARIABLES = {"amplitude_api_key": "amplitude-api-key"}
POOLS = [{"name": "segment_reverse_etl", "slots": 1, "include_deferred": True}]


def days() -> list[date]:
    """Today, and the day that most examples ask for; a run after midnight finds its own, too."""
    today = datetime.now(timezone.utc).date()
    return [today - timedelta(days=1), today]


def make_files(data: Path) -> None:
    """The files that are in `/data` elsewhere."""
    for day in days():
        make_night(data / "events", 2_000, day=day.isoformat())
        write_lines(data / "nights" / day.isoformat() / "web.jsonl", some_events(500))
        # What one example has sent is a duplicate when another one sends it.
        write_lines(data / "shop" / day.isoformat() / "web.jsonl", some_events(500, day.toordinal()))
        write_parquet(data / "orders" / day.isoformat() / "orders.parquet", day)
        archived = data / "segment-logs" / "shop" / str(int(midnight(day).timestamp() * 1000)) / "1.gz"
        archived.parent.mkdir(parents=True)
        archived.write_bytes(gzip.compress(b"".join(archive(day))))
        requests = data / "privacy" / day.isoformat() / "requests.txt"
        requests.parent.mkdir(parents=True)
        requests.write_text("".join(f"person-{number}@example.com\n" for number in range(12)))
    for year in (2024, 2025):
        write_lines(data / "lake" / f"{year}.jsonl", some_events(1_500, year))
    write_lines(data / "history" / "orders.jsonl", some_events(300, 1))
    with (data / "vouchers.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("code", "customer", "redeemed", "value"))
        writer.writerows((f"V{n:03}", f"customer-{n % 7}", "05.11.2026 14:30", "5.50") for n in range(40))


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=timezone.utc)


def some_events(count: int, seed: int = 0) -> Iterator[bytes]:
    rng = random.Random(SEED + seed)
    return (encode(make_event(rng, number, count)) + b"\n" for number in range(count))


def archive(day: date) -> Iterator[bytes]:
    """Events as Segment archives them."""
    for number in range(200):
        received = midnight(day) + timedelta(minutes=7 * number)
        yield (
            encode(
                {
                    "type": "track",
                    "event": "Order Completed",
                    "userId": f"customer-{number % 50}",
                    "messageId": f"archived-{day}-{number}",
                    "properties": {"order_id": f"order-{number}", "total": number + 0.5},
                    "timestamp": received.isoformat(),
                    "receivedAt": received.isoformat(),
                    "writeKey": "that-of-the-old-source",
                }
            )
            + b"\n"
        )


def write_lines(file: Path, lines: Iterator[bytes]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"".join(lines))


def write_parquet(file: Path, day: date) -> None:
    import polars

    start = datetime(day.year, day.month, day.day, 8)  # without a zone, as Spark often writes it
    rows = [
        {
            "order_id": f"{day}-{number}",
            "customer_id": f"customer-{number % 20}",
            "email": None if number % 4 == 3 else f"customer-{number % 20}@example.com",
            "status": "paid" if number % 3 else "cancelled",
            "ordered_at": start + timedelta(minutes=number),
            "total": number / 8,
            "items": [{"sku": "tea", "quantity": number}],
            "address": {"city": "Wien", "zip": "01010"},
        }
        for number in range(300)
    ]
    file.parent.mkdir(parents=True)
    polars.DataFrame(rows).write_parquet(file)


def make_workspace(segment: Sandbox) -> str:
    """What the examples name in the workspace; returns the id of the warehouse."""
    settings = {"base_url": segment.url, "public_api_token": segment.token, "name": "demo"}
    with SegmentClient(checked_settings(settings)) as client:

        def create(path: str, **fields: Any) -> Any:
            [made] = client.request("POST", path, json=fields).data.values()
            return made

        def of(what: str, slug: str) -> Any:
            return next(each for each in client.paginate(f"/catalog/{what}") if each["slug"] == slug)

        def source(slug: str, kind: str) -> str:
            return str(
                create("/sources", slug=slug, enabled=True, metadataId=of("sources", kind)["id"])["id"]
            )

        def open_shop(source_id: str) -> None:
            """Send an event, so that the audit does not find the source silent."""
            keys = client.request("GET", f"/sources/{source_id}").data["source"]["writeKeys"]
            with SegmentClient(checked_settings({**settings, "write_key": keys[0]})) as sender:
                event = {"type": "track", "event": "Shop Opened", "userId": "keeper"}
                sender.request("POST", "/v1/batch", api="tracking", json={"batch": [event]})

        def destination(name: str, source_id: str, slug: str) -> Any:
            metadata_id = of("destinations", slug)["id"]
            fields = {"name": name, "sourceId": source_id, "metadataId": metadata_id, "settings": {}}
            return create("/destinations", enabled=True, **fields)

        client.request("PATCH", f"/sources/{source('old-shop', 'http-api')}", json={"name": "Test shop"})
        tables = source("warehouse", "postgres")
        loaded = [source(slug, "http-api") for slug in LOADED]
        replay = source("replay", "http-api")
        for each in (replay, *loaded):
            destination("Amplitude", each, "actions-amplitude")

        segment.scripts.add("warehouse_sync", missing=True)  # only when there is something to load
        metadata_id = of("warehouses", "postgres")["id"]
        made = create("/warehouses", enabled=True, metadataId=metadata_id, settings={"name": "Shop"})
        for each in loaded:
            create(f"/warehouses/{made['id']}/connected-sources/{each}")
        segment.advance_clock(-HOURS_AGO * 3600)
        for each in (segment.source_id, replay, *loaded):
            open_shop(each)
        segment.scripts.add("warehouse_sync", now=True, seconds=0)
        segment.advance_clock(HOURS_AGO * 3600)

        crm = destination("CRM", tables, "actions-webhook")
        query = {"query": "select * from customers", "queryIdentifierColumn": "customer_id"}
        model = create(
            "/reverse-etl-models", sourceId=tables, name="Customers", description="", enabled=True, **query
        )
        create(
            f"/destinations/{crm['id']}/subscriptions",
            name="Customers",
            enabled=True,
            actionId=crm["metadata"]["actions"][0]["id"],
            trigger='event = "new" or event = "updated"',
            modelId=model["id"],
        )
        segment.scripts.add("reverse_etl_sync", seconds=5, extracted=1000, delivered=1000)
        return str(made["id"])


def make_tables(database: Postgres) -> None:
    """The tables `orders` and `customers`, with rows of each of the days, and those that Segment loads."""
    database.run(
        "create table orders (order_id bigint primary key, customer_id text, ordered_at timestamptz, "
        "updated_at timestamptz, status text, total numeric(12, 2), ship_city text)",
        "create table customers (customer_id bigint primary key, email text, plan text, orders int, "
        "lifetime_value numeric, updated_at timestamptz)",
        *(f"create schema {schema}" for schema in LOADED),
        *(
            f"create table {schema}.{table} "
            "(id varchar primary key, received_at timestamptz, event_text varchar)"
            for schema in LOADED
            for table in TABLES.values()
        ),
    )
    for number, day in enumerate(days()):
        start, first = f"timestamptz '{day}Z' + i * interval '1 minute'", 1_000 * number
        database.run(
            f"insert into orders select {first} + i, 'customer-' || i % 50, {start}, {start}, 'paid', "
            "i + 0.5, case when i % 2 = 0 then 'Wien' end from generate_series(1, 500) i",
            f"insert into customers select {first} + i, 'customer-' || i || '@example.com', 'pro', i, "
            f"i / 4.0, {start} from generate_series(1, 50) i",
        )
