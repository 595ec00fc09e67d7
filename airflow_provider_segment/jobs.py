"""Jobs of Segment's: started, waited for, cancelled; started once, whatever happens on the way.

Segment has no idempotency key, and what starts a job may lose its answer: to a broken connection, to a crash
of the worker. So a job's start is noted before it is asked for, and its id right after; whoever finds the
first note without the second looks among Segment's jobs before starting another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import conf

from airflow_provider_segment.base import SegmentBaseOperator
from airflow_provider_segment.clock import Clock
from airflow_provider_segment.declarative import Arg, option
from airflow_provider_segment.memory import DEADLINE, seconds_left

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.triggers.segment import Request
    from airflow_provider_segment.waiting.condition import Condition, Verdict

Job = dict[str, Any]
"""What is known of a started job, as plain JSON: ids, and facts of its start."""

STARTING = "segment_job_starting"
STARTED = "segment_job"
"""Keys in the task state store (Airflow 3.3 and later)."""


class SegmentJobOperator(SegmentBaseOperator):
    """Starts a job of Segment's, and waits for its end.

    A retry goes on with the job of the try before it, unless that has failed; on Airflow before 3.3, which
    has no memory for this, it starts another. Ending the task (mark as failed, clear, kill) cancels the job,
    where Segment can cancel it: in the worker always, of a deferred task on Airflow 3.3 and later.

    :param wait_for_completion: False to return what is known of the job as soon as it is started
    :param deferrable: wait in the triggerer; by default as ``[operators] default_deferrable`` says
    :param poll_interval: seconds from look to look
    :param timeout: seconds to wait in all; the job itself goes on
    :param max_poll_failures: failed looks in a row that are lived with
    :raises SegmentJobError: the job ended, and not well
    :raises SegmentWaitTimeoutError: it did not end in time
    :raises SegmentError: it could not be started, or not be looked at
    """

    wait_for_completion: Arg[bool] = option(default=True)
    deferrable: Arg[bool] = option(default=conf.getboolean("operators", "default_deferrable", fallback=False))
    poll_interval: Arg[float] = option(default=30.0)
    timeout: Arg[float] = option(default=7 * 24 * 60 * 60.0)
    max_poll_failures: Arg[int] = option(default=30)

    waits = True

    lost_after: ClassVar[tuple[float, ...]] = (0.0, 5.0, 10.0)
    """Seconds to wait before each look for a job whose start was not answered."""

    _job: Job | None = None

    # What a job says of itself.

    def before(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """What to remember from before the start, to tell the new job from older ones by."""
        return {}

    def start(self, arguments: dict[str, Any]) -> Job:
        """Start a job."""
        raise NotImplementedError

    def find(self, arguments: dict[str, Any], before: dict[str, Any]) -> Job | None:
        """The job that was started after ``before`` was taken, by a request whose answer was lost."""
        return None

    def condition(self, job: Job) -> Condition:
        """When the job has ended."""
        raise NotImplementedError

    def cancellation(self, job: Job) -> Request | None:
        """The request that cancels the job; None where none can."""
        return None

    # What all of them do.

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Start the job, or go on with one that was started before, and wait for it."""
        return self.wait(
            self._resumed(arguments, context) or self._start_once(arguments, context), arguments, context
        )

    def wait(self, job: Job, arguments: dict[str, Any], context: Context) -> Any:
        """Wait for a job that is started."""
        self._job = job
        # Before the wait, for whoever looks meanwhile.
        context["ti"].xcom_push(key="job", value=job)
        if not arguments["wait_for_completion"]:
            return job
        condition = self.condition(job)
        seconds = seconds_left(arguments["timeout"], context)
        if arguments["deferrable"]:
            self._defer(job, condition, arguments, seconds)
        from airflow_provider_segment.waiting.watch import Watch, wait

        watch = Watch(condition, arguments["max_poll_failures"])
        client = self.hook.get_conn()
        return self._result(wait(watch, client, interval=arguments["poll_interval"], timeout=seconds))

    def resume(self, context: Context, event: Any = None) -> Any:
        """Go on after the trigger."""
        from airflow_provider_segment.triggers.segment import read_event

        return self.finish(self.arguments(), self._result(read_event(event)), context)

    def on_kill(self) -> None:
        """Cancel the job."""
        request = self.cancellation(self._job) if self._job else None
        if request is None:
            return
        from airflow_provider_segment.hooks.segment import SegmentHook

        # Another hook: this may come in the middle of a request of the task's own.
        answer = SegmentHook(str(self.segment_conn_id)).request(
            request["method"], request["path"], json=request["json"], media_type=request["media_type"]
        )
        self.log.info("Cancelled: %s", answer.data)

    def _result(self, verdict: Verdict) -> Any:
        from airflow_provider_segment.errors import SegmentJobError

        if verdict.state == "failed":
            raise SegmentJobError(verdict.message)
        self.log.info("%s", verdict.message)
        return verdict.result

    def _resumed(self, arguments: dict[str, Any], context: Context) -> Job | None:
        """The job of an earlier try, unless it has failed."""
        from airflow_provider_segment.errors import SegmentNotFoundError
        from airflow_provider_segment.waiting.watch import look

        store: Any = context.get("task_state_store")
        if not store:
            return None
        job: Job | None = store.get(STARTED)
        if job is None and (before := store.get(STARTING)) is not None:
            job = self.find(arguments, before)
            if job is not None:
                store.set(STARTED, job)
        if job is None:
            return None
        try:
            verdict = look(self.condition(job), self.hook.get_conn())
        except SegmentNotFoundError:
            self.log.warning("The job of an earlier try does not exist any more: %s", job)
            return None
        if verdict.state == "failed":
            self.log.info("The job of an earlier try has failed: %s", verdict.message)
            return None
        self.log.info("Going on with the job of an earlier try: %s", job)
        return job

    def _start_once(self, arguments: dict[str, Any], context: Context) -> Job:
        store: Any = context.get("task_state_store")
        before = self.before(arguments)
        if store:
            store.delete(STARTED)
            store.delete(DEADLINE)
            store.set(STARTING, before)
        job = self._start(arguments, before)
        if store:
            store.set(STARTED, job)
            store.delete(STARTING)
        self.log.info("Started: %s", job)
        return job

    def _start(self, arguments: dict[str, Any], before: dict[str, Any]) -> Job:
        """Start a job; where the answer is lost, find it, or else start it again once."""
        from airflow_provider_segment.errors import SegmentError
        from airflow_provider_segment.waiting.watch import may_have_run

        try:
            return self.start(arguments)
        except SegmentError as error:
            if not may_have_run(error):
                raise
            self.log.warning("It may have been started: looking for it. %s", error)
            lost = error
        for seconds in self.lost_after:
            Clock().sleep(seconds)
            if job := self.find(arguments, before):
                return job
        self.log.warning("It was not started: starting it again. %s", lost)
        return self.start(arguments)

    def _defer(self, job: Job, condition: Condition, arguments: dict[str, Any], seconds: float) -> None:
        from airflow_provider_segment.triggers.segment import deferral

        self.defer(
            method_name="resume",
            **deferral(
                condition,
                segment_conn_id=str(self.segment_conn_id),
                poll_interval=arguments["poll_interval"],
                max_poll_failures=arguments["max_poll_failures"],
                timeout=seconds,
                on_kill_request=self.cancellation(job),
            ),
        )
