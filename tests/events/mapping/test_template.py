"""Mappings as they are written: what they mean, and what is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_segment.events.mapping.template import (
    Column,
    Constant,
    MappingError,
    Object,
    Rest,
    mapping_of_columns,
    read_mapping,
)

pytestmark = pytest.mark.core

PAGE = {"type": "page", "userId": "$u"}
TRACK = {"type": "track", "event": "E", "userId": "$u"}


def property_of(written: Any, **more: Any) -> Any:
    [template] = read_mapping({**PAGE, "properties": {"p": written}}, **more).templates
    node = template.fields["properties"]
    return node.members["p"] if isinstance(node, Object) else Constant(node.value["p"])


@pytest.mark.parametrize(
    ("written", "node"),
    [
        ("$a", Column("a")),
        ("${Order ID}", Column("Order ID")),
        ("${properties.total}", Column("properties.total")),
        ("$größe", Column("größe")),
        ("$*", Rest()),
        ("$$5", Constant("$5")),
        ("$$", Constant("$")),
        ("costs $5", Constant("costs $5")),
        ("", Constant("")),
        (None, Constant(None)),
        (5, Constant(5)),
        ([1, {"a": "x"}], Constant([1, {"a": "x"}])),
        ({"$": "a", "as": "number"}, Column("a", "number")),
        ({"$": "a", "path": "b.0.c"}, Column("a", None, ("b", 0, "c"))),
        (
            {"$": "a", "as": "timestamp", "format": "%Y", "timezone": "Europe/Berlin"},
            Column("a", "timestamp", (), "%Y", "Europe/Berlin"),
        ),
    ],
)
def test_what_is_written(written: Any, node: Any) -> None:
    assert property_of(written) == node


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ({}, "it needs a type"),
        ([], "it has no event"),
        ("page", "an event is an object of its fields, not 'page'"),
        ({"type": "trak"}, "type: 'trak' is no type of event: did you mean track?"),
        ({"type": "track", "userId": "$u"}, "a track event needs event"),
        ({"type": "group", "userId": "$u"}, "a group event needs groupId"),
        ({"type": "page"}, "it needs userId or anonymousId"),
        ({**PAGE, "user_id": "$u"}, "user_id: no field of an event: did you mean userId?"),
        ({**PAGE, "propertys": {}}, "propertys: no field of an event: did you mean properties?"),
        ({**PAGE, "properties": "$a b"}, "properties: '$a b' is no column"),
        ({**PAGE, "properties": {"a": {"b": ["$5 off"]}}}, "properties.a.b.0: '$5 off' is no column"),
        (
            {**PAGE, "properties": {"a": {"$": "x", "ass": "number"}}},
            "properties.a.ass: unknown word: did you",
        ),
        ({**PAGE, "properties": {"a": {"$": "x", "as": "int"}}}, "properties.a.as: 'int' is no type"),
        ({**PAGE, "properties": {"a": {"$": ""}}}, "properties.a.$: must be the name of a column"),
        ({**PAGE, "properties": {"a": {"$": "x", "path": ""}}}, "properties.a.path: must be keys"),
        ({**PAGE, "properties": {"a": {"$": "x", "format": "%Y"}}}, "properties.a.format: only a column"),
        ({**PAGE, "properties": {"a": b"x"}}, "properties.a: bytes may stand for"),
        ({**PAGE, "properties": {1: "x"}}, "properties: a key must be text, not 1"),
        ({**PAGE, "properties": [1]}, "properties: must be an object"),
        ({**PAGE, "userId": {"a": "$b"}}, "userId: must be a column or a constant text"),
        (
            {**PAGE, "timestamp": {"$": "x", "as": "timestamp", "timezone": "Europe/Brelin"}},
            "timestamp.timezone: 'Europe/Brelin' is no time zone",
        ),
        ({**PAGE, "when": {"$": "x"}}, "when: needs a column ($), and either equals or is_null"),
        ({**PAGE, "when": {"$": "x", "equal": 1}}, "when.equal: unknown word: did you mean equals?"),
        ({**PAGE, "when": {"$": "x", "is_null": "yes"}}, "when.is_null: must be true or false"),
        ({**PAGE, "when": {"not": [{"$": "x", "equals": 1}]}}, "when.not: not takes one condition"),
        ({**PAGE, "when": [{"$": "x", "equals": [1]}]}, "when.0.equals: must be text"),
        ([PAGE, {"type": "identify"}], "1: it needs userId or anonymousId"),
    ],
)
def test_what_is_wrong(written: Any, complaint: str) -> None:
    with pytest.raises(MappingError) as error:
        read_mapping(written)
    assert str(error.value).startswith(complaint)


@pytest.mark.parametrize(
    "template",
    [{"type": "{{ params.type }}"}, {**TRACK, "properties": "{{ params.p }}"}, {**PAGE, "event": "${{ x }}"}],
)
def test_what_is_a_template_is_judged_when_it_is_rendered(template: dict[str, Any]) -> None:
    written = {"userId": "$u", **template}
    [read] = read_mapping(written, rendered=False).templates
    assert read.fields.keys() == written.keys()
    with pytest.raises(MappingError):
        read_mapping(written)


def test_columns_that_are_named_as_fields_are() -> None:
    [template] = mapping_of_columns(
        ["type", "user_id", "event", "properties.total", "properties.address.city", "timestamp"]
    ).templates
    assert template.fields["userId"] == Column("user_id")
    assert template.fields["properties"] == Object(
        {
            "total": Column("properties.total"),
            "address": Object({"city": Column("properties.address.city")}),
        }
    )


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        (
            ["type", "userId", "total"],
            "the column 'total' is no field of an event: name it as one, such as properties.total",
        ),
        (["type", "total"], "the column 'total' is no field"),
        (["userId"], "it needs a type"),
        (["type"], "it needs userId or anonymousId"),
        (["type", "userId", "user_id"], "two columns are userId"),
        (
            ["type", "userId", "properties", "properties.a"],
            "the column 'properties.a' is within another column",
        ),
        (["type", "userId", "timestamp.a"], "the column 'timestamp.a' is no field"),
    ],
)
def test_columns_that_are_not(columns: list[str], complaint: str) -> None:
    with pytest.raises(MappingError) as error:
        mapping_of_columns(columns)
    assert str(error.value).startswith(complaint)
