"""Input for operators, right and wrong, made by hypothesis from Segment's own document."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime, timedelta, timezone
from typing import Any, get_args
from urllib.parse import unquote

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from airflow_provider_segment.sandbox.state import Collections
from airflow_provider_segment.tasks.declarative import REQUIRED
from airflow_provider_segment.tasks.operation import wire_name
from tests.public_api import overrides
from tests.public_api.journey import document
from tests.public_api.test_operations import annotation_of, operator_of
from tests.public_api.wire import Schema

SECRET = "hush-hush"
OPTIONS: dict[str, Schema] = {
    "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    "page_size": {"type": "integer"},
    "missing_ok": {"type": "boolean"},
}
NOW = datetime.now(timezone.utc)
TIMES = [NOW - timedelta(hours=hours) for hours in (1, 2)]

# What leads somewhere in the sandbox, by the name of a field: a collection, or values.
PLACES = {
    "sourceId": "/sources",
    "destinationId": "/destinations",
    "destinationConfigId": "/destinations",
    "integrationId": "/destinations",
    "modelId": "/reverse-etl-models",
    "functionId": "/functions",
    "roleId": "/roles",
    "userIds": "/users",
}
VALUES: dict[str, list[Any]] = {
    "startTime": [time.isoformat() for time in TIMES],
    "endTime": [NOW.isoformat()],
    "period": [NOW.strftime("%Y-%m-01")],
    "emails": ["mina@example.com", "moritz@example.com"],
    "delay": [0, 1],
    "statusCode": [200, 400],
    "triggerUnexpectedError": [False],
    "metadataId": ["iUM16Md8P2", "5f7dd6d21ad74f3842b1fc47", "55d3d3aea3c"],
}


class Known(Collections):
    """What is in the furnished workspace, to draw ids from."""

    def __repr__(self) -> str:
        return "..."  # a failing example should be readable


def text(**options: Any) -> SearchStrategy[str]:
    """Any text, but for what Jinja makes something else of in an argument that is no template."""
    return st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\r\n{"), max_size=12, **options
    )


def anything() -> SearchStrategy[Any]:
    scalars = st.none() | st.booleans() | st.integers(-9, 99) | text()
    return scalars | st.lists(scalars, max_size=2) | st.dictionaries(text(), scalars, max_size=2)


class Input:
    """Input for an operator, by the schemas of the document."""

    def __init__(self, operation: str, known: Known) -> None:
        self.operation = operation
        self.operator = operator_of(operation)
        self.collections = known
        self.plain = document().plain

    def schemas(self) -> dict[str, Schema]:
        """A schema for each argument, by the argument's name."""
        schemas = dict(OPTIONS)
        if "if_exists" in self.operator.fields:
            schemas["if_exists"] = {"enum": list(get_args(annotation_of(self.operator, "if_exists")))}
        body = document().body(self.operation, self.operator.media_type, self.operator.envelope)
        parameters = document().operations[self.operation].parameters
        wire = body.get("properties", {}) | parameters["path"] | parameters["query"]
        names = {name: wire_name(name, field) for name, field in self.operator.fields.items()}
        schemas |= {name: wire[there] for name, there in names.items() if there in wire}
        for name, there in names.items():
            # What the document is known to be too loose about.
            if (self.operation, there) in overrides.TYPES:
                schemas[name] = {"enum": overrides.TYPES[self.operation, there][0]}
            elif (self.operation, there) in overrides.NOT_NULL:
                schemas[name] = schemas[name]["anyOf"][0]
        return {name: schemas[name] for name in self.operator.fields if name in schemas}

    @st.composite
    @staticmethod
    def valid(draw: Any, self: Input, one: str = "") -> dict[str, Any]:
        """All required arguments, this one, and some of the others."""
        given: dict[str, Any] = {}
        path = ""
        schemas = self.schemas()
        for part in self.operator.endpoint.split()[1].split("/")[1:]:
            value = part
            if part.startswith("{"):
                name = next(
                    name
                    for name, field in self.operator.fields.items()
                    if field.place == "path" and f"{{{wire_name(name, field)}}}" == part
                )
                there = self.collections.get(path.replace("/destination/", "/destinations/"), {})
                known = [unquote(id.rpartition("/")[2]) for id in there if id]
                value = given[name] = draw(
                    st.sampled_from(known) if known else self.value(schemas[name], part.strip("{}"), "path")
                )
            path += f"/{value}"
        for name, schema in schemas.items():
            field = self.operator.fields[name]
            if name not in given and (field.default is REQUIRED or name == one or draw(st.booleans())):
                given[name] = draw(self.value(schema, wire_name(name, field), field.place))
        return given

    def value(self, schema: Schema, name: str = "", place: str = "body") -> SearchStrategy[Any]:
        """A value that is as the schema says."""
        schema = self.plain(schema)
        if choices := schema.get("anyOf"):
            return st.one_of(*(self.value(choice, name, place) for choice in choices))
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        kind = schema.get("type")
        if kind == "array":
            # An empty list is not in the query at all.
            least = 1 if place == "query" else 0
            return st.lists(self.value(schema["items"], name, place), min_size=least, max_size=3)
        if kind == "object" and "properties" in schema:
            fields = {each: self.value(inner, each) for each, inner in schema["properties"].items()}
            required = {each: fields.pop(each) for each in schema.get("required", [])}
            return st.fixed_dictionaries(required, optional=fields)
        if kind == "object":
            inner = schema.get("additionalProperties")
            return st.dictionaries(
                text(), self.value(inner) if isinstance(inner, dict) else anything(), max_size=2
            )
        if name in VALUES and kind != "null":
            return st.sampled_from(VALUES[name])
        if name in PLACES and kind != "null":
            return st.sampled_from(list(self.collections[PLACES[name]]))
        if kind == "string" and place == "path":
            return text(min_size=1).filter(lambda value: value not in (".", ".."))
        return {
            "string": text(),
            "boolean": st.booleans(),
            "integer": st.integers(1, 9),
            "number": st.integers(1, 9),
            "null": st.none(),
            None: anything(),
        }[kind]

    @st.composite
    @staticmethod
    def wrong(draw: Any, self: Input) -> tuple[str, dict[str, Any]]:
        """Arguments of which one is wrong, itself or somewhere inside; and which."""
        schemas = self.schemas()
        name = draw(st.sampled_from([name for name in schemas if self.types(schemas[name])]))
        given = deepcopy(draw(Input.valid(self, name)))
        path, value, schema = draw(st.sampled_from(list(self.places(given[name], schemas[name]))))
        spoilt = draw(self.spoilt(value, schema, self.operator.fields[name].place))
        holder: Any = given
        for step in (steps := [name, *path])[:-1]:
            holder = holder[step]
        holder[steps[-1]] = spoilt
        return name, given

    def places(self, value: Any, schema: Schema) -> Iterator[tuple[list[Any], Any, Schema]]:
        """A value and all inside it: the way to it, itself, its schema."""
        schema = self.plain(schema)
        choices = [self.plain(each) for each in schema.get("anyOf", []) if each.get("type") != "null"]
        yield [], value, schema
        for choice in choices or [schema]:
            if isinstance(value, list) and "items" in choice:
                for index, item in enumerate(value):
                    yield from self.inside(index, item, choice["items"])
            if isinstance(value, dict):
                for name, inner in choice.get("properties", {}).items():
                    if name in value and (len(choices) < 2 or set(value) <= set(choice["properties"])):
                        yield from self.inside(name, value[name], inner)

    def inside(self, step: Any, value: Any, schema: Schema) -> Iterator[tuple[list[Any], Any, Schema]]:
        for path, inner, its_schema in self.places(value, schema):
            if self.types(its_schema):
                yield [step, *path], inner, its_schema

    def types(self, schema: Schema) -> set[str]:
        """The JSON types that a schema allows; none where anything is allowed."""
        schema = self.plain(schema)
        if choices := [self.types(choice) for choice in schema.get("anyOf", [])]:
            return set().union(*choices) if all(choices) else set()
        return {"enum"} if "enum" in schema else set(filter(None, [schema.get("type")]))

    def spoilt(self, value: Any, schema: Schema, place: str) -> SearchStrategy[Any]:
        """A value that is not as the schema says, with something in it that must not be shown."""
        types = self.types(schema)
        wrong: list[Any] = []
        if "array" not in types:
            wrong.append([SECRET])
        if "object" not in types:
            wrong.append({SECRET: SECRET})
        if "string" not in types:
            wrong.append(SECRET)
        if "null" not in types:
            wrong.append(None)
        if place == "path":
            wrong += ["", ".", ".."]
        if place == "query" and "array" in types and "null" not in types:
            wrong.append([])
        if isinstance(value, dict):
            required = schema.get("required", [])
            wrong += [{name: value[name] for name in value if name != left} for left in required]
        return st.sampled_from(wrong)
