"""The trigger behind every deferred sensor and job: polls Segment until a condition is decided."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from airflow.providers.common.compat.sdk import AirflowNotFoundException, AirflowTaskTimeout
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.api.retries import KILL_RETRIES
from airflow_provider_segment.hooks.options import HookOptions

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_provider_segment.api.client import AsyncSegmentClient
    from airflow_provider_segment.api.regions import Region
    from airflow_provider_segment.waiting.condition import Condition, Verdict
    from airflow_provider_segment.waiting.watch import Watch

LAST_LOOK = 30.0
"""Seconds for one last poll where the deadline passed before the triggerer started the trigger."""
MIN_DEFERRAL = timedelta(seconds=10)
"""The shortest deferral. If a task is queued again before the scheduler has processed the worker's exit, the
scheduler takes the task for crashed and fails it. Airflow 3 has no guard against that; Airflow 2 waits these
ten seconds."""
OVERTIME = timedelta(minutes=5)
"""How long after the deadline Airflow waits for the trigger's own timeout event."""


class CancelRequest(TypedDict):
    """The request that cancels a job, as plain JSON. It is safe to repeat."""

    method: str
    path: str
    json: Any
    media_type: str | None


class Payload(TypedDict):
    """The payload of the trigger's event, as plain JSON.

    ``done`` and ``failed``: the condition is decided; ``error``: it could not be polled; ``timeout``: it was
    not decided before the deadline; ``execution_timeout``: the task's ``execution_timeout`` came first, and
    the result says whether the job was cancelled.
    """

    status: Literal["done", "failed", "error", "timeout", "execution_timeout"]
    message: str
    result: Any


def read_event(event: Any) -> Verdict:
    """The verdict in the payload of a trigger's event.

    :raises AirflowTaskTimeout: the task's ``execution_timeout`` has passed
    :raises SegmentWaitTimeoutError: the condition was not decided before the deadline
    :raises SegmentPollError: the condition could not be polled, or the payload is not one of ours
    """
    from airflow_provider_segment.errors import SegmentPollError, SegmentWaitTimeoutError
    from airflow_provider_segment.waiting.condition import Verdict

    status = event.get("status") if isinstance(event, dict) else None
    if status in ("done", "failed"):
        return Verdict(status, event["message"], event["result"])
    if status == "execution_timeout":
        raise AirflowTaskTimeout(event["message"])
    if status == "timeout":
        raise SegmentWaitTimeoutError(event["message"])
    if status == "error":
        raise SegmentPollError(event["message"])
    raise SegmentPollError(f"The trigger ended without saying how the wait ended: {event!r}")


class SegmentTrigger(BaseTrigger):
    """Polls Segment until a condition is decided or the deadline has passed, and emits one event.

    All triggers in a triggerer that ask the same question share the request. Airflow stores the class path
    and the arguments with each deferred task.

    :param condition: class path of the condition
    :param facts: its fields, as plain JSON
    :param segment_conn_id: the Airflow connection
    :param poll_interval: seconds between polls
    :param max_poll_failures: consecutive failed polls tolerated
    :param timeout: seconds to wait in all
    :param deadline: the end of the wait, ISO 8601. A restarted triggerer does not start the wait over
    :param on_kill_request: cancels the job: sent when the task is ended by hand, or by ``execution_timeout``
    :param execution_deadline: when the task's ``execution_timeout`` ends, ISO 8601; None if it has none.
        Airflow does not look at that while a task is deferred
    :param region: instead of the connection's
    :param log_requests: instead of the connection's
    :param request_timeout: seconds for each step of a request, instead of the connection's ``timeout``
    """

    def __init__(
        self,
        condition: str,
        facts: dict[str, Any],
        segment_conn_id: str,
        poll_interval: float,
        max_poll_failures: int,
        timeout: float,
        deadline: str,
        on_kill_request: CancelRequest | None = None,
        execution_deadline: str | None = None,
        region: Region | None = None,
        log_requests: bool | None = None,
        request_timeout: float | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.condition = condition
        self.facts = facts
        self.segment_conn_id = segment_conn_id
        self.poll_interval = poll_interval
        self.max_poll_failures = max_poll_failures
        self.timeout = timeout
        self.deadline = deadline
        self.on_kill_request = on_kill_request
        self.execution_deadline = execution_deadline
        self.region = region
        self.log_requests = log_requests
        self.request_timeout = request_timeout
        self._options = HookOptions(segment_conn_id, region, log_requests, request_timeout)
        self._clock = Clock()

    @classmethod
    def until(cls, condition: Condition, *, timeout: float, **arguments: Any) -> Self:
        """The trigger that waits from now on until a condition is decided.

        :param timeout: seconds to wait in all
        :param arguments: the other arguments of the trigger
        """
        path, facts = condition.freeze()
        deadline = (Clock().now() + timedelta(seconds=timeout)).isoformat()
        return cls(condition=path, facts=facts, timeout=timeout, deadline=deadline, **arguments)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        names = (
            "condition",
            "facts",
            "segment_conn_id",
            "poll_interval",
            "max_poll_failures",
            "timeout",
            "deadline",
            "on_kill_request",
            "execution_deadline",
            "region",
            "log_requests",
            "request_timeout",
        )
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            name: getattr(self, name) for name in names
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and emit one event that says how the wait ended."""
        payload = await self._wait()
        early = self._deferred_at + MIN_DEFERRAL - self._clock.now()
        await self._clock.asleep(min(early, MIN_DEFERRAL).total_seconds())  # the clock may have been set back
        yield TriggerEvent(payload)  # type: ignore[no-untyped-call]

    @property
    def _deferred_at(self) -> datetime:
        return datetime.fromisoformat(self.deadline) - timedelta(seconds=self.timeout)

    async def _wait(self) -> Payload:
        from airflow_provider_segment.errors import SegmentError
        from airflow_provider_segment.waiting.condition import thaw
        from airflow_provider_segment.waiting.watch import Watch

        try:
            watch = Watch(thaw(self.condition, self.facts), self.max_poll_failures)
            seconds, left = self._seconds_left(self.deadline), self._seconds_left(self.execution_deadline)
            watch.ends_at = self._clock.monotonic() + min(seconds, left)
            try:
                return await asyncio.wait_for(self._decided(watch), min(seconds, left))
            except asyncio.TimeoutError:
                if left <= seconds:
                    return await self._ended_by_airflow(watch)
                return {"status": "timeout", "message": watch.timed_out(self.timeout), "result": None}
        except Exception as error:
            # Without an event Airflow fails the task, too, but skips a sensor with soft_fail.
            if not isinstance(error, SegmentError):
                self.log.exception("Unexpected error while waiting for %s", self.condition)
            return {"status": "error", "message": str(error) or repr(error), "result": None}

    def _seconds_left(self, deadline: str | None) -> float:
        """Read from the wall clock once: setting that clock during the wait changes nothing."""
        if deadline is None:
            return math.inf
        end = datetime.fromisoformat(deadline)
        left = (end - self._clock.now()).total_seconds()
        # The clock may have been set back since the task was deferred.
        return min(left, (end - self._deferred_at).total_seconds()) if left > 0 else LAST_LOOK

    async def _ended_by_airflow(self, watch: Watch) -> Payload:
        """End the wait as ``execution_timeout`` ends it in a worker: the job is cancelled."""
        cancelled = False
        try:
            cancelled = await self._cancel()
        except Exception as error:
            self.log.error("Could not cancel the job: %s", error)
        message = f"execution_timeout has passed while waiting for {watch.condition.describe()}"
        return {
            "status": "execution_timeout",
            "message": f"{message}. Last seen: {watch.last}",
            "result": cancelled,
        }

    async def _decided(self, watch: Watch) -> Payload:
        from airflow_provider_segment.errors import SegmentError
        from airflow_provider_segment.waiting.polls import Subscriber, shared_polls

        condition = watch.condition
        async with shared_polls(self._options, partial(connect, self._options)) as polls:
            subscriber = Subscriber(polls, condition.check, self.poll_interval, moving=condition.moving)
            while True:
                try:
                    verdict = await subscriber.look(self._clock)
                except SegmentError as error:
                    await asyncio.to_thread(watch.failed, error)
                    continue
                now = self._clock.monotonic()
                if watch.has_news(verdict, now):
                    # Writing the log may block while hundreds of triggers log the same at once.
                    await asyncio.to_thread(watch.tell, verdict, now)
                if verdict.state != "waiting":
                    return {"status": verdict.state, "message": verdict.message, "result": verdict.result}

    async def on_kill(self) -> None:
        """Cancel the job. Airflow calls this when the task is ended by hand."""
        await self._cancel()

    async def _cancel(self) -> bool:
        """Whether the job was cancelled: not all can be."""
        request = self.on_kill_request
        if request is None:
            return False
        async with await connect(self._options, retries=KILL_RETRIES) as client:
            answer = await client.request(**request, repeatable=True)
        self.log.info("Asked Segment to cancel: %s", client.scrub(answer.data))
        return True


async def connect(options: HookOptions, **further: Any) -> AsyncSegmentClient:
    """A client for an Airflow connection.

    :param further: other arguments of the hook
    :raises AirflowNotFoundException: there is no such connection
    :raises SegmentConnectionReadError: Airflow cannot read the connection at the moment
    """
    from airflow_provider_segment.errors import SegmentConnectionReadError, SegmentError
    from airflow_provider_segment.hooks.segment import SegmentHook

    try:
        return await SegmentHook(**options._asdict(), **further).get_async_conn()
    except (SegmentError, AirflowNotFoundException):
        raise
    except Exception as error:
        raise SegmentConnectionReadError(f"connection {options.segment_conn_id!r}: {error}") from error
