"""Incremental loads: a query takes only the rows behind the watermark of the last load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

if TYPE_CHECKING:
    from airflow_provider_segment.events.ledger.watermark import MarkedSource
    from airflow_provider_segment.events.sources.sql import SqlSource
    from airflow_provider_segment.hooks.segment import SegmentHook


class IncrementalLoad:
    """One load.

    :param hook: of the connection to Segment
    :param arguments: of the task, rendered but for the query
    :param task: names the DAG and the task
    :raises AirflowFailException: an argument lacks another one, or excludes it
    :raises SegmentInputError: the ledger cannot be read
    """

    def __init__(self, hook: SegmentHook, arguments: dict[str, Any], task: tuple[str, str]) -> None:
        from airflow_provider_segment.events.ledger.watermark import with_overlap

        self._column: str = arguments["watermark"]
        if arguments["initial_watermark"] is None:
            raise AirflowFailException("watermark needs an initial_watermark, where the first load begins")
        if arguments["resume_key"] not in (None, self._column):
            raise AirflowFailException(
                "watermark: with another resume_key, rows that change while pages are read would be left "
                "out. Leave resume_key out, or give the same column"
            )
        if arguments.get("part") is not None:
            raise AirflowFailException("watermark: a part of a query has none; leave one of them out")
        ledger = {name: arguments[name] for name in ("source_id", "ledger_path", "ledger_conn_id")}
        self._watermark = hook.watermark((*task, arguments["sql_conn_id"], self._column), **ledger)
        self.before: Any = self._watermark.read()
        """The mark when the load began; None before the first one."""
        initial, overlap = arguments["initial_watermark"], arguments["overlap"]
        self.since = initial if self.before is None else with_overlap(self.before, overlap)
        """What the query sees."""
        self._source: MarkedSource | None = None

    def of(self, source: SqlSource) -> MarkedSource:
        """The rows, which are watched for the highest mark."""
        from airflow_provider_segment.events.ledger.watermark import MarkedPages, MarkedSource
        from airflow_provider_segment.events.sources.sql_pages import PagedSqlSource

        kind = MarkedPages if isinstance(source, PagedSqlSource) else MarkedSource
        self._source = kind(source, self._column)
        return self._source

    def end(self, log: Any) -> dict[str, Any]:
        """Move the mark, because all rows were delivered.

        :returns: what the report says of it
        """
        from airflow_provider_segment.events.ledger.watermark import highest, shown

        found = self._source.highest if self._source is not None else None
        mark = highest([one for one in (self.before, found) if one is not None])
        if mark is None or mark == self.before:
            return {"watermark": shown(mark)}
        try:
            self._watermark.move(self.before, mark)
        except Exception as error:  # each storage and each driver raises its own errors
            log.warning("The watermark could not be moved; the next load sends these rows again: %s", error)
            return {"watermark": shown(self.before), "ledger_failure": str(error) or type(error).__name__}
        log.info("The watermark moved from %s to %s", shown(self.before), shown(mark))
        return {"watermark": shown(mark)}
