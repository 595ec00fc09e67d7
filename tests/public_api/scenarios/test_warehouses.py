"""Warehouses, the credentials they use, and what is synced to them."""

from __future__ import annotations

import pytest

from airflow_provider_segment.errors import SegmentConflictError
from tests.public_api.scenario import POSTGRES, Scenario, Step, ids

core = pytest.mark.core


@core
def test_warehouses(go: Scenario) -> None:
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


def test_selective_sync(go: Scenario) -> None:
    warehouse, source_id = go.warehouse(), go.sandbox.source_id
    both = {"warehouse_id": warehouse.id, "source_id": source_id}
    go("AddConnectionFromSourceToWarehouse", **both)
    go.events()
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


def test_credentials(go: Scenario) -> None:
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


def test_profiles_sync(go: Scenario) -> None:
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
