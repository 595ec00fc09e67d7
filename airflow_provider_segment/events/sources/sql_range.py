"""A query restricted to a range of one of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.parts import KeyRange
from airflow_provider_segment.events.sources.sql_driver import Driver
from airflow_provider_segment.events.sources.sql_text import Dialect, wrapped

NAMES = {">=": "segment_range_start", "<": "segment_range_end"}
"""Of the parameters that are added to those of a query."""


def known_dialect(driver: Driver, what: str) -> Dialect:
    """The dialect of a connection.

    :param what: needs to know it
    :raises SegmentConfigurationError: it is not known
    """
    if driver.dialect is None:
        raise SegmentConfigurationError(
            f"{what} is only possible with PostgreSQL, MySQL, MariaDB and SQLite, not with "
            f"{type(driver.connection).__module__}"
        )
    return driver.dialect


def restricted(sql: str, parameters: Any, wanted: KeyRange, dialect: Dialect) -> tuple[str, Any]:
    """A query for those rows of a query that are in a range, and its parameters.

    :param sql: a single query
    """
    start, end = wanted.keys
    given = [(sign, key) for sign, key in ((">=", start), ("<", end)) if key is not None]
    if not given:
        return sql, parameters
    if not parameters:
        sql = dialect.literally(sql)
    column = dialect.literally(dialect.column(wanted.column))
    named = isinstance(parameters, Mapping) and bool(parameters)
    placeholders = [dialect.named.format(NAMES[sign]) if named else dialect.positional for sign, _ in given]
    where = " and ".join(
        f"{column} {sign} {place}" for (sign, _), place in zip(given, placeholders, strict=True)
    )
    if start is None:
        where = f"({where} or {column} is null)"
    if named:
        return wrapped(sql, "*", f"where {where}"), {
            **parameters,
            **{NAMES[sign]: key for sign, key in given},
        }
    return wrapped(sql, "*", f"where {where}"), [*(parameters or []), *(key for _, key in given)]
