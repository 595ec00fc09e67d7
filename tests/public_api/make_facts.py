"""Compares facts.json with an OpenAPI document of Segment's Public API, or writes it from one.

python -m tests.public_api.make_facts DOCUMENT            print the differences; status 1 if there are any
python -m tests.public_api.make_facts DOCUMENT --write    print them, and write the facts of the document
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.public_api import facts as facts_file
from tests.public_api.facts import CHOICES, NULL, PLACES, REF, VENDOR, Json, words

METHODS = ("get", "post", "put", "patch", "delete")
PROSE = ("title", "description", "example", "examples", "default", "deprecated", "externalDocs")
NAME = re.compile(r"[^!?*$|=][^!?|]*")


# --- from a document to facts ----------------------------------------------------------------------------


def facts_of(document: Json) -> Json:
    """The facts of an OpenAPI document; ValueError where it says something that they have no words for."""
    operations = {
        operation["operationId"]: _operation(f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }
    schemas = document["components"]["schemas"]
    shapes: Json = {}
    while missing := words([operations, shapes]) & schemas.keys() - shapes.keys():
        shapes |= {name: notation(schemas[name]) for name in missing}
    return {
        "version": document["info"]["version"],
        "operations": dict(sorted(operations.items(), key=lambda item: (item[1]["tag"], item[0]))),
        "shapes": dict(sorted(shapes.items())),
    }


def _operation(endpoint: str, operation: Json) -> Json:
    facts: Json = {"tag": operation["tags"][0], "endpoint": endpoint}
    if limit := operation.get("x-rate-limit"):
        facts["limit"] = f"{limit['requests']}/{limit['per']}"
    facts["accepts"] = _versions(operation["x-accept"])
    parameters = operation.get("parameters", [])
    if odd := {each["in"] for each in parameters} - {*PLACES}:
        raise ValueError(f"{endpoint}: there are no words for a parameter in {odd}")
    for place in PLACES:
        if members := dict(
            _member(each["name"], each["schema"], each.get("required", False))
            for each in parameters
            if each["in"] == place
        ):
            facts[place] = members
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]
        facts["takes"] = _versions(content)
        facts["body"] = _only(content, endpoint)
    answers: Json = {}
    for status, response in operation["responses"].items():
        answer = _only(response.get("content", {"any": {"schema": {}}}), endpoint)
        same = next((statuses for statuses in answers if answers[statuses] == answer), "")
        answers.pop(same, None)
        answers[f"{same} {status}".strip()] = answer
    return {**facts, "answers": answers}


def _versions(media_types: Any) -> str:
    vendor = re.compile(re.escape(VENDOR).replace(r"\{\}", r"(\w+)"))
    found = ["json" if each == "application/json" else vendor.fullmatch(each) for each in media_types]
    if None in found:
        raise ValueError(f"one of these media types has no version: {list(media_types)}")
    return " ".join(each if isinstance(each, str) else each[1] for each in found if each)


def _only(content: Json, endpoint: str) -> Any:
    schemas = [notation(each["schema"]) for each in content.values()]
    if any(each != schemas[0] for each in schemas):
        raise ValueError(f"{endpoint}: the schema depends on the media type")
    return schemas[0]


def notation(schema: Json) -> Any:
    """JSON Schema in our notation."""
    schema = {key: value for key, value in schema.items() if key not in PROSE and not key.startswith("x-")}
    found, known = _notation(schema)
    further = {key: value for key, value in schema.items() if key not in known}
    return {"$": found, **further} if further else found


def _notation(schema: Json) -> tuple[Any, set[str]]:
    """The notation of a schema, and the keywords that it covers."""
    kind = schema.get("type")
    if "$ref" in schema:
        return _name(schema["$ref"].removeprefix(REF)), {"$ref"}
    if "anyOf" in schema:
        choices: list[Any] = []
        for choice in (notation(inner) for each in schema["anyOf"] for inner in _choices(each)):
            if choice not in choices:  # some are named twice
                choices.append(choice)
        plain = all(isinstance(each, str) and "=" not in each for each in choices)
        return "|".join(choices) if plain else {"$any": choices}, {"anyOf"}
    for word, keyword in CHOICES.items():
        if keyword in schema:
            return {word: [notation(each) for each in schema[keyword]]}, {keyword}
    if kind == "string" and all(NAME.fullmatch(str(each)) for each in schema.get("enum", [])):
        values = "|".join(schema.get("enum", []))
        return f"={values}" if values else kind, {"type", "enum"} if values else {"type"}
    if kind == "array" and "items" in schema:
        return [notation(schema["items"])], {"type", "items"}
    if kind == "object" and ("properties" in schema or "additionalProperties" in schema):
        required, members = schema.get("required", []), schema.get("properties", {})
        found = dict(_member(name, inner, name in required) for name, inner in members.items())
        covered = {"type", "properties"} | ({"required"} if set(required) <= members.keys() else set())
        if others := schema.get("additionalProperties"):
            found["*"] = "any" if others is True else notation(others)
            covered.add("additionalProperties")
        return found, covered
    return (kind, {"type"}) if kind in facts_file.TYPES else ("any", set())


def _member(name: str, schema: Json, required: bool) -> tuple[str, Any]:
    choices = _choices(schema)
    null = len(choices) > 1 and NULL in choices
    if null:
        left = [each for each in choices if each != NULL]
        schema = left[0] if len(left) == 1 else {"anyOf": left}
    return _name(name) + "!" * required + "?" * null, notation(schema)


def _choices(schema: Json) -> list[Json]:
    """The choices of an ``anyOf``, and of those inside it."""
    if schema.keys() - {*PROSE} != {"anyOf"}:
        return [{key: value for key, value in schema.items() if key not in PROSE}]
    return [choice for each in schema["anyOf"] for choice in _choices(each)]


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"the notation cannot name {name!r}")
    return name


# --- from facts to the file ------------------------------------------------------------------------------


def text(facts: Json) -> str:
    """Facts as the text of the file: one fact a line, so that a diff reads well."""
    return "\n".join(_lines(facts)) + "\n"


def _lines(value: Any, indent: str = "") -> Iterator[str]:
    if not isinstance(value, dict) or not value or any(key.startswith("$") for key in value):
        yield json.dumps(value, ensure_ascii=False)
        return
    yield "{"
    for number, (key, inner) in enumerate(value.items(), 1):
        first, *rest = _lines(inner, indent + " ")
        *rest, last = [f"{indent} {json.dumps(key)}: {first}", *rest]
        yield from rest
        yield last + ("," if number < len(value) else "")
    yield indent + "}"


# --- differences -----------------------------------------------------------------------------------------


def differences(old: Json, new: Json) -> list[str]:
    """What facts have that others have not, or have differently: one line each."""
    report = []
    for kind, word in (("operations", ""), ("shapes", "shape ")):
        before, after = old[kind], new[kind]
        report += [f"added    {word}{name}" for name in sorted(after.keys() - before.keys())]
        report += [f"removed  {word}{name}" for name in sorted(before.keys() - after.keys())]
        for name in sorted(before.keys() & after.keys()):
            was, became = dict(_flat(before[name])), dict(_flat(after[name]))
            for fact in sorted(was.keys() | became.keys()):
                one, other = was.get(fact, "nothing"), became.get(fact, "nothing")
                if one != other:
                    report.append(f"changed  {word}{name}{f'  {fact}' if fact else ''}: {one} -> {other}")
    return report


def _flat(notation: Any, name: str = "", marks: str = "") -> Iterator[tuple[str, str]]:
    """A line for a schema, and one for each member inside: ``rules[].key``."""
    if isinstance(notation, dict) and "$" in notation:
        yield from _flat(notation["$"], name, marks)
        yield from ((f"{name} {key}", json.dumps(value)) for key, value in notation.items() if key != "$")
    elif isinstance(notation, list):
        yield name, f"array{marks}"
        yield from _flat(notation[0], f"{name}[]")
    elif isinstance(notation, dict) and not notation.keys() & CHOICES.keys():
        yield name, f"object{marks}"
        for member, inner in notation.items():
            plain = member.rstrip("!?")
            said = ", required" * ("!" in member) + ", nullable" * ("?" in member)
            yield from _flat(inner, f"{name}.{plain}".lstrip("."), said)
    elif isinstance(notation, str) and notation.startswith("="):
        yield name, "|".join(sorted(notation[1:].split("|"))) + marks
    else:
        yield name, (notation if isinstance(notation, str) else json.dumps(notation, sort_keys=True)) + marks


# --- the command -----------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Print the differences between the facts and a document; with --write, write the document's facts."""
    parser = argparse.ArgumentParser(description="Compare facts.json with an OpenAPI document.")
    parser.add_argument("document", type=Path)
    parser.add_argument("--write", action="store_true", help="write the facts of the document")
    options = parser.parse_args(arguments)
    new = facts_of(json.loads(options.document.read_text()))
    nothing: Json = {"version": "none", "operations": {}, "shapes": {}}
    old = json.loads(facts_file.FILE.read_text()) if facts_file.FILE.exists() else nothing
    report = differences(old, new)
    if options.write:
        facts_file.FILE.write_text(text(new))
    versions = f"{old['version']} -> {new['version']}"
    print(f"{versions}: {len(new['operations'])} operations, {len(report)} differences")
    print(*report, sep="\n", end="\n" if report else "")
    return 1 if report and not options.write else 0


if __name__ == "__main__":
    raise SystemExit(main())
