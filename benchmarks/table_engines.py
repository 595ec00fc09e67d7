"""Events of a table of orders as JSON texts, made by an engine: fast, and without checks, ids and retries.

Each engine is a function of the kind of the source and its address, and makes texts, as many at a time as fit
into a request. Types are given: those that an engine guesses from CSV destroy post codes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.table_files import COLUMNS, event_of
from benchmarks.table_server import connection_url, table_of

if TYPE_CHECKING:
    import polars as pl

BATCH = 1_300
"""Events of about 360 bytes: Segment takes 500 KB."""

Texts = Iterator[Sequence[str]]


# polars


def with_polars(kind: str, address: str) -> Texts:
    import polars as pl

    for frame in polars_frames(kind, address):
        if kind == "events":
            frame = frame.select(pl.struct(pl.all()).struct.json_encode())
        else:
            frame = frame.select(polars_event(frame.schema))
        texts = frame.to_series()
        for start in range(0, len(texts), BATCH):
            yield texts.slice(start, BATCH).to_list()


def polars_frames(kind: str, address: str) -> Iterator[pl.DataFrame]:
    import polars as pl

    if kind == "postgres":
        import psycopg

        with psycopg.connect(connection_url(address)) as connection:
            yield from pl.read_database(
                f"select * from {table_of(address)}",
                connection.cursor("orders"),
                iter_batches=True,
                batch_size=20_000,
                infer_schema_length=None,
            )
    elif kind == "parquet":
        yield from pl.scan_parquet(address).collect_batches(maintain_order=True)
    elif kind == "csv":
        schema = polars_schema() | {"customer_id": pl.String}
        yield from pl.scan_csv(address, schema=schema).collect_batches(maintain_order=True)
    else:
        columns = polars_schema() if kind == "json" else None
        yield from pl.scan_ndjson(address, schema=columns).collect_batches(maintain_order=True)


def polars_schema() -> dict[str, Any]:
    import polars as pl

    types = {
        "customer_id": pl.Int64,
        "total": pl.Float64,
        "discount": pl.Float64,
        "items": pl.Int32,
        "gift": pl.Boolean,
        "weight_kg": pl.Float64,
    }
    return {name: types.get(name, pl.String) for name in COLUMNS}


def polars_event(schema: pl.Schema) -> pl.Expr:
    import polars as pl

    def expression(name: str, value: Any) -> pl.Expr:
        if isinstance(value, dict):
            return pl.struct(*(expression(*member) for member in value.items())).alias(name)
        return (value if isinstance(value, pl.Expr) else pl.lit(value)).alias(name)

    row = {name: pl.col(name) for name in COLUMNS}
    row["customer_id"] = row["customer_id"].cast(pl.String)
    row["total"] = row["total"].cast(pl.Float64)
    if schema["ordered_at"] != pl.String:
        row["ordered_at"] = row["ordered_at"].dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ")
    return expression("event", written(row)).struct.json_encode()


def written(row: dict[str, Any]) -> dict[str, Any]:
    """The event, with what stands for each column."""
    from types import SimpleNamespace

    return {**event_of(SimpleNamespace(**row)), "userId": row["customer_id"]}


# duckdb


def with_duckdb(kind: str, address: str) -> Texts:
    import duckdb

    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    if kind == "events":
        query = f"select json from read_ndjson_objects('{address}')"
    else:
        query = f"select to_json({duckdb_event(kind)})::varchar from {duckdb_table(kind, address)}"
    cursor = connection.execute(query)
    while rows := cursor.fetchmany(BATCH):
        yield [text for (text,) in rows]


def duckdb_table(kind: str, address: str) -> str:
    if kind == "parquet":
        return f"read_parquet('{address}')"
    types = {
        **dict.fromkeys(COLUMNS, "varchar"),
        **dict.fromkeys(("total", "discount", "weight_kg"), "double"),
        "items": "integer",
        "gift": "boolean",
    }
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in types.items())
    return f"read_{'csv' if kind == 'csv' else 'ndjson'}('{address}', columns = {{{columns}}})"


def duckdb_event(kind: str) -> str:
    row = {name: SQL(name) for name in COLUMNS}
    if kind == "parquet":
        row["total"] = SQL("total::double")
        row["ordered_at"] = SQL("strftime(ordered_at at time zone 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')")
    row["customer_id"] = SQL("customer_id::varchar")
    return struct_pack(written(row))


class SQL(str):
    """An expression, not a text."""


def struct_pack(value: Any) -> str:
    if isinstance(value, dict):
        members = (f'"{name}" := {struct_pack(member)}' for name, member in value.items())
        return f"struct_pack({', '.join(members)})"
    return value if isinstance(value, SQL) else f"'{value}'"


# The server builds the events, and psycopg reads their texts.


def with_server(kind: str, address: str) -> Texts:
    assert kind == "postgres"
    import psycopg

    row = {name: SQL(name) for name in COLUMNS} | {"customer_id": SQL("customer_id::text")}
    query = f"select row_to_json(_)::text from (select {columns(written(row))} from {table_of(address)}) _"
    with psycopg.connect(connection_url(address)) as connection, connection.cursor("orders") as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(BATCH):
            yield [text for (text,) in rows]


def columns(members: dict[str, Any]) -> str:
    return ", ".join(f'{column(value)} as "{name}"' for name, value in members.items())


def column(value: Any) -> str:
    if isinstance(value, dict):
        return f"(select _ from (select {columns(value)}) _)"
    return value if isinstance(value, SQL) else f"'{value}'"


ENGINES: dict[str, Callable[[str, str], Texts]] = {
    "polars": with_polars,
    "duckdb": with_duckdb,
    "server": with_server,
}
