"""The base of all sensors: a class declares its arguments, and which condition they make."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_segment.assets import emit, note_lineage
from airflow_provider_segment.base import SegmentTask
from airflow_provider_segment.declarative import Arg, option
from airflow_provider_segment.links import leave_link
from airflow_provider_segment.memory import seconds_left
from airflow_provider_segment.resources import resources_in

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.waiting.condition import Condition, Verdict
    from airflow_provider_segment.waiting.watch import Watch

FAILURES = "segment_poll_failures"
"""Key in the task state store (Airflow 3.3 and later): failed looks in a row, from poke to poke."""


class SegmentSensor(SegmentTask, BaseSensorOperator):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Waits for a state of Segment.

    It pokes in its worker, is rescheduled (``mode="reschedule"``), or waits in the triggerer
    (``deferrable=True``), where all that wait for the same share their requests to Segment. ``timeout`` is
    the cap on the wait in all, which neither a deferral nor, on Airflow 3.3 and later, a retry begins anew;
    ``soft_fail`` skips instead of failing where the state cannot come any more.

    :param deferrable: wait in the triggerer; by default as ``[operators] default_deferrable`` says
    :param max_poll_failures: failed looks in a row that are lived with. Each is several requests already, by
        the connection's ``retries``. Waits that Segment asks for (429) are no failures.
    :raises AirflowFailException: the state cannot come any more; no retry
    :raises AirflowSensorTimeout: it did not come in time; the message tells what was last seen
    :raises SegmentError: it could not be looked at
    """

    deferrable: Arg[bool] = option(default=conf.getboolean("operators", "default_deferrable", fallback=False))
    max_poll_failures: Arg[int] = option(default=30)

    _watch: Any = None

    def condition(self, arguments: dict[str, Any], context: Context) -> Condition:
        """What is waited for.

        :param arguments: checked and rendered; the same for each poke of a task instance, as is what may be
            taken from the context
        """
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        """Wait; returns what the condition brings."""
        arguments = self.arguments()
        self._watch = self._new_watch(arguments, context)
        leave_link(context, self.hook, resources_in(arguments), look_up=True)
        if arguments["deferrable"]:
            self._defer(self._watch, context)
        try:
            return super().execute(context)
        except AirflowSensorTimeout as error:
            raise AirflowSensorTimeout(self._watch.timed_out(self.timeout)) from error

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        from airflow_provider_segment.errors import SegmentError
        from airflow_provider_segment.waiting.watch import look

        watch = self._watch = self._watch or self._new_watch(self.arguments(), context)
        store: Any = context.get("task_state_store")
        try:
            verdict = look(watch.condition, self.hook.get_conn())
            watch.saw(verdict)
        except SegmentError as error:
            watch.failed(error)
            return PokeReturnValue(is_done=False)
        finally:
            if store and self.reschedule:
                store.set(FAILURES, watch.failures)
        return PokeReturnValue(verdict.state == "done", self._result(verdict, context))

    def resume(self, context: Context, event: Any = None) -> Any:
        """Go on after the trigger."""
        from airflow_provider_segment.errors import SegmentWaitTimeoutError
        from airflow_provider_segment.triggers.segment import read_event

        try:
            return self._result(read_event(event), context)
        except SegmentWaitTimeoutError as error:
            raise AirflowSensorTimeout(str(error)) from error

    def lineage(self, result: Any) -> tuple[list[str], list[str]]:
        """What flowed from where to where, as URIs of assets, now that it has come true."""
        return [], []

    def _result(self, verdict: Verdict, context: Context) -> Any:
        if verdict.state == "failed":
            raise AirflowFailException(verdict.message)
        if verdict.state == "done":
            self.log.info("%s", verdict.message)
            change = verdict.result if isinstance(verdict.result, dict) else {"result": verdict.result}
            emit(self.outlets, context, change, next(resources_in(self.arguments()), None))
            note_lineage(self.hook, *self.lineage(verdict.result))
        return verdict.result

    def _new_watch(self, arguments: dict[str, Any], context: Context) -> Watch:
        from airflow_provider_segment.waiting.watch import Watch

        store: Any = context.get("task_state_store")
        failures = store.get(FAILURES, 0) if store and self.reschedule else 0
        return Watch(self.condition(arguments, context), arguments["max_poll_failures"], failures)

    def _defer(self, watch: Watch, context: Context) -> None:
        from airflow_provider_segment.triggers.segment import deferral

        self.log.info("Waiting in the triggerer for %s", watch.condition.describe())
        self.defer(
            method_name="resume",
            **deferral(
                watch.condition,
                segment_conn_id=str(self.segment_conn_id),
                poll_interval=self.poke_interval,
                max_poll_failures=watch.max_failures,
                timeout=seconds_left(self.timeout, context),
            ),
        )


def utc(moment: datetime | None) -> datetime | None:
    """A moment with a zone: UTC where it has none."""
    return moment.replace(tzinfo=timezone.utc) if moment and moment.tzinfo is None else moment


def interval_of(context: Context) -> tuple[datetime | None, datetime]:
    """Begin and end of the run's data interval.

    A run that has none (triggered by an asset, or by hand without a date) has no begin, and ends when it was
    due.
    """
    run: Any = context.get("dag_run")
    start, end = run.data_interval_start, run.data_interval_end
    if start is None or end is None:
        return None, run.run_after
    return start, end
