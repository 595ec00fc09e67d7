"""The base class of all sensors: a subclass declares its arguments and builds a condition from them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.api.retries import MAX_POLL_FAILURES
from airflow_provider_segment.assets import PartitionKey, emit, note_lineage
from airflow_provider_segment.resources import resources_in
from airflow_provider_segment.tasks.base import SegmentTask
from airflow_provider_segment.tasks.declarative import Arg
from airflow_provider_segment.tasks.links import linked
from airflow_provider_segment.tasks.memory import Memory

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.waiting.condition import Condition, Verdict
    from airflow_provider_segment.waiting.watch import Watch

FAILURES = "poll_failures"
"""Key in the task's memory: the consecutive failed polls of a try, kept from poke to poke."""
IDS = "ids"
"""Key in the task's memory: the ids of references that a try has looked up."""


class SegmentSensor(SegmentTask, BaseSensorOperator):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Waits until a condition on Segment's state is met.

    The sensor polls in its worker, is rescheduled (``mode="reschedule"``), or waits in the triggerer
    (``deferrable=True``), where all tasks that wait for the same condition share their requests to Segment.
    ``timeout`` limits the whole wait: a deferral does not restart it, nor does a retry on Airflow 3.3 and
    later. A rescheduled sensor uses Airflow's own timeout, which counts from the first poke of a try.
    Airflow's ``execution_timeout`` limits one try, deferred or not; of a rescheduled sensor, one poke. With
    ``soft_fail`` the task is skipped instead of failed if the condition can no longer be met, or is not met
    in time.

    :param deferrable: wait in the triggerer; by default Airflow's setting ``[operators] default_deferrable``
    :param max_poll_failures: consecutive failed polls tolerated. A poll fails only after the connection's
        ``retries``. A 429 is not a failure: the client waits as long as Segment asks. Before Airflow 3.3
        failures cannot be counted from poke to poke, so a rescheduled task tolerates any number
    :param partition_key: the partition of the ``outlets`` that has arrived, for example the day: Airflow 3.2
        and later start a DAG that waits for it (``PartitionedAssetTimetable``). By default that of the run
    :raises AirflowFailException: the condition can no longer be met; no retry
    :raises AirflowSensorTimeout: the condition was not met in time; the message says what was last seen
    :raises SegmentError: polling failed for good
    """

    deferrable: Arg[bool] = conf.getboolean("operators", "default_deferrable", fallback=False)
    max_poll_failures: Arg[int] = MAX_POLL_FAILURES
    partition_key: Arg[PartitionKey] = None

    if TYPE_CHECKING:
        # As in SegmentTask: Airflow's attributes have narrower types than its arguments.
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
        """The condition to wait for.

        :param arguments: rendered and checked. These, and whatever is read from the context, must be the same
            for every poke of a task instance
        """
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        """Wait until the condition is met, and return its result."""
        self.began()
        arguments = self._arguments_of_poke(context) if self.reschedule else self.arguments()
        self._watch = self._new_watch(arguments, context)
        # A rescheduled task runs this at every poke.
        with linked(context, self.hook, resources_in(arguments), look_up=not self.reschedule):
            return self._wait(arguments, context)

    def _wait(self, arguments: dict[str, Any], context: Context) -> Any:
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
            # Around Airflow's own part, where `soft_fail` would make a skip of it.
            with self.wrong_configuration_is_final():
                return super().execute(context)
        except AirflowSensorTimeout as error:
            raise AirflowSensorTimeout(self._watch.timed_out(self.timeout)) from error
        except AirflowTaskTimeout as error:
            self._skip_instead(error)  # Airflow's own sensor does, but only if it happens to be polling
            raise

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once."""
        from airflow_provider_segment.errors import SegmentError
        from airflow_provider_segment.waiting.watch import look

        watch = self._watch = self._watch or self._new_watch(self.arguments(), context)
        try:
            client = self.hook.get_conn()
            verdict = look(watch.condition, client)
            watch.saw(verdict, client.clock.monotonic())
        except SegmentError as error:
            watch.failed(error)
            return PokeReturnValue(is_done=False)
        finally:
            if self.reschedule:
                Memory(context).note(**{FAILURES: [self._try(context), watch.failures]})
        return PokeReturnValue(verdict.state == "done", self._result(verdict, context))

    def resume(self, context: Context, event: Any = None) -> Any:
        """Resume after the trigger's event."""
        from airflow_provider_segment.errors import SegmentError, SegmentWaitTimeoutError
        from airflow_provider_segment.triggers.segment import read_event

        try:
            return self._result(read_event(event), context)
        except AirflowTaskTimeout as error:
            self._skip_instead(error)
            raise
        except SegmentWaitTimeoutError as error:
            raise AirflowSensorTimeout(str(error)) from error
        except SegmentError as error:
            if self.never_fail:  # Airflow skips for its own errors only
                raise AirflowSkipException(str(error)) from error
            with self.wrong_configuration_is_final():
                raise

    def _skip_instead(self, error: BaseException) -> None:
        if self.soft_fail or self.never_fail:
            raise AirflowSkipException(str(error)) from error

    def lineage(self, result: Any) -> tuple[list[str], list[str]]:
        """The input and output assets of the data that has arrived, as URIs."""
        return [], []

    def _result(self, verdict: Verdict, context: Context) -> Any:
        if verdict.state == "failed":
            if verdict.result is not None:
                cast("Any", context)["ti"].xcom_push(key="failed", value=verdict.result)
            raise AirflowFailException(verdict.message)
        if verdict.state == "done":
            self.log.info("%s", verdict.message)
            change = verdict.result if isinstance(verdict.result, dict) else {"result": verdict.result}
            arguments = self.arguments()
            resource = next(resources_in(arguments), None)
            emit(self.outlets, context, change, resource, arguments["partition_key"])
            note_lineage(self.hook, *self.lineage(verdict.result))
        return verdict.result

    def _arguments_of_poke(self, context: Context) -> dict[str, Any]:
        """The arguments, with the ids that an earlier poke of this try looked up."""
        memory = Memory(context)
        try_number, ids = memory.get(IDS, [None, {}])
        if ids and try_number == self._try(context):
            self.references.known.update(ids)
        arguments = self.arguments()
        if (known := vars(self).get("references")) and known.known != ids:
            memory.note(**{IDS: [self._try(context), known.known]})
        return arguments

    def _new_watch(self, arguments: dict[str, Any], context: Context) -> Watch:
        from airflow_provider_segment.waiting.watch import Watch

        try_number, failures = Memory(context).get(FAILURES, [None, 0])
        known = failures if self.reschedule and try_number == self._try(context) else 0
        watch = Watch(self.condition(arguments, context), arguments["max_poll_failures"], known)
        watch.ends_at = Clock().monotonic() + self.timeout
        return watch

    @staticmethod
    def _try(context: Context) -> int | None:
        ti: Any = context.get("ti")
        return ti.try_number if ti else None


def utc(moment: datetime | None) -> datetime | None:
    """A time with a zone: UTC if it had none."""
    return moment.replace(tzinfo=timezone.utc) if moment and moment.tzinfo is None else moment


def interval_of(context: Context) -> tuple[datetime | None, datetime]:
    """Start and end of the run's data interval.

    A run may have none (triggered by an asset, or manually without a date), or an empty one (Airflow 3's
    default for cron schedules). The start is then None, and the end is the time the run was due.
    """
    run: Any = context.get("dag_run")
    start, end = run.data_interval_start, run.data_interval_end
    if start is None or end is None:
        return None, run.run_after
    return (start if start < end else None), end
