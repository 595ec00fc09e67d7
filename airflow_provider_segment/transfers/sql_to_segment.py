"""Sends the rows of a SQL query to Segment, as events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from math import inf
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.arguments import Validator
from airflow_provider_segment.events.options import InputPart, within
from airflow_provider_segment.operators.events import BulkEventsOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, option
from airflow_provider_segment.tasks.sql_query import QUERY_FILES

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.events.report import SendReport
    from airflow_provider_segment.tasks.incremental import IncrementalLoad


MARKED = ("sql", "parameters")
"""The arguments whose templates know the watermark."""


def not_negative(overlap: timedelta | float) -> timedelta | float:
    """An overlap.

    :raises ValueError: it is negative
    """
    number = overlap.total_seconds() if isinstance(overlap, timedelta) else overlap
    if not 0 <= number < inf:
        raise ValueError(f"must be at least 0, not {overlap}")
    return overlap


class SqlToSegmentOperator(BulkEventsOperator):
    """Reads a table, or any query, from a database and sends it to Segment, while it reads.

    The rows are never in memory at once: on PostgreSQL, MySQL, MariaDB and SQLite they are streamed by a
    cursor, on other databases fetched as their driver pages. The query only reads: what it changes is rolled
    back, unless the driver commits by itself. Each row becomes an event by the ``mapping``, and is checked,
    sent, kept if it is rejected, and counted as by
    :class:`~airflow_provider_segment.operators.events.SegmentBatchEventsOperator`.

    Times with a zone arrive in UTC; so do ``TIMESTAMP`` columns of MySQL and MariaDB, for whose session the
    zone is set to UTC. The session zone of PostgreSQL is left as it is, so that days in the query begin and
    end where they do elsewhere. Infinite times are null. A value that no event can have, such as a date
    before the year 1, an interval of months or a range, rejects the events that use it.

    A retry sends all rows again, and relies on ``message_id_fields``: Segment drops within 24 hours what it
    has. With a ``resume_key`` it goes on, on Airflow 3.3 and later, where the last try stopped. The rows are
    then read by ranges of that column, a query for 10,000 rows each: it should be indexed, and the query
    simple, because it runs anew for each. Nor does a transaction stay open then while Segment asks for a
    pause, as it otherwise does for as long as the task sends.

    All arguments are templated. An invalid one fails the task before anything is sent, without a retry.

    :param sql_conn_id: Airflow connection to the database, whose hook is a ``DbApiHook``
    :param sql: a single query; or the name of a file with one (``.sql``), beside the DAG or in its
        ``template_searchpath``
    :param parameters: for the placeholders of the query, in the style of the driver: a dict or a list. With
        parameters, a ``%`` in a query for PostgreSQL or MySQL is written ``%%``
    :param resume_key: a column of the result, unique and never null, by which a retry goes on; on PostgreSQL,
        MySQL, MariaDB and SQLite
    :param part: the part of the rows that is sent, a range of a column:
        :class:`~airflow_provider_segment.operators.parts.SegmentPartitionEventsOperator` makes parts of
        the same query; as in ``.partial(...).expand(part=parts.output)``. On PostgreSQL, MySQL, MariaDB and
        SQLite; the query runs anew for each part, so the column should be indexed
    :param fetch_timeout: seconds that the database may take to send the next rows
    :param watermark: a column of the result: each load takes up where the last one ended. The highest value
        that was delivered is kept in the ledger (``ledger_path`` or ``ledger_conn_id``), and is a variable of
        the templates of ``sql`` and ``parameters``: ``where updated_at >= '{{ watermark }}'``. It moves when
        a load succeeds, and never backwards; the report has it. A column of numbers, times (those with a zone
        are given in UTC), dates or text
    :param initial_watermark: the value of the variable in the first load; required with ``watermark``
    :param overlap: how far the variable is behind the watermark, for rows that come late: seconds or a
        ``timedelta`` for times and dates, a number for numbers
    :raises AirflowFailException: an argument is invalid, and nothing was sent; or too many events were
        rejected, or all of them (whatever is allowed), or the rejected events could not be written; or there
        is more than ``max_events`` or ``max_users`` allow, or a violation with ``on_violation="fail"``
    :raises SegmentInputError: the query failed, or the connection was lost, or there are fewer events than
        ``min_events``; what was read was sent
    :raises SegmentError: Segment does not accept the events

    Further arguments: see :class:`~airflow_provider_segment.operators.events.SegmentBatchEventsOperator` (but
    ``events``, ``path`` and what describes files) and
    :class:`~airflow_provider_segment.events.options.SendOptions`.

    Returns the report (:class:`~airflow_provider_segment.events.report.SendReport`) as a dict.
    """

    template_files: ClassVar[dict[str, tuple[str, ...]]] = {
        **BulkEventsOperator.template_files,
        **QUERY_FILES,
    }
    template_fields_renderers: ClassVar[dict[str, str]] = {"sql": "sql", "parameters": "json"}

    sql_conn_id: Arg[str]
    sql: Arg[str]
    parameters: Arg[Mapping[str, Any] | list[Any] | tuple[Any, ...] | None] = option(default=None)
    resume_key: Arg[str | None] = option(default=None)
    part: Arg[InputPart] = option(default=None)
    fetch_timeout: Arg[Annotated[float, within(0, exclusive=True)]] = option(default=3600)
    watermark: Arg[str | None] = option(default=None)
    initial_watermark: Arg[Any] = option(default=None)
    overlap: Arg[Annotated[timedelta | float, Validator(not_negative)] | None] = option(default=None)

    _load: IncrementalLoad | None = None  # once the watermark was read

    if TYPE_CHECKING:
        # For type checkers the options are any keywords.
        def __init__(
            self,
            *,
            task_id: str,
            sql_conn_id: Arg[str],
            sql: Arg[str],
            parameters: Arg[Mapping[str, Any] | list[Any] | tuple[Any, ...] | None] = None,
            resume_key: Arg[str | None] = None,
            part: Arg[dict[str, Any] | None] = None,
            fetch_timeout: Arg[float] = 3600,
            watermark: Arg[str | None] = None,
            initial_watermark: Any = None,
            overlap: Arg[timedelta | float | None] = None,
            source_id: Arg[str | None] = None,
            max_rejected: Arg[int | None] = NOT_GIVEN,
            max_rejected_share: Arg[float | None] = None,
            partition_key: Arg[str | None] = None,
            region: Arg[str | None] = None,
            segment_conn_id: Arg[str] = "segment_default",
            **kwargs: Any,
        ) -> None: ...

    def _do_render_template_fields(
        self, parent: Any, template_fields: Iterable[str], context: Any, *args: Any, **kwargs: Any
    ) -> None:
        if parent is not self or self.watermark is None:
            super()._do_render_template_fields(parent, template_fields, context, *args, **kwargs)
            return
        others = [name for name in template_fields if name not in MARKED]
        super()._do_render_template_fields(parent, others, context, *args, **kwargs)
        self._load = self._begin_load(context)
        context["watermark"] = self._load.since
        super()._do_render_template_fields(parent, MARKED, context, *args, **kwargs)

    def _begin_load(self, context: Any) -> IncrementalLoad:
        from airflow_provider_segment.tasks.incremental import IncrementalLoad

        if "watermark" not in f"{self.sql} {self.parameters}":
            raise AirflowFailException(
                "watermark: neither sql nor parameters use {{ watermark }}, so each load would send all rows"
            )
        if context["ti"].map_index >= 0:
            raise AirflowFailException(
                "watermark: mapped tasks would share one. Make a task for each query, with its own task_id"
            )
        arguments = self.checked(name for name in self.fields if name != "parameters")
        with self.wrong_configuration_is_final():
            return IncrementalLoad(self.hook, arguments, (self.dag_id, self.task_id))

    def perform(self, arguments: dict[str, Any], context: Context) -> dict[str, Any]:
        """Send the rows, and move the watermark; returns the report."""
        report = super().perform(arguments, context)
        return report if self._load is None else report | self._load.end(self.log)

    def send(self, arguments: dict[str, Any], **options: Any) -> SendReport:
        """Send the rows."""
        with self.rows_of_query(arguments) as source:
            if self._load is None:
                return self.hook.send_from(source, **options)
            # The query is another one each time; what it has is what no load delivered.
            options |= {"ledger_path": None, "ledger_conn_id": None}
            return self.hook.send_from(self._load.of(source), **options)
