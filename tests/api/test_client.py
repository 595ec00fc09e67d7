"""Both clients: requests, answers, errors, retries, waits, pages. One set of tests runs on both."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from airflow_provider_segment import errors
from airflow_provider_segment.api import retries
from airflow_provider_segment.api.calls import Call
from airflow_provider_segment.api.client import AsyncSegmentClient, SegmentClient
from airflow_provider_segment.api.paths import fill_path, query_pairs
from airflow_provider_segment.api.settings import Settings
from airflow_provider_segment.sandbox import Sandbox
from tests.harness.fake_clock import FakeClock

TOKEN = "sgp_the-very-secret-token"
WRITE_KEY = "the-very-secret-write-key"
Respond = Callable[[httpx.Request], httpx.Response]


class Api:
    """A client, blocking or not, behind one blocking face, on a network that the test plays."""

    def __init__(self, kind: type[Any], respond: Respond, **settings: Any) -> None:
        self.clock = FakeClock()
        self.requests: list[httpx.Request] = []

        def handler(request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            return respond(request)

        self._client = kind(
            Settings(public_api_token=TOKEN, write_key=WRITE_KEY, profile_api_token="profile", **settings),
            transport=httpx.MockTransport(handler),
            clock=self.clock,
        )

    def request(self, *arguments: Any, **options: Any) -> Any:
        answer = self._client.request(*arguments, **options)
        return asyncio.run(answer) if inspect.isawaitable(answer) else answer

    def paginate(self, *arguments: Any, **options: Any) -> list[Any]:
        items = self._client.paginate(*arguments, **options)
        if isinstance(items, Iterator):
            return list(items)

        async def collect() -> list[Any]:
            return [item async for item in items]

        return asyncio.run(collect())

    @property
    def retried(self) -> int:
        retried: int = self._client.retried
        return retried


@pytest.fixture(params=[SegmentClient, AsyncSegmentClient])
def make_api(request: pytest.FixtureRequest) -> Callable[..., Api]:
    return lambda respond, **settings: Api(request.param, respond, **settings)


def in_turn(*steps: httpx.Response | Exception) -> Respond:
    """Answers one step a request, the last one for ever."""
    left = list(steps)

    def respond(request: httpx.Request) -> httpx.Response:
        step = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(step, Exception):
            raise step
        return httpx.Response(step.status_code, headers=step.headers, content=step.content)

    return respond


OK = httpx.Response(200, json={"data": {"source": {"id": "s1"}}})
DELIVERED = httpx.Response(200, json={"success": True})


# Requests


@pytest.mark.parametrize(
    ("settings", "api", "url"),
    [
        ({}, "public", "https://api.segmentapis.com/sources"),
        ({"region": "eu"}, "public", "https://eu1.api.segmentapis.com/sources"),
        ({}, "tracking", "https://api.segment.io/sources"),
        ({"region": "eu"}, "tracking", "https://events.eu1.segmentapis.com/sources"),
        ({}, "profile", "https://profiles.segment.com/sources"),
        ({"region": "EU"}, "profile", "https://profiles.euw1.segment.com/sources"),
        ({"base_url": "http://127.0.0.1:1/gate/"}, "public", "http://127.0.0.1:1/gate/sources"),
        ({"base_url": "gate.example.com", "region": "eu"}, "tracking", "https://gate.example.com/sources"),
    ],
)
def test_each_api_of_each_region_has_its_host(
    make_api: Callable[..., Api], settings: dict[str, Any], api: str, url: str
) -> None:
    client = make_api(in_turn(DELIVERED), **settings)
    client.request("GET", "/sources", api=api)
    assert str(client.requests[0].url) == url


def test_each_api_gets_its_own_credential(make_api: Callable[..., Api]) -> None:
    client = make_api(in_turn(DELIVERED))
    for api in ("public", "tracking", "profile"):
        client.request("GET", "/", api=api)
    public, tracking, profile = (request.headers["Authorization"] for request in client.requests)
    assert public == f"Bearer {TOKEN}"
    assert tracking == f"Basic {base64.b64encode(f'{WRITE_KEY}:'.encode()).decode()}"
    assert profile == f"Basic {base64.b64encode(b'profile:').decode()}"


def test_a_body_is_json_and_names_us(make_api: Callable[..., Api]) -> None:
    client = make_api(in_turn(OK))
    client.request("post", "/sources", json={"name": "Größe", "settings": None})
    (request,) = client.requests
    assert (request.method, json.loads(request.content)) == ("POST", {"name": "Größe", "settings": None})
    assert request.headers["Content-Type"] == request.headers["Accept"] == "application/json"
    assert request.headers["User-Agent"].startswith("airflow-provider-segment/")


def test_a_vendor_media_type_is_sent_and_accepted(make_api: Callable[..., Api]) -> None:
    client = make_api(in_turn(OK))
    client.request("POST", "/x", json={}, media_type="application/vnd.segment.v1alpha+json")
    (request,) = client.requests
    assert (
        request.headers["Content-Type"] == request.headers["Accept"] == "application/vnd.segment.v1alpha+json"
    )


def test_without_a_body_none_is_announced(make_api: Callable[..., Api]) -> None:
    client = make_api(in_turn(OK))
    client.request("POST", "/functions/f/deploy")
    (request,) = client.requests
    assert request.content == b"" and "Content-Type" not in request.headers


@pytest.mark.parametrize("path", ["https://evil.example.com/", "//evil.example.com/x", "sources", ""])
def test_no_path_leaves_the_host(make_api: Callable[..., Api], path: str) -> None:
    client = make_api(in_turn(OK))
    with pytest.raises(errors.SegmentConfigurationError):
        client.request("GET", path)
    assert not client.requests


def test_a_missing_credential_is_named(make_api: Callable[..., Api]) -> None:
    client = SegmentClient(Settings())
    with pytest.raises(errors.SegmentConfigurationError, match="write key"):
        client.request("POST", "/v1/track", api="tracking", json={})


def test_the_wire_form_of_queries() -> None:
    query = {
        "pagination": {"count": 3, "cursor": "Mw=="},
        "groupBy": ["eventType", "source"],
        "filter": {"eventName": ["a"]},
        "flag": True,
        "nothing": None,
    }
    assert query_pairs(query) == [
        ("pagination.count", "3"),
        ("pagination.cursor", "Mw=="),
        ("groupBy.0", "eventType"),
        ("groupBy.1", "source"),
        ("filter.eventName.0", "a"),
        ("flag", "true"),
    ]


def test_path_parts_are_encoded() -> None:
    values = {"key": "a/b", "value": "Order Completed?"}
    assert fill_path("/labels/{key}/{value}", values) == "/labels/a%2Fb/Order%20Completed%3F"


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_path_parts_that_would_change_the_path_are_refused(value: str) -> None:
    with pytest.raises(errors.SegmentConfigurationError, match="sourceId"):
        fill_path("/sources/{sourceId}", {"sourceId": value})


# Answers and errors


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, errors.SegmentBadRequestError),
        (401, errors.SegmentAuthenticationError),
        (403, errors.SegmentPermissionError),
        (404, errors.SegmentNotFoundError),
        (409, errors.SegmentConflictError),
        (413, errors.SegmentTooLargeError),
        (418, errors.SegmentAPIError),
        (422, errors.SegmentValidationError),
        (429, errors.SegmentRateLimitError),
        (500, errors.SegmentServerError),
        (599, errors.SegmentServerError),
    ],
)
def test_each_status_has_its_error(
    make_api: Callable[..., Api], status: int, error: type[errors.SegmentAPIError]
) -> None:
    body = {"errors": [{"type": "input-validation", "message": "no such slug", "field": "slug"}]}
    client = make_api(
        in_turn(httpx.Response(status, json=body, headers={"X-Request-Id": "req-1"})), retries=0
    )
    with pytest.raises(error) as caught:
        client.request("POST", "/sources", json={})
    found = caught.value
    assert type(found) is error
    assert (found.method, found.path, found.status) == ("POST", "/sources", status)
    assert (found.errors, found.request_id) == (body["errors"], "req-1")
    for part in ("POST /sources", str(status), "input-validation no such slug (field slug)", "req-1"):
        assert part in str(found)


@pytest.mark.parametrize(
    "content", [b"<html>busy</html>", b'["x"]', b'{"errors": "x"}', b'{"errors": [1]}', b""]
)
def test_errors_of_another_shape_are_errors_still(make_api: Callable[..., Api], content: bytes) -> None:
    client = make_api(in_turn(httpx.Response(404, content=content)))
    with pytest.raises(errors.SegmentNotFoundError, match="GET /sources/x: Segment answered 404"):
        client.request("GET", "/sources/x")


def test_the_tracking_apis_own_error_message_is_shown(make_api: Callable[..., Api]) -> None:
    body = {"success": False, "code": "invalid_request", "message": "Exceed payload limit"}
    client = make_api(in_turn(httpx.Response(400, json=body)))
    with pytest.raises(errors.SegmentBadRequestError, match="invalid_request Exceed payload limit"):
        client.request("POST", "/v1/batch", api="tracking", json={})


def test_raw_newlines_in_a_functions_code_are_read(make_api: Callable[..., Api]) -> None:
    client = make_api(in_turn(httpx.Response(200, content=b'{"data": {"code": "a\nb"}}')))
    assert client.request("GET", "/functions/f").data == {"code": "a\nb"}


def test_no_secret_is_in_an_error_or_a_log(
    make_api: Callable[..., Api], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = make_api(in_turn(httpx.Response(500)), log_requests=True)
    with pytest.raises(errors.SegmentServerError) as caught:
        client.request("DELETE", f"/sources/s1/writekey/{WRITE_KEY}", query={"q": "x"})
    shown = caplog.text + str(caught.value) + repr(caught.value) + repr(client._client.settings)
    assert WRITE_KEY not in shown and TOKEN not in shown
    assert "/sources/s1/writekey/***" in str(caught.value)


def test_requests_are_logged_at_debug_or_by_the_switch(
    make_api: Callable[..., Api], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "airflow_provider_segment")
    for switch, level in ((False, logging.DEBUG), (True, logging.INFO)):
        caplog.clear()
        make_api(in_turn(OK), log_requests=switch).request("GET", "/sources/s1")
        (record,) = (
            record for record in caplog.records if record.name.startswith("airflow_provider_segment")
        )
        assert record.levelno == level
        assert "GET /sources/s1 -> 200" in record.getMessage()


# Retries


REFUSED = httpx.ConnectError("refused")
RESET = httpx.ReadError("reset")
CUT = httpx.RemoteProtocolError("peer closed")
LATE = httpx.ReadTimeout("late")


@pytest.mark.parametrize(
    ("method", "fault", "again"),
    [
        ("GET", RESET, True),
        ("GET", LATE, True),
        ("GET", httpx.Response(500), True),
        ("GET", httpx.Response(200, content=b"<html>"), True),
        ("PUT", CUT, True),
        ("DELETE", httpx.Response(503), True),
        ("GET", httpx.Response(429), True),
        ("GET", httpx.Response(404), False),
        ("PUT", httpx.Response(422), False),
        ("POST", REFUSED, True),
        ("PATCH", httpx.Response(429), True),
        ("POST", RESET, False),
        ("POST", LATE, False),
        ("PATCH", CUT, False),
        ("POST", httpx.Response(500), False),
        ("POST", httpx.Response(200, content=b"<html>"), False),
    ],
)
def test_the_public_api_is_asked_again_only_where_that_is_safe(
    make_api: Callable[..., Api], method: str, fault: httpx.Response | Exception, again: bool
) -> None:
    client = make_api(in_turn(fault, OK))
    if again:
        assert client.request(method, "/sources/s1").data == {"source": {"id": "s1"}}
    else:
        with pytest.raises(errors.SegmentError):
            client.request(method, "/sources/s1")
    assert (len(client.requests), client.retried) == ((2, 1) if again else (1, 0))


@pytest.mark.parametrize(
    ("fault", "repeated"),
    [(RESET, True), (httpx.Response(503), True), (REFUSED, False), (httpx.Response(429), False)],
)
def test_an_error_says_whether_an_earlier_attempt_may_have_run(
    make_api: Callable[..., Api], fault: httpx.Response | Exception, repeated: bool
) -> None:
    client = make_api(in_turn(fault, httpx.Response(404)))
    with pytest.raises(errors.SegmentNotFoundError) as caught:
        client.request("DELETE", "/sources/s1")
    assert caught.value.repeated is repeated


@pytest.mark.parametrize("status", [408, 410, 429, 460, 500, 502, 503, 504, 599])
def test_events_are_sent_again_where_segments_own_libraries_do(
    make_api: Callable[..., Api], status: int
) -> None:
    client = make_api(in_turn(httpx.Response(status), RESET, LATE, httpx.Response(200, text="ok"), DELIVERED))
    client.request("POST", "/v1/batch", api="tracking", json={})
    assert [request.headers["X-Retry-Count"] for request in client.requests] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 501, 505, 511])
def test_events_are_not_sent_again_where_that_is_useless(make_api: Callable[..., Api], status: int) -> None:
    client = make_api(in_turn(httpx.Response(status), DELIVERED))
    with pytest.raises(errors.SegmentAPIError):
        client.request("POST", "/v1/batch", api="tracking", json={})
    assert len(client.requests) == 1


@pytest.mark.parametrize("content", [b"<html>log in</html>", b"{}", b'{"success": false}', b"[]", b""])
def test_a_200_that_is_not_segments_is_no_delivery(make_api: Callable[..., Api], content: bytes) -> None:
    client = make_api(in_turn(httpx.Response(200, content=content)), retries=2)
    with pytest.raises(errors.SegmentAnswerError):
        client.request("POST", "/v1/batch", api="tracking", json={})
    assert len(client.requests) == 3


def test_the_body_of_each_attempt_is_made_anew(make_api: Callable[..., Api]) -> None:
    client = make_api(in_turn(httpx.Response(503), DELIVERED))
    client.request("POST", "/v1/track", api="tracking", body=lambda now: now.isoformat().encode())
    first, second = (datetime.fromisoformat(request.content.decode()) for request in client.requests)
    assert second - first == timedelta(seconds=client.clock.slept[0])


def test_backoff_doubles_up_to_a_cap(make_api: Callable[..., Api]) -> None:
    client = make_api(in_turn(httpx.Response(503)))
    with pytest.raises(errors.SegmentServerError):
        client.request("POST", "/v1/batch", api="tracking", json={})
    waits = client.clock.slept
    assert len(waits) == retries.PATIENCE["tracking"].retries
    for number, wait in enumerate(waits):
        full = min(retries.BACKOFF_MAX, retries.BACKOFF_FIRST * 2**number)
        assert full / 2 <= wait <= full


@pytest.mark.parametrize(
    ("response", "seconds"),
    [
        (httpx.Response(429, headers={"Retry-After": "7"}), 7),
        (httpx.Response(503, headers={"Retry-After": "2.5"}), 2.5),
        (
            httpx.Response(
                429,
                headers={"Retry-After": format_datetime(datetime(2026, 1, 2, 0, 0, 9, tzinfo=timezone.utc))},
            ),
            9,
        ),
        (httpx.Response(429, json={"errors": [{"type": "x", "data": {"msBeforeNext": 1500}}]}), 1.5),
        (httpx.Response(429, headers={"X-RateLimit-Reset": "12"}), 12),
        (httpx.Response(429, headers={"X-RateLimit-Reset": "Fri, 02 Jan 2026 00:00:30 GMT"}), 30),
        (httpx.Response(429, headers={"Retry-After": "0.001"}), retries.SERVER_WAIT_MIN),
        (httpx.Response(429, headers={"Retry-After": "86400"}), retries.SERVER_WAIT_MAX),
    ],
)
def test_segments_own_word_on_the_wait_comes_first(
    make_api: Callable[..., Api], response: httpx.Response, seconds: float
) -> None:
    client = make_api(in_turn(response, OK))
    client.request("GET", "/sources/s1")
    assert client.clock.slept == [seconds]


@pytest.mark.parametrize(
    "headers", [{"Retry-After": "0"}, {"X-RateLimit-Reset": "Thu, 01 Jan 2026 00:00:00 GMT"}]
)
def test_a_wait_of_nothing_is_no_invitation_to_ask_for_ever(
    make_api: Callable[..., Api], headers: dict[str, str]
) -> None:
    client = make_api(in_turn(httpx.Response(429, headers=headers)), retries=3)
    with pytest.raises(errors.SegmentRateLimitError):
        client.request("GET", "/sources/s1")
    assert len(client.requests) == 4


def test_a_shorter_wait_does_not_shorten_a_longer_one() -> None:
    client = SegmentClient(Settings(write_key="k"), clock=FakeClock())
    call = Call("POST", "/v1/batch", "tracking")
    for seconds in (30.0, 1.0):
        failure = errors.SegmentRateLimitError("POST", "/v1/batch", 429, [], retry_after=seconds)
        client._wait(call, client._rule(call), failure)
    assert client._limiter(call).blocked_for(client.clock.monotonic()) == 30


@pytest.mark.parametrize("secret", ["k\u00e9y", "a\nb", "a b\x00"])
def test_a_credential_that_no_header_can_hold_is_refused_unseen(secret: str) -> None:
    with pytest.raises(ValueError, match="characters") as caught:
        Settings(write_key=secret)
    assert secret not in str(caught.value)


def test_white_space_around_a_credential_is_not_part_of_it() -> None:
    settings = Settings(write_key=" key\n", public_api_token="token\r\n", base_url=" http://x ")
    assert settings.write_key and settings.write_key.get_secret_value() == "key"
    assert settings.public_api_token and settings.public_api_token.get_secret_value() == "token"
    assert settings.base_url == "http://x"


@pytest.mark.parametrize("base_url", ["http://user:password@gate", "htps://x", "http://x:port", "https://"])
def test_a_base_url_that_is_none_is_refused(base_url: str) -> None:
    with pytest.raises(ValueError) as caught:
        Settings(base_url=base_url)
    assert "password@" not in str(caught.value)


def test_what_was_not_answered_is_logged_too(
    make_api: Callable[..., Api], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(errors.SegmentTransportError):
        make_api(in_turn(RESET), log_requests=True).request("POST", "/sources", json={})
    assert "POST /sources -> no answer (ReadError)" in caplog.text


def test_waits_that_segment_asked_for_do_not_count_as_retries(make_api: Callable[..., Api]) -> None:
    busy = httpx.Response(429, headers={"Retry-After": "1"})
    client = make_api(in_turn(*[busy] * 50, OK), retries=0)
    client.request("POST", "/sources", json={})
    assert client.retried == 50


def test_the_budget_ends_even_waits_that_segment_asked_for(make_api: Callable[..., Api]) -> None:
    client = make_api(in_turn(httpx.Response(429, headers={"Retry-After": "60"})))
    with pytest.raises(errors.SegmentRateLimitError, match=r"1\d attempts") as caught:
        client.request("GET", "/warehouses/w/syncs")
    assert caught.value.retry_after == 60
    assert sum(client.clock.slept) <= retries.PATIENCE["public"].budget


def test_a_429_pauses_every_sender_of_the_client() -> None:
    clock = FakeClock()
    respond = in_turn(httpx.Response(429, headers={"Retry-After": "5"}), DELIVERED)
    sent_at: list[float] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent_at.append(clock.monotonic())
        return respond(request)

    async def run() -> None:
        settings = Settings(write_key=WRITE_KEY)
        async with AsyncSegmentClient(
            settings, transport=httpx.MockTransport(handler), clock=clock
        ) as client:
            await asyncio.gather(
                *(client.request("POST", "/v1/batch", api="tracking", json={}) for _ in range(5))
            )

    asyncio.run(run())
    assert sent_at[0] == 0 and min(sent_at[1:]) >= 5


# Pages


def test_pages_are_followed_until_there_is_no_next(make_api: Callable[..., Api]) -> None:
    one, two, three = [{"id": "1"}], [{"id": "2"}], [{"id": "3"}]
    pages = {None: (one, "Mg=="), "Mg==": (two, "NA=="), "NA==": (three, None)}

    def respond(request: httpx.Request) -> httpx.Response:
        items, following = pages[request.url.params.get("pagination.cursor")]
        pagination = {"current": "x", "next": following} if following else {"current": "x"}
        return httpx.Response(200, json={"data": {"things": items, "pagination": pagination}})

    client = make_api(respond)
    assert client.paginate("/things", query={"sort": "name"}, page_size=2) == one + two + three
    assert {request.url.params["pagination.count"] for request in client.requests} == {"2"}
    assert {request.url.params["sort"] for request in client.requests} == {"name"}
    assert b"pagination.cursor=Mg%3D%3D" in client.requests[1].url.query


@pytest.mark.parametrize(("limit", "items", "requests"), [(0, 0, 0), (1, 1, 1), (2, 2, 1), (3, 3, 2)])
def test_a_limit_asks_for_no_more_than_needed(
    make_api: Callable[..., Api], limit: int, items: int, requests: int
) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        count = int(request.url.params["pagination.count"])
        cursor = request.url.params.get("pagination.cursor", "") + "x"
        return httpx.Response(200, json={"data": {"t": [{}] * count, "pagination": {"next": cursor}}})

    client = make_api(respond)
    assert len(client.paginate("/t", page_size=2, limit=limit)) == items
    assert len(client.requests) == requests


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"a": [1], "b": [2]}, None),
        ({"a": [1]}, "b"),
        ({"a": 1}, None),
        ([1], None),
        ({"a": [{}], "pagination": {"next": "same"}}, None),
    ],
)
def test_a_list_that_is_not_one_is_an_error(make_api: Callable[..., Api], data: Any, key: str | None) -> None:
    client = make_api(in_turn(httpx.Response(200, json={"data": data})))
    with pytest.raises(errors.SegmentAnswerError):
        client.paginate("/x", key=key)


@pytest.mark.parametrize("cursors", ["AA", "ABAB"])
def test_pages_that_would_never_end(make_api: Callable[..., Api], cursors: str) -> None:
    answers = ({"a": [{}], "pagination": {"next": cursor}} for cursor in cursors)
    client = make_api(lambda _: httpx.Response(200, json={"data": next(answers)}))
    with pytest.raises(errors.SegmentAnswerError, match="seen before"):
        client.paginate("/x")


# Against the sandbox, over HTTP


@pytest.mark.core
def test_a_list_of_several_pages(segment_sandbox: Sandbox) -> None:
    settings = Settings(base_url=segment_sandbox.url, public_api_token=segment_sandbox.token)
    with SegmentClient(settings) as client:
        for number in range(7):
            client.request(
                "POST",
                "/sources",
                json={"slug": f"s{number}", "enabled": True, "metadataId": "IqDTy1TpoU"},
            )
        before = len(segment_sandbox.requests)
        slugs = [source["slug"] for source in client.paginate("/sources", page_size=3)]
    assert {f"s{number}" for number in range(7)} < set(slugs)
    assert len(segment_sandbox.requests) - before == -(-len(slugs) // 3)


@pytest.mark.core
def test_real_faults_on_a_real_network(segment_sandbox: Sandbox) -> None:
    settings = Settings(
        base_url=segment_sandbox.url,
        public_api_token=segment_sandbox.token,
        write_key=segment_sandbox.write_key,
    )
    for kind in ("reset", "truncated", "not_json"):
        segment_sandbox.faults.add(kind, next=1)
    clock = FakeClock()
    with SegmentClient(settings, clock=clock) as client:
        assert client.request("GET", "/").data["workspace"]["name"]
        assert client.retried == 3
        segment_sandbox.faults.add("reset", next=1)
        with pytest.raises(errors.SegmentTransportError) as caught:
            client.request("POST", "/sources", json={})
        assert not caught.value.never_ran


@pytest.mark.core
def test_a_refused_connection_never_ran(refusing: str) -> None:
    settings = Settings(base_url=refusing, public_api_token=TOKEN)
    with (
        SegmentClient(settings, clock=FakeClock()) as client,
        pytest.raises(errors.SegmentTransportError) as caught,
    ):
        client.request("POST", "/sources", json={})
    assert caught.value.never_ran and client.retried == retries.PATIENCE["public"].retries
