"""How events are transported: proxies, timeouts, errors of broken connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from airflow_provider_segment.events.transport import BulkClient
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox

pytestmark = pytest.mark.core


@pytest.fixture
def proxied(segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    yield monkeypatch


def post(url: str, body: bytes = b"{}", timeout: float = 600) -> httpx.Response:
    async def send() -> httpx.Response:
        async with BulkClient(2, timeout) as client:
            return await client.post(url, content=body, auth=("write key", ""))

    return asyncio.run(send())


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
def test_proxies_of_the_environment_are_used(
    segment_sandbox: Sandbox, proxied: pytest.MonkeyPatch, name: str, refusing: str
) -> None:
    proxied.setenv(name, segment_sandbox.url)
    # Nobody listens there: only a proxy can have answered.
    assert post(f"{refusing}/v1/batch").status_code > 0
    proxied.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(httpx.ConnectError):
        post(f"{refusing}/v1/batch")


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


def test_a_peer_that_receives_nothing_does_not_block_a_sender_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises(httpx.TimeoutException):
            post(f"http://127.0.0.1:{deaf.getsockname()[1]}/", b"x" * (64 << 20), timeout=0.1)


def test_the_client_for_coroutines(segment_sandbox: Sandbox) -> None:
    async def name() -> str:
        async with await SegmentHook().get_async_conn() as client:
            answer = await client.request("GET", "/")
            return str(answer.data["workspace"]["name"])

    assert asyncio.run(name()) == "Sandbox"
