"""The waits that Segment asks for: what counts as one, and that nothing makes a client wait without end."""

from __future__ import annotations

import json
import math
from datetime import datetime, timezone
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment import errors
from airflow_provider_segment.api import retries, waits
from airflow_provider_segment.api.client import SegmentClient
from airflow_provider_segment.api.settings import Settings
from tests.harness.fake_clock import FakeClock

pytestmark = pytest.mark.core

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)

NO_WAITS = [
    "-5",
    "-0",
    "0",
    "0.0",
    "+5",
    "NaN",
    "nan",
    "inf",
    "-Infinity",
    "1e400",
    "1e3",
    "1_000",
    "0x10",
    "\u0665",
    "9" * 400,
    "9" * 60_000,
    "5, 5",
    "5;5",
    "",
    " ",
    "soon",
    "Fri, 02 Jan 2026 00:00:09",
    "Fri, 02 Jan 2026 00:00:09 -0000",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "Fri, 31 Dec 99999 23:59:59 GMT",
    "Fri, 31 Dec 1 23:59:59 GMT",
    "Thu, 01 Jan 2026 00:00:00 GMT",
    "Fri, 32 Jan 2026 00:00:00 GMT",
    "Fri, 02 Jan 2026 99:00:00 GMT",
    "Fri, 02 Jan 2026 00:00:00 +99999999999999999999",
    "2026-01-02T00:00:09Z",
]
NO_WAITS_IN_JSON = [
    *("-5", "0", "-0.0", "1e400", "-1e400", "9" * 400, "9" * 4_000, "9" * 5_000, "NaN", "Infinity"),
    *("null", "true", "false", "[]", "[5]", "{}", '"soon"', '"-5"', '"NaN"', '"Infinity"', '""'),
]


def refusal(headers: dict[str, str], body: bytes = b"") -> httpx.Response:
    return httpx.Response(429, headers=headers, content=body)


def ms_before_next(value: str) -> bytes:
    return b'{"errors": [{"type": "RateLimited", "data": {"msBeforeNext": %b}}]}' % value.encode()


def insist(respond: Any, **settings: Any) -> tuple[list[float], errors.SegmentError, int]:
    """Ask somebody who always refuses: the waits, the error, and the number of requests."""
    clock, asked = FakeClock(), []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        assert len(asked) < 50_000
        answer: httpx.Response = respond()
        return answer

    client = SegmentClient(
        Settings.model_validate({"public_api_token": "t", **settings}),
        transport=httpx.MockTransport(handler),
        clock=clock,
    )
    with pytest.raises(errors.SegmentError) as caught:
        client.request("GET", "/sources/s1")
    return clock.slept, caught.value, len(asked)


@pytest.mark.parametrize("name", ["Retry-After", "X-RateLimit-Reset"])
@pytest.mark.parametrize("value", NO_WAITS, ids=lambda value: value[:40])
def test_a_header_that_names_no_wait_leaves_the_retries_as_they_are(name: str, value: str) -> None:
    # Bytes: a client cannot be kept from sending what is no ASCII.
    headers: Any = {name: value.encode()}
    slept, error, requests = insist(lambda: refusal(headers), retries=3)
    assert isinstance(error, errors.SegmentRateLimitError) and error.retry_after is None
    assert requests == 4 and all(seconds <= retries.BACKOFF_MAX for seconds in slept)


@pytest.mark.parametrize("value", NO_WAITS_IN_JSON, ids=lambda value: value[:40])
def test_a_member_that_names_no_wait_leaves_the_retries_as_they_are(value: str) -> None:
    _, error, requests = insist(lambda: refusal({}, ms_before_next(value)), retries=3)
    assert isinstance(error, errors.SegmentRateLimitError) and error.retry_after is None
    assert requests == 4


def test_the_next_place_counts_where_the_first_names_no_wait() -> None:
    answer = refusal({"Retry-After": "-5", "X-RateLimit-Reset": "7"}, ms_before_next("true"))
    assert waits.retry_after(answer, json.loads(ms_before_next("true")), NOW) == 7
    assert waits.retry_after(answer, json.loads(ms_before_next("1500")), NOW) == 1.5


@pytest.mark.parametrize("date", NO_WAITS, ids=lambda value: value[:40])
def test_a_date_that_is_none_is_replaced_by_this_machines(date: str) -> None:
    headers: Any = {
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "Fri, 02 Jan 2026 00:00:30 GMT",
        "Date": date.encode(),
    }
    seconds = waits.seconds_until_reset(httpx.Response(200, headers=headers), NOW)
    assert seconds is None or 0 < seconds <= waits.LONGEST


NUMBERS = st.one_of(
    st.integers(), st.floats(), st.integers(10**300, 10**500), st.decimals(), st.just("1" * 5000)
).map(str)
DATES = st.datetimes(timezones=st.just(timezone.utc)).map(
    lambda moment: moment.strftime("%a, %d %b %Y %T GMT")
)
HEADERS = st.one_of(NUMBERS, DATES, st.sampled_from(NO_WAITS)).map(str.encode) | st.binary(max_size=80)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    status=st.sampled_from([200, 429, 500, 503]),
    headers=st.dictionaries(
        st.sampled_from(["Retry-After", "X-RateLimit-Reset", "X-RateLimit-Remaining", "Date"]), HEADERS
    ),
    milliseconds=JSON,
)
def test_no_answer_makes_a_client_fail_otherwise_or_wait_without_end(
    status: int, headers: dict[str, bytes], milliseconds: Any
) -> None:
    body = json.dumps({"errors": [{"data": {"msBeforeNext": milliseconds}}]}).encode()
    given: Any = headers

    def respond() -> httpx.Response:
        return httpx.Response(status, headers=given, content=b"<html>" if status == 200 else body)

    slept, _, _ = insist(respond, retries=2)
    assert all(0 <= seconds < math.inf for seconds in slept)
    assert sum(slept) <= retries.PATIENCE["public"].budget


@given(value=st.one_of(HEADERS.map(lambda value: value.decode("latin-1")), JSON))
def test_a_named_wait_is_none_or_sane(value: Any) -> None:
    for per_second in (1, 1000):
        seconds = waits.named_seconds(value, NOW, per_second=per_second)
        assert seconds is None or 0 < seconds <= waits.LONGEST
