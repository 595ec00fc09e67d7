"""The facts of each operation, flattened so that they can be compared with an operator's declaration.

Each operation has its parameters as [place, type, required or optional]; a type is a JSON type's name, or the
list of an enum's values; ``rules[].key`` is a member of each item of ``rules``. ``paging`` names the query
parameters that hold count and cursor; an empty name means that they are parameters themselves.
"""

from __future__ import annotations

import re
from typing import Any

from tests.public_api import facts
from tests.public_api.facts import Json


def entry(all_facts: Json, name: str) -> Json:
    """One operation of these facts."""
    return Flat(all_facts["shapes"]).operation(all_facts["operations"][name])


def limits(all_facts: Json) -> dict[str, tuple[int, int]]:
    """The published limits, as requests and seconds, by method and path with nameless placeholders."""
    seconds = {"minute": 60, "day": 86_400}
    found = {}
    for operation in all_facts["operations"].values():
        if "limit" in operation:
            requests, per = operation["limit"].split("/")
            found[re.sub(r"{\w+}", "{}", operation["endpoint"])] = int(requests), seconds[per]
    return found


class Flat:
    """Flattens operations whose schemas refer to these shapes."""

    def __init__(self, shapes: Json) -> None:
        self._shapes = shapes

    def operation(self, operation: Json) -> Json:
        """The entry of an operation."""
        described = facts.operation(operation)
        parameters: dict[str, list[Any]] = {}
        paging = []
        for parameter in described["parameters"]:
            name, schema = parameter["name"], parameter["schema"]
            if name.lower().endswith("pagination"):
                paging.append(name)
            else:
                self._flatten(parameters, name, parameter["in"], schema, parameter["required"])
        if "requestBody" in described:
            body = self._plain(next(iter(described["requestBody"]["content"].values()))["schema"])
            for name, schema in body["properties"].items():
                self._flatten(parameters, name, "body", schema, name in body.get("required", []))
        if {"count", "cursor"} <= parameters.keys():  # one operation has them as parameters of their own
            paging = [""]
            parameters = {name: fact for name, fact in parameters.items() if name not in ("count", "cursor")}
        return {
            "endpoint": operation["endpoint"],
            "media_type": described["x-accept"][0],
            "rate_limit": operation.get("limit"),
            "answer": self._answer(described),
            "paging": paging,
            "parameters": parameters,
        }

    def _answer(self, described: Json) -> Json:
        """The members of ``data`` in a successful answer, except for pagination."""
        status = next(code for code in described["responses"] if code.startswith("2"))
        content = described["responses"][status]["content"]
        envelope = self._plain(next(iter(content.values()))["schema"])
        data = self._plain(envelope["properties"]["data"])
        return {
            name: self._type(schema)
            for name, schema in data["properties"].items()
            if not name.lower().endswith("pagination")
        }

    def _flatten(
        self, parameters: dict[str, list[Any]], name: str, place: str, schema: Json, required: bool
    ) -> None:
        """An entry for a parameter, and one for each member inside: ``rules[].type``."""
        parameters[name] = [place, self._type(schema), "required" if required else "optional"]
        schema = self._plain(schema)
        if schema.get("type") == "array":
            name, schema = f"{name}[]", self._plain(schema["items"])
        for member, inner in schema.get("properties", {}).items():
            self._flatten(parameters, f"{name}.{member}", place, inner, member in schema.get("required", []))

    def _type(self, schema: Json) -> Any:
        """A JSON type's name; the list of values of an enum."""
        schema = self._plain(schema)
        if "enum" in schema:
            return sorted(schema["enum"])
        if schema.get("type") == "array":
            inner = self._type(schema["items"])
            return f"array of {'|'.join(inner) if isinstance(inner, list) else inner}"
        return schema.get("type", "any")

    def _plain(self, schema: Json) -> Json:
        """A schema with its reference resolved, and without the null that everything optional allows."""
        while "$ref" in schema:
            schema = facts.schema(self._shapes[schema["$ref"].removeprefix(facts.REF)])
        choices = [self._plain(choice) for choice in schema.get("anyOf", schema.get("oneOf", []))]
        choices = [choice for choice in choices if choice.get("type") != "null"]
        if not choices:
            return schema
        if {choice.get("type") for choice in choices} == {"number", "integer"}:
            return {"type": "number"}
        if len(choices) > 1:
            kinds = sorted({str(self._type(choice)) for choice in choices})
            return {"type": kinds[0] if len(kinds) == 1 else f"one of {'|'.join(kinds)}"}
        return choices[0]


TABLE = {name: entry(facts.load(), name) for name in facts.load()["operations"]}
