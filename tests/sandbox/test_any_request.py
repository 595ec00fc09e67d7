"""The sandbox with any request: an answer, no failure of its own, and it can be reset."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sandbox.faults import Fault
from airflow_provider_segment.sandbox.kinds import kinds_of
from airflow_provider_segment.sandbox.scripts import Script

KINDS = [tag for base in (Fault, Script) for tag, _ in kinds_of(base)]
NAMES = ["kind", "when", "api", "path", "next", "rate", "seconds", "status", "advance", "freeze", "requests"]
NAMES += [
    "batch",
    "type",
    "userId",
    "anonymousId",
    "groupId",
    "traits",
    "messageId",
    "sentAt",
    "context",
    "event",
    "members",
    "scopes",
    "expires_in",
    "source",
]
TEXT = st.text(max_size=8) | st.sampled_from(
    ["track", "identify", "group", "alias", "u1", "2026-01-01", *KINDS]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | TEXT, inner, max_size=4)
    ),
    max_leaves=12,
)
BODIES = st.one_of(
    JSON.map(lambda body: json.dumps(body).encode()),
    st.binary(max_size=20),
    st.sampled_from(
        [b"[" * 100_000, b'{"advance":1e999}', b'{"batch":[' + b"[" * 5_000, b"\xff", b'"\\ud83d"']
    ),
)
FORM = "application/x-www-form-urlencoded"
CONTROL = [
    "state",
    "accepted",
    "dropped",
    "event",
    "events",
    "overview",
    "snippets",
    "workspace",
    "page/page.js",
    "requests",
    "faults",
    "scripts",
    "rate_limit",
    "published_limits",
    "clock",
    "oauth_apps",
    "oauth_apps/x",
    "oauth_apps/x/tokens",
    "oauth_apps/x/keys/y",
    "enforce_oauth",
]
PATHS = [
    *("/_sandbox", *(f"/_sandbox/{name}" for name in CONTROL)),
    *("/v1/track", "/v1/t", "/v1/identify", "/v1/group", "/v1/batch", "/v1/import", "/v1/b", "/v1/nothing"),
    *("/token", "/sources", "/regulations", f"/spaces/{Sandbox.space_id}/audiences"),
    *(
        f"/v1/spaces/{Sandbox.space_id}/collections/{collection}/profiles/{id}/{part}"
        for collection, id in (
            ("users", "user_id:u1"),
            ("accounts", "group_id:g"),
            ("users", "u1"),
            ("x", ":"),
        )
        for part in ("traits", "events", "external_ids", "metadata", "links", "x")
    ),
]
QUERIES = st.dictionaries(
    st.sampled_from(
        [
            *("limit", "offset", "include", "class", "cursor", "x"),
            *("id", "kind", "text", "event", "user", "type", "outcome", "before", "message_id", "failed"),
        ]
    ),
    TEXT | st.integers().map(str) | st.sampled_from(["source", "1-1", "true", "rejected"]),
    max_size=2,
)


@pytest.fixture(scope="module")
def http_client() -> Iterator[httpx.Client]:
    with Sandbox() as sandbox, httpx.Client(base_url=sandbox.url, timeout=600) as client:
        yield client


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]),
    path=st.sampled_from(PATHS),
    query=QUERIES,
    body=BODIES,
    headers=st.fixed_dictionaries(
        {},
        optional={
            "Authorization": st.sampled_from(
                [
                    *("Basic", "Basic x", "Bearer", f"Bearer {Sandbox.token}", "Basic /////w=="),
                    *(
                        f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"
                        for key in (Sandbox.write_key, Sandbox.profile_token, "")
                    ),
                ]
            ),
            "Content-Type": st.sampled_from(
                [
                    "",
                    "text/plain",
                    "application/json; charset=x",
                    "application/x-www-form-urlencoded",
                    "a/b",
                    ";",
                ]
            ),
            "Content-Encoding": st.sampled_from(["gzip", "br", ""]),
        },
    ),
)
def test_any_request(
    http_client: httpx.Client,
    method: str,
    path: str,
    query: dict[str, str],
    body: bytes,
    headers: dict[str, Any],
) -> None:
    if headers.get("Content-Encoding") == "gzip" and len(body) % 2:
        body = gzip.compress(body)
    answer = http_client.request(method, path, params=query, content=body, headers=headers)
    assert answer.status_code < 500, answer.text
    assert http_client.get("/_sandbox").status_code == 200
    assert http_client.get("/_sandbox/state").status_code == 200
    assert http_client.post("/_sandbox/reset").status_code == 200
