"""The trigger behind every deferred sensor and job: waits until a condition is decided."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.api.retries import KILL_RETRIES

if TYPE_CHECKING:
    from airflow_provider_segment.api.client import AsyncSegmentClient
    from airflow_provider_segment.waiting.condition import Condition, Verdict
    from airflow_provider_segment.waiting.watch import Watch

LAST_LOOK = 30.0
"""Seconds for a look where the time was over before the triggerer came to it."""
FIRST_WORD = timedelta(seconds=10)
"""How long after its deferral a task is resumed at the soonest. A scheduler that finds a task queued again,
before it has heard that the worker is done with the deferral, takes it for crashed and fails it. Airflow 3
does nothing against that; Airflow 2 waits these ten seconds."""
OVERTIME = timedelta(minutes=5)
"""After the time is over, how long Airflow waits for the trigger to say so."""


class Request(TypedDict):
    """A request as plain JSON: how to cancel a job. It may be sent again."""

    method: str
    path: str
    json: Any
    media_type: str | None


class Event(TypedDict):
    """What the trigger tells the task.

    ``failed``: it will not come true any more; ``error``: it could not be looked at; ``timeout``: no more
    time.
    """

    status: Literal["done", "failed", "error", "timeout"]
    message: str
    result: Any


def read_event(event: Any) -> Verdict:
    """The verdict in a trigger's event.

    :raises SegmentWaitTimeoutError: there was no more time
    :raises SegmentPollError: it could not be looked at, or there is no event that says so
    """
    from airflow_provider_segment.errors import SegmentPollError, SegmentWaitTimeoutError
    from airflow_provider_segment.waiting.condition import Verdict

    status = event.get("status") if isinstance(event, dict) else None
    if status in ("done", "failed"):
        return Verdict(status, event["message"], event["result"])
    if status == "timeout":
        raise SegmentWaitTimeoutError(event["message"])
    if status == "error":
        raise SegmentPollError(event["message"])
    raise SegmentPollError(f"The trigger ended without saying how Segment's state is: {event!r}")


def deferral(condition: Condition, *, timeout: float, **arguments: Any) -> dict[str, Any]:
    """What a task hands to Airflow's ``defer``: the trigger, and the time it gets.

    :param timeout: seconds to wait
    :param arguments: of :class:`SegmentTrigger`
    """
    classpath, facts = condition.freeze()
    deadline = (Clock().now() + timedelta(seconds=timeout)).isoformat()
    trigger = SegmentTrigger(
        condition=classpath, facts=facts, timeout=timeout, deadline=deadline, **arguments
    )
    # The trigger keeps the time itself, and says what it saw last. This is for a triggerer that is gone.
    return {"trigger": trigger, "timeout": timedelta(seconds=timeout) + OVERTIME}


class SegmentTrigger(BaseTrigger):
    """Waits until a condition is decided, or there is no more time.

    All triggers of a triggerer that wait for the same ask Segment once for all of them.

    :param condition: class path of the condition
    :param facts: its fields: all that was known when the wait began
    :param segment_conn_id: the Airflow connection
    :param poll_interval: seconds from look to look
    :param max_poll_failures: failed looks in a row that are lived with
    :param timeout: seconds to wait
    :param deadline: when they are over, ISO 8601: a restart of the triggerer does not begin them anew
    :param on_kill_request: to be sent when somebody ends the task: cancels the job that is waited for
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
        on_kill_request: Request | None = None,
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
        self._clock = Clock()

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
        )
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            name: getattr(self, name) for name in names
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and tell how it ended."""
        event = await self._wait()
        early = self._deferred_at + FIRST_WORD - self._clock.now()
        await self._clock.asleep(min(early, FIRST_WORD).total_seconds())  # the clock may have been set back
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    @property
    def _deferred_at(self) -> datetime:
        return datetime.fromisoformat(self.deadline) - timedelta(seconds=self.timeout)

    async def _wait(self) -> Event:
        from airflow_provider_segment.errors import SegmentError
        from airflow_provider_segment.waiting.condition import thaw
        from airflow_provider_segment.waiting.watch import Watch

        watch = Watch(thaw(self.condition, self.facts), self.max_poll_failures)
        try:
            return await asyncio.wait_for(self._decided(watch), self._seconds_left())
        except asyncio.TimeoutError:
            return {"status": "timeout", "message": watch.timed_out(self.timeout), "result": None}
        except Exception as error:
            # Without an event Airflow fails the task, too, but a sensor with soft_fail it skips.
            if not isinstance(error, SegmentError):
                self.log.exception("Unexpected")
            return {"status": "error", "message": str(error) or repr(error), "result": None}

    def _seconds_left(self) -> float:
        """Counted once, by the machine's clock; from then on a change of that clock is no matter."""
        left = (datetime.fromisoformat(self.deadline) - self._clock.now()).total_seconds()
        return min(left, self.timeout) if left > 0 else LAST_LOOK

    async def _decided(self, watch: Watch) -> Event:
        from airflow_provider_segment.errors import SegmentError
        from airflow_provider_segment.waiting.polls import Subscriber, shared_polls

        condition = watch.condition
        async with shared_polls(self.segment_conn_id, partial(connect, self.segment_conn_id)) as polls:
            subscriber = Subscriber(polls, condition.check, self.poll_interval, moving=condition.moving)
            while True:
                try:
                    verdict = await subscriber.look(self._clock)
                except SegmentError as error:
                    await asyncio.to_thread(watch.failed, error)
                    continue
                if verdict.message != watch.last:
                    # Writing to a log may block, where hundreds see the same at the same moment.
                    await asyncio.to_thread(watch.saw, verdict)
                watch.failures = 0
                if verdict.state != "waiting":
                    return {"status": verdict.state, "message": verdict.message, "result": verdict.result}

    async def on_kill(self) -> None:
        """Cancel the job that is waited for; Airflow calls this where somebody ends the task."""
        request = self.on_kill_request
        if request is None:
            return
        async with await connect(self.segment_conn_id, retries=KILL_RETRIES) as client:
            answer = await client.request(**request, repeatable=True)
        self.log.info("Asked Segment to cancel: %s", answer.data)


async def connect(segment_conn_id: str, **overrides: Any) -> AsyncSegmentClient:
    """A client for a connection.

    :raises AirflowNotFoundException: there is no such connection
    :raises SegmentConnectionReadError: Airflow could not read it, for now
    """
    from airflow_provider_segment.errors import SegmentConnectionReadError, SegmentError
    from airflow_provider_segment.hooks.segment import SegmentHook

    try:
        return await SegmentHook(segment_conn_id, **overrides).get_async_conn()
    except (SegmentError, AirflowNotFoundException):
        raise
    except Exception as error:
        raise SegmentConnectionReadError(f"connection {segment_conn_id!r}: {error}") from error
