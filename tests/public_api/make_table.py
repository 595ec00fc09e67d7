"""Makes the table of Segment's operations anew and prints what changed.

    python tests/public_api/make_table.py segment-public-api.openapi.json

The table holds facts only (names, places, types, limits), in a form of our own. Each operation has its
parameters as [place, type, required or optional]; a type is a JSON type's name, or the list of an enum's
values; ``rules[].key`` is a field of each item of ``rules``. ``paging`` names the query parameters that hold
count and cursor; an empty name says that they stand by themselves.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("table.json")
METHODS = ("get", "post", "put", "patch", "delete")


class Document:
    """An OpenAPI document, read as facts about its operations."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._schemas = document["components"]["schemas"]
        self.version = document["info"]["version"]
        self.operations = {
            operation["operationId"]: self._operation(method, path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if method in METHODS
        }

    def _operation(self, method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
        parameters: dict[str, list[Any]] = {}
        paging = []
        for parameter in operation.get("parameters", []):
            name, schema = parameter["name"], parameter["schema"]
            if name.lower().endswith("pagination"):
                paging.append(name)
            else:
                self._flatten(parameters, name, parameter["in"], schema, parameter.get("required", False))
        if "requestBody" in operation:
            body = self._plain(next(iter(operation["requestBody"]["content"].values()))["schema"])
            for name, schema in body["properties"].items():
                self._flatten(parameters, name, "body", schema, name in body.get("required", []))
        if {"count", "cursor"} <= parameters.keys():  # one list takes them bare
            paging = [""]
            parameters = {name: fact for name, fact in parameters.items() if name not in ("count", "cursor")}
        status, answer = self._answer(operation)
        limit = operation.get("x-rate-limit")
        return {
            "tag": operation["tags"][0],
            "endpoint": f"{method.upper()} {path}",
            "media_type": operation["x-accept"][0],
            "rate_limit": f"{limit['requests']}/{limit['per']}" if limit else None,
            "status": status,
            "answer": answer,
            "paging": paging,
            "parameters": parameters,
        }

    def _answer(self, operation: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The status of a success and what lies under ``data``, cursors aside."""
        status = next(code for code in operation["responses"] if code.startswith("2"))
        content = operation["responses"][status]["content"]
        envelope = self._plain(next(iter(content.values()))["schema"])
        data = self._plain(envelope["properties"]["data"])
        return int(status), {
            name: self._type(schema)
            for name, schema in data["properties"].items()
            if not name.lower().endswith("pagination")
        }

    def _flatten(
        self, parameters: dict[str, list[Any]], name: str, place: str, schema: dict[str, Any], required: bool
    ) -> None:
        """One line for a parameter, and one for each field inside: ``rules[].type``."""
        parameters[name] = [place, self._type(schema), "required" if required else "optional"]
        schema = self._plain(schema)
        if schema.get("type") == "array":
            name, schema = f"{name}[]", self._plain(schema["items"])
        for field, inner in schema.get("properties", {}).items():
            self._flatten(parameters, f"{name}.{field}", place, inner, field in schema.get("required", []))

    def _type(self, schema: dict[str, Any]) -> Any:
        """A JSON type's name; the list of values of an enum."""
        schema = self._plain(schema)
        if "enum" in schema:
            return sorted(schema["enum"])
        if schema.get("type") == "array":
            inner = self._type(schema["items"])
            return f"array of {'|'.join(inner) if isinstance(inner, list) else inner}"
        return schema.get("type", "any")

    def _plain(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema without reference, without the null that the SDK adds to all that is optional."""
        while "$ref" in schema:
            schema = self._schemas[schema["$ref"].rsplit("/", 1)[1]]
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


def write(document: Document) -> None:
    """Write the table: one line a fact, so that a diff reads well."""
    lines = [f'{{"version": {json.dumps(document.version)}, "operations": {{']
    operations = sorted(document.operations.items(), key=lambda item: (item[1]["tag"], item[0]))
    for name, facts in operations:
        parameters = facts.pop("parameters")
        lines.append(f"{json.dumps(name)}: {{")
        lines += [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in facts.items()]
        inner = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in parameters.items())
        lines.append(f' "parameters": {{{chr(10) + inner if inner else ""}}}')
        lines.append("}," if name != operations[-1][0] else "}")
    TABLE.write_text("\n".join([*lines, "}}", ""]))


def drift(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What is in ``new`` and not, or differently, in ``old``: one line each."""
    report = [f"added    {name}  {new[name]['endpoint']}" for name in sorted(new.keys() - old.keys())]
    report += [f"removed  {name}  {old[name]['endpoint']}" for name in sorted(old.keys() - new.keys())]
    for name in sorted(new.keys() & old.keys()):
        before, after = _facts(old[name]), _facts(new[name])
        for fact in sorted(before.keys() | after.keys()):
            if before.get(fact) != after.get(fact):
                report.append(f"changed  {name}  {fact}: {before.get(fact)} -> {after.get(fact)}")
    return report


def _facts(operation: dict[str, Any]) -> dict[str, Any]:
    parameters = {f"parameter {name}": fact for name, fact in operation["parameters"].items()}
    return {key: value for key, value in operation.items() if key != "parameters"} | parameters


def main(spec: str) -> None:
    """Write the table of a document and print the difference to the one before."""
    old = json.loads(TABLE.read_text()) if TABLE.exists() else {"version": "none", "operations": {}}
    write(Document(json.loads(Path(spec).read_text())))
    new = json.loads(TABLE.read_text())
    report = drift(old["operations"], new["operations"])
    versions = f"{old['version']} -> {new['version']}"
    print(f"{versions}: {len(new['operations'])} operations, {len(report)} differences")
    for line in report:
        print(line)


if __name__ == "__main__":
    main(sys.argv[1])
