"""What the resources of the sandbox have to do with each other, and what of them is not regular."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_segment.sandbox import Sandbox
from tests.harness.sandbox_api import AMPLITUDE, POSTGRES, REDSHIFT, Api

pytestmark = pytest.mark.usefixtures("frozen_clock")


def test_functions_and_their_versions(api: Api) -> None:
    body = {"code": "v1", "displayName": "F", "resourceType": "SOURCE"}
    function = api("POST", "/functions", body)["function"]
    path = f"/functions/{function['id']}"
    assert function["id"].startswith("sfnc_")

    api("PATCH", path, {"displayName": "G"})
    api("PATCH", path, {"code": "v2"})
    (v1, v2) = api("GET", f"{path}/versions")["versions"]
    assert (v1["code"], v2["code"]) == ("v1", "v2")

    restored = api("POST", f"{path}/versions", {"versionId": v1["id"]})["version"]
    assert (restored["code"], restored["isDeployed"]) == ("v1", False)
    assert api("GET", path)["function"]["code"] == "v1"

    api("POST", f"{path}/deploy", status=400)  # it takes the id of the source
    slug = {"slug": "f", "enabled": True, "metadataId": function["catalogId"]}
    source = api.id("/sources", slug, status=201)
    api("POST", f"/functions/sfn_{source}/deploy")
    assert api("GET", path)["function"]["isLatestVersion"] is True
    assert api("GET", f"{path}/versions/{restored['id']}")["version"]["isDeployed"] is True

    assert [each["id"] for each in api("GET", "/functions", resourceType="SOURCE")["functions"]] == [
        function["id"]
    ]
    assert api("GET", "/functions", resourceType="DESTINATION")["functions"] == []
    api("DELETE", path)
    api("GET", f"{path}/versions", status=404)


def test_a_tracking_plan_and_its_rules(api: Api) -> None:
    plan = api("POST", "/tracking-plans", {"name": "My Plan", "type": "LIVE"})["trackingPlan"]
    path = f"/tracking-plans/{plan['id']}"
    assert plan["id"].startswith("tp_")
    assert api("PATCH", path, {"name": "New"}) == {"status": "SUCCESS"}  # no plan in this answer
    assert api("GET", path)["trackingPlan"]["name"] == "New"

    def rule(key: str, **more: Any) -> dict[str, Any]:
        return {"type": "TRACK", "key": key, "version": 1, "jsonSchema": {"properties": {}}, **more}

    def keys() -> list[str]:
        pages = api.pages(f"{path}/rules", "rules", 2)
        return [rule["key"] for page in pages for rule in page]

    rules = f"{path}/rules"
    api("PUT", rules, {"rules": [rule("a"), rule("b"), rule("c")]})
    api("PATCH", rules, {"rules": [rule("b", jsonSchema={"b": 2}), rule("d"), rule("a", newKey="e")]})
    assert sorted(keys()) == ["b", "c", "d", "e"]
    (b,) = [each for each in api("GET", rules)["rules"] if each["key"] == "b"]
    assert b["jsonSchema"] == {"b": 2}

    deleted = {"rules.0.type": "TRACK", "rules.0.key": "b", "rules.0.version": 1}
    api("DELETE", rules, **deleted)
    api("DELETE", rules, status=404, **deleted)
    assert sorted(keys()) == ["c", "d", "e"]

    api("PUT", rules, {"rules": [rule("z")]})
    assert keys() == ["z"]
    api("PUT", rules, {"rules": [rule(str(n)) for n in range(201)]}, status=422)
    assert keys() == ["z"]
    api("PATCH", rules, {"rules": [rule(str(n)) for n in range(199)]})
    api("PUT", rules, {"rules": [rule(str(n)) for n in range(200)]})
    api("PATCH", rules, {"rules": [rule("z")]})
    refused = api("PUT", rules, {"rules": []}, status=400)
    assert "Can not replace more than 200 existing rules" in refused["errors"][0]["message"]
    assert len(keys()) == 201

    api("DELETE", path)
    api("GET", rules, status=404)


def test_a_source_has_one_plan_and_both_sides_say_so(sandbox: Sandbox, api: Api) -> None:
    plans = [api.id("/tracking-plans", {"name": name, "type": "LIVE"}) for name in "ab"]
    for plan in plans:  # the second silently takes the place of the first
        api("POST", f"/tracking-plans/{plan}/sources", {"sourceId": sandbox.source_id})

    assert api("GET", f"/sources/{sandbox.source_id}")["trackingPlanId"] == plans[1]
    lists = [api("GET", f"/tracking-plans/{plan}/sources")["sources"] for plan in plans]
    assert [len(sources) for sources in lists] == [0, 1]

    api("DELETE", f"/tracking-plans/{plans[1]}/sources", sourceId=sandbox.source_id)
    assert api("GET", f"/sources/{sandbox.source_id}")["trackingPlanId"] is None


def test_settings_about_violations_need_a_plan(sandbox: Sandbox, api: Api) -> None:
    path = f"/sources/{sandbox.source_id}/settings"
    about_violations: list[dict[str, Any]] = [
        {"track": {"allowEventOnViolations": False}},
        {"identify": {"commonEventOnViolations": "BLOCK"}},
        {"forwardingViolationsTo": sandbox.source_id},
    ]
    for settings in about_violations:
        [error] = api("PATCH", path, settings, status=400)["errors"]
        assert "not connected to a tracking plan" in error["message"]
    api("PATCH", path, {"track": {"allowUnplannedEvents": False}})

    plan = api.id("/tracking-plans", {"name": "a", "type": "LIVE"})
    api("POST", f"/tracking-plans/{plan}/sources", {"sourceId": sandbox.source_id})
    for settings in about_violations:
        api("PATCH", path, settings)


def test_only_insert_functions_are_inserted(api: Api) -> None:
    def function(kind: str) -> str:
        return api.id("/functions", {"code": "x", "displayName": kind, "resourceType": kind})

    body = {"integrationId": "d", "name": "n", "enabled": True, "settings": {}}
    other = function("DESTINATION")
    [error] = api("POST", "/insert-function-instances", {**body, "functionId": other}, status=400)["errors"]
    assert error["message"] == f"Insert function {other} not found."
    for kind in ("INSERT_DESTINATION", "INSERT_SOURCE"):
        api("POST", "/insert-function-instances", {**body, "functionId": function(kind)})


def test_a_connection_of_source_and_warehouse_shows_on_both_sides(sandbox: Sandbox, api: Api) -> None:
    new = {"metadataId": REDSHIFT, "settings": {"hostname": "h"}}
    alone = api.id("/warehouses", new | {"disconnectAllSources": True}, status=201)
    eager = api.id("/warehouses", new, status=201)  # connects itself to all sources

    def warehouses(source: str) -> list[str]:
        return [each["id"] for each in api("GET", f"/sources/{source}/connected-warehouses")["warehouses"]]

    def sources(warehouse: str) -> list[str]:
        return [each["id"] for each in api("GET", f"/warehouses/{warehouse}/connected-sources")["sources"]]

    assert (sources(alone), sources(eager)) == ([], [sandbox.source_id])
    assert warehouses(sandbox.source_id) == [eager]

    connection = f"/warehouses/{alone}/connected-sources/{sandbox.source_id}"
    assert api("POST", connection, status=201) == {"status": "CONNECTED"}
    assert sorted(warehouses(sandbox.source_id)) == sorted([alone, eager])

    api("DELETE", connection)
    api("DELETE", connection, status=404)
    assert sources(alone) == []

    source = {"slug": "x", "enabled": True, "metadataId": "IqDTy1TpoU"}
    quiet = api.id("/sources", source | {"disconnectAllWarehouses": True}, status=201)
    assert warehouses(quiet) == []
    assert len(warehouses(api.id("/sources", source | {"slug": "y"}, status=201))) == 2

    api("DELETE", f"/sources/{sandbox.source_id}")
    assert sandbox.source_id not in sources(eager)


def test_what_belongs_to_a_source_goes_with_it(api: Api, parents: dict[str, str]) -> None:
    source = f"/sources/{parents['source']}"
    assert [each["id"] for each in api("GET", f"{source}/connected-destinations")["destinations"]] == [
        parents["destination"]
    ]

    api("DELETE", source)
    api("GET", f"/destinations/{parents['destination']}", status=404)
    api("GET", f"/destinations/{parents['destination']}/subscriptions", status=404)


def test_a_classic_destination_is_there_once_for_a_source(sandbox: Sandbox, api: Api) -> None:
    body = {"sourceId": sandbox.source_id, "metadataId": "54521fd725e721e32a72eebb", "settings": {}}
    api("POST", "/destinations", body)
    error = api("POST", "/destinations", body, status=400)["errors"][0]
    assert error["type"] == "bad-request"


def test_labels_of_the_workspace_and_of_a_source(sandbox: Sandbox, api: Api) -> None:
    labels = [{"key": "team", "value": value} for value in ("a b/c", "growth")]
    for label in labels:
        assert api("POST", "/labels", {"label": label}, status=201) == {"label": label}
    api("POST", "/labels", {"label": labels[0]}, status=400)

    path = f"/sources/{sandbox.source_id}/labels"
    api("POST", path, {"labels": [{"key": "no", "value": "such"}]}, status=404)
    assert api("POST", path, {"labels": labels[:1]})["labels"] == labels[:1]
    assert api("POST", path, {"labels": labels[1:]})["labels"] == labels
    assert api("GET", f"/sources/{sandbox.source_id}")["source"]["labels"] == labels

    api("DELETE", "/labels/team/a%20b%2Fc")
    api("DELETE", "/labels/team/a%20b%2Fc", status=404)
    assert api("GET", "/labels")["labels"] == labels[1:]
    assert api("GET", f"/sources/{sandbox.source_id}")["source"]["labels"] == labels[1:]
    assert api("PUT", path, {"labels": []})["labels"] == []


def test_groups_users_invites_and_permissions(sandbox: Sandbox, api: Api) -> None:
    group = f"/groups/{api.id('/groups', {'name': 'Data'})}"
    users = {user["email"]: user["id"] for user in api("GET", "/users")["users"]}
    (role,) = [role["id"] for role in api("GET", "/roles")["roles"] if role["name"] == "Source Admin"]

    assert api("POST", "/invites", {"invites": [{"email": "new@example.com"}]}, status=201) == {
        "emails": ["new@example.com"]
    }
    members = {"emails": ["mina@example.com", "moritz@example.com", "new@example.com"]}
    assert api("POST", f"{group}/users", members)["userGroup"]["memberCount"] == 2
    assert api("GET", f"{group}/invites")["emails"] == ["new@example.com"]
    assert [each["name"] for each in api("GET", f"/users/{users['mina@example.com']}/groups")["groups"]] == [
        "Data"
    ]

    singular = group.replace("/groups/", "/group/")
    api("DELETE", f"{singular}/users", **{"emails.0": "moritz@example.com", "emails.1": "new@example.com"})
    assert [each["email"] for each in api("GET", f"{group}/users")["users"]] == ["mina@example.com"]
    assert api("PUT", f"{singular}/users", {"emails": []})["userGroup"]["memberCount"] == 0
    api("POST", f"{group}/users", {"emails": ["stranger@example.com"]}, status=404)

    permission = {"roleId": role, "resources": [{"id": sandbox.source_id, "type": "SOURCE"}]}
    for holder in (group, f"/users/{users['mina@example.com']}"):
        (added,) = api("POST", f"{holder}/permissions", {"permissions": [permission]})["permissions"]
        assert (added["roleName"], added["resources"]) == ("Source Admin", permission["resources"])
        (read,) = next(iter(api("GET", holder).values()))["permissions"]
        assert read == added
        assert api("PUT", f"{holder}/permissions", {"permissions": []})["permissions"] == []
        api("POST", f"{holder}/permissions", {"permissions": [{"roleId": "x", "resources": []}]}, status=404)

    api("DELETE", "/invites", emails="new@example.com")
    assert api("GET", "/invites")["invites"] == []
    api("DELETE", "/users", userIds=users["moritz@example.com"])
    assert "moritz@example.com" not in [user["email"] for user in api("GET", "/users")["users"]]


def test_filters_of_a_space_come_in_tens_with_a_number_as_cursor(api: Api) -> None:
    for n in range(12):
        api("POST", "/filters", {"integrationId": "i", "name": str(n), "if": "true"})

    first = api("GET", "/filters", integrationId="i")
    assert (len(first["filters"]), first["pagination"]["next"]) == (10, 10)
    rest = api("GET", "/filters", integrationId="i", **{"pagination.cursor": 10, "pagination.count": 10})
    assert ([each["name"] for each in rest["filters"]], rest["pagination"].get("next")) == (
        ["10", "11"],
        None,
    )
    api("GET", "/filters", integrationId="i", **{"pagination.count": 11}, status=422)
    api("GET", "/filters", status=422)


def test_the_consumers_of_a_credential_are_two_lists_with_pages_of_their_own(api: Api) -> None:
    credential = api.id("/credentials", {"name": "c", "settings": {}}, status=201)
    settings = {"credential_id": credential}
    for n in range(3):
        api("POST", "/warehouses", {"metadataId": REDSHIFT, "settings": settings}, status=201)
        source = {"slug": f"s{n}", "enabled": True, "metadataId": POSTGRES, "settings": settings}
        api("POST", "/sources", source, status=201)

    path = f"/credentials/{credential}"
    page = {"warehousesPagination.count": 2, "sourcesPagination.count": 3}
    data = api("GET", f"{path}/consumers", **page)
    assert (len(data["warehouses"]), len(data["sources"])) == (2, 3)
    assert ("next" in data["warehousesPagination"], "next" in data["sourcesPagination"]) == (True, False)

    api("DELETE", path, status=409)


def test_live_plugins_are_versions_of_one(sandbox: Sandbox, api: Api) -> None:
    path = f"/sources/{sandbox.source_id}/live-plugins"
    api("GET", f"{path}/latest", status=404)
    for version in (1, 2):
        assert api("POST", f"{path}/create", {"code": str(version)})["livePlugin"]["version"] == version
    assert api("GET", f"{path}/latest")["livePlugin"]["code"] == "2"
    api("DELETE", f"{path}/delete-code")
    api("GET", f"{path}/latest", status=404)


@pytest.mark.parametrize(("kind", "least"), [("sources", 36), ("destinations", 24), ("warehouses", 7)])
def test_the_catalogs_hold_real_entries_with_option_schemas(api: Api, kind: str, least: int) -> None:
    entries = [entry for page in api.pages(f"/catalog/{kind}", f"{kind}Catalog", 10) for entry in page]
    assert len(entries) >= least
    assert any(option["required"] for entry in entries for option in entry["options"])
    one = kind.removesuffix("s") + "Metadata"
    assert api("GET", f"/catalog/{kind}/{entries[-1]['id']}")[one] == entries[-1]
    api("GET", f"/catalog/{kind}/nothing", status=404)


def test_a_new_resource_needs_what_it_refers_to(api: Api) -> None:
    source = {"slug": "x", "enabled": True, "metadataId": "nothing"}
    assert "catalog" in api("POST", "/sources", source, status=404)["errors"][0]["message"]
    destination = {"sourceId": "nothing", "metadataId": AMPLITUDE, "settings": {}}
    api("POST", "/destinations", destination, status=404)


def test_null_is_as_not_given(sandbox: Sandbox, api: Api) -> None:
    before = api("GET", f"/sources/{sandbox.source_id}")["source"]
    assert api("PATCH", f"/sources/{sandbox.source_id}", {"name": None, "slug": None})["source"] == before


def test_every_write_leaves_an_audit_event(sandbox: Sandbox, api: Api) -> None:
    assert api("GET", "/audit-events")["events"] == []
    body = {"slug": "s", "enabled": True, "metadataId": "IqDTy1TpoU"}
    source = api.id("/sources", body, status=201)
    api("PATCH", f"/sources/{source}", {"name": "Shop"})
    api("POST", "/sources", {}, status=422)  # not a write
    api("POST", f"/sources/{source}/writekey")
    api("DELETE", f"/sources/{source}")

    events = api("GET", "/audit-events", resourceId=source)["events"]
    assert [event["type"] for event in events] == [
        "Source Deleted",
        "Writekey Created",
        "Source Modified",
        "Source Created",
    ]
    assert [event["resourceName"] for event in events] == ["Shop", "Shop", "Shop", "s"]
    assert api("GET", "/audit-events", startTime="2100-01-01T00:00:00Z")["events"] == []


def test_echo(api: Api) -> None:
    answer = api("GET", "/echo", message="hello")
    assert (answer["message"], answer["method"]) == ("hello", "get")
    assert "authorization" not in answer["headers"]
    api("GET", "/echo", message="x", triggerError="true", status=400)
    api("GET", "/echo", message="x", statusCode=418, status=418)
    api("GET", "/echo", message="x", statusCode=5, status=422)
    errors = api("GET", "/echo", message="x", triggerMultipleErrors="true", statusCode=409, status=409)
    assert len(errors["errors"]) == 2
    api("GET", "/echo", message="x", triggerUnexpectedError="true", status=500)
