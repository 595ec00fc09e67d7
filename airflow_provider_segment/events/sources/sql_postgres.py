"""PostgreSQL, by psycopg 3 and by psycopg2."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from airflow_provider_segment.events.sources.sql_driver import Driver, keep_alive
from airflow_provider_segment.events.sources.sql_text import POSTGRES
from airflow_provider_segment.events.sources.sql_values import clock_time, day, interval, moment, unusable

log = logging.getLogger(__name__)


class PostgresDriver(Driver):
    """What both versions of psycopg have in common.

    The zone of the session is left as it is, so that a query means what it means elsewhere: times with a zone
    come with their offset.
    """

    dialect = POSTGRES

    def __init__(self, connection: Any, connect: Callable[[], Any]) -> None:
        super().__init__(connection, connect)
        self._process: int | None = None  # the server's, which may be another in the next transaction
        self._looked_up: set[int] = set()

    def prepare(self) -> None:
        if self.connection.autocommit:
            self.connection.autocommit = False  # a cursor needs a transaction
        keep_alive(self.connection.fileno())
        for (oid, array), convert in _POSTGRES_TYPES.items():
            self._register(self.connection, oid, array, convert)

    def begin(self) -> None:
        # Not for the session: behind a pooler, others would get it. What a version does not have is left out.
        try:
            cursor = self._new_cursor()
            cursor.execute(_PATIENCE)
            self._process = cursor.fetchone()[0]
        except Exception as error:
            self.rollback()
            log.warning("A long pause may end the database session, whose timeouts cannot be set: %s", error)

    def stream(self) -> Any:
        return self._new_cursor(name="segment")

    def plain(self) -> Any:
        return self._new_cursor()

    def columns(self, cursor: Any) -> tuple[str, ...]:
        names = super().columns(cursor)
        codes = {column[1] for column in cursor.description or () if column[1] >= _FIRST_OWN_TYPE}
        if new := list(codes - self._looked_up):
            self._looked_up.update(new)
            types = self._new_cursor()
            types.execute(_OWN_TYPES, [new, new])
            for oid, array, kind in types.fetchall():
                for owner in (cursor, self.connection):  # the cursor took its types when it was made
                    self._register(owner, oid, array, _KINDS.get(kind, str))
        return names

    def rollback(self) -> None:
        self._process = None  # behind a pooler it is another client's from now on
        super().rollback()

    def _new_cursor(self, **options: Any) -> Any:
        """A cursor whose rows are tuples, whatever the connection says."""
        raise NotImplementedError

    def _register(self, owner: Any, oid: int, array: int, convert: Callable[[str], Any]) -> None:
        """Have a type, and arrays of it, converted from its text.

        :param owner: a connection, or a cursor
        """
        raise NotImplementedError

    def interrupt(self) -> None:
        # Not by connection.cancel(): if the server does not answer, that blocks all threads of this process.
        if self._process is None:
            return
        other = self._connect()
        try:
            other.cursor().execute("select pg_cancel_backend(%s)", [self._process])
        finally:
            other.close()


_PATIENCE = """select pg_backend_pid(), array(select
    set_config(name, case name when 'client_connection_check_interval' then '10s' else '0' end, true)
    from pg_settings
    where name in ('idle_in_transaction_session_timeout', 'transaction_timeout')
       or name = 'client_connection_check_interval' and version() ~* 'linux')"""
"""Pauses may be long; and the query of a task that was killed ends, where the server can tell."""

_FIRST_OWN_TYPE = 16384
_OWN_TYPES = """select oid, typarray, typtype::text from pg_type
    where oid = any(%s) and typelem = 0 or typarray = any(%s)"""

_RANGE = unusable("a range has no place in JSON: select its lower() and upper()")
_RECORD = unusable("a composite value has no place in JSON: cast it by to_jsonb() in the query")
_KINDS = {"c": _RECORD, "r": _RANGE, "m": _RANGE}
"""What becomes of types that were defined in a database, by pg_type.typtype; all others are text."""

# By the type's OID, and that of its array
_POSTGRES_TYPES: dict[tuple[int, int], Callable[[str], Any]] = {
    (1082, 1182): day,
    (1083, 1183): clock_time,
    (1114, 1115): moment,
    (1184, 1185): moment,
    (1266, 1270): clock_time,
    (1186, 1187): interval,
    (650, 651): str,  # cidr
    (869, 1041): str,  # inet
    (2249, 2287): _RECORD,
    (3904, 3905): _RANGE,
    (3906, 3907): _RANGE,
    (3908, 3909): _RANGE,
    (3910, 3911): _RANGE,
    (3912, 3913): _RANGE,
    (3926, 3927): _RANGE,
    (4451, 6150): _RANGE,  # from here on, multiranges
    (4532, 6151): _RANGE,
    (4533, 6152): _RANGE,
    (4534, 6153): _RANGE,
    (4535, 6155): _RANGE,
    (4536, 6157): _RANGE,
}
"""The types whose conversion by psycopg fails, loses something, or gives what no event can have."""


class PsycopgDriver(PostgresDriver):
    """psycopg 3."""

    def _new_cursor(self, **options: Any) -> Any:
        return self.connection.cursor(row_factory=import_module("psycopg.rows").tuple_row, **options)

    def _register(self, owner: Any, oid: int, array: int, convert: Callable[[str], Any]) -> None:
        if (oid, array) not in _POSTGRES_TYPES:
            import_module("psycopg.types").TypeInfo(f"segment_{oid}", oid, array).register(owner)
        owner.adapters.register_loader(oid, _psycopg_loader(convert))


@cache
def _psycopg_loader(convert: Callable[[str], Any]) -> Any:
    loader: Any = import_module("psycopg.adapt").Loader

    class TextLoader(loader):  # type: ignore[misc]
        def load(self, data: Any) -> Any:
            return convert(str(data, "utf-8"))

    return TextLoader


class Psycopg2Driver(PostgresDriver):
    """psycopg2."""

    def _new_cursor(self, **options: Any) -> Any:
        factory = import_module("psycopg2.extensions").cursor
        return self.connection.cursor(cursor_factory=factory, **options)

    def columns(self, cursor: Any) -> tuple[str, ...]:
        if cursor.name:
            cursor.fetchmany(0)  # has no description before
        return super().columns(cursor)

    def _register(self, owner: Any, oid: int, array: int, convert: Callable[[str], Any]) -> None:
        for kind in _psycopg2_types(oid, array, convert):
            import_module("psycopg2.extensions").register_type(kind, owner)


@cache
def _psycopg2_types(oid: int, array: int, convert: Callable[[str], Any]) -> list[Any]:
    extensions = import_module("psycopg2.extensions")
    kind = extensions.new_type((oid,), "SEGMENT", lambda text, _: None if text is None else convert(text))
    return [kind, extensions.new_array_type((array,), "SEGMENT[]", kind)]
