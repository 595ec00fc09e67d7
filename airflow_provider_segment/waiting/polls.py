"""Shared polls: everything in an event loop that waits for the same answer shares one request.

However many triggers wait for syncs of a warehouse, its reports are requested once per interval. The client's
rate limiters (:mod:`airflow_provider_segment.api.rate_limits`) keep to the number of requests per minute.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Hashable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from airflow_provider_segment.errors import SegmentAuthenticationError, SegmentNotFoundError
from airflow_provider_segment.waiting.condition import Ask, with_answer_errors

if TYPE_CHECKING:
    from airflow_provider_segment.api.client import AsyncSegmentClient
    from airflow_provider_segment.api.clock import Clock

T = TypeVar("T")
Connect = Callable[[], Awaitable["AsyncSegmentClient"]]

NEVER = float("-inf")
AT_ONCE = 50
"""Waiters woken before other tasks of the event loop get a turn."""


class Topic:
    """A request that is repeated: the outcome of the latest one, and the waiters for the next one."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.version = 0
        """Number of requests completed."""
        self.answer: Any = None
        self.error: Exception | None = None
        self.asked_at = NEVER
        """When the latest request completed, by the event loop's clock."""
        self.request: asyncio.Task[None] | None = None
        self.alarm: asyncio.TimerHandle | None = None
        """The timer of the next request."""
        self.waiting: list[asyncio.Future[None]] = []


class Polls:
    """The shared polls of one connection in one event loop.

    :param connect: creates a client
    """

    def __init__(self, connect: Connect) -> None:
        self.users = 0
        self._connect = connect
        self._client: AsyncSegmentClient | None = None
        self._connecting = asyncio.Lock()
        self._requests: Counter[AsyncSegmentClient] = Counter()
        self._topics: WeakValueDictionary[str, Topic] = WeakValueDictionary()  # kept alive by the subscribers

    def topic(self, ask: Ask) -> Topic:
        """The topic of a request."""
        topic = self._topics.get(ask.key)
        if topic is None:
            topic = self._topics[ask.key] = Topic(ask)
        return topic

    async def newer(self, topic: Topic, version: int, interval: float) -> None:
        """Wait for a newer version of a topic, with an answer no older than the interval.

        :param interval: seconds between requests; the shortest interval of all waiters counts
        """
        loop = asyncio.get_running_loop()
        too_old = loop.time() - interval
        while topic.version <= version or topic.asked_at < too_old:
            self._request_at(max(topic.asked_at + interval, loop.time()), topic)
            turn: asyncio.Future[None] = loop.create_future()
            topic.waiting.append(turn)
            try:
                await turn
            finally:
                if turn in topic.waiting:
                    topic.waiting.remove(turn)
                    self._cancel_if_unused(topic)

    def _request_at(self, moment: float, topic: Topic) -> None:
        """Schedule the next request of a topic, unless one is in flight or scheduled sooner."""
        if topic.request or (topic.alarm and topic.alarm.when() <= moment):
            return
        if topic.alarm:
            topic.alarm.cancel()
        topic.alarm = asyncio.get_running_loop().call_at(moment, self._start, topic)

    def _start(self, topic: Topic) -> None:
        topic.alarm = None
        topic.request = asyncio.get_running_loop().create_task(self._request(topic))

    @staticmethod
    def _cancel_if_unused(topic: Topic) -> None:
        """Cancel requests that nobody waits for: they would use up the rate limit."""
        if topic.waiting:
            return
        if topic.alarm:
            topic.alarm.cancel()
            topic.alarm = None
        if topic.request:
            topic.request.cancel()
            topic.request = None

    async def _request(self, topic: Topic) -> None:
        try:
            topic.answer, topic.error = await self._answer_to(topic.ask), None
        except Exception as error:  # raised in every waiter, which decides what to do
            topic.answer, topic.error = None, error
        topic.version += 1
        topic.asked_at = asyncio.get_running_loop().time()
        topic.request = None
        woken, topic.waiting = topic.waiting, []
        for number, turn in enumerate(woken, 1):
            if not turn.done():
                turn.set_result(None)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _answer_to(self, ask: Ask) -> Any:
        async with self._connecting:
            client = self._client = self._client or await self._connect()
        self._requests[client] += 1
        try:
            answer = await client.request(
                "GET", ask.path, query=ask.query, media_type=ask.media_type, shape=ask.shape
            )
            return answer.data
        except SegmentNotFoundError:
            if ask.missing_ok:
                return None
            raise
        except SegmentAuthenticationError:
            # The token may have been replaced: the next request reads the connection again.
            if self._client is client:
                self._client = None
            raise
        finally:
            self._requests[client] -= 1
            await self._close_if_unused(client)

    async def _close_if_unused(self, client: AsyncSegmentClient) -> None:
        if client is not self._client and not self._requests[client]:
            del self._requests[client]
            await client.aclose()

    async def aclose(self) -> None:
        """Close the client when its last request has completed; the next request creates a new one."""
        client, self._client = self._client, None
        if client:
            await self._close_if_unused(client)


_polls: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Polls]] = WeakKeyDictionary()


@asynccontextmanager
async def shared_polls(name: Hashable, connect: Connect) -> AsyncIterator[Polls]:
    """The shared polls of a connection in this event loop; closed when the last user leaves.

    :param name: of the connection, with what the client has other than it
    """
    of_loop = _polls.setdefault(asyncio.get_running_loop(), {})
    polls = of_loop.get(name) or of_loop.setdefault(name, Polls(connect))
    polls.users += 1
    try:
        yield polls
    finally:
        polls.users -= 1
        if not polls.users:
            del of_loop[name]
            await polls.aclose()


class Subscriber(Generic[T]):
    """Polls repeatedly; each poll waits for answers that this subscriber has not seen yet.

    :param check: the requests of a poll at a given time
    :param interval: seconds between polls
    :param moving: the requests depend on the time of the poll, as those of a sliding window do
    """

    def __init__(
        self,
        polls: Polls,
        check: Callable[[datetime], Generator[Ask, Any, T]],
        interval: float,
        *,
        moving: bool = False,
    ) -> None:
        self._polls = polls
        self._check = check
        self._interval = interval
        self._moving = moving
        self._known: dict[Topic, int] = {}  # topics of the latest poll -> version seen
        self._looked_at = NEVER

    async def look(self, clock: Clock) -> T:
        """Poll once.

        :raises SegmentError: a request failed, or its answer does not have the documented shape
        """
        loop = asyncio.get_running_loop()
        if self._moving:
            await asyncio.sleep(self._looked_at + self._interval - loop.time())
            self._looked_at = loop.time()
        known, self._known = self._known, {}
        check, answer = with_answer_errors(self._check(clock.now())), None
        failure: Exception | None = None
        while True:
            try:
                ask = check.throw(failure) if failure else check.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            # Known answers need no waiting: without this, an endless check would block the event loop.
            await asyncio.sleep(0)
            topic = self._polls.topic(ask)
            await self._polls.newer(topic, known.get(topic, 0), self._interval)
            self._known[topic] = topic.version
            answer, failure = topic.answer, topic.error and topic.error.with_traceback(None)
