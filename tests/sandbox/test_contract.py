"""Each operation of the sandbox against the facts of Segment's Public API.

One walk makes a valid request and several invalid ones to each operation; the tests then check the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from airflow_provider_segment.api.published_limits import LIMITS
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sandbox.clock import iso
from airflow_provider_segment.sandbox.operation_table import all_operations
from tests.harness.fake_clock import freeze_at_noon
from tests.public_api import facts
from tests.public_api.facts import Json
from tests.public_api.mutations import (
    Change,
    another_type,
    applied,
    dropped_enum_value,
    edited,
    members,
    only,
    renamed,
)
from tests.public_api.table import limits
from tests.public_api.wire import Document, Exchange
from tests.sandbox.sandbox_requests import (
    CREATES,
    DELETES,
    OPERATIONS,
    Call,
    call_of,
    send,
    wrong_calls,
)

# --- the walk --------------------------------------------------------------------------------------------


class Walk(NamedTuple):
    calls: dict[str, Call]
    answers: dict[str, httpx.Response]
    wrong: dict[str, list[tuple[str, int, httpx.Response]]]  # what is wrong, the expected status, the answer


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    with Sandbox() as sandbox:
        freeze_at_noon(sandbox)
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        with httpx.Client(base_url=sandbox.url, headers=headers, timeout=600) as http:
            yield walk_through(sandbox, http)


def walk_through(sandbox: Sandbox, http: httpx.Client) -> Walk:
    now = sandbox.state.clock.now()
    known = {"space": sandbox.space_id, "now": iso(now + 60), "hour_ago": iso(now - 3600)}
    calls: dict[str, Call] = {}
    answers: dict[str, httpx.Response] = {}
    wrong: dict[str, list[tuple[str, int, httpx.Response]]] = {}

    def visit(name: str) -> None:
        call = calls[name] = call_of(name, known)
        for what, status, invalid in wrong_calls(name, call):
            wrong.setdefault(name, []).append((what, status, send(http, invalid)))
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
    """Send events, so that there is something to report on."""
    for body in (
        {"type": "track", "event": "Order Completed", "properties": {"price": 5}},
        {"type": "identify", "traits": {"plan": "free"}},
        {"type": "track"},  # dropped: no name
    ):
        http.post("/v1/batch", json={"batch": [body | {"userId": "u"}]}, auth=(write_key, ""))


def function_source(http: httpx.Client, function: dict[str, Any]) -> dict[str, str]:
    """A source that is made from the function, and the function's version; and an insert function."""
    body = {"slug": "from-function", "enabled": True, "metadataId": function["catalogId"]}
    source = http.post("/sources", json=body).json()["data"]["source"]["id"]
    (version,) = http.get(f"/functions/{function['id']}/versions").json()["data"]["versions"]
    body = {"code": "x", "displayName": "insert", "resourceType": "INSERT_DESTINATION"}
    insert = http.post("/functions", json=body).json()["data"]["function"]["id"]
    return {"function_source": source, "version": version["id"], "insert_function": insert}


# --- the tests -------------------------------------------------------------------------------------------


def test_the_sandbox_answers_all_operations_and_no_others() -> None:
    assert all_operations().keys() == {endpoint for endpoint, _ in OPERATIONS.values()}
    assert len(OPERATIONS) == 201


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_answer_matches_the_facts(walk: Walk, name: str) -> None:
    answer = walk.answers[name]
    assert answer.is_success, (walk.calls[name], answer.text)
    assert list(Document.of_the_facts().answer_faults(name, exchange_of(answer))) == [], answer.text


def exchange_of(answer: httpx.Response) -> Exchange:
    request = answer.request
    return Exchange(
        request.method,
        request.url.raw_path.decode().partition("?")[0],
        request.url.query.decode(),
        dict(request.headers),
        request.content,
        answer.status_code,
        answer.content,
    )


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_wrong_request_is_refused_in_the_envelope(walk: Walk, name: str) -> None:
    for what, status, answer in walk.wrong.get(name, []):
        assert answer.status_code == status, (what, answer.text)
        assert all({"type", "message"} <= error.keys() for error in answer.json()["errors"])


def test_the_published_limits_are_those_of_the_facts() -> None:
    assert published_limits() == limits(facts.load())


def test_a_removed_limit_is_noticed() -> None:
    for name, operation in facts.load()["operations"].items():
        if "limit" in operation:
            removed = edited(facts.load(), ("operations", name), without("limit"))
            assert published_limits() != limits(removed)


def published_limits() -> dict[str, tuple[int, float]]:
    return {name: (limit.requests, limit.seconds) for name, limit in LIMITS.items()}


# --- the judge itself ------------------------------------------------------------------------------------


def without(key: str) -> Callable[[Json], Json]:
    return lambda found: {each: value for each, value in found.items() if each != key}


@pytest.mark.parametrize(
    ("change", "at_least"), [(renamed, 1_500), (another_type, 1_500), (dropped_enum_value, 100)]
)
def test_a_changed_member_of_an_answer_is_noticed(walk: Walk, change: Change, at_least: int) -> None:
    """Each member that an answer has, mutated in the facts one by one."""
    changes = 0
    for name in OPERATIONS:
        own = only(facts.load(), name)
        statuses, notation = next(iter(own["operations"][name]["answers"].items()))
        exchange = exchange_of(walk.answers[name])
        answer = walk.answers[name].json()
        for member in members(own, ("operations", name, "answers", statuses), notation, answer):
            if changed := change(member):
                document = Document(facts.expanded(applied(own, member, changed)))
                assert list(document.answer_faults(name, exchange)), (name, member, changed)
                changes += 1
    assert changes >= at_least


SHOWN_IN_EXAMPLES = {
    "add_permissions_to_user": ("permissions", "policyId subjectId subjectType"),
    "create_function": ("function", "workspaceId previewWebhookUrl buildpack batchMaxCount"),
    "create_tracking_plan": ("trackingPlan", "resourceSchemaId"),
    "create_transformation": ("transformation", "workspaceId"),
    "get_destination_metadata": ("destinationMetadata", "logos supportedFeatures options"),
    "list_rules_from_tracking_plan": ("rules", "createdAt updatedAt deprecatedAt"),
    "list_selective_syncs_from_warehouse_and_source": ("items", "source properties"),
}


@pytest.mark.parametrize("name", SHOWN_IN_EXAMPLES)
def test_members_of_segments_examples_are_there(walk: Walk, name: str) -> None:
    member, names = SHOWN_IN_EXAMPLES[name]
    shown = walk.answers[name].json()["data"][member]
    assert set(names.split()) <= set(shown[0] if isinstance(shown, list) else shown)


def test_another_status_is_noticed(walk: Walk) -> None:
    for name in OPERATIONS:
        own = only(facts.load(), name)
        answers = own["operations"][name]["answers"]
        others = {status.replace("20", "30"): answer for status, answer in answers.items()}
        changed = edited(own, ("operations", name, "answers"), lambda _, others=others: others)
        document = Document(facts.expanded(changed))
        assert list(document.answer_faults(name, exchange_of(walk.answers[name])))
