"""Queries as the input of a task: the hook of the database, the source of the rows, lineage."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_segment.events.sources.sql import SqlSource

QUERY_FILES = {"sql": (".sql",)}
"""The argument that may be the name of a file."""

WINDOWS = (("start", "end"), ("since", "until"), ("from", "to"))
"""How the two ends of a time window are named."""


def open_query(hook: Any, arguments: Mapping[str, Any]) -> SqlSource:
    """The rows of the query that the arguments of a task describe.

    :param hook: of the database
    :raises SegmentConfigurationError: their part is one of files
    """
    query = (hook, arguments["sql"], arguments["parameters"])
    part = arguments["part"]
    if part is not None and part.range is None:
        from airflow_provider_segment.errors import SegmentConfigurationError

        raise SegmentConfigurationError(
            f"part {part.name} is one of files: it is sent by SegmentBatchEventsOperator"
        )
    options = {
        "conn_id": arguments["sql_conn_id"],
        "within": part and part.range,
        "fetch_timeout": arguments["fetch_timeout"],
    }
    key = arguments["resume_key"]
    if key is None:
        from airflow_provider_segment.events.sources.sql import SqlSource

        return SqlSource(*query, **options)
    from airflow_provider_segment.events.sources.sql_pages import PagedSqlSource

    return PagedSqlSource(*query, **options, resume_key=key)


def warn_of_empty_window(parameters: Any, log: Any) -> None:
    """Warn if no row can be within the time window that two parameters are the ends of."""
    if window := empty_window(parameters):
        log.warning(
            "%s is not before %s: the time window is empty, so no row may be sent. With a cron schedule, "
            "the data interval of Airflow 3 begins and ends at the same moment unless "
            "[scheduler] create_cron_data_intervals is set",
            *window,
        )


def note_query(hook: Any, sql: str, rows: int) -> None:
    """Report what was read to Airflow's lineage collector, from which OpenLineage takes the tables."""
    try:
        from airflow.providers.common.sql.hooks.lineage import send_sql_hook_lineage
    except ImportError:  # an older version of the provider
        return
    send_sql_hook_lineage(context=hook, sql=sql, row_count=rows)


def empty_window(parameters: Any) -> tuple[str, str] | None:
    """The names of two parameters that are the ends of a time window in which nothing can be."""
    if not isinstance(parameters, Mapping):
        return None
    names = {str(name).lower(): str(name) for name in parameters}
    for first, last in WINDOWS:
        for name in names:
            other = name.replace(first, last)
            if first in name and other in names:
                start, end = parameters[names[name]], parameters[names[other]]
                # Of one type and form, as templates give them, they can be compared; texts as ISO 8601.
                with suppress(TypeError):
                    if type(start) is type(end) and start >= end:
                        return names[name], names[other]
    return None
