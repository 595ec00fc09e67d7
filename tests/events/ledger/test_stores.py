"""Stores of a ledger: a folder, and tables of SQLite and PostgreSQL."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise, starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.events.ledger import path_store
from airflow_provider_segment.events.ledger.intervals import Bound, Interval
from airflow_provider_segment.events.ledger.path_store import MANY_FILES, PathLedgerStore
from airflow_provider_segment.events.ledger.sql_store import TABLE, SqlLedgerStore
from airflow_provider_segment.events.ledger.store import LedgerEntry, LedgerStore, as_json, joined
from tests.harness.fake_clock import FakeClock

if TYPE_CHECKING:
    from tests.harness.databases import Postgres

pytestmark = pytest.mark.core
pytest_plugins = ["tests.harness.databases"]

NewStore = Callable[[], LedgerStore]


@pytest.fixture(params=["path", "uri", "sqlite", "postgres"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NewStore:
    """Makes a store for one more run, over the same place."""
    if request.param == "path":
        return lambda: PathLedgerStore(str(tmp_path / "a folder" / "ledger"))
    if request.param == "uri":
        # An object store in memory, which Airflow does not know.
        monkeypatch.setattr(path_store, "storage_path", pytest.importorskip("upath").UPath)
        place = f"memory://ledger-{tmp_path.name}/of/mine"
        return lambda: PathLedgerStore(place)
    if request.param == "sqlite":
        hooks: Any = pytest.importorskip("airflow.providers.sqlite.hooks.sqlite")
        connection = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.sqlite")}
        hook = hooks.SqliteHook("database")
    else:
        hooks = pytest.importorskip("airflow.providers.postgres.hooks.postgres")
        server: Postgres = request.getfixturevalue("postgres")
        server.run(f"drop table if exists {TABLE}")
        connection = server.airflow_connection
        hook = hooks.PostgresHook("database")
    monkeypatch.setenv("AIRFLOW_CONN_DATABASE", json.dumps(connection))
    return lambda: SqlLedgerStore(hook)


def entry(input: str, start: Any = None, end: Any = None, **others: Any) -> LedgerEntry:
    return LedgerEntry(input, f"file of {input}", "7-a", "byte", start, end, **others)


def test_what_a_run_adds_the_next_one_reads(new_store: NewStore) -> None:
    first = new_store()
    assert first.read("s", ["a", "b"]) == []
    first.add("s", [entry("a", None, 10, sent=3), entry("b", 5, None, sent=1, rejected=2)])
    first.add("s", [entry("a", 10, 20, sent=4)])
    assert sorted(new_store().read("s", ["a"]), key=str) == [
        entry("a", 10, 20, sent=4),
        entry("a", None, 10, sent=3),
    ] or new_store().read("s", ["a"]) == [entry("a", None, 20, sent=7)]
    assert new_store().read("s", ["b"]) == [entry("b", 5, None, sent=1, rejected=2)]
    assert new_store().read("s", ["c"]) == []
    assert new_store().read("another", ["a", "b"]) == []
    many = [f"{number:032}" for number in range(1_201)]
    first.add("s", [entry(name) for name in many])
    assert {one.input for one in new_store().read("s", many)} == set(many)


def test_no_run_overwrites_what_another_wrote(new_store: NewStore) -> None:
    """All begin at the same moment, also where the ledger is not there yet."""
    runs, times = 6, 5
    together = threading.Barrier(runs)
    faults: list[BaseException] = []

    def run(number: int) -> None:
        try:
            store = new_store()
            together.wait()
            store.read("s", ["a"])
            for time in range(times):
                store.add("s", [entry("a", 10 * number + time, 10 * number + time + 1, sent=1)])
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    found = sorted(new_store().read("s", ["a"]), key=lambda one: cast("int", one.start))
    assert joined(found) == [entry("a", 10 * n, 10 * n + times, sent=times) for n in range(runs)]


KEYS = [
    7,
    "tea's % ? \" \\",
    Decimal("1.10"),
    UUID(int=5),
    date(2026, 1, 2),
    datetime(2026, 1, 2, 3, 4, 5, 6),
    datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2))),
]


def test_keys_keep_their_types(new_store: NewStore) -> None:
    made = [
        LedgerEntry("a", "shop", "", "key", as_json(Bound(key, True)), as_json(Bound(key, False)))
        for key in KEYS
    ]
    store = new_store()
    store.read("s", ["a"])
    store.add("s", made)
    intervals = [one.interval for one in new_store().read("s", ["a"])]
    for key in KEYS:
        [found] = [one for one in intervals if one == Interval(Bound(key, True), Bound(key, False))]
        assert type(found.start.key) is type(key)


def test_a_damaged_file_costs_what_it_knew_and_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for input in "ab":
        PathLedgerStore(str(tmp_path)).add("s", [entry(input)])
    [one, other] = sorted((tmp_path / "s").iterdir())
    one.write_bytes(one.read_bytes()[:-9])
    (tmp_path / "s" / "notes.txt").write_text("mine")
    [kept] = json.loads(other.read_bytes())["entries"]
    assert PathLedgerStore(str(tmp_path)).read("s", ["a", "b"]) == [entry(kept["input"])]
    assert f"{one} is no file of a ledger" in caplog.text


def test_a_damaged_row_costs_what_it_knew_and_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hooks: Any = pytest.importorskip("airflow.providers.sqlite.hooks.sqlite")
    connection = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.sqlite")}
    monkeypatch.setenv("AIRFLOW_CONN_DATABASE", json.dumps(connection))
    hook = hooks.SqliteHook("database")
    store = SqlLedgerStore(hook)
    store.read("s", ["a"])
    store.add("s", [entry(input) for input in "abc"])
    hook.run(f"update {TABLE} set end_at = '[1' where input = 'a'")
    hook.run(f"update {TABLE} set unit = null where input = 'b'")
    assert store.read("s", ["a", "b", "c"]) == [entry("c")]
    assert [record.levelno for record in caplog.records if "is damaged" in record.message] == [
        logging.WARNING
    ] * 2


def test_a_ledger_that_is_not_reached_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("a file, where a folder should be")
    with pytest.raises(OSError):
        PathLedgerStore(str(tmp_path)).read("s", ["a"])


@given(st.lists(st.integers(1, 9)), st.integers(0, 4))
def test_intervals_that_meet_become_one_entry(lengths: list[int], split: int) -> None:
    ends = [sum(lengths[: number + 1]) for number in range(len(lengths))]
    entries = [entry("a", end - length, end, sent=length) for end, length in zip(ends, lengths, strict=True)]
    assert joined(entries) == ([entry("a", 0, ends[-1], sent=ends[-1])] if entries else [])
    others = [LedgerEntry("b", "", "", "row", 3, 4), *entries[:split], entry("a", 99, 100)]
    assert joined(others)[-1] == entry("a", 99, 100)
    assert joined([entry("a", 0, None), entry("a", None, 3)]) == [entry("a", 0, None), entry("a", None, 3)]


def test_the_files_of_runs_that_ended_become_one(tmp_path: Path) -> None:
    clock = FakeClock()
    runs = MANY_FILES + 5
    for number in range(runs):
        PathLedgerStore(str(tmp_path), clock).add("s", [entry("a", number, number + 1, sent=1)])
    running = PathLedgerStore(str(tmp_path), clock)
    clock.sleep(timedelta(days=2, seconds=1).total_seconds())
    running.add("s", [entry("b", 0, 1)])

    def held() -> list[Any]:
        found = PathLedgerStore(str(tmp_path), clock).read("s", ["a"])
        return joined(sorted(found, key=lambda one: cast("int", one.start)))

    before = held()
    for _ in range(2):
        store = PathLedgerStore(str(tmp_path), clock)
        store.read("s", ["a"])
        store.add("s", [entry("c", 0, 1)])
    assert len(list((tmp_path / "s").iterdir())) == 3, "the running one's, one of all old ones, a new one"
    assert held() == before == [entry("a", 0, runs, sent=runs)]
    running.add("s", [entry("b", 1, 2)])
    assert joined(PathLedgerStore(str(tmp_path), clock).read("s", ["b"])) == [entry("b", 0, 2)]


def test_ranges_of_texts_of_several_runs_are_not_joined(tmp_path: Path) -> None:
    """Nobody knows the order of texts, so a range in a longer one would be sent again."""
    clock = FakeClock()
    ends = [Bound(f"{number:03}", False) for number in range(MANY_FILES + 2)]
    parts = list(starmap(Interval, pairwise(ends)))
    for number, (start, end) in enumerate(pairwise(ends)):
        store = PathLedgerStore(str(tmp_path), clock)
        store._name = f"{number:03}.json"
        store.add("s", [LedgerEntry("q", "q", "", "key", as_json(start), as_json(end))])
    clock.sleep(timedelta(days=3).total_seconds())
    store = PathLedgerStore(str(tmp_path), clock)
    store.read("s", ["q"])
    for number in range(2):
        store.add("s", [entry("a", number, number + 1)])
    assert len(list((tmp_path / "s").iterdir())) == 1
    found = PathLedgerStore(str(tmp_path), clock).read("s", ["q", "a"])
    assert [one.interval for one in found if one.input == "a"] == [Interval(0, 2)]
    assert [one.interval for one in found if one.input == "q"] == parts


def test_what_another_run_takes_over_meanwhile_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    for number in range(MANY_FILES + 1):
        PathLedgerStore(str(tmp_path), clock).add("s", [entry("a", 2 * number, 2 * number + 1)])
    clock.sleep(timedelta(days=3).total_seconds())
    other, reader = (PathLedgerStore(str(tmp_path), clock) for _ in range(2))
    other.read("s", ["a"])
    list_files = reader._files

    def listed_before(scope: str) -> list[Any]:
        files = list_files(scope)
        other.add(scope, [entry("b", 0, 1)])
        return files

    monkeypatch.setattr(reader, "_files", listed_before)
    assert len(reader.read("s", ["a"])) == MANY_FILES + 1


def test_only_the_owner_reads_a_local_ledger(tmp_path: Path) -> None:
    PathLedgerStore(str(tmp_path / "ledger")).add("s", [entry("a")])
    [file] = (tmp_path / "ledger" / "s").iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
