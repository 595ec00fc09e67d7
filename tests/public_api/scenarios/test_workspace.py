"""The workspace: its catalog, volumes, usage and audit trail."""

from __future__ import annotations

from airflow_provider_segment.errors import SegmentServerError
from tests.public_api.scenario import AMPLITUDE, HTTP_API, POSTGRES, Scenario


def test_catalog(go: Scenario) -> None:
    for catalog, one, argument, id in (
        ("GetSourcesCatalog", "GetSourceMetadata", "source_metadata_id", HTTP_API),
        ("GetDestinationsCatalog", "GetDestinationMetadata", "destination_metadata_id", AMPLITUDE),
        ("GetWarehousesCatalog", "GetWarehouseMetadata", "warehouse_metadata_id", POSTGRES),
    ):
        entries = go.lists(catalog)
        assert go(one, **{argument: id}).value in entries
        go.gone(one, **{argument: "nowhere"})


def test_delivery(go: Scenario) -> None:
    source_id = go.sandbox.source_id
    there = {"source_id": source_id, "metadata_id": AMPLITUDE, "settings": {"apiKey": "hush"}}
    destination = go("CreateDestination", **there)
    no_people = {"if_": 'type = "identify"', "actions": [{"type": "DROP"}], "title": "t", "enabled": True}
    go("CreateFilterForDestination", destination_id=destination.id, source_id=source_id, **no_people)
    go.events()
    window = {**go.hours(), "granularity": "MINUTE"}

    volume = go("GetEventsVolumeFromWorkspace", **window, group_by=["eventName", "eventType"]).value
    counts = {each.get("eventName"): each["total"] for each in volume["result"]}
    assert counts == {"Order Completed": 2, None: 1}
    only = {"source_id": [source_id], "event_type": ["track"], "event_name": ["Order Completed"]}
    (result,) = go("GetEventsVolumeFromWorkspace", **window, **only, page_size=1).value["result"]
    assert result["total"] == 2

    asked = {**window, "source_id": source_id, "group_by": ["eventType"], "page_size": 1}
    expected = {
        "GetIngressSuccessMetricsFromDeliveryOverview": 3,
        "GetIngressFailedMetricsFromDeliveryOverview": 0,
        "GetFilteredAtSourceMetricsFromDeliveryOverview": 0,
        "GetFilteredAtDestinationMetricsFromDeliveryOverview": 1,
        "GetEgressSuccessMetricsFromDeliveryOverview": 2,
        "GetEgressFailedMetricsFromDeliveryOverview": 0,
    }
    totals = {}
    for name in expected:
        at_destination = "Egress" in name or "AtDestination" in name
        more = {"destination_config_id": destination.id} if at_destination else {}
        found = go(name, **asked, **more).value
        assert sum(each["total"] for each in found["dataset"]) == found["total"]
        totals[name] = found["total"]
    assert totals == expected


def test_usage(go: Scenario) -> None:
    go.events()
    period = {"period": go.now.strftime("%Y-%m-01")}
    (calls,) = go.lists("GetDailyWorkspaceApiCallsUsage", 1, **period)
    assert int(calls["apiCalls"]) > 0
    (calls,) = go.lists("GetDailyPerSourceApiCallsUsage", 1, **period)
    assert calls["sourceId"] == go.sandbox.source_id
    (users,) = go.lists("GetDailyWorkspaceMtuUsage", 1, **period)
    assert users["identified"] == "2"
    (users,) = go.lists("GetDailyPerSourceMtuUsage", 1, **period)
    assert users["sourceId"] == go.sandbox.source_id


def test_audit_trail(go: Scenario) -> None:
    source, _ = go.source(), go.source("other")
    go("DeleteSource", source_id=source.id)
    assert len(go.lists("ListAuditEvents")) == 3
    found = go("ListAuditEvents", resource_id=source.id, resource_type="source", **go.hours()).value
    assert [each["type"] for each in found] == ["Source Deleted", "Source Created"]


def test_workspace_echo_and_downloads(go: Scenario) -> None:
    assert go("GetWorkspace").value["slug"] == "sandbox"
    echo = go("Echo", message="a & b", delay=1).value
    assert echo["message"] == "a & b"
    failed = go.try_("Echo", message="x", trigger_unexpected_error=True).run
    assert isinstance(failed.error, SegmentServerError)
    download = go("CreateDownload", collection_id="c", hour="2026-01-01T00:00:00Z").value
    assert len(download["urls"]) == 1
