"""Destinations, their subscriptions (mappings) and filters, and transformations."""

from __future__ import annotations

import copy
from typing import Any, Literal

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.sandbox import fql
from airflow_provider_segment.sandbox.collection import Collection, Handler
from airflow_provider_segment.sandbox.operations.catalog import mask_settings, metadata
from airflow_provider_segment.sandbox.operations.workspace import WORKSPACE
from airflow_provider_segment.sandbox.public_api_errors import PublicApiError, invalid, not_found
from airflow_provider_segment.sandbox.received_call import ReceivedCall
from airflow_provider_segment.sandbox.state import Item

# --- destinations ----------------------------------------------------------------------------------------


def complete_destination(call: ReceivedCall, item: Item) -> None:
    entry = item["metadata"] = metadata(call, "destinations", item.pop("metadataId"))
    siblings = [
        each
        for each in call.collection("/destinations").values()
        if (each["sourceId"], each["metadata"]["id"]) == (item["sourceId"], entry["id"])
    ]
    if siblings and entry["supportedFeatures"]["cloudModeInstances"] == "SINGLE":
        raise PublicApiError(
            400, "bad-request", "Multiple configurations of this destination type not supported."
        )
    item.setdefault("name", entry["name"])
    mask_settings(call, item)


def refuse_if_activated(call: ReceivedCall, item: Item) -> None:
    connections = [
        each for each in call.items("/destination-connections") if each["destinationId"] == item["id"]
    ]
    ids = {connection["id"] for connection in connections}
    if any(activation["connectionId"] in ids for activation in call.items("/activations")):
        raise PublicApiError(409, "Conflict", "The destination has activations.")


# --- subscriptions ---------------------------------------------------------------------------------------


class Schedule(TypedDict):
    strategy: Literal["CRON", "DBT_CLOUD", "MANUAL", "PERIODIC", "SPECIFIC_DAYS"]
    config: NotRequired[dict[str, Any] | None]


def complete_subscription(call: ReceivedCall, item: Item) -> None:
    destination = call.item(call.path.removesuffix("/subscriptions"))
    actions = {action["id"]: action["slug"] for action in destination["metadata"]["actions"]}
    if item["actionId"] not in actions:
        known = ", ".join(f"{id} ({slug})" for id, slug in actions.items())
        raise not_found(f"{destination['metadata']['name']} has no such action. It has: {known or 'none'}.")
    item["actionSlug"] = actions[item["actionId"]]
    item["destinationId"] = destination["id"]


def create_subscription(call: ReceivedCall) -> Any:
    return {"destinationSubscription": SUBSCRIPTIONS.create(call)["subscription"]}


def update_subscription(call: ReceivedCall) -> Any:
    """The body's fields are under `input`, where one has another name."""
    changes = dict(call.valid_body({"input": dict}, ("input",))["input"])
    if "reverseETLModelId" in changes:
        changes["modelId"] = changes.pop("reverseETLModelId")
    call.body = changes
    return SUBSCRIPTIONS.update(call)


SUBSCRIPTIONS = Collection(
    path="/destinations/{destinationId}/subscriptions",
    many="subscriptions",
    one="subscription",
    id="id",
    fields={
        "name": str,
        "actionId": str,
        "trigger": str,
        "enabled": bool,
        "settings": dict,
        "modelId": str,
        "reverseETLSchedule": Schedule,
    },
    required=("name", "actionId", "trigger", "enabled"),
    updates=("name", "trigger", "enabled", "settings", "modelId", "reverseETLSchedule"),
    defaults={"settings": {}},
    refers={"modelId": "/reverse-etl-models"},
    complete=complete_subscription,
)

# --- filters ---------------------------------------------------------------------------------------------


class Action(TypedDict):
    type: Literal["ALLOW_PROPERTIES", "DROP", "DROP_PROPERTIES", "SAMPLE"]
    fields: NotRequired[dict[str, Any] | None]
    percent: NotRequired[float | None]
    path: NotRequired[str | None]


Filter = TypedDict("Filter", {"if": str, "actions": list[Action]})


def complete_filter(call: ReceivedCall, item: Item) -> None:
    item["destinationId"] = call.item(call.path.removesuffix("/filters"))["id"]


def preview_filter(call: ReceivedCall) -> Any:
    asked = call.valid_body({"filter": Filter, "payload": dict}, ("filter", "payload"))
    try:
        result = filtered(asked["filter"], asked["payload"])
    except ValueError as failure:
        raise invalid(str(failure), "filter") from None
    return {"inputPayload": asked["payload"], "result": result}


def filtered(filter: Item, event: Item) -> Item | None:
    """The event after the filter; None if it was dropped."""
    if not fql.matches(filter["if"], event):
        return event
    event = copy.deepcopy(event)
    for action in filter["actions"]:
        if action["type"] == "DROP" or (action["type"] == "SAMPLE" and not action.get("percent")):
            return None
        for path, names in (action.get("fields") or {}).items():
            part = event.get(path)
            if isinstance(part, dict):
                keep = action["type"] == "ALLOW_PROPERTIES"
                named = names["fields"] if isinstance(names, dict) and "fields" in names else names
                event[path] = {name: value for name, value in part.items() if (name in named) == keep}
    return event


# --- transformations -------------------------------------------------------------------------------------


class Rename(TypedDict):
    oldName: str
    newName: str


class ValueTransformation(TypedDict):
    propertyPaths: list[str]
    propertyValue: str


class FqlProperty(TypedDict):
    fql: str
    propertyName: str


class Hash(TypedDict):
    algorithm: str
    key: NotRequired[str | None]
    encoding: NotRequired[Literal["BASE16", "BASE64", "BASE64URL", "HEX"] | None]
    paths: list[str]


TRANSFORMATION = {
    "name": str,
    "sourceId": str,
    "destinationMetadataId": str,
    "enabled": bool,
    "if": str,
    "drop": bool,
    "newEventName": str,
    "propertyRenames": list[Rename],
    "propertyValueTransformations": list[ValueTransformation],
    "fqlDefinedProperties": list[FqlProperty],
    "allowProperties": list[str],
    "hashPropertiesConfiguration": Hash,
}


COLLECTIONS = (
    Collection(
        path="/destinations",
        many="destinations",
        one="destination",
        fields={"sourceId": str, "metadataId": str, "enabled": bool, "name": str, "settings": dict},
        required=("sourceId", "metadataId", "settings"),
        updates=("name", "enabled", "settings"),
        defaults={"enabled": True},
        refers={"sourceId": "/sources"},
        complete=complete_destination,
        changed=mask_settings,
        removed=refuse_if_activated,
    ),
    SUBSCRIPTIONS,
    Collection(
        path="/destination/{destinationId}/filters",
        many="filters",
        one="filter",
        fields={
            "sourceId": str,
            "if": str,
            "actions": list[Action],
            "title": str,
            "description": str,
            "enabled": bool,
        },
        required=("sourceId", "if", "actions", "title", "enabled"),
        updates=("if", "actions", "title", "description", "enabled"),
        refers={"sourceId": "/sources"},
        stamped=True,
        complete=complete_filter,
    ),
    Collection(
        path="/transformations",
        many="transformations",
        one="transformation",
        fields=TRANSFORMATION,
        required=("name", "sourceId", "enabled", "if"),
        updates=tuple(TRANSFORMATION),
        refers={"sourceId": "/sources", "destinationMetadataId": "/catalog/destinations"},
        defaults={"workspaceId": WORKSPACE["id"]},
    ),
)

SPECIAL: dict[str, Handler] = {
    "POST /destinations/{destinationId}/subscriptions": create_subscription,
    "PATCH /destinations/{destinationId}/subscriptions/{id}": update_subscription,
    "POST /destination/filters/preview": preview_filter,
}
