"""The base of all sensors: a class declares its arguments, and which condition they make."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_segment.api.retries import MAX_POLL_FAILURES
from airflow_provider_segment.assets import emit, note_lineage
from airflow_provider_segment.resources import resources_in
from airflow_provider_segment.tasks.base import SegmentTask
from airflow_provider_segment.tasks.declarative import Arg
from airflow_provider_segment.tasks.links import leave_link
from airflow_provider_segment.tasks.memory import Memory

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.waiting.condition import Condition, Verdict
    from airflow_provider_segment.waiting.watch import Watch

FAILURES = "poll_failures"
"""Name of a note: consecutive failed polls, from poke to poke of a try."""


class SegmentSensor(SegmentTask, BaseSensorOperator):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Waits for a state of Segment.

    It pokes in its worker, is rescheduled (``mode="reschedule"``), or waits in the triggerer
    (``deferrable=True``), where all that wait for the same share their requests to Segment. ``timeout`` is
    the cap on the wait in all, which a deferral does not begin anew, nor on Airflow 3.3 and later a retry;
    only when rescheduled it is Airflow's, which counts from the first poke of a try. ``soft_fail`` skips
    instead of failing where the state cannot come any more, or did not come in time.

    :param deferrable: wait in the triggerer; by default as ``[operators] default_deferrable`` says
    :param max_poll_failures: consecutive failed polls tolerated. Each is several requests already, by
        the connection's ``retries``. Waits that Segment asks for (429) are no failures. Airflow before 3.3
        cannot count them from poke to poke of a rescheduled task, which tolerates any number there
    :raises AirflowFailException: the state cannot come any more; no retry
    :raises AirflowSensorTimeout: it did not come in time; the message tells what was last seen
    :raises SegmentError: it could not be looked at
    """

    deferrable: Arg[bool] = conf.getboolean("operators", "default_deferrable", fallback=False)
    max_poll_failures: Arg[int] = MAX_POLL_FAILURES

    if TYPE_CHECKING:
        # As of SegmentTask: what Airflow stores is narrower than what it takes, and not for type checkers.
        exponential_backoff: Any = None
        max_wait: Any = None
        mode: Any = None
        never_fail: Any = None
        poke_interval: Any = None
        silent_fail: Any = None
        soft_fail: Any = None
        timeout: Any = None

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
        # A rescheduled task comes by here at each poke.
        leave_link(context, self.hook, resources_in(arguments), look_up=not self.reschedule)
        if not self.reschedule or arguments["deferrable"]:
            self.timeout = Memory(context).seconds_left(self.timeout)
        if arguments["deferrable"]:
            self.defer_until(
                self._watch.condition,
                poll_interval=self.poke_interval,
                max_poll_failures=arguments["max_poll_failures"],
                timeout=self.timeout,
            )
        try:
            return super().execute(context)
        except AirflowSensorTimeout as error:
            raise AirflowSensorTimeout(self._watch.timed_out(self.timeout)) from error

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        from airflow_provider_segment.errors import SegmentError
        from airflow_provider_segment.waiting.watch import look

        watch = self._watch = self._watch or self._new_watch(self.arguments(), context)
        try:
            verdict = look(watch.condition, self.hook.get_conn())
            watch.saw(verdict)
        except SegmentError as error:
            watch.failed(error)
            return PokeReturnValue(is_done=False)
        finally:
            if self.reschedule:
                Memory(context).note(**{FAILURES: [self._try(context), watch.failures]})
        return PokeReturnValue(verdict.state == "done", self._result(verdict, context))

    def resume(self, context: Context, event: Any = None) -> Any:
        """Go on after the trigger."""
        from airflow_provider_segment.errors import SegmentError, SegmentWaitTimeoutError
        from airflow_provider_segment.triggers.segment import read_event

        try:
            return self._result(read_event(event), context)
        except SegmentWaitTimeoutError as error:
            raise AirflowSensorTimeout(str(error)) from error
        except SegmentError as error:
            if self.never_fail:  # Airflow sees to its own errors only
                raise AirflowSkipException(str(error)) from error
            raise

    def lineage(self, result: Any) -> tuple[list[str], list[str]]:
        """What flowed from where to where, as URIs of assets, now that it has come true."""
        return [], []

    def _result(self, verdict: Verdict, context: Context) -> Any:
        if verdict.state == "failed":
            if verdict.result is not None:
                cast("Any", context)["ti"].xcom_push(key="failed", value=verdict.result)
            raise AirflowFailException(verdict.message)
        if verdict.state == "done":
            self.log.info("%s", verdict.message)
            change = verdict.result if isinstance(verdict.result, dict) else {"result": verdict.result}
            emit(self.outlets, context, change, next(resources_in(self.arguments()), None))
            note_lineage(self.hook, *self.lineage(verdict.result))
        return verdict.result

    def _new_watch(self, arguments: dict[str, Any], context: Context) -> Watch:
        from airflow_provider_segment.waiting.watch import Watch

        of_try, failures = Memory(context).get(FAILURES, [None, 0])
        known = failures if self.reschedule and of_try == self._try(context) else 0
        return Watch(self.condition(arguments, context), arguments["max_poll_failures"], known)

    @staticmethod
    def _try(context: Context) -> int | None:
        ti: Any = context.get("ti")
        return ti.try_number if ti else None


def utc(moment: datetime | None) -> datetime | None:
    """A moment with a zone: UTC where it has none."""
    return moment.replace(tzinfo=timezone.utc) if moment and moment.tzinfo is None else moment


def interval_of(context: Context) -> tuple[datetime | None, datetime]:
    """Begin and end of the run's data interval.

    A run that has none (triggered by an asset, or by hand without a date), or one without a length (of a cron
    schedule, as Airflow 3 has them by default), has no begin, and ends when it was due.
    """
    run: Any = context.get("dag_run")
    start, end = run.data_interval_start, run.data_interval_end
    if start is None or end is None:
        return None, run.run_after
    return (start if start < end else None), end
