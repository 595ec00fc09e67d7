"""Each operation of the sandbox against Segment's OpenAPI document, where that lies beside the repository.

One walk through all operations makes a request to each, as the document describes it, and wrong ones beside
it; the tests then look at the answers one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from jsonschema import Draft202012Validator

from airflow_provider_segment.api.published_limits import LIMITS
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sandbox.clock import iso
from airflow_provider_segment.sandbox.operation_table import all_operations
from tests.sandbox.sandbox_requests import (
    CREATES,
    DELETES,
    DOCUMENT,
    OPERATIONS,
    SCHEMAS,
    SPEC,
    Call,
    call_of,
    send,
    wrong_calls,
)

if not SPEC.exists():
    pytest.skip("Segment's OpenAPI document is not here", allow_module_level=True)

# --- the walk --------------------------------------------------------------------------------------------


class Walk(NamedTuple):
    calls: dict[str, Call]
    answers: dict[str, httpx.Response]
    wrong: dict[str, list[tuple[str, int, httpx.Response]]]  # what is wrong, the least status, the answer


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    with Sandbox() as sandbox:
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        with httpx.Client(base_url=sandbox.url, headers=headers) as http:
            yield walk_through(sandbox, http)


def walk_through(sandbox: Sandbox, http: httpx.Client) -> Walk:
    now = sandbox.state.clock.now()
    known = {"space": sandbox.space_id, "now": iso(now + 60), "hour_ago": iso(now - 3600)}
    calls: dict[str, Call] = {}
    answers: dict[str, httpx.Response] = {}
    wrong: dict[str, list[tuple[str, int, httpx.Response]]] = {}

    def visit(name: str) -> None:
        call = calls[name] = call_of(name, known)
        for what, status, spoilt in wrong_calls(name, call):
            wrong.setdefault(name, []).append((what, status, send(http, spoilt)))
        answers[name] = send(http, call)
        if name not in CREATES or not answers[name].is_success:
            return
        known.update(facts_of(name, answers[name].json()["data"]))
        if name == "create_source":
            events(http, known["write_key"])
        if name == "create_function":
            known.update(function_source(http, answers[name].json()["data"]["function"]))

    for name in CREATES:
        visit(name)
    sandbox.advance_clock(7_200)
    rest = [name for name in OPERATIONS if name not in CREATES and name not in DELETES]
    last = [name for name in rest if OPERATIONS[name][0].startswith("DELETE")]
    for name in [*(name for name in rest if name not in last), *DELETES, *reversed(last)]:
        visit(name)
    return Walk(calls, answers, wrong)


def facts_of(name: str, data: dict[str, Any]) -> dict[str, str]:
    if not CREATES[name]:
        return {}
    first = next(iter(data.values()))
    if isinstance(first, str):
        return {CREATES[name]: first}
    facts = {CREATES[name]: first.get("id") or first["syncId"]}
    if name == "create_source":
        facts["write_key"] = first["writeKeys"][0]
    if name == "create_destination":
        facts["action"] = first["metadata"]["actions"][0]["id"]
    return facts


def events(http: httpx.Client, write_key: str) -> None:
    """Something to report on."""
    for body in (
        {"type": "track", "event": "Order Completed", "properties": {"price": 5}},
        {"type": "identify", "traits": {"plan": "free"}},
        {"type": "track"},  # dropped: no name
    ):
        http.post("/v1/batch", json={"batch": [body | {"userId": "u"}]}, auth=(write_key, ""))


def function_source(http: httpx.Client, function: dict[str, Any]) -> dict[str, str]:
    """A source that is made from the function, and the function's version."""
    body = {"slug": "from-function", "enabled": True, "metadataId": function["catalogId"]}
    source = http.post("/sources", json=body).json()["data"]["source"]["id"]
    (version,) = http.get(f"/functions/{function['id']}/versions").json()["data"]["versions"]
    return {"function_source": source, "version": version["id"]}


# --- the tests -------------------------------------------------------------------------------------------


def test_the_sandbox_answers_all_operations_and_no_others() -> None:
    assert all_operations().keys() == {endpoint for endpoint, _ in OPERATIONS.values()}
    assert len(OPERATIONS) == 201


def validated(name: str, data: Any, schema: dict[str, Any]) -> list[str]:
    validator = Draft202012Validator({**schema, "components": DOCUMENT["components"]})
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(data)]


def unknown_fields(value: Any, schema: dict[str, Any], path: str = "$") -> Iterator[str]:
    """Fields of an answer that the document does not know."""
    while "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rsplit("/", 1)[1]]
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        found = [list(unknown_fields(value, choice, path)) for choice in choices]
        yield from min(found, key=len)
    elif isinstance(value, list) and "items" in schema:
        for each in value:
            yield from unknown_fields(each, schema["items"], f"{path}[]")
    elif isinstance(value, dict) and "properties" in schema:
        for field, inner in value.items():
            if field in schema["properties"]:
                yield from unknown_fields(inner, schema["properties"][field], f"{path}.{field}")
            else:
                yield f"{path}.{field}"
    elif isinstance(value, dict) and schema.get("type") in ("null", "string", "number", "integer", "boolean"):
        yield f"{path} is an object"


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_answer_is_as_the_document_says(walk: Walk, name: str) -> None:
    operation = OPERATIONS[name][1]
    status = next(code for code in operation["responses"] if code.startswith("2"))
    answer = walk.answers[name]
    assert str(answer.status_code) == status, (walk.calls[name], answer.text)
    schema = next(iter(operation["responses"][status]["content"].values()))["schema"]
    assert not validated(name, answer.json(), schema), answer.text
    assert not set(unknown_fields(answer.json(), schema))


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_wrong_request_is_refused_in_the_envelope(walk: Walk, name: str) -> None:
    for what, status, answer in walk.wrong.get(name, []):
        assert answer.status_code == status, (what, answer.text)
        assert all({"type", "message"} <= error.keys() for error in answer.json()["errors"])


def test_the_published_limits_are_those_of_the_document() -> None:
    limits = {
        re.sub(r"\{\w+\}", "{}", endpoint): (limit["requests"], {"minute": 60, "day": 86_400}[limit["per"]])
        for endpoint, operation in OPERATIONS.values()
        if (limit := operation.get("x-rate-limit"))
    }
    assert {name: (limit.requests, limit.seconds) for name, limit in LIMITS.items()} == limits
