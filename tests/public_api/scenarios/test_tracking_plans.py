"""Tracking plans, their rules and sources."""

from __future__ import annotations

import pytest

from tests.public_api.scenario import Scenario, ids

core = pytest.mark.core


@core
def test_tracking_plans(go: Scenario) -> None:
    plan = go("CreateTrackingPlan", name="Shop", type="LIVE")
    one = {"tracking_plan_id": plan.id}
    assert go("GetTrackingPlan", **one).value == plan.value
    for name in ("A", "B"):
        go("CreateTrackingPlan", name=name, type="LIVE")
    go("CreateTrackingPlan", name="C", type="RULE_LIBRARY")
    assert [each["name"] for each in go.lists("ListTrackingPlans", type="LIVE")] == ["Shop", "A", "B"]
    assert go("UpdateTrackingPlan", **one, description="new").value == "SUCCESS"
    assert go("GetTrackingPlan", **one).value["description"] == "new"
    adopted = go("CreateTrackingPlan", name="Shop", type="LIVE", description="d", if_exists="update").value
    assert (adopted["id"], adopted["description"]) == (plan.value["id"], "d")

    rules = [
        {"type": "TRACK", "key": f"Event {number}", "version": 1, "jsonSchema": {"type": "object"}}
        for number in range(250)
    ]
    assert go("ReplaceRulesInTrackingPlan", **one, rules=rules).value == "SUCCESS"
    keys = [rule["key"] for rule in rules]
    assert [rule["key"] for rule in go("ListRulesFromTrackingPlan", **one).value] == keys
    go("ReplaceRulesInTrackingPlan", **one, rules=rules[:3])
    assert [rule["key"] for rule in go.lists("ListRulesFromTrackingPlan", **one)] == keys[:3]
    changed = {**rules[0], "newKey": "Event A"}
    assert go("UpdateRulesInTrackingPlan", **one, rules=[changed]).value == "SUCCESS"
    names = {name: rules[1][name] for name in ("type", "key", "version")}
    go.deletes("RemoveRulesFromTrackingPlan", **one, rules=[names])
    left = {rule["key"] for rule in go("ListRulesFromTrackingPlan", **one).value}
    assert left == {"Event A", "Event 2"}

    source = go.source()
    assert go("AddSourceToTrackingPlan", **one, source_id=source.id).value == "SUCCESS"
    assert go("GetSource", source_id=source.id).value["trackingPlanId"] == plan.value["id"]
    assert ids(go.lists("ListSourcesFromTrackingPlan", 1, **one)) == [source.value["id"]]
    go.deletes("RemoveSourceFromTrackingPlan", **one, source_id=source.id)
    assert go("GetSource", source_id=source.id).value["trackingPlanId"] is None
    go.deletes("DeleteTrackingPlan", **one)
    go.gone("GetTrackingPlan", **one)
