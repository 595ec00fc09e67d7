"""A ledger in a table, of any database that a ``DbApiHook`` of Airflow connects to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice
from typing import Any, Protocol
from uuid import uuid4

import msgspec

from airflow_provider_segment.events.codec import Unreadable
from airflow_provider_segment.events.ledger.store import LedgerEntry

log = logging.getLogger(__name__)

TABLE = "segment_ledger"
"""The table, made if it is not there."""
INPUTS_AT_ONCE = 500
"""Inputs that one query asks for."""

_COLUMNS = {
    "scope": "varchar(32) not null",
    "input": "varchar(32) not null",
    "entry": "varchar(32) not null",
    "name": "varchar(1000)",
    "version": "varchar(200)",
    "unit": "varchar(10)",
    "start_at": "varchar(1000)",
    "end_at": "varchar(1000)",
    "sent": "bigint",
    "rejected": "bigint",
}
_CREATE = (
    f"create table {TABLE} ({', '.join(f'{name} {kind}' for name, kind in _COLUMNS.items())}, "
    "primary key (scope, input, entry))"
)


class Hook(Protocol):
    """What is needed of a hook: a ``DbApiHook`` provides it."""

    @property
    def placeholder(self) -> str: ...

    def get_conn(self) -> Any:
        """A new connection by a DB-API driver."""


class SqlLedgerStore:
    """A table to which rows are only added.

    :param hook: of the database
    :param scrub: takes credentials out of what its errors say
    """

    def __init__(self, hook: Hook, scrub: Callable[[Any], Any] = str) -> None:
        self._hook = hook
        self._scrub = scrub

    def read(self, scope: str, inputs: Collection[str]) -> list[LedgerEntry]:
        """The entries of these inputs, of all runs."""
        with self._cursor() as (connection, cursor):
            try:
                cursor.execute(f"select 1 from {TABLE} where 1 = 0")
            except Exception:  # each driver raises its own errors
                connection.rollback()
                with suppress(Exception):  # another task makes it at the same moment; or the next query fails
                    cursor.execute(_CREATE)
                connection.commit()
            remaining = iter(inputs)
            found: list[LedgerEntry] = []
            while some := list(islice(remaining, INPUTS_AT_ONCE)):
                cursor.execute(
                    f"select input, name, version, unit, start_at, end_at, sent, rejected from {TABLE} "
                    f"where scope = {self._hook.placeholder} and input in ({self._placeholders(len(some))})",
                    (scope, *some),
                )
                found += _entries(cursor.fetchall())
            return found

    def add(self, scope: str, entries: Sequence[LedgerEntry]) -> None:
        """Insert entries, all or none."""
        rows = [
            (
                *(scope, entry.input, uuid4().hex, entry.name[:1000], entry.version[:200], entry.unit),
                *(_text(entry.start), _text(entry.end), entry.sent, entry.rejected),
            )
            for entry in entries
        ]
        with self._cursor() as (connection, cursor):
            columns = ", ".join(_COLUMNS)
            insert = f"insert into {TABLE} ({columns}) values ({self._placeholders(len(_COLUMNS))})"
            cursor.executemany(insert, rows)
            connection.commit()

    def _placeholders(self, count: int) -> str:
        return ", ".join([self._hook.placeholder] * count)

    @contextmanager
    def _cursor(self) -> Iterator[tuple[Any, Any]]:
        try:
            with closing(self._hook.get_conn()) as connection, closing(connection.cursor()) as cursor:
                yield connection, cursor
        except Exception as error:  # each driver raises its own errors
            said = self._scrub(f"{type(error).__name__}: {error}")
            raise ConnectionError(said.strip()) from None


def _text(point: Any) -> str:
    return msgspec.json.encode(point).decode()


def _entries(rows: Iterable[Any]) -> Iterator[LedgerEntry]:
    for input, name, version, unit, start, end, sent, rejected in rows:
        fields = {
            "input": input,
            "name": name or "",
            "version": version or "",  # Oracle has no empty text
            "unit": unit,
            "sent": int(sent or 0),
            "rejected": int(rejected or 0),
        }
        try:
            points = {"start": msgspec.json.decode(start), "end": msgspec.json.decode(end)}
            yield msgspec.convert({**fields, **points}, LedgerEntry)
        except (*Unreadable, TypeError) as error:
            log.warning("A row of %s is damaged; what it knew of %s is sent again: %s", TABLE, name, error)
