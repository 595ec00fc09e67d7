"""Spaces: their filters, schema and computed traits."""

from __future__ import annotations

from tests.public_api.scenario import EVENTS, Scenario, Step, ids


def test_spaces(go: Scenario) -> None:
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


def test_space_filters(go: Scenario) -> None:
    space = {"integration_id": go.sandbox.space_id}
    filters = [go("CreateFilterForSpace", name=f"F{number}", if_=EVENTS, **space) for number in range(12)]
    one = {"id": filters[0].id}
    assert go("GetFilterById", **one).value == filters[0].value
    listed = go.lists("ListFiltersForSpace", 12, **space)
    assert ids(listed) == [step.value["id"] for step in filters]
    assert go("UpdateFilterById", **one, **space, name="New", drop=True).value["drop"] is True
    go.deletes("DeleteFilterById", True, **one)
    go.gone("GetFilterById", **one)


def test_space_schema(go: Scenario) -> None:
    go.events()
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


def test_computed_traits(go: Scenario) -> None:
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
