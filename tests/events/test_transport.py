"""How events are transported: credentials, errors of broken connections. See also `api/test_network`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from airflow_provider_segment.events.transport import BulkClient
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox

pytestmark = pytest.mark.core


def post(url: str) -> httpx.Response:
    async def send() -> httpx.Response:
        async with BulkClient(connections=2, timeout=600) as client:
            return await client.post(url, content=b"{}", auth=("write key", ""))

    return asyncio.run(send())


def test_a_netrc_does_not_replace_the_credential(
    segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("default login somebody password else\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    assert SegmentHook().send_events([{"type": "page", "userId": "u"}]).sent == 1
    assert len(segment_sandbox.accepted) == 1


def test_a_refused_connection_is_not_reported_as_a_timeout(refusing: str) -> None:
    with pytest.raises(httpx.ConnectError):
        post(refusing)


def test_a_broken_connection_is_not_reported_as_never_made(segment_sandbox: Sandbox) -> None:
    segment_sandbox.faults.add("reset", api="tracking")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        post(f"{segment_sandbox.url}/v1/batch")


def test_the_client_for_coroutines(segment_sandbox: Sandbox) -> None:
    async def name() -> str:
        async with await SegmentHook().get_async_conn() as client:
            answer = await client.request("GET", "/")
            return str(answer.data["workspace"]["name"])

    assert asyncio.run(name()) == "Sandbox"
