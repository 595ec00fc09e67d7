"""The facts of Segment's Public API that the judges need, in a notation of our own: facts.json.

Each operation has its tag, endpoint, rate limit, the media types it ``accepts`` for its answer and ``takes``
for its body, its parameters by place, its body, and its answers by status. ``shapes`` are the schemas that
have a name. A media type is written as its version: ``v1alpha``, ``json``. A schema is one of

- ``"string"``, ``"number"``, ``"integer"``, ``"boolean"``, ``"object"``, ``"null"``, ``"any"``
- ``"Label"``: the shape of that name
- ``"number|Label"``: one of these
- ``"=RED|BLUE"``: an enum of strings
- ``["string"]``: an array
- ``{"id!": "string", "size?": "number"}``: an object; ``!`` marks what is required, ``?`` what may be null
- ``{"*": "string"}``: an object with any other members, of this type
- ``{"$any": [...]}``: one of these, where they are not all words; ``$one``: exactly one; ``$all``: all
- ``{"$": "integer", "minimum": 1}``: a schema with further keywords of JSON Schema

`make facts` writes the file from an OpenAPI document, `make drift` compares it with one. The judges read it
expanded to such a document again.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]

FILE = Path(__file__).with_name("facts.json")
VENDOR = "application/vnd.segment.{}+json"
REF = "#/components/schemas/"
TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")
CHOICES = {"$any": "anyOf", "$one": "oneOf", "$all": "allOf"}
NULL = {"type": "null"}
PLACES = ("path", "query")


@functools.cache
def load() -> Json:
    """The facts of the file."""
    facts: Json = json.loads(FILE.read_text())
    return facts


@functools.cache
def document() -> Json:
    """The facts of the file as an OpenAPI document."""
    return expanded(load())


def expanded(facts: Json) -> Json:
    """Facts as an OpenAPI document."""
    paths: Json = {}
    for name, each in facts["operations"].items():
        method, path = each["endpoint"].split()
        paths.setdefault(path, {})[method.lower()] = {"operationId": name, **operation(each)}
    schemas = {name: schema(shape) for name, shape in facts["shapes"].items()}
    return {"info": {"version": facts["version"]}, "paths": paths, "components": {"schemas": schemas}}


def operation(facts: Json) -> Json:
    """The facts of an operation in the words of OpenAPI."""
    described: Json = {
        "tags": [facts["tag"]],
        "x-accept": media_types(facts["accepts"]),
        "parameters": [
            {
                "name": _name(member),
                "in": place,
                "required": "!" in member,
                "schema": _of_member(member, each),
            }
            for place in PLACES
            for member, each in facts.get(place, {}).items()
        ],
        "responses": {
            status: {"content": {"application/json": {"schema": schema(answer)}}}
            for statuses, answer in facts["answers"].items()
            for status in statuses.split()
        },
    }
    if "body" in facts:
        content = {
            media_type: {"schema": schema(facts["body"])} for media_type in media_types(facts["takes"])
        }
        described["requestBody"] = {"content": content}
    if "limit" in facts:
        requests, per = facts["limit"].split("/")
        described["x-rate-limit"] = {"requests": int(requests), "per": per}
    return described


def words(facts: Any) -> set[str]:
    """All words of a part of the facts, the names of shapes among them."""
    if isinstance(facts, str):
        return {*facts.split("|")}
    parts = facts.values() if isinstance(facts, dict) else facts if isinstance(facts, list) else []
    return {word for part in parts for word in words(part)}


def media_types(versions: str) -> list[str]:
    """Media types by their versions."""
    return ["application/json" if each == "json" else VENDOR.format(each) for each in versions.split()]


def schema(notation: Any) -> Json:
    """A schema in our notation as JSON Schema."""
    if isinstance(notation, str):
        return _of_words(notation)
    if isinstance(notation, list):
        return {"type": "array", "items": schema(notation[0])}
    if "$" in notation:
        return schema(notation["$"]) | {key: value for key, value in notation.items() if key != "$"}
    for word, keyword in CHOICES.items():
        if word in notation:
            return {keyword: [schema(each) for each in notation[word]]}
    members = {member: each for member, each in notation.items() if member != "*"}
    found: Json = {"type": "object"}
    if members or not notation:
        found["properties"] = {_name(member): _of_member(member, each) for member, each in members.items()}
    if required := [_name(member) for member in members if "!" in member]:
        found["required"] = required
    if "*" in notation:
        found["additionalProperties"] = schema(notation["*"]) or True
    return found


def _of_words(words: str) -> Json:
    if words.startswith("="):
        return {"type": "string", "enum": words[1:].split("|")}
    if "|" in words:
        return {"anyOf": [_of_words(word) for word in words.split("|")]}
    if words == "any":
        return {}
    return {"type": words} if words in TYPES else {"$ref": REF + words}


def _of_member(member: str, notation: Any) -> Json:
    found = schema(notation)
    if "?" not in member:
        return found
    choices = found["anyOf"] if found.keys() == {"anyOf"} else [found]
    return {"anyOf": [*choices, NULL]}


def _name(member: str) -> str:
    return member.rstrip("!?")
