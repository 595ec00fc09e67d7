"""A scenario per resource of the sandbox, over HTTP: create, read, list in pages, update, delete, gone."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tests.harness.sandbox_api import REDSHIFT, WEBHOOKS, Api


class ResourceScenario(NamedTuple):
    path: str
    one: str
    many: str
    body: dict[str, Any]  # {n} is the number of the item
    change: dict[str, Any]
    changed: dict[str, Any] | None = None  # the changed fields, if not the same
    created: int = 200
    deleted: Any = {"status": "SUCCESS"}
    singular: str = ""  # the name in a read, if it differs
    query: dict[str, str] = {}  # of the list


SCENARIOS = {
    "sources": ResourceScenario(
        "/sources",
        "source",
        "sources",
        {"slug": "s{n}", "enabled": True, "metadataId": "IqDTy1TpoU", "settings": {"a": 1, "b": 2}},
        {"name": "Shop", "enabled": False, "settings": {"a": None, "c": 3}},
        {"name": "Shop", "enabled": False, "settings": {"b": 2, "c": 3}},
        created=201,
    ),
    "destinations": ResourceScenario(
        "/destinations",
        "destination",
        "destinations",
        {"sourceId": "{source}", "metadataId": WEBHOOKS, "name": "d{n}", "settings": {"apiKey": "sesame"}},
        {"name": "New", "enabled": False, "settings": {"other": 1}},
        {"name": "New", "enabled": False, "settings": {"apiKey": "•" * 8, "other": 1}},
    ),
    "subscriptions": ResourceScenario(
        "/destinations/{destination}/subscriptions",
        "destinationSubscription",
        "subscriptions",
        {"name": "m{n}", "actionId": "{action}", "trigger": 'type = "track"', "enabled": True},
        {"input": {"name": "New", "reverseETLSchedule": {"strategy": "MANUAL"}}},
        {"name": "New", "reverseETLSchedule": {"strategy": "MANUAL"}},
        singular="subscription",
    ),
    "destination filters": ResourceScenario(
        "/destination/{destination}/filters",
        "filter",
        "filters",
        {
            "sourceId": "{source}",
            "if": 'type = "page"',
            "actions": [{"type": "DROP"}],
            "title": "f{n}",
            "enabled": True,
        },
        {"title": "New", "if": 'type = "screen"'},
    ),
    "warehouses": ResourceScenario(
        "/warehouses",
        "warehouse",
        "warehouses",
        {"metadataId": REDSHIFT, "name": "w{n}", "settings": {"hostname": "h", "password": "sesame"}},
        {"enabled": False, "name": "New", "settings": {"port": "5439"}},
        {"enabled": False, "settings": {"hostname": "h", "port": "5439", "name": "New"}},
        created=201,
    ),
    "credentials": ResourceScenario(
        "/credentials",
        "credential",
        "credentials",
        {"name": "c{n}", "settings": {"token": "sesame", "user": "u"}},
        {"name": "New"},
        {"name": "New", "settings": {"token": "•" * 8, "user": "u"}},
        created=201,
    ),
    "transformations": ResourceScenario(
        "/transformations",
        "transformation",
        "transformations",
        {"name": "t{n}", "sourceId": "{source}", "enabled": True, "if": 'event = "X"', "newEventName": "Y"},
        {"enabled": False, "newEventName": "Z"},
    ),
    "groups": ResourceScenario(
        "/groups",
        "userGroup",
        "userGroups",
        {"name": "g{n}"},
        {"name": "New"},
    ),
    "reverse etl models": ResourceScenario(
        "/reverse-etl-models",
        "reverseEtlModel",
        "models",
        {
            "sourceId": "{source}",
            "name": "m{n}",
            "description": "",
            "enabled": True,
            "query": "SELECT 1",
            "queryIdentifierColumn": "id",
        },
        {"query": "SELECT 2", "enabled": False},
        created=201,
    ),
    "insert function instances": ResourceScenario(
        "/insert-function-instances",
        "insertFunctionInstance",
        "instances",
        {"functionId": "ifnd_{function}", "integrationId": "{destination}", "name": "i{n}", "settings": {}},
        {"settings": {"a": 1}, "enabled": True},
        query={"functionId": "{function}"},
    ),
    "space filters": ResourceScenario(
        "/filters",
        "filter",
        "filters",
        {"integrationId": "{space}", "name": "f{n}", "if": 'type = "track"', "drop": True},
        {"integrationId": "{space}", "name": "New", "enabled": True},
        deleted={"deleted": True},
        query={"integrationId": "{space}"},
    ),
    "audiences": ResourceScenario(
        "/spaces/{space}/audiences",
        "audience",
        "audiences",
        {"name": "a{n}", "definition": {"query": "event('X')"}, "audienceType": "USERS"},
        {"name": "New", "enabled": False, "definition": {"query": "event('Y')"}},
        {"name": "New", "enabled": False, "definition": {"query": "event('Y')"}, "status": "Disabled"},
    ),
    "computed traits": ResourceScenario(
        "/spaces/{space}/computed-traits",
        "computedTrait",
        "computedTraits",
        {"name": "t{n}", "definition": {"type": "USERS", "query": "count(event('X'))"}},
        {"description": "New"},
    ),
}


def filled(value: Any, names: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: filled(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, names) for each in value]
    if not isinstance(value, str):
        return value
    for name, text in names.items():
        value = value.replace("{" + name + "}", str(text))
    return value


# Fields that change by themselves.
MOVING = ("updatedAt", "status", "computeCadence", "size", "options")


def still(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in MOVING}


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str, api: Api, parents: dict[str, str]) -> None:
    scenario = SCENARIOS[name]
    path, query = filled(scenario.path, parents), filled(scenario.query, parents)
    before = len(api("GET", path, **query)[scenario.many])

    created = [
        api("POST", path, filled(scenario.body, parents | {"n": n}), status=scenario.created)[scenario.one]
        for n in range(5)
    ]
    assert len({item["id"] for item in created}) == 5
    first = created[0]
    one, key = f"{path}/{first['id']}", scenario.singular or scenario.one

    assert still(api("GET", one)[key]) == still(first)

    pages = api.pages(path, scenario.many, 2, **query)
    listed = [item for page in pages for item in page]
    assert [still(item) for item in listed[before:]] == [still(item) for item in created]
    assert {len(page) for page in pages[:-1]} == {2}
    assert api("GET", path, **query)["pagination"]["totalEntries"] == before + 5

    changed = api("PATCH", one, filled(scenario.change, parents))[key]
    expected = filled(scenario.changed or scenario.change, parents)
    assert still(changed) == still(first | expected)
    assert {name: changed[name] for name in expected} == expected
    assert still(api("GET", one)[key]) == still(changed)

    assert api("DELETE", one) == scenario.deleted
    for method, body in (("GET", None), ("PATCH", scenario.change), ("DELETE", None)):
        answer = api(method, one, body, status=404)
        assert answer["errors"][0]["type"] == "NotFound"
    assert len(api("GET", path, **query)[scenario.many]) == before + 4
    assert "sesame" not in api.http.get(path, params=query).text
