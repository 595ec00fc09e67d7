"""Runs over one input, cut and interrupted at random: nothing is lost, nothing that is known is doubled."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.errors import SegmentApprovalError
from airflow_provider_segment.events.key_json import key_to_json
from airflow_provider_segment.events.parts import KeyRange
from airflow_provider_segment.events.sources import content, sql, sql_pages
from airflow_provider_segment.events.sources.sql_pages import PagedSqlSource
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from tests.events.test_send import make_events, patient
from tests.harness.fuzzing import examples

__all__ = ["patient"]  # a fixture

pytestmark = pytest.mark.core

EVENTS = 40
TWO_DAYS = 172_800.0


class Run(NamedTuple):
    """One run over all of the input.

    :param cuts: where it is cut into parts, of its length
    :param stops: for each part, after how many events it is interrupted; None for not at all
    """

    cuts: list[float]
    stops: list[int | None]


def runs() -> st.SearchStrategy[list[Run]]:
    cuts = st.lists(st.floats(0, 1), max_size=4).map(sorted)
    stops = st.lists(st.none() | st.integers(0, EVENTS), min_size=5, max_size=5)
    return st.lists(st.builds(Run, cuts, stops), min_size=1, max_size=4)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few events each."""
    monkeypatch.setattr(content, "BLOCK_BYTES", 400)
    monkeypatch.setattr(sql_pages, "PAGE_ROWS", 4)
    monkeypatch.setattr(sql, "FETCH_ROWS", 4)


Send = Callable[[Any, Any, int | None], Any]  # from, to, after how many events it is interrupted


def run_all(sandbox: Sandbox, plan: list[Run], points: list[Any], send: Send) -> Any:
    """Run a plan, then once to the end; the points are where the input can be cut.

    :returns: the report of one more run
    :raises AssertionError: an event is lost, or one is doubled that a complete part had sent
    """
    complete: set[int] = set()
    for run in [*plan, Run([], [None])]:
        ends = [None, *(points[int(cut * (len(points) - 1))] for cut in run.cuts), None]
        for (start, end), stop in zip(pairwise(ends), run.stops, strict=False):
            before = len(sandbox.accepted)
            sandbox.advance_clock(TWO_DAYS)  # or Segment drops what it has
            try:
                report = send(start, end, stop)
            except SegmentApprovalError:
                report = None
            sent = {event["properties"]["n"] for event in sandbox.accepted[before:]}
            assert not sent & complete, "known to be delivered, and sent again"
            if report is not None:
                assert report.ledger_failure is None
                complete |= sent
    assert set(Counter(event["properties"]["n"] for event in sandbox.accepted)) == set(range(EVENTS))
    again = send(None, None, None)
    if all(stop is None for run in plan for stop in run.stops):
        assert again.left_out == EVENTS
    return again


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    """A new folder for each example."""

    def new() -> Iterator[Path]:
        number = 0
        while True:
            number += 1
            folder = tmp_path / str(number)
            folder.mkdir()
            yield folder

    return new()  # type: ignore[return-value]


def write(folder: Path, kind: str) -> tuple[Path, str, int]:
    """A file of events; what it is cut by, and how long it is."""
    events = make_events(EVENTS)
    for event in events:
        event["properties"]["x"] = "x" * (event["properties"]["n"] % 7 * 20)
    lines = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    if kind == "lines":
        (file := folder / "a.jsonl").write_bytes(lines)
        return file, "byte", len(lines)
    if kind == "gzip":
        (file := folder / "a.jsonl.gz").write_bytes(gzip.compress(lines))
        return file, "row", EVENTS
    (file := folder / "a.json").write_text(json.dumps(events))
    return file, "row", EVENTS


@pytest.mark.parametrize("kind", ["lines", "gzip", "array"])
@examples(25)
@given(plan=runs())
def test_files(segment_sandbox: Sandbox, folders: Iterator[Path], kind: str, plan: list[Run]) -> None:
    segment_sandbox.reset()
    folder = next(folders)
    file, unit, length = write(folder, kind)
    options: Any = {"ledger_path": str(folder / "ledger"), "rejects_path": str(folder / "rejected.jsonl")}

    def send(start: int | None, end: int | None, stop: int | None) -> Any:
        given: dict[str, Any] = {"path": str(file)}
        if (start, end) != (None, None):
            piece = {"path": str(file), "unit": unit, "start": start or 0, "end": end}
            given = {"part": {"name": "part", "pieces": [piece]}}
        return SegmentHook().send_events(**given, **options, max_events=stop)

    again = run_all(segment_sandbox, plan, list(range(length + 1)), send)
    assert (again.read, again.sent) == (0, 0), "all is in the ledger"


class Shop:
    """As a hook of Airflow."""

    placeholder = "?"

    def __init__(self, file: Path) -> None:
        self._file = file

    def get_conn(self) -> Any:
        return sqlite3.connect(self._file, check_same_thread=False)


WORDS = [f"{letter}{number}" for number in range(EVENTS // 4) for letter in ("a", "B", "ä", "_")]


@pytest.mark.parametrize("kind", ["numbers", "words"])
@examples(25)
@given(plan=runs())
def test_ranges_of_keys(
    segment_sandbox: Sandbox, folders: Iterator[Path], kind: str, plan: list[Run]
) -> None:
    """Words are in another order in the database than in Python."""
    segment_sandbox.reset()
    folder = next(folders)
    keys: list[Any] = list(range(EVENTS)) if kind == "numbers" else WORDS
    shop = Shop(folder / "shop.sqlite")
    connection = shop.get_conn()
    column = "integer" if kind == "numbers" else "text collate nocase"
    connection.execute(f"create table shop (k {column}, n)")
    connection.executemany("insert into shop values (?, ?)", [(key, n) for n, key in enumerate(keys)])
    connection.commit()
    ordered = [key for (key,) in connection.execute("select k from shop order by k")]
    connection.close()
    options: Any = {
        "ledger_path": str(folder / "ledger"),
        "rejects_path": str(folder / "rejected.jsonl"),
        "mapping": {"type": "track", "event": "Counted", "userId": "u", "properties": {"n": "$n"}},
    }

    def send(start: Any, end: Any, stop: int | None) -> Any:
        within = None
        if (start, end) != (None, None):
            within = KeyRange("k", *(None if key is None else key_to_json(key) for key in (start, end)))
        source = PagedSqlSource(shop, "select * from shop", resume_key="k", conn_id="shop", within=within)
        return SegmentHook().send_from(source, **options, max_events=stop)

    if kind == "numbers":
        again = run_all(segment_sandbox, plan, ordered, send)
        assert (again.read, again.sent) == (0, 0), "all is in the ledger"
        return
    # What was cut otherwise may be sent again, but nothing is lost.
    for run in plan:
        ends = [None, *(ordered[int(cut * (len(ordered) - 1))] for cut in run.cuts), None]
        for (start, end), stop in zip(pairwise(ends), run.stops, strict=False):
            with suppress(SegmentApprovalError):
                send(start, end, stop)
    send(None, None, None)
    assert {event["properties"]["n"] for event in segment_sandbox.accepted} == set(range(EVENTS))
    assert send(None, None, None).read == 0
