"""The hook: what it reads from the connection, and when."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.sources.items import ItemSource
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.version_compat import mask_secret

pytestmark = pytest.mark.core


def test_arguments_of_the_hook_come_first(segment_sandbox: Sandbox) -> None:
    settings = SegmentHook(region="eu", timeout=1, retries=2).get_conn().settings
    assert (settings.region, settings.timeout, settings.retries) == ("eu", 1, 2)


def test_making_a_hook_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SEGMENT_DEFAULT", raising=False)
    assert SegmentHook("no_such_connection").segment_conn_id == "no_such_connection"


def test_get_write_key_says_what_is_missing(segment_sandbox: Sandbox) -> None:
    assert SegmentHook().get_write_key(segment_sandbox.source_id) == segment_sandbox.write_key
    hidden = {"data": {"source": {"id": "s", "writeKeys": []}}}
    segment_sandbox.faults.add("status", path="/sources/", status=200, body=hidden)
    with pytest.raises(SegmentConfigurationError, match="Source Admin"):
        SegmentHook().get_write_key("s")


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("send_events", {"events": [], "limit": 1}),
        ("preview_events", {"events": [], "checkpoint": None}),
        ("preview_events", {"events": [], "save_checkpoint": print}),
        ("send_from", {"path": "x"}),
        ("preview_from", {"csv": {}}),
    ],
)
def test_an_argument_of_another_method_is_refused(
    segment_sandbox: Sandbox, method: str, arguments: dict[str, Any]
) -> None:
    source = [ItemSource([])] if method.endswith("_from") else []
    with pytest.raises(SegmentConfigurationError, match=[*arguments][-1]):
        getattr(SegmentHook(), method)(*source, **arguments)


@pytest.mark.parametrize("how", ["in a worker", "in a triggerer"])
def test_a_region_is_no_secret_that_is_too_short(
    how: str, segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Airflow 3 warns of each value of an extra that it cannot mask, once a process."""
    masker: Any = type(pytest.importorskip("airflow.sdk.log")._secrets_masker())
    if not hasattr(masker, "_has_warned_short_secret"):
        pytest.skip("this version of Airflow does not warn")
    monkeypatch.setattr(masker, "_has_warned_short_secret", False)
    hook = SegmentHook()
    if how == "in a worker":
        hook.get_conn()
    else:
        asyncio.run(hook.get_async_conn())
    assert "too short" not in caplog.text
    monkeypatch.setattr(masker, "_has_warned_short_secret", False)
    mask_secret("us")
    assert "too short" in caplog.text, "the warning is still there for others"
