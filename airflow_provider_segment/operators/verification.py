"""Whether what was sent has arrived."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, cast

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, conf

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.api.retries import MAX_POLL_FAILURES
from airflow_provider_segment.arguments import Validator
from airflow_provider_segment.assets import PartitionKey
from airflow_provider_segment.events.options import within
from airflow_provider_segment.hooks.databases import database_and_scrubber, database_hook
from airflow_provider_segment.tasks.base import SegmentBaseOperator
from airflow_provider_segment.tasks.declarative import Arg
from airflow_provider_segment.tasks.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.resources import ResourceLocator
    from airflow_provider_segment.verification.comparison import Limits, Sent, Step
    from airflow_provider_segment.waiting.condition import Condition, Verdict

Report = dict[str, Any]

MOST_SAID = 300
"""Characters of what a database says of an error."""


def _listed(reports: Any) -> Any:
    """What Airflow gives of a mapped task is a sequence, but no list."""
    return list(reports) if isinstance(reports, Sequence) and not isinstance(reports, str) else reports


def _named(id: str) -> str:
    if not id:
        raise ValueError("must not be empty: is a param of the DAG not given?")
    return id


Id = Annotated[str, Validator(_named)]
Reports = Annotated[list[Report | None] | Report, Validator(_listed, "before")]


class SegmentVerifyEventsOperator(SegmentBaseOperator):
    """Finds out what became of events that were sent: whether all of them have arrived, and if not, where.

    Takes the reports of the senders, and compares them with what Segment counts: received, refused at ingest,
    filtered, delivered to and failed at each destination; and with the rows in a warehouse. ::

        SegmentVerifyEventsOperator(task_id="verify", reports=send.output, destination_ids=["crm"])

    Numbers that may still rise are waited for. Each step then has a finding: ``ok``, ``missing`` (so many
    events of the send ended there), or ``unknown``: Segment counts all traffic of a source, so if others send
    events with the same names at the same time, a loss would not show. The ids of the rows in a warehouse
    tell whose they are. An ``unknown`` is no success unless ``on_unknown`` says so.

    The task fails, without a retry, if events are missing, and is skipped if that cannot be known. Returns
    ``{"finding": ..., "missing": ..., "sources": [{"source_id": ..., "finding": ..., "steps": [...]}]}``, and
    pushes the XCom ``note``: a table in Markdown. If the task fails or is skipped, it pushes the same as the
    XCom ``missing`` or ``unknown``.

    :param reports: what a sender returned, or a list of it, such as that of a mapped task
    :param source_id: the source of reports that name none, because the sender got a connection's write key
    :param destination_ids: the destinations that all events should reach; by default the enabled ones that
        are connected to the source; ``[]`` for none. Segment counts deliveries in cloud mode only
    :param warehouse_id: wait for a sync to this warehouse that began after the send
    :param warehouse_conn_id: Airflow connection to the warehouse, where the ids of the events are counted
    :param warehouse_schema: the schema of the source in the warehouse; required with ``warehouse_conn_id``
    :param max_missing: how many events may be missing at a step
    :param max_missing_share: the same as a share (0 to 1) of those that were sent; the larger number counts
    :param on_filtered: whether filtered events are missing (``fail``) or as they should be (``accept``)
    :param on_unknown: what to do if it cannot be known: ``skip`` the task, ``fail`` or ``accept``
    :param partition_key: the partition of the ``outlets`` that has arrived, as for
        :class:`~airflow_provider_segment.operators.events.SegmentBatchEventsOperator`
    :param lag: seconds after a send when a number of its source that is too low is final
    :param deferrable: wait in the triggerer; by default as ``[operators] default_deferrable`` says
    :param poll_interval: seconds between polls
    :param timeout: seconds to wait for what is still missing; then the finding is final
    :param max_poll_failures: consecutive failed polls tolerated
    :raises AirflowFailException: events are missing, or an argument is invalid; no retry
    :raises AirflowSkipException: it cannot be known whether events are missing
    :raises SegmentError: polling failed for good
    """

    reports: Arg[Reports]
    source_id: Arg[str | None] = None
    destination_ids: Arg[list[Id] | None] = None
    warehouse_id: Arg[Id | None] = None
    warehouse_conn_id: Arg[str | None] = None
    warehouse_schema: Arg[str | None] = None
    max_missing: Arg[Annotated[int, within(0)]] = 0
    max_missing_share: Arg[Annotated[float, within(0, 1)]] = 0.0
    on_filtered: Arg[Literal["fail", "accept"]] = "fail"
    on_unknown: Arg[Literal["skip", "fail", "accept"]] = "skip"
    partition_key: Arg[PartitionKey] = None
    lag: Arg[float] = 600.0
    deferrable: Arg[bool] = conf.getboolean("operators", "default_deferrable", fallback=False)
    poll_interval: Arg[float] = 60.0
    timeout: Arg[float] = 6 * 60 * 60.0
    max_poll_failures: Arg[int] = MAX_POLL_FAILURES

    waits = True

    def arguments(self) -> dict[str, Any]:
        """The checked arguments."""
        from airflow_provider_segment.verification.rows import SCHEMA

        arguments = super().arguments()
        schema = arguments["warehouse_schema"]
        if (arguments["warehouse_conn_id"] is None) != (schema is None):
            raise AirflowFailException("warehouse_conn_id and warehouse_schema belong together")
        if schema is not None and not SCHEMA.fullmatch(schema):
            raise AirflowFailException(f"warehouse_schema must be names joined by dots, not {schema!r}")
        self._sends(arguments)
        return arguments

    def about(self, arguments: dict[str, Any]) -> Iterator[ResourceLocator]:
        """The sources that the events went to."""
        from airflow_provider_segment.resources import source_of

        for sent in self._sends(arguments):
            yield source_of(sent.source_id, arguments["segment_conn_id"])

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Wait for the counts, and judge them."""
        from airflow_provider_segment.waiting.watch import Watch, wait

        if arguments["warehouse_conn_id"] is not None:
            database_hook(arguments["warehouse_conn_id"])  # a wrong one fails before hours of waiting
        seconds = Memory(context).seconds_left(arguments["timeout"])
        until = Clock().now() + timedelta(seconds=seconds)
        condition = self._condition(arguments, until)
        if arguments["deferrable"]:
            self._defer(condition, arguments, until)
        watch = Watch(condition, arguments["max_poll_failures"])
        found = wait(
            watch,
            self.hook.get_conn(),
            interval=arguments["poll_interval"],
            timeout=self._patience(arguments, until),
        )
        while True:
            sources = self._with_rows(found, arguments)
            if sources is not None:
                return self._conclude(sources, arguments, context)
            Clock().sleep(arguments["poll_interval"])

    def resume(self, context: Context, event: Any = None) -> Any:
        """Go on after the trigger: count the rows, and wait again if there are too few."""
        from airflow_provider_segment.triggers.segment import read_event
        from airflow_provider_segment.waiting.condition import Later

        arguments = self.arguments()
        found = read_event(event)
        with self.wrong_configuration_is_final():
            sources = self._with_rows(found, arguments)
        if sources is None:
            self.began()
            moment = Clock().now() + timedelta(seconds=arguments["poll_interval"])
            self._defer(Later(moment=moment, result=found.result), arguments, moment)
        return self.finish(arguments, self._conclude(sources, arguments, context), context)

    def change(self, arguments: dict[str, Any], result: Any) -> dict[str, Any]:
        """What was found, without the steps."""
        return {name: result[name] for name in ("finding", "missing")}

    def _defer(self, condition: Condition, arguments: dict[str, Any], until: datetime) -> NoReturn:
        self.defer_until(
            condition,
            poll_interval=arguments["poll_interval"],
            max_poll_failures=arguments["max_poll_failures"],
            timeout=self._patience(arguments, until),
        )

    @staticmethod
    def _patience(arguments: dict[str, Any], until: datetime) -> float:
        """Seconds in which the condition must be decided: it decides itself when the time is up."""
        left = max(0.0, (until - Clock().now()).total_seconds())
        return left + 3 * float(arguments["poll_interval"]) + 60.0

    def _sends(self, arguments: dict[str, Any]) -> list[Sent]:
        from airflow_provider_segment.verification.sends import sends_of

        reports = arguments["reports"]
        try:
            return sends_of([reports] if isinstance(reports, dict) else reports, arguments["source_id"])
        except ValueError as error:
            raise AirflowFailException(f"reports: {error}") from None

    @staticmethod
    def _limits(arguments: dict[str, Any]) -> Limits:
        from airflow_provider_segment.verification.comparison import Limits

        return Limits(
            missing=arguments["max_missing"],
            share=arguments["max_missing_share"],
            filtered=arguments["on_filtered"] == "accept",
        )

    def _condition(self, arguments: dict[str, Any], until: datetime) -> Condition:
        from airflow_provider_segment.verification.counts import SendVerified

        return SendVerified(
            sends=self._sends(arguments),
            until=until,
            final_after=arguments["lag"],
            limits=self._limits(arguments),
            destination_ids=arguments["destination_ids"],
            warehouse_id=arguments["warehouse_id"],
        )

    def _with_rows(self, found: Verdict, arguments: dict[str, Any]) -> dict[str, list[Step]] | None:
        """The steps of each source, with those of the warehouse; None if rows may still come."""
        import msgspec

        from airflow_provider_segment.verification.comparison import SYNC, Step, sent_steps
        from airflow_provider_segment.verification.rows import count_rows, judge_rows

        sends = self._sends(arguments)
        known = {each["source_id"]: each["steps"] for each in found.result["sources"]}
        sources: dict[str, list[Step]] = {}
        limits = self._limits(arguments)
        final = Clock().now() >= datetime.fromisoformat(found.result["until"])
        for sent in sends:
            steps = [*sent_steps(sent), *msgspec.convert(known[sent.source_id], list[Step])]
            if arguments["warehouse_conn_id"] is not None and sent.sent:
                hook, scrub = database_and_scrubber(arguments["warehouse_conn_id"])
                try:
                    rows: Any = count_rows(hook, arguments["warehouse_schema"], sent)
                except Exception as error:  # of the database's driver
                    [said, *_] = scrub(str(error)).splitlines() or [""]
                    rows = f"the rows cannot be counted: {type(error).__name__}: {said[:MOST_SAID]}"
                step = judge_rows(sent, rows, limits)
                synced = any(each.step == SYNC and each.finding == "ok" for each in steps)
                if not final and (isinstance(rows, str) or (step.finding == "missing" and not synced)):
                    self.log.info("%s: %s of %s rows", sent.source_id, step.found, step.expected)
                    return None
                steps.append(step)
            sources[sent.source_id] = steps
        return sources

    def _conclude(self, sources: dict[str, list[Step]], arguments: dict[str, Any], context: Context) -> Any:
        from airflow_provider_segment.verification.note import note, result_of, summary

        sends = self._sends(arguments)
        result = result_of(sends, sources)
        text = note(sends, sources)
        self.log.info("%s", text)
        ti: Any = cast("Any", context).get("ti")
        if ti and self.do_xcom_push:
            ti.xcom_push(key="note", value=text)
        finding = result["finding"]
        said = summary(sends, sources)
        if finding == "ok" or (finding == "unknown" and arguments["on_unknown"] == "accept"):
            if finding == "unknown":
                self.log.warning("%s", said)
            return result
        if ti:
            ti.xcom_push(key=finding, value=result)
        if finding == "unknown" and arguments["on_unknown"] == "skip":
            raise AirflowSkipException(said)
        raise AirflowFailException(said)
