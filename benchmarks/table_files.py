"""A shop's table of orders, as files: what the benchmarks of tables read.

The same orders in each format, written on first use, the same on every machine.
"""

from __future__ import annotations

import csv
import os
import random
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks.environment import CACHE

SEED = 20261120
YEAR = datetime(2026, 1, 1, tzinfo=timezone.utc)
YEAR_MS = 365 * 24 * 60 * 60 * 1000
ROW_GROUP = 100_000
EVENT_NAME = "Order Completed"

STATUSES = ("paid", "paid", "paid", "shipped", "returned")
CURRENCIES = ("EUR", "USD", "GBP", "JPY")
COUPONS = (None, None, None, "WINTER10", "WELCOME")
CITIES = ("Berlin", "São Paulo", "Osaka", "Lagos", "København", "Portland", "Kraków", "Lyon")
DISCOUNTS = (None, None, 0.05, 0.1, 0.125)


class Order(NamedTuple):
    """A row of the table."""

    order_id: str
    customer_id: int
    ordered_at: datetime  # UTC; no two orders share a millisecond
    order_date: date
    status: str
    currency: str
    total: Decimal
    discount: float | None
    items: int
    gift: bool
    coupon: str | None
    weight_kg: float
    ship_city: str
    ship_postcode: str  # some begin with a zero


COLUMNS = Order._fields

SQL_COLUMNS = """
    order_id text, customer_id bigint, ordered_at timestamptz, order_date date, status text, currency text,
    total numeric(12, 2), discount double precision, items integer, gift boolean, coupon text,
    weight_kg double precision, ship_city text, ship_postcode text
"""


def orders(count: int) -> Iterator[Order]:
    """`count` orders, in the order of their times."""
    rng = random.Random(SEED)
    chance, below = rng.random, rng.randrange
    step = YEAR_MS // count
    for number in range(count):
        ordered_at = YEAR + timedelta(
            milliseconds=number * step + int(chance() * step), microseconds=int(chance() * 1000)
        )
        dice = below(1 << 30)
        yield Order(
            order_id=f"A-{number:09}",
            customer_id=100_000 + dice % 1_000_003,
            ordered_at=ordered_at,
            order_date=ordered_at.date(),
            status=STATUSES[dice % 5],
            currency=CURRENCIES[dice // 5 % 4],
            total=Decimal(int(chance() * 1_000_000)).scaleb(-2),
            discount=DISCOUNTS[dice // 20 % 5],
            items=1 + dice // 100 % 9,
            gift=dice // 900 % 8 == 0,
            coupon=COUPONS[dice // 7200 % 5],
            weight_kg=round(chance() * 20, 3),
            ship_city=CITIES[dice // 36_000 % 8],
            ship_postcode=f"{dice // 7 % 100_000:05}",
        )


def event_of(order: Any) -> dict[str, Any]:
    """The event of an order, with whatever values it has."""
    return {
        "type": "track",
        "event": EVENT_NAME,
        "userId": str(order.customer_id),
        "timestamp": order.ordered_at,
        "properties": {
            "channel": "web shop",
            "order_id": order.order_id,
            "order_date": order.order_date,
            "status": order.status,
            "currency": order.currency,
            "total": order.total,
            "discount": order.discount,
            "items": order.items,
            "gift": order.gift,
            "coupon": order.coupon,
            "weight_kg": order.weight_kg,
            "shipping": {"city": order.ship_city, "postcode": order.ship_postcode},
        },
    }


def mapping(kind: str) -> dict[str, Any]:
    """The same as this package's users write it."""
    template = event_of(Order(*(f"${name}" for name in COLUMNS)))  # type: ignore[arg-type]
    if kind == "csv":  # its values are text
        properties = template["properties"]
        properties |= {
            name: {"$": name, "as": "number"} for name in ("total", "discount", "items", "weight_kg")
        }
        properties["gift"] = {"$": "gift", "as": "boolean"}
    return template


# Files


def table_file(kind: str, count: int) -> Path:
    """Path of a file of `count` orders: `events` (as Segment wants them), `json`, `csv` or `parquet`."""
    path = CACHE / f"orders-{count}-{kind}{SUFFIXES[kind]}"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(path.name + ".tmp")
        WRITERS[kind](unfinished, orders(count))
        os.replace(unfinished, path)
    return path


def write_lines(path: Path, rows: Iterator[Any]) -> None:
    encode = msgspec.json.Encoder(decimal_format="number").encode
    with path.open("wb") as file:
        file.writelines(encode(row) + b"\n" for row in rows)


def write_events(path: Path, rows: Iterator[Order]) -> None:
    write_lines(path, map(event_of, rows))


def write_json(path: Path, rows: Iterator[Order]) -> None:
    write_lines(path, (row._asdict() for row in rows))


def write_csv(path: Path, rows: Iterator[Order]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow(
                row._replace(
                    ordered_at=row.ordered_at.isoformat().replace("+00:00", "Z"),  # type: ignore[arg-type]
                    gift="true" if row.gift else "false",  # type: ignore[arg-type]
                )
            )


def write_parquet(path: Path, rows: Iterator[Order]) -> None:
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow.parquet import ParquetWriter  # type: ignore[import-untyped]

    kinds = {
        "customer_id": pa.int64(),
        "ordered_at": pa.timestamp("us", "UTC"),
        "order_date": pa.date32(),
        "total": pa.decimal128(12, 2),
        "discount": pa.float64(),
        "items": pa.int32(),
        "gift": pa.bool_(),
        "weight_kg": pa.float64(),
    }
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
    with ParquetWriter(path, schema) as writer:
        while group := list(islice(rows, ROW_GROUP)):
            columns = [
                pa.array(values, field.type)
                for values, field in zip(zip(*group, strict=True), schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


SUFFIXES = {"events": ".jsonl", "json": ".jsonl", "csv": ".csv", "parquet": ".parquet"}
WRITERS: dict[str, Callable[[Path, Iterator[Order]], None]] = {
    "events": write_events,
    "json": write_json,
    "csv": write_csv,
    "parquet": write_parquet,
}
