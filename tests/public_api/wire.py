"""Recorded HTTP traffic, and the judge that checks it against the facts of the Public API."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote

from jsonschema import Draft202012Validator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_segment.sandbox.query import nested
from tests.public_api import facts

Schema = dict[str, Any]
ERROR = "RequestErrorEnvelope"


@dataclass
class Exchange:
    """A request and its answer; no status if the connection was reset."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = b""
    status: int | None = None
    answer: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.path}?{self.query} {self.body!r} -> {self.status}"


@dataclass
class Recorder:
    """An ASGI application that records the traffic of the one inside it."""

    app: ASGIApp
    exchanges: list[Exchange] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        exchange = Exchange(
            scope["method"], scope["raw_path"].decode(), scope["query_string"].decode(), headers
        )
        self.exchanges.append(exchange)

        async def record_request() -> Message:
            message = await receive()
            exchange.body += message.get("body", b"")
            return message

        async def record_answer(message: Message) -> None:
            exchange.status = message.get("status", exchange.status)
            exchange.answer += message.get("body", b"")
            await send(message)

        await self.app(scope, record_request, record_answer)


class Operation:
    """One operation of a document."""

    def __init__(self, method: str, path: str, described: dict[str, Any]) -> None:
        self.method = method
        self.path = path
        self.media_types: list[str] = described["x-accept"]
        parameters = described.get("parameters", [])
        self.parameters: dict[str, dict[str, Schema]] = {"path": {}, "query": {}}
        for each in parameters:
            self.parameters[each["in"]][each["name"]] = closed(each["schema"])
        self.required_query = {
            each["name"] for each in parameters if each["in"] == "query" and each.get("required")
        }
        bodies = described.get("requestBody", {}).get("content", {})
        self.bodies = {media_type: closed(each["schema"]) for media_type, each in bodies.items()}
        self.answers = {
            int(status): closed(next(iter(response["content"].values()))["schema"])
            for status, response in described["responses"].items()
        }


class Document:
    """An OpenAPI document, read strictly: what it does not name is a fault."""

    @classmethod
    @functools.cache
    def of_the_facts(cls) -> Document:
        """The document that facts.json expands to."""
        return cls(facts.document())

    def __init__(self, document: dict[str, Any]) -> None:
        self.components = {
            "schemas": {name: closed(schema) for name, schema in document["components"]["schemas"].items()}
        }
        self.operations = {
            operation["operationId"]: Operation(method.upper(), path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        }

    @cached_property
    def paths(self) -> list[tuple[str, re.Pattern[str], str]]:
        """Method, path pattern and operation, those with the fewest placeholders first."""
        by_placeholders = sorted(self.operations.items(), key=lambda item: item[1].path.count("{"))
        return [
            (operation.method, re.compile(re.sub(r"{\w+}", "[^/]+", operation.path)), name)
            for name, operation in by_placeholders
        ]

    def operation_of(self, exchange: Exchange) -> str | None:
        """The operation that a request calls."""
        return next(
            (
                name
                for method, path, name in self.paths
                if method == exchange.method and path.fullmatch(exchange.path)
            ),
            None,
        )

    def plain(self, schema: Schema) -> Schema:
        """A schema with its reference resolved."""
        while "$ref" in schema:
            schema = self.components["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema

    def body(self, name: str, media_type: str, envelope: str | None = None) -> Schema:
        """The schema of an operation's body, or of the envelope's content; empty if it has no body."""
        schema = self.plain(self.operations[name].bodies.get(media_type, {}))
        return self.plain(schema["properties"][envelope]) if envelope else schema

    def faults(self, exchange: Exchange) -> list[str]:
        """What is wrong with a request and its answer."""
        name = self.operation_of(exchange)
        if name is None:
            return [f"no such operation: {exchange}"]
        found = [*self._request_faults(name, exchange), *self.answer_faults(name, exchange)]
        return [f"{name}: {fault}: {exchange}" for fault in found]

    def _request_faults(self, name: str, exchange: Exchange) -> Iterator[str]:
        operation = self.operations[name]
        accepted = exchange.headers["accept"]
        if accepted not in operation.media_types:
            yield f"accepts {accepted}"
        if any(part in ("", ".", "..") for part in map(unquote, exchange.path.split("/")[2:])):
            yield "a part of the path is empty or a dot segment"

        query = nested(parse_qsl(exchange.query, keep_blank_values=True))
        schemas = operation.parameters["query"]
        typed = {name: self._typed(value, schemas.get(name, {})) for name, value in query.items()}
        body = json.loads(exchange.body) if exchange.body else None
        yield from self.input_faults(name, typed, exchange.headers.get("content-type"), body)

    def input_faults(
        self, name: str, query: dict[str, Any], media_type: str | None, body: Any
    ) -> Iterator[str]:
        """What is wrong with the query and the body of a request, None where it has no body."""
        operation = self.operations[name]
        yield from (f"no {missing} in the query" for missing in operation.required_query - query.keys())
        for parameter, value in query.items():
            if parameter in operation.parameters["query"]:
                schema = operation.parameters["query"][parameter]
                yield from self._invalid(value, schema, f"query {parameter}")
            else:
                yield f"{parameter} is no query parameter"
        if not operation.bodies:
            if body is not None or media_type:
                yield "an unexpected body"
        elif media_type not in operation.bodies:
            yield f"a body of type {media_type}"
        else:
            yield from self._invalid(body, operation.bodies[media_type], "body")

    def answer_faults(self, name: str, exchange: Exchange) -> Iterator[str]:
        """What is wrong with the answer to a request of this operation."""
        if exchange.status is None:
            return
        answer = json.loads(exchange.answer)
        answers = self.operations[name].answers
        if exchange.status >= 300:
            yield from self._invalid(answer, self.components["schemas"][ERROR], "error")
        elif exchange.status not in answers:
            yield f"answered with status {exchange.status}"
        else:
            yield from self._invalid(documented(answer), answers[exchange.status], "answer")

    def _invalid(self, value: Any, schema: Schema, what: str) -> Iterator[str]:
        validator = Draft202012Validator({**schema, "components": self.components})
        for error in validator.iter_errors(value):
            yield f"{what} {error.json_path}: {error.message[:300]}"

    def _typed(self, value: Any, schema: Schema) -> Any:
        """A value of a query, which is all text, converted to the type in the schema."""
        schema = self.plain(schema)
        for choice in schema.get("anyOf", []):
            if self.plain(choice).get("type") != "null":
                return self._typed(value, choice)
        kind = schema.get("type")
        if kind == "array" and isinstance(value, list):
            return [self._typed(each, schema["items"]) for each in value]
        if kind == "object" and isinstance(value, dict):
            fields = schema.get("properties", {})
            return {name: self._typed(each, fields.get(name, {})) for name, each in value.items()}
        if kind in ("integer", "number", "boolean") and isinstance(value, str):
            return json.loads(value) if re.fullmatch(r"true|false|-?\d+(\.\d+)?", value) else value
        return value


IN_EXAMPLES_ONLY = {
    "function": {"buildpack", "workspaceId"},
    "items": {"source"},
    "permissions": {"policyId", "subjectId", "subjectType"},
    "trackingPlan": {"resourceSchemaId"},
    "trackingPlans": {"resourceSchemaId"},
    "transformation": {"workspaceId"},
    "transformations": {"workspaceId"},
}
"""Members of the answers in Segment's examples that its schemas lack, by what they are members of."""


def documented(value: Any, name: str = "") -> Any:
    """An answer without the members that are only in examples."""
    if isinstance(value, list):
        return [documented(item, name) for item in value]
    if isinstance(value, dict):
        without = IN_EXAMPLES_ONLY.get(name, ())
        return {member: documented(inner, member) for member, inner in value.items() if member not in without}
    return value


def closed(schema: Schema) -> Schema:
    """The schema, with members that it does not name forbidden."""
    tight = dict(schema)
    for word in ("anyOf", "oneOf", "allOf"):
        if word in tight:
            tight[word] = [closed(choice) for choice in tight[word]]
    if "items" in tight:
        tight["items"] = closed(tight["items"])
    if "properties" in tight:
        tight["properties"] = {name: closed(each) for name, each in tight["properties"].items()}
        tight.setdefault("additionalProperties", False)
    return tight
