"""Parts of an input: about equally large, and together the whole input, each row once."""

from __future__ import annotations

import gzip
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import fsspec
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from upath import UPath

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentInputError
from airflow_provider_segment.events.partition import common_name, partition_files, partition_rows, stem_of
from airflow_provider_segment.events.parts import KeyRange, Part, read_part
from airflow_provider_segment.events.sources import files as files_module
from airflow_provider_segment.events.sources import sql_pages
from airflow_provider_segment.events.sources.files import list_files
from airflow_provider_segment.events.sources.open import open_source
from airflow_provider_segment.events.sources.sql import SqlSource
from airflow_provider_segment.events.sources.sql_pages import PagedSqlSource
from airflow_provider_segment.events.sources.sql_quantiles import KeyQuantiles
from tests.events.sources.sql_hooks import Hook, rows_of, sqlite_hook

if TYPE_CHECKING:
    from tests.harness.databases import MariaDB, Postgres

pytestmark = pytest.mark.core
pytest_plugins = ["tests.harness.databases"]

LINE = b'{"n":%8d}\n'


def lines(first: int, count: int) -> bytes:
    return b"".join(LINE % number for number in range(first, first + count))


def parquet(first: int, count: int, group: int) -> bytes:
    file = io.BytesIO()
    frame = pl.DataFrame({"n": range(first, first + count)})
    frame.write_parquet(file, row_group_size=group, compression="uncompressed")
    return file.getvalue()


def folder(path: Path, **files: bytes) -> list[Any]:
    for name, content in files.items():
        (path / name.replace("_", ".")).write_bytes(content)
    return list_files(f"{path}/*")


def through_xcom(parts: list[Part]) -> list[Part]:
    return [read_part(json.loads(json.dumps(part.as_json()))) for part in parts]


def numbers(part: Part) -> list[int]:
    """The numbers in what a part has."""
    source, _ = open_source(None, None, part)
    items = [item for block in source for item in block.items]
    return [item[0] if isinstance(item, tuple) else json.loads(item)["n"] for item in items if item]


# Files


def test_a_large_file_is_cut_by_bytes(tmp_path: Path) -> None:
    files = folder(tmp_path, orders_jsonl=lines(0, 10_000))
    parts = through_xcom(partition_files(files, 8, 1_000))
    assert [part.name for part in parts] == [f"orders-000{number}" for number in range(8)]
    found = [numbers(part) for part in parts]
    assert [len(one) for one in found] == [1_250] * 8
    assert [number for one in found for number in one] == list(range(10_000))


def test_row_groups_of_parquet_are_not_cut(tmp_path: Path) -> None:
    files = folder(tmp_path, orders_parquet=parquet(0, 10_000, group=900))
    parts = through_xcom(partition_files(files, 5, 1))
    edges = [(piece.unit, piece.start, piece.end) for part in parts for piece in part.pieces or ()]
    assert edges[0] == ("row", 0, 1_800) and edges[-1] == ("row", 8_100, None)
    assert all(start % 900 == 0 for _, start, _ in edges)
    assert [number for part in parts for number in numbers(part)] == list(range(10_000))


def test_small_files_are_grouped_and_each_part_names_only_its_own(tmp_path: Path) -> None:
    files = folder(tmp_path, **{f"{number:04d}_jsonl": lines(number, 10) for number in range(2_000)})
    parts = partition_files(files, 50, 1)
    assert [len(part.pieces or ()) for part in parts] == [40] * 50
    assert max(len(json.dumps(part.as_json())) for part in parts) < 40 * (len(str(tmp_path)) + 40)
    assert [piece.path for part in parts for piece in part.pieces or ()] == [str(file) for file in files]


def test_other_files_stay_whole(tmp_path: Path) -> None:
    files = folder(
        tmp_path,
        a_jsonl_gz=gzip.compress(lines(0, 3_000), compresslevel=0),
        b_csv=b"n\n" + b"1\n" * 20_000,
        c_json=b"[" + lines(0, 3_000).replace(b"\n", b",")[:-1] + b"]",
        d_jsonl=lines(0, 3_000),
    )
    parts = partition_files(files, 64, 500)
    pieces = [piece for part in parts for piece in part.pieces or ()]
    assert [piece.unit for piece in pieces[:3]] == [None] * 3
    assert len(parts) > 15 and all(piece.unit == "byte" for piece in pieces[3:])


def test_few_bytes_are_one_part(tmp_path: Path) -> None:
    for files in (folder(tmp_path, a_jsonl=b"", b_jsonl=b""), folder(tmp_path, a_jsonl=lines(0, 10))):
        [part] = partition_files(files, 64, 1 << 20)
        assert [piece.path for piece in part.pieces or ()] == [str(file) for file in files]


def test_the_same_files_are_cut_into_the_same_parts_until_one_changes(tmp_path: Path) -> None:
    files = folder(tmp_path, a_jsonl=lines(0, 1_000))
    parts = partition_files(files, 4, 1)
    assert parts == partition_files(files, 4, 1)
    (tmp_path / "a.jsonl").write_bytes(lines(0, 1_001))
    with pytest.raises(SegmentInputError, match=r"a\.jsonl was changed after it was cut into parts"):
        numbers(parts[1])
    (tmp_path / "a.jsonl").unlink()
    with pytest.raises(SegmentInputError, match=r"a\.jsonl, of the part a-0001, is not there"):
        numbers(parts[1])


def test_a_name_with_a_pattern_in_it_is_no_pattern(tmp_path: Path) -> None:
    (tmp_path / "a[1].jsonl").write_bytes(lines(0, 5))
    (tmp_path / "a1.jsonl").write_bytes(lines(5, 5))
    parts = partition_files(list_files(f"{tmp_path}/*"), 2, 1)
    assert [numbers(part) for part in parts] == [list(range(5, 10)), list(range(5))]


def test_a_folder_of_another_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_module, "storage_path", UPath)
    lake = {
        "a.jsonl": lines(0, 1_000),
        "day=1/b.parquet": parquet(1_000, 1_000, group=100),
        "_tmp/c.jsonl": lines(0, 5),
        "day=1/.d.crc": b"x",
    }
    memory = fsspec.filesystem("memory")
    memory.pipe({f"/lake/{name}": content for name, content in lake.items()})
    try:
        files = list_files("memory://lake", folders=True)
        parts = through_xcom(partition_files(files, 6, 1))
        assert [part.name for part in parts] == [f"lake-000{number}" for number in range(6)]
        assert [number for part in parts for number in numbers(part)] == list(range(2_000))
    finally:
        memory.rm("/lake", recursive=True)


@pytest.mark.parametrize(
    ("paths", "stem"),
    [
        (["/data/orders.2026.jsonl"], "orders"),
        (["/data/a 1/x.jsonl", "/data/a 1/y/x.jsonl"], "a-1"),
        (["s3://lake/a/x.jsonl", "/data/b.jsonl"], "part"),
        (["s3://lake/a/x.jsonl", "s3://lake/b/x.jsonl"], "lake"),
    ],
)
def test_parts_are_named_after_their_files(paths: list[str], stem: str) -> None:
    assert stem_of(common_name(paths)) == stem


FILES = st.lists(
    st.tuples(st.sampled_from(["jsonl", "parquet", "jsonl.gz", "csv"]), st.integers(0, 400)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=FILES, most=st.integers(1, 20), least=st.sampled_from([1, 100, 2_000]))
def test_parts_are_all_files_in_their_order(
    tmp_path: Path, files: list[tuple[str, int]], most: int, least: int
) -> None:
    for file in tmp_path.iterdir():
        file.unlink()
    first = 0
    for number, (kind, count) in enumerate(files):
        content = {
            "jsonl": lines(first, count),
            "parquet": parquet(first, count, group=50),
            "jsonl.gz": gzip.compress(lines(first, count)),
            "csv": b"n\n" + b"".join(b"%d\n" % one for one in range(first, first + count)),
        }
        (tmp_path / f"{number}.{kind}").write_bytes(content[kind])
        first += count
    found = list_files(f"{tmp_path}/*")
    parts = partition_files(found, most, least)
    assert 1 <= len(parts) <= most
    assert len({part.name for part in parts}) == len(parts)
    assert [int(number) for part in through_xcom(parts) for number in numbers(part)] == list(range(first))


def test_parts_are_balanced(tmp_path: Path) -> None:
    files = folder(tmp_path, a_jsonl=lines(0, 7), b_jsonl=lines(0, 20_000), c_jsonl=lines(0, 9_000))
    sizes = [len(numbers(part)) for part in partition_files(files, 16, 1)]
    assert len(sizes) == 16 and max(sizes) < 1.2 * sum(sizes) / 16


# Queries

START = datetime(2026, 1, 1, 12, 30, 15, 250_000)
KEYS: dict[str, Callable[[int], Any]] = {
    "int": lambda number: number * 3 - 300,
    "text": lambda number: f"k'%{number:05d}",
    "date": lambda number: date(2026, 1, 1) + timedelta(days=number),
    "time": lambda number: START + timedelta(minutes=number),
    "zoned": lambda number: START.replace(tzinfo=timezone.utc) + timedelta(minutes=number),
    "decimal": lambda number: Decimal(number) / 4,
    "uuid": lambda number: UUID(int=number << 64),
}
TYPES = {
    "postgres": {
        "int": "bigint",
        "text": "text",
        "date": "date",
        "time": "timestamp",
        "zoned": "timestamptz",
        "decimal": "numeric(10, 2)",
        "uuid": "uuid",
    },
    "mariadb": {
        "int": "bigint",
        "text": "varchar(20)",
        "date": "date",
        "time": "datetime(6)",
        "zoned": "timestamp(6)",
        "decimal": "decimal(10, 2)",
    },
    "sqlite": {"int": "integer", "text": "text"},
}
DRIVERS = {
    "psycopg": "postgres",
    "psycopg2": "postgres",
    "MySQLdb": "mariadb",
    "mysql.connector": "mariadb",
    "sqlite3": "sqlite",
}
CASES = [(driver, kind) for driver, server in DRIVERS.items() for kind in TYPES[server]]
ROWS = 500


@pytest.fixture(params=CASES, ids="-".join)
def hook(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hook]:
    """A table of 500 rows with a key of some type, each of which is in two rows."""
    driver, kind = request.param
    pytest.importorskip(driver)
    values = [(row, KEYS[kind](row // 2)) for row in range(ROWS)]
    create = f"create table orders (id integer primary key, k {TYPES[DRIVERS[driver]][kind]})"
    if driver == "sqlite3":
        made = sqlite_hook(tmp_path, "drop table if exists orders", create)
    elif driver.startswith("psycopg"):
        postgres: Postgres = request.getfixturevalue("postgres")
        made = Hook(postgres.connect if driver == "psycopg" else postgres.connect_2)
        postgres.run("drop table if exists orders", create)
    else:
        mariadb: MariaDB = request.getfixturevalue("mariadb")
        made = Hook(mariadb.connect if driver == "MySQLdb" else mariadb.connect_by_connector)
        mariadb.run("drop table if exists orders", create)
    connection = made.get_conn()
    cursor = connection.cursor()
    place = "?" if driver == "sqlite3" else "%s"
    if driver in ("MySQLdb", "mysql.connector"):
        cursor.execute("set time_zone = '+00:00'")
        values = [
            (row, key.replace(tzinfo=None) if isinstance(key, datetime) else key) for row, key in values
        ]
    if kind == "uuid":
        values = [(row, str(key)) for row, key in values]
    cursor.executemany(f"insert into orders values ({place}, {place})", values)
    connection.commit()
    connection.close()
    yield made
    connection = made.get_conn()
    connection.cursor().execute("drop table orders")
    connection.commit()
    connection.close()


SQL = "select * from orders"


def cut_rows(
    hook: Hook, most: int = 7, least: int = 1, sql: str = SQL, parameters: Any = None, column: str = "k"
) -> list[Part]:
    quantiles = KeyQuantiles(hook, sql, parameters, column=column, count=most)
    return through_xcom(partition_rows(quantiles, most, least))


@pytest.mark.parametrize("resume_key", [None, "id"])
def test_ranges_of_any_key_are_all_rows(
    hook: Hook, resume_key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_pages, "PAGE_ROWS", 30)
    parts = cut_rows(hook)
    options: Any = {"resume_key": resume_key, "conn_id": "x"} if resume_key else {}
    kind = PagedSqlSource if resume_key else SqlSource
    found = [rows_of(kind(hook, SQL, within=part.range, **options)) for part in parts]
    assert [part.name for part in parts] == [f"k-000{number}" for number in range(7)]
    assert Counter(row for rows in found for row in rows) == Counter(rows_of(SqlSource(hook, SQL)))
    assert all(abs(len(rows) - ROWS / 7) <= 2 for rows in found)


def test_ranges_of_the_resume_key_are_of_one_query(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_pages, "PAGE_ROWS", 30)
    parts = cut_rows(hook, column="id")
    sources = [PagedSqlSource(hook, SQL, within=part.range, resume_key="id", conn_id="x") for part in parts]
    assert [row[0] for source in sources for row in rows_of(source)] == list(range(ROWS))
    assert len({str(source.identity) for source in sources}) == 7
    assert len({str(source.asked) for source in sources}) == 1
    others = [PagedSqlSource(hook, SQL, within=part.range, resume_key="k", conn_id="x") for part in parts]
    assert len({str(source.asked) for source in others}) == 7


PARAMETERS = [
    ("select * from orders where id >= ?", [100]),
    ("select * from orders where id >= :least", {"least": 100}),
    ("select id, k, '%' as percent from orders where id >= 100 -- 100%", None),
]


@pytest.mark.parametrize(("sql", "parameters"), PARAMETERS, ids=["list", "dict", "none"])
@pytest.mark.parametrize("hook", CASES, ids="-".join, indirect=True)
def test_a_query_keeps_its_parameters(hook: Hook, sql: str, parameters: Any) -> None:
    if "sqlite3" not in type(hook.get_conn()).__module__:
        sql = sql.replace("?", "%s").replace(":least", "%(least)s")
    parts = cut_rows(hook, 3, sql=sql, parameters=parameters)
    for resume in ({}, {"resume_key": "id", "conn_id": "x"}):
        kind: Any = PagedSqlSource if resume else SqlSource
        found = [rows_of(kind(hook, sql, parameters, within=part.range, **resume)) for part in parts]
        assert sorted(row[0] for rows in found for row in rows) == list(range(100, ROWS))
        assert len(found) == 3 and min(map(len, found)) > 100


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.lists(st.one_of(st.none(), st.integers(-3, 12)), max_size=60),
    most=st.integers(1, 12),
    least=st.integers(1, 8),
)
def test_any_keys(tmp_path: Path, keys: list[int | None], most: int, least: int) -> None:
    hook = sqlite_hook(tmp_path, "drop table if exists orders", "create table orders (id integer, k integer)")
    connection = hook.get_conn()
    connection.executemany("insert into orders values (?, ?)", list(enumerate(keys)))
    connection.commit()
    parts = cut_rows(hook, most, least)
    found = [rows_of(SqlSource(hook, SQL, within=part.range)) for part in parts]
    assert sorted(row for rows in found for row in rows) == sorted(enumerate(keys))
    assert len(parts) <= max(1, min(most, len(keys) // least))
    assert (parts == []) == (keys == [])
    assert all(found)
    owners = {key: {number for number, rows in enumerate(found) for _, k in rows if k == key} for key in keys}
    assert all(len(parts_of_key) == 1 for parts_of_key in owners.values())


def test_rows_are_balanced_however_keys_are_spread(tmp_path: Path) -> None:
    hook = sqlite_hook(tmp_path, "create table orders (id integer, k integer)")
    connection = hook.get_conn()
    keys = [row**4 for row in range(4_000)] + [7] * 1_000 + [None] * 300
    connection.executemany("insert into orders values (?, ?)", list(enumerate(keys)))
    connection.commit()
    found = [len(rows_of(SqlSource(hook, SQL, within=part.range))) for part in cut_rows(hook, 10)]
    assert sum(found) == len(keys)
    *others, largest = sorted(found)
    assert 1_000 <= largest < 1_000 + 530 and max(others) < 1.2 * 530


def test_rows_that_come_later_are_in_some_part(tmp_path: Path) -> None:
    hook = sqlite_hook(tmp_path, "create table orders (id integer, k integer)")
    connection = hook.get_conn()
    connection.executemany("insert into orders values (?, ?)", [(n, n) for n in range(100)])
    connection.commit()
    parts = cut_rows(hook, 4)
    connection.executemany("insert into orders values (?, ?)", [(-1, -1), (100, 100), (101, None)])
    connection.commit()
    found = [rows_of(SqlSource(hook, SQL, within=part.range)) for part in parts]
    assert sorted(row[0] for rows in found for row in rows) == list(range(-1, 102))


def test_what_cannot_be_a_key_is_named(tmp_path: Path) -> None:
    hook = sqlite_hook(
        tmp_path, "create table orders (id integer, k real)", "insert into orders values (1, 0.5)"
    )
    hook.get_conn().execute("insert into orders values (2, 1.5)").connection.commit()
    with pytest.raises(SegmentConfigurationError, match="partition_column must be whole numbers, text"):
        cut_rows(hook)
    with pytest.raises(SegmentConfigurationError, match="partition_column: the rows have no column 'kk'"):
        cut_rows(hook, column="kk")


def test_no_rows_are_no_parts(tmp_path: Path) -> None:
    assert cut_rows(sqlite_hook(tmp_path, "create table orders (id integer, k real)")) == []


# Parts themselves


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        ("orders", "Expected `object`"),
        ({}, "missing required field `name`"),
        ({"name": "a"}, "either pieces of files or a range"),
        ({"name": "a", "pieces": [{"path": "a", "start": -1}]}, r"\$\.pieces\[0\]\.start"),
        ({"name": "a", "pieces": [{"path": "a", "end": 1}]}, "need a unit"),
        ({"name": "a", "pieces": [{"path": "a", "unit": "row", "start": 2, "end": 1}]}, "end must not be"),
        ({"name": "a", "pieces": [{"path": "a", "unit": "line"}]}, r"\$\.pieces\[0\]\.unit"),
        (
            {"name": "a", "pieces": [{"path": "a"}], "range": {"column": "k"}},
            "either pieces of files or a range",
        ),
        ({"name": "a", "range": {"column": "k", "start": {"float": "1"}}}, "start and end must be keys"),
        ({"name": "a", "range": {"column": "k", "start": {"date": "no"}}}, "start and end must be keys"),
        ({"name": "a", "range": {"column": "k", "from": 1}}, "unknown field `from`"),
    ],
)
def test_what_is_no_part_is_named(part: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_part(part)


def test_a_part_of_a_query_is_none_of_files() -> None:
    with pytest.raises(SegmentConfigurationError, match="part a is a range of a query"):
        open_source(None, None, Part("a", range=KeyRange("k")))
