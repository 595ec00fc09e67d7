"""One poll for many: whoever waits in an event loop for the same answer gets it from one request.

However many triggers wait for syncs to a warehouse, its reports are asked for once an interval; the client's
budget (:mod:`airflow_provider_segment.budget`) sees to the limit of requests a minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from airflow_provider_segment.errors import SegmentAuthenticationError, SegmentNotFoundError

if TYPE_CHECKING:
    from airflow_provider_segment.client import AsyncSegmentClient
    from airflow_provider_segment.clock import Clock
    from airflow_provider_segment.waiting.condition import Ask, Condition, Verdict

Connect = Callable[[], Awaitable["AsyncSegmentClient"]]


class Topic:
    """One question, and how its latest request ended."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.version = 0
        """How many requests have ended."""
        self.answer: Any = None
        self.error: Exception | None = None
        self.asked_at = float("-inf")
        """When the latest request ended, by the event loop's clock."""
        self.request: asyncio.Task[None] | None = None
        self.news = asyncio.Event()
        """Set at the end of a request, and replaced by another."""


class Polls:
    """The questions asked through one connection by all who wait in one event loop.

    :param connect: makes a client
    """

    def __init__(self, connect: Connect) -> None:
        self.users = 0
        self._connect = connect
        self._client: AsyncSegmentClient | None = None
        self._connecting = asyncio.Lock()
        self._topics: WeakValueDictionary[str, Topic] = WeakValueDictionary()  # held by those who wait

    def topic(self, ask: Ask) -> Topic:
        """The topic of a question."""
        topic = self._topics.get(ask.key)
        if topic is None:
            topic = self._topics[ask.key] = Topic(ask)
        return topic

    async def newer(self, topic: Topic, version: int, interval: float) -> None:
        """Wait until a topic is newer than a version.

        :param interval: seconds from request to request; where others wait for the same, the shortest counts
        """
        loop = asyncio.get_running_loop()
        while topic.version <= version:
            seconds = topic.asked_at + interval - loop.time()
            if topic.request is None and seconds > 0:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(topic.news.wait(), seconds)
                continue
            if topic.request is None:
                topic.request = asyncio.create_task(self._request(topic))
            await topic.news.wait()

    async def _request(self, topic: Topic) -> None:
        try:
            topic.answer, topic.error = await self._answer_to(topic.ask), None
        except Exception as error:  # each that waits gets it, and decides
            topic.answer, topic.error = None, error
        finally:
            topic.version += 1
            topic.asked_at = asyncio.get_running_loop().time()
            topic.request = None
            news, topic.news = topic.news, asyncio.Event()
            news.set()

    async def _answer_to(self, ask: Ask) -> Any:
        async with self._connecting:
            client = self._client = self._client or await self._connect()
        try:
            return (await client.request("GET", ask.path, query=ask.query, media_type=ask.media_type)).data
        except SegmentNotFoundError:
            if ask.missing_ok:
                return None
            raise
        except SegmentAuthenticationError:
            # The token may have been replaced: the next request reads the connection anew.
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Close the client; the next question makes another."""
        client, self._client = self._client, None
        if client:
            await client.aclose()


_polls: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Polls]] = WeakKeyDictionary()


@asynccontextmanager
async def shared_polls(name: str, connect: Connect) -> AsyncIterator[Polls]:
    """The polls that all who use a connection in this event loop share; closed when the last one leaves.

    :param name: the connection's
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


class Subscriber:
    """Somebody who looks at a condition again and again, each time when there is something new to see.

    :param interval: seconds from look to look
    """

    def __init__(self, polls: Polls, condition: Condition, interval: float) -> None:
        self._polls = polls
        self._condition = condition
        self._interval = interval
        self._known: dict[Topic, int] = {}  # the topics of the latest look, and which version was seen
        self._looked_at = float("-inf")

    async def look(self, clock: Clock) -> Verdict:
        """Look once.

        :raises SegmentError: a question was not answered
        """
        await self._pace(clock)
        known: dict[Topic, int] = {}
        check, answer = self._condition.check(clock.now()), None
        while True:
            try:
                ask = check.send(answer)
            except StopIteration as end:
                self._known = known
                verdict: Verdict = end.value
                return verdict
            topic = self._polls.topic(ask)
            await self._polls.newer(topic, self._known.get(topic, 0), self._interval)
            known[topic] = self._known[topic] = topic.version
            if topic.error:
                raise topic.error.with_traceback(None)
            answer = topic.answer

    async def _pace(self, clock: Clock) -> None:
        """Sleep before a question that nobody has asked yet, as one whose window moves on with time."""
        first = next(self._condition.check(clock.now()), None)
        loop = asyncio.get_running_loop()
        if first is None or self._polls.topic(first) not in self._known:
            await asyncio.sleep(self._looked_at + self._interval - loop.time())
        self._looked_at = loop.time()
