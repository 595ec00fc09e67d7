"""The judges notice every mutation of the facts about what an operator sends, one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.public_api import declarations, facts, overrides, requests_of_operators
from tests.public_api.facts import Json
from tests.public_api.mutations import (
    Change,
    Member,
    another_type,
    applied,
    dropped_enum_value,
    edited,
    in_request,
    no_longer_nullable,
    no_longer_required,
    only,
    renamed,
)
from tests.public_api.requests_of_operators import NULLS
from tests.public_api.scenario import Scenario
from tests.public_api.table import entry
from tests.public_api.wire import Document

FACTS = facts.load()
PAGINATION = {"count", "cursor"}
"""Query parameters of one list, which no operator has as arguments."""


def changes(change: Change) -> Iterator[tuple[str, Member, Json]]:
    """Each mutation of a member in a request: the operation, the member, the mutated facts."""
    for operation in FACTS["operations"]:
        for member in in_request(FACTS, operation):
            if (changed := change(member)) and member.name.rstrip("!?") not in PAGINATION:
                yield operation, member, applied(FACTS, member, changed)


@pytest.mark.parametrize(
    ("change", "at_least"),
    [(renamed, 700), (another_type, 700), (no_longer_required, 400), (dropped_enum_value, 30)],
)
def test_a_changed_member_is_noticed(change: Change, at_least: int) -> None:
    noticed = [
        bool(declarations.faults(operation, entry(changed, operation))) or (operation, member)
        for operation, member, changed in changes(change)
    ]
    assert [each for each in noticed if each is not True] == []
    assert len(noticed) >= at_least


def test_a_refused_null_is_noticed() -> None:
    """Only the members of a body: the requests have no nulls inside them."""
    noticed = 0
    for operation, member, changed in changes(no_longer_nullable):
        name = member.name.rstrip("!?")
        if member.way != ("operations", operation, "body") or member.notation == "any":
            continue
        if (operation, name) not in overrides.NOT_NULL:
            document = Document(facts.expanded(only(changed, operation)))
            assert requests_of_operators.faults(operation, NULLS, document), (operation, name)
            noticed += 1
    assert noticed > 100


@pytest.mark.parametrize(("key", "old", "new"), [("accepts", "v1", "v2"), ("endpoint", "/", "/new/")])
def test_another_version_or_path_is_noticed(key: str, old: str, new: str) -> None:
    for operation in FACTS["operations"]:
        changed = edited(FACTS, ("operations", operation, key), lambda text: text.replace(old, new))
        assert declarations.faults(operation, entry(changed, operation)), operation


def test_another_method_is_noticed() -> None:
    for operation in FACTS["operations"]:
        changed = edited(FACTS, ("operations", operation, "endpoint"), lambda text: f"X{text}")
        assert declarations.faults(operation, entry(changed, operation)), operation


def test_another_type_of_a_body_is_noticed() -> None:
    for operation, operation_facts in FACTS["operations"].items():
        if "body" in operation_facts:
            changed = edited(FACTS, ("operations", operation, "takes"), lambda text: text.replace("v1", "v2"))
            document = Document(facts.expanded(only(changed, operation)))
            assert requests_of_operators.faults(operation, NULLS, document), operation


@pytest.mark.parametrize(("old", "new"), [("path", "query"), ("query", "body"), ("body", "query")])
def test_another_place_is_noticed(old: str, new: str) -> None:
    for operation, operation_facts in FACTS["operations"].items():
        for member, notation in operation_facts.get(old, {}).items():
            if member.rstrip("!?") in PAGINATION:
                continue
            left = {name: each for name, each in operation_facts[old].items() if name != member}
            others = operation_facts.get(new, {})
            moved = {**operation_facts, old: left, new: {**others, member: notation}, "takes": "json"}
            changed = edited(FACTS, ("operations", operation), lambda _, moved=moved: moved)
            assert declarations.faults(operation, entry(changed, operation)), (operation, member)


def test_recorded_traffic_that_differs_is_noticed(go: Scenario) -> None:
    source = go.source()
    go("UpdateSource", source_id=source.id, name="Shop", settings={"apiHost": "h"})
    go.destination(source)
    go("ListSources", page_size=2)
    for exchange in go.recorded.exchanges:
        operation = Document.of_the_facts().operation_of(exchange)
        assert operation
        own = only(FACTS, operation)
        way = ("operations", operation)
        sent = json.loads(exchange.body or "{}")
        mutations = [
            edited(own, (*way, "endpoint"), lambda text: f"{text}/new"),
            edited(own, (*way, "accepts"), lambda text: text.replace("v1", "v2")),
            *(
                applied(own, member, renamed(member))
                for member in in_request(own, operation)
                if member.way == (*way, "body") and member.name.rstrip("!?") in sent
            ),
        ]
        if exchange.query:
            mutations.append(edited(own, (*way, "query"), lambda _: {}))
        for mutated in mutations:
            assert Document(facts.expanded(mutated)).faults(exchange), (operation, exchange)


def test_an_operation_that_is_new_or_gone_is_noticed() -> None:
    first, *others = FACTS["operations"]
    assert declarations.missing_and_unknown(others) == {declarations.name_of(first)}
    assert declarations.missing_and_unknown([first, *others, "NEW"]) == {"SegmentNewOperator"}
