"""The checkpoint as the lease of a send: when it is saved, and what stops a send that cannot save it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.errors import SegmentReplacedError, SegmentStoppedError
from airflow_provider_segment.events import lease, send
from airflow_provider_segment.events.lease import Lease
from airflow_provider_segment.events.rate import Rate
from airflow_provider_segment.events.report import SendReport
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sending import send_events
from tests.events.test_send import hook, make_events, numbers, patient, read_lines
from tests.harness.fake_clock import FakeClock
from tests.operators.test_batch_events import wait_until

__all__ = ["hook", "patient"]  # fixtures

pytestmark = pytest.mark.core


@pytest.fixture(autouse=True)
def at_each_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save whenever the event loop turns, and not each second."""
    monkeypatch.setattr(lease, "CHECKPOINT_SECONDS", 0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The time of every client and lease."""
    clock = FakeClock()
    monkeypatch.setattr(Clock, "monotonic", lambda _: clock.monotonic())
    return clock


class Saves:
    """A store of checkpoints that can be slow, down, or of somebody else by now."""

    def __init__(self) -> None:
        self.made: list[Any] = []
        self.hanging = 0
        self.most_at_once = 0
        self.failure: Exception | None = None
        self.open = threading.Event()
        self.open.set()

    def __call__(self, checkpoint: dict[str, Any] | None) -> None:
        self.hanging += 1
        self.most_at_once = max(self.most_at_once, self.hanging)
        self.open.wait()
        self.hanging -= 1
        self.made.append(checkpoint)
        if self.failure is not None:
            raise self.failure

    @property
    def positions(self) -> list[float]:
        return [checkpoint["position"] for checkpoint in self.made]

    def wait_for(self, more: int) -> None:
        """Wait for this many more."""
        before = len(self.made)
        wait_until(lambda: len(self.made) >= before + more)


@contextmanager
def sending(hook: SegmentHook, saves: Saves, events: Any, **options: Any) -> Iterator[Future[SendReport]]:
    """A send in the background."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(hook.send_events, events, save_checkpoint=saves, **options)
        try:
            yield future
        finally:
            saves.open.set()
            if not future.done():
                hook.stop_sending()


@pytest.fixture
def saves() -> Saves:
    return Saves()


@pytest.fixture
def held(segment_sandbox: Sandbox) -> Any:
    """Two batches are answered, further ones only when a test says so."""
    return segment_sandbox.faults.add("held", api="tracking", released=2)


# When it is saved


def test_it_is_saved_again_while_the_position_stands_still(
    hook: SegmentHook, saves: Saves, held: Any
) -> None:
    with sending(hook, saves, make_events(5_000, size=1_000), concurrency=2) as future:
        wait_until(lambda: held.hits == 4)
        saves.wait_for(3)  # one may have begun before
        saves.wait_for(20)
        assert len(set(saves.positions[-20:])) == 1
        held.released = 1_000
        assert future.result().sent == 5_000
    assert saves.positions == sorted(saves.positions)
    assert saves.positions[-1] == 5_000


def test_it_is_saved_again_during_the_pause_of_a_429(
    hook: SegmentHook,
    saves: Saves,
    segment_sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    clock: FakeClock,
) -> None:
    segment_sandbox.faults.add("status", status=429, retry_after=30, next=1)
    during: list[int] = []

    async def pause(_: Clock, seconds: float) -> None:
        before = len(saves.made)
        await asyncio.get_running_loop().run_in_executor(None, saves.wait_for, 5)
        during.append(len(saves.made) - before)
        clock.sleep(seconds)

    monkeypatch.setattr(Clock, "asleep", pause)
    report = hook.send_events(make_events(100), save_checkpoint=saves)
    assert (report.sent, report.rate_limited) == (100, 1)
    assert during and min(during) >= 5


def test_with_too_many_refused_the_last_one_is_saved_again(
    hook: SegmentHook, saves: Saves, segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "REFUSALS_REMEMBERED", 3)
    events = make_events(6_000, size=1_000)
    for number in range(2_000, 2_010):
        events[number]["evil"] = True
    events[-1]["last"] = True
    segment_sandbox.faults.add("status", status=400, contains='"evil": true')
    segment_sandbox.faults.add("status", status=400, contains='"evil":true')
    last: Any = segment_sandbox.faults.add("held", contains='"last"')
    with sending(hook, saves, events, concurrency=1) as future:
        wait_until(lambda: last.hits == 1)  # all others are answered
        saves.wait_for(20)
        last.released = 10
        report = future.result()
    assert (report.sent, report.rejected) == (5_990, {"refused": 10})
    assert len(set(saves.positions[-20:])) == 1, "the lease is kept up"
    assert 0 < saves.positions[-1] < 2_010, "but not with a position that forgets refusals"

    again = hook.send_events(events, checkpoint=saves.made[-1], save_checkpoint=saves)
    assert (again.sent, again.sent_before) == (5_990, int(saves.positions[-1]))
    assert again.rejected == {"refused": 10}


def test_an_input_that_cannot_be_identified_has_a_lease_too(
    hook: SegmentHook, saves: Saves, segment_sandbox: Sandbox
) -> None:
    def events() -> Iterator[Any]:
        yield from make_events(10)
        saves.wait_for(3)

    assert hook.send_events(events(), save_checkpoint=saves).sent == 10
    assert set(saves.made) == {None}


def test_refused_events_are_written_before_a_checkpoint_leaves_them_behind(
    hook: SegmentHook, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    rejects = tmp_path / "rejects.jsonl"
    events = make_events(3_000, size=1_000)
    events[7]["evil"] = True
    segment_sandbox.faults.add("status", status=400, contains='"evil":true')
    letters: list[tuple[int, int]] = []

    def save(checkpoint: Any) -> None:
        letters.append((len(checkpoint["refused"]), len(read_lines(rejects))))

    hook.send_events(events, rejects_path=str(rejects), save_checkpoint=save)
    assert letters[-1] == (1, 1)
    assert all(refused <= written for refused, written in letters)


# A save that hangs


def test_sending_goes_on_while_a_save_hangs_and_the_last_one_follows_it(
    hook: SegmentHook, saves: Saves, segment_sandbox: Sandbox
) -> None:
    saves.open.clear()
    with sending(hook, saves, make_events(6_000, size=1_000)) as future:
        wait_until(lambda: saves.hanging == 1)
        wait_until(lambda: segment_sandbox.summary["accepted"] == 6_000)
        assert not future.done(), "the last position is not saved yet"
        saves.open.set()
        assert future.result().sent == 6_000
    assert saves.most_at_once == 1
    assert saves.positions[-1] == 6_000
    assert saves.positions == sorted(saves.positions)


def test_the_last_position_is_saved_even_if_there_was_no_time_for_another(
    hook: SegmentHook, saves: Saves, segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "CHECKPOINT_SECONDS", 600)
    hook.send_events(make_events(10), save_checkpoint=saves)
    assert saves.positions == [10]


@pytest.mark.parametrize("when", ["while it sends", "at its end"])
def test_a_save_that_hangs_does_not_hold_up_a_stop(
    hook: SegmentHook,
    saves: Saves,
    segment_sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    when: str,
) -> None:
    monkeypatch.setattr(send, "STOP_SECONDS", 0.05)
    saves.open.clear()

    def events() -> Iterator[Any]:
        yield from make_events(10)
        if when == "while it sends":
            more.wait()

    more = threading.Event()
    with sending(hook, saves, events()) as future:
        wait_until(lambda: saves.hanging == 1 and segment_sandbox.summary["accepted"] == 10)
        hook.stop_sending()
        with pytest.raises(SegmentStoppedError):
            future.result(timeout=600)
        assert saves.hanging == 1
        more.set()
    assert "could not be saved in time" in caplog.text


# A save that fails


def test_a_save_that_fails_is_no_reason_to_stop(
    hook: SegmentHook, saves: Saves, held: Any, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    saves.failure = RuntimeError("the API server is away")
    with sending(hook, saves, make_events(5_000, size=1_000), concurrency=2) as future:
        saves.wait_for(20)
        saves.failure = None
        saves.wait_for(3)
        held.released = 1_000
        assert future.result().sent == 5_000
    assert caplog.text.count("The checkpoint could not be saved") == 1, "and not once for each"
    assert "the API server is away" in caplog.text and "The checkpoint is saved again" in caplog.text
    assert saves.positions[-1] == 5_000


def test_if_nothing_can_be_saved_for_too_long_nothing_more_is_sent(
    hook: SegmentHook,
    saves: Saves,
    held: Any,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(send, "STOP_SECONDS", 0.05)  # the batch in flight is given up
    saves.failure = RuntimeError("the API server is away")
    with sending(
        hook, saves, make_events(5_000, size=1_000), concurrency=1, checkpoint_timeout=120
    ) as future:
        wait_until(lambda: held.hits == 3)
        saves.wait_for(3)
        clock.sleep(100)
        saves.wait_for(3)
        assert not future.done()
        clock.sleep(21)
        with pytest.raises(SegmentStoppedError, match=r"for 121 s.*another try.*the API server is away"):
            future.result(timeout=600)
    assert held.hits == 3
    assert caplog.text.count("The checkpoint could not be saved") == 2, "at most once a minute"


def test_a_save_that_hangs_for_too_long_stops_the_send(
    hook: SegmentHook, saves: Saves, held: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "STOP_SECONDS", 0.05)
    saves.open.clear()
    with sending(hook, saves, make_events(5_000, size=1_000), concurrency=1) as future:
        wait_until(lambda: held.hits == 3 and saves.hanging == 1)
        clock.sleep(lease.CHECKPOINT_TIMEOUT + 1)
        with pytest.raises(SegmentStoppedError, match="the last attempt has not ended"):
            future.result(timeout=600)
    assert held.hits == 3


def hold(save: Callable[[None], None], clock: FakeClock) -> None:
    """Hold a lease with a timeout of 150 s, until it is lost."""

    async def hold() -> None:
        held: Lease[None] = Lease(
            save, lambda: None, clock=clock, log=logging.getLogger("tests.lease"), timeout=150
        )
        await held.keep()

    asyncio.run(hold())


def test_the_time_counts_from_the_beginning_of_the_last_save_that_succeeded(clock: FakeClock) -> None:
    """Whoever answers late may have looked long ago."""
    saves = iter([(0, None), (100, None), (60, RuntimeError("away"))])

    def save(_: None) -> None:
        seconds, error = next(saves)
        clock.sleep(seconds)
        if error is not None:
            raise error

    with pytest.raises(SegmentStoppedError, match="for 160 s"):
        hold(save, clock)


def test_a_process_that_was_frozen_asks_before_it_stops(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([None, None, SegmentReplacedError("another try")])

    def save(_: None) -> None:
        if answer := next(answers):
            raise answer

    sleep = asyncio.sleep

    async def freeze(_: float) -> None:
        clock.sleep(1_000)
        await sleep(0)

    monkeypatch.setattr(lease, "CHECKPOINT_SECONDS", 600)  # time to answer
    monkeypatch.setattr(asyncio, "sleep", freeze)
    with pytest.raises(SegmentReplacedError):
        hold(save, clock)


# A save that says that another one sends now


def test_a_replaced_send_stops_at_once(
    hook: SegmentHook, saves: Saves, held: Any, segment_sandbox: Sandbox
) -> None:
    with sending(hook, saves, make_events(6_000, size=1_000), concurrency=2) as future:
        wait_until(lambda: held.hits == 4)
        saves.failure = SegmentReplacedError("another try")
        with pytest.raises(SegmentReplacedError, match="another try"):
            future.result(timeout=600)  # although two batches wait for their answers
    count = len(saves.made)
    held.released = 1_000
    assert held.hits == 4, "no further batch"
    assert len(saves.made) == count, "and no further checkpoint"
    assert len(numbers(segment_sandbox)) < 6_000


def test_a_send_replaced_just_before_its_end_fails(
    hook: SegmentHook, saves: Saves, segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "CHECKPOINT_SECONDS", 600)
    saves.failure = SegmentReplacedError("another try")
    with pytest.raises(SegmentReplacedError):
        hook.send_events(make_events(10), save_checkpoint=saves)
    assert len(saves.made) == 1


# After the process was frozen


def test_nothing_is_sent_before_a_save_if_one_is_overdue(
    saves: Saves, segment_sandbox: Sandbox, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is frozen while batches wait for their turn, and another try is started meanwhile."""
    monkeypatch.setattr(lease, "CHECKPOINT_SECONDS", 0.2)

    class Freezing:
        name = "a limiter"
        turns = 0

        def reserve(self, source: str, seconds: float) -> float:
            self.turns += 1
            if self.turns == 3:
                saves.failure = SegmentReplacedError("replaced")
                clock.sleep(1_000)
            return 0.0

        def close(self) -> None: ...

    with pytest.raises((SegmentReplacedError, SegmentStoppedError)):
        send_events(
            make_events(500),
            write_key=segment_sandbox.write_key,
            base_url=segment_sandbox.url,
            max_events_per_second=1_000,
            limiter=Freezing(),
            save_checkpoint=saves,
        )
    assert len(segment_sandbox.accepted) <= 200, "two batches"


def test_a_send_goes_on_after_a_freeze_if_it_still_may(
    saves: Saves, segment_sandbox: Sandbox, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = asyncio.Event()

    async def frozen_once(_: Rate, events: int) -> None:
        if not frozen.is_set() and segment_sandbox.accepted:
            frozen.set()
            clock.sleep(1_000)

    monkeypatch.setattr(Rate, "turn", frozen_once)
    report = send_events(
        make_events(5_000),
        write_key=segment_sandbox.write_key,
        base_url=segment_sandbox.url,
        save_checkpoint=saves,
        concurrency=1,
    )
    assert (report.sent, frozen.is_set()) == (5_000, True)
