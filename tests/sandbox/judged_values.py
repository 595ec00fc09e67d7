"""Rules of a tracking plan; schemas with values that keep to them, and with values that do not."""

from __future__ import annotations

from typing import Any


def rule(schema: Any, key: str | None = "Order", type: str = "TRACK", version: int = 1) -> dict[str, Any]:
    return {"type": type, "key": key, "version": version, "jsonSchema": schema}


def with_part(part: str = "properties", required: Any = (), **schemas: Any) -> dict[str, Any]:
    """The schema of an event whose properties, or another part of it, have these schemas."""
    inner = {"type": "object", "properties": schemas, "required": list(required)}
    return {"type": "object", "properties": {part: inner}}


VALUES: dict[str, tuple[Any, list[Any], list[Any]]] = {
    # name: schema, values that keep to it, values that do not
    "text": (
        {"type": "string", "minLength": 1, "maxLength": 5},
        ["a", "é😀", "abcde"],
        ["", "abcdef", 1, None],
    ),
    "number": (
        {"type": "number", "minimum": 0, "maximum": 1e6},
        [0, 1.5, 1e6],
        [-1, 1e6 + 1, "1", True, None],
    ),
    "above": ({"exclusiveMinimum": 0, "exclusiveMaximum": 10}, [1, 9.9, "x"], [0, 10, 0.0]),
    "whole": ({"type": "integer", "multipleOf": 5}, [5, -10, 5.0, 10**20], [1, 2.5, "5", False]),
    "cents": ({"multipleOf": 0.01}, [0.07, 1.1, 19.99, 3], [0.005, 1.234]),
    "flag": ({"type": "boolean"}, [True, False], [0, 1, "true", None]),
    "nothing": ({"type": "null"}, [None], [0, "", []]),
    "optional": ({"type": ["string", "null"], "maxLength": 3}, ["abc", None], ["abcd", 1]),
    "word": (
        {"enum": ["a", "b", 1, None, [1], {"a": True}]},
        ["a", 1.0, None, [1], {"a": True}],
        ["c", True, [True], {"a": 1}],
    ),
    "same": ({"const": {"a": [1, {"b": None}]}}, [{"a": [1, {"b": None}]}], [{"a": [1]}, {}, 1]),
    "sku": (
        {"type": "string", "pattern": r"^[A-Z]{2}-\d+$"},
        ["AB-1", "ZZ-0099"],
        ["ab-1", "AB-1x", "AB-\u0661", "AB-1\n"],
    ),
    "letters": ({"pattern": r"^\p{L}+$"}, ["aé", "Ж"], ["a1", ""]),
    "any case": ({"pattern": "(?i)^[a-f]+$"}, ["aF", "BEEF"], ["g", ""]),
    "slow": ({"pattern": "^(a+)+$"}, ["a", "a" * 50], ["a" * 50 + "!", ""]),
    "moment": (
        {"format": "date-time"},
        ["2026-01-02T03:04:05Z", "2026-01-02t03:04:05.5+02:00", 1],
        ["2026-01-02", "2026-02-30T00:00:00Z", "2026-01-02T25:00:00Z", ""],
    ),
    "day": ({"format": "date"}, ["2024-02-29", "1969-12-31"], ["2023-02-29", "2026-1-2", "20260102"]),
    "hour": ({"format": "time"}, ["03:04:05Z", "23:59:59.9-01:00"], ["3:04:05Z", "24:00:00Z", "noon"]),
    "mail": (
        {"format": "email"},
        ["jane@example.com", "j.d+x@a-b.co"],
        ["jane", "@b.co", "a b@c.de", "a..b@c.de"],
    ),
    "host": ({"format": "hostname"}, ["example.com", "a-b.c1"], ["-a.com", "a_b.com", "a b"]),
    "four": ({"format": "ipv4"}, ["1.2.3.4", "255.255.255.255"], ["256.1.1.1", "1.2.3", "01.2.3.4"]),
    "six": (
        {"format": "ipv6"},
        ["::1", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4"],
        ["12345::", "1.2.3.4", "::1%eth0"],
    ),
    "link": (
        {"format": "uri"},
        ["https://a.b/c?d=e#f", "mailto:a@b.c", "urn:x:y"],
        ["a.b/c", "http://a b", "http://é"],
    ),
    "uid": (
        {"format": "uuid"},
        ["123e4567-e89b-12d3-a456-426614174000"],
        ["123e4567", "123e4567-e89b-12d3-a456-42661417400g"],
    ),
    "odd": ({"format": "no such format"}, ["x", 1], []),
    "list": (
        {"items": {"type": "number"}, "minItems": 1, "maxItems": 3},
        [[1], [1, 2.5, 3]],
        [[], [1, "a", None], [1, 2, 3, 4]],
    ),
    "pair": (
        {"items": [{"type": "string"}, {"type": "number"}], "additionalItems": False},
        [["a"], ["a", 1]],
        [[1, "a"], ["a", 1, 2]],
    ),
    "tail": ({"items": [{}], "additionalItems": {"type": "number"}}, [["a", 1]], [["a", "b", 1, "c"]]),
    "set": (
        {"uniqueItems": True, "contains": {"type": "string"}},
        [["a", 1, True], ["a", "b"]],
        [[1], ["a", "a"], [1, 1.0, "a"]],
    ),
    "object": (
        {
            "type": "object",
            "properties": {"a": {"type": "number"}, "b": {"properties": {"c": {"enum": [1]}}}},
            "required": ["a", "b"],
            "additionalProperties": False,
        },
        [{"a": 1, "b": {}}, {"a": 1, "b": {"c": 1}}],
        [{}, {"a": "x", "b": {"c": 2}}, {"a": 1, "b": 1, "d": 1, "e": 2}, []],
    ),
    "map": (
        {
            "patternProperties": {"^n_": {"type": "number"}},
            "additionalProperties": {"type": "string"},
            "minProperties": 1,
            "maxProperties": 3,
        },
        [{"n_1": 1, "q": "x"}],
        [{}, {"n_1": "x"}, {"q": 1, "r": 2}, {"q": "", "r": "", "s": "", "t": ""}],
    ),
    "keys": ({"propertyNames": {"pattern": "^[a-z]+$"}}, [{"a": 1}, {}], [{"A": 1}, {"a": 1, "1": 1}]),
    "either": ({"anyOf": [{"type": "string"}, {"minimum": 3, "type": "number"}]}, ["a", 3], [1, None, {}]),
    "one": ({"oneOf": [{"multipleOf": 2}, {"multipleOf": 3}]}, [2, 3], [1, 6, "x"]),
    "all": ({"allOf": [{"type": "number"}, {"maximum": 5}]}, [1], ["x", 6]),
    "never": ({"not": {"type": "string"}}, [1, None], ["x"]),
    "choice": (
        {
            "if": {"properties": {"kind": {"const": "card"}}, "required": ["kind"]},
            "then": {"required": ["number"]},
            "else": {"required": ["cash"]},
        },
        [{"kind": "card", "number": 1}, {"cash": 1}],
        [{"kind": "card"}, {"kind": "cash"}, {}],
    ),
    "needs": ({"dependencies": {"a": {"required": ["b"]}}}, [{"a": 1, "b": 1}, {"b": 1}], [{"a": 1}]),
    "tree": (
        {"$ref": "#/definitions/tree"},
        [{"of": [{"of": []}, {"name": "x"}]}],
        [{"of": [{"of": [{"name": 1}]}]}, {"of": 1}],
    ),
}

TREE = {
    "properties": {
        "name": {"type": "string"},
        "of": {"type": "array", "items": {"$ref": "#/definitions/tree"}},
    }
}
