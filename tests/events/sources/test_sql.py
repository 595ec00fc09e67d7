"""Rows of SQL queries: what arrives of each type, and what happens when something goes wrong."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime, timedelta, timezone
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from airflow_provider_segment.errors import (
    SegmentConfigurationError,
    SegmentInputError,
    SegmentStoppedError,
)
from airflow_provider_segment.events.codec import encode
from airflow_provider_segment.events.mapping.cells import cell, key_text
from airflow_provider_segment.events.sources import interruptible, sql_values
from airflow_provider_segment.events.sources.sql import FETCH_ROWS, SqlSource
from airflow_provider_segment.events.sources.sql_pages import PagedSqlSource
from airflow_provider_segment.events.sources.sql_text import MYSQL, POSTGRES, SQLITE, Dialect, single
from airflow_provider_segment.events.sources.sql_values import Unusable
from airflow_provider_segment.values import ValueRejected
from tests.events.sources.sql_hooks import Hook, SilentProxy, dicts_of, read_some, rows_of, sqlite_hook

if TYPE_CHECKING:
    from tests.harness.databases import MariaDB, Postgres

pytestmark = pytest.mark.core
pytest_plugins = ["tests.harness.databases"]

UTC = timezone.utc
TEN_THOUSAND_ROWS = {
    "postgres": "select i as id, 'row ' || i as text from generate_series(1, 10000) i",
    "mariadb": "select seq as id, concat('row ', seq) as text from seq_1_to_10000",
    "sqlite": "with recursive s(id) as (select 1 union all select id + 1 from s where id < 10000) "
    "select id, 'row ' || id as text from s",
}
SLOW = {
    "postgres": "select pg_sleep(3600)",
    "mariadb": "select sleep(3600)",
    "sqlite": "with recursive s(id) as (select 1 union all select id + 1 from s) select sum(id) from s",
}


class Database:
    """A server and a driver."""

    def __init__(self, name: str, connect: Callable[[], Any], server: Any = None) -> None:
        self.name = name
        self.connect = connect
        self.server = server

    @property
    def hook(self) -> Hook:
        return Hook(self.connect)

    def sessions(self) -> list[Any]:
        """The numbers of the sessions that are not of the test itself."""
        if self.name == "postgres":
            found = self.server.run(
                "select pid from pg_stat_activity where backend_type = 'client backend' "
                "and pid <> pg_backend_pid()"
            )
        else:
            found = self.server.run(
                "select id from information_schema.processlist where id <> connection_id() "
                "and user <> 'system user' and command <> 'Daemon'"
            )
        return [number for (number,) in found]

    def kill(self) -> None:
        """End all sessions."""
        for number in self.sessions():
            kill = f"select pg_terminate_backend({number})" if self.name == "postgres" else f"kill {number}"
            self.server.run(kill)

    def wait_until_gone(self) -> None:
        deadline = time.monotonic() + 600
        while self.sessions():
            assert time.monotonic() < deadline, self.sessions()
            time.sleep(0.02)


SERVERS = ["psycopg", "psycopg2", "MySQLdb", "mysql.connector"]


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Database:
    """By the name of a driver, as an indirect parameter."""
    driver: str = request.param
    if driver == "sqlite3":
        return Database("sqlite", lambda: sqlite3.connect(":memory:"))
    pytest.importorskip(driver)
    if driver.startswith("psycopg"):
        postgres: Postgres = request.getfixturevalue("postgres")
        connect = postgres.connect if driver == "psycopg" else postgres.connect_2
        return Database("postgres", connect, postgres)
    mariadb: MariaDB = request.getfixturevalue("mariadb")
    connect = mariadb.connect if driver == "MySQLdb" else mariadb.connect_by_connector
    return Database("mariadb", connect, mariadb)


def on(*drivers: str) -> Any:
    return pytest.mark.parametrize("database", drivers, indirect=True)


# Types

POSTGRES_TYPES: list[tuple[str, Any]] = [
    ("42", 42),
    ("9007199254740993::int8", 9007199254740993),
    ("1.10::numeric(12, 2)", Decimal("1.10")),
    ("1e100::numeric", Decimal(10**100)),
    ("'NaN'::numeric", None),
    ("'Infinity'::numeric", None),
    ("0.1::float4", 0.1),
    ("'-Infinity'::float8", None),
    ("true", True),
    ("12.3::money", "$12.30"),
    ("'ab'::char(5)", "ab   "),
    ("b'101'", "101"),
    ("null", None),
    ("timestamptz '2025-01-02 03:04:05.5+05:30'", datetime(2025, 1, 1, 21, 34, 5, 500_000, UTC)),
    ("timestamptz '2025-07-02 03:04:05 Europe/Berlin'", datetime(2025, 7, 2, 1, 4, 5, tzinfo=UTC)),
    ("timestamp '2025-01-02 03:04:05.678901'", datetime(2025, 1, 2, 3, 4, 5, 678_901)),
    ("date '2025-01-02'", date(2025, 1, 2)),
    ("timestamptz 'infinity'", None),
    ("timestamp '-infinity'", None),
    ("date 'infinity'", None),
    ("timestamptz '0044-03-15 BC'", ValueRejected),
    ("timestamp '0044-03-15 BC'", ValueRejected),
    ("date '0044-03-15 BC'", ValueRejected),
    ("timestamptz '10000-01-02'", ValueRejected),
    ("date '10000-01-02'", ValueRejected),
    ("time '01:02:03.000004'", clock(1, 2, 3, 4)),
    ("time '24:00'", "24:00:00"),
    ("timetz '01:02:03+02'", clock(1, 2, 3, tzinfo=timezone(timedelta(hours=2)))),
    ("timetz '24:00+00'", "24:00:00+00"),
    ("interval '2 days 03:04:05.5'", timedelta(2, 3 * 3_600 + 4 * 60 + 5.5)),
    ("interval '-1 day 00:00:01'", timedelta(-1, 1)),
    ("interval '-00:00:01.5'", timedelta(seconds=-1.5)),
    ("interval '0'", timedelta()),
    ("interval '1 year 2 mons'", ValueRejected),
    ("interval '2000000000 days'", ValueRejected),
    ("uuid 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
    ("'\\xdead'::bytea", ValueRejected),
    ("""'{"a": [1, null]}'::json""", {"a": [1, None]}),
    ("""'{"a": 1.5}'::jsonb""", {"a": 1.5}),
    ("array[1, null]", [1, None]),
    ("array[timestamptz 'infinity', '2025-01-02 00:00+00']", [None, datetime(2025, 1, 2, tzinfo=UTC)]),
    ("array[[date '2025-01-02'], [null::date]]", [[date(2025, 1, 2)], [None]]),
    ("row(1, 'a')", ValueRejected),
    ("array[row(1, 'a')]", ValueRejected),
    ("row(1, 'a')::pair", ValueRejected),
    ("array[row(1, 'a')::pair]", ValueRejected),
    ("'happy'::mood", "happy"),
    ("array['happy', 'sad']::mood[]", ["happy", "sad"]),
    ("inet '10.0.0.1'", "10.0.0.1"),
    ("array[inet '10.0.0.1/24']", ["10.0.0.1/24"]),
    ("int4range(1, 3)", ValueRejected),
    ("tstzrange(null, 'infinity')", ValueRejected),
    ("array[daterange(null, null)]", ValueRejected),
    ("'{[1,3)}'::int4multirange", ValueRejected),
    ("floatrange(1, 2)", ValueRejected),
]
MARIADB_TYPES: list[tuple[str, Any, Any]] = [
    ("tinyint(1)", 1, 1),
    ("bigint unsigned", 18446744073709551615, 18446744073709551615),
    ("decimal(12, 2)", "1.10", Decimal("1.10")),
    ("float", 0.1, 0.1),
    ("varbinary(4)", "ab", ValueRejected),
    ("char(5)", "ab", "ab"),
    ("text", "é", "é"),
    ("enum('a', 'b')", "a", "a"),
    ("json", '{"a": 1}', '{"a": 1}'),
    ("uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("year", 2025, 2025),
    ("date", "2025-01-02", date(2025, 1, 2)),
    ("date", "0000-00-00", None),
    ("datetime", "0000-00-00", None),
    ("datetime(3)", "2025-01-02 03:04:05.5", datetime(2025, 1, 2, 3, 4, 5, 500_000)),
    ("time(3)", "838:59:59.5", timedelta(hours=838, minutes=59, seconds=59.5)),
    ("time", "-01:00:00", timedelta(hours=-1)),
    ("timestamp(6) null", "2025-07-02 03:04:05.5", datetime(2025, 7, 2, 1, 4, 5, 500_000, UTC)),
    ("timestamp null", "0000-00-00", None),
    ("int", None, None),
]


def same(value: Any, expected: Any) -> bool:
    """Whether a value becomes in an event what is expected."""
    if expected is ValueRejected:
        with pytest.raises(ValueRejected):
            cell(value)
        return True
    return encode(cell(value)) == encode(cell(expected))


@on("psycopg", "psycopg2")
@pytest.mark.parametrize("paged", [False, True])
def test_types_of_postgres(database: Database, paged: bool) -> None:
    database.server.run(
        "create schema if not exists types",
        "drop schema types cascade",
        "create schema types",
        "set search_path = types",
    )
    hook = Hook(lambda: in_schema(database.connect()))
    make = in_schema(database.server.connect(autocommit=True))
    make.execute("create type mood as enum ('happy', 'sad')")
    make.execute("create type pair as (number int, name text)")
    make.execute("create type floatrange as range (subtype = float8)")
    make.close()
    sql = f"select 1 as id, {', '.join(f'{value} as c{n}' for n, (value, _) in enumerate(POSTGRES_TYPES))}"
    source = PagedSqlSource(hook, sql, resume_key="id", conn_id="x") if paged else SqlSource(hook, sql)
    [(_, *row)] = rows_of(source)
    wrong = [
        (written, value)
        for value, (written, expected) in zip(row, POSTGRES_TYPES, strict=True)
        if not same(value, expected)
    ]
    assert wrong == []


def in_schema(connection: Any) -> Any:
    connection.cursor().execute("set search_path = types")
    connection.commit()
    return connection


@on("MySQLdb", "mysql.connector")
@pytest.mark.parametrize("paged", [False, True])
def test_types_of_mariadb(database: Database, paged: bool) -> None:
    columns = ", ".join(f"c{number} {kind}" for number, (kind, *_) in enumerate(MARIADB_TYPES))
    database.server.run(f"create or replace table types (id int, {columns})")
    with closing(database.server.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute("set sql_mode = '', time_zone = '+02:00'")
        cursor.execute(
            f"insert into types values (1, {', '.join(['%s'] * len(MARIADB_TYPES))})",
            [value for _, value, _ in MARIADB_TYPES],
        )
        connection.commit()
    sql = "select * from types"
    source: SqlSource = SqlSource(database.hook, sql)
    if paged:
        source = PagedSqlSource(database.hook, sql, resume_key="id", conn_id="x")
    [(_, *row)] = rows_of(source)
    for value, (kind, given, expected) in zip(row, MARIADB_TYPES, strict=True):
        assert same(value, expected), (kind, given, value)


@on("MySQLdb")
def test_what_mysqlclient_tells_apart(database: Database) -> None:
    database.server.run(
        "set sql_mode = ''",
        "create or replace table no_dates (day date, at datetime, kinds set('a', 'b'), bits bit(8))",
        "insert into no_dates values ('2024-00-15', '2024-02-00 01:02:03', 'a,b', 5)",
    )
    [row] = dicts_of(SqlSource(database.hook, "select * from no_dates"))
    for name, text in (("day", "2024-00-15"), ("at", "2024-02-00 01:02:03")):
        assert repr(row[name]) == text, "a dead letter shows it"
        with pytest.raises(ValueRejected, match="no date of the calendar"):
            cell(row[name])
    assert (row["kinds"], row["bits"]) == ("a,b", b"\5")


def test_types_of_sqlite(tmp_path: Path) -> None:
    hook = sqlite_hook(tmp_path)
    [row] = rows_of(
        SqlSource(hook, "select 1, 1.5, 'a', x'00', null, 9007199254740993, '2025-01-02 03:04:05'")
    )
    assert row == (1, 1.5, "a", b"\0", None, 9007199254740993, "2025-01-02 03:04:05")


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("2025-01-02 03:04:05+05:53:28", "2025-01-02 03:04:05+05:53:28"),
        ("2025-01-02 03:04:05.1-03", "2025-01-02 03:04:05.100000-03:00"),
        ("2025-01-02 03:04:05.123456+0530", "2025-01-02 03:04:05.123456+05:30"),
        ("2025-01-02 03:04:05", "2025-01-02 03:04:05"),
        ("03:04:05.5", "03:04:05.500000"),
        ("03:04:05.5+00", "03:04:05.500000+00:00"),
        ("2025-01-02", "2025-01-02"),
        ("0044-03-15 00:00:00+00 BC", "0044-03-15 00:00:00+00 BC"),
    ],
)
def test_times_in_the_form_that_python_3_10_reads(text: str, full: str) -> None:
    assert sql_values._in_full(text) == full


def test_an_unusable_value_is_named_wherever_it_is_used() -> None:
    value = Unusable("12 BC", "no such year")
    assert value and value != Unusable("12 BC", "no such year")
    for use in (cell, dict, list, len):
        with pytest.raises(ValueRejected, match="no such year"):
            use(value)  # type: ignore[operator]
    with pytest.raises(ValueRejected, match="no key"):
        key_text(value)


# Reading


@on(*SERVERS, "sqlite3")
def test_rows_come_in_blocks(database: Database) -> None:
    source = SqlSource(database.hook, TEN_THOUSAND_ROWS[database.name] + " ; -- all of them")
    blocks = list(source)
    assert [block.columns for block in blocks] == [("id", "text")] * len(blocks)
    assert [block.first for block in blocks] == list(range(1, 10_001, FETCH_ROWS))
    assert [row for block in blocks for row in block.items] == [(n, f"row {n}") for n in range(1, 10_001)]
    assert {type(row) for block in blocks for row in block.items} == {tuple}
    assert (source.done, source.size, source.identity) == (10_000, None, None)
    assert source.place(7) == {"row_number": 7}


@on(*SERVERS, "sqlite3")
def test_no_rows_still_tell_their_columns(database: Database) -> None:
    [block] = SqlSource(database.hook, f"select * from ({TEN_THOUSAND_ROWS[database.name]}) x where id = 0")
    assert (list(block.items), block.columns, block.last) == ([], ("id", "text"), 0)


@on("psycopg", "psycopg2", "MySQLdb", "sqlite3")
def test_rows_are_streamed(database: Database) -> None:
    """More rows than any memory holds, of which a few are taken."""
    endless = {
        "postgres": "select i as id from generate_series(1, 1000000000000) i",
        "mariadb": "select a.seq as id from seq_1_to_1000000 a, seq_1_to_1000000 b",
        "sqlite": "with recursive s(id) as (select 1 union all select id + 1 from s) select id from s",
    }[database.name]
    if database.name == "postgres":  # which keeps what a function gives, but not a join
        endless = "select a as id from generate_series(1, 1000000) a, generate_series(1, 1000000) b"
    iterator, rows = read_some(SqlSource(database.hook, endless), blocks=3)
    assert len(rows) == 3 * FETCH_ROWS
    iterator.close()
    if database.server:
        database.wait_until_gone()


@on(*SERVERS)
@pytest.mark.parametrize("form", ["list", "dict"])
def test_parameters_are_bound(request: pytest.FixtureRequest, database: Database, form: str) -> None:
    text = "it's; 100% -- true"
    sql = "select %s as a, '100%%' as b" if form == "list" else "select %(text)s as a, '100%%' as b"
    if "mysql.connector" in request.node.name:  # replaces nothing but placeholders
        sql = sql.replace("%%", "%")
    given: Any = [text] if form == "list" else {"text": text}
    assert rows_of(SqlSource(database.hook, sql, given)) == [(text, "100%")]
    for none in (None, [], {}):
        assert rows_of(SqlSource(database.hook, "select '100%' as b", none)) == [("100%",)]


def test_parameters_of_sqlite(tmp_path: Path) -> None:
    hook = sqlite_hook(tmp_path)
    assert rows_of(SqlSource(hook, "select ? as a, '?' as b", ["x"])) == [("x", "?")]
    assert rows_of(SqlSource(hook, "select :a as a", {"a": "x"})) == [("x",)]


def test_a_connection_that_makes_dicts_of_rows(postgres: Postgres) -> None:
    from psycopg.rows import dict_row
    from psycopg2.extras import DictCursor

    for hook in (
        Hook(lambda: postgres.connect(row_factory=dict_row, autocommit=True)),
        Hook(lambda: postgres.connect_2(cursor_factory=DictCursor)),
    ):
        assert rows_of(SqlSource(hook, "select 1 as a, 2 as b")) == [(1, 2)]


def test_the_zone_of_a_postgres_session_stays_what_it_was(postgres: Postgres) -> None:
    hook = Hook(lambda: postgres.connect(options="-c timezone=Asia/Tokyo"))
    [row] = rows_of(SqlSource(hook, "select timestamptz '2025-01-02', current_setting('timezone') as zone"))
    assert row == (datetime(2025, 1, 1, 15, tzinfo=UTC), "Asia/Tokyo")


# What is no query


@on("psycopg", "psycopg2", "MySQLdb", "sqlite3")
@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("", "no query"),
        (" -- nothing\n /* at all */ ; ", "no query"),
        ("insert into t values (1)", "begins with INSERT. Rows are only read: give a SELECT"),
        ("/* first */ (Delete from t returning *)", "begins with DELETE"),
        ("select 1; select 2", "several statements"),
        ("select ';' /* ; */; -- ;\n;; drop table t", "several statements"),
        ("select 1 as a, 2 as b, 3 as a", "several columns of the query are named a"),
    ],
)
def test_what_is_no_query_is_refused(database: Database, sql: str, said: str) -> None:
    with pytest.raises(SegmentConfigurationError, match=said):
        list(SqlSource(database.hook, sql))


def test_statements_without_rows(postgres: Postgres, mariadb: MariaDB, tmp_path: Path) -> None:
    with pytest.raises(SegmentConfigurationError, match=r"begins with SHOW.*select, with, values, table"):
        list(SqlSource(Hook(postgres.connect), "show all"))
    with pytest.raises(SegmentConfigurationError, match="it gives no rows"):
        list(SqlSource(Hook(mariadb.connect), "set @x = 1"))
    with pytest.raises(SegmentConfigurationError, match="it gives no rows"):
        list(SqlSource(sqlite_hook(tmp_path), "begin"))
    assert rows_of(SqlSource(Hook(mariadb.connect), "show databases like 'tests'")) == [("tests",)]


@on("psycopg", "psycopg2", "MySQLdb", "sqlite3")
def test_what_the_database_says_of_a_query(database: Database) -> None:
    with pytest.raises(SegmentInputError, match=r"(?s)the query failed before its first row: .*nowhere"):
        list(SqlSource(database.hook, "select * from nowhere"))


@pytest.mark.parametrize(
    ("sql", "dialect", "found"),
    [
        ("select 1 ;\n-- done;", POSTGRES, "select 1 "),
        ("select ';' ; ;", SQLITE, "select ';' "),
        (r"select 'a\' ; ", POSTGRES, r"select 'a\' "),
        (r"select 'a\';' ; ", MYSQL, r"select 'a\';' "),
        (r"select e'a\';' ; ", POSTGRES, r"select e'a\';' "),
        ("select $$;$$, $a$ ; $$ ; $a$, $1;", POSTGRES, "select $$;$$, $a$ ; $$ ; $a$, $1"),
        ('select "a;""" from t;', POSTGRES, 'select "a;""" from t'),
        ("select `a;` from t -- x;", MYSQL, "select `a;` from t -- x;"),
        ("select 1 # it's over;\n;", MYSQL, "select 1 # it's over;\n"),
        ("select 1--1;", MYSQL, "select 1--1"),
        ("select [a;] from t;", SQLITE, "select [a;] from t"),
        ("select 'it", SQLITE, "select 'it"),
    ],
)
def test_where_a_statement_ends(sql: str, dialect: Dialect, found: str) -> None:
    assert single(sql, dialect) == found


# What goes wrong on the way


@on(*SERVERS)
def test_a_session_killed_in_the_middle(database: Database) -> None:
    sql = TEN_THOUSAND_ROWS[database.name].replace("10000", "3000000")
    iterator, rows = read_some(SqlSource(database.hook, sql), blocks=2)
    database.kill()
    with pytest.raises(SegmentInputError, match=r"the query failed after row [\d,]+: "):
        rows += [row for block in iterator for row in block.items]
    assert [number for number, _ in rows] == list(range(1, len(rows) + 1)), "what came is whole"
    assert 2 * FETCH_ROWS <= len(rows) < 3_000_000


@on("psycopg", "psycopg2", "MySQLdb", "mysql.connector", "sqlite3")
def test_a_database_that_computes_for_too_long_is_interrupted(database: Database) -> None:
    with pytest.raises(SegmentInputError, match=r"sent nothing for 0.5 seconds before its first row"):
        list(SqlSource(database.hook, SLOW[database.name], fetch_timeout=0.5))
    if database.server:
        database.wait_until_gone()


@on("psycopg", "psycopg2", "MySQLdb", "mysql.connector", "sqlite3")
def test_a_stop_interrupts_the_database(database: Database) -> None:
    source = SqlSource(database.hook, SLOW[database.name])
    stopper = threading.Timer(0.5, source.stop)
    stopper.start()
    with pytest.raises(SegmentStoppedError, match="stopped before its first row"):
        list(source)
    if database.server:
        database.wait_until_gone()


def test_a_stop_between_rows(tmp_path: Path) -> None:
    source = SqlSource(sqlite_hook(tmp_path), TEN_THOUSAND_ROWS["sqlite"])
    iterator, _ = read_some(source)
    source.stop()
    with pytest.raises(SegmentStoppedError, match="after row"):
        list(iterator)
    early = SqlSource(sqlite_hook(tmp_path), TEN_THOUSAND_ROWS["sqlite"])
    early.stop()
    with pytest.raises(SegmentStoppedError):
        list(early)


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A folder for sockets, whose paths must be short."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@on(*SERVERS)
def test_a_peer_that_falls_silent(database: Database, sockets: Path) -> None:
    """It neither answers nor closes, so the driver waits, and a cancellation finds nobody either."""
    server = database.server
    original: Path = server.socket
    proxy = SilentProxy(sockets / original.name, original)
    sql = TEN_THOUSAND_ROWS[database.name].replace("10000", "3000000")
    with proxy, pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "folder", sockets)
        source = SqlSource(database.hook, sql)
        iterator, rows = read_some(source)
        proxy.be_silent()
        patch.setattr(source._reading, "_seconds", 0.5)
        patch.setattr(interruptible, "END_SECONDS", 0.1)
        with pytest.raises(SegmentInputError, match=r"sent nothing for 3,600 seconds after row [\d,]+"):
            rows += [row for block in iterator for row in block.items]
    assert [number for number, _ in rows] == list(range(1, len(rows) + 1))


@on("psycopg", "psycopg2")
def test_a_long_pause_does_not_end_a_postgres_session(database: Database) -> None:
    def connect() -> Any:
        connection = database.connect()
        connection.cursor().execute("set idle_in_transaction_session_timeout = '200ms'")
        connection.commit()
        return connection

    iterator, rows = read_some(SqlSource(Hook(connect), TEN_THOUSAND_ROWS["postgres"]))
    time.sleep(1)
    assert len(rows) + len(rows_of(iterator)) == 10_000


@on("MySQLdb", "mysql.connector")
def test_a_long_pause_does_not_end_a_mariadb_session(database: Database) -> None:
    def connect() -> Any:
        connection = database.connect()
        connection.cursor().execute("set session net_write_timeout = 1, max_statement_time = 1")
        return connection

    # More than fits into the buffers between server and client.
    sql = "select seq as id, repeat('x', 1000) as text from seq_1_to_50000"
    iterator, rows = read_some(SqlSource(Hook(connect), sql))
    time.sleep(3)
    assert len(rows) + len(rows_of(iterator)) == 50_000


def test_a_session_whose_settings_are_refused(postgres: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    from airflow_provider_segment.events.sources import sql_postgres

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sql_postgres, "_PATIENCE", "select no_such_function()")
        assert rows_of(SqlSource(Hook(postgres.connect), "select 1 as a")) == [(1,)]
    assert "A long pause may end the database session" in caplog.text


# Drivers that are not known


class Cursor:
    """A cursor of a driver as DB-API asks for; ``fetch`` gives rows of its own kind."""

    arraysize = 1

    def __init__(self, rows: list[Any], error: Exception | None = None) -> None:
        self._rows = rows
        self._error = error
        self.description: Any = [("a", None), ("b", None)]
        self.executed: list[Any] = []
        self.cancelled = threading.Event()

    def execute(self, *arguments: Any) -> None:
        self.executed.append(arguments)

    def fetchmany(self, size: int) -> list[Any]:
        if not self._rows and self._error:
            raise self._error
        found, self._rows = self._rows[:size], self._rows[size:]
        return found


class Connection:
    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self.closed = threading.Event()

    def cursor(self) -> Cursor:
        return self._cursor

    def close(self) -> None:
        self.closed.set()


def test_rows_of_a_driver_that_is_not_known() -> None:
    rows = [(1, 2), [3, 4], (number for number in (5, 6))]
    cursor = Cursor(rows)
    connection = Connection(cursor)
    assert rows_of(SqlSource(Hook(lambda: connection), "select 'a%b;' ; ", {"a": 1})) == [
        (1, 2),
        (3, 4),
        (5, 6),
    ]
    assert cursor.executed == [("select 'a%b;' ", {"a": 1})]
    assert cursor.arraysize == FETCH_ROWS, "by which BigQuery pages"
    assert connection.closed.is_set()
    as_dicts = Cursor([{"b": 2, "a": 1}])
    assert rows_of(SqlSource(Hook(lambda: Connection(as_dicts)), "select")) == [(1, 2)]
    assert as_dicts.executed == [("select",)]


def test_a_driver_that_fails_in_the_middle() -> None:
    cursor = Cursor([(1, 2)], RuntimeError())
    iterator, rows = read_some(SqlSource(Hook(lambda: Connection(cursor)), "select 1"))
    with pytest.raises(SegmentInputError, match="failed after row 1: RuntimeError"):
        next(iterator)
    assert rows == [(1, 2)]


@pytest.mark.parametrize("way", ["cursor.cancel", "connection.cancel", "connection.close"])
def test_how_a_driver_that_is_not_known_is_interrupted(way: str) -> None:
    interrupted = threading.Event()

    class Slow(Cursor):
        def fetchmany(self, size: int) -> list[Any]:
            assert interrupted.wait(600)
            raise RuntimeError("interrupted")

    cursor: Any = Slow([])
    connection: Any = Connection(cursor)
    if way.startswith("cursor"):
        cursor.cancel = interrupted.set
    else:
        setattr(connection, way.partition(".")[2], interrupted.set)
    with pytest.raises(SegmentInputError, match=r"sent nothing for 0.1 seconds"):
        list(SqlSource(Hook(lambda: connection), "select 1", fetch_timeout=0.1))
    assert interrupted.is_set()


def test_a_connection_that_cannot_be_made() -> None:
    def refuse() -> Any:
        raise OSError("no route to host")

    with pytest.raises(SegmentInputError, match="failed before its first row: no route to host"):
        list(SqlSource(Hook(refuse), "select 1"))
