"""The limits that Segment publishes, kept by the client before Segment has to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest

from airflow_provider_segment.api.client import AsyncSegmentClient, SegmentClient
from airflow_provider_segment.api.published_limits import LIMITS, Limit, limit_of
from airflow_provider_segment.api.rate_limits import MARGIN, RateLimiter, RateLimiters
from airflow_provider_segment.api.settings import Settings
from airflow_provider_segment.sandbox import Sandbox
from tests.harness.fake_clock import FakeClock

pytestmark = pytest.mark.core

SYNCS = "/warehouses/w1/syncs"
WINDOW = 60 + MARGIN
TWO = Limit("two a minute", 2, 60.0)


class Segment:
    """Answers as Segment does, and notes when it was asked."""

    def __init__(self, clock: FakeClock, **headers: str) -> None:
        self.clock = clock
        self.asked: list[float] = []
        self.headers = {"x-ratelimit-remaining": "1", **headers}
        self.answers: Iterator[httpx.Response] = iter(())

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(self.clock.monotonic())
        ordinary = httpx.Response(200, json={"data": {"reports": []}}, headers=self.headers)
        return next(self.answers, ordinary)

    def client(self, **settings: str) -> SegmentClient:
        given = Settings.model_validate({"public_api_token": "t", **settings})
        return SegmentClient(given, transport=httpx.MockTransport(self), clock=self.clock)


@pytest.fixture
def segment() -> Segment:
    return Segment(FakeClock())


def ask(client: SegmentClient, times: int, path: str = SYNCS) -> None:
    for _ in range(times):
        client.request("GET", path)


def test_two_a_minute_are_sent_and_no_more(segment: Segment) -> None:
    ask(segment.client(), 6)
    assert segment.asked == pytest.approx([0, 0, WINDOW, WINDOW, 2 * WINDOW, 2 * WINDOW])


def test_the_limit_counts_the_endpoint_not_the_id(segment: Segment) -> None:
    client = segment.client()
    for warehouse in ("w1", "w2", "w%2F3"):
        client.request("GET", f"/warehouses/{warehouse}/syncs")
    assert segment.asked == pytest.approx([0, 0, WINDOW])


def test_other_endpoints_are_not_kept_waiting(segment: Segment) -> None:
    client = segment.client()
    ask(client, 2)
    ask(client, 50, "/sources")
    ask(client, 2, "/warehouses/w1/connected-sources/s1/syncs")
    assert set(segment.asked) == {0}


def test_clients_with_the_same_credential_share_the_limit() -> None:
    limiters = RateLimiters()
    call = SegmentClient._call("GET", SYNCS)
    settings = Settings(public_api_token="t")  # type: ignore[arg-type]
    assert limiters.of(call, settings) is limiters.of(call, settings.model_copy())
    other = Settings(public_api_token="u")  # type: ignore[arg-type]
    assert limiters.of(call, settings) is not limiters.of(call, other)
    assert limiters.of(call, settings) is not limiters.of(call, settings.model_copy(update={"region": "eu"}))


def test_real_clients_of_a_process_share_their_rate_limiters() -> None:
    settings = Settings(public_api_token="t")  # type: ignore[arg-type]
    call = SegmentClient._call("GET", SYNCS)
    with SegmentClient(settings) as one, SegmentClient(settings) as other:
        assert one._limiter(call) is other._limiter(call)


def test_the_last_one_of_a_window_holds_all_until_its_end(segment: Segment) -> None:
    reset = format_datetime(segment.clock.now() + timedelta(seconds=45), usegmt=True)
    spent = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}
    # Another process of ours has used up the window.
    segment.answers = iter([httpx.Response(200, json={"data": {}}, headers=spent)])
    ask(segment.client(), 2)
    assert segment.asked == pytest.approx([0, 45])


def test_the_time_left_is_counted_by_segments_clock(segment: Segment) -> None:
    theirs = segment.clock.now() + timedelta(hours=1)
    headers = {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": format_datetime(theirs + timedelta(seconds=20), usegmt=True),
        "date": format_datetime(theirs, usegmt=True),
    }
    segment.answers = iter([httpx.Response(200, json={"data": {}}, headers=headers)])
    ask(segment.client(), 2)
    assert segment.asked == pytest.approx([0, 20])


def test_a_quota_by_the_month_is_no_reason_to_wait(segment: Segment) -> None:
    reset = format_datetime(segment.clock.now() + timedelta(days=20), usegmt=True)
    segment.headers |= {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}
    client = segment.client()
    for _ in range(3):
        client.request("POST", "/regulations", json={})
    assert set(segment.asked) == {0}


def test_a_429_holds_its_endpoint_alone(segment: Segment) -> None:
    refused = {"errors": [{"type": "RateLimited", "data": {"msBeforeNext": 30_000}}]}
    segment.answers = iter([httpx.Response(429, json=refused)])
    client = segment.client()
    ask(client, 1)
    assert segment.asked == pytest.approx([0, 30])
    ask(client, 1, "/sources")
    assert segment.asked[-1] == pytest.approx(30)


def test_a_gateway_that_does_not_count_has_no_limit(segment: Segment) -> None:
    segment.headers = {}
    ask(segment.client(base_url="http://gateway"), 10)
    assert set(segment.asked) == {0}


def test_a_gateway_that_counts_has_one(segment: Segment) -> None:
    ask(segment.client(base_url="http://gateway"), 3)
    assert segment.asked == pytest.approx([0, 0, WINDOW])


def test_a_limit_by_the_day_is_left_to_segment(segment: Segment) -> None:
    client = segment.client()
    for _ in range(121):
        client.request("POST", "/customer-insights/download", json={})
    assert set(segment.asked) == {0}


def test_coroutines_are_served_in_turn(segment: Segment) -> None:
    order: list[int] = []

    async def main() -> None:
        settings = Settings(public_api_token="t")  # type: ignore[arg-type]
        transport = httpx.MockTransport(segment)
        async with AsyncSegmentClient(settings, transport=transport, clock=segment.clock) as client:

            async def one(number: int) -> None:
                await client.request("GET", SYNCS)
                order.append(number)

            await asyncio.gather(*map(one, range(6)))

    asyncio.run(main())
    assert order == sorted(order)
    assert segment.asked[2:4] == pytest.approx([WINDOW] * 2, abs=2)
    assert segment.asked[4:] == pytest.approx([2 * WINDOW] * 2, abs=2)


def test_who_leaves_the_queue_keeps_nobody_waiting() -> None:
    limiter = RateLimiter(TWO)
    places = [limiter.queue() for _ in range(4)]
    for place in places:
        place.__enter__()
    assert [places[0].wait(0.0), places[1].wait(0.0)] == [0.0, 0.0]
    assert places[3].wait(WINDOW) == 0.0  # the places of a window are for the first two that wait
    places[2].__exit__()
    with limiter.queue() as late:
        assert late.wait(WINDOW) == 0.0


def test_every_published_limit_is_found_by_a_request() -> None:
    for endpoint, limit in LIMITS.items():
        method, path = endpoint.split()
        assert limit_of(method, path.replace("{}", "a%2Fb-1")) == limit
    assert limit_of("GET", "/sources") is None
    assert limit_of("POST", "/warehouses/w/syncs") is None


def test_the_sandbox_with_its_limits_on_never_has_to_refuse() -> None:
    with Sandbox(rate_limits=True) as sandbox:
        settings = Settings(public_api_token=sandbox.token, base_url=sandbox.url)  # type: ignore[arg-type]
        clock = FakeClock()
        clock.sleep = lambda seconds: (FakeClock.sleep(clock, seconds), sandbox.advance_clock(seconds))[0]  # type: ignore[method-assign]
        with SegmentClient(settings, clock=clock) as client:
            for _ in range(130):
                client.request(
                    "GET",
                    "/events/volume",
                    query={
                        "granularity": "MINUTE",
                        "startTime": "2026-01-01T00:00:00Z",
                        "endTime": "2026-01-01T01:00:00Z",
                    },
                )
        assert {request["status"] for request in sandbox.requests} == {200}
        assert sum(clock.slept) == pytest.approx(2 * WINDOW, abs=1)
