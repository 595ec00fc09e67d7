"""The sandbox's Public API in the hands of a test: a plugin with the fixtures `sandbox` and `api`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from airflow_provider_segment.sandbox import Sandbox

AMPLITUDE, WEBHOOKS, REDSHIFT, POSTGRES = (
    "5f7dd6d21ad74f3842b1fc47",
    "614a3c7d791c91c41bae7599",
    "aea3c55dsz",
    "WvlvcGEJsT",
)


class Api:
    """The Public API, reduced to what its answers hold under `data`."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def __call__(self, method: str, path: str, body: Any = None, *, status: int = 200, **query: Any) -> Any:
        """Send a request and expect a status; what is under `data`, or the error's body."""
        answer = self.http.request(method, path, json=body, params=query or None)
        assert answer.status_code == status, answer.text
        return answer.json().get("data", answer.json())

    def id(self, path: str, body: Any, *, status: int = 200) -> str:
        """Create something; its id."""
        (one,) = self("POST", path, body, status=status).values()
        return str(one["id"])

    def pages(self, path: str, key: str, count: int, **query: Any) -> list[list[Any]]:
        """All pages of a list, with so many items each."""
        pages, cursor = [], None
        while cursor is not None or not pages:
            page = {"pagination.count": count} | ({"pagination.cursor": cursor} if cursor else {})
            data = self("GET", path, **query, **page)
            pages.append(data[key])
            cursor = data["pagination"].get("next")
        return pages


@pytest.fixture
def sandbox(segment_sandbox: Sandbox) -> Sandbox:
    """A fresh sandbox, in the `us` region."""
    return segment_sandbox


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[Api]:
    headers = {"Authorization": f"Bearer {sandbox.token}"}
    with httpx.Client(base_url=sandbox.url, headers=headers) as http:
        yield Api(http)


@pytest.fixture
def parents(sandbox: Sandbox, api: Api) -> dict[str, str]:
    """The ids of what others belong to."""
    source, space = sandbox.source_id, sandbox.space_id
    destination = api.id("/destinations", {"sourceId": source, "metadataId": AMPLITUDE, "settings": {}})
    (action, *_) = api("GET", f"/destinations/{destination}")["destination"]["metadata"]["actions"]
    audience = {"name": "Parent", "definition": {"query": "x"}, "audienceType": "USERS"}
    function = {"code": "1", "displayName": "F", "resourceType": "INSERT_DESTINATION"}
    return {
        "source": source,
        "space": space,
        "destination": destination,
        "action": action["id"],
        "audience": api.id(f"/spaces/{space}/audiences", audience),
        "function": api.id("/functions", function),
    }


@pytest.fixture
def destination(sandbox: Sandbox, api: Api) -> str:
    body = {"sourceId": sandbox.source_id, "metadataId": AMPLITUDE, "settings": {}}
    return api.id("/destinations", body)


def send(sandbox: Sandbox, *events: dict[str, Any]) -> None:
    batch = {"batch": [{"type": "track", "event": "Order", "userId": "u1"} | event for event in events]}
    httpx.post(f"{sandbox.url}/v1/batch", json=batch, auth=(sandbox.write_key, "")).raise_for_status()
