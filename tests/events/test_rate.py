"""The rate: what one sender or several send, in any window, whatever is late, refused or sent again."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from itertools import accumulate
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.api.client import AsyncSegmentClient
from airflow_provider_segment.api.settings import Settings
from airflow_provider_segment.errors import (
    SegmentConfigurationError,
    SegmentLimiterError,
    SegmentStoppedError,
)
from airflow_provider_segment.events import shared_rate
from airflow_provider_segment.events.check import Checker
from airflow_provider_segment.events.dead_letters import DeadLetters
from airflow_provider_segment.events.limits import MAX_BATCH_EVENTS
from airflow_provider_segment.events.mapping.rows import Compiling
from airflow_provider_segment.events.mapping.template_mapper import TemplateMapper
from airflow_provider_segment.events.rate import Ceiling, OwnTimeline, Rate, source_key
from airflow_provider_segment.events.report import SendReport
from airflow_provider_segment.events.send import Sending
from airflow_provider_segment.events.shared_rate import SharedTimeline, make_rate
from airflow_provider_segment.events.sources.items import ItemSource
from airflow_provider_segment.events.stop import Stop
from tests.harness.fake_clock import FakeClock
from tests.harness.fuzzing import examples
from tests.harness.virtual_time import VirtualClock, run_in_virtual_time

pytestmark = pytest.mark.core

Sent = list[tuple[float, int]]
"""When how many events were sent in a request."""


class LateClock(VirtualClock):
    """Wakes up late."""

    def __init__(self, late: random.Random | None) -> None:
        self._late = late

    async def asleep(self, seconds: float) -> None:
        if self._late is not None and self._late.random() < 0.2:
            seconds += self._late.choice([0.001, 0.01, 0.03, 0.1, 1.0, 10.0])
        await super().asleep(seconds)


class SlowTimeline(OwnTimeline):
    """A timeline behind a network."""

    def __init__(self, late: random.Random | None) -> None:
        super().__init__(VirtualClock())
        self._late = late

    async def reserve(self, seconds: float) -> float:
        slow = 0.0 if self._late is None else self._late.choice([0.0, 0.001, 0.003, 0.5])
        await asyncio.sleep(slow)
        wait = await super().reserve(seconds)
        await asyncio.sleep(slow)
        return wait


def assert_held(sent: Sent, ceiling: Ceiling, senders: int, largest: int) -> None:
    """No window has more than its ceiling, and one batch of each sender; nor has any time since the start."""
    sent = sorted(sent)
    for most, extra, counts in (
        (ceiling.events, largest, [count for _, count in sent]),
        (ceiling.requests, 1, [1 for _ in sent]),
    ):
        if most is None:
            continue
        totals = [0, *accumulate(counts)]
        for number, (end, _) in enumerate(sent, 1):
            assert totals[number] <= most * end + 1e-6, "the first ones are early"
        # Of all windows that end with a request, the fullest begins where there was the least before.
        excess = [totals[number] - most * moment for number, (moment, _) in enumerate(sent)]
        lowest = list(accumulate(excess, min))
        for number, (end, _) in enumerate(sent, 1):
            over = totals[number] - most * end - lowest[number - 1]
            assert over <= extra * senders + 1e-6


def send_at_once(
    requests: list[int], ceiling: Ceiling, *, shared: bool, chance: random.Random, late: bool
) -> Sent:
    """Senders that each have some requests to send, all of which wait for their turn at once.

    :param requests: how many each has
    :param late: whether everybody wakes up late, and asks over a slow network
    """
    sent: Sent = []

    async def send_all() -> None:
        clock = LateClock(chance if late else None)
        timeline = SlowTimeline(chance if late else None)

        async def attempt(rate: Rate) -> None:
            events = rate.most_in_batch if chance.random() < 0.8 else chance.randint(1, rate.most_in_batch)
            await rate.turn(events)
            sent.append((clock.monotonic(), events))

        async def sender(number: int) -> None:
            shares = timeline if shared else None
            rate = Rate(ceiling, clock=clock, senders=len(requests), timeline=shares)
            await asyncio.gather(*(attempt(rate) for _ in range(number)))

        await asyncio.gather(*map(sender, requests))

    run_in_virtual_time(send_all())
    assert len(sent) == sum(requests)
    return sent


ceilings = st.one_of(
    st.builds(Ceiling, st.floats(0.5, 1e6), st.none()),
    st.builds(Ceiling, st.none(), st.floats(0.5, 1e4)),
    st.builds(Ceiling, st.floats(0.5, 1e6), st.floats(0.5, 1e4)),
)
requests = st.lists(st.integers(0, 60), min_size=1, max_size=8)


@pytest.mark.parametrize("shared", [True, False])
@given(requests, ceilings, st.integers())
@examples(60)
def test_no_window_has_more_than_the_ceiling(
    shared: bool, requests: list[int], ceiling: Ceiling, seed: int
) -> None:
    """Any number of senders that wake up late and ask over a slow network."""
    sent = send_at_once(requests, ceiling, shared=shared, chance=random.Random(seed), late=True)
    assert_held(sent, ceiling, len(requests), ceiling.most_in_batch(len(requests)))


@given(requests, ceilings, st.integers())
@examples(60)
def test_a_shared_timeline_takes_the_ideal_time(requests: list[int], ceiling: Ceiling, seed: int) -> None:
    sent = send_at_once(requests, ceiling, shared=True, chance=random.Random(seed), late=False)
    ideal = sum(ceiling.seconds(events) for _, events in sent)
    assert max((moment for moment, _ in sent), default=0.0) == pytest.approx(ideal)


@pytest.mark.parametrize(
    ("ceiling", "senders", "most"),
    [
        (Ceiling(events=1_000), 1, 100),
        (Ceiling(events=1_000), 4, 25),
        (Ceiling(events=1_000), 1_000, 1),
        (Ceiling(events=0.1), 1, 1),
        (Ceiling(events=1e9), 1, MAX_BATCH_EVENTS),
        (Ceiling(requests=5), 1, MAX_BATCH_EVENTS),
        (Ceiling(events=1_000, requests=3), 4, 334),  # or there would be too few events a second
        (Ceiling(events=1_000, requests=100), 4, 25),
        (Ceiling(), 1, MAX_BATCH_EVENTS),
    ],
)
def test_a_batch_is_small_against_the_ceiling(ceiling: Ceiling, senders: int, most: int) -> None:
    assert ceiling.most_in_batch(senders) == most


# Through a whole send


def track(number: int) -> dict[str, Any]:
    return {"type": "track", "event": "Counted", "userId": "u", "properties": {"n": number}}


class Segment:
    """Accepts, or refuses and fails as a random number generator says."""

    def __init__(self, chance: random.Random | None = None, stop: Stop | None = None) -> None:
        self.sent: Sent = []
        self.accepted: list[int] = []
        self._chance = chance
        self._stop = stop

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        loop = asyncio.get_running_loop()
        numbers = [event["properties"]["n"] for event in json.loads(request.content)["batch"]]
        self.sent.append((loop.time(), len(numbers)))
        if self._stop is not None and len(self.sent) == 3:
            self._stop.request()
        await asyncio.sleep(0.08)
        if self._chance and any(number % 97 == 96 for number in numbers):
            return httpx.Response(400, json={"message": "malformed"})
        match self._chance and self._chance.randrange(10):
            case 0:
                return httpx.Response(500)
            case 1:
                return httpx.Response(429, headers={"Retry-After": "2"})
            case 2:
                raise httpx.ReadError("the connection is gone")
        self.accepted += numbers
        return httpx.Response(200, json={"success": True})


async def send(events: int, segment: Segment, stop: Stop | None = None, **options: Any) -> SendReport:
    clock = VirtualClock()
    transport = httpx.MockTransport(segment)
    settings = Settings(write_key="k")
    async with AsyncSegmentClient(settings, transport=transport, clock=clock) as client:
        sending = Sending(
            ItemSource([track(number) for number in range(events)]),
            Checker("k"),
            client,
            DeadLetters(None, logging.getLogger()),
            mapper=TemplateMapper(None, Compiling()),
            log=logging.getLogger(),
            stop=stop,
            **options,
        )
        return await sending.run()


@given(st.integers(0, 600), st.sampled_from([50, 1_000, 30_000]), st.sampled_from([None, 5]), st.integers())
@examples(20)
def test_retries_and_halves_count(events: int, per_second: float, requests: float | None, seed: int) -> None:
    segment = Segment(random.Random(seed))
    ceiling = Ceiling(per_second, requests)
    options = {"max_events_per_second": per_second, "max_requests_per_second": requests}
    report = run_in_virtual_time(send(events, segment, **options))
    assert report.sent == len(segment.accepted) and report.sent + report.rejected_total == events
    assert_held(segment.sent, ceiling, 1, ceiling.most_in_batch())


def test_nothing_is_sent_while_segment_wants_a_pause() -> None:
    """Also not what waited for its turn when Segment said so."""
    segment = Segment()
    pauses: list[float] = []

    async def paused_once(request: httpx.Request) -> httpx.Response:
        if len(segment.sent) == 5 and not pauses:
            pauses.append(asyncio.get_running_loop().time())
            return httpx.Response(429, headers={"Retry-After": "30"})
        return await segment(request)

    run_in_virtual_time(send(90, paused_once, max_events_per_second=50))  # type: ignore[arg-type]
    [began] = pauses
    moments = [moment for moment, _ in segment.sent]
    assert not [moment for moment in moments if began < moment < began + 30]
    assert len(segment.accepted) == 90
    assert_held(segment.sent, Ceiling(events=50), 1, 5)


def test_a_stop_does_not_wait_for_its_turn() -> None:
    stop = Stop()
    segment = Segment(stop=stop)

    async def stopped() -> float:
        with pytest.raises(SegmentStoppedError):
            await send(1_000, segment, stop, max_events_per_second=10)
        return asyncio.get_running_loop().time()

    assert run_in_virtual_time(stopped()) < 1.0
    assert len(segment.sent) == 3


# While the limiter is down


class Fallible:
    """A limiter with an error of its own."""

    name = "the rate limiter"

    def __init__(self, *faults: BaseException | None) -> None:
        self.asked: list[float] = []
        self.closed = 0
        self._faults = list(faults)

    def reserve(self, source: str, seconds: float) -> float:
        self.asked.append(seconds)
        fault = self._faults.pop(0) if self._faults else None
        if fault is not None:
            raise fault
        return seconds

    def close(self) -> None:
        self.closed += 1


def turns(
    limiter: Any, count: int, *, senders: int | None, clock: FakeClock, log: logging.Logger
) -> list[float]:
    """How long each of some turns of an eighth of a second took, with a rest between that takes no time."""

    async def run() -> list[float]:
        rate = make_rate(
            Ceiling(events=8), senders=senders, limiter=limiter, source="s", clock=clock, log=log
        )
        took = []
        for _ in range(count):
            before = clock.monotonic()
            await rate.turn(1)
            took.append(round(clock.monotonic() - before, 6))
            timeline: Any = rate._timeline
            if timeline._call is not None:
                await asyncio.wait([timeline._call])
        rate.close()
        return took

    return asyncio.run(run())


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> logging.Logger:
    caplog.set_level(logging.INFO)
    return logging.getLogger("tests.rate")


def test_each_keeps_to_its_part_while_the_limiter_is_down(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    limiter = Fallible(None, OSError("refused"), OSError("refused"))
    took = turns(limiter, 50, senders=4, clock=FakeClock(), log=log)
    # It is asked again, without reserving anything, after 10 seconds, and 10 after the half that this took.
    assert took == [0.125] + [0.5] * 42 + [0.125] * 7
    assert limiter.asked == [0.125, 0.125, 0.0, 0.0] + [0.125] * 7
    said = [record.getMessage() for record in caplog.records if record.name == log.name]
    assert said == [
        "the rate limiter does not answer (refused): until it does, this sender keeps to 2 events/s",
        "the rate limiter answers again",
    ]


@pytest.mark.parametrize(
    "fault", [StopIteration("odd"), GeneratorExit("odd"), asyncio.CancelledError("odd")], ids=repr
)
def test_an_error_of_any_kind_means_that_the_limiter_is_down(
    fault: BaseException, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    assert turns(Fallible(fault), 30, senders=4, clock=FakeClock(), log=log) == [0.5] * 21 + [0.125] * 9
    assert "odd" in caplog.text


@pytest.mark.parametrize("answer", [None, "0.125", -1.0, float("nan"), float("inf")])
def test_an_answer_that_is_no_time_means_that_the_limiter_is_down(answer: Any, log: logging.Logger) -> None:
    limiter: Any = Fallible()
    limiter.reserve = lambda source, seconds: answer
    assert turns(limiter, 5, senders=4, clock=FakeClock(), log=log) == [0.5] * 5


def test_without_a_part_nothing_is_sent_until_the_limiter_answers(log: logging.Logger) -> None:
    limiter = Fallible(*[OSError("refused")] * 3)
    assert turns(limiter, 2, senders=None, clock=FakeClock(), log=log) == [30.125, 0.125]
    assert limiter.asked == [0.125] * 5


def test_without_a_part_the_wait_for_the_limiter_has_an_end(log: logging.Logger) -> None:
    clock = FakeClock()
    limiter = Fallible(*[OSError("refused")] * 1_000)
    with pytest.raises(SegmentLimiterError, match="the rate limiter did not answer for 600 seconds"):
        turns(limiter, 1, senders=None, clock=clock, log=log)
    assert clock.monotonic() == shared_rate.PATIENCE


def test_a_limiter_that_cannot_be_used_ends_the_send(log: logging.Logger) -> None:
    limiter = Fallible(SegmentConfigurationError("no table"))
    with pytest.raises(SegmentConfigurationError, match="no table"):
        turns(limiter, 1, senders=4, clock=FakeClock(), log=log)


def test_a_limiter_that_hangs_holds_nobody_up(
    log: logging.Logger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import threading

    monkeypatch.setattr(shared_rate, "CALL_SECONDS", 0.01)
    answer = threading.Event()

    class Hanging(Fallible):
        def reserve(self, source: str, seconds: float) -> float:
            answer.wait()
            return super().reserve(source, seconds)

    limiter, clock = Hanging(), FakeClock()

    async def run() -> None:
        timeline = SharedTimeline(
            limiter, "s", share=OwnTimeline(clock, 2), meanwhile="less is sent", clock=clock, log=log
        )
        for _ in range(200):  # for longer than it takes to ask again
            assert await timeline.reserve(0.1) == pytest.approx(0.2)
            clock.sleep(0.2)
        assert timeline._call is not None, "it is the only call"
        answer.set()
        await timeline._call
        monkeypatch.setattr(shared_rate, "CALL_SECONDS", 600)
        assert await timeline.reserve(0.1) == 0.1
        timeline.close()

    asyncio.run(run())
    assert limiter.asked == [0.1, 0.1]
    assert [record.getMessage() for record in caplog.records if record.name == log.name] == [
        "the rate limiter does not answer (no answer within 0.01 seconds): until it does, less is sent",
        "the rate limiter answers again",
    ]


def test_the_number_of_senders_or_a_limiter_must_be_known(log: logging.Logger) -> None:
    given: dict[str, Any] = {"source": "s", "clock": FakeClock(), "log": log}
    with pytest.raises(SegmentConfigurationError, match="Set max_active_tis_per_dagrun"):
        make_rate(Ceiling(events=1), senders=None, limiter=None, **given)
    assert make_rate(Ceiling(), senders=None, limiter=None, **given)
    assert make_rate(Ceiling(events=1), senders=None, limiter=Fallible(), **given)


def test_the_key_of_a_source_hides_the_write_key() -> None:
    key = source_key("https://api.segment.io", "secret-write-key")
    assert "secret" not in key
    assert key == source_key("https://api.segment.io", "secret-write-key")
    assert key != source_key("https://events.eu1.segmentapis.com", "secret-write-key")
    assert key != source_key("https://api.segment.io", "another")
