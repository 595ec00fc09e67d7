"""The product and the sandbox judge events by a tracking plan alike, though with different libraries."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from airflow_provider_segment.events.tracking_plan import PlanRules
from airflow_provider_segment.sandbox.json_schema import Schema
from airflow_provider_segment.sandbox.protocols import Judge, Plan
from tests.sandbox.judged_values import TREE, VALUES, rule, with_part

pytestmark = pytest.mark.core

SCHEMAS = {name: schema for name, (schema, _, _) in VALUES.items()}
WHOLE = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "definitions": {"tree": TREE},
    "type": "object",
    "properties": {
        "context": {"type": "object", "properties": {"ip": {"format": "ipv4"}}},
        "properties": {"type": "object", "properties": SCHEMAS, "required": ["text", "number"]},
    },
    "required": ["properties"],
}
PLAN = [
    rule(WHOLE, "Order"),
    rule(
        {
            "properties": {
                "properties": {"maxProperties": 3, "additionalProperties": False, "properties": SCHEMAS}
            },
            "definitions": {"tree": TREE},
        },
        "Order",
        version=2,
    ),
    rule(with_part("traits", required=["mail"], mail=SCHEMAS["mail"], day=SCHEMAS["day"]), None, "IDENTIFY"),
    rule(with_part(text=SCHEMAS["text"]), None, "PAGE"),
    rule(with_part(number=SCHEMAS["number"]), "Home", "PAGE"),
    rule(with_part(word=SCHEMAS["word"]), "Screen Viewed"),
    rule({"pattern": "(?!broken)"}, "Refund"),
    rule(
        {"required": ["context"], "properties": {"userId": {"type": "string", "pattern": "^u"}}},
        None,
        "COMMON",
    ),
]
BLOCK = {"allowUnplannedEvents": False, "allowEventOnViolations": False, "commonEventOnViolations": "BLOCK"}
NAMED = {"additionalProperties", "required"}


def random_event(choose: random.Random) -> dict[str, Any]:
    right = choose.choice([0.5, 0.9, 1.0])

    def some(names: list[str]) -> dict[str, Any]:
        values = {}
        for name in names:
            _, good, bad = VALUES[name]
            values[name] = choose.choice(good if choose.random() < right or not bad else bad)
        return values

    type = choose.choice(["track"] * 6 + ["identify", "page", "screen", "group", "alias"])
    event: dict[str, Any] = {
        "type": type,
        "userId": choose.choice(["u1", "u2", "x"] if right < 1 else ["u1"]),
    }
    if type == "track":
        event["event"] = choose.choice(["Order"] * 8 + ["Refund", "order", "Unknown"])
    if type in ("page", "screen") and choose.random() < 0.7:
        event["name"] = choose.choice(["Home", "Cart"])
    names = choose.sample(list(VALUES), choose.randrange(len(VALUES)))
    if choose.random() < max(right, 0.9):
        names += ["text", "number"]
    if choose.random() < 0.95:
        event["traits" if type in ("identify", "group") else "properties"] = some(list(dict.fromkeys(names)))
    if choose.random() < max(right, 0.9):
        event["context"] = choose.choice([{}, {"ip": "1.2.3.4"}, {"ip": "x"} if right < 1 else {}])
        if choose.random() < 0.3:
            event["context"]["protocols"] = {"event_version": choose.choice([1, 2, 3, "2", None, 2.0, True])}
    return event


def shown(path: tuple[str | int, ...], keyword: str) -> str:
    """A place as the product shows it: without the keys of a map, which are data."""
    text = ""
    for depth, part in enumerate(path):
        if isinstance(part, int):
            text += "[]"
            continue
        in_map = depth > 1 and path[depth - 1] in ("map", "keys") and keyword not in NAMED
        text += ("." if text else "") + ("*" if in_map else part)
    return text or "(root)"


def test_the_product_and_the_sandbox_judge_10000_random_events_alike() -> None:
    choose = random.Random(10)
    rules, plan = PlanRules(PLAN), Plan(tuple(PLAN))
    judge = Judge("source", plan, dict.fromkeys(("track", "identify", "group"), BLOCK))
    seen: set[str] = set()
    reasons: set[str | None] = set()
    for _ in range(10_000):
        event = random_event(choose)
        violations = rules.violations(json.dumps(event).encode())

        own, common = plan.rule_for(event), plan.common
        assert common is not None
        faults = [
            *([] if own is None else own.faults(event)),
            *common.faults(event),
        ]
        unplanned = any(each.keyword == "unplanned" for each in violations)
        assert unplanned == (event["type"] == "track" and own is None), event
        expected = {(shown(fault.path, fault.keyword), fault.keyword) for fault in faults}
        assert {
            (each.path, each.keyword) for each in violations if each.keyword != "unplanned"
        } == expected, event
        seen |= {keyword for _, keyword in expected}

        reason, _ = judge.verdict(dict(event))
        by_common = any(each.rule == "COMMON" for each in violations)
        if event["type"] == "track":
            by_own = any(each.rule != "COMMON" for each in violations)
            if unplanned:
                assert reason == ("unplanned_and_schema_violation" if by_common else "unplanned"), event
            else:
                blocked = "schema_violation" if by_own else "common_schema_violation" if by_common else None
                assert reason == blocked, event
        elif event["type"] in ("identify", "group"):
            assert reason == ("common_schema_violation" if by_common else None), event
        else:
            assert reason is None, event
        reasons.add(reason)

    assert len(reasons) == 5
    assert seen >= {
        "additionalItems",
        "additionalProperties",
        "anyOf",
        "const",
        "contains",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "not",
        "oneOf",
        "pattern",
        "propertyNames",
        "required",
        "type",
        "uniqueItems",
    }


@pytest.mark.parametrize("name", VALUES)
def test_both_know_which_values_keep_to_a_schema(name: str) -> None:
    schema, good, bad = VALUES[name]
    whole = {"definitions": {"tree": TREE}, **with_part(x=schema)}
    rules = PlanRules([rule(whole)])
    for values, keeps in ((good, True), (bad, False)):
        for value in values:
            event = {"type": "track", "event": "Order", "properties": {"x": value}}
            assert (rules.violations(json.dumps(event).encode()) == []) is keeps, value
            assert (Schema(whole).faults(event) == []) is keeps, value
