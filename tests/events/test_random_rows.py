"""The same rows from every reader are the same events, however they are cut; and none is lost on the way."""

from __future__ import annotations

import asyncio
import csv
import json
import logging
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.events.dead_letters import DeadLetters
from airflow_provider_segment.events.options import all_options
from airflow_provider_segment.events.pipeline import make_pipeline
from airflow_provider_segment.events.reading import Reading
from airflow_provider_segment.events.report import SendReport
from airflow_provider_segment.events.sources.open import open_source
from airflow_provider_segment.events.sources.source import Block
from tests.harness.fuzzing import examples

pytestmark = pytest.mark.core

MAPPING = [
    {
        "type": "track",
        "event": "Order Completed",
        "userId": "$user",
        "timestamp": {"$": "at", "as": "timestamp"},
        "properties": {
            "id": {"$": "id", "as": "number"},
            "day": "$day",
            "note": "$note",
            "total": {"$": "total", "as": "number"},
            "paid": {"$": "paid", "as": "boolean"},
        },
    },
    {
        "type": "identify",
        "userId": "$user",
        "traits": {"note": "$note"},
        "when": {"$": "note", "is_null": False},
    },
]
KEYS = ["id", "day", "at", "user"]
COLUMNS = ("id", "user", "at", "day", "note", "total", "paid")

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(-(2**53), 2**53),
            "user": TEXT,
            "at": st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(timezone.utc)),
            "day": st.dates(date(1000, 1, 1)),
            "note": st.none() | TEXT,
            "total": st.none() | st.floats(-1e9, 1e9).map(lambda value: round(value, 2)),
            "paid": st.booleans(),
        }
    ),
    max_size=12,
    unique_by=lambda row: row["id"],
)
LOG = logging.getLogger(__name__)

Row = dict[str, Any]
Written = tuple[Any, str | None]
"""What is sent: rows, or the path of a file."""


def text_of(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def as_json(row: Row) -> Row:
    return {**row, "at": text_of(row["at"]), "day": row["day"].isoformat()}


def dicts(rows: list[Row], folder: Path) -> Written:
    return rows, None


def generator(rows: list[Row], folder: Path) -> Written:
    return iter(rows), None


def json_lines(rows: list[Row], folder: Path) -> Written:
    (folder / "rows.jsonl").write_text("\n".join(json.dumps(as_json(row)) for row in rows))
    return None, str(folder / "rows.jsonl")


def csv_file(rows: list[Row], folder: Path) -> Written:
    with (folder / "rows.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(map(as_json, rows))
    return None, str(folder / "rows.csv")


def avro(rows: list[Row], folder: Path) -> Written:
    fastavro = pytest.importorskip("fastavro")
    types: dict[str, Any] = {
        "id": "long",
        "user": "string",
        "at": {"type": "long", "logicalType": "timestamp-micros"},
        "day": {"type": "int", "logicalType": "date"},
        "note": ["null", "string"],
        "total": ["null", "double"],
        "paid": "boolean",
    }
    fields = [{"name": name, "type": kind} for name, kind in types.items()]
    with (folder / "rows.avro").open("wb") as file:
        fastavro.writer(file, {"type": "record", "name": "Row", "fields": fields}, rows)
    return None, str(folder / "rows.avro")


def _frame(rows: list[Row]) -> Any:
    polars = pytest.importorskip("polars")
    schema = {
        "id": polars.Int64,
        "user": polars.String,
        "at": polars.Datetime("us", "UTC"),
        "day": polars.Date,
        "note": polars.String,
        "total": polars.Float64,
        "paid": polars.Boolean,
    }
    return polars.DataFrame(rows, schema=schema)


def arrow(rows: list[Row], folder: Path) -> Written:
    return _frame(rows), None


def arrow_stream(rows: list[Row], folder: Path) -> Written:
    import pyarrow

    table = _frame(rows).to_arrow()
    batches = table.to_batches(max_chunksize=3)
    return pyarrow.RecordBatchReader.from_batches(table.schema, batches), None


def parquet(rows: list[Row], folder: Path) -> Written:
    _frame(rows).write_parquet(folder / "rows.parquet", row_group_size=3)
    return None, str(folder / "rows.parquet")


def sqlite(rows: list[Row], folder: Path) -> Written:
    connection = sqlite3.connect(":memory:")
    connection.execute(f"create table t ({', '.join(COLUMNS)})")
    connection.executemany(
        f"insert into t values ({', '.join('?' * len(COLUMNS))})",
        [tuple(as_json(row)[name] for name in COLUMNS) for row in rows],
    )
    return (
        dict(zip(COLUMNS, row, strict=True)) for row in connection.execute("select * from t").fetchall()
    ), None


READERS: list[Callable[[list[Row], Path], Written]] = [
    dicts,
    generator,
    json_lines,
    csv_file,
    avro,
    arrow,
    parquet,
    sqlite,
    *([arrow_stream] if find_spec("pyarrow") else []),
]


class Recut:
    """A source whose blocks are cut in another way."""

    def __init__(self, source: Any, size: int) -> None:
        self._source = source
        self._size = size
        self.blocking, self.place, self.files = source.blocking, source.place, source.files

    def __iter__(self) -> Iterator[Block]:
        for block in self._source:
            for start in range(0, len(block.items), self._size):
                yield block._replace(items=block.items[start : start + self._size], first=block.first + start)


def read(written: Written, *, size: int | None = None, **options: Any) -> tuple[list[bytes], SendReport]:
    """The events of an input, as they would be sent, and the report."""
    rows, path = written
    source, mapping = open_source(rows, path, mapping=options["mapping"], keys=KEYS)
    chosen = all_options({**options, "mapping": mapping, "message_id_fields": KEYS})
    report = SendReport()
    mapper, checker = make_pipeline("write key", chosen, report, None)
    reading = Reading(
        Recut(source, size) if size else source,
        checker,
        DeadLetters(None, LOG),
        report=report,
        mapper=mapper,
    )

    async def events() -> list[bytes]:
        return [event async for batch in reading.batches(2_500) for event in batch.events()]

    found = asyncio.run(events())
    if reading.failure:
        raise reading.failure
    return found, report


@given(ROWS, st.integers(1, 13), st.permutations(range(12)))
@examples(40)
def test_every_reader_makes_the_same_events(rows: list[Row], size: int, order: list[int]) -> None:
    expected: list[Any] | None = None
    for reader in READERS:
        with tempfile.TemporaryDirectory() as folder:
            found, report = read(reader(rows, Path(folder)), size=size, mapping=MAPPING)
        events = sorted(map(json.loads, found), key=lambda event: event["messageId"])
        assert report.rows == len(rows), reader.__name__
        assert (report.read, report.rejected_total) == (len(events), 0), (reader.__name__, report.rejected)
        expected = expected if expected is not None else events
        assert events == expected, reader.__name__
    shuffled = [rows[index] for index in order if index < len(rows)]
    again, _ = read((shuffled, None), mapping=MAPPING)
    assert sorted(json.loads(event)["messageId"] for event in again) == [
        event["messageId"] for event in expected or []
    ]
    assert len({event["messageId"] for event in expected or []}) == len(expected or [])


KEY = st.one_of(TEXT, st.integers(), st.dates(), st.uuids(), st.none(), st.floats(), st.booleans())


@given(st.lists(st.tuples(KEY, KEY), max_size=20), st.integers(1, 7))
@examples(100)
def test_a_row_is_sent_or_rejected_and_different_keys_have_different_ids(
    keys: list[tuple[Any, Any]], size: int
) -> None:
    mapping = {"type": "page", "userId": "u", "properties": {"a": "$a", "b": "$b"}}
    rows = [{"a": one, "b": other} for one, other in keys]
    source, _ = open_source(rows, None, mapping=mapping)
    report = SendReport()
    options = all_options({"mapping": mapping, "message_id_fields": ["a", "b"]})
    mapper, checker = make_pipeline("write key", options, report, None)
    reading = Reading(Recut(source, size), checker, DeadLetters(None, LOG), report=report, mapper=mapper)

    async def events() -> list[Any]:
        return [json.loads(event) async for batch in reading.batches(2_500) for event in batch.events()]

    found = asyncio.run(events())
    assert report.rows == report.read == len(rows) == len(found) + report.rejected_total
    texts = {(str(event["properties"]["a"]), str(event["properties"]["b"])) for event in found}
    assert len({event["messageId"] for event in found}) == len(texts)
