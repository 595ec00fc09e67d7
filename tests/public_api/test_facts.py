"""The facts, and the script that makes them of an OpenAPI document."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.public_api import facts, make_facts
from tests.public_api.facts import Json
from tests.public_api.table import TABLE, entry

REF = "#/components/schemas/{}"
STRING, NULL = {"type": "string"}, {"type": "null"}


def optional(*schemas: Json) -> Json:
    return {"anyOf": [*schemas, NULL], "default": None}


def document() -> Json:
    """Two operations, in the way of Segment's document."""
    thing = {
        "title": "A thing",
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": STRING | {"description": "How it is called.", "example": "x"},
            "size": optional({"type": "number"}, {"type": "integer"}),
            "parts": optional({"type": "array", "items": {"$ref": REF.format("Part")}}),
        },
    }
    data = {"type": "object", "properties": {"thing": {"type": "object"}, "pagination": {}}}
    answer = {"type": "object", "properties": {"data": optional(data)}}
    responses = {
        "201": {"content": {"application/json": {"schema": answer}}},
        "404": {"content": {"application/json": {"schema": {"$ref": REF.format("Wrong")}}}},
        "422": {"content": {"application/json": {"schema": {"$ref": REF.format("Wrong")}}}},
    }
    alpha = "application/vnd.segment.v1alpha+json"
    common = {"tags": ["Things"], "x-accept": [alpha, "application/json"], "responses": responses}
    page = {"name": "pagination", "in": "query", "schema": {"type": "object"}}
    color = {"name": "color", "in": "query", "schema": optional({"type": "string", "enum": ["RED", "BLUE"]})}
    id_ = {"name": "id", "in": "path", "required": True, "schema": STRING}
    make = {"operationId": "make_thing", "requestBody": {"content": {alpha: {"schema": thing}}}}
    limit = {"requests": 5, "per": "minute"}
    return {
        "info": {"version": "1.0", "title": "Things"},
        "components": {
            "schemas": {
                "Part": {
                    "type": "object",
                    "required": ["kind"],
                    "properties": {"kind": {"type": "string", "enum": ["B", "A"]}},
                },
                "Wrong": {"type": "object", "additionalProperties": True},
                "Unused": STRING,
            }
        },
        "paths": {
            "/things": {"get": {**common, "operationId": "list_things", "parameters": [page, color]}},
            "/things/{id}": {"post": {**common, **make, "parameters": [id_], "x-rate-limit": limit}},
        },
    }


FACTS = {
    "version": "1.0",
    "operations": {
        "list_things": {
            "tag": "Things",
            "endpoint": "GET /things",
            "accepts": "v1alpha json",
            "query": {"pagination": "object", "color?": "=RED|BLUE"},
            "answers": {"201": {"data?": {"thing": "object", "pagination": "any"}}, "404 422": "Wrong"},
        },
        "make_thing": {
            "tag": "Things",
            "endpoint": "POST /things/{id}",
            "limit": "5/minute",
            "accepts": "v1alpha json",
            "path": {"id!": "string"},
            "takes": "v1alpha",
            "body": {"name!": "string", "size?": "number|integer", "parts?": ["Part"]},
            "answers": {"201": {"data?": {"thing": "object", "pagination": "any"}}, "404 422": "Wrong"},
        },
    },
    "shapes": {"Part": {"kind!": "=B|A"}, "Wrong": {"*": "any"}},
}


def test_facts_of_a_document() -> None:
    assert make_facts.facts_of(document()) == FACTS


def test_facts_expand_to_a_document_of_the_same_facts() -> None:
    assert make_facts.facts_of(facts.expanded(FACTS)) == FACTS
    assert make_facts.facts_of(facts.document()) == facts.load()


def test_the_file_is_what_the_script_writes() -> None:
    assert facts.FILE.read_text() == make_facts.text(facts.load())
    assert len(facts.load()["operations"]) == 201


@pytest.mark.parametrize(
    ("schema", "notation"),
    [
        ({}, "any"),
        (STRING | {"title": "T", "x-internal": 1}, "string"),
        ({"type": "array", "items": {"anyOf": [STRING, NULL]}}, ["string|null"]),
        ({"anyOf": [{"$ref": REF.format("A")}, {"$ref": REF.format("B")}]}, "A|B"),
        ({"anyOf": [STRING, {"type": "array", "items": STRING}]}, {"$any": ["string", ["string"]]}),
        ({"type": "object"}, "object"),
        ({"type": "object", "properties": {}}, {}),
        ({"type": "object", "additionalProperties": STRING}, {"*": "string"}),
        ({"type": "object", "properties": {"title": STRING}, "additionalProperties": True}, None),
        ({"type": "integer", "minimum": 1, "maximum": 9}, {"$": "integer", "minimum": 1, "maximum": 9}),
        ({"type": "array", "items": STRING, "maxItems": 5}, {"$": ["string"], "maxItems": 5}),
        ({"type": "string", "format": "date-time"}, {"$": "string", "format": "date-time"}),
        ({"type": "string", "enum": ["a|b"]}, {"$": "string", "enum": ["a|b"]}),
        ({"oneOf": [STRING, {"$ref": REF.format("A")}]}, {"$one": ["string", "A"]}),
        ({"allOf": [{"type": "object", "properties": {"a": STRING}}]}, {"$all": [{"a": "string"}]}),
        ({"type": "object", "anyOf": [STRING, NULL]}, {"$": "string|null", "type": "object"}),
        ({"type": "object", "properties": {"a": STRING}, "required": ["b"]}, None),
        ({"type": "object", "properties": {"a": STRING}, "additionalProperties": False}, None),
    ],
)
def test_a_schema_is_the_same_after_its_notation(schema: Json, notation: Any) -> None:
    found = make_facts.notation(schema)
    if notation is not None:
        assert found == notation
    same = {key: value for key, value in schema.items() if key not in ("title", "x-internal")}
    assert facts.schema(found) == same
    assert facts.schema(json.loads(json.dumps(found))) == same


def test_what_the_notation_cannot_say_is_an_error() -> None:
    odd = document()
    odd["paths"]["/things/{id}"]["post"]["x-accept"] = ["text/csv"]
    with pytest.raises(ValueError, match="text/csv"):
        make_facts.facts_of(odd)
    odd = document()
    odd["paths"]["/things"]["get"]["parameters"][0]["in"] = "header"
    with pytest.raises(ValueError, match=r"GET /things: .* a parameter in {'header'}"):
        make_facts.facts_of(odd)
    odd = document()
    odd["paths"]["/things/{id}"]["post"]["requestBody"]["content"]["application/json"] = {"schema": STRING}
    with pytest.raises(ValueError, match=r"POST /things/{id}: the schema depends on the media type"):
        make_facts.facts_of(odd)
    with pytest.raises(ValueError, match=r"cannot name 'a\?'"):
        make_facts.notation({"type": "object", "properties": {"a?": STRING}})


def test_table() -> None:
    assert entry(FACTS, "make_thing") == {
        "endpoint": "POST /things/{id}",
        "media_type": "application/vnd.segment.v1alpha+json",
        "rate_limit": "5/minute",
        "answer": {"thing": "object"},
        "paging": [],
        "parameters": {
            "id": ["path", "string", "required"],
            "name": ["body", "string", "required"],
            "size": ["body", "number", "optional"],
            "parts": ["body", "array of object", "optional"],
            "parts[].kind": ["body", ["A", "B"], "required"],
        },
    }
    listed = entry(FACTS, "list_things")
    assert listed["paging"] == ["pagination"]
    assert listed["parameters"] == {"color": ["query", ["BLUE", "RED"], "optional"]}
    assert TABLE.keys() == facts.load()["operations"].keys()


# --- drift -----------------------------------------------------------------------------------------------


def drifted() -> Json:
    new = deepcopy(document())
    new["info"]["version"] = "2.0"
    thing = new["paths"]["/things/{id}"]
    thing["patch"] = {**deepcopy(thing["post"]), "operationId": "change_thing"}
    thing["post"]["x-rate-limit"]["requests"] = 9
    body = thing["post"]["requestBody"]["content"]["application/vnd.segment.v1alpha+json"]["schema"]
    body["required"] = []
    body["properties"]["length"] = body["properties"].pop("size")
    body["properties"]["parts"]["anyOf"][0]["maxItems"] = 3
    new["components"]["schemas"]["Part"]["properties"]["kind"]["enum"] += ["C"]
    del new["paths"]["/things"]
    return new


DRIFT = """\
1.0 -> 2.0: 2 operations, 8 differences
added    change_thing
removed  list_things
changed  make_thing  body.length: nothing -> number|integer, nullable
changed  make_thing  body.name: string, required -> string
changed  make_thing  body.parts maxItems: nothing -> 3
changed  make_thing  body.size: number|integer, nullable -> nothing
changed  make_thing  limit: 5/minute -> 9/minute
changed  shape Part  kind: A|B, required -> A|B|C, required
"""


def test_drift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Differences are printed and set the exit status; only --write changes the file."""
    file, spec = tmp_path / "facts.json", tmp_path / "spec.json"
    monkeypatch.setattr(facts, "FILE", file)
    spec.write_text(json.dumps(document()))
    assert make_facts.main([str(spec), "--write"]) == 0
    assert json.loads(file.read_text()) == FACTS
    capsys.readouterr()
    assert make_facts.main([str(spec)]) == 0
    assert capsys.readouterr().out == "1.0 -> 1.0: 2 operations, 0 differences\n"

    spec.write_text(json.dumps(drifted()))
    assert make_facts.main([str(spec)]) == 1
    assert capsys.readouterr().out.splitlines() == DRIFT.splitlines()
    assert json.loads(file.read_text()) == FACTS


def test_another_order_is_no_drift() -> None:
    other = document()
    other["paths"] = dict(reversed(other["paths"].items()))
    other["components"]["schemas"]["Part"]["properties"]["kind"]["enum"].reverse()
    assert make_facts.differences(FACTS, make_facts.facts_of(other)) == []
