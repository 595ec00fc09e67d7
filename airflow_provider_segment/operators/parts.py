"""Operators that cut the input of a large send into parts, and put the reports of the parts together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, conf

from airflow_provider_segment.arguments import FilePath
from airflow_provider_segment.assets import check_partition_key, emit
from airflow_provider_segment.events.options import Paths, within
from airflow_provider_segment.tasks.declarative import Arg, Declarative, option

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.events.parts import Part
    from airflow_provider_segment.events.sources.sql import SqlSource

MAX_PARTS = 64
MIN_PART_BYTES = 1 << 26
MIN_PART_ROWS = 100_000


class SegmentPartitionEventsOperator(Declarative, BaseOperator):
    """Cuts an input into parts, each of which is sent by a mapped task: ``.expand(part=parts.output)``.

    Files are cut by bytes if they are uncompressed JSON Lines, and between row groups if they are Parquet.
    Others stay whole, and small ones are grouped, so that the parts have about as many bytes each. A file
    that is cut must be complete: the task that sends a part of it fails if it has changed since.

    The rows of a query are cut into ranges of a column, such as an id or a time, with about as many rows
    each; rows with the same value stay together. The database finds them, on PostgreSQL, MySQL, MariaDB and
    SQLite: it sorts the column once. The first range has no start, and also the rows in which the column is
    null; the last one has no end. So rows that are added later are in some part, too.

    A part is a small dict, with a ``name`` that ends with its index, for
    ``map_index_template="{{ task.part['name'] }}"``. It names only its own files. The same input is cut into
    the same parts. Message ids do not depend on the parts.

    All arguments are templated. An invalid one fails the task without a retry.

    :param path: a file, a folder with all that is in it at any depth, a glob, or a list of them, in any
        storage that Airflow's ``ObjectStoragePath`` supports. Of a folder, names that begin with ``.`` or
        ``_`` are left out. Keep rejected events elsewhere
    :param sql_conn_id: instead of ``path``: Airflow connection to the database
    :param sql: a single query; or the name of a file with one (``.sql``)
    :param parameters: for the placeholders of the query, a dict or a list
    :param partition_column: a column of the query: whole numbers, text, UUIDs, dates or times. It should be
        indexed, because each part runs the query with a condition on it
    :param max_parts: the maximum number of parts; never more than Airflow maps, ``[core] max_map_length``
    :param min_part_bytes: files are cut into fewer parts, so that these have at least as many bytes
    :param min_part_rows: a query is cut into fewer parts, so that these have at least as many rows
    :param allow_empty: return no parts, instead of failing, if there is no file or no row: the tasks that
        send them are skipped
    :param fetch_timeout: seconds that the database may take
    :raises AirflowFailException: an argument is invalid
    :raises SegmentInputError: there is no file or no row, or a file cannot be read, or the query failed

    Returns the parts, a list of dicts.
    """

    template_ext = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"sql": "sql", "parameters": "json"}
    ui_color = "#d5f2e3"

    _query: SqlSource | None = None  # while it is read

    path: Arg[Paths] = option(default=None)
    sql_conn_id: Arg[str | None] = option(default=None)
    sql: Arg[str | None] = option(default=None)
    parameters: Arg[Mapping[str, Any] | list[Any] | tuple[Any, ...] | None] = option(default=None)
    partition_column: Arg[str | None] = option(default=None)
    max_parts: Arg[Annotated[int, within(1)]] = option(default=MAX_PARTS)
    min_part_bytes: Arg[Annotated[int, within(1)]] = option(default=MIN_PART_BYTES)
    min_part_rows: Arg[Annotated[int, within(1)]] = option(default=MIN_PART_ROWS)
    allow_empty: Arg[bool] = option(default=False)
    fetch_timeout: Arg[Annotated[float, within(0, exclusive=True)]] = option(default=3600)

    def arguments(self) -> dict[str, Any]:
        """The checked arguments; exactly one input must be given."""
        arguments = super().arguments()
        query = [arguments[name] is not None for name in ("sql_conn_id", "sql", "partition_column")]
        if (arguments["path"] is None) != all(query) or any(query) != all(query):
            raise AirflowFailException(
                f"{type(self).__name__}: give either path, or sql_conn_id, sql and partition_column"
            )
        return arguments

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Cut the input; returns the parts."""
        from airflow_provider_segment.errors import SegmentInputError

        arguments = self.arguments()
        # Airflow fails a task that returns more.
        most = min(arguments["max_parts"], conf.getint("core", "max_map_length", fallback=1024))
        with self.wrong_configuration_is_final():
            cut = self._parts_of_rows if arguments["path"] is None else self._parts_of_files
            parts = cut(arguments, most)
        if not parts and not arguments["allow_empty"]:
            raise SegmentInputError(
                "the query has no rows, so there are no parts: allow_empty=True if it may"
            )
        return [part.as_json() for part in parts]

    def _parts_of_files(self, arguments: dict[str, Any], most: int) -> list[Part]:
        from airflow_provider_segment.events.partition import partition_files
        from airflow_provider_segment.events.sources.files import list_files

        files = list_files(arguments["path"], folders=True, may_be_none=arguments["allow_empty"])
        parts = partition_files(files, most, arguments["min_part_bytes"]) if files else []
        self.log.info("%s files in %s parts", f"{len(files):,}", len(parts))
        return parts

    def _parts_of_rows(self, arguments: dict[str, Any], most: int) -> list[Part]:
        from airflow_provider_segment.events.partition import partition_rows
        from airflow_provider_segment.events.sources.sql_quantiles import KeyQuantiles
        from airflow_provider_segment.hooks.databases import database_hook

        self._query = quantiles = KeyQuantiles(
            database_hook(arguments["sql_conn_id"]),
            arguments["sql"],
            arguments["parameters"],
            column=arguments["partition_column"],
            count=most,
            fetch_timeout=arguments["fetch_timeout"],
        )
        try:
            parts = partition_rows(quantiles, most, arguments["min_part_rows"])
        finally:
            self._query = None
        if quantiles.nulls:
            self.log.warning(
                "%s rows have no %s: they are in the first part", f"{quantiles.nulls:,}", quantiles.column
            )
        self.log.info("%s parts", len(parts))
        return parts

    def on_kill(self) -> None:
        """Cancel the query."""
        if (query := self._query) is not None:
            query.stop()


class SegmentGatherReportsOperator(BaseOperator):
    """Puts the reports of the parts together, and fails if a part has none.

    It runs when all parts have ended, however they did (``trigger_rule="all_done"``): a task that only gets
    ``send.output`` is not told of those that failed.

    :param parts: the parts, as the mapped task got them: ``parts.output``; templated
    :param reports: ``output`` of the mapped task that sent them; or its task id, if it is upstream anyway
    :param rejects_path: JSON Lines file for the rejected events of all parts, overwritten; templated. It
        needs parts with a ``rejects_path`` of their own each, as in ``..._{{ ti.map_index }}.jsonl``, which
        all workers can read; those files stay. A local file gets the mode 0600
    :param partition_key: the partition of the ``outlets`` that was sent, as for
        :class:`.SegmentBatchEventsOperator`; templated
    :raises AirflowFailException: parts are missing, which are named, or the parts are not known, or parts had
        the same file for rejected events

    Returns one report (:meth:`.SendReport.of_parts`) as a dict, as a single send would.
    """

    template_fields = ("parts", "rejects_path", "partition_key")
    ui_color = "#d5f2e3"

    def __init__(
        self,
        *,
        parts: Arg[list[dict[str, Any]]],
        reports: Arg[str],
        rejects_path: Arg[FilePath | None] = None,
        partition_key: Arg[str | None] = None,
        trigger_rule: str = "all_done",
        **kwargs: Any,
    ) -> None:
        super().__init__(trigger_rule=trigger_rule, **kwargs)
        self.parts: Any = parts
        self.rejects_path: Any = rejects_path
        self.partition_key: Any = partition_key
        sender: Any = getattr(reports, "operator", None)
        self.reports: Any = reports if sender is None else sender.task_id
        if sender is not None:
            self.set_upstream(sender)

    def execute(self, context: Context) -> dict[str, Any]:
        """Gather the reports; returns one."""
        from airflow_provider_segment.errors import SegmentConfigurationError
        from airflow_provider_segment.events.merged_rejects import check_own_files, merge_rejects
        from airflow_provider_segment.events.report import SendReport

        if self.parts is None:
            raise AirflowFailException("the parts are not known: did the task fail that makes them?")
        try:
            partition_key = check_partition_key(self.partition_key)
        except ValueError as error:
            raise AirflowFailException(f"{type(self).__name__}: partition_key {error}") from None
        reports = self._reports(_names(self.parts), context.get("ti"))
        total = SendReport.of_parts(list(reports.values()))
        try:
            check_own_files(reports)
            if self.rejects_path:
                merge_rejects(reports, self.rejects_path)
                total.rejects_path = self.rejects_path
        except SegmentConfigurationError as error:
            raise AirflowFailException(f"{type(self).__name__}: {error}") from None
        self.log.info("%s parts: %s", len(reports), total)
        emit(self.outlets, context, total.as_dict(), None, partition_key)
        return total.as_dict()

    def _reports(self, names: list[str], ti: Any) -> dict[str, Any]:
        """The report of each part, by the part's name."""
        # One by one: of several, some versions of Airflow leave out those that are missing.
        reports = {
            name: ti.xcom_pull(task_ids=self.reports, map_indexes=index) for index, name in enumerate(names)
        }
        missing = [name for name, report in reports.items() if report is None]
        if missing:
            more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
            raise AirflowFailException(
                f"{len(missing)} of {len(names)} parts have not been sent, or not to their end: "
                f"{', '.join(missing[:10])}{more}. Clear the failed tasks of {self.reports}, with those "
                "downstream"
            )
        if other := [
            name for name, report in reports.items() if report.get("part", name) not in (None, name)
        ]:
            raise AirflowFailException(
                f"the input was cut anew after it was sent, and what was sent as {', '.join(other[:10])} was "
                f"another part. Clear all tasks of {self.reports}, with those downstream"
            )
        return reports


def _names(parts: Any) -> list[str]:
    try:
        names = [str(part["name"]) for part in parts]
    except (LookupError, TypeError):
        raise AirflowFailException("parts must be a list of dicts, each with a name") from None
    if len(set(names)) < len(names):
        raise AirflowFailException("several parts have the same name: each needs its own")
    return names
