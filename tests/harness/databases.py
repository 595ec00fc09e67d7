"""Private PostgreSQL, MariaDB and Redis servers, started once for the session, on sockets of their own.

A test that asks for one is skipped where its programs are not installed.
"""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

START_SECONDS = 600.0

Unavailable = pytest.skip.Exception
"""There is no such server on this machine, and why."""


class Server:
    """A running server.

    :param folder: has its socket, its data and its log
    """

    user: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder


class Postgres(Server):
    """A PostgreSQL server whose only user may do everything."""

    user = "postgres"
    database = "postgres"

    @property
    def socket(self) -> Path:
        """Where clients connect."""
        return self.folder / ".s.PGSQL.5432"

    @property
    def dsn(self) -> str:
        """What both versions of psycopg connect with."""
        return f"host={self.folder} user={self.user} dbname={self.database}"

    def connect(self, **options: Any) -> Any:
        """A connection by psycopg 3."""
        import psycopg

        return psycopg.connect(self.dsn, **options)

    def connect_2(self, **options: Any) -> Any:
        """A connection by psycopg2."""
        import psycopg2

        return psycopg2.connect(self.dsn, **options)

    def run(self, *statements: str) -> Any:
        """Run statements, each for itself; the rows of the last one, if it has any."""
        with self.connect(autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else None

    @property
    def airflow_connection(self) -> dict[str, Any]:
        """An Airflow connection to it."""
        return {
            "conn_type": "postgres",
            "host": str(self.folder),
            "login": self.user,
            "schema": self.database,
        }


class MariaDB(Server):
    """A MariaDB server whose only user may do everything."""

    user = "root"
    database = "tests"

    @property
    def socket(self) -> Path:
        """Where clients connect."""
        return self.folder / "socket"

    def connect(self, **options: Any) -> Any:
        """A connection by mysqlclient."""
        import MySQLdb

        given = {"user": self.user, "database": self.database, "charset": "utf8mb4"} | options
        return MySQLdb.connect(unix_socket=str(self.socket), **given)

    def connect_by_connector(self) -> Any:
        """A connection by mysql-connector-python."""
        import mysql.connector

        return mysql.connector.connect(unix_socket=str(self.socket), user=self.user, database=self.database)

    def run(self, *statements: str) -> Any:
        """Run statements; the rows of the last one."""
        with closing(self.connect()) as connection:
            connection.autocommit(True)
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    @property
    def airflow_connection(self) -> dict[str, Any]:
        """An Airflow connection to it."""
        return {
            "conn_type": "mysql",
            "host": "localhost",
            "login": self.user,
            "schema": self.database,
            "extra": {"unix_socket": str(self.socket), "charset": "utf8mb4"},
        }


class Redis(Server):
    """A Redis server with nothing in it, which saves nothing. It listens on this machine."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder)
        self.port = port

    @property
    def url(self) -> str:
        """What clients connect with."""
        return f"redis://127.0.0.1:{self.port}/0"

    def connect(self) -> Any:
        """A connection by redis-py."""
        import redis

        return redis.Redis.from_url(self.url)

    @property
    def airflow_connection(self) -> dict[str, Any]:
        """An Airflow connection to it."""
        return {"conn_type": "redis", "host": "127.0.0.1", "port": self.port, "extra": {"db": 0}}


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    pytest.importorskip("psycopg")
    with started_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """A MariaDB server."""
    pytest.importorskip("MySQLdb", reason="mysqlclient is not installed, or finds no client library")
    with started_mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """A Redis server."""
    pytest.importorskip("redis")
    with started_redis() as server:
        yield server


@contextmanager
def started_postgres(max_connections: int = 30) -> Iterator[Postgres]:
    """A PostgreSQL server, stopped at the end."""
    programs = _folder_of("initdb", "/usr/lib/postgresql/*/bin", "postgresql")
    account = "postgres" if os.geteuid() == 0 else getpass.getuser()
    with _server_folder(account) as folder:
        data = folder / "data"
        create = [programs / "initdb", "--pgdata", data, "--username", Postgres.user, "--auth", "trust"]
        _run_as(account, [*create, "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"])
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(folder),
            "fsync": "off",
            "max_connections": str(max_connections),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        server = Postgres(folder)
        command = [programs / "postgres", "-D", data, *options]
        with _running(command, account, folder, lambda: server.run("select 1"), signal.SIGQUIT):
            yield server


@contextmanager
def started_mariadb() -> Iterator[MariaDB]:
    """A MariaDB server, stopped at the end."""
    server_program = _folder_of("mariadbd", "/usr/sbin", "mariadb-server") / "mariadbd"
    install = _folder_of("mariadb-install-db", "/usr/bin", "mariadb-server") / "mariadb-install-db"
    account = "mysql" if os.geteuid() == 0 else getpass.getuser()
    with _server_folder(account) as folder:
        data = f"--datadir={folder / 'data'}"
        own = ["--no-defaults", data, f"--user={account}"]
        _run_as(account, [install, *own, "--auth-root-authentication-method=normal", "--skip-test-db"])
        server = MariaDB(folder)
        command: list[Any] = [server_program, *own, f"--socket={server.socket}", "--skip-networking"]
        command += ["--innodb-flush-log-at-trx-commit=0", f"--pid-file={folder / 'pid'}"]

        def create_database() -> None:
            with closing(server.connect(database="")) as connection:
                connection.cursor().execute("create database if not exists tests character set utf8mb4")

        with _running(command, account, folder, create_database, signal.SIGKILL):
            yield server


@contextmanager
def started_redis() -> Iterator[Redis]:
    """A Redis server, stopped at the end."""
    program = _folder_of("redis-server", "/usr/bin", "redis-server") / "redis-server"
    account = "redis" if os.geteuid() == 0 else getpass.getuser()
    with _server_folder(account) as folder, socket.socket() as reserved:
        # Bound, not listening: nobody else gets the port, and the server may bind it, too.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        server = Redis(folder, reserved.getsockname()[1])
        options = {"bind": "127.0.0.1", "port": server.port, "dir": folder, "save": "", "appendonly": "no"}
        command = [program, *(part for name, value in options.items() for part in (f"--{name}", value))]
        with _running(command, account, folder, lambda: server.connect().ping(), signal.SIGKILL):
            yield server


def _folder_of(program: str, pattern: str, package: str) -> Path:
    """Where a program is; skips the test if it is nowhere."""
    if found := shutil.which(program):
        return Path(found).parent
    folders = sorted(path.parent for path in Path("/").glob(f"{pattern.lstrip('/')}/{program}"))
    if not folders:
        pytest.skip(f"{program} is not installed: install the package {package}")
    return folders[-1]


@contextmanager
def _server_folder(account: str) -> Iterator[Path]:
    # Not in tmp_path, which is too long for the path of a socket, and closed to other accounts.
    folder = Path(tempfile.mkdtemp(prefix="segment-db-", dir="/tmp"))
    try:
        if os.geteuid() == 0:
            try:
                owner = pwd.getpwnam(account)
            except KeyError:
                pytest.skip(f"there is no account {account}, without which root cannot start the server")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as(account: str, command: Sequence[Any]) -> list[str]:
    # Neither server runs as root, and none outlives a test run that is killed.
    switch = [f"--reuid={account}", f"--regid={account}", "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", "--pdeathsig=QUIT", *switch, *map(str, command)]


def _run_as(account: str, command: Sequence[Any]) -> None:
    done = subprocess.run(
        _as(account, command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/"
    )
    assert done.returncode == 0, done.stdout


@contextmanager
def _running(
    command: Sequence[Any], account: str, folder: Path, probe: Callable[[], Any], end: signal.Signals
) -> Iterator[None]:
    log = folder / "log"
    with log.open("wb") as output:
        # A group of its own: Ctrl-C at the tests must not reach it before they have ended.
        process = subprocess.Popen(
            _as(account, command), stdout=output, stderr=output, cwd="/", start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                probe()
                break
            except Exception:
                assert process.poll() is None, log.read_text(errors="replace")
                assert time.monotonic() < deadline, log.read_text(errors="replace")
                time.sleep(0.05)
        yield
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(end)
        process.wait()
