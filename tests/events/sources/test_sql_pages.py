"""Rows of SQL queries by ranges of a key: each row once, whatever happens, and from any place again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentInputError
from airflow_provider_segment.events.sources import sql_pages
from airflow_provider_segment.events.sources.sql_pages import PagedSqlSource
from tests.events.sources.sql_hooks import Hook, read_some, rows_of, sqlite_hook
from tests.harness.fuzzing import examples

if TYPE_CHECKING:
    from tests.harness.databases import MariaDB, Postgres

pytestmark = pytest.mark.core
pytest_plugins = ["tests.harness.databases"]

DRIVERS = ("psycopg", "psycopg2", "MySQLdb", "mysql.connector", "sqlite3")


ALL = [(n, f"order {n}") for n in range(1, 1_001)]


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_pages, "PAGE_ROWS", 100)


class Table:
    """A database with a table ``orders`` of 1,000 rows, and a driver."""

    def __init__(self, connect: Callable[[], Any], run: Callable[..., Any], driver: str) -> None:
        self.run = run
        self.hook = Hook(connect)
        self.driver = driver

    def source(
        self, sql: str = "select * from orders", parameters: Any = None, **options: Any
    ) -> PagedSqlSource:
        return PagedSqlSource(self.hook, sql, parameters, **{"resume_key": "id", "conn_id": "x"} | options)


@pytest.fixture(params=DRIVERS)
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Table]:
    driver: str = request.param
    pytest.importorskip(driver)
    if driver == "sqlite3":
        file = tmp_path / "orders.sqlite"

        def connect() -> Any:
            return sqlite3.connect(file, timeout=600)

        def run(*statements: str) -> None:
            with sqlite3.connect(file) as connection:
                for statement in statements:
                    connection.execute(statement)

        made = Table(connect, run, driver)
    elif driver.startswith("psycopg"):
        postgres: Postgres = request.getfixturevalue("postgres")
        made = Table(postgres.connect if driver == "psycopg" else postgres.connect_2, postgres.run, driver)
    else:
        mariadb: MariaDB = request.getfixturevalue("mariadb")
        by_c = driver == "MySQLdb"
        made = Table(mariadb.connect if by_c else mariadb.connect_by_connector, mariadb.run, driver)
    made.run("drop table if exists orders", "create table orders (id int primary key, name varchar(20))")
    made.run("insert into orders values " + ", ".join(map(str, ALL)))
    yield made
    made.run("drop table orders")


def test_pages_have_every_row_once(table: Table) -> None:
    blocks = list(table.source("select * from orders -- all of them;\n ; -- done"))
    assert [(block.first, block.last) for block in blocks] == [(n + 1, n + 100) for n in range(0, 1_000, 100)]
    assert [row for block in blocks for row in block.items] == ALL
    assert {block.columns for block in blocks} == {("id", "name")}
    assert len(table.hook.connections) == 1


@pytest.mark.parametrize("rows", [0, 1, 99, 100, 101, 200])
def test_the_last_page(table: Table, rows: int) -> None:
    source = table.source(f"select * from orders where id <= {rows}")
    assert rows_of(source) == ALL[:rows]
    assert source.done == rows


def test_no_rows_still_tell_their_columns(table: Table) -> None:
    [block] = table.source("select * from orders where id < 0")
    assert (list(block.items), block.columns) == ([], ("id", "name"))


def test_parameters(table: Table) -> None:
    if table.driver == "sqlite3":
        marks = ("?", ":least", "%")
    else:
        marks = ("%s", "%(least)s", "%" if table.driver == "mysql.connector" else "%%")
    sql = "select id, '100{percent}' as x from orders where id > {mark}"
    for mark, parameters in ((marks[0], [300]), (marks[1], {"least": 300})):
        text = sql.format(percent=marks[2], mark=mark)
        assert rows_of(table.source(text, parameters)) == [(n, "100%") for n in range(301, 1_001)]
    assert rows_of(table.source("select id, '100%' as x from orders")) == [
        (n, "100%") for n in range(1, 1_001)
    ]


def test_a_reading_goes_on_at_each_mark(table: Table) -> None:
    source = table.source()
    assert source.mark(0) is None
    seen = []
    for block in source:
        seen += block.items
        mark = json.loads(json.dumps(source.mark(block.last)))
        assert mark["position"] == block.last
        other = table.source()
        other.resume(mark)
        assert other.identity == source.identity
        blocks = list(other)
        assert [row for one in blocks for row in one.items] == ALL[block.last :]
        assert blocks[0].first == block.last + 1 and blocks[-1].last == 1_000
        assert other.done == 1_000
    assert seen == ALL


def test_marks_are_at_the_ends_of_pages_that_are_done_with(table: Table) -> None:
    source = table.source()
    iterator, _ = read_some(source, blocks=4)
    assert source.mark(99.5) is None
    assert source.mark(100) == {"position": 100, "key": 100, "range": 0}
    assert source.mark(299) == source.mark(200.5) == {"position": 200, "key": 200, "range": 0}
    assert source.mark(10_000) == {"position": 400, "key": 400, "range": 0}
    iterator.close()


def test_a_change_between_tries_moves_no_row_out_of_sight(table: Table) -> None:
    source = table.source()
    iterator, _ = read_some(source, blocks=3)
    iterator.close()
    mark = source.mark(250)
    assert mark and mark["position"] == 200
    table.run(
        "delete from orders where id in (5, 205)", "insert into orders values (0, 'new'), (1001, 'new')"
    )
    other = table.source()
    other.resume(mark)
    assert rows_of(other) == [row for row in ALL[200:] if row[0] != 205] + [(1001, "new")]


def test_after_a_pause_the_next_page_has_its_own_connection(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_pages, "IDLE_SECONDS", 0)
    assert rows_of(table.source()) == ALL
    assert len(table.hook.connections) == 10


def test_no_transaction_stays_open(table: Table) -> None:
    iterator, _ = read_some(table.source(), blocks=2)
    if table.driver != "sqlite3":
        table.run("alter table orders add column note int", "alter table orders drop column note")
    table.run("update orders set name = 'changed' where id > 200")
    assert {name for _, name in rows_of(iterator)} == {"changed"}


# Keys


def test_a_key_that_is_no_column(table: Table) -> None:
    with pytest.raises(SegmentConfigurationError, match=r"no column 'idd'.* id"):
        list(table.source(resume_key="idd"))


def test_a_key_that_is_null(table: Table) -> None:
    with pytest.raises(SegmentInputError, match="k is null in some row"):
        list(table.source("select nullif(id, 7) as k from orders", resume_key="k"))


def test_a_key_that_is_not_unique_at_the_end_of_a_page(table: Table) -> None:
    sql = "select case when id = 201 then 200 else id end as k from orders"
    source = table.source(sql, resume_key="k")
    iterator, rows = read_some(source)
    assert len(rows) == 100
    with pytest.raises(SegmentInputError, match="must be unique and not null, but k is 200 in several rows"):
        next(iterator)


def test_keys_that_only_the_database_takes_for_equal(table: Table) -> None:
    if table.driver.startswith("psycopg"):
        collate = ""
    else:
        collate = " collate nocase" if table.driver == "sqlite3" else " collate utf8mb4_general_ci"
    table.run(f"create table words (word varchar(20){collate})")
    try:
        words = [f"word {n:03}" for n in range(200)]
        words[100:100] = ["WORD 099"]
        table.run("insert into words values " + ", ".join(f"('{word}')" for word in words))
        source = table.source("select word from words", resume_key="word")
        if collate:
            with pytest.raises(SegmentInputError, match=r"(?i)word is 'word 099' in several rows"):
                list(source)
        else:
            assert sorted(rows_of(source)) == sorted((word,) for word in words)
    finally:
        table.run("drop table words")


def test_a_key_of_a_type_that_is_none(table: Table) -> None:
    kind = {"psycopg": "float8", "psycopg2": "float8", "sqlite3": "real"}.get(table.driver, "double")
    with pytest.raises(SegmentConfigurationError, match=r"resume_key must be whole numbers, text.*not float"):
        list(table.source(f"select cast(id as {kind}) as k from orders", resume_key="k"))


KEYS = {
    "uuid": "md5(i::text)::uuid",
    "timestamptz": "timestamptz '2025-01-01' + i * interval '1.000001 s'",
    "timestamp": "timestamp '2025-01-01' + i * interval '1 microsecond'",
    "date": "date '2025-01-01' + i",
    "numeric": "i * 1000000000000000000000.5::numeric",
    "text": """'it''s % "' || i""",
}


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
@pytest.mark.parametrize("kind", KEYS)
def test_types_of_keys_in_postgres(postgres: Postgres, driver: str, kind: str) -> None:
    hook = Hook(postgres.connect if driver == "psycopg" else postgres.connect_2)
    sql = f"select {KEYS[kind]} as k from generate_series(1, 450) i"
    check_every_mark(lambda: PagedSqlSource(hook, sql, resume_key="k", conn_id="x"), 450)


MYSQL_KEYS = {
    "timestamp(6)": "timestampadd(microsecond, seq, '2025-03-30 00:59:59')",
    "datetime(6)": "timestampadd(microsecond, seq, '2025-01-01')",
    "date": "adddate('2025-01-01', seq)",
    "decimal(40, 5)": "seq * 1000000000000000000000.5",
    "bigint unsigned": "18446744073709551615 - seq",
    "varchar(40)": """concat('it''s % "', seq)""",
}


@pytest.mark.parametrize("driver", ["MySQLdb", "mysql.connector"])
@pytest.mark.parametrize("kind", MYSQL_KEYS)
def test_types_of_keys_in_mariadb(mariadb: MariaDB, driver: str, kind: str) -> None:
    mariadb.run(
        f"create or replace table keyed (k {kind} primary key) character set utf8mb4",
        f"insert into keyed select {MYSQL_KEYS[kind]} from seq_1_to_450",
    )
    hook = Hook(mariadb.connect if driver == "MySQLdb" else mariadb.connect_by_connector)
    check_every_mark(lambda: PagedSqlSource(hook, "select k from keyed", resume_key="k", conn_id="x"), 450)


def check_every_mark(make: Callable[[], PagedSqlSource], rows: int) -> None:
    """Read everything, and from each mark the rest."""
    source = make()
    everything = rows_of(source)
    assert len(set(everything)) == rows
    for block in (first := make()):
        other = make()
        other.resume(json.loads(json.dumps(first.mark(block.last))))
        assert rows_of(other) == everything[block.last :]


def test_names_of_keys_are_quoted(tmp_path: Path, postgres: Postgres, mariadb: MariaDB) -> None:
    for hook, quote in (
        (Hook(postgres.connect), '"{}"'),
        (Hook(postgres.connect_2), '"{}"'),
        (Hook(mariadb.connect), "`{}`"),
        (Hook(mariadb.connect_by_connector), "`{}`"),
        (sqlite_hook(tmp_path), '"{}"'),
    ):
        numbers = " union all ".join(f"select {n} as {quote.format('Order %')}" for n in range(1, 251))
        source = PagedSqlSource(hook, numbers, resume_key="Order %", conn_id="x")
        assert rows_of(source) == [(n,) for n in range(1, 251)]


def test_a_database_that_is_not_known() -> None:
    class Connection:
        def cursor(self) -> None: ...

        def close(self) -> None: ...

    source = PagedSqlSource(Hook(Connection), "select 1 as id", resume_key="id", conn_id="x")
    with pytest.raises(
        SegmentConfigurationError, match="only possible with PostgreSQL, MySQL, MariaDB and SQLite"
    ):
        list(source)


def test_what_tells_two_inputs_apart() -> None:
    def identity(**changed: Any) -> Any:
        hook = Hook(lambda: None)
        given = {"sql": "select 1", "parameters": {"a": 1}, "resume_key": "id", "conn_id": "x"} | changed
        return PagedSqlSource(hook, **given).identity

    assert identity() == identity()
    assert identity(parameters=None) == identity(parameters=[])
    changes = [{"sql": "select 2"}, {"parameters": {"a": 2}}, {"resume_key": "b"}, {"conn_id": "y"}]
    assert all(identity(**changed) != identity() for changed in changes)


@examples(30)
@given(st.sets(st.integers(-(2**63), 2**63 - 1), max_size=40), st.integers(1, 7), st.data())
def test_any_keys_and_any_pages(keys: set[int], page: int, data: st.DataObject) -> None:
    """Every row once, in order, from any mark; on SQLite, which is the fastest to ask often."""
    connection = sqlite3.connect("file:pages?mode=memory&cache=shared", uri=True)
    connection.execute("drop table if exists t")
    connection.execute("create table t (id integer primary key)")
    connection.executemany("insert into t values (?)", [(key,) for key in keys])
    connection.commit()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sql_pages, "PAGE_ROWS", page)
        hook = Hook(lambda: sqlite3.connect("file:pages?mode=memory&cache=shared", uri=True))
        source = PagedSqlSource(hook, "select id from t", resume_key="id", conn_id="x")
        assert rows_of(source) == [(key,) for key in sorted(keys)]
        mark = source.mark(data.draw(st.integers(0, len(keys))))
        if mark:
            other = PagedSqlSource(hook, "select id from t", resume_key="id", conn_id="x")
            other.resume(mark)
            assert rows_of(other) == [(key,) for key in sorted(keys)][mark["position"] :]
    connection.close()


def test_no_more_places_are_remembered_than_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_pages, "MARKS", 3)
    hook = sqlite_hook(tmp_path, "create table t (id integer primary key)")
    with sqlite3.connect(tmp_path / "rows.sqlite") as connection:
        connection.executemany("insert into t values (?)", [(n,) for n in range(1, 1_001)])
    source = PagedSqlSource(hook, "select id from t", resume_key="id", conn_id="x")
    assert len(rows_of(source)) == 1_000
    assert source.mark(500) is None, "the beginning is always a place to go on from"
    assert source.mark(900) == {"position": 900, "key": 900, "range": 0}
