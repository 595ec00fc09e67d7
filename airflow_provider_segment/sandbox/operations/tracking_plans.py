"""Tracking plans, their rules and their sources."""

from __future__ import annotations

import re
from typing import Any, Literal

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.sandbox.collection import Collection, Handler
from airflow_provider_segment.sandbox.public_api_errors import PublicApiError, invalid, not_found
from airflow_provider_segment.sandbox.received_call import ReceivedCall, new_id
from airflow_provider_segment.sandbox.state import Item

MAX_RULES = 200  # in one call; and in a plan for them to be replaced

PlanType = Literal["ENGAGE", "LIVE", "PROPERTY_LIBRARY", "RULE_LIBRARY", "TEMPLATE"]
RuleType = Literal["COMMON", "GROUP", "IDENTIFY", "PAGE", "SCREEN", "TRACK"]


class RuleReference(TypedDict):
    type: RuleType
    key: NotRequired[str | None]
    version: float


class Rule(RuleReference):
    jsonSchema: Any


class RuleChange(Rule):
    newKey: NotRequired[str | None]


NOT_DEPRECATED = "0001-01-01T00:00:00.000Z"
"""What Segment shows for a date that is none."""


def complete_plan(call: ReceivedCall, item: Item) -> None:
    item["slug"] = re.sub(r"\W+", "-", item["name"].lower()).strip("-")
    item["resourceSchemaId"] = new_id("rs_")


def status_only(call: ReceivedCall) -> Any:
    PLANS.update(call)
    return {"status": "SUCCESS"}


def plan_of(call: ReceivedCall) -> Item:
    return call.item(f"/tracking-plans/{call.params['trackingPlanId']}")


# --- rules -----------------------------------------------------------------------------------------------


def rule_id(rule: Item) -> str:
    return f"{rule['type']} {rule.get('key') or ''} {float(rule['version']):g}"


def given_rules(call: ReceivedCall, type: Any) -> list[Item]:
    rules: list[Item] = call.valid_body({"rules": list[type]}, ("rules",))["rules"]
    if len(rules) > MAX_RULES:
        raise invalid(f"rules must contain less than or equal to {MAX_RULES} items", "rules")
    return rules


def put(call: ReceivedCall, rules: dict[str, Item], rule: Item) -> None:
    """Add a rule, or change the one that is there."""
    known = rules.pop(rule_id(rule), {})
    fields = {name: value for name, value in rule.items() if name != "newKey"}
    if rule.get("newKey"):
        fields["key"] = rule["newKey"]
    now = call.now()
    made = {"createdAt": now, "deprecatedAt": NOT_DEPRECATED}
    rules[rule_id(fields)] = {**made, **known, **fields, "updatedAt": now}


def list_rules(call: ReceivedCall) -> Any:
    return call.page("rules", call.collection(call.path).values())


def replace_rules(call: ReceivedCall) -> Any:
    plan_of(call)
    new: dict[str, Item] = {}
    for rule in given_rules(call, Rule):
        put(call, new, rule)
    rules = call.collection(call.path)
    if len(rules) > MAX_RULES:
        raise PublicApiError(
            400,
            "bad-request",
            f"Can not replace more than {MAX_RULES} existing rules in the tracking plan. "
            "Please use DELETE and PATCH methods.",
        )
    rules.clear()
    rules.update(new)
    return {"status": "SUCCESS"}


def update_rules(call: ReceivedCall) -> Any:
    plan_of(call)
    rules = call.collection(call.path)
    for rule in given_rules(call, RuleChange):
        put(call, rules, rule)
    return {"status": "SUCCESS"}


def remove_rules(call: ReceivedCall) -> Any:
    plan_of(call)
    rules = call.collection(call.path)
    ids = [rule_id(rule) for rule in call.valid_query({"rules": list[RuleReference]}, ("rules",))["rules"]]
    for id in ids:
        if id not in rules:
            raise not_found(f"The plan has no rule {id}.")
    for id in ids:
        rules.pop(id, None)
    return {"status": "SUCCESS"}


# --- sources ---------------------------------------------------------------------------------------------


def list_sources(call: ReceivedCall) -> Any:
    sources = call.collection("/sources")
    return call.page("sources", [sources[id] for id in call.collection(call.path)])


def add_source(call: ReceivedCall) -> Any:
    """A source has one plan at most: a new one silently replaces it."""
    plan_of(call)
    source = call.get("/sources", call.valid_body({"sourceId": str}, ("sourceId",))["sourceId"])
    for plan in call.collection("/tracking-plans"):
        call.collection(f"/tracking-plans/{plan}/sources").pop(source["id"], None)
    call.collection(call.path)[source["id"]] = {}
    return {"status": "SUCCESS"}


def remove_source(call: ReceivedCall) -> Any:
    plan_of(call)
    source_id = call.valid_query({"sourceId": str}, ("sourceId",))["sourceId"]
    if call.collection(call.path).pop(source_id, None) is None:
        raise not_found("This source is not connected to the plan.")
    return {"status": "SUCCESS"}


def list_plans(call: ReceivedCall) -> Any:
    asked = call.valid_query({"type": PlanType})
    plans = call.collection(call.path).values()
    return call.page("trackingPlans", [plan for plan in plans if asked.get("type") in (None, plan["type"])])


PLANS = Collection(
    path="/tracking-plans",
    many="trackingPlans",
    one="trackingPlan",
    fields={"name": str, "description": str, "type": PlanType},
    required=("name", "type"),
    updates=("name", "description"),
    prefix="tp_",
    stamped=True,
    complete=complete_plan,
)

COLLECTIONS = (PLANS,)

RULES = "/tracking-plans/{trackingPlanId}/rules"
CONNECTED = "/tracking-plans/{trackingPlanId}/sources"
SPECIAL: dict[str, Handler] = {
    "GET /tracking-plans": list_plans,
    "PATCH /tracking-plans/{trackingPlanId}": status_only,
    f"GET {RULES}": list_rules,
    f"PUT {RULES}": replace_rules,
    f"PATCH {RULES}": update_rules,
    f"DELETE {RULES}": remove_rules,
    f"GET {CONNECTED}": list_sources,
    f"POST {CONNECTED}": add_source,
    f"DELETE {CONNECTED}": remove_source,
}
