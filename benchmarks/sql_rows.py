"""Millions of rows out of PostgreSQL and MariaDB: speed, memory, and what becomes of a killed reading.

    python -m benchmarks.sql_rows
    python -m benchmarks.sql_rows --rows 1000000

Nothing is mapped or sent. Each way reads a table of ten columns whole, then again until all sessions of the
server are killed halfway; by a key, it goes on after that. Memory is that of this process: what it has more
than at the start, at most.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

from airflow_provider_segment.errors import SegmentInputError
from airflow_provider_segment.events.sources.source import Block
from airflow_provider_segment.events.sources.sql import SqlSource
from airflow_provider_segment.events.sources.sql_pages import PagedSqlSource
from tests.harness.databases import MariaDB, Postgres, started_mariadb, started_postgres

POSTGRES_TABLE = """create table orders as select i as id, 'customer-' || i % 100000 as customer,
    (i % 10000) / 100.0 as total, timestamptz '2026-01-01' + i * interval '1.234567 s' as ordered_at,
    date '2026-01-01' + i % 365 as day, case when i % 3 > 0 then 'note ' || i end as note, i % 2 = 0 as paid,
    i * 1.5::float8 as weight, 'EUR' as currency, i % 7 as items from generate_series(1, {}) i"""
MARIADB_TABLE = """create or replace table orders (id int primary key) as select seq as id,
    concat('customer-', seq % 100000) as customer, (seq % 10000) / 100.0 as total,
    cast(timestampadd(microsecond, seq * 1234567, '2026-01-01') as datetime(6)) as ordered_at,
    adddate('2026-01-01', seq % 365) as day, if(seq % 3 > 0, concat('note ', seq), null) as note,
    seq % 2 = 0 as paid, seq * 1.5e0 as weight, 'EUR' as currency, seq % 7 as items from seq_1_to_{}"""

SQL = "select * from orders"


class Way(NamedTuple):
    """A way to read the table."""

    name: str
    server: Postgres | MariaDB
    connect: Callable[[], Any]
    by_key: bool

    def source(self) -> SqlSource:
        if self.by_key:
            return PagedSqlSource(Hook(self.connect), SQL, resume_key="id", conn_id="orders")
        return SqlSource(Hook(self.connect), SQL)

    def kill(self) -> None:
        """End all sessions but the one that asks for it."""
        if isinstance(self.server, Postgres):
            sessions, kill = (
                "select pid from pg_stat_activity where backend_type = 'client backend' "
                "and pid <> pg_backend_pid()",
                "select pg_terminate_backend({})",
            )
        else:
            sessions, kill = (
                "select id from information_schema.processlist where db = 'tests' and id <> connection_id()",
                "kill {}",
            )
        for (number,) in self.server.run(sessions):
            self.server.run(kill.format(number))


class Hook(NamedTuple):
    """What a source needs of a hook."""

    get_conn: Callable[[], Any]


class Killed(NamedTuple):
    """A reading whose session was killed, and the one that went on.

    :param read: rows that came before it ended
    :param again: rows that the second reading had to read again
    :param complete: whether both together had every row, each of them once besides those read again
    """

    read: int
    error: str
    again: int
    complete: bool


def ways(postgres: Postgres, mariadb: MariaDB) -> Iterator[Way]:
    """By each driver, with and without a key."""
    for by_key in (False, True):
        how = "by key" if by_key else "streamed"
        yield Way(f"psycopg 3, {how}", postgres, postgres.connect, by_key)
        yield Way(f"psycopg2, {how}", postgres, postgres.connect_2, by_key)
        yield Way(f"mysqlclient, {how}", mariadb, mariadb.connect, by_key)


def make_tables(postgres: Postgres, mariadb: MariaDB, rows: int) -> None:
    """The same table on both."""
    postgres.run("drop table if exists orders", POSTGRES_TABLE.format(rows))
    postgres.run("alter table orders add primary key (id)", "vacuum analyze orders")
    mariadb.run(MARIADB_TABLE.format(rows))


def read_whole(blocks: Iterable[Block]) -> tuple[int, float, float]:
    """How many rows there are, the seconds that they took, and the MB of memory that they needed."""
    began, before = time.perf_counter(), resident()
    count, most = 0, before
    for block in blocks:
        count += len(block.items)
        most = max(most, resident())
    return count, time.perf_counter() - began, most - before


def read_killed(way: Way, rows: int) -> Killed:
    """Read until the session is killed halfway, and go on."""
    times = bytearray(rows + 1)
    source = way.source()
    read, error = 0, ""
    try:
        for block in source:
            note(times, block)
            read = block.last
            if block.first <= rows // 2 <= read:
                way.kill()
    except SegmentInputError as failure:
        error = str(failure).partition("\n")[0]
    second, resumed_at = way.source(), 0
    if isinstance(source, PagedSqlSource) and isinstance(second, PagedSqlSource):
        mark = source.mark(read)
        assert mark is not None
        second.resume(mark)
        resumed_at = mark["position"]
    for block in second:
        note(times, block)
    again = read - resumed_at
    return Killed(read, error, again, times.count(1) == rows - again and times.count(2) == again)


def note(times: bytearray, block: Block) -> None:
    """Count each row by its key."""
    for row in block.items:
        times[row[0]] += 1


def resident() -> float:
    """The memory of this process, in MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4_096 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    rows = parser.parse_args().rows
    with ExitStack() as servers:
        postgres = servers.enter_context(started_postgres())
        mariadb = servers.enter_context(started_mariadb())
        make_tables(postgres, mariadb, rows)
        print("| way | rows/s | MB more | killed after | read again | complete |\n|---|---|---|---|---|---|")
        for way in ways(postgres, mariadb):
            count, seconds, memory = read_whole(way.source())
            assert count == rows
            killed = read_killed(way, rows)
            print(
                f"| {way.name} | {count / seconds:,.0f} | {memory:.0f} | {killed.read:,} | {killed.again:,} "
                f"| {'yes' if killed.complete else 'NO'} |\n<!-- {killed.error} -->",
                flush=True,
            )


if __name__ == "__main__":
    main()
