"""Limiters on real servers: what many processes reserve at once adds up exactly, and what goes wrong."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.limiters.redis import PREFIX, RedisLimiter
from airflow_provider_segment.events.limiters.sql import POSTGRES, TABLE, SqlLimiter
from airflow_provider_segment.events.rate import LONGEST_QUEUE, Limiter

if TYPE_CHECKING:
    from tests.harness.databases import MariaDB, Postgres, Redis

pytestmark = pytest.mark.core
pytest_plugins = ["tests.harness.databases"]

SOURCE = "a-source"
SECONDS = 20.0
"""Of a reservation: so many that the timeline never ends before the test does."""


@dataclass
class Server:
    """A server that has timelines.

    :param limiter: another limiter on it
    :param now: its clock
    :param end: when the timeline ends
    :param set_end: sets that
    :param code: makes a limiter in another process
    :param disconnect: ends all connections to it
    """

    limiter: Callable[[], Limiter]
    now: Callable[[], float]
    end: Callable[[], float]
    set_end: Callable[[float], None]
    code: str
    disconnect: Callable[[], Any]


def in_redis(server: Redis) -> Server:
    client = server.connect()
    client.flushall()

    def now() -> float:
        seconds, microseconds = client.time()
        return float(seconds + microseconds / 1e6)

    return Server(
        lambda: RedisLimiter(server.connect),
        now,
        lambda: float(client.get(PREFIX + SOURCE)),
        lambda end: client.set(PREFIX + SOURCE, f"{end:.6f}"),
        "import redis\nfrom airflow_provider_segment.events.limiters.redis import RedisLimiter\n"
        f"limiter = RedisLimiter(lambda: redis.Redis.from_url({server.url!r}))",
        lambda: client.client_kill_filter(_type="normal", skipme=True),
    )


def in_sql(
    connect: Callable[[], Any], clock: str, driver: str, expression: str, sessions: str = ""
) -> Server:
    """A database.

    :param connect: connects to it
    :param clock: seconds since 1970, in its SQL
    :param driver: the module of its driver
    :param expression: connects to it in another process
    :param sessions: a query that ends all sessions, or that returns statements which do
    """

    def run(statement: str) -> Any:
        with closing(connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
            connection.commit()
            return rows

    def disconnect() -> None:
        for (statement,) in run(sessions) if sessions else ():
            if isinstance(statement, str):
                run(statement)

    run(f"drop table if exists {TABLE}")
    return Server(
        lambda: SqlLimiter(connect),
        lambda: float(run(f"select {clock}")[0][0]),
        lambda: float(run(f"select ends_at from {TABLE}")[0][0]) / 1e6,
        lambda end: run(f"update {TABLE} set ends_at = {end * 1e6:.0f}"),
        f"import {driver}\nfrom airflow_provider_segment.events.limiters.sql import SqlLimiter\n"
        f"limiter = SqlLimiter(lambda: {expression})",
        disconnect,
    )


@pytest.fixture(params=["redis", "psycopg", "psycopg2", "MySQLdb", "mysql.connector", "sqlite"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    kind: str = request.param
    if kind == "redis":
        yield in_redis(request.getfixturevalue("redis_server"))
    elif kind in ("MySQLdb", "mysql.connector"):
        pytest.importorskip(kind)
        mariadb: MariaDB = request.getfixturevalue("mariadb")
        yield in_sql(
            mariadb.connect if kind == "MySQLdb" else mariadb.connect_by_connector,
            "unix_timestamp(sysdate(6))",
            kind,
            f"{kind}.connect(unix_socket={str(mariadb.socket)!r}, user={mariadb.user!r}, "
            f"database={mariadb.database!r})",
            "select concat('kill ', id) from information_schema.processlist "
            "where id != connection_id() and command = 'Sleep'",
        )
    elif kind == "sqlite":
        file = str(tmp_path / "limiter.db")
        yield in_sql(
            lambda: sqlite3.connect(file, timeout=60),
            "(julianday('now') - 2440587.5) * 86400",
            "sqlite3",
            f"sqlite3.connect({file!r}, timeout=60)",
        )
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        yield in_sql(
            postgres.connect if kind == "psycopg" else postgres.connect_2,
            "extract(epoch from clock_timestamp())",
            kind,
            f"{kind}.connect({postgres.dsn!r})",
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where pid != pg_backend_pid() and backend_type = 'client backend'",
        )


def test_what_many_reserve_at_once_adds_up(server: Server) -> None:
    """Four threads and two processes, which also create the table: nothing is reserved twice."""
    reserve = f"[limiter.reserve({SOURCE!r}, {SECONDS}) for _ in range(10)]"
    program = f"{server.code}\nimport json\nprint(json.dumps({reserve}))\nlimiter.close()"

    def in_a_thread(_: int) -> list[float]:
        limiter = server.limiter()
        try:
            return [limiter.reserve(SOURCE, SECONDS) for _ in range(20)]
        finally:
            limiter.close()

    began = server.now()
    processes = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    with ThreadPoolExecutor(4) as pool:
        waits = [wait for some in pool.map(in_a_thread, range(4)) for wait in some]
    for process in processes:
        output, _ = process.communicate()
        assert process.returncode == 0
        waits += json.loads(output)
    ended = server.now()
    # The first one began at some moment of the test, and each other one where another ended.
    assert len(waits) == 100
    first = server.end() - 100 * SECONDS
    assert began - 0.1 <= first <= ended + 0.1
    # A wait is counted from when it was reserved, which is some moment of the test as well.
    for number, wait in enumerate(sorted(waits), 1):
        assert number * SECONDS - (ended - began) - 0.1 <= wait <= number * SECONDS + 0.1


def test_a_timeline_that_nobody_used_begins_now(server: Server) -> None:
    limiter = server.limiter()
    assert 0 < limiter.reserve(SOURCE, SECONDS) <= SECONDS, "the first one is not free"
    for end in (server.now() - 60, server.now() + LONGEST_QUEUE + 600):  # its clock was set back
        server.set_end(end)
        before = server.now()
        assert 0 < limiter.reserve(SOURCE, SECONDS) <= SECONDS
        assert before + SECONDS - 0.1 <= server.end() <= server.now() + SECONDS + 0.1
    limiter.close()


def test_sources_do_not_share_a_timeline(server: Server) -> None:
    limiter = server.limiter()
    assert limiter.reserve(SOURCE, SECONDS) > 0
    assert limiter.reserve("another", 1.0) <= 1.0
    limiter.close()


def test_a_lost_connection_is_made_again(server: Server) -> None:
    limiter = server.limiter()
    limiter.reserve(SOURCE, SECONDS)
    server.disconnect()
    began = server.now()
    assert limiter.reserve(SOURCE, SECONDS) > SECONDS - (server.now() - began)
    limiter.close()
    limiter.close()
    assert limiter.reserve(SOURCE, SECONDS) > SECONDS, "nor does a close end it"
    limiter.close()


def test_the_table_is_named_to_those_who_may_not_create_it(postgres: Postgres) -> None:
    postgres.run(f"drop table if exists {TABLE}", "drop role if exists reader", "create role reader login")
    postgres.run("revoke create on schema public from public")

    def connect() -> Any:
        return postgres.connect(user="reader")

    limiter = SqlLimiter(connect, "the limiter")
    with pytest.raises(SegmentConfigurationError) as raised:
        limiter.reserve(SOURCE, 1.0)
    assert "the limiter needs a table, which cannot be created: permission denied" in str(raised.value)
    statement = POSTGRES.statement(POSTGRES.create)
    assert statement in str(raised.value)
    postgres.run(statement, f"grant select, insert, update on {TABLE} to reader")
    assert limiter.reserve(SOURCE, 1.0) > 0
    limiter.close()
    postgres.run(f"drop table {TABLE}", "drop role reader")


def test_another_database_is_refused() -> None:
    class Connection:
        def close(self) -> None: ...

    with pytest.raises(SegmentConfigurationError, match="must be in PostgreSQL, MySQL, MariaDB, SQLite or"):
        SqlLimiter(Connection).reserve(SOURCE, 1.0)
