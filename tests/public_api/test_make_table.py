"""The script that makes the table of operations."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.public_api import make_table

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "segment-public-api.openapi.json"


def optional(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def document() -> dict[str, Any]:
    """Two operations, in the way of Segment's document."""
    thing = {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string"},
            "size": optional({"anyOf": [{"type": "number"}, {"type": "integer"}]}),
            "parts": optional({"type": "array", "items": {"$ref": "#/components/schemas/Part"}}),
        },
    }
    answer = {
        "properties": {"data": optional({"properties": {"thing": {"type": "object"}, "pagination": {}}})}
    }
    responses = {"201": {"content": {"application/json": {"schema": answer}}}, "404": {}}
    common = {"tags": ["Things"], "x-accept": ["application/vnd.segment.v1+json"], "responses": responses}
    page = {"name": "pagination", "in": "query", "schema": {"type": "object"}}
    color = {"name": "color", "in": "query", "schema": optional({"type": "string", "enum": ["RED", "BLUE"]})}
    id_ = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    make = {"operationId": "make_thing", "requestBody": {"content": {"application/json": {"schema": thing}}}}
    return {
        "info": {"version": "1.0"},
        "components": {
            "schemas": {
                "Part": {"type": "object", "required": ["kind"], "properties": {"kind": {"enum": ["B", "A"]}}}
            }
        },
        "paths": {
            "/things": {"get": {**common, "operationId": "list_things", "parameters": [page, color]}},
            "/things/{id}": {
                "post": {
                    **common,
                    **make,
                    "parameters": [id_],
                    "x-rate-limit": {"requests": 5, "per": "minute"},
                }
            },
        },
    }


def facts(spec: dict[str, Any]) -> dict[str, Any]:
    return make_table.Document(spec).operations


def test_facts() -> None:
    operations = facts(document())
    assert operations["make_thing"] == {
        "tag": "Things",
        "endpoint": "POST /things/{id}",
        "media_type": "application/vnd.segment.v1+json",
        "rate_limit": "5/minute",
        "status": 201,
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
    assert operations["list_things"]["paging"] == ["pagination"]
    assert operations["list_things"]["parameters"] == {"color": ["query", ["BLUE", "RED"], "optional"]}


def test_drift() -> None:
    old, new = document(), deepcopy(document())
    new["paths"]["/things/{id}"]["patch"] = {
        **new["paths"]["/things/{id}"]["post"],
        "operationId": "change_thing",
    }
    new["components"]["schemas"]["Part"]["properties"]["kind"]["enum"].append("C")
    del new["paths"]["/things"]
    assert make_table.drift(facts(old), facts(new)) == [
        "added    change_thing  PATCH /things/{id}",
        "removed  list_things  GET /things",
        "changed  make_thing  parameter parts[].kind: "
        "['body', ['A', 'B'], 'required'] -> ['body', ['A', 'B', 'C'], 'required']",
    ]
    assert make_table.drift(facts(old), facts(old)) == []


def test_written_table_is_the_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    table, spec = tmp_path / "table.json", tmp_path / "spec.json"
    monkeypatch.setattr(make_table, "TABLE", table)
    spec.write_text(json.dumps(document()))
    make_table.main(str(spec))
    assert json.loads(table.read_text())["operations"] == facts(document())
    assert "none -> 1.0: 2 operations, 2 differences" in capsys.readouterr().out
    make_table.main(str(spec))
    assert "1.0 -> 1.0: 2 operations, 0 differences" in capsys.readouterr().out


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference document is not here")
def test_table_is_that_of_the_reference_document() -> None:
    table = json.loads(make_table.TABLE.read_text())
    assert table["operations"] == facts(json.loads(REFERENCE.read_text()))
    assert len(table["operations"]) == 201
