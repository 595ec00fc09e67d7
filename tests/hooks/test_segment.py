"""The hook: what it reads from the connection, and when."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.sources.items import ItemSource
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox

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
