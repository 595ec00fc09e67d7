"""One poll for many: who waits in an event loop for the same answer gets it from one request."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any

import pytest

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.errors import (
    SegmentAnswerError,
    SegmentError,
    SegmentNotFoundError,
    SegmentServerError,
)
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.waiting import polls
from airflow_provider_segment.waiting.condition import Ask, Check, Condition, Verdict
from airflow_provider_segment.waiting.polls import Polls, Subscriber, Topic, shared_polls
from airflow_provider_segment.waiting.warehouses import WarehouseSynced
from tests.harness.scripted_api import ScriptedAPI

pytestmark = pytest.mark.core

HOUR = 3600.0


class Renamed(Condition, frozen=True):
    """A source has a name."""

    source_id: str
    name: str

    def check(self, now: datetime) -> Check:
        data = yield Ask(f"/sources/{self.source_id}")
        name = data["source"]["name"]
        return Verdict("done" if name == self.name else "waiting", f"its name is {name}", name)


class Later(Condition, frozen=True):
    """A request that depends on the time of the poll."""

    moving = True

    def check(self, now: datetime) -> Check:
        yield Ask("/echo", {"message": now.isoformat()})
        return Verdict("waiting", "")


def asked(sandbox: Sandbox, path: str) -> list[dict[str, Any]]:
    return [request for request in sandbox.requests if request["path"] == path]


async def until_done(shared: Polls, condition: Condition, interval: float = HOUR) -> Verdict:
    subscriber = Subscriber(shared, condition.check, interval, moving=condition.moving)
    while (verdict := await subscriber.look(Clock())).state == "waiting":
        pass
    return verdict


@pytest.fixture
def path(segment_sandbox: Sandbox) -> str:
    return f"/sources/{segment_sandbox.source_id}"


async def reached(version: int, topic: Topic) -> None:
    """Wait until the latest request of a topic has completed."""
    while topic.version < version or topic.request:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def advance_loop(seconds: float) -> None:
    """Advance the clock of the running event loop."""
    loop = asyncio.get_running_loop()
    before = loop.time
    loop.time = lambda: before() + seconds  # type: ignore[method-assign]


def rename(name: str, sandbox: Sandbox) -> None:
    SegmentHook().request("PATCH", f"/sources/{sandbox.source_id}", json={"name": name})


def test_two_hundred_waiters_share_one_request(segment_sandbox: Sandbox, path: str) -> None:
    async def main() -> list[Verdict]:
        async with shared_polls("segment_default", SegmentHook().get_async_conn) as shared:
            condition = Renamed(source_id=segment_sandbox.source_id, name="new")
            waiting = [asyncio.create_task(until_done(shared, condition)) for _ in range(200)]
            topic = shared.topic(Ask(path))
            for version in (1, 2, 3):
                await reached(version, topic)
                if version == 3:
                    await asyncio.to_thread(rename, "new", segment_sandbox)
                advance_loop(HOUR)
            return await asyncio.gather(*waiting)

    verdicts = asyncio.run(main())
    assert {verdict.result for verdict in verdicts} == {"new"}
    gets = [request for request in asked(segment_sandbox, path) if request["method"] == "GET"]
    assert len(gets) == 4


def test_all_waiters_see_a_change_in_the_same_answer(segment_sandbox: Sandbox, path: str) -> None:
    """Whenever they joined: the interval is not counted per waiter."""

    async def main() -> None:
        async with shared_polls("segment_default", SegmentHook().get_async_conn) as shared:
            condition = Renamed(source_id=segment_sandbox.source_id, name="new")
            topic, waiting = shared.topic(Ask(path)), []
            for _ in range(5):
                waiting.append(asyncio.create_task(until_done(shared, condition)))
                await reached(1, topic)
                advance_loop(HOUR / 10)
            await asyncio.to_thread(rename, "new", segment_sandbox)
            advance_loop(HOUR)
            await asyncio.gather(*waiting)

    asyncio.run(main())
    assert len([request for request in asked(segment_sandbox, path) if request["method"] == "GET"]) == 2


def test_the_shortest_interval_counts(segment_sandbox: Sandbox, path: str) -> None:
    async def main() -> None:
        async with shared_polls("segment_default", SegmentHook().get_async_conn) as shared:
            condition = Renamed(source_id=segment_sandbox.source_id, name="new")
            slow = asyncio.create_task(until_done(shared, condition, interval=1_000 * HOUR))
            quick = asyncio.create_task(until_done(shared, condition))
            topic = shared.topic(Ask(path))
            for version in (1, 2, 3):
                await reached(version, topic)
                if version == 3:
                    await asyncio.to_thread(rename, "new", segment_sandbox)
                advance_loop(HOUR)
            verdicts = await asyncio.gather(slow, quick)
            assert [verdict.result for verdict in verdicts] == ["new", "new"]

    asyncio.run(main())


def test_cancelling_one_waiter_does_not_cancel_the_request_of_others(
    segment_sandbox: Sandbox, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename("new", segment_sandbox)
    really_answer_to, cancelled = Polls._answer_to, asyncio.Event()

    async def answer_to(polls: Polls, ask: Ask) -> Any:
        await cancelled.wait()
        return await really_answer_to(polls, ask)

    monkeypatch.setattr(Polls, "_answer_to", answer_to)

    async def main() -> Verdict:
        async with shared_polls("segment_default", SegmentHook().get_async_conn) as shared:
            condition = Renamed(source_id=segment_sandbox.source_id, name="new")
            topic = shared.topic(Ask(path))
            first, second = (asyncio.create_task(until_done(shared, condition)) for _ in range(2))
            while len(topic.waiting) < 2 or not topic.request:  # noqa: ASYNC110
                await asyncio.sleep(0)
            first.cancel()
            await asyncio.wait([first])
            cancelled.set()
            return await second

    assert asyncio.run(main()).state == "done"
    assert len(asked(segment_sandbox, path)) == 2


def test_a_failed_request_fails_for_all_waiters(
    segment_sandbox: Sandbox, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_retries(segment_sandbox, monkeypatch)
    segment_sandbox.faults.add("status", status=500)

    async def look(shared: Polls) -> SegmentError | None:
        subscriber = Subscriber(shared, Renamed(source_id=segment_sandbox.source_id, name="new").check, HOUR)
        try:
            await subscriber.look(Clock())
        except SegmentError as error:
            return error
        return None

    async def main() -> list[SegmentError | None]:
        async with shared_polls("segment_default", SegmentHook().get_async_conn) as shared:
            return await asyncio.gather(*(look(shared) for _ in range(20)))

    errors = asyncio.run(main())
    assert {type(error) for error in errors} == {SegmentServerError}
    assert len(asked(segment_sandbox, path)) == 1


def test_requests_that_depend_on_the_time_are_paced(segment_sandbox: Sandbox) -> None:
    checked: list[datetime] = []

    def check(now: datetime) -> Check:
        checked.append(now)
        return Later().check(now)

    async def main() -> None:
        async with shared_polls("segment_default", SegmentHook().get_async_conn) as shared:
            subscriber = Subscriber(shared, check, HOUR, moving=True)
            await subscriber.look(Clock())
            second = asyncio.create_task(subscriber.look(Clock()))
            for _ in range(10):
                await asyncio.sleep(0)
            assert len(checked) == 1
            advance_loop(HOUR)
            await second

    asyncio.run(main())
    assert len(checked) == len(asked(segment_sandbox, "/echo")) == 2


def test_unused_answers_are_dropped(segment_sandbox: Sandbox) -> None:
    async def main() -> None:
        async with shared_polls("segment_default", SegmentHook().get_async_conn) as shared:
            subscriber = Subscriber(shared, Later().check, 0.0, moving=True)
            for _ in range(20):
                await subscriber.look(Clock())
            assert len(shared._topics) <= 2

    asyncio.run(main())


def test_a_new_token_is_read_from_the_connection(
    segment_sandbox: Sandbox, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = segment_sandbox.connection
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(right | {"password": "revoked"}))

    async def main() -> Verdict:
        async with shared_polls("segment_default", SegmentHook().get_async_conn) as shared:
            subscriber = Subscriber(
                shared, Renamed(source_id=segment_sandbox.source_id, name="new").check, HOUR
            )
            with pytest.raises(SegmentError, match="401"):
                await subscriber.look(Clock())
            monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(right))
            advance_loop(HOUR)
            return await subscriber.look(Clock())

    assert asyncio.run(main()).state == "waiting"


def test_a_404_may_be_an_answer(segment_sandbox: Sandbox) -> None:
    class Gone(Condition, frozen=True):
        missing_ok: bool

        def check(self, now: datetime) -> Check:
            data = yield Ask("/sources/none", missing_ok=self.missing_ok)
            return Verdict("done", "gone", data)

    async def main() -> None:
        async with shared_polls("segment_default", SegmentHook().get_async_conn) as shared:
            assert (await until_done(shared, Gone(missing_ok=True))).result is None
            with pytest.raises(SegmentNotFoundError):
                await until_done(shared, Gone(missing_ok=False))

    asyncio.run(main())


def test_the_last_user_closes_the_client(segment_sandbox: Sandbox) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with shared_polls("segment_default", SegmentHook().get_async_conn) as one:
            async with shared_polls("segment_default", SegmentHook().get_async_conn) as other:
                assert one is other
                rename("new", segment_sandbox)
                await until_done(one, Renamed(source_id=segment_sandbox.source_id, name="new"))
            client = one._client
            assert client and not client._http.is_closed
        assert client._http.is_closed
        assert polls._polls[loop] == {}

    asyncio.run(main())


def test_pages_that_would_never_end_are_an_error(scripted_api: ScriptedAPI) -> None:
    """Cursors that alternate: from the third page on, every question is answered already."""
    scripted_api.answers["GET /warehouses/w/connected-sources"] = lambda request: {
        "sources": [{"id": "s"}],
        "pagination": {"next": "B" if request.query.get("pagination.cursor") == "A" else "A"},
    }

    def check(now: datetime) -> Check:
        questions, answer = WarehouseSynced(warehouse_id="w", since=now).check(now), None
        for _ in range(100):
            answer = yield questions.send(answer)
        raise AssertionError("asked without end")

    async def main() -> None:
        async with shared_polls("segment_default", SegmentHook().get_async_conn) as shared:
            with pytest.raises(SegmentAnswerError, match="seen before"):
                await Subscriber(shared, check, 1_000).look(Clock())

    asyncio.run(main())
    assert len(scripted_api.requests) == 3


def test_an_endless_check_does_not_block_the_event_loop(segment_sandbox: Sandbox) -> None:
    """So that a timeout can fire even if every answer is already known."""
    asked_for, running = 0, asyncio.Event()

    class Endless(Condition, frozen=True):
        def check(self, now: datetime) -> Check:
            nonlocal asked_for
            while asked_for < 10_000:
                asked_for += 1
                if asked_for == 10:
                    running.set()
                yield Ask("/sources")
            return Verdict("failed", "the event loop stood still")

    async def main() -> None:
        async with shared_polls("segment_default", SegmentHook().get_async_conn) as shared:
            task = asyncio.create_task(Subscriber(shared, Endless().check, 1_000).look(Clock()))
            await running.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert asked_for < 10_000


def without_retries(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = sandbox.connection
    connection["extra"] = {**connection["extra"], "retries": 0}
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(connection))
