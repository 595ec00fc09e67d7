"""The schema of a space: the events, traits and entities that it knows, with their properties.

It is made of the last events that the sandbox received.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

from airflow_provider_segment.sandbox.collection import Handler
from airflow_provider_segment.sandbox.operations.spaces import space_of
from airflow_provider_segment.sandbox.public_api_errors import not_found
from airflow_provider_segment.sandbox.received_call import ReceivedCall
from airflow_provider_segment.sandbox.received_events import recent, sample
from airflow_provider_segment.sandbox.state import Item

SAMPLES = 10

# Entities come from a warehouse, which the sandbox does not have; it serves this one.
ENTITY: Item = {
    "id": "sandboxEntity0000000001",
    "entityName": "Account",
    "pathName": "accounts",
    "entitySlug": "account",
    "relationshipSlugs": ["account"],
    "childRelationshipSlugs": [],
    "parentRelationshipSlugPath": "",
}
ENTITY_PROPERTIES: dict[str, tuple[str, list[str]]] = {
    "account_id": ("STRING", ["a1", "a2"]),
    "plan": ("STRING", ["free", "team", "business"]),
    "seats": ("NUMBER", ["1", "25"]),
}

Found = tuple[list[Item], dict[str, list[str]]]  # what there is, and by name samples of its values


def described(
    call: ReceivedCall, key: str, items: Iterable[Item], samples: dict[str, list[str]], name: str
) -> Item:
    """A list as it was asked for: searched, sorted, with or without samples."""
    space_of(call)
    asked = call.valid_query(
        {"search": str, "sortBy": str, "sortDir": str, "includeSampleValues": bool, "samplesCount": int}
    )
    wanted = asked.get("search", "").lower()
    found = [item for item in items if wanted in item[name].lower()]
    if by := asked.get("sortBy"):
        fields = {field.lower(): field for item in found[:1] for field in item}
        found.sort(
            key=lambda item: str(item[fields.get(by.replace("_", "").lower(), name)]),
            reverse=asked.get("sortDir", "ASC").upper() == "DESC",
        )
    if asked.get("includeSampleValues"):
        most = asked.get("samplesCount", SAMPLES)
        found = [{**item, "samples": samples.get(item[name], [])[:most]} for item in found]
    return call.page(key, found)


def gather(call: ReceivedCall, name_it: Callable[[Item], Iterable[tuple[str, Any, Item]]]) -> Found:
    """Names with when they were last seen, and samples, from the events that were received."""
    items: dict[str, Item] = {}
    samples: dict[str, list[str]] = {}
    for event in recent(call.state.accepted):
        for name, value, about in name_it(event):
            items.setdefault(name, {**about, "lastSeenAt": event["receivedAt"]})
            known = samples.setdefault(name, [])
            if value is not None and sample(value) not in known and len(known) < SAMPLES:
                known.append(sample(value))
    return list(items.values()), samples


def event_name(event: Item) -> str:
    return str(event.get("event" if event["type"] == "track" else "name") or event["type"])


def list_events(call: ReceivedCall) -> Any:
    items, samples = gather(
        call,
        lambda event: [(event_name(event), None, {"name": event_name(event), "type": event["type"].upper()})],
    )
    return described(call, "events", items, samples, "name")


def properties_of(call: ReceivedCall, type: str | None = None) -> Found:
    wanted = call.params["eventName"]

    def name_them(event: Item) -> Iterable[tuple[str, Any, Item]]:
        if event_name(event) != wanted:
            return
        for kind, part in (("PROPERTY", "properties"), ("CONTEXT", "context")):
            if type in (None, kind):
                for name, value in (event.get(part) or {}).items():
                    yield name, value, {"name": name, "type": kind, "eventName": wanted}

    return gather(call, name_them)


def event_properties(call: ReceivedCall) -> Any:
    return described(call, "eventProperties", *properties_of(call), "name")


def event_samples(call: ReceivedCall) -> Any:
    space_of(call)
    types = {"propertyType": Literal["CONTEXT", "PROPERTY"]}
    _, samples = properties_of(call, call.valid_query(types, types)["propertyType"])
    return {"sampleValues": samples.get(call.params["propertyName"], [])}


def traits_of(call: ReceivedCall) -> Found:
    collection = call.valid_query({"collection": str}).get("collection", "users")
    wanted = "group" if collection == "accounts" else "identify"

    def name_them(event: Item) -> Iterable[tuple[str, Any, Item]]:
        if event["type"] == wanted:
            for name, value in (event.get("traits") or {}).items():
                yield name, value, {"trait": name, "type": "CUSTOM"}

    return gather(call, name_them)


def list_traits(call: ReceivedCall) -> Any:
    return forward_only(described(call, "traits", *traits_of(call), "trait"))


def trait_samples(call: ReceivedCall) -> Any:
    space_of(call)
    return {"sampleValues": traits_of(call)[1].get(call.params["traitKey"], [])}


def forward_only(page: Item) -> Item:
    page["pagination"].pop("previous", None)
    return page


def entity_paths(call: ReceivedCall) -> Any:
    return described(call, "entityPaths", [ENTITY], {}, "entityName")


def entity_of(call: ReceivedCall) -> None:
    space_of(call)
    if call.params["entitySlug"] != ENTITY["entitySlug"]:
        raise not_found("No such entity.")


def entity_properties(call: ReceivedCall) -> Any:
    entity_of(call)
    items = [
        {"name": name, "primaryKey": name == "account_id", "dataType": type}
        for name, (type, _) in ENTITY_PROPERTIES.items()
    ]
    samples = {name: values for name, (_, values) in ENTITY_PROPERTIES.items()}
    return forward_only(described(call, "entityProperties", items, samples, "name"))


def entity_samples(call: ReceivedCall) -> Any:
    entity_of(call)
    return {"sampleValues": ENTITY_PROPERTIES.get(call.params["propertyName"], ("", []))[1]}


SPACE = "/spaces/{spaceId}"
SPECIAL: dict[str, Handler] = {
    f"GET {SPACE}/events": list_events,
    f"GET {SPACE}/events/{{eventName}}/properties": event_properties,
    f"GET {SPACE}/events/{{eventName}}/properties/{{propertyName}}/sample-values": event_samples,
    f"GET {SPACE}/traits": list_traits,
    f"GET {SPACE}/traits/{{traitKey}}/sample-values": trait_samples,
    f"GET {SPACE}/entity-paths": entity_paths,
    f"GET {SPACE}/entities/{{entitySlug}}/properties": entity_properties,
    f"GET {SPACE}/entities/{{entitySlug}}/properties/{{propertyName}}/sample-values": entity_samples,
}
