"""Documented answers, made from the facts of the Public API, and answers that are not documented."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from airflow_provider_segment.tasks.declarative import REQUIRED
from airflow_provider_segment.tasks.operation import SegmentListOperator
from tests.public_api.declarations import operator_of
from tests.public_api.inputs import Input, Known
from tests.public_api.wire import Document, Schema

MAKESHIFT: list[Any] = [None, True, 7, "x", [], {}, [7], ["x"], [{"id": 7}], {"id": 7}, {"x": None}]
"""Values that a wrong answer has in place of the right one."""
NO_DOCUMENTS: list[Any] = [
    *MAKESHIFT,
    *({"data": value} for value in MAKESHIFT),
    {"errors": []},
    {"message": "maintenance"},
]
"""Bodies that no operation answers with."""
GONE = object()


def choices(document: Document, schema: Schema) -> list[Schema]:
    """The alternatives of a schema, none of which has alternatives itself."""
    schema = document.plain(schema)
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return [each for choice in schema[word] for each in choices(document, choice)]
    return [schema]


def filled(document: Document, schema: Schema, *, full: bool = False, depth: int = 0) -> Any:
    """A value that is valid under a schema: the smallest, or one with what is optional, too."""
    first = next((each for each in choices(document, schema) if each.get("type") != "null"), {})
    if "enum" in first:
        return first["enum"][0]
    match first.get("type"):
        case "object":
            required = first.get("required", [])
            return {
                name: filled(document, inner, full=full, depth=depth + 1)
                for name, inner in first.get("properties", {}).items()
                if name in required or (full and depth < 6)
            }
        case "array":
            return [filled(document, first["items"], full=full, depth=depth + 1)] if full else []
        case "string":
            return "x"
        case "boolean":
            return True
        case "integer" | "number":
            return 7
    return None if first.get("type") == "null" else {}


def arguments_of(operation: str) -> dict[str, Any]:
    """The required arguments of an operation's operator, valid."""
    document, operator = Document.of_the_facts(), operator_of(operation)
    schemas = Input(operation, Known()).schemas()
    given: dict[str, Any] = {}
    for name, field in operator.fields.items():
        if field.default is REQUIRED:
            full = "array" in {each.get("type") for each in choices(document, schemas[name])}
            given[name] = filled(document, schemas[name], full=full)
    return given


def answer_of(operation: str, *, full: bool = False) -> Any:
    """A documented answer, with the last page of a list."""
    document = Document.of_the_facts()
    answers = document.operations[operation].answers
    body = document.plain(answers[min(answers)])
    answer = {"data": filled(document, body["properties"]["data"], full=full)}
    if operation == "list_filters_for_space" and not full:
        # Segment's document lets it be missing, too, which no operator takes for an empty list.
        answer["data"]["filters"] = None
    for pagination in [name for name in answer["data"] if name.lower().endswith("pagination")]:
        answer["data"][pagination] = {"current": "x", "next": None}
    return answer


def data_of(operation: str) -> tuple[dict[str, Schema], list[str]]:
    """The members of an operation's ``data``, and those that are required."""
    document = Document.of_the_facts()
    answers = document.operations[operation].answers
    body = document.plain(answers[min(answers)])
    data = choices(document, body["properties"]["data"])[0]
    return data["properties"], data.get("required", [])


def types(schema: Schema) -> set[str]:
    """The JSON types that a schema allows; of an enum, that of its values."""
    return {each.get("type", "any") for each in choices(Document.of_the_facts(), schema)}


def type_of(value: Any) -> str:
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "null")


def malformed(operation: str) -> Iterator[tuple[str, Any]]:
    """Answers that lack what the operator returns, or have something else there: what it is, and the body."""
    members, required = data_of(operation)
    right = answer_of(operation, full=True)

    def with_(name: str, value: Any) -> Any:
        wrong = deepcopy(right)
        if value is GONE:
            del wrong["data"][name]
        else:
            wrong["data"][name] = value
        return wrong

    for name, schema in members.items():
        allowed = types(schema)
        if name not in required or "any" in allowed:
            continue
        yield f"no {name}", with_(name, GONE)
        for value in MAKESHIFT:
            kind = type_of(value)
            if kind not in allowed and not (kind == "number" and "integer" in allowed):
                yield f"{name} is {value!r}", with_(name, value)
        if "array" in allowed:
            yield from ((f"{name} is {value!r}", with_(name, value)) for value in _wrong_items(schema))
    if issubclass(operator_of(operation), SegmentListOperator):
        for name in [name for name in members if name.lower().endswith("pagination") and name in required]:
            for value in ({}, {"next": True}, {"next": ["x"]}, {"next": "the same"}):
                yield f"{name} is {value!r}", with_(name, value)


def _wrong_items(schema: Schema) -> Iterator[list[Any]]:
    document = Document.of_the_facts()
    items = next(each["items"] for each in choices(document, schema) if each.get("type") == "array")
    if "string" in types(items):
        yield from ([7], [{"id": "x"}], [None])
    elif "object" in types(items):
        yield from ([7], ["x"], [None], [[]])
        item = choices(document, items)[0]
        if "id" in item.get("properties", {}):
            yield [{**filled(document, item), "id": 7}]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Each place in a document, as a path to it."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in inner:
        yield from places(each, (*path, step))


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with something else in one place, or without it."""
    if not path:
        return None if value is GONE else value
    changed = deepcopy(document)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    if value is GONE:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return changed
