"""JSON schemas of the arguments of operators, for models: from the declarations, with their descriptions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from airflow_provider_segment.arguments import make_checker
from airflow_provider_segment.catalogue.declarations import arguments_of
from airflow_provider_segment.references import KINDS, chain, kinds_for
from airflow_provider_segment.tasks.declarative import REQUIRED
from airflow_provider_segment.toolsets.offer import Operator, arguments_for

FEW = 3
"""Of an argument that this many operations or fewer take, their names are given."""

Schema = dict[str, Any]


@cache
def checker_of(operator: Operator) -> Any:
    """Checks the arguments that an agent gives to an operator; for :func:`.check_arguments`."""
    names = arguments_for(operator)
    required = [name for name in names if operator.fields[name].default is REQUIRED]
    return make_checker(operator.__name__, operator.types_of(names), required=required, unknown="allow")


@cache
def schema_of(operator: Operator) -> Schema:
    """The schema of the arguments of one operator."""
    schema: Schema = _untitled(checker_of(operator).json_schema())
    said = {argument.name: argument.description for argument in arguments_of(operator)}
    said["limit"] = "Items to return at most."
    for name, property in schema["properties"].items():
        property["description"] = f"{said[name]}{_names_for(name, operator.endpoint)}"
    return {**schema, "additionalProperties": False}


def schema_of_any(operators: Mapping[str, Operator]) -> Schema:
    """The schema for a choice of operators: ``operation``, and the arguments that any of them takes."""
    taken: dict[str, dict[str, Schema]] = {}
    definitions: Schema = {}
    for operation, operator in operators.items():
        schema = schema_of(operator)
        definitions |= schema.get("$defs", {})
        for name, property in schema["properties"].items():
            taken.setdefault(name, {})[operation] = property
    names = {"type": "string", "enum": list(operators), "description": "What to read."}
    properties = {name: _merged(each) for name, each in taken.items()}
    return {
        "type": "object",
        "properties": {"operation": names, **properties},
        "required": ["operation"],
        "additionalProperties": False,
        **({"$defs": definitions} if definitions else {}),
    }


def _merged(properties: Mapping[str, Schema]) -> Schema:
    """One property for an argument of several operations."""
    said = dict.fromkeys(property["description"].rstrip(".") for property in properties.values())
    kinds: dict[str, Schema] = {}
    for property in properties.values():
        kind = {name: value for name, value in property.items() if name != "description"}
        for each in kind.get("anyOf", [kind]):
            kinds[json.dumps(each, sort_keys=True)] = each
    takers = f" Of {', '.join(properties)}." if len(properties) <= FEW else ""
    kind = next(iter(kinds.values())) if len(kinds) == 1 else {"anyOf": list(kinds.values())}
    return {**kind, "description": f"{'; or '.join(said)}.{takers}"}


def _names_for(argument: str, endpoint: str) -> str:
    """How to give a name instead of an id, where that is possible."""
    kinds = kinds_for(argument, endpoint)
    if not kinds:
        return ""
    if len(kinds) == len(KINDS):
        return " Or its name: ref:KIND:NAME"
    forms = [f"ref:{kind}:{'/'.join(part.upper() for part in chain(kind))}" for kind in kinds]
    return f" Or its name: {' or '.join(forms)}"


def _untitled(schema: Any) -> Any:
    """A schema without the titles that Pydantic makes of names."""
    if isinstance(schema, list):
        return [_untitled(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: {each: _untitled(inner) for each, inner in value.items()}
        if name in ("properties", "$defs")
        else _untitled(value)
        for name, value in schema.items()
        if name != "title"
    }
