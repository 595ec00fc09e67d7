"""Events of a table of orders, made by the loops that users write: well, and without checks.

Each reader is a function of the kind of the source and its address, and makes events whose values are JSON.
What can be converted by columns is; that is one and a half to two times as fast as by value.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from benchmarks.table_files import COLUMNS, Order, event_of
from benchmarks.table_server import connection_url, table_of

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

CHUNK_ROWS = 20_000
TEXT_COLUMNS = ("customer_id", "ordered_at", "order_date", "ship_postcode")
"""What a reader that guesses types must not guess."""

Event = dict[str, Any]


# Python, with the library that belongs to the format


def with_python(kind: str, address: str) -> Iterator[Event]:
    if kind == "postgres":
        yield from map(event_of, map(with_json_values, fetched(address)))
    elif kind == "csv":
        with open(address, encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            next(lines)
            yield from map(event_of, map(with_types, lines))
    else:
        with open(address, encoding="utf-8") as file:
            events = map(json.loads, file)
            yield from events if kind == "events" else (event_of(Order(**row)) for row in events)


def fetched(address: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a table, not all of them in memory."""
    import psycopg

    with psycopg.connect(connection_url(address)) as connection, connection.cursor("orders") as cursor:
        cursor.itersize = CHUNK_ROWS
        cursor.execute(f"select * from {table_of(address)}")
        yield from cursor


def with_json_values(row: tuple[Any, ...]) -> Any:
    order = Order._make(row)
    return order._replace(
        ordered_at=order.ordered_at.isoformat(),  # type: ignore[arg-type]
        order_date=order.order_date.isoformat(),  # type: ignore[arg-type]
        total=float(order.total),  # type: ignore[arg-type]
    )


def with_types(row: list[str]) -> Any:
    order: Any = Order._make(row)
    return order._replace(
        total=float(order.total),
        discount=float(order.discount) if order.discount else None,
        items=int(order.items),
        gift=order.gift == "true",
        coupon=order.coupon or None,
        weight_kg=float(order.weight_kg),
    )


# pandas


def with_pandas(kind: str, address: str) -> Iterator[Event]:
    for frame in pandas_frames(kind, address):
        if kind == "events":
            yield from frame.to_dict("records")
            continue
        types = {name: str for name in ("ordered_at", "order_date") if frame[name].dtype != "str"}
        frame = frame.astype(types | {"total": float})
        frame = frame.astype(object).where(frame.notna(), None)
        yield from map(event_of, frame.itertuples(index=False))


def pandas_frames(kind: str, address: str) -> Iterator[Any]:
    import pandas as pd  # type: ignore[import-untyped]

    text = dict.fromkeys(TEXT_COLUMNS, "str")
    if kind == "parquet":
        yield pd.read_parquet(address)
    elif kind == "csv":
        yield from pd.read_csv(address, dtype=text, chunksize=CHUNK_ROWS)
    elif kind == "postgres":
        from sqlalchemy import create_engine

        engine = create_engine(connection_url(address).replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect().execution_options(stream_results=True) as connection:
            query = f"select * from {table_of(address)}"
            yield from pd.read_sql(query, connection, chunksize=CHUNK_ROWS)
    else:
        types = text if kind == "json" else {"userId": "str"}
        yield from pd.read_json(
            address,
            lines=True,
            chunksize=CHUNK_ROWS,
            dtype=types,
            convert_dates=False,
            precise_float=True,
        )


# pyarrow


def with_pyarrow(kind: str, address: str) -> Iterator[Event]:
    for batch in arrow_batches(kind, address):
        yield from arrow_events(batch)


def arrow_batches(kind: str, address: str) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    from pyarrow import csv, json, parquet

    if kind == "parquet":
        yield from parquet.ParquetFile(address).iter_batches(CHUNK_ROWS)
    elif kind == "csv":
        text = dict.fromkeys(TEXT_COLUMNS, pa.string())
        options = csv.ConvertOptions(column_types=text, strings_can_be_null=True)
        yield from csv.open_csv(address, convert_options=options)
    else:
        assert kind == "json"
        text = dict.fromkeys(("ordered_at", "order_date"), pa.string())
        schema = pa.schema(list(text.items()))
        yield from json.open_json(address, parse_options=json.ParseOptions(explicit_schema=schema))


def arrow_events(batch: pa.RecordBatch) -> Iterator[Event]:
    columns = [json_column(batch.column(name)).to_pylist() for name in COLUMNS]
    return map(event_of, map(Order._make, zip(*columns, strict=True)))


def json_column(column: pa.Array) -> pa.Array:
    """A column with values that JSON has."""
    import pyarrow as pa
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    if pa.types.is_timestamp(column.type):
        return pc.strftime(column, "%Y-%m-%dT%H:%M:%SZ")
    if pa.types.is_date(column.type):
        return column.cast(pa.string())
    if pa.types.is_decimal(column.type):
        return column.cast(pa.string()).cast(pa.float64())  # at once, some cents become others
    return column


READERS = {"python": with_python, "pandas": with_pandas, "pyarrow": with_pyarrow}
