"""What the sandbox refuses, so that no page in a browser can use it, and nothing can break it."""

from __future__ import annotations

import gzip
import http.client
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers

from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sandbox.app import MAX_BYTES
from airflow_provider_segment.sandbox.browsers import Visitors


@pytest.fixture
def http_client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url, timeout=600) as client:
        yield client


EVENT = {"userId": "u", "event": "E", "writeKey": Sandbox.write_key}
PAGES = [
    "/_sandbox",
    "/_sandbox/state",
    "/sources",
    "/v1/spaces/s/collections/users/profiles/user_id:u/traits",
]


@pytest.mark.parametrize("path", [*PAGES, "/v1/track"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "localhost.evil.example", "", "[::", "10.0.0.1"]
)
def test_a_foreign_host_is_refused(http_client: httpx.Client, path: str, host: str) -> None:
    assert http_client.get(path, headers={"Host": host}).status_code in (
        400,
        403,
    )  # uvicorn refuses some itself


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.3.2.1:99", "[::1]:8765"])
def test_its_own_names_are_answered(http_client: httpx.Client, host: str) -> None:
    assert http_client.get("/_sandbox/state", headers={"Host": host}).status_code == 200


def test_a_name_that_it_is_given_is_answered() -> None:
    with Sandbox(names=["segment.local"]) as sandbox, httpx.Client(base_url=sandbox.url, timeout=600) as http:
        assert http.get("/_sandbox/state", headers={"Host": "segment.local"}).status_code == 200


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("origin", ["http://evil.example", "https://localhost:1", "null", ""])
def test_a_page_of_another_site_is_refused(http_client: httpx.Client, path: str, origin: str) -> None:
    assert http_client.get(path, headers={"Origin": origin}).status_code == 403


def test_a_reset_by_another_sites_page_has_no_effect(sandbox: Sandbox, http_client: httpx.Client) -> None:
    assert http_client.post("/v1/track", json=EVENT).status_code == 200
    headers = {"Origin": "http://evil.example"}
    assert http_client.post("/_sandbox/reset", headers=headers).status_code == 403
    assert len(sandbox.accepted) == 1
    assert http_client.post("/_sandbox/reset", headers={"Origin": sandbox.url}).status_code == 200
    assert sandbox.accepted == []


@pytest.mark.parametrize("path", ["/v1/track", "/v1/t", "/v1/batch"])
def test_any_page_may_send_events(sandbox: Sandbox, http_client: httpx.Client, path: str) -> None:
    headers = {"Origin": "https://shop.example"}
    asked = http_client.options(path, headers={**headers, "Access-Control-Request-Method": "POST"})
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    assert sandbox.accepted == []
    body = (
        EVENT
        if path != "/v1/batch"
        else {"batch": [{**EVENT, "type": "track"}], "writeKey": sandbox.write_key}
    )
    sent = http_client.post(path, json=body, headers=headers)
    assert (sent.status_code, sent.headers["Access-Control-Allow-Origin"]) == (200, "*")
    assert len(sandbox.accepted) == 1


def test_pages_carry_what_browsers_need_to_be_careful(http_client: httpx.Client) -> None:
    page = http_client.get("/_sandbox")
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in page.headers
    assert http_client.get("/sources").headers["X-Content-Type-Options"] == "nosniff"


def test_on_a_public_address_addresses_are_answered_and_names_are_not() -> None:
    def refusal(visitors: Visitors, host: str) -> str | None:
        return visitors.refusal(Headers({"Host": host}), any_origin=False)

    public = Visitors("0.0.0.0", ["segment"])
    assert refusal(public, "192.0.2.7:8765") is refusal(public, "segment:8765") is None
    assert refusal(public, "evil.example") and refusal(Visitors("127.0.0.1"), "192.0.2.7")


# What could break it


@pytest.mark.parametrize("path", ["/v1/batch", "/sources"])
def test_a_gzip_bomb_is_an_error(http_client: httpx.Client, path: str) -> None:
    bomb = gzip.compress(bytes(MAX_BYTES * 5))
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert http_client.post(path, content=bomb, headers=headers).status_code == 400
    assert http_client.post(path, content=bytes(MAX_BYTES * 2)).status_code == 400
    assert http_client.get("/_sandbox/state").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/_sandbox/clock", {"advance": 1e308}),
        ("POST", "/_sandbox/clock", {"advance": -1e12}),
        ("POST", "/_sandbox/clock", {"advance": 10**400}),
        ("POST", "/_sandbox/faults", {"kind": "slow", "seconds": 1e9}),
        ("POST", "/_sandbox/faults", {"kind": "slow", "seconds": -1}),
        ("POST", "/_sandbox/faults", {"kind": "reset", "rate": 7}),
        ("POST", "/_sandbox/faults", {"kind": "status", "status": 0}),
        ("POST", "/_sandbox/scripts", {"kind": "warehouse_sync", "seconds": 1e300}),
        ("POST", "/_sandbox/scripts", {"kind": "audience", "steps": [["Computing", -5]]}),
        ("PUT", "/_sandbox/rate_limit", {"requests": -1, "seconds": 60}),
        ("PUT", "/_sandbox/rate_limit", {"requests": 1, "seconds": 0}),
    ],
)
def test_nothing_it_is_told_keeps_it_from_accepting_a_reset(
    sandbox: Sandbox, http_client: httpx.Client, method: str, path: str, body: Any
) -> None:
    assert http_client.request(method, path, json=body).status_code == 400
    assert (
        http_client.get("/sources", headers={"Authorization": f"Bearer {sandbox.token}"}).status_code == 200
    )
    assert http_client.post("/_sandbox/reset").status_code == 200


def test_a_path_that_is_not_ascii_is_not_found(sandbox: Sandbox) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(sandbox.url.rpartition(":")[2]))
    connection.putrequest("GET", "/x", skip_host=False)
    connection._buffer[0] = b"GET /\xff\xfe HTTP/1.1"  # type: ignore[attr-defined]
    connection.endheaders()
    assert connection.getresponse().status in (400, 401, 404)
    connection.close()
