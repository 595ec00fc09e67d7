"""What the sandbox reports of the events that it received; and the limits on asking."""

from __future__ import annotations

import httpx
import pytest

from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sandbox.clock import iso
from tests.harness.sandbox_api import Api, send

pytestmark = pytest.mark.usefixtures("frozen_clock")


def window(sandbox: Sandbox, granularity: str = "MINUTE") -> dict[str, str]:
    now = sandbox.state.clock.now()
    return {"startTime": iso(now - 3_000), "endTime": iso(now + 60), "granularity": granularity}


def test_event_volume_counts_what_was_really_received(sandbox: Sandbox, api: Api) -> None:
    assert api("GET", "/events/volume", **window(sandbox))["result"] == []
    send(sandbox, {}, {}, {"event": "Refund"}, {"type": "identify"}, {"event": None})

    (all_of_it,) = api("GET", "/events/volume", **window(sandbox))["result"]
    assert all_of_it["total"] == 4  # one was dropped
    assert sum(each["count"] for each in all_of_it["series"]) == 4

    by = {"groupBy.0": "eventName", "groupBy.1": "source", "eventType.0": "track"}
    results = api("GET", "/events/volume", **window(sandbox), **by)["result"]
    assert [(each["eventName"], each["total"]) for each in results] == [("Order", 2), ("Refund", 1)]
    assert results[0]["source"]["id"] == sandbox.source_id
    named = api("GET", "/events/volume", **window(sandbox), eventName="Refund", sourceId=sandbox.source_id)
    assert [each["total"] for each in named["result"]] == [1]

    sandbox.advance_clock(86_400)
    assert api("GET", "/events/volume", **window(sandbox))["result"] == []
    api("GET", "/events/volume", **window(sandbox), groupBy="moon", status=422)
    api("GET", "/events/volume", **(window(sandbox) | {"endTime": "2000-01-01T00:00:00Z"}), status=422)


def test_delivery_overview_shows_what_was_dropped_behind_a_200(
    sandbox: Sandbox, api: Api, destination: str
) -> None:
    sandbox.state.suppressed.add("gone")
    filter = {
        "sourceId": sandbox.source_id,
        "if": 'type = "track" and event = "Secret"',
        "actions": [{"type": "DROP"}],
        "title": "f",
        "enabled": True,
    }
    api("POST", f"/destination/{destination}/filters", filter)
    send(
        sandbox,
        {"messageId": "m"},
        {"messageId": "m"},
        {"event": "Secret"},
        {"event": None},
        {"userId": "gone"},
    )

    def total(stage: str, **more: str) -> int:
        query = {**window(sandbox), "sourceId": sandbox.source_id, **more}
        return int(api("GET", f"/delivery-overview/{stage}", **query)["total"])

    to = {"destinationConfigId": destination}
    assert total("successfully-received") == 2
    assert total("failed-on-ingest") == 1
    assert total("filtered-at-source") == 1
    assert total("successful-delivery", **to) == 1
    assert total("filtered-at-destination", **to) == 1
    assert total("failed-delivery", **to) == 0
    assert total("successfully-received", **{"filter.eventName.0": "Secret"}) == 1

    query = {**window(sandbox), "sourceId": sandbox.source_id, "groupBy.0": "discardReason"}
    (dropped,) = api("GET", "/delivery-overview/failed-on-ingest", **query)["dataset"]
    assert dropped["discardReason"] == "missing_event"

    metrics = api("GET", f"/destinations/{destination}/delivery-metrics", sourceId=sandbox.source_id)
    totals = {each["metricName"]: each["total"] for each in metrics["deliveryMetricsSummary"]["metrics"]}
    assert (totals["successes"], totals["discarded"]) == (1, 1)

    api("PATCH", f"/destinations/{destination}", {"enabled": False})
    assert total("successful-delivery", **to) == 0


def test_the_delivery_overview_refuses_windows_that_are_too_long_or_too_old(
    sandbox: Sandbox, api: Api
) -> None:
    now = sandbox.state.clock.now()
    path = "/delivery-overview/successfully-received"
    for days_ago, hours, granularity, status in (
        (1, 4, "MINUTE", 200),
        (1, 5, "MINUTE", 422),
        (3, 1, "MINUTE", 422),
        (14, 14 * 24, "HOUR", 200),
        (30, 15 * 24, "HOUR", 422),
        (31, 24, "DAY", 422),
    ):
        start = now - days_ago * 86_400
        times = {"startTime": iso(start), "endTime": iso(start + hours * 3_600)}
        query = {"sourceId": sandbox.source_id, "granularity": granularity, **times}
        answer = api("GET", path, **query, status=status)
        assert ("dataset" if status == 200 else "errors") in answer


def test_usage_is_cumulative_day_by_day(sandbox: Sandbox, api: Api) -> None:
    send(sandbox, {}, {"anonymousId": "a1"}, {"userId": None, "anonymousId": "a2"})
    month = iso(sandbox.state.clock.now())[:8] + "01"

    (calls,) = api("GET", "/usage/api-calls/daily", period=month)["dailyWorkspaceAPICallsUsage"]
    assert calls["apiCalls"] == "3"
    (of_source,) = api("GET", "/usage/api-calls/sources/daily", period=month)["dailyPerSourceAPICallsUsage"]
    assert (of_source["sourceId"], of_source["apiCalls"]) == (sandbox.source_id, "3")
    for path in ("/usage/mtu/daily", "/usage/mtu/sources/daily"):
        data = api("GET", path, period=month)
        ((users,),) = [value for name, value in data.items() if name != "pagination"]
        assert (users["identified"], users["anonymous"]) == ("1", "2")
        assert (users["anonymousIdentified"], users["neverIdentified"]) == ("1", "1")
    sandbox.advance_clock(2 * 86_400)
    send(sandbox, {}, {"userId": "another"})
    _, quiet, today = api("GET", "/usage/api-calls/daily", period=month)["dailyWorkspaceAPICallsUsage"]
    assert (quiet["apiCalls"], today["apiCalls"]) == ("3", "5")
    *_, today = api("GET", "/usage/mtu/daily", period=month)["dailyWorkspaceMTUUsage"]
    assert (today["identified"], today["neverIdentified"]) == ("2", "1")
    assert api("GET", "/usage/mtu/daily", period="2000-01-01")["dailyWorkspaceMTUUsage"] == []
    api("GET", "/usage/mtu/daily", period="January", status=422)


def test_the_schema_of_a_space_is_that_of_the_events(sandbox: Sandbox, api: Api) -> None:
    send(
        sandbox,
        {"event": "Order Completed", "properties": {"price": 5}, "context": {"ip": "::1"}},
        {"event": "Order Completed", "properties": {"price": 7}},
        {"type": "identify", "traits": {"plan": "team"}},
        {"type": "group", "groupId": "g", "traits": {"seats": 3}},
    )
    space = f"/spaces/{sandbox.space_id}"
    events = api("GET", f"{space}/events", sortBy="name", sortDir="DESC")["events"]
    assert [(each["name"], each["type"]) for each in events] == [
        ("identify", "IDENTIFY"),
        ("group", "GROUP"),
        ("Order Completed", "TRACK"),
    ]
    assert len(api("GET", f"{space}/events", search="order")["events"]) == 1

    path = f"{space}/events/Order%20Completed/properties"
    properties = api("GET", path, includeSampleValues="true", samplesCount=1)["eventProperties"]
    assert {(each["name"], each["type"]) for each in properties} == {("price", "PROPERTY"), ("ip", "CONTEXT")}
    assert all(len(each["samples"]) == 1 for each in properties)
    assert api("GET", f"{path}/price/sample-values", propertyType="PROPERTY")["sampleValues"] == ["7", "5"]

    assert [each["trait"] for each in api("GET", f"{space}/traits")["traits"]] == ["plan"]
    accounts = api("GET", f"{space}/traits", collection="accounts")["traits"]
    assert [each["trait"] for each in accounts] == ["seats"]
    assert api("GET", f"{space}/traits/plan/sample-values")["sampleValues"] == ["team"]

    (entity,) = api("GET", f"{space}/entity-paths")["entityPaths"]
    properties = api("GET", f"{space}/entities/{entity['entitySlug']}/properties")["entityProperties"]
    name = properties[0]["name"]
    path = f"{space}/entities/{entity['entitySlug']}/properties/{name}/sample-values"
    assert api("GET", path)["sampleValues"]
    api("GET", f"{space}/entities/nothing/properties", status=404)


def test_messaging_subscriptions_are_kept(sandbox: Sandbox, api: Api) -> None:
    path = f"/spaces/{sandbox.space_id}/messaging-subscriptions"
    subscription = {"key": "a@example.com", "type": "EMAIL", "status": "SUBSCRIBED"}
    assert len(api("PUT", path, {"subscriptions": [subscription]})["successes"]) == 1
    asked = [{"key": key, "type": "EMAIL"} for key in ("a@example.com", "b@example.com")]
    answer = api("POST", f"{path}/batch", {"subscriptions": asked})
    assert [each["status"] for each in answer["successes"]] == ["SUBSCRIBED"]
    assert [each["key"] for each in answer["failures"]] == ["b@example.com"]


def test_the_published_limits_hold_for_each_endpoint_apart() -> None:
    with Sandbox(rate_limits=True) as sandbox:
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        with httpx.Client(base_url=sandbox.url, headers=headers, timeout=600) as http:
            sandbox.freeze_clock()

            def syncs() -> list[int]:
                return [http.get("/warehouses/w/syncs").status_code for _ in range(3)]

            assert syncs() == [404, 404, 429]
            assert http.get("/warehouses/w/connected-sources/s/syncs").status_code == 404  # counted apart
            assert "X-RateLimit-Remaining" not in http.get("/sources").headers
            assert http.get("/events/volume").headers["X-RateLimit-Remaining"] == "59"
            sandbox.advance_clock(60)
            assert syncs() == [404, 404, 429]
            sandbox.reset()  # clears the counts, keeps the option
            sandbox.freeze_clock()
            assert syncs() == [404, 404, 429]

            assert http.delete("/_sandbox/published_limits").status_code == 200
            assert syncs() == [404, 404, 404]
            assert http.put("/_sandbox/published_limits").status_code == 200
            assert syncs() == [404, 404, 429]
