"""However an input is cut into parts: the same events with the same ids arrive, and the same are rejected."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.events.key_json import key_to_json
from airflow_provider_segment.events.parts import KeyRange
from airflow_provider_segment.events.sources.sql import SqlSource
from airflow_provider_segment.events.sources.sql_pages import PagedSqlSource
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from tests.events.sources.sql_hooks import Hook
from tests.events.test_send import read_lines
from tests.harness.fuzzing import examples

pytestmark = pytest.mark.core

ROWS = st.lists(
    st.tuples(st.sampled_from(["u1", "u2", "", None]), st.integers(0, 6), st.text("aé\n\"'", max_size=3)),
    min_size=1,
    max_size=40,
)
"""User, day and text of rows; a row without a user makes no valid event, and some are alike."""
MAPPING = {
    "type": "track",
    "event": "Ordered",
    "userId": "$user",
    "properties": {"day": "$day", "text": "$text"},
}
PLACE = ("file", "line", "from_byte", "row_number")
"""What of a rejected event depends on how its input was cut: its place."""
TIMES = ("receivedAt", "sentAt", "timestamp")

Row = tuple[str | None, int, str]
SendPart = Callable[[Path], Any]
"""Sends a part, with this file for what is rejected; returns the report."""


def outcome(sandbox: Sandbox, folder: Path, parts: Sequence[SendPart]) -> tuple[Counter[str], Counter[str]]:
    """What arrives of the parts of an input, also twice, and what is rejected of them."""
    sandbox.reset()
    rejected: Counter[str] = Counter()
    for number, send in enumerate(parts):
        rejects = folder / f"{number}.rejects"
        assert send(rejects).unsent == 0
        rejected.update(without(PLACE, letter) for letter in read_lines(rejects))
    arrived = Counter(without(TIMES, event) for event in sandbox.accepted)
    assert not any(drop["event"] for drop in sandbox.dropped)
    arrived.update(drop["messageId"] for drop in sandbox.dropped)  # the same event once more
    return arrived, rejected


def without(names: Sequence[str], content: dict[str, Any]) -> str:
    return json.dumps({name: content[name] for name in content if name not in names}, sort_keys=True)


def by_hook(**arguments: Any) -> SendPart:
    return lambda rejects: SegmentHook().send_events(rejects_path=str(rejects), **arguments)


def pieces(name: str, *pieces: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "pieces": list(pieces)}


def ranges(file: Path, unit: str, cuts: Sequence[int]) -> list[dict[str, Any]]:
    """Parts of one file, a range each."""
    edges = [0, *sorted(set(cuts) - {0}), None]
    return [
        pieces(f"{start}", {"path": str(file), "unit": unit, "start": start, "end": end})
        for start, end in pairwise(edges)
    ]


def check(sandbox: Sandbox, folder: Path, whole: SendPart, parts: Sequence[SendPart]) -> None:
    """Parts become what the whole becomes."""
    expected = outcome(sandbox, folder, [whole])
    assert outcome(sandbox, folder, parts) == expected
    assert expected[0] or expected[1]


def event(row: Row) -> dict[str, Any]:
    user, day, text = row
    return {"type": "track", "event": "Ordered", "userId": user, "properties": {"day": day, "text": text}}


@pytest.mark.parametrize("unit", ["byte", "row"])
@examples(12)
@given(rows=ROWS, data=st.data())
def test_json_lines(segment_sandbox: Sandbox, tmp_path: Path, unit: str, rows: list[Row], data: Any) -> None:
    lines = [json.dumps(event(row)) for row in rows]
    lines.insert(data.draw(st.integers(0, len(lines)), label="where a line is none"), "{no JSON")
    file = tmp_path / "a.jsonl"
    file.write_text(data.draw(st.sampled_from(["\n", "\r\n", "\n\n"])).join(lines), newline="")
    most = file.stat().st_size if unit == "byte" else len(lines)
    cuts = data.draw(st.lists(st.integers(0, most), max_size=6), label="cuts")
    parts = [by_hook(part=part) for part in ranges(file, unit, cuts)]
    check(segment_sandbox, tmp_path, by_hook(path=str(file)), parts)


@pytest.mark.parametrize("keys", [None, ["day", "text"]], ids=["ids of events", "ids of keys"])
@examples(10)
@given(rows=ROWS, data=st.data())
def test_parquet(
    segment_sandbox: Sandbox, tmp_path: Path, keys: list[str] | None, rows: list[Row], data: Any
) -> None:
    file = tmp_path / "a.parquet"
    frame = pl.DataFrame(rows, schema={"user": pl.String, "day": pl.Int64, "text": pl.String}, orient="row")
    frame.write_parquet(file, row_group_size=data.draw(st.integers(1, 20), label="rows of a group"))
    cuts = data.draw(st.lists(st.integers(0, len(rows)), max_size=6), label="cuts")
    options: dict[str, Any] = {"mapping": MAPPING, "message_id_fields": keys}
    parts = [by_hook(part=part, **options) for part in ranges(file, "row", cuts)]
    check(segment_sandbox, tmp_path, by_hook(path=str(file), **options), parts)


def written(kind: str, rows: list[Row]) -> bytes:
    frame = pl.DataFrame(rows, schema={"user": pl.String, "day": pl.Int64, "text": pl.String}, orient="row")
    if kind == "csv":
        return frame.write_csv().encode()
    if kind == "avro":
        file = io.BytesIO()
        frame.write_avro(file)
        return file.getvalue()
    if kind == "json":
        return json.dumps([dict(zip(frame.columns, row, strict=True)) for row in rows]).encode()
    return gzip.compress(b"\n".join(json.dumps(row).encode() for row in frame.to_dicts()))


@pytest.mark.parametrize("kind", ["csv", "avro", "json", "jsonl.gz"])
@examples(10)
@given(files=st.lists(ROWS, min_size=1, max_size=5), data=st.data())
def test_whole_files_and_their_rows(
    segment_sandbox: Sandbox, tmp_path: Path, kind: str, files: list[list[Row]], data: Any
) -> None:
    for file in tmp_path.glob("*.*"):
        file.unlink()
    parts: list[list[dict[str, Any]]] = [[]]
    for number, rows in enumerate(files):
        (tmp_path / f"{number}.{kind}").write_bytes(written(kind, rows))
        cuts = data.draw(st.lists(st.integers(1, len(rows)), max_size=2), label="cuts")
        for one in ranges(tmp_path / f"{number}.{kind}", "row", cuts):
            if data.draw(st.booleans(), label="a new part"):
                parts.append([])
            parts[-1] += one["pieces"]
    sends = [by_hook(part=pieces("a", *part), mapping=MAPPING) for part in parts if part]
    whole = by_hook(path=f"{tmp_path}/*.{kind}", mapping=MAPPING)
    check(segment_sandbox, tmp_path, whole, sends)


@pytest.mark.parametrize("column", ["day", "id", "text"])
@pytest.mark.parametrize("resume_key", [None, "id"])
@examples(10)
@given(rows=ROWS, data=st.data())
def test_ranges_of_a_query(
    segment_sandbox: Sandbox, tmp_path: Path, column: str, resume_key: str | None, rows: list[Row], data: Any
) -> None:
    file = tmp_path / "rows.sqlite"
    file.unlink(missing_ok=True)
    with sqlite3.connect(file) as connection:
        connection.execute("create table orders (id integer primary key, user text, day integer, text text)")
        connection.executemany(
            "insert into orders (user, day, text) values (?, ?, ?)",
            [(user, None if day == 6 else day, text) for user, day, text in rows],
        )
    connection.close()
    key = st.text("aé\n\"'", max_size=3) if column == "text" else st.integers(-1, 45)
    cuts = sorted(data.draw(st.sets(key, max_size=5), label="cuts"))
    hook = Hook(lambda: sqlite3.connect(file))

    def by_range(within: KeyRange | None) -> SendPart:
        options: Any = {"resume_key": resume_key, "conn_id": "x"} if resume_key else {}
        kind = PagedSqlSource if resume_key else SqlSource
        return lambda rejects: SegmentHook().send_from(
            kind(hook, "select * from orders", within=within, **options),
            rejects_path=str(rejects),
            mapping=MAPPING,
        )

    edges = [None, *map(key_to_json, cuts), None]
    parts = [by_range(KeyRange(column, start, end)) for start, end in pairwise(edges)]
    check(segment_sandbox, tmp_path, by_range(None), parts)
