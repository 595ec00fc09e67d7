"""The rate of a send. Each attempt to send a batch awaits its turn here: also retries, and halves of a batch.

A ceiling is kept by a timeline, on which each request occupies the time that the ceiling gives it, behind
what was reserved before. A request goes out at the end of its time, so that even the first one is never
early, and a sender reserves for one request at a time. Time that nobody reserved is not given back. So in any
window at most ``ceiling * window + batch * senders`` events are sent: each sender may be late by one batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from hashlib import blake2b
from math import ceil, inf
from typing import Any, NamedTuple, Protocol

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.events.limits import MAX_BATCH_EVENTS

BATCH_SECONDS = 0.1
"""With a ceiling, the batches of all senders together are worth this time."""
LONGEST_QUEUE = 3_600.0
"""Seconds. A limiter's timeline that ends later than this is wrong: its server's clock was set back."""


class Limiter(Protocol):
    """A timeline for each source, shared by processes and machines: one server has it, and the time.

    All calls are made in one thread, one after the other.
    """

    name: str
    """What messages call it; without a credential."""

    def reserve(self, source: str, seconds: float) -> float:
        """Reserve the next seconds of a source's timeline; how long it is until their end.

        A timeline whose end has passed begins anew, now.

        :param source: the source's key, without a credential in it
        :raises SegmentConfigurationError: it cannot be used, and it is no use to ask again
        """
        ...

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        ...


class Timeline(Protocol):
    """Where the requests of a sender find their time."""

    async def reserve(self, seconds: float) -> float:
        """Reserve the next seconds; how long it is until their end."""
        ...

    def close(self) -> None:
        """There are no more requests."""
        ...


class Ceiling(NamedTuple):
    """What is allowed in a second; None for any number."""

    events: float | None = None
    requests: float | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Ceiling:
        """The ceiling that the options of a send name."""
        return cls(options["max_events_per_second"], options["max_requests_per_second"])

    def __bool__(self) -> bool:
        return self != (None, None)

    def __str__(self) -> str:
        named = ((self.events, "events/s"), (self.requests, "requests/s"))
        return " and ".join(f"{number:,.10g} {what}" for number, what in named if number)

    def seconds(self, events: int) -> float:
        """The time that a request with these events occupies."""
        return max(
            events / self.events if self.events else 0.0,
            1 / self.requests if self.requests else 0.0,
        )

    def share(self, senders: int) -> Ceiling:
        """What each of several senders may send."""
        return Ceiling(self.events and self.events / senders, self.requests and self.requests / senders)

    def most_in_batch(self, senders: int = 1) -> int:
        """The maximum number of events of a batch.

        :param senders: how many share the ceiling
        """
        most = self.events * BATCH_SECONDS / senders if self.events else inf
        if self.events and self.requests:  # in smaller batches, the events would not be reached
            most = max(most, ceil(min(self.events / self.requests, MAX_BATCH_EVENTS)))
        return MAX_BATCH_EVENTS if most >= MAX_BATCH_EVENTS else max(1, int(most))


NO_CEILING = Ceiling()


def source_key(host: str, write_key: str) -> str:
    """The name of a source's timeline, which gives nobody the write key."""
    return blake2b(f"{host} {write_key}".encode(), digest_size=16).hexdigest()


class OwnTimeline:
    """The timeline of one process.

    :param senders: how many senders share the ceiling, each with a timeline of its own
    """

    def __init__(self, clock: Clock, senders: int = 1) -> None:
        self._clock = clock
        self._senders = senders
        self._end = -inf

    async def reserve(self, seconds: float) -> float:
        """Reserve the next seconds, for each sender; how long it is until their end."""
        now = self._clock.monotonic()
        self._end = max(self._end, now) + seconds * self._senders
        return self._end - now

    def close(self) -> None:
        """There is nothing to close."""


class Rate:
    """Keeps what one sender sends below a ceiling.

    :param ceiling: of all senders together
    :param senders: how many share it
    :param timeline: what they share; by default each has its own, and keeps to its part
    """

    def __init__(
        self, ceiling: Ceiling, *, clock: Clock, senders: int = 1, timeline: Timeline | None = None
    ) -> None:
        self.most_in_batch = ceiling.most_in_batch(senders)
        """The maximum number of events of a batch."""
        self._ceiling = ceiling
        self._clock = clock
        self._timeline: Timeline = timeline or OwnTimeline(clock, senders)
        self._one_at_a_time = asyncio.Lock()
        self._waiting: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def turn(self, events: int) -> None:
        """Wait until a request with these events may be sent.

        :raises SegmentConfigurationError: the limiter cannot be used
        :raises SegmentLimiterError: the limiter does not answer, and the sender's part is not known
        """
        if not self._ceiling:
            return
        if self._closed:  # a retry
            raise asyncio.CancelledError
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            async with self._one_at_a_time:
                await self._clock.asleep(await self._timeline.reserve(self._ceiling.seconds(events)))
        finally:
            self._waiting.discard(task)

    def close(self) -> None:
        """Cancel the tasks that wait for their turn, and will: nothing more shall be sent."""
        self._closed = True
        for task in self._waiting:
            task.cancel()
        self._timeline.close()
