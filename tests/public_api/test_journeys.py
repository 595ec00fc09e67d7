"""A journey per tag of the Public API: create, read, list in pages, update, delete, gone.

Real operators, run by the real task runner, against the sandbox over HTTP. The ids that they hand on to one
another travel as in a user's DAG.
"""

from __future__ import annotations

import copy
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from typing import Any

import pytest

from airflow_provider_segment import operators
from airflow_provider_segment.errors import SegmentConflictError, SegmentServerError
from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from tests.public_api.journey import AMPLITUDE, EVENTS, HTTP_API, POSTGRES, Journey, Step, creations
from tests.public_api.test_operations import DECLARED

HAS_STORE = version("apache-airflow") >= "3.3"
core = pytest.mark.core


def ids(items: list[Any]) -> list[str]:
    return [item["id"] for item in items]


def events(go: Journey) -> Step:
    """Events of the source that was there before, by the operator that sends them."""
    order = {"type": "track", "event": "Order Completed", "userId": "u1", "properties": {"price": 5}}
    person = {"type": "identify", "userId": "u1", "traits": {"plan": "free"}}
    return go("BatchEvents", events=[order, {**order, "userId": "u2"}, person])


def hours(go: Journey) -> dict[str, str]:
    """The last hour, and the next minute."""
    now = datetime.fromtimestamp(go.sandbox.state.clock.now(), timezone.utc)
    return {
        "start_time": (now - timedelta(hours=1)).isoformat(),
        "end_time": (now + timedelta(minutes=1)).isoformat(),
    }


# --- sources, destinations, warehouses -------------------------------------------------------------------


@core
def test_sources(go: Journey) -> None:
    source = go.source()
    assert go("GetSource", source_id=source.id).value["source"]["slug"] == "shop"
    others = [go.source(f"shop-{number}") for number in range(3)]
    assert ids(go.lists("ListSources"))[1:] == [step.value["id"] for step in (source, *others)]

    updated = go("UpdateSource", source_id=source.id, name="Shop", enabled="{{ 1 == 2 }}").value
    assert (updated["name"], updated["enabled"], updated["slug"]) == ("Shop", False, "shop")
    unset = {"settings": {"websiteUrl": "x", "apiHost": None}}
    go("UpdateSource", source_id=source.id, settings={"apiHost": "h"})
    assert go("UpdateSource", source_id=source.id, **unset).value["settings"] == {"websiteUrl": "x"}

    label = {"key": "team", "value": "a b/c"}
    go("CreateLabel", **label)
    assert go("AddLabelsToSource", source_id=source.id, labels=[label]).value == [label]
    assert go("ReplaceLabelsInSource", source_id=source.id, labels=[]).value == []

    go("UpdateSchemaSettingsInSource", source_id=source.id, track={"allowUnplannedEvents": False})
    settings = go("ListSchemaSettingsInSource", source_id=source.id).value["settings"]
    assert settings["track"]["allowUnplannedEvents"] is False
    assert settings["track"]["allowEventOnViolations"] is True

    (old,) = go.sandbox.state.collections["/sources"][source.value["id"]]["writeKeys"]
    shown = go("CreateWriteKeyForSource", source_id=source.id).value["writeKeys"]
    assert [len(shown), shown[0]] == [2, f"•••{old[-4:]}"]
    go.deletes("RemoveWriteKeyFromSource", source_id=source.id, write_key=old)
    assert len(go("GetSource", source_id=source.id).value["source"]["writeKeys"]) == 1

    go.deletes("DeleteSource", source_id=source.id)
    go.gone("GetSource", source_id=source.id)
    go.gone("UpdateSource", source_id=source.id, name="x")


@core
def test_warehouses(go: Journey) -> None:
    warehouse, source = go.warehouse(), go.source()
    assert "password" not in go("GetWarehouse", warehouse_id=warehouse.id).value["settings"]
    for name in ("A", "B", "C"):
        go.warehouse(name)
    assert [each["settings"]["name"] for each in go.lists("ListWarehouses", 4)] == ["DWH", "A", "B", "C"]
    updated = go("UpdateWarehouse", warehouse_id=warehouse.id, name="Lake", settings={"port": "1"}).value
    assert (updated["settings"]["name"], updated["settings"]["database"]) == ("Lake", "d")

    both = {"warehouse_id": warehouse.id, "source_id": source.id}
    assert go("ListConnectedSourcesFromWarehouse", warehouse_id=warehouse.id).value == []
    assert go("AddConnectionFromSourceToWarehouse", **both).value == "CONNECTED"
    assert ids(go("ListConnectedSourcesFromWarehouse", warehouse_id=warehouse.id).value) == [
        source.value["id"]
    ]
    connected = go.lists("ListConnectedWarehousesFromSource", 1, source_id=source.id)
    assert ids(connected) == [warehouse.value["id"]]
    assert go("GetConnectionStateFromWarehouse", warehouse_id=warehouse.id).value == "CONNECTED"
    go.deletes("RemoveSourceConnectionFromWarehouse", **both)
    assert go.lists("ListConnectedSourcesFromWarehouse", 0, warehouse_id=warehouse.id) == []

    broken = {"metadata_id": POSTGRES, "settings": {}}
    assert go("CreateValidationInWarehouse", **broken).value == "FAILED"
    go.deletes("DeleteWarehouse", warehouse_id=warehouse.id)
    go.gone("GetWarehouse", warehouse_id=warehouse.id)


def test_selective_sync(go: Journey) -> None:
    warehouse, source_id = go.warehouse(), go.sandbox.source_id
    both = {"warehouse_id": warehouse.id, "source_id": source_id}
    go("AddConnectionFromSourceToWarehouse", **both)
    events(go)
    go.sandbox.advance_clock(3 * 3600)

    reports = go.lists("ListSyncsFromWarehouse", warehouse_id=warehouse.id)
    assert {(report["sourceId"], report["status"]) for report in reports} == {(source_id, "SUCCESS")}
    assert sum(report["count"] for report in reports) == 3
    assert go.lists("ListSyncsFromWarehouseAndSource", **both) == reports

    collections = go.lists("ListSelectiveSyncsFromWarehouseAndSource", 2, **both)
    assert {each["collection"] for each in collections} >= {"tracks", "identifies"}
    override = {"sourceId": source_id, "collection": "tracks", "enabled": False}
    change = {"warehouse_id": warehouse.id, "sync_overrides": [override]}
    assert go("UpdateSelectiveSyncForWarehouse", **change).value == {"status": "UPDATED", "warnings": []}
    assert go("UpdateSelectiveSyncForWarehouse", **change).value["status"] == "UNCHANGED"
    collections = go("ListSelectiveSyncsFromWarehouseAndSource", **both).value
    assert [each["enabled"] for each in collections if each["collection"] == "tracks"] == [False]

    assert go("GetAdvancedSyncScheduleFromWarehouse", warehouse_id=warehouse.id).value["enabled"] is False
    schedule = {"times": [{"hourOfDay": 3, "enabled": True}], "timezone": "Europe/Berlin"}
    arguments = {"warehouse_id": warehouse.id, "enabled": True, "schedule": schedule}
    plan = go("ReplaceAdvancedSyncScheduleForWarehouse", **arguments).value
    assert go("GetAdvancedSyncScheduleFromWarehouse", warehouse_id=warehouse.id).value == plan
    assert plan["schedule"] == schedule


@core
def test_destinations(go: Journey) -> None:
    source = go.source()
    destination = go.destination(source)
    assert go("GetDestination", destination_id=destination.id).value == destination.value
    assert set(destination.value["settings"]["apiKey"]) == {"•"}
    for name in ("A", "B", "C"):
        go.destination(source, name)
    assert [each["name"] for each in go.lists("ListDestinations", 4)] == ["Amplitude", "A", "B", "C"]
    assert len(go.lists("ListConnectedDestinationsFromSource", 4, source_id=source.id)) == 4
    changes = {"enabled": False, "settings": {"endpoint": "europe"}}
    updated = go("UpdateDestination", destination_id=destination.id, **changes).value
    assert (updated["enabled"], updated["settings"]["endpoint"]) == (False, "europe")
    assert "apiKey" in updated["settings"]

    subscription = go.subscription(destination)
    one = {"destination_id": destination.id, "id": subscription.id}
    assert go("GetSubscriptionFromDestination", **one).value == subscription.value
    for name in ("A", "B"):
        go.subscription(destination, name)
    listed = go.lists("ListSubscriptionsFromDestination", destination_id=destination.id)
    assert [each["name"] for each in listed] == ["Events", "A", "B"]
    model = go.model(source)
    periodic = {"strategy": "PERIODIC", "config": {"interval": "12h"}}
    changes = {"name": "Rows", "reverse_etl_model_id": model.id, "reverse_etl_schedule": periodic}
    updated = go("UpdateSubscriptionForDestination", **one, **changes).value
    assert (updated["name"], updated["modelId"]) == ("Rows", model.value["id"])
    go.deletes("RemoveSubscriptionFromDestination", **one)
    go.gone("GetSubscriptionFromDestination", **one)

    summary = {"destination_id": destination.id, "source_id": source.id, "granularity": "DAY"}
    metrics = go("ListDeliveryMetricsSummaryFromDestination", **summary).value
    assert metrics["destinationMetadataId"] == AMPLITUDE
    go.deletes("DeleteDestination", destination_id=destination.id)
    go.gone("GetDestination", destination_id=destination.id)


def test_destination_filters(go: Journey) -> None:
    source = go.source()
    destination = go.destination(source)

    def create(title: str) -> Step:
        condition = {"if_": 'event = "Test"', "actions": [{"type": "DROP"}], "enabled": True}
        ends = {"destination_id": destination.id, "source_id": source.id}
        return go("CreateFilterForDestination", title=title, **ends, **condition)

    filter_ = create("No tests")
    one = {"destination_id": destination.id, "filter_id": filter_.id}
    assert go("GetFilterInDestination", **one).value == filter_.value
    create("A"), create("B")
    listed = go.lists("ListFiltersFromDestination", destination_id=destination.id)
    assert [each["title"] for each in listed] == ["No tests", "A", "B"]
    updated = go("UpdateFilterForDestination", **one, if_="type = 'page'", enabled=False).value
    assert (updated["if"], updated["enabled"]) == ("type = 'page'", False)
    go.deletes("RemoveFilterFromDestination", **one)
    go.gone("GetFilterInDestination", **one)

    drop = {"if": 'event = "Test"', "actions": [{"type": "DROP"}]}
    payload = {"type": "track", "event": "Test"}
    preview = go("PreviewDestinationFilter", filter=drop, payload=payload).value
    assert preview == {"inputPayload": payload, "result": None}


def test_transformations(go: Journey) -> None:
    source = go.source()

    def create(name: str) -> Step:
        rename = [{"oldName": "a", "newName": "b"}]
        arguments = {"source_id": source.id, "enabled": True, "if_": EVENTS, "property_renames": rename}
        return go("CreateTransformation", name=name, **arguments)

    transformation = create("Rename")
    one = {"transformation_id": transformation.id}
    assert go("GetTransformation", **one).value == transformation.value
    create("A"), create("B")
    assert [each["name"] for each in go.lists("ListTransformations")] == ["Rename", "A", "B"]
    updated = go("UpdateTransformation", **one, name="Drop", drop=True).value
    assert (updated["name"], updated["drop"], updated["if"]) == ("Drop", True, EVENTS)
    go.deletes("DeleteTransformation", **one)
    go.gone("GetTransformation", **one)


def test_credentials(go: Journey) -> None:
    credential = go("CreateCredential", name="Key", settings={"password": "hush", "user": "u"})
    one = {"credential_id": credential.id}
    assert "hush" not in str(go("GetCredential", **one).value)
    for name in ("A", "B"):
        go("CreateCredential", name=name, settings={})
    assert [each["name"] for each in go.lists("ListCredentials")] == ["Key", "A", "B"]
    assert go("UpdateCredential", **one, name="Other key").value["name"] == "Other key"

    warehouse = go("CreateWarehouse", metadata_id=POSTGRES, settings={"credential_id": credential.id})
    consumers = go("ListCredentialConsumers", **one).value
    assert (ids(consumers["warehouses"]), consumers["sources"]) == ([warehouse.value["id"]], [])
    assert isinstance(go.try_("DeleteCredential", **one).run.error, SegmentConflictError)
    go("DeleteWarehouse", warehouse_id=warehouse.id)
    go.deletes("DeleteCredential", **one)
    go.gone("GetCredential", **one)


def test_catalog(go: Journey) -> None:
    for kind, one in (("Source", HTTP_API), ("Destination", AMPLITUDE), ("Warehouse", POSTGRES)):
        entries = go.lists(f"Get{kind}sCatalog")
        id_name = f"{kind.lower()}_metadata_id"
        assert go(f"Get{kind}Metadata", **{id_name: one}).value in entries
        go.gone(f"Get{kind}Metadata", **{id_name: "nowhere"})


def test_labels(go: Journey) -> None:
    labels = [{"key": "team", "value": value, "description": "d"} for value in ("ä/ö", "b c", "100%")]
    for label in labels:
        assert go("CreateLabel", **label).value == label
    assert go("ListLabels").value == labels
    assert go("CreateLabel", **labels[0], if_exists="skip").value == labels[0]
    go.deletes("DeleteLabel", key="team", value="ä/ö")
    assert go("ListLabels").value == labels[1:]


def test_live_plugins(go: Journey) -> None:
    source = go.source()
    assert go("CreateLivePlugin", source_id=source.id, code="1").value["version"] == 1
    assert go("CreateLivePlugin", source_id=source.id, code="2").value["version"] == 2
    assert go("GetLatestFromLivePlugins", source_id=source.id).value["code"] == "2"
    go.deletes("DeleteLivePluginCode", source_id=source.id)
    go.gone("GetLatestFromLivePlugins", source_id=source.id)


# --- protocols -------------------------------------------------------------------------------------------


@core
def test_tracking_plans(go: Journey) -> None:
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


# --- functions -------------------------------------------------------------------------------------------


def test_functions(go: Journey) -> None:
    function = go.function()
    one = {"function_id": function.id}
    assert go("GetFunction", **one).value["code"] == "1"
    for name in ("A", "B"):
        go.function(name)
    go.function("C", "DESTINATION")
    listed = go.lists("ListFunctions", resource_type="SOURCE")
    assert [each["displayName"] for each in listed] == ["Fun", "A", "B"]
    assert go("UpdateFunction", **one, code="2").value["code"] == "2"

    versions = go.lists("ListFunctionVersions", 2, **one)
    assert [each["code"] for each in versions] == ["1", "2"]
    old = {**one, "version_id": versions[0]["id"]}
    assert go("GetFunctionVersion", **old).value == versions[0]
    assert go("RestoreFunctionVersion", **old).value["code"] == "1"
    assert len(go.lists("ListFunctionVersions", **one)) == 3

    source = go("CreateSource", slug="fun", metadata_id=function.part("catalogId"))
    instance = f"sfn_{source.part('id')}"
    assert go("CreateFunctionDeployment", function_id=instance).value == {"status": "SUCCESS"}
    assert go("GetFunction", **one).value["isLatestVersion"] is True
    go("DeleteSource", source_id=source.id)
    go.deletes("DeleteFunction", **one)
    go.gone("GetFunction", **one)


def test_insert_functions(go: Journey) -> None:
    secret = {"name": "key", "label": "", "description": "", "type": "STRING"}
    setting = {**secret, "required": True, "sensitive": True}
    function = go.function(resource_type="INSERT_DESTINATION", settings=[setting])
    destination = go.destination(go.source())

    def create(name: str) -> Step:
        ends = {"function_id": function.id, "integration_id": destination.id}
        return go("CreateInsertFunctionInstance", name=name, **ends, settings={"key": "hush", "a": 1})

    instance = create("Insert")
    one = {"instance_id": instance.id}
    assert go("GetInsertFunctionInstance", **one).value == instance.value
    assert "hush" not in str(instance.value)
    create("A"), create("B")
    listed = go.lists("ListInsertFunctionInstances", function_id=function.id)
    assert [each["name"] for each in listed] == ["Insert", "A", "B"]
    updated = go("UpdateInsertFunctionInstance", **one, enabled=True, settings={"a": 2}).value
    assert (updated["enabled"], updated["settings"]) == (True, {"a": 2})
    go.deletes("DeleteInsertFunctionInstance", **one)
    go.gone("GetInsertFunctionInstance", **one)


# --- people ----------------------------------------------------------------------------------------------


def test_users(go: Journey) -> None:
    invite = {"email": "new@example.com"}
    assert go("CreateInvites", invites=[invite]).value == ["new@example.com"]
    both = [invite, {"email": "newer@example.com"}]
    assert go("CreateInvites", invites=both, if_exists="skip").value == [each["email"] for each in both]
    go("CreateInvites", invites=[{"email": "newest@example.com"}])
    assert len(go.lists("ListInvites")) == 3
    go.deletes("DeleteInvites", emails=["new@example.com", "newer@example.com"])
    assert go("ListInvites").value == ["newest@example.com"]

    _, mina, moritz = go.lists("ListUsers")
    one = {"user_id": mina["id"]}
    assert go("GetUser", **one).value["email"] == mina["email"]
    roles = go.lists("ListRoles")
    member, admin = (
        {"roleId": role["id"], "resources": [{"id": go.sandbox.source_id, "type": "SOURCE"}]}
        for role in roles[1:3]
    )
    assert len(go("AddPermissionsToUser", **one, permissions=[member]).value) == 1
    assert len(go("AddPermissionsToUser", **one, permissions=[admin]).value) == 2
    (left,) = go("ReplacePermissionsForUser", **one, permissions=[admin]).value
    assert left["roleId"] == admin["roleId"]
    assert go("GetUser", **one).value["permissions"] == [left]

    group = go("CreateUserGroup", name="Team")
    go("AddUsersToUserGroup", user_group_id=group.id, emails=[mina["email"]])
    assert go.lists("ListUserGroupsFromUser", 1, **one) == [{"id": group.value["id"], "name": "Team"}]
    go.deletes("DeleteUsers", user_ids=[mina["id"], moritz["id"]])
    go.gone("GetUser", **one)


def test_groups(go: Journey) -> None:
    group = go("CreateUserGroup", name="Team")
    one = {"user_group_id": group.id}
    assert go("GetUserGroup", **one).value == group.value
    for name in ("A", "B"):
        go("CreateUserGroup", name=name)
    assert [each["name"] for each in go.lists("ListUserGroups")] == ["Team", "A", "B"]
    assert go("UpdateUserGroup", **one, name="Crew").value["name"] == "Crew"

    go("CreateInvites", invites=[{"email": "new@example.com"}])
    people = ["mina@example.com", "moritz@example.com", "owner@example.com"]
    assert go("AddUsersToUserGroup", **one, emails=[*people, "new@example.com"]).value["memberCount"] == 3
    assert {each["email"] for each in go.lists("ListUsersFromUserGroup", **one)} == set(people)
    assert go.lists("ListInvitesFromUserGroup", 1, **one) == ["new@example.com"]
    go.deletes("RemoveUsersFromUserGroup", **one, emails=["new@example.com", people[0]])
    assert go("ReplaceUsersInUserGroup", **one, emails=people[:1]).value["memberCount"] == 1
    assert [each["email"] for each in go("ListUsersFromUserGroup", **one).value] == people[:1]

    role = go("ListRoles").value[1]["id"]
    permission = {"roleId": role, "resources": [{"id": go.sandbox.source_id, "type": "SOURCE"}]}
    assert len(go("AddPermissionsToUserGroup", **one, permissions=[permission]).value) == 1
    assert go("ReplacePermissionsForUserGroup", **one, permissions=[]).value == []
    go.deletes("DeleteUserGroup", **one)
    go.gone("GetUserGroup", **one)


def test_deletion_and_suppression(go: Journey) -> None:
    people = {"subject_type": "USER_ID", "subject_ids": ["u1", "u2"]}
    suppress = go("CreateWorkspaceRegulation", regulation_type="SUPPRESS_ONLY", **people)
    assert [each["subjectIds"] for each in go.lists("ListSuppressions", 2)] == [["u1"], ["u2"]]
    of_source = {"source_id": go.sandbox.source_id, "regulation_type": "DELETE_INTERNAL", **people}
    regulation = go("CreateSourceRegulation", **of_source).value
    go("CreateCloudSourceRegulation", collection="users", **of_source)

    one = {"regulate_id": suppress.operator.output}
    assert go("GetRegulation", **one).value["overallStatus"] == "RUNNING"
    go.sandbox.advance_clock(10)
    assert go("GetRegulation", **one).value["overallStatus"] == "FINISHED"
    assert ids(go.lists("ListWorkspaceRegulations"))[:2] == [suppress.value, regulation]
    found = go("ListWorkspaceRegulations", status="FINISHED", regulation_types=["SUPPRESS_ONLY"]).value
    assert ids(found) == [suppress.value]
    # Its answer names no cursor: there is one page.
    assert len(go("ListRegulationsFromSource", source_id=go.sandbox.source_id).value) == 2
    go("CreateWorkspaceRegulation", regulation_type="UNSUPPRESS", **people)
    assert go("ListSuppressions").value == []
    go.gone("GetRegulation", regulate_id="nowhere")


# --- Reverse ETL, dbt ------------------------------------------------------------------------------------


def test_reverse_etl(go: Journey) -> None:
    source = go.source()
    model, subscription = go.model(source), go.subscription(go.destination(source))
    one = {"model_id": model.id}
    assert go("GetReverseEtlModel", **one).value == model.value
    go.model(source, "A"), go.model(source, "B")
    assert [each["name"] for each in go.lists("ListReverseEtlModels")] == ["Customers", "A", "B"]
    assert go("UpdateReverseEtlModel", **one, query="select 2").value["query"] == "select 2"

    def sync() -> Step:
        ends = {"source_id": source.id, "subscription_id": subscription.id}
        return go("CreateReverseEtlManualSync", **one, **ends)

    first = sync()
    running = {**one, "sync_id": first.part("syncId")}
    assert go("GetReverseEtlSyncStatus", **running).value["syncStatus"] == "IN_PROGRESS"
    assert go("CancelReverseEtlSyncForModel", **running, reason_for_canceling=1).value["status"]
    assert "errorCode" in go("CancelReverseEtlSyncForModel", **running).value
    second, third = sync(), sync()
    go.sandbox.advance_clock(10)
    done = go("GetReverseEtlSyncStatus", **one, sync_id=second.part("syncId")).value
    assert (done["syncStatus"], done["loadPhase"]["errorCode"]) == ("SUCCESS", "")
    name = "ListReverseEtlSyncStatusesFromModelAndSubscriptionId"
    syncs = go.lists(name, **one, subscription_id=subscription.id)
    assert [each["syncId"] for each in syncs] == [step.value["syncId"] for step in (third, second, first)]

    go.deletes("DeleteReverseEtlModel", **one)
    go.gone("GetReverseEtlModel", **one)


def test_dbt(go: Journey) -> None:
    source = go.source()
    assert go("CreateDbtModelSyncTrigger", source_id=source.id).value["sourceId"] == source.value["id"]
    go.gone("CreateDbtModelSyncTrigger", source_id="nowhere")


# --- Unify and Engage ------------------------------------------------------------------------------------


def test_spaces(go: Journey) -> None:
    (space,) = go.lists("ListSpaces", 1)
    one = {"space_id": space["id"]}
    assert go("GetSpace", **one).value == space
    person = {"key": "u@example.com", "type": "EMAIL"}
    asked = {**one, "subscriptions": [person]}
    before = go("BatchQueryMessagingSubscriptionsForSpace", **asked).value
    assert (before["successes"], len(before["failures"])) == ([], 1)
    subscribed = {**one, "subscriptions": [{**person, "status": "SUBSCRIBED"}]}
    assert len(go("ReplaceMessagingSubscriptionsInSpaces", **subscribed).value["successes"]) == 1
    after = go("BatchQueryMessagingSubscriptionsForSpace", **asked).value
    assert [each["status"] for each in after["successes"]] == ["SUBSCRIBED"]
    go.gone("GetSpace", space_id="nowhere")


def test_space_filters(go: Journey) -> None:
    space = {"integration_id": go.sandbox.space_id}
    filters = [go("CreateFilterForSpace", name=f"F{number}", if_=EVENTS, **space) for number in range(12)]
    one = {"id": filters[0].id}
    assert go("GetFilterById", **one).value == filters[0].value
    listed = go.lists("ListFiltersForSpace", 12, **space)
    assert ids(listed) == [step.value["id"] for step in filters]
    assert go("UpdateFilterById", **one, **space, name="New", drop=True).value["drop"] is True
    go.deletes("DeleteFilterById", True, **one)
    go.gone("GetFilterById", **one)


def test_space_schema(go: Journey) -> None:
    events(go)
    space = {"space_id": go.sandbox.space_id}
    assert {each["name"] for each in go.lists("ListEvents", 2, **space)} >= {"Order Completed"}
    (price,) = go("ListEvents", **space, search="order", sort_by="name", sort_dir="asc").value
    event = {**space, "event_name": price["name"]}
    properties = go("ListPropertiesFromEvent", **event, include_sample_values=True, samples_count=1).value
    assert [each["samples"] for each in properties if each["name"] == "price"] == [["5"]]
    asked = {**event, "property_name": "price", "property_type": "PROPERTY"}
    assert go("ListSampleValuesFromEventProperty", **asked).value == ["5"]

    assert [each["trait"] for each in go.lists("ListTraits", 1, **space)] == ["plan"]
    assert go("ListSampleValuesFromTrait", **space, trait_key="plan", collection="users").value == ["free"]

    (entity,) = go.lists("ListEntityPaths", 1, **space)
    slug = {**space, "entity_slug": entity["entitySlug"]}
    names = [each["name"] for each in go.lists("ListPropertiesFromEntity", **slug)]
    assert go("ListSampleValuesFromEntityProperty", **slug, property_name=names[1]).value
    go.gone("ListPropertiesFromEntity", **space, entity_slug="nowhere")


def test_audiences(go: Journey) -> None:
    space = {"space_id": go.sandbox.space_id}
    audience = go.audience()
    one = {**space, "id": audience.id}
    assert go("GetAudience", **one).value["status"] == "Computing"
    go.sandbox.advance_clock(10)
    assert go("GetAudience", **one).value["status"] == "Live"
    key = audience.value["key"]
    go.audience("A", query=f"audience('{key}')"), go.audience("B")
    assert [each["name"] for each in go.lists("ListAudiences", **space)] == ["Buyers", "A", "B"]
    search = {"type": "NAME", "query": "buy"}
    assert ids(go("ListAudiences", **space, search=search).value) == [audience.value["id"]]
    order = {"field": "NAME", "direction": "ASC"}
    name = "ListAudienceConsumersFromSpaceAndAudience"
    assert [each["name"] for each in go.lists(name, 1, **one, sort=order)] == ["A"]
    updated = go("UpdateAudienceForSpace", **one, name="Best buyers", definition={"query": "e >= 2"}).value
    assert (updated["name"], updated["definition"]["query"]) == ("Best buyers", "e >= 2")

    definition = {"definition": {"query": "e"}, "audience_type": "USERS"}
    preview = go("CreateAudiencePreview", **space, **definition)
    computed = {**space, "id": preview.id}
    assert go("GetAudiencePreview", **computed).value["status"] == "RUNNING"
    go.sandbox.advance_clock(10)
    assert go("GetAudiencePreview", **computed).value["status"] == "COMPLETED"

    go.deletes("RemoveAudienceFromSpace", **one)
    go.gone("GetAudience", **one)


def test_linked_audiences(go: Journey) -> None:
    space = {"space_id": go.sandbox.space_id}
    audience = go.audience("Accounts", "LINKED")
    assert go("ForceExecuteAudienceRun", **space, audience_id=audience.id).value["id"]

    of_audience = {**space, "id": audience.id}
    periodic = {"strategy": "PERIODIC", "config": {"interval": "12h"}}
    schedule = go("AddAudienceScheduleToAudience", **of_audience, **periodic)
    one = {**of_audience, "schedule_id": schedule.id}
    assert go("GetAudienceScheduleFromSpaceAndAudience", **one).value["strategy"] == "PERIODIC"
    days = {"strategy": "SPECIFIC_DAYS", "config": {"days": [1], "hours": [2], "timezone": "UTC"}}
    assert go("UpdateAudienceScheduleForAudience", **one, **days).value["config"] == days["config"]
    schedules = go("ListAudienceSchedulesFromSpaceAndAudience", **of_audience).value
    assert ids(schedules) == [schedule.value["id"]]
    (shown,) = go("ListAudiences", **space, include="schedules").value
    assert ids(shown["schedules"]) == ids(schedules)
    go.deletes("RemoveAudienceScheduleFromAudience", **one)
    go.gone("GetAudienceScheduleFromSpaceAndAudience", **one)


def test_activations(go: Journey) -> None:
    space = {"space_id": go.sandbox.space_id}
    audience = {**space, "audience_id": go.audience().id}
    destinations = [go.destination(go.source(slug)) for slug in ("a", "b", "c")]
    supported = go(
        "ListSupportedDestinationsFromAudience", **space, audience_type="USERS", slug="actions-amplitude"
    ).value
    assert list(supported) == [AMPLITUDE]

    def connect(destination: Step) -> Step:
        reference = {"id": destination.id, "type": "DESTINATION"}
        sync = [{"externalId": "user_id", "strategy": "first"}]
        return go("AddDestinationToAudience", **audience, destination=reference, id_sync_configuration=sync)

    connection, *_ = [connect(destination) for destination in destinations]
    connections = go.lists("ListDestinationsFromAudience", **audience)
    assert [each["destinationId"] for each in connections] == [step.value["id"] for step in destinations]
    connected = {**audience, "destination_id": destinations[0].id}
    changed = go("UpdateDestinationForAudience", **connected, connection_settings={"a": 1}).value
    assert changed["connectionSettings"] == {"a": 1}

    def activate(name: str) -> Step:
        what = {"perform_resync": False, "activation_type": "event", "activation_name": name}
        place = {**audience, "connection_id": connection.part("connection", "id")}
        return go("AddActivationToAudience", **place, **what)

    activation = activate("Entered")
    one = {**audience, "id": activation.id}
    assert go("GetActivationFromAudience", **one).value == activation.value
    activate("A"), activate("B")
    listed = go.lists("ListActivationsFromAudience", **audience)
    assert [each["activationName"] for each in listed] == ["Entered", "A", "B"]
    assert go("UpdateActivationForAudience", **one, enabled=True).value["enabled"] is True
    refused = go.try_("RemoveDestinationFromAudience", **connected).run.error
    assert isinstance(refused, SegmentConflictError)
    go.deletes("RemoveActivationFromAudience", **one)
    go.gone("GetActivationFromAudience", **one)
    go.deletes("RemoveDestinationFromAudience", **{**connected, "destination_id": destinations[1].id})


def test_computed_traits(go: Journey) -> None:
    space = {"space_id": go.sandbox.space_id}

    def create(name: str) -> Step:
        definition = {"type": "USERS", "query": "event('Order Completed').count()"}
        return go("CreateComputedTrait", **space, name=name, definition=definition)

    trait = create("Orders")
    one = {**space, "id": trait.id}
    assert go("GetComputedTrait", **one).value == trait.value
    create("A"), create("B")
    assert [each["name"] for each in go.lists("ListComputedTraits", **space)] == ["Orders", "A", "B"]
    assert go("UpdateComputedTraitForSpace", **one, enabled=False).value["status"] == "Disabled"
    go.deletes("RemoveComputedTraitFromSpace", **one)
    go.gone("GetComputedTrait", **one)


def test_profiles_sync(go: Journey) -> None:
    space = {"space_id": go.sandbox.space_id}

    def create(name: str) -> Step:
        what = {"metadata_id": POSTGRES, "settings": {"password": "hush"}, "schema_name": "profiles"}
        return go("CreateProfilesWarehouse", **space, name=name, **what)

    warehouse = create("Profiles")
    assert "hush" not in str(warehouse.value)
    create("A"), create("B")
    listed = go.lists("ListProfilesWarehouseInSpace", **space)
    assert [each["settings"]["name"] for each in listed] == ["Profiles", "A", "B"]
    one = {**space, "warehouse_id": warehouse.id}
    change = {"schema_name": "people", "settings": {}}
    updated = go("UpdateProfilesWarehouseForSpaceWarehouse", **one, **change).value
    assert updated["schemaName"] == "people"

    syncs = go("ListSelectiveSyncsFromWarehouseAndSpace", **one, page_size=2).value
    assert syncs["enableEventTables"] is False
    assert "user_traits" in [each["collection"] for each in syncs["items"]]
    override = [{"collection": "user_traits", "enabled": False}]
    change = {**one, "sync_overrides": override, "enable_event_tables": True}
    assert go("UpdateSelectiveSyncForWarehouseAndSpace", **change).value == "UPDATED"
    assert go("UpdateSelectiveSyncForWarehouseAndSpace", **change).value == "UNCHANGED"
    syncs = go("ListSelectiveSyncsFromWarehouseAndSpace", **one).value
    assert syncs["enableEventTables"] is True
    assert [each["enabled"] for each in syncs["items"] if each["collection"] == "user_traits"] == [False]

    go.deletes("RemoveProfilesWarehouseFromSpace", **one)
    go.gone("UpdateProfilesWarehouseForSpaceWarehouse", **one, settings={})


# --- what happened ---------------------------------------------------------------------------------------


def test_delivery(go: Journey) -> None:
    source_id = go.sandbox.source_id
    there = {"source_id": source_id, "metadata_id": AMPLITUDE, "settings": {"apiKey": "hush"}}
    destination = go("CreateDestination", **there)
    no_people = {"if_": 'type = "identify"', "actions": [{"type": "DROP"}], "title": "t", "enabled": True}
    go("CreateFilterForDestination", destination_id=destination.id, source_id=source_id, **no_people)
    events(go)
    window = {**hours(go), "granularity": "MINUTE"}

    volume = go("GetEventsVolumeFromWorkspace", **window, group_by=["eventName", "eventType"]).value
    counts = {each.get("eventName"): each["total"] for each in volume["result"]}
    assert counts == {"Order Completed": 2, None: 1}
    only = {"source_id": [source_id], "event_type": ["track"], "event_name": ["Order Completed"]}
    (result,) = go("GetEventsVolumeFromWorkspace", **window, **only, page_size=1).value["result"]
    assert result["total"] == 2

    asked = {**window, "source_id": source_id, "group_by": ["eventType"], "page_size": 1}
    totals = {}
    for what in (
        "IngressSuccess",
        "IngressFailed",
        "FilteredAtSource",
        "FilteredAtDestination",
        "EgressSuccess",
        "EgressFailed",
    ):
        at_destination = what.startswith("Egress") or what.endswith("AtDestination")
        more = {"destination_config_id": destination.id} if at_destination else {}
        found = go(f"Get{what}MetricsFromDeliveryOverview", **asked, **more).value
        assert sum(each["total"] for each in found["dataset"]) == found["total"]
        totals[what] = found["total"]
    assert totals == {
        "IngressSuccess": 3,
        "IngressFailed": 0,
        "FilteredAtSource": 0,
        "FilteredAtDestination": 1,
        "EgressSuccess": 2,
        "EgressFailed": 0,
    }


def test_usage(go: Journey) -> None:
    events(go)
    now = datetime.fromtimestamp(go.sandbox.state.clock.now(), timezone.utc)
    period = {"period": now.strftime("%Y-%m-01")}
    (calls,) = go.lists("GetDailyWorkspaceApiCallsUsage", 1, **period)
    assert int(calls["apiCalls"]) > 0
    (calls,) = go.lists("GetDailyPerSourceApiCallsUsage", 1, **period)
    assert calls["sourceId"] == go.sandbox.source_id
    (users,) = go.lists("GetDailyWorkspaceMtuUsage", 1, **period)
    assert users["identified"] == "2"
    (users,) = go.lists("GetDailyPerSourceMtuUsage", 1, **period)
    assert users["sourceId"] == go.sandbox.source_id


def test_audit_trail(go: Journey) -> None:
    source, _ = go.source(), go.source("other")
    go("DeleteSource", source_id=source.id)
    assert len(go.lists("ListAuditEvents")) == 3
    found = go("ListAuditEvents", resource_id=source.id, resource_type="source", **hours(go)).value
    assert [each["type"] for each in found] == ["Source Deleted", "Source Created"]


def test_workspace_echo_and_downloads(go: Journey) -> None:
    assert go("GetWorkspace").value["slug"] == "sandbox"
    echo = go("Echo", message="a & b", delay=1).value
    assert echo["message"] == "a & b"
    failed = go.try_("Echo", message="x", trigger_unexpected_error=True).run
    assert isinstance(failed.error, SegmentServerError)
    download = go("CreateDownload", collection_id="c", hour="2026-01-01T00:00:00Z").value
    assert len(download["urls"]) == 1


# --- nothing doubled -------------------------------------------------------------------------------------


CREATE_OPERATORS = [
    name.removeprefix("Segment").removesuffix("Operator")
    for name in DECLARED
    if issubclass(getattr(operators, name), SegmentCreateOperator)
]


def resources(go: Journey) -> int:
    """How many things, and write keys, there are in the sandbox."""
    collections = go.sandbox.state.collections
    kept = [collection for path, collection in collections.items() if path != "/audit-events"]
    keys = [source["writeKeys"] for source in collections["/sources"].values()]
    return sum(map(len, kept)) + sum(map(len, keys))


@core
@pytest.mark.parametrize("name", CREATE_OPERATORS)
def test_a_retry_adopts_what_a_lost_answer_was_about(go: Journey, name: str) -> None:
    arguments = creations(go)[name]
    before = copy.deepcopy(go.sandbox.state.collections)
    go(name, **arguments)
    once = resources(go)
    go.sandbox.state.collections = before

    operator = go.operator(name, retries=1, **arguments)
    # Of what is under this path, only creates have a body.
    path = operator.endpoint.split("{")[0].removeprefix("POST ")
    lost = go.sandbox.faults.add("reset", when="after", path=path, contains="{", next=1)
    first = go.run_task(operator, xcoms=go.xcoms)
    assert (first.state, lost.hits) == ("up_for_retry", 1)
    assert resources(go) == once
    second = go.run_task(operator, xcoms=go.xcoms, try_number=2, state_store=first.state_store)
    assert second.state == "success", second.error
    assert resources(go) == once


@pytest.mark.skipif(not HAS_STORE, reason="before Airflow 3.3 nothing is kept from try to try")
def test_a_retry_makes_no_second_write_key(go: Journey) -> None:
    source_id = go.sandbox.source_id
    operator = go.operator("CreateWriteKeyForSource", source_id=source_id, retries=1)
    lost = go.sandbox.faults.add("reset", when="after", path=f"/sources/{source_id}/writekey", next=1)
    first = go.run_task(operator)
    assert (first.state, lost.hits) == ("up_for_retry", 1)
    second = go.run_task(operator, try_number=2, state_store=first.state_store)
    assert second.state == "success", second.error
    assert len(go.sandbox.state.collections["/sources"][source_id]["writeKeys"]) == 2


@core
def test_a_retry_of_a_delete_whose_answer_was_lost(go: Journey) -> None:
    source = go.source()
    operator = go.operator("DeleteSource", source_id=source.id, missing_ok=True, retries=1)
    go.sandbox.faults.add("reset", when="after", path="/sources/", next=1)
    first = go.run_task(operator, xcoms=go.xcoms)
    assert first.state == "up_for_retry"
    second = go.run_task(operator, xcoms=go.xcoms, try_number=2, state_store=first.state_store)
    assert second.state == "success", second.error
    go.gone("GetSource", source_id=source.id)


# --- large workspaces ------------------------------------------------------------------------------------


@core
def test_ten_thousand_sources_take_ten_requests(go: Journey) -> None:
    sources = go.sandbox.state.collections["/sources"]
    (some,) = sources.values()
    sources |= {f"id{number}": {**some, "id": f"id{number}"} for number in range(9_999)}
    assert ids(go("ListSources").value) == list(sources)
    assert len(go.overheard.exchanges) == 10
    go.overheard.exchanges.clear()
    go("ListSources", limit=1_500)
    assert [exchange.query for exchange in go.overheard.exchanges] == [
        "pagination.count=1000",
        "pagination.count=500&pagination.cursor=MTAwMA%3D%3D",
    ]


# --- all of them -----------------------------------------------------------------------------------------


def test_every_operator_has_been_on_a_journey(request: pytest.FixtureRequest) -> None:
    ran = {item.name for item in request.session.items if item.path == request.path}
    if not {name for name in globals() if name.startswith("test_")} <= {name.split("[")[0] for name in ran}:
        pytest.skip("only some of the journeys were made")
    assert set(DECLARED) - Journey.succeeded == set()
