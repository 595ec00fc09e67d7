"""The events that watcher triggers emit, and the progress they record.

In a real triggerer: running_airflow/test_triggerer_restarts.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import datetime, timedelta, timezone
from itertools import count
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.hooks.options import HookOptions
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.references import ref
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.triggers import asset_watchers
from airflow_provider_segment.triggers.asset_watchers import (
    FeedStream,
    SegmentAudienceUpdatedTrigger,
    SegmentAuditEventTrigger,
    SegmentEventVolumeTrigger,
    SegmentReverseEtlSyncedTrigger,
    SegmentWarehouseSyncedTrigger,
    SegmentWatcherTrigger,
    SharedPoll,
)
from airflow_provider_segment.waiting.feeds import Feed, Look, Occurrence
from tests.harness.sandbox_api import create, create_warehouse, send, start_sync

T = TypeVar("T")
NOW = datetime.now(timezone.utc)
DAY_SECONDS = 24 * 60 * 60
WEEK_AGO = (NOW - timedelta(days=7)).isoformat()


@pytest.fixture(autouse=True)
def it_is_now(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """However long ago this module was imported: what is an hour away stays an hour away."""
    ticks = count(1)  # milliseconds
    if "segment_sandbox" not in request.fixturenames:
        monkeypatch.setattr(Clock, "now", lambda clock: NOW + timedelta(milliseconds=next(ticks)))


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        (ref("source", "shop"), r"warehouse_id takes ref\('warehouse', ...\), not ref:source:shop"),
        (ref("warehouse", "{{ var.value.name }}"), "warehouse_id: no task runs that could render ref:"),
    ],
)
def test_a_wrong_reference_is_an_error_of_the_dag(reference: str, why: str) -> None:
    """It would be an error of every poll."""
    with pytest.raises(SegmentConfigurationError, match=why):
        SegmentWarehouseSyncedTrigger(warehouse_id=reference).serialize()


class Store(dict[str, Any]):
    """The state store of an asset."""

    broken = False

    async def aget(self, key: str) -> Any:
        return self.get(key)

    async def aset(self, key: str, value: Any) -> None:
        if self.broken:
            raise RuntimeError("the API server is down")
        self[key] = value


def watching(trigger: SegmentWatcherTrigger, *stores: Store) -> Any:
    """The trigger as Airflow runs it, for assets with these stores."""
    named = {f"asset {number}": store for number, store in enumerate(stores)}
    trigger.asset_state_store = SimpleNamespace(_by_name=named, _by_uri={})  # type: ignore[attr-defined]
    return trigger


def synced(hours: float, ordering_key: str = "a", outcome: str = "success") -> Occurrence:
    """A sync that ended so many hours ago."""
    at = NOW - timedelta(hours=hours)
    key = f"{ordering_key}/{hours}"
    return {"key": key, "at": at, "ordering_key": ordering_key, "outcome": outcome, "payload": {"sync": key}}


async def emitted(
    trigger: Any, *polls: list[Occurrence], store: bool = True, hours: float = 200
) -> list[str]:
    """What a trigger emits for polls, each repeated while unfinished, and confirmed as Airflow does.

    :param hours: how far back the polls reach
    """
    stream = FeedStream(HookOptions("segment_default"), trigger.feed(), 60.0)
    polled: list[SharedPoll] = []

    async def shared() -> AsyncIterator[SharedPoll]:
        for poll in polls:
            while True:
                polled.append(SharedPoll(poll, NOW - timedelta(hours=hours)))
                yield polled[-1]
                if store:
                    await stream.advance([advanced(polled[-1])])
                if not polled[-1].unfinished:
                    break

    return [event.payload["sync"] async for event in trigger.filter_shared_stream(shared())]


def advanced(polled: SharedPoll, *, failed: int = 0) -> Any:
    return SimpleNamespace(broker_payload=polled, outcome=SimpleNamespace(failed=failed))


def run(coroutine: Awaitable[T]) -> T:
    return asyncio.run(asyncio.wait_for(coroutine, 600))


def trigger(**arguments: Any) -> SegmentWarehouseSyncedTrigger:
    return SegmentWarehouseSyncedTrigger(warehouse_id="w", **arguments)


def recorded_a_week_ago() -> Store:
    """As after a week without a triggerer."""
    store = Store()
    run(emitted(watching(trigger(), store)))
    [key] = store
    store[key] = {"since": WEEK_AGO.replace("+00:00", "Z"), "keys": {}}
    return store


def test_a_backlog_in_any_order_is_emitted_whole() -> None:
    store = recorded_a_week_ago()
    backlog = [synced(1, "b"), *(synced(hours) for hours in (2, 30, 60, 90))]
    assert run(emitted(watching(trigger(), store), backlog)) == ["a/90", "b/1", "a/60", "a/30", "a/2"]
    assert run(emitted(watching(trigger(), store), backlog)) == []


def test_a_poll_that_does_not_reach_back_far_enough_emits_nothing() -> None:
    store = recorded_a_week_ago()
    assert run(emitted(watching(trigger(), store), [synced(1)], hours=6)) == []
    assert run(emitted(watching(trigger(), store), [synced(1), synced(100)])) == ["a/100", "a/1"]


def test_after_a_very_long_downtime_the_oldest_are_skipped() -> None:
    store = recorded_a_week_ago()
    [key] = store
    store[key] = {"since": "2020-01-01T00:00:00.000Z", "keys": {}}
    found = run(emitted(watching(trigger(), store), [synced(1), synced(800)], hours=30 * 24 + 1))
    assert found == ["a/1"]


def test_what_occurred_before_the_first_poll_is_not_emitted() -> None:
    assert run(emitted(watching(trigger(), Store()), [synced(1), synced(-1)])) == ["a/-1"]


def test_only_the_requested_outcomes_are_emitted() -> None:
    occurrences = [synced(-1), synced(-2, outcome="partial"), synced(-3, "b"), synced(-4, outcome="unknown")]
    assert run(emitted(watching(trigger(), Store()), occurrences)) == ["a/-1", "b/-3"]
    assert run(emitted(watching(trigger(outcomes=["partial"]), Store()), occurrences)) == ["a/-2"]


def test_two_watchers_of_one_asset_keep_separate_progress() -> None:
    store = Store()
    one, other = trigger(), trigger(outcomes=["partial"])
    occurrences = [synced(-1), synced(-2, outcome="partial")]
    for watcher, expected in ((one, ["a/-1"]), (other, ["a/-2"]), (one, []), (other, [])):
        assert run(emitted(watching(watcher, store), occurrences)) == expected
    assert len(store) == 2


def test_a_trigger_of_two_assets_records_progress_for_both() -> None:
    first, second = Store(), Store()
    assert run(emitted(watching(trigger(), first, second), [synced(-1)])) == ["a/-1"]
    assert first == second
    assert run(emitted(watching(trigger(), second), [synced(-1)])) == []


def test_another_interval_is_the_same_watcher() -> None:
    store = Store()
    assert run(emitted(watching(trigger(poll_interval=60), store), [synced(-1)])) == ["a/-1"]
    assert run(emitted(watching(trigger(poll_interval=600), store), [synced(-1)])) == []


def test_what_is_not_stored_is_emitted_again_after_a_restart() -> None:
    store = Store()
    assert run(emitted(watching(trigger(), store), [synced(-1)], store=False)) == ["a/-1"]
    assert run(emitted(watching(trigger(), store), [synced(-1)])) == ["a/-1"]


def test_unconfirmed_events_are_not_recorded() -> None:
    async def main() -> None:
        store, stream = Store(), FeedStream(HookOptions("segment_default"), trigger().feed(), 60.0)
        polled = SharedPoll([synced(-1)], NOW)

        async def shared() -> AsyncIterator[SharedPoll]:
            yield polled

        async for _ in watching(trigger(), store).filter_shared_stream(shared()):
            pass
        before = dict(store)
        await stream.advance([advanced(polled, failed=1)])
        assert store == before
        store.broken = True
        await stream.advance([advanced(polled)])
        assert store == before
        store.broken = False
        await stream.advance([advanced(SharedPoll([], NOW))])  # the next poll makes up for it
        assert store != before

    run(main())


def test_before_airflow_3_3_there_is_no_state_store() -> None:
    assert run(emitted(trigger(), [synced(1), synced(-1)])) == ["a/-1"]


def test_a_poll_reaches_back_as_far_as_any_trigger_needs() -> None:
    """The first poll knows of no trigger yet."""

    async def main() -> list[timedelta]:
        reached: list[timedelta] = []

        class Reaching(Feed, frozen=True):
            moving = True

            def look(self, now: datetime, since: datetime) -> Look:
                reached.append(now - since)
                return []
                yield

        stream = FeedStream(HookOptions("segment_default"), Reaching(), 0.01)
        watcher = watching(trigger(), recorded)
        async for _ in limited(stream.polls(), watcher):
            pass
        return reached

    async def limited(polls: AsyncIterator[SharedPoll], watcher: Any) -> AsyncIterator[SharedPoll]:
        async def some() -> AsyncIterator[SharedPoll]:
            count = 0
            async for polled in polls:
                yield polled
                if (count := count + 1) == 3:
                    return

        async for event in watcher.filter_shared_stream(some()):
            yield event

    recorded = recorded_a_week_ago()
    first, second, third = run(main())
    assert first < timedelta(hours=7)
    assert second > timedelta(days=6, hours=23)
    assert third < timedelta(hours=7)  # nothing was found: no need to reach so far back again


# --- against the sandbox ---


def first_events(trigger: Any, count: int, then: Any = lambda: None) -> list[Any]:
    """The first events of a trigger that runs by itself; `then` is called after each."""

    async def main() -> list[Any]:
        found = []
        async for event in trigger.run():
            found.append(event.payload)
            if len(found) == count:
                break
            await asyncio.to_thread(then)
        return found

    return run(main())


async def first_poll(sandbox: Sandbox) -> None:
    """Wait for the watcher's first request: by then it has recorded when it started."""
    before = len(sandbox.requests)
    while len(sandbox.requests) == before:  # noqa: ASYNC110  (the sandbox runs in another thread)
        await asyncio.sleep(0.01)


async def polled(sandbox: Sandbox, warehouse_id: str) -> None:
    """Wait until a watcher has asked for the syncs of a warehouse."""
    while not any(each["path"] == f"/warehouses/{warehouse_id}/syncs" for each in list(sandbox.requests)):  # noqa: ASYNC110  (as above)
        await asyncio.sleep(0.01)


def test_an_audience_whose_size_changes_back_and_forth(
    segment_sandbox: Sandbox, simulated_time: None
) -> None:
    sizes = iter([100, 101, 100])

    def resize() -> None:
        audience = {"id": "a", "name": "A", "status": "Live", "updatedAt": "2026-11-25T00:00:00Z"}
        body = {"data": {"audience": {**audience, "size": {"count": next(sizes), "type": "USERS"}}}}
        segment_sandbox.faults.clear()
        segment_sandbox.faults.add("status", status=200, body=body, path="/spaces/s/audiences/a")

    resize()
    watcher = SegmentAudienceUpdatedTrigger(space_id="s", audience_id="a")
    found = first_events(watcher, 3, resize)
    assert [event["size"]["count"] for event in found] == [100, 101, 100]


def test_a_day_with_many_events(segment_sandbox: Sandbox, simulated_time: None) -> None:
    segment_sandbox.advance_clock(-segment_sandbox.state.clock.now() % DAY_SECONDS + DAY_SECONDS / 2)  # noon
    segment_sandbox.advance_clock(-600)
    send(segment_sandbox, *({"messageId": f"m{n}"} for n in range(5)))
    segment_sandbox.advance_clock(600)
    source_id = segment_sandbox.source_id
    [event] = first_events(SegmentEventVolumeTrigger(source_id=source_id, count=5), 1)
    assert event["source_id"] == source_id and event["count"] >= 5


def test_a_change_in_the_workspace(segment_sandbox: Sandbox, simulated_time: None) -> None:
    watcher = SegmentAuditEventTrigger()

    async def main() -> Any:
        stream = watcher.run()
        first = asyncio.ensure_future(anext(stream))
        await first_poll(segment_sandbox)
        await asyncio.to_thread(create, "/sources", slug="web", enabled=True, metadataId="iUM16Md8P2")
        return (await first).payload

    event = run(main())
    assert event["type"] and "actor" not in event and "actorEmail" not in event


def test_a_sync_of_a_mapping(segment_sandbox: Sandbox, simulated_time: None, mapping: dict[str, str]) -> None:
    ids = {name: mapping[name] for name in ("model_id", "subscription_id")}
    watcher = SegmentReverseEtlSyncedTrigger(**ids)

    async def main() -> Any:
        first = asyncio.ensure_future(anext(watcher.run()))
        await first_poll(segment_sandbox)
        segment_sandbox.scripts.add("reverse_etl_sync", now=True, seconds=0, **ids)
        return (await first).payload

    assert run(main())["syncStatus"] == "SUCCESS"


@pytest.mark.parametrize("source", ["sandbox", "web"])
def test_syncs_of_what_has_these_names(segment_sandbox: Sandbox, simulated_time: None, source: str) -> None:
    """The lists are read once; only syncs of the named source are emitted."""
    warehouse_id, _ = create_warehouse(segment_sandbox, "Shop"), create_warehouse(segment_sandbox, "Other")
    web = create("/sources", slug="web", enabled=True, metadataId="iUM16Md8P2")
    source_id = {"sandbox": segment_sandbox.source_id, "web": web}[source]
    watcher = SegmentWarehouseSyncedTrigger(ref("warehouse", "Shop"), ref("source", source))

    async def main() -> Any:
        first = asyncio.ensure_future(anext(watcher.run()))
        await polled(segment_sandbox, warehouse_id)
        start_sync(segment_sandbox)
        return (await first).payload

    event = run(main())
    assert (event["warehouse_id"], event["sourceId"]) == (warehouse_id, source_id)
    paths = [each["path"] for each in segment_sandbox.requests if each["method"] == "GET"]
    assert paths.count("/warehouses") == paths.count("/sources") == 1


def test_a_name_is_looked_up_again_after_a_failed_poll(
    segment_sandbox: Sandbox, simulated_time: None, caplog: pytest.LogCaptureFixture
) -> None:
    """Before the warehouse is there, and when it was deleted and created again."""
    create_warehouse(segment_sandbox, "Other")
    watcher = SegmentWarehouseSyncedTrigger(ref("warehouse", "Shop"))

    async def main() -> list[Any]:
        stream = watcher.run()
        first = asyncio.ensure_future(anext(stream))
        while "Cannot poll" not in caplog.text:  # noqa: ASYNC110  (the poll is a task of its own)
            await asyncio.sleep(0.01)
        warehouse_id = await asyncio.to_thread(create_warehouse, segment_sandbox, "Shop")
        await polled(segment_sandbox, warehouse_id)
        start_sync(segment_sandbox, warehouse_id)
        found = [(await first).payload["warehouse_id"] == warehouse_id]

        hook = SegmentHook()
        await asyncio.to_thread(hook.request, "DELETE", f"/warehouses/{warehouse_id}")
        again = await asyncio.to_thread(create_warehouse, segment_sandbox, "Shop")
        second = asyncio.ensure_future(anext(stream))
        await polled(segment_sandbox, again)
        start_sync(segment_sandbox, again)
        return [*found, (await second).payload["warehouse_id"] == again]

    assert run(main()) == [True, True]
    assert "there is no warehouse 'Shop'. There is 'Other'" in caplog.text


def test_an_invalid_request_is_repeated_only_after_the_interval(
    segment_sandbox: Sandbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def asleep(self: Clock, seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise EOFError

    monkeypatch.setattr(Clock, "asleep", asleep)
    watcher = SegmentWarehouseSyncedTrigger(warehouse_id="..", poll_interval=600)
    with pytest.raises(EOFError):
        run(anext(watcher.run()))
    assert pauses == [600, 600, 600]
    assert sum("must not be '..'" in record.getMessage() for record in caplog.records) == 3
    assert not segment_sandbox.requests


@pytest.mark.parametrize(
    "watcher",
    [
        trigger(outcomes=("success", "partial")),
        SegmentReverseEtlSyncedTrigger(model_id="m", subscription_id="s"),
        SegmentAudienceUpdatedTrigger(space_id="s", audience_id="a"),
        SegmentEventVolumeTrigger(source_id="s", count=5, event_name="E"),
        SegmentAuditEventTrigger(resource_type="SOURCE", event_types=["Source Modified"]),
        trigger(source_id=ref("source", "shop")),
    ],
    ids=lambda watcher: type(watcher).__name__,
)
def test_a_trigger_survives_its_serialisation(watcher: SegmentWatcherTrigger) -> None:
    path, arguments = watcher.serialize()
    again = getattr(asset_watchers, path.rpartition(".")[2])(**arguments)
    assert again.serialize() == watcher.serialize()
    assert again.shared_stream_key() == watcher.shared_stream_key()
    assert type(watcher).create_shared_stream_producer(arguments)._feed == watcher.feed()
