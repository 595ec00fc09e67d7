"""Replacing the rules of a tracking plan: what is sent, and what the plan contains meanwhile."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from starlette.responses import Response

from airflow_provider_segment.errors import SegmentAnswerError
from airflow_provider_segment.sandbox.faults import ConnectionReset, Exchange, Fault
from airflow_provider_segment.tasks.tracking_plan_rules import SEGMENTS_OWN, same_schema
from tests.harness.task_runner import TaskRun
from tests.public_api.scenario import Scenario

Rules = list[dict[str, Any]]
core = pytest.mark.core


class Watched(Fault, tag="watched"):
    """Lets requests take effect, and looks at the plan after each; one of them is lost."""

    look: Any
    lost: int = 0  # which one: 1 is the first
    states: list[Any] = []

    async def answer(self, exchange: Exchange) -> Response:
        lost = self.hits == self.lost
        if lost and self.when == "before":
            return ConnectionReset()
        answer = await exchange.answer()
        self.states.append(self.look())
        return ConnectionReset() if lost else answer


class Plan:
    """A tracking plan with rules."""

    def __init__(self, go: Scenario, rules: Rules) -> None:
        self.go = go
        self.id = go("CreateTrackingPlan", name="Shop", type="LIVE").value["id"]
        self.path = f"/tracking-plans/{self.id}/rules"
        self.fill(rules)

    def fill(self, rules: Rules) -> None:
        """Have the plan contain these rules, without requests."""
        self.go.sandbox.state.collections[self.path] = {
            f"{rule['type']} {rule.get('key') or ''} {rule['version']}": copy.deepcopy(rule) for rule in rules
        }

    def keys(self) -> set[str]:
        return {rule["key"] for rule in self.go.sandbox.state.collections[self.path].values()}

    def watch(self, **which: Any) -> Watched:
        self.go.sandbox.faults.clear()
        watched = self.go.sandbox.faults.add("watched", path=self.path, look=self.keys, **which)
        assert isinstance(watched, Watched)
        return watched

    def replace(self, rules: Rules) -> TaskRun:
        self.go.recorded.exchanges.clear()
        return self.go.try_("ReplaceRulesInTrackingPlan", tracking_plan_id=self.id, rules=rules).run

    @property
    def sent(self) -> list[tuple[str, int]]:
        """Each write, and how many rules it contained."""
        return [
            (one.method, len(json.loads(one.body)["rules"]) if one.body else one.query.count(".key="))
            for one in self.go.recorded.exchanges
            if one.method != "GET"
        ]


def rules(*numbers: range, **schema: Any) -> Rules:
    return [
        {"type": "TRACK", "key": f"Event {n}", "version": 1, "jsonSchema": {"type": "object", **schema}}
        for each in numbers
        for n in each
    ]


def keys(given: Rules) -> set[str]:
    return {rule["key"] for rule in given}


@core
@pytest.mark.parametrize(
    ("existing", "wanted", "sent"),
    [
        (0, range(1000, 1250), [("PATCH", 200), ("PATCH", 50)]),
        (1, range(1000, 1250), [("PATCH", 200), ("PATCH", 50), ("DELETE", 1)]),
        (200, range(1000, 1250), [("PATCH", 200), ("PATCH", 50), *[("DELETE", 50)] * 4]),
        (201, range(1000, 1250), [("PATCH", 200), ("PATCH", 50), *[("DELETE", 50)] * 4, ("DELETE", 1)]),
        (450, range(1000, 1250), [("PATCH", 200), ("PATCH", 50), *[("DELETE", 50)] * 9]),
        (450, range(300, 550), [("PATCH", 100), *[("DELETE", 50)] * 6]),
        (250, range(100), [("DELETE", 50)] * 3),
        (250, range(251), [("PATCH", 1)]),
        (450, range(450), []),
        (450, range(0), [("DELETE", 50)] * 9),
        # All in one request, if it fits.
        (200, range(1, 201), [("PUT", 200)]),
        (3, range(0), [("PUT", 0)]),
        (200, range(199), [("PUT", 199)]),
        (0, range(0), []),
        (3, range(3), []),
        (3, range(4), [("PATCH", 1)]),
    ],
)
def test_rules_are_replaced(go: Scenario, existing: int, wanted: range, sent: list[tuple[str, int]]) -> None:
    before, after = rules(range(existing)), rules(wanted)
    plan = Plan(go, before)
    watched = plan.watch()
    run = plan.replace(after)
    assert run.xcom == "SUCCESS", run.error
    assert plan.sent == sent
    assert plan.keys() == keys(after)
    stay = keys(before) & keys(after)
    assert all(state >= stay for state in watched.states)
    if before and after:
        assert all(watched.states)
    # The second time, there is nothing to do.
    assert plan.replace(after).xcom == "SUCCESS"
    assert plan.sent == []


def test_only_the_rules_that_differ_are_sent(go: Scenario) -> None:
    plan = Plan(go, rules(range(450)))
    changed = rules(range(449)) + rules(range(449, 450), required=["a"])
    assert plan.replace(changed).state == "success"
    [request] = [one for one in go.recorded.exchanges if one.method != "GET"]
    assert json.loads(request.body) == {"rules": changed[-1:]}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_retry_mends_a_crash_in_the_middle(go: Scenario, when: str) -> None:
    """Whichever request is lost, no rule that stays is missing at any time, and a retry does the rest.

    It takes seconds: 13 runs over more rules than fit into a request.
    """
    before, after = rules(range(210)), rules(range(100, 305), required=["a"])
    plan = Plan(go, before)
    lost = 0
    while True:
        lost += 1
        plan.fill(before)
        watched = plan.watch(lost=lost, when=when)
        crashed = plan.replace(after)
        states = watched.states
        if crashed.state == "success":
            break
        watched = plan.watch()
        assert plan.replace(after).state == "success"
        assert plan.keys() == keys(after)
        assert all(state >= keys(before) & keys(after) for state in [*states, *watched.states])
    assert lost == 1 + 2 + 2 + 2  # two pages of the list, of changes, and of deletions


@core
@pytest.mark.parametrize("name", ["ReplaceRulesIn", "UpdateRulesIn", "RemoveRulesFrom"])
def test_a_rule_that_comes_twice_is_refused(go: Scenario, name: str) -> None:
    go.recorded.exchanges.clear()
    twice = [{**rule, "version": "{{ 1 }}"} for rule in rules(range(3))] + rules(range(1, 2))
    if name == "RemoveRulesFrom":
        twice = [{part: rule[part] for part in ("type", "key", "version")} for rule in twice]
    run = go.try_(f"{name}TrackingPlan", tracking_plan_id="tp", rules=twice).run
    assert run.state == "failed"
    assert "the same rule more than once, nothing was sent: TRACK 'Event 1' version 1" in str(run.error)
    assert go.recorded.exchanges == []


def test_rules_of_the_same_key_that_differ_otherwise(go: Scenario) -> None:
    [rule] = rules(range(1))
    given = [
        rule,
        {**rule, "version": 2},
        {**rule, "type": "PAGE"},
        {**rule, "type": "IDENTIFY", "key": None},
    ]
    plan = Plan(go, [])
    assert plan.replace(given).xcom == "SUCCESS"
    assert plan.replace(given).xcom == "SUCCESS"
    assert plan.sent == []


def test_a_rule_of_segments_own_stays(go: Scenario) -> None:
    own = {**rules(range(1))[0], "key": SEGMENTS_OWN}
    plan = Plan(go, [own, *rules(range(3))])
    assert plan.replace(rules(range(2))).xcom == "SUCCESS"
    assert plan.sent == [("DELETE", 1)]
    assert plan.keys() == {SEGMENTS_OWN, "Event 0", "Event 1"}


def schema(**parts: Any) -> dict[str, Any]:
    return {"type": "object", "properties": parts}


INNER = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "b"]}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (schema(properties=INNER), schema(properties={**INNER, "required": ["b", "a"]}), True),
        (schema(properties=INNER), schema(properties=INNER, context={}, traits={"type": "object"}), True),
        (schema(properties=INNER), {"$schema": "http://x.example/y", **schema(properties=INNER)}, True),
        (schema(properties=INNER), {**schema(properties=INNER), "description": "", "labels": {}}, True),
        (schema(a={"type": ["string"]}), schema(a={"type": "string"}), True),
        (schema(a={"type": ["string", "null"]}), schema(a={"type": ["null", "string"]}), True),
        (schema(a={"enum": [1, "x"]}), schema(a={"enum": ["x", 1]}), True),
        (schema(properties=INNER), schema(properties={**INNER, "required": ["a"]}), False),
        (schema(a={"type": "string"}), schema(a={"type": "number"}), False),
        (schema(a={"description": "x"}), schema(a={"description": "y"}), False),
        # These are names of properties.
        (schema(properties=schema(labels={})), schema(properties=schema()), False),
        (schema(properties=schema(**{"$schema": {}})), schema(properties=schema()), False),
        (schema(properties=schema(description={})), schema(properties=schema()), False),
        (schema(properties=schema(context={})), schema(properties=schema()), False),
        (schema(a={"minimum": 1.0}), schema(a={"minimum": 1}), True),
        ({}, None, False),
        (True, 1, False),
    ],
)  # fmt: skip
def test_schemas_that_say_the_same(one: Any, other: Any, same: bool) -> None:
    assert same_schema(one, other) == same_schema(other, one) == same


def test_a_list_of_another_shape_changes_nothing(go: Scenario) -> None:
    plan = Plan(go, rules(range(3)))
    answer = {"data": {"rules": [{"type": "TRACK", "key": "Event 1"}], "pagination": {"current": ""}}}
    go.sandbox.faults.add("status", status=200, path=plan.path, body=answer, next=1)
    run = plan.replace(rules(range(9)))
    assert isinstance(run.error, SegmentAnswerError)
    assert plan.sent == []
    go.recorded.exchanges.clear()  # the answer is wrong on purpose
