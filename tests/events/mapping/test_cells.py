"""What the values of columns become: each row of the table, through a mapping."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_segment.errors import SegmentEventError
from airflow_provider_segment.events.check import Checker
from airflow_provider_segment.events.mapping.cells import key_text
from airflow_provider_segment.events.mapping.rows import Compiling
from airflow_provider_segment.events.mapping.template import read_mapping
from airflow_provider_segment.events.mapping.template_mapper import TemplateMapper
from airflow_provider_segment.events.sources.source import Block
from airflow_provider_segment.values import ValueRejected
from tests.events.value_table import CELLS, CONVERSIONS, REJECTED, Cell, names

pytestmark = pytest.mark.core

NAMES = names()


def evaluate(expression: str) -> Any:
    return eval(expression, dict(NAMES))


def mapped(value: Any, template: dict[str, Any], **options: Any) -> Any:
    """The event that a template makes of a row with a single column, `x`, or REJECTED."""
    mapper = TemplateMapper(read_mapping({"type": "page", "userId": "u", **template}), Compiling(**options))
    [(_, item)] = mapper(Block([(value,)], 1, ("x",))).placed()
    if isinstance(item, SegmentEventError):
        assert item.column == "x" and item.detail.startswith("x: ")
        return REJECTED
    return json.loads(Checker("k").prepare(item))


def inside(value: Any, template: Any, **options: Any) -> str:
    event = mapped(value, {"properties": {"p": template}}, **options)
    return REJECTED if event == REJECTED else json.dumps(event["properties"]["p"])


def same(expected: str) -> str:
    return expected if expected == REJECTED else json.dumps(json.loads(expected))


def parameters(rows: list[Any]) -> list[Any]:
    return [pytest.param(row, id=row[0]) for row in rows]


@pytest.mark.parametrize("row", parameters(CELLS))
def test_a_value_as_it_is(row: Cell) -> None:
    expected = same(row.inside)
    assert inside(evaluate(row.value), "$x") == expected
    assert inside(evaluate(row.value), ["$x"]) == (expected if expected == REJECTED else f"[{expected}]")
    assert inside(evaluate(row.value), "$*") == (expected if expected == REJECTED else f'{{"x": {expected}}}')


@pytest.mark.parametrize("row", parameters(CELLS))
def test_a_value_as_a_key(row: Cell) -> None:
    try:
        text = key_text(evaluate(row.value))
    except ValueRejected:
        text = REJECTED
    assert text == row.as_key


@pytest.mark.parametrize(
    ("kind", "value", "expected"), [(kind, *row) for kind, rows in CONVERSIONS.items() for row in rows]
)
def test_a_value_of_a_type(kind: str, value: str, expected: str) -> None:
    assert inside(evaluate(value), {"$": "x", "as": kind}) == same(expected)


@pytest.mark.parametrize(
    ("value", "column", "expected"),
    [
        ("'2026-07-02 03:04:05'", {"timezone": "Europe/Berlin"}, "2026-07-02T01:04:05Z"),
        ("'2026-01-02T03:04:05.5'", {"timezone": "Europe/Berlin"}, "2026-01-02T02:04:05.500000Z"),
        ("'2026-01-02T03:04:05Z'", {"timezone": "Europe/Berlin"}, "2026-01-02T03:04:05Z"),
        ("datetime(2026, 7, 2)", {"timezone": "America/New_York"}, "2026-07-02T04:00:00Z"),
        ("date(2026, 7, 2)", {"timezone": "Europe/Berlin"}, "2026-07-01T22:00:00Z"),
        ("'02.01.2026 03:04'", {"format": "%d.%m.%Y %H:%M", "timezone": "UTC"}, "2026-01-02T03:04:00Z"),
        ("'02.01.2026 03:04 +0200'", {"format": "%d.%m.%Y %H:%M %z"}, "2026-01-02T01:04:00Z"),
        ("'02.01.2026 03:04'", {"format": "%d.%m.%Y %H:%M"}, REJECTED),
        ("'2026-01-02'", {"format": "%d.%m.%Y", "timezone": "UTC"}, REJECTED),
        ("1767323045", {"format": "unix_seconds"}, "2026-01-02T03:04:05Z"),
        ("'1767323045.5'", {"format": "unix_seconds"}, "2026-01-02T03:04:05.500000Z"),
        ("1767323045123", {"format": "unix_milliseconds"}, "2026-01-02T03:04:05.123000Z"),
        ("1767323045123456", {"format": "unix_microseconds"}, "2026-01-02T03:04:05.123456Z"),
        ("Decimal('1767323045')", {"format": "unix_seconds"}, "2026-01-02T03:04:05Z"),
        ("10**30", {"format": "unix_seconds"}, REJECTED),
        ("'x'", {"format": "unix_seconds"}, REJECTED),
        ("None", {"format": "unix_seconds"}, None),
    ],
)
def test_times_of_a_format_or_a_zone(value: str, column: dict[str, str], expected: str | None) -> None:
    column = {"$": "x", "as": "timestamp", **column}
    assert inside(evaluate(value), column) == (REJECTED if expected == REJECTED else json.dumps(expected))
    event = mapped(evaluate(value), {"timestamp": column}, timestamp_may_be_null=True)
    assert (event if event == REJECTED else event.get("timestamp")) == expected


@pytest.mark.parametrize("value", ["datetime(2026, 7, 2, 3)", "'2026-07-02 03:00:00'", "'2026-07-02T03:00'"])
def test_the_zone_of_times_that_have_none(value: str) -> None:
    assert mapped(evaluate(value), {"timestamp": "$x"}) == REJECTED
    event = mapped(evaluate(value), {"timestamp": "$x"}, naive_timezone="Europe/Berlin")
    assert event["timestamp"] == "2026-07-02T01:00:00Z"
    assert inside(evaluate(value), "$x", naive_timezone="Europe/Berlin").startswith('"2026-07-02')


@pytest.mark.parametrize(
    ("value", "path", "expected"),
    [
        ("{'a': {'b': [1, {'c': 5}]}}", "a.b.1.c", "5"),
        ('\'{"a": {"b": 7}}\'', "a.b", "7"),
        ("{'a': '{\"b\": 8}'}", ["a", "b"], "8"),
        ("{'a b.c': 9}", ["a b.c"], "9"),
        ("{'1': 9}", "1", "9"),
        ("{'a': 1}", "b", "null"),
        ("[1]", "3", "null"),
        ("5", "a", "null"),
        ("None", "a", "null"),
        ("'{'", "a", REJECTED),
    ],
)
def test_a_path_into_a_value(value: str, path: Any, expected: str) -> None:
    assert inside(evaluate(value), {"$": "x", "path": path}) == expected


def test_ids_and_names_become_text() -> None:
    for value in (7, "7", 7.0, evaluate("Decimal('7.00')"), evaluate("np.int64(7)")):
        assert mapped(value, {"userId": "$x"})["userId"] == "7"
        assert mapped(value, {"type": "track", "event": "$x"})["event"] == "7"
    assert mapped(7.5, {"userId": "$x"}) == REJECTED
    assert "userId" not in mapped(None, {"userId": "$x", "anonymousId": "a"})
    assert "userId" not in mapped("", {"userId": "$x", "anonymousId": "a"})
