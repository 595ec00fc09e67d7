"""What operators send, held against Segment's own document, where that is at hand: no server needed."""

from __future__ import annotations

import json
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from jsonschema import Draft202012Validator
from typing_extensions import NotRequired, Required, is_typeddict

from airflow_provider_segment.tasks.declarative import REQUIRED
from tests.public_api.test_make_table import REFERENCE
from tests.public_api.test_operations import TABLE, alternatives, annotation_of, operator_of

pytestmark = pytest.mark.skipif(not REFERENCE.exists(), reason="the reference document is not here")


def sample(hint: Any, full: bool) -> Any:
    """A value of a type: with all that is optional inside, or with nothing of it."""
    hint = next(choice for choice in alternatives(hint) if choice is not NoneType)
    if get_origin(hint) is Literal:
        return get_args(hint)[-1]
    if get_origin(hint) is list:
        return [sample(get_args(hint)[0], full)]
    if is_typeddict(hint):
        fields = get_type_hints(hint, include_extras=True)
        total = hint.__total__ and not any(
            not base.__total__ for base in hint.__orig_bases__ if is_typeddict(base)
        )
        given = {
            name: (get_origin(field) or (Required if total else NotRequired))
            for name, field in fields.items()
        }
        return {
            name: sample(get_args(field)[0] if get_origin(field) in (Required, NotRequired) else field, full)
            for name, field in fields.items()
            if full or given[name] is not NotRequired
        }
    if get_origin(hint) is dict or hint is Any:
        return {"a": 1}
    return {str: "x", bool: True, int: 1, float: 0.5}[hint]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads(REFERENCE.read_text())  # type: ignore[no-any-return]


@pytest.mark.parametrize("full", [True, False], ids=["all arguments", "required arguments"])
@pytest.mark.parametrize("operation", TABLE)
def test_request(document: dict[str, Any], operation: str, full: bool) -> None:
    operator = operator_of(operation)
    given = {
        name: sample(annotation_of(operator, name), full)
        for name, field in operator.fields.items()
        if field.place != "option" and (full or field.default is REQUIRED)
    }
    arguments = operator(task_id="t", **given).arguments()
    method, path, options = operator.request(arguments)
    template = operator.endpoint.split()[1]
    described = document["paths"][template][method.lower()]

    assert path.count("/") == template.count("/") and "{" not in path
    if "requestBody" in described:
        schema = described["requestBody"]["content"][operator.media_type]["schema"]
        schema = {**schema, "components": document["components"], "additionalProperties": False}
        Draft202012Validator(schema).validate(options["json"])
    else:
        assert "json" not in options
    parameters = {p["name"]: p for p in described.get("parameters", []) if p["in"] == "query"}
    query = {name: value for name, value in options.get("query", {}).items() if value is not None}
    assert query.keys() <= parameters.keys()
    assert {name for name, p in parameters.items() if p.get("required")} <= query.keys()
    for name, value in query.items():
        Draft202012Validator({**parameters[name]["schema"], "components": document["components"]}).validate(
            value
        )
