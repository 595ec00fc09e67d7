"""Audiences, their schedules, and where they are sent."""

from __future__ import annotations

from airflow_provider_segment.errors import SegmentConflictError
from tests.public_api.scenario import AMPLITUDE, Scenario, Step, ids


def test_audiences(go: Scenario) -> None:
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


def test_linked_audiences(go: Scenario) -> None:
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


def test_activations(go: Scenario) -> None:
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
