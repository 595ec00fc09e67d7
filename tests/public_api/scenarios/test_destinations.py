"""Destinations, their subscriptions and filters."""

from __future__ import annotations

import pytest

from tests.public_api.scenario import AMPLITUDE, Scenario, Step

core = pytest.mark.core


@core
def test_destinations(go: Scenario) -> None:
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


def test_destination_filters(go: Scenario) -> None:
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
