"""Segment jobs: start one exactly once, wait for its end, cancel it.

Segment has no idempotency key, and the answer to a start request can be lost: to a broken connection, to a
crash of the worker. So a note is made before the request, and the job's id is noted right after. A try that
finds the first note without the second searches Segment's jobs before it starts another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from airflow.providers.common.compat.sdk import AirflowTaskTimeout, conf

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.api.retries import KILL_RETRIES, MAX_POLL_FAILURES
from airflow_provider_segment.tasks.base import SegmentBaseOperator
from airflow_provider_segment.tasks.declarative import Arg
from airflow_provider_segment.tasks.memory import DEADLINE, Memory

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.api.settings import Settings
    from airflow_provider_segment.triggers.segment import CancelRequest
    from airflow_provider_segment.waiting.condition import Condition, Verdict

Job = dict[str, Any]
"""What is known of a started job, as plain JSON: ids, and facts of its start."""

BEFORE_START, JOB = "before_start", "job"
"""Names of notes: what was there before the start, until it is answered; then the job."""

SEARCH_DELAYS = (0.0, 5.0, 10.0)
"""Seconds to wait before each search for a job whose start was not answered."""

T = TypeVar("T")


class SegmentJobOperator(SegmentBaseOperator):
    """Starts a Segment job and waits for its end.

    A retry resumes the job of the previous try, unless that job failed; before Airflow 3.3, which keeps no
    task state, it starts another. A cleared task starts a new job. Ending the task (mark as failed, clear,
    kill) cancels the job, where Segment can cancel it: always while it runs in a worker, and while it is
    deferred on Airflow 3.3 and later. So does ``execution_timeout``, deferred or not, on every version: a
    retry then starts another job. ``timeout`` does not: a retry goes on with the job.

    :param wait_for_completion: False to return what is known of the job as soon as it is started
    :param deferrable: wait in the triggerer; by default as ``[operators] default_deferrable`` says
    :param poll_interval: seconds between polls
    :param timeout: seconds to wait in all; after that the task fails, but the job goes on. A retry polls once
        more
    :param max_poll_failures: consecutive failed polls tolerated
    :raises SegmentJobError: the job failed
    :raises SegmentWaitTimeoutError: it did not end in time
    :raises SegmentError: it could not be started or polled
    """

    wait_for_completion: Arg[bool] = True
    deferrable: Arg[bool] = conf.getboolean("operators", "default_deferrable", fallback=False)
    poll_interval: Arg[float] = 30.0
    timeout: Arg[float] = 7 * 24 * 60 * 60.0
    max_poll_failures: Arg[int] = MAX_POLL_FAILURES

    waits = True

    can_be_found: ClassVar[bool] = False
    """Whether Segment lists such jobs. If not, a start that was not answered is an error."""

    _running: Any = None  # the job and the client's settings, for on_kill

    # What each kind of job defines.

    def before(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """What to note before the start, to tell the new job from older ones."""
        return {}

    def start(self, arguments: dict[str, Any]) -> Job:
        """Start a job."""
        raise NotImplementedError

    def find(self, arguments: dict[str, Any], before: dict[str, Any]) -> Job | None:
        """The job that was started after ``before`` was taken, by a request whose answer was lost."""
        raise NotImplementedError

    def condition(self, job: Job) -> Condition:
        """When the job has ended."""
        raise NotImplementedError

    def cancellation(self, job: Job) -> CancelRequest | None:
        """The request that cancels the job; None where none can."""
        return None

    # What all of them share.

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Start the job, or resume one that an earlier try started, and wait for it."""
        memory = Memory(context)
        try:
            job, verdict = self._resumed(arguments, memory)
            if job and verdict and verdict.state == "done":
                self._push_job(job, context)
                return self._result(verdict, context)
            return self.wait(job or self._start_once(arguments, memory), arguments, context)
        except AirflowTaskTimeout:
            self._give_up(memory)
            raise

    def wait(self, job: Job, arguments: dict[str, Any], context: Context) -> Any:
        """Wait for a started job."""
        self._push_job(job, context)  # before the wait, so that links and others can use it meanwhile
        if not arguments["wait_for_completion"]:
            return job
        client = self.hook.get_conn()
        self._running = job, client.settings
        condition = self.condition(job)
        seconds = Memory(context).seconds_left(arguments["timeout"])
        if arguments["deferrable"]:
            self.defer_until(
                condition,
                poll_interval=arguments["poll_interval"],
                max_poll_failures=arguments["max_poll_failures"],
                timeout=seconds,
                on_kill_request=self.cancellation(job),
            )
        from airflow_provider_segment.waiting.watch import Watch, wait

        watch = Watch(condition, arguments["max_poll_failures"])
        verdict = wait(watch, client, interval=arguments["poll_interval"], timeout=seconds)
        return self._result(verdict, context)

    @staticmethod
    def _push_job(job: Job, context: Context) -> None:
        cast("Any", context)["ti"].xcom_push(key="job", value=job)

    def resume(self, context: Context, event: Any = None) -> Any:
        """Go on after the trigger."""
        from airflow_provider_segment.triggers.segment import read_event

        try:
            verdict = read_event(event)
        except AirflowTaskTimeout:
            self._give_up(Memory(context), cancelled=event["result"])
            raise
        return self.finish(self.arguments(), self._result(verdict, context), context)

    def on_kill(self) -> None:
        """Cancel the job."""
        if self._running:
            self._cancel(*self._running)

    def _cancel(self, job: Job, settings: Settings) -> bool:
        """Whether the job was cancelled: not all can be."""
        request = self.cancellation(job)
        if request is None:
            return False
        from airflow_provider_segment.api.client import SegmentClient

        # This may come in the middle of a request of the task's own, or of Airflow's: with neither client nor
        # connection of that, and no error that would get lost in there.
        try:
            with SegmentClient(settings.model_copy(update={"retries": KILL_RETRIES})) as client:
                answer = client.request(**request, repeatable=True)
        except Exception as error:
            self.log.error("Could not cancel the job, which is still running: %s", error)
            return False
        self.log.info("Asked Segment to cancel: %s", client.scrub(answer.data))
        return True

    def _give_up(self, memory: Memory, *, cancelled: bool = False) -> None:
        """Cancel the job after ``execution_timeout``, and forget it: a retry starts another."""
        self._running = None  # Airflow calls on_kill next
        job: Job | None = memory.get(JOB)
        if job and (cancelled or self._cancel(job, self.hook.get_conn().settings)):
            memory.note(**{JOB: None, BEFORE_START: None, DEADLINE: None})

    def _result(self, verdict: Verdict, context: Context) -> Any:
        from airflow_provider_segment.errors import SegmentJobError

        if verdict.state == "failed":
            if verdict.result is not None:
                cast("Any", context)["ti"].xcom_push(key="failed", value=verdict.result)
            raise SegmentJobError(verdict.message)
        self.log.info("%s", verdict.message)
        return verdict.result

    def _resumed(self, arguments: dict[str, Any], memory: Memory) -> tuple[Job | None, Verdict | None]:
        """The job of an earlier try, unless it has failed, and how it stands."""
        from airflow_provider_segment.errors import SegmentNotFoundError
        from airflow_provider_segment.waiting.watch import look

        job: Job | None = memory.get(JOB)
        before = memory.get(BEFORE_START)
        if job is None and before is not None and self.can_be_found:
            job = self.find(arguments, before)
            memory.note(**{JOB: job})
        if job is None:
            return None, None
        try:
            verdict = look(self.condition(job), self.hook.get_conn())
        except SegmentNotFoundError:
            self.log.warning("The job of an earlier try does not exist any more: %s", job)
            return None, None
        if verdict.state == "failed":
            self.log.info("The job of an earlier try has failed: %s", verdict.message)
            return None, None
        self.log.info("Resuming the job of an earlier try: %s", job)
        return job, verdict

    def _start_once(self, arguments: dict[str, Any], memory: Memory) -> Job:
        before = self.before(arguments)
        with memory.before_request(**{JOB: None, DEADLINE: None, BEFORE_START: before}):
            job = self.start_or_find(
                lambda: self.start(arguments),
                (lambda: self.find(arguments, before)) if self.can_be_found else None,
            )
        memory.note(**{JOB: job, BEFORE_START: None})
        self.log.info("Started: %s", job)
        return job

    def start_or_find(self, start: Callable[[], T], find: Callable[[], T | None] | None) -> T:
        """Start something. If the answer is lost, find it, or else start it again, once.

        :param find: None where there is no way to find it; then it is not started again
        """
        from airflow_provider_segment.errors import SegmentError

        try:
            return start()
        except SegmentError as error:
            if not error.may_have_run:
                raise
            if find is None:
                self.log.error("It may have been started, and Segment offers no way to find out")
                raise
            self.log.warning("It may have been started: looking for it. %s", error)
            unanswered = error
        for seconds in SEARCH_DELAYS:
            Clock().sleep(seconds)
            try:
                found = find()
            except SegmentError as error:
                raise unanswered from error  # still unknown, whatever the search failed with
            if found:
                return found
        self.log.warning("It was not started: starting it again")
        return start()
