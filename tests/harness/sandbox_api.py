"""The sandbox's Public API for tests: a plugin with the fixtures `sandbox`, `api`, and clocks."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from starlette.responses import Response

from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sandbox.clock import iso
from airflow_provider_segment.sandbox.faults import Exchange, Fault
from airflow_provider_segment.testing.simulated_time import simulate_time
from tests.harness.fake_clock import freeze_at_noon

AMPLITUDE, WEBHOOKS, REDSHIFT, POSTGRES = (  # Postgres as a source
    "5f7dd6d21ad74f3842b1fc47",
    "614a3c7d791c91c41bae7599",
    "aea3c55dsz",
    "WvlvcGEJsT",
)
POSTGRES_WAREHOUSE = "55d3d3aea3c"


class Held(Fault, tag="held"):
    """The true answer to a request that took effect, once the first `released` requests may have theirs."""

    released: int = 0

    async def answer(self, exchange: Exchange) -> Response:
        number, answer = self.hits, await exchange.answer()
        while self.released < number and not exchange.is_stale():  # noqa: ASYNC110  (set by a thread)
            await asyncio.sleep(0.01)
        return answer


class Api:
    """The Public API, reduced to the `data` of its answers."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def __call__(self, method: str, path: str, body: Any = None, *, status: int = 200, **query: Any) -> Any:
        """Send a request and expect a status; the answer's `data`, or the body of an error."""
        answer = self.http.request(method, path, json=body, params=query or None)
        assert answer.status_code == status, answer.text
        return answer.json().get("data", answer.json())

    def id(self, path: str, body: Any, *, status: int = 200) -> str:
        """Create a resource; its id."""
        (one,) = self("POST", path, body, status=status).values()
        return str(one["id"])

    def pages(self, path: str, key: str, count: int, **query: Any) -> list[list[Any]]:
        """All pages of a list, with `count` items each."""
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
def frozen_clock(sandbox: Sandbox) -> None:
    """The sandbox's time stands still unless the test advances it: at one moment, whenever the test runs."""
    freeze_at_noon(sandbox)


@pytest.fixture
def refusing() -> Iterator[str]:
    """A URL that refuses connections: its port is bound, so that nobody else takes it, but nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def simulated_time(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox's time is its clients' time, and passes with their waits and requests only."""
    simulate_time(monkeypatch, sandbox)


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[Api]:
    headers = {"Authorization": f"Bearer {sandbox.token}"}
    with httpx.Client(base_url=sandbox.url, headers=headers, timeout=600) as http:
        yield Api(http)


@pytest.fixture
def parents(sandbox: Sandbox, api: Api) -> dict[str, str]:
    """The ids of resources that others belong to."""
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


def create(path: str, **body: Any) -> Any:
    """Create a resource through the connection `segment_default`; its id, otherwise the answer."""
    [made] = SegmentHook().request("POST", path, json=body).data.values()
    return made["id"] if isinstance(made, dict) and "id" in made else made


def create_warehouse(sandbox: Sandbox, name: str = "w") -> str:
    """Create a warehouse without syncs, until a script adds one; its id."""
    sandbox.scripts.add("warehouse_sync", missing=True)
    return str(create("/warehouses", metadataId=POSTGRES_WAREHOUSE, settings={"name": name}))


@pytest.fixture
def warehouse(segment_sandbox: Sandbox) -> str:
    """The id of a warehouse without syncs, until a script adds one."""
    return create_warehouse(segment_sandbox)


def create_mapping(sandbox: Sandbox, name: str = "Rows") -> dict[str, str]:
    """Create a reverse ETL mapping, its model and its destination, all of one name; the arguments that
    identify it."""
    source_id = sandbox.source_id
    webhook = create("/destinations", sourceId=source_id, metadataId=WEBHOOKS, settings={}, name=name)
    metadata = SegmentHook().request("GET", f"/destinations/{webhook}").data["destination"]["metadata"]
    fields = {"name": name, "description": "", "enabled": True, "query": "x", "queryIdentifierColumn": "id"}
    model_id = create("/reverse-etl-models", sourceId=source_id, **fields)
    trigger = {"actionId": metadata["actions"][0]["id"], "trigger": 'event = "new"', "modelId": model_id}
    path = f"/destinations/{webhook}/subscriptions"
    subscription_id = create(path, name=name, enabled=True, **trigger)
    return {"source_id": source_id, "model_id": model_id, "subscription_id": subscription_id}


@pytest.fixture
def mapping(segment_sandbox: Sandbox) -> dict[str, str]:
    """The arguments that identify a reverse ETL mapping."""
    return create_mapping(segment_sandbox)


def start_sync(sandbox: Sandbox, warehouse_id: str | None = None) -> str:
    """Sync a warehouse, or all of them, now; the start of the syncs, as Segment reports it."""
    script = sandbox.scripts.add("warehouse_sync", now=True, seconds=0, warehouse_id=warehouse_id)
    return iso(script.given_at)


def syncs_of(mapping: dict[str, str]) -> list[dict[str, Any]]:
    """The reverse ETL syncs of a mapping."""
    path = f"/reverse-etl-models/{mapping['model_id']}/subscriptionId/{mapping['subscription_id']}/syncs"
    found: list[dict[str, Any]] = SegmentHook().request("GET", path).data["syncStatuses"]
    return found


def ago(**span: float) -> str:
    """The time this long ago, ISO 8601."""
    return (datetime.now(timezone.utc) - timedelta(**span)).isoformat()


def send(sandbox: Sandbox, *events: dict[str, Any]) -> None:
    batch = {"batch": [{"type": "track", "event": "Order", "userId": "u1"} | event for event in events]}
    httpx.post(
        f"{sandbox.url}/v1/batch", json=batch, auth=(sandbox.write_key, ""), timeout=600
    ).raise_for_status()
