"""What errors say: what was asked, of whom, how often, and what to do."""

from __future__ import annotations

import asyncio
import re
import traceback
from typing import Any

import httpx
import pytest

from airflow_provider_segment import errors
from airflow_provider_segment.api.client import AsyncSegmentClient, SegmentClient
from airflow_provider_segment.api.settings import Settings
from airflow_provider_segment.hooks.segment import SegmentHook
from tests.harness.fake_clock import FakeClock
from tests.harness.scripted_api import ScriptedAPI

pytestmark = pytest.mark.core


def said(answer: httpx.Response | Exception, *request: Any, **options: Any) -> str:
    """The message of the error."""
    given = {"public_api_token": "t", "write_key": "w", "profile_api_token": "p", "name": "segment_x"}
    settings = Settings.model_validate(given | options.pop("settings", {}))

    def respond(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    client = SegmentClient(settings, transport=httpx.MockTransport(respond), clock=FakeClock())
    with pytest.raises(errors.SegmentError) as caught:
        client.request(*request, **options)
    return str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("api", ["public", "tracking", "profile"])
def test_a_redirect_names_where_it_leads_and_the_base_url(status: int, api: str) -> None:
    location = "https://user:secret@gate.example/v2/sources/s/writekey/secret?token=secret#secret"
    answer = httpx.Response(status, headers={"Location": location})
    message = said(answer, "GET", "/sources/s", api=api, settings={"base_url": "http://gate.example"})
    assert f"answered {status}" in message and "secret" not in message
    assert "https://gate.example/v2/sources/s/writekey/***" in message
    assert "base URL is http://gate.example" in message
    assert "proxy or gateway" in said(answer, "GET", "/sources/s", api=api)


@pytest.mark.parametrize("location", [None, "", "x" * 5000, "/" + "x" * 5000])
def test_a_redirect_to_anywhere(location: str | None) -> None:
    headers = {} if location is None else {"Location": location}
    message = said(httpx.Response(301, headers=headers), "GET", "/x")
    assert "301" in message and len(message) < 700


@pytest.mark.parametrize("status", [401, 403, 404])
def test_advice_speaks_of_the_credential_of_the_api(status: int) -> None:
    answer = httpx.Response(status, json={"message": "no"})
    tracking = said(answer, "POST", "/v1/track", api="tracking", json={})
    assert "token" not in tracking and ("write key" in tracking or "base URL" in tracking)
    profile = said(answer, "GET", "/v1/spaces/s/collections/users/profiles/x/traits", api="profile")
    assert "Profile API token" in profile and "role" not in profile and "workspace" not in profile
    assert "token" in said(answer, "GET", "/sources/s")


def test_a_404_behind_a_base_url_says_where_it_went() -> None:
    answer = httpx.Response(404)
    assert "http://gate/segment, and not to Segment" in said(
        answer, "GET", "/sources/s", settings={"base_url": "http://gate/segment"}
    )
    assert "base URL" not in said(answer, "GET", "/sources/s")


@pytest.mark.parametrize(
    ("method", "answer", "attempts"),
    [
        ("PATCH", httpx.Response(500, json={"errors": [{"message": "Connection settings are invalid"}]}), 1),
        ("POST", httpx.Response(503), 1),
        ("GET", httpx.Response(500), 4),
        ("POST", httpx.ReadError("reset"), 1),
        ("GET", httpx.ReadError("reset"), 4),
        ("POST", httpx.ConnectError("refused"), 4),
        ("POST", httpx.Response(429), 4),
    ],
)
def test_the_attempts_are_counted(method: str, answer: Any, attempts: int) -> None:
    message = said(answer, method, "/sources/s", settings={"retries": 3})
    assert f"{attempts} attempt{'s' if attempts > 1 else ''})" in message
    assert "kept" not in message and "all retries" not in message


def test_what_was_tried_once_for_good_is_not_counted() -> None:
    assert "attempt" not in said(httpx.Response(404), "GET", "/sources/s")


def test_the_request_id_and_the_connection_are_in_parentheses() -> None:
    answer = httpx.Response(422, headers={"X-Request-Id": "req-1"}, json={"errors": [{"message": "no"}]})
    message = said(answer, "POST", "/sources", json={})
    assert message.startswith("Correct the named field. POST /sources: Segment answered 422: no (request id")
    assert message.endswith("(request id req-1, connection 'segment_x')")
    assert "[" not in message


@pytest.mark.parametrize(
    "answer", [httpx.ReadError("reset"), httpx.Response(200, text="<html>"), httpx.Response(404)]
)
def test_each_error_of_a_request_names_the_connection(answer: Any) -> None:
    assert "connection 'segment_x'" in said(answer, "GET", "/sources/s")


def test_the_hook_knows_its_connection(scripted_api: ScriptedAPI) -> None:
    with pytest.raises(errors.SegmentNotFoundError, match="connection 'segment_default'"):
        SegmentHook().request("GET", "/sources/s")
    with pytest.raises(errors.SegmentConfigurationError, match="'segment_default' lacks a write key"):
        SegmentHook().track("Order", user_id="u")


def test_a_long_reason_is_cut() -> None:
    answer = httpx.Response(400, json={"errors": [{"message": "x" * 500_000}]})
    assert len(said(answer, "POST", "/sources", json={})) < 3_000


def answer_of(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/refused":
        return httpx.Response(404)
    raise httpx.ConnectError("nobody there")


@pytest.mark.parametrize("path", ["/refused", "/unanswered"])
@pytest.mark.parametrize("call", ["request", "paginate"])
@pytest.mark.parametrize("kind", [SegmentClient, AsyncSegmentClient])
def test_a_traceback_is_that_of_the_call(kind: Any, call: str, path: str) -> None:
    """None of the frames of retries and of the HTTP library: they would fill a task's log."""
    settings = Settings.model_validate({"public_api_token": "t", "retries": 2})
    client = kind(settings, transport=httpx.MockTransport(answer_of), clock=FakeClock())

    async def items() -> Any:
        return [item async for item in client.paginate(path)]

    def run() -> Any:
        if kind is AsyncSegmentClient:
            return asyncio.run(client.request("GET", path) if call == "request" else items())
        return client.request("GET", path) if call == "request" else list(client.paginate(path))

    with pytest.raises(errors.SegmentRequestError) as caught:
        run()
    text = "".join(traceback.format_exception(caught.type, caught.value, caught.tb))
    functions = re.findall(r'File ".*airflow_provider_segment/(.*)", line \d+, in (\w+)', text)
    assert functions == [("api/client.py", call)]
    assert "httpcore" not in text and "/httpx/" not in text
    assert ("httpx.ConnectError: nobody there" in text) == (path == "/unanswered")
