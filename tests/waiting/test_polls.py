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
from airflow_provider_segment.waiting.polls import Polls, Subscriber, shared_polls
from airflow_provider_segment.waiting.warehouses import WarehouseSynced
from tests.harness.scripted_api import ScriptedAPI

pytestmark = pytest.mark.core

INTERVAL = 0.1


class Renamed(Condition, frozen=True):
    """A source has a name."""

    source_id: str
    name: str

    def check(self, now: datetime) -> Check:
        data = yield Ask(f"/sources/{self.source_id}")
        name = data["source"]["name"]
        return Verdict("done" if name == self.name else "waiting", f"its name is {name}", name)


class Later(Condition, frozen=True):
    """A question that is another one each time."""

    moving = True

    def check(self, now: datetime) -> Check:
        yield Ask("/echo", {"message": now.isoformat()})
        return Verdict("waiting", "")


def asked(sandbox: Sandbox, path: str) -> list[dict[str, Any]]:
    return [request for request in sandbox.requests if request["path"] == path]


async def asked_times(times: int, sandbox: Sandbox, path: str) -> None:
    for _ in range(3_000):
        if len(asked(sandbox, path)) >= times:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{path} was not asked for {times} times in 30 s")


async def until_done(shared: Polls, condition: Condition, interval: float = INTERVAL) -> Verdict:
    subscriber = Subscriber(shared, condition.check, interval, moving=condition.moving)
    while (verdict := await subscriber.look(Clock())).state == "waiting":
        pass
    return verdict


@pytest.fixture
def path(segment_sandbox: Sandbox) -> str:
    return f"/sources/{segment_sandbox.source_id}"


def rename(name: str, sandbox: Sandbox) -> None:
    SegmentHook().request("PATCH", f"/sources/{sandbox.source_id}", json={"name": name})


def test_two_hundred_wait_and_one_asks(segment_sandbox: Sandbox, path: str) -> None:
    async def main() -> list[Verdict]:
        async with shared_polls("segment_default", SegmentHook().get_async_conn) as shared:
            condition = Renamed(source_id=segment_sandbox.source_id, name="new")
            waiting = [asyncio.create_task(until_done(shared, condition)) for _ in range(200)]
            await asked_times(3, segment_sandbox, path)
            await asyncio.to_thread(rename, "new", segment_sandbox)
            return await asyncio.gather(*waiting)

    verdicts = asyncio.run(main())
    assert {verdict.result for verdict in verdicts} == {"new"}
    gets = [request for request in asked(segment_sandbox, path) if request["method"] == "GET"]
    assert 4 <= len(gets) <= 5  # one more may have been on its way


def test_each_sees_the_change_in_the_first_answer_that_holds_it(segment_sandbox: Sandbox, path: str) -> None:
    """However much later than the others it came: nobody counts an interval of its own."""

    async def main() -> None:
        async with shared_polls("segment_default", SegmentHook().get_async_conn) as shared:
            condition = Renamed(source_id=segment_sandbox.source_id, name="new")
            waiting = []
            for _ in range(5):
                waiting.append(asyncio.create_task(until_done(shared, condition, interval=1.0)))
                await asyncio.sleep(0.15)
            await asyncio.to_thread(rename, "new", segment_sandbox)
            await asyncio.gather(*waiting)

    asyncio.run(main())
    assert len([request for request in asked(segment_sandbox, path) if request["method"] == "GET"]) == 2


def test_the_shortest_interval_counts(segment_sandbox: Sandbox, path: str) -> None:
    async def main() -> None:
        async with shared_polls("segment_default", SegmentHook().get_async_conn) as shared:
            condition = Renamed(source_id=segment_sandbox.source_id, name="new")
            slow = asyncio.create_task(until_done(shared, condition, interval=1000))
            quick = asyncio.create_task(until_done(shared, condition))
            await asked_times(3, segment_sandbox, path)
            await asyncio.to_thread(rename, "new", segment_sandbox)
            verdicts = await asyncio.wait_for(asyncio.gather(slow, quick), 10)
            assert [verdict.result for verdict in verdicts] == ["new", "new"]

    asyncio.run(main())


def test_who_leaves_does_not_take_the_answer_along(segment_sandbox: Sandbox, path: str) -> None:
    rename("new", segment_sandbox)

    async def main() -> Verdict:
        async with shared_polls("segment_default", SegmentHook().get_async_conn) as shared:
            condition = Renamed(source_id=segment_sandbox.source_id, name="new")
            segment_sandbox.faults.add("slow", seconds=0.3, next=1)
            first = asyncio.create_task(until_done(shared, condition))
            await asyncio.sleep(0.05)
            second = asyncio.create_task(until_done(shared, condition))
            await asyncio.sleep(0.05)
            first.cancel()
            return await second

    assert asyncio.run(main()).state == "done"
    assert len(asked(segment_sandbox, path)) == 2


def test_a_failed_request_fails_for_all_who_wait(
    segment_sandbox: Sandbox, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_retries(segment_sandbox, monkeypatch)
    segment_sandbox.faults.add("status", status=500)

    async def look(shared: Polls) -> SegmentError | None:
        subscriber = Subscriber(
            shared, Renamed(source_id=segment_sandbox.source_id, name="new").check, INTERVAL
        )
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


def test_a_question_that_moves_with_time_is_paced(segment_sandbox: Sandbox) -> None:
    async def main() -> None:
        async with shared_polls("segment_default", SegmentHook().get_async_conn) as shared:
            subscriber = Subscriber(shared, Later().check, 0.2, moving=True)
            end = asyncio.get_running_loop().time() + 1.0
            while asyncio.get_running_loop().time() < end:
                await subscriber.look(Clock())

    asyncio.run(main())
    assert 2 <= len(asked(segment_sandbox, "/echo")) <= 7


def test_answers_that_nobody_waits_for_are_forgotten(segment_sandbox: Sandbox) -> None:
    async def main() -> None:
        async with shared_polls("segment_default", SegmentHook().get_async_conn) as shared:
            subscriber = Subscriber(shared, Later().check, 0.0, moving=True)
            for _ in range(20):
                await subscriber.look(Clock())
            assert len(shared._topics) <= 2

    asyncio.run(main())


def test_a_new_token_is_taken_from_the_connection(
    segment_sandbox: Sandbox, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = segment_sandbox.connection
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(right | {"password": "revoked"}))

    async def main() -> Verdict:
        async with shared_polls("segment_default", SegmentHook().get_async_conn) as shared:
            subscriber = Subscriber(
                shared, Renamed(source_id=segment_sandbox.source_id, name="new").check, INTERVAL
            )
            with pytest.raises(SegmentError, match="401"):
                await subscriber.look(Clock())
            monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(right))
            return await subscriber.look(Clock())

    assert asyncio.run(main()).state == "waiting"


def test_what_does_not_exist_may_be_an_answer(segment_sandbox: Sandbox) -> None:
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


def test_the_last_one_closes_the_client(segment_sandbox: Sandbox) -> None:
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


def test_endless_questions_let_the_event_loop_run(segment_sandbox: Sandbox) -> None:
    """So that a timeout can fire, though every answer is known already."""
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
