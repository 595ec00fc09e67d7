"""FQL, and the filters of destinations that are written in it."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_segment.sandbox import fql
from tests.harness.sandbox_api import Api

EVENT = {"type": "track", "event": "Order Completed", "properties": {"price": 5, "tags": ["a"]}}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('type = "track"', True),
        ("type = 'page' or event = 'Order Completed'", True),
        ('type = "track" and !(event = "Order Completed")', False),
        ("properties.price >= 5 and properties.price < 6", True),
        ("properties.nothing = null", True),
        ("properties.nothing > 5", False),
        ('contains(event, "Order")', True),
        ('match(event, "Order *")', True),
        ('lowercase(event) != "order completed"', False),
        ("length(properties.tags) = 1 and typeof(properties.price) = 'number'", True),
    ],
)
def test_fql_is_read(condition: str, expected: bool) -> None:
    assert fql.matches(condition, EVENT) is expected


@pytest.mark.parametrize("condition", ["", "type =", "type = = 1", "(type", "moon(type)", "a b", "type = ?"])
def test_fql_that_cannot_be_read_is_an_error(condition: str) -> None:
    with pytest.raises(ValueError, match="FQL"):
        fql.matches(condition, EVENT)


@pytest.mark.parametrize(
    ("actions", "result"),
    [
        ([{"type": "DROP"}], None),
        ([{"type": "SAMPLE", "percent": 0}], None),
        ([{"type": "DROP_PROPERTIES", "fields": {"properties": ["price"]}}], {"tags": ["a"]}),
        ([{"type": "ALLOW_PROPERTIES", "fields": {"properties": {"fields": ["price"]}}}], {"price": 5}),
    ],
)
def test_a_destination_filter_is_previewed(api: Api, actions: list[Any], result: Any) -> None:
    body = {"filter": {"if": 'type = "track"', "actions": actions}, "payload": EVENT}
    preview = api("POST", "/destination/filters/preview", body)
    assert preview["inputPayload"] == EVENT
    assert (preview["result"] and preview["result"]["properties"]) == result
    other = {"filter": {"if": 'type = "page"', "actions": actions}, "payload": EVENT}
    assert api("POST", "/destination/filters/preview", other)["result"] == EVENT
    broken = {"filter": {"if": "(", "actions": actions}, "payload": EVENT}
    api("POST", "/destination/filters/preview", broken, status=422)
