"""What takes its time on the sandbox: syncs, regulations, audiences."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_segment.sandbox import Sandbox
from tests.harness.sandbox_api import AMPLITUDE, REDSHIFT, Api, send

pytestmark = pytest.mark.usefixtures("frozen_clock")


@pytest.fixture
def sync(sandbox: Sandbox, api: Api, destination: str) -> dict[str, str]:
    """What a manual sync is asked for with."""
    model = {
        "sourceId": sandbox.source_id,
        "name": "m",
        "description": "",
        "enabled": True,
        "query": "SELECT 1",
        "queryIdentifierColumn": "id",
    }
    (action, *_) = api("GET", f"/destinations/{destination}")["destination"]["metadata"]["actions"]
    mapping = {"name": "m", "actionId": action["id"], "trigger": "true", "enabled": True}
    return {
        "sourceId": sandbox.source_id,
        "modelId": api.id("/reverse-etl-models", model, status=201),
        "subscriptionId": api.id(f"/destinations/{destination}/subscriptions", mapping),
    }


def test_a_reverse_etl_sync_runs_and_ends(sandbox: Sandbox, api: Api, sync: dict[str, str]) -> None:
    id = api("POST", "/reverse-etl-syncs", sync)["reverseETLManualSync"]["syncId"]
    path = f"/reverse-etl-models/{sync['modelId']}/syncs/{id}"

    running = api("GET", path)["reverseETLSyncStatus"]
    assert (running["syncStatus"], "finishedAt" in running) == ("IN_PROGRESS", False)
    sandbox.advance_clock(10)
    ended = api("GET", path)["reverseETLSyncStatus"]
    assert (ended["syncStatus"], "finishedAt" in ended) == ("SUCCESS", True)
    assert api("POST", f"{path}/cancel", {})["errorCode"] == "SyncFinishedCannotCancel"
    api("GET", f"/reverse-etl-models/{sync['modelId']}/syncs/nothing", status=404)


def test_a_reverse_etl_sync_is_cancelled(sandbox: Sandbox, api: Api, sync: dict[str, str]) -> None:
    id = api("POST", "/reverse-etl-syncs", sync)["reverseETLManualSync"]["syncId"]
    path = f"/reverse-etl-models/{sync['modelId']}/syncs/{id}"

    assert api("POST", f"{path}/cancel", {})["status"] == "CANCELLING"
    assert api("GET", path)["reverseETLSyncStatus"]["syncStatus"] == "CANCELED"
    assert api("POST", f"{path}/cancel", {})["errorCode"] == "SyncAlreadyCanceled"


def test_syncs_are_listed_the_newest_first_with_a_bare_count(api: Api, sync: dict[str, str]) -> None:
    ids = [api("POST", "/reverse-etl-syncs", sync)["reverseETLManualSync"]["syncId"] for _ in range(12)]
    path = f"/reverse-etl-models/{sync['modelId']}/subscriptionId/{sync['subscriptionId']}/syncs"

    first = api("GET", path)
    second = api("GET", path, count=5, cursor=first["pagination"]["next"])
    listed = [each["syncId"] for each in [*first["syncStatuses"], *second["syncStatuses"]]]
    assert listed == ids[::-1]
    assert (len(first["syncStatuses"]), second["pagination"].get("next")) == (10, None)
    api("GET", path, count=101, status=422)


def test_a_suppression_runs_and_drops_events_until_it_is_lifted(sandbox: Sandbox, api: Api) -> None:
    body = {"regulationType": "SUPPRESS_WITH_DELETE", "subjectType": "USER_ID", "subjectIds": ["u1"]}
    path = f"/regulations/{api('POST', '/regulations', body)['regulateId']}"

    send(sandbox, {}, {"userId": "u2"})
    assert [event["userId"] for event in sandbox.accepted] == ["u2"]
    assert api("GET", "/suppressions")["suppressed"] == [{"subjectType": "USER_ID", "subjectIds": ["u1"]}]

    assert api("GET", path)["regulation"]["overallStatus"] == "RUNNING"
    assert len(api("GET", "/regulations")["regulations"]) == 1
    assert api("GET", "/regulations?status=FINISHED")["regulations"] == []
    sandbox.advance_clock(10)
    assert "finishedAt" in api("GET", path)["regulation"]
    assert len(api("GET", "/regulations?status=FINISHED")["regulations"]) == 1
    assert api("GET", "/regulations", **{"regulationTypes.0": "UNSUPPRESS"})["regulations"] == []

    api("POST", "/regulations", body | {"regulationType": "UNSUPPRESS"})
    send(sandbox, {})
    assert len(sandbox.accepted) == 2
    assert api("GET", "/suppressions")["suppressed"] == []


def test_regulations_of_a_source_are_listed_there(sandbox: Sandbox, api: Api) -> None:
    body = {"regulationType": "DELETE_INTERNAL", "subjectType": "OBJECT_ID", "subjectIds": ["o1"]}
    api("POST", "/regulations", body)
    api("POST", f"/regulations/sources/{sandbox.source_id}", body)
    api("POST", f"/regulations/cloudsources/{sandbox.source_id}", body | {"collection": "users"})
    api("POST", f"/regulations/cloudsources/{sandbox.source_id}", body, status=422)

    assert len(api("GET", "/regulations")["regulations"]) == 3
    of_source = api("GET", f"/regulations/sources/{sandbox.source_id}")
    assert (len(of_source["regulations"]), "pagination" in of_source) == (2, False)
    api("POST", "/regulations", body | {"subjectIds": ["x"] * 5_001}, status=422)


def test_an_audience_computes_runs_and_is_previewed(sandbox: Sandbox, api: Api) -> None:
    send(sandbox, {}, {"userId": "u2"})
    space = f"/spaces/{sandbox.space_id}"
    body = {"name": "Big spenders", "definition": {"query": "x"}, "audienceType": "LINKED"}
    audience = f"{space}/audiences/{api.id(f'{space}/audiences', body)}"

    def status() -> str:
        return str(api("GET", audience)["audience"]["status"])

    assert status() == "Computing"
    sandbox.advance_clock(10)
    assert status() == "Live"
    assert "id" in api("POST", f"{audience}/runs")["run"]
    assert status() == "Computing"
    assert api("GET", audience)["audience"]["size"]["count"] == 2

    users = {"name": "Uses it", "definition": {"query": "in 'big_spenders'"}, "audienceType": "USERS"}
    other = api.id(f"{space}/audiences", users)
    api("POST", f"{space}/audiences/{other}/runs", status=400)  # for linked ones only
    assert [each["id"] for each in api("GET", f"{audience}/audience-references")["audiences"]] == [other]
    found = api("GET", f"{space}/audiences", **{"search.type": "NAME", "search.query": "USES"})
    assert [each["id"] for each in found["audiences"]] == [other]

    preview = {"definition": {"query": "x"}, "audienceType": "USERS"}
    path = f"{space}/audiences/previews/{api.id(f'{space}/audiences/previews', preview)}"
    assert api("GET", path)["audiencePreview"]["status"] == "RUNNING"
    sandbox.advance_clock(10)
    done = api("GET", path)["audiencePreview"]
    assert (done["status"], [each["id"] for each in done["results"]]) == ("COMPLETED", ["u1", "u2"])


def test_the_schedules_of_an_audience(sandbox: Sandbox, api: Api) -> None:
    space = f"/spaces/{sandbox.space_id}"
    body = {"name": "a", "definition": {"query": "x"}, "audienceType": "LINKED"}
    audience = f"{space}/audiences/{api.id(f'{space}/audiences', body)}"
    every = {"strategy": "PERIODIC", "config": {"interval": "12h"}}
    days = {"strategy": "SPECIFIC_DAYS", "config": {"days": [1], "hours": [6], "timezone": "UTC"}}

    path = f"{audience}/schedules/{api.id(f'{audience}/schedules', every)}"
    api("POST", f"{audience}/schedules", {"strategy": "PERIODIC", "config": days["config"]}, status=422)
    assert api("PATCH", path, days)["audienceSchedule"]["config"] == days["config"]
    (listed,) = api("GET", f"{audience}/schedules")["audienceSchedules"]
    assert listed == api("GET", path)["audienceSchedule"]
    assert api("GET", audience, include="schedules")["audience"]["schedules"] == [listed]
    assert "schedules" not in api("GET", audience)["audience"]
    api("DELETE", path)
    api("GET", path, status=404)


def test_the_destinations_and_activations_of_an_audience(
    sandbox: Sandbox, api: Api, destination: str
) -> None:
    space = f"/spaces/{sandbox.space_id}"
    body = {"name": "a", "definition": {"query": "x"}, "audienceType": "USERS"}
    audience = f"{space}/audiences/{api.id(f'{space}/audiences', body)}"
    connections = f"{audience}/destination-connections"
    to = {"destination": {"id": destination, "type": "x"}, "connectionSettings": {"a": 1}}

    connection = api("POST", connections, to)["connection"]["id"]
    api("POST", connections, to, status=400)
    (listed,) = api("GET", connections)["connections"]
    assert (listed["id"], listed["destinationId"]) == (connection, destination)
    changed = api("PATCH", f"{connections}/{destination}", {"connectionSettings": {"a": 2}})
    assert changed["connectionSettings"] == {"a": 2}

    activation = {"performResync": False, "activationType": "t", "activationName": "n"}
    id = api.id(f"{connections}/{connection}/activations", activation)
    path = f"{audience}/activations/{id}"
    assert api("PATCH", path, {"enabled": True})["activation"]["enabled"] is True
    assert [each["id"] for each in api("GET", f"{audience}/activations")["activations"]] == [id]

    api("DELETE", f"{connections}/{destination}", status=409)
    api("DELETE", f"/destinations/{destination}", status=409)
    api("DELETE", path)
    api("GET", path, status=404)
    api("DELETE", f"{connections}/{destination}")
    assert api("GET", connections)["connections"] == []

    kinds = api("GET", f"{space}/audienceType/USERS/supported-destinations")["destinations"]
    assert AMPLITUDE in kinds


def test_warehouse_syncs_follow_the_clock_and_count_what_was_received(sandbox: Sandbox, api: Api) -> None:
    warehouse = f"/warehouses/{api.id('/warehouses', {'metadataId': REDSHIFT, 'settings': {}}, status=201)}"
    source = f"{warehouse}/connected-sources/{sandbox.source_id}"
    assert api("GET", f"{warehouse}/syncs")["reports"] == []

    send(sandbox, {}, {})
    sandbox.advance_clock(3_600 + 60)
    send(sandbox, {})
    sandbox.advance_clock(3_600)

    reports = api("GET", f"{source}/syncs")["reports"]
    assert reports == api("GET", f"{warehouse}/syncs")["reports"]
    assert sum(report["count"] for report in reports) == 3
    assert [report["start"] for report in reports] == sorted(
        (each["start"] for each in reports), reverse=True
    )
    assert {report["status"] for report in reports} <= {"SUCCESS", "RUNNING"}

    api("PATCH", warehouse, {"enabled": False, "settings": {}})
    assert api("GET", f"{warehouse}/syncs")["reports"] == []
    api("GET", f"{warehouse}/connected-sources/nothing/syncs", status=404)


def test_a_sync_schedule_says_at_which_hours(sandbox: Sandbox, api: Api) -> None:
    warehouse = f"/warehouses/{api.id('/warehouses', {'metadataId': REDSHIFT, 'settings': {}}, status=201)}"
    path = f"{warehouse}/advanced-sync-schedule"
    assert api("PUT", path, {"enabled": True}) == {"enabled": True}  # the first word on it
    times = [{"hourOfDay": 3, "enabled": True}, {"hourOfDay": 4, "enabled": False}]
    plan = {"enabled": True, "schedule": {"times": times, "timezone": "Asia/Kolkata"}}
    assert api("PUT", path, plan) == plan == api("GET", path)
    assert api("PUT", path, {"enabled": False}) == {"enabled": False} == api("GET", path)
    api("PUT", path, plan)
    wrong = {"enabled": True, "schedule": {"times": [], "timezone": "Mars/Base"}}
    api("PUT", path, wrong, status=422)

    sandbox.advance_clock(3 * 86_400)
    reports = api("GET", f"{warehouse}/syncs")["reports"]
    starts = [datetime.fromisoformat(each["start"].replace("Z", "+00:00")) for each in reports]
    assert len(starts) == 3
    # The syncs start with an hour of UTC, and 3 in Kolkata is half past 21 there.
    assert {start.astimezone(timezone.utc).hour for start in starts} == {22}


def test_selective_sync_of_a_warehouse(sandbox: Sandbox, api: Api) -> None:
    send(sandbox, {"event": "Order Completed", "properties": {"price": 1, "sku": "x"}})
    warehouse = f"/warehouses/{api.id('/warehouses', {'metadataId': REDSHIFT, 'settings': {}}, status=201)}"
    change = {"sourceId": sandbox.source_id, "collection": "order_completed", "enabled": False}

    def enabled() -> dict[str, Any]:
        path = f"{warehouse}/connected-sources/{sandbox.source_id}/selective-syncs"
        items = {item["collection"]: item for item in api("GET", path)["items"]}
        return {
            name: (item["enabled"], {one: of["enabled"] for one, of in item["properties"].items()})
            for name, item in items.items()
        }

    assert enabled()["order_completed"] == (True, {"price": True, "sku": True})
    for status in ("UPDATED", "UNCHANGED"):
        answer = api("PATCH", f"{warehouse}/selective-sync", {"syncOverrides": [change]})
        assert answer == {"status": status, "warnings": []}
    one = change | {"property": "price", "enabled": True}
    api("PATCH", f"{warehouse}/selective-sync", {"syncOverrides": [one]})
    assert enabled()["order_completed"] == (False, {"price": True, "sku": False})
    assert enabled()["tracks"][0] is True
    other = change | {"sourceId": "nothing"}
    assert api("PATCH", f"{warehouse}/selective-sync", {"syncOverrides": [other]})["warnings"]


def test_a_warehouse_that_cannot_be_reached(api: Api) -> None:
    good = dict.fromkeys(("hostname", "port", "database", "username", "password"), "x")
    for settings, status in (
        (good, "CONNECTED"),
        (good | {"hostname": "db.invalid"}, "FAILED"),
        ({}, "FAILED"),
    ):
        body = {"metadataId": REDSHIFT, "settings": settings}
        assert api("POST", "/warehouses/validation", body) == {"status": status}
    id = api.id("/warehouses", {"metadataId": REDSHIFT, "settings": {"hostname": "a.invalid"}}, status=201)
    assert api("GET", f"/warehouses/{id}/connection-state") == {"connectionState": "FAILED"}


def test_a_profiles_warehouse_and_its_selective_sync(sandbox: Sandbox, api: Api) -> None:
    path = f"/spaces/{sandbox.space_id}/profiles-warehouses"
    body = {"metadataId": REDSHIFT, "settings": {"password": "sesame"}, "schemaName": "profiles"}
    one = f"{path}/{api.id(path, body, status=201)}"
    changed = api("PATCH", one, {"settings": {"port": "1"}, "enabled": False})["profilesWarehouse"]
    assert (changed["settings"], changed["enabled"]) == ({"port": "1"}, False)
    assert api("GET", path)["profilesWarehouses"] == [changed]
    api("PATCH", one, {"settings": {}, "schemaName": "profiles"}, status=400)  # its own
    renamed = api("PATCH", one, {"settings": {}, "schemaName": "people"})["profilesWarehouse"]
    assert renamed["schemaName"] == "people"

    override = {"syncOverrides": [{"collection": "user_traits", "enabled": False}], "enableEventTables": True}
    for status in ("UPDATED", "UNCHANGED"):
        assert api("PATCH", f"{one}/selective-syncs", override) == {"status": status}
    data = api("GET", f"{one}/selective-syncs")
    (traits,) = [item for item in data["items"] if item["collection"] == "user_traits"]
    assert (traits["enabled"], data["enableEventTables"]) == (False, True)
    api("DELETE", one)
    api("GET", f"{one}/selective-syncs", status=404)
