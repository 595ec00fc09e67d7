"""A base URL that credentials would go to in clear text."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from airflow_provider_segment.api.settings import Settings
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox

pytestmark = pytest.mark.core


@pytest.mark.parametrize(
    "base_url",
    [
        "http://gateway.example.com",
        "HTTP://gateway.example.com:80",
        "http://10.0.0.1:8080",
        "http://[2001:db8::1]",
        "http://localhost.example.com",
        "http://sandbox:8080",
    ],
)
def test_warned(base_url: str) -> None:
    why = Settings(base_url=base_url).clear_text
    assert why and "is not encrypted" in why


@pytest.mark.parametrize(
    "base_url",
    [
        None,
        "gateway.example.com",
        "https://gateway.example.com",
        "http://localhost:4010",
        "http://LOCALHOST.",
        "http://sandbox.localhost",
        "http://127.0.0.1",
        "http://127.8.9.1:80",
        "http://[::1]:4010",
    ],
)
def test_not_warned(base_url: str | None) -> None:
    assert Settings(base_url=base_url).clear_text is None


def connect(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> SegmentHook:
    connection = {"conn_type": "segment", "password": "sgp_token_17", "extra": {"retries": 0}, **fields}
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(connection))
    return SegmentHook()


def test_once_for_each_hook(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    hook = connect(monkeypatch, host="http://gateway.example.com")
    hook._log = logging.getLogger("hook")  # where caplog listens, on every version of Airflow

    async def use() -> None:
        await (await hook.get_async_conn()).aclose()

    for _ in range(2):
        hook.get_conn()
        hook.test_connection()
        asyncio.run(use())
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len([text for text in warned if "is not encrypted" in text]) == 1
    assert "http://gateway.example.com is not encrypted" in "".join(warned)
    assert "sgp_token_17" not in "".join(warned)


def test_what_the_button_says(monkeypatch: pytest.MonkeyPatch, segment_sandbox: Sandbox) -> None:
    monkeypatch.setattr("airflow_provider_segment.api.settings.goes_in_clear_text", lambda _: True)
    well, message = SegmentHook().test_connection()
    assert well, "it is no error"
    assert "Warning: http://127.0.0.1" in message and "is not encrypted" in message
