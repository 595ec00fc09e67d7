"""Sources, their write keys, labels, settings and connections; and the labels of the workspace."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import quote

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.sandbox.collection import Collection, Handler
from airflow_provider_segment.sandbox.operations.catalog import mask_settings, masked, metadata
from airflow_provider_segment.sandbox.operations.workspace import WORKSPACE
from airflow_provider_segment.sandbox.public_api_errors import PublicApiError, not_found, taken
from airflow_provider_segment.sandbox.received_call import ReceivedCall, merged
from airflow_provider_segment.sandbox.state import Item


def complete_source(call: ReceivedCall, item: Item) -> None:
    alone = item.pop("disconnectAllWarehouses", False)
    item["metadata"] = metadata(call, "sources", item.pop("metadataId"))
    item |= source(item)
    if not alone:  # by default Segment connects a new source to all warehouses
        for warehouse in call.collection("/warehouses"):
            connect(call, warehouse, item["id"])


def source(item: Item) -> Item:
    """A new source: the given fields, and those that Segment adds."""
    return {
        "name": item["slug"],
        "workspaceId": WORKSPACE["id"],
        "writeKeys": [new_write_key()],
        "labels": [],
        **item,
        "settings": masked(item.get("settings", {})),
    }


def disconnect_source(call: ReceivedCall, item: Item) -> None:
    """Remove it from the warehouses and tracking plans that it is connected to."""
    for path, collection in call.state.collections.items():
        if path.startswith(("/warehouses/", "/tracking-plans/")):
            collection.pop(item["id"], None)


def connect(call: ReceivedCall, warehouse_id: str, source_id: str) -> None:
    connected = call.collection(f"/warehouses/{warehouse_id}/connected-sources")
    connected.setdefault(source_id, {"since": call.state.clock.now()})


def source_of(call: ReceivedCall) -> Item:
    return call.item(f"/sources/{call.params['sourceId']}")


def get_source(call: ReceivedCall) -> Any:
    item = call.item(call.path)
    return {"source": item, "trackingPlanId": plan_of(call, item["id"])}


def plan_of(call: ReceivedCall, source_id: str) -> str | None:
    """The id of the tracking plan that a source is connected to."""
    plans = call.collection("/tracking-plans")
    return next((id for id in plans if source_id in call.collection(f"/tracking-plans/{id}/sources")), None)


# --- write keys ------------------------------------------------------------------------------------------


def new_write_key() -> str:
    return secrets.token_hex(16)


def create_write_key(call: ReceivedCall) -> Any:
    item = source_of(call)
    item["writeKeys"] = [*item["writeKeys"], new_write_key()]
    return {"source": item}


def remove_write_key(call: ReceivedCall) -> Any:
    item = source_of(call)
    key = call.params["writeKey"]
    if key not in item["writeKeys"]:
        raise not_found("No such write key.")
    item["writeKeys"] = [each for each in item["writeKeys"] if each != key]
    return {"status": "SUCCESS"}


# --- connections -----------------------------------------------------------------------------------------


def connected_destinations(call: ReceivedCall) -> Any:
    id = source_of(call)["id"]
    destinations = call.collection("/destinations").values()
    return call.page("destinations", [each for each in destinations if each["sourceId"] == id])


def connected_warehouses(call: ReceivedCall) -> Any:
    id = source_of(call)["id"]
    warehouses = call.collection("/warehouses").values()
    paths = "/warehouses/{}/connected-sources"
    return call.page(
        "warehouses", [each for each in warehouses if id in call.collection(paths.format(each["id"]))]
    )


# --- schema settings -------------------------------------------------------------------------------------


class TrackSettings(TypedDict, total=False):
    allowUnplannedEvents: bool | None
    allowUnplannedEventProperties: bool | None
    allowEventOnViolations: bool | None
    allowPropertiesOnViolations: bool | None
    commonEventOnViolations: Literal["ALLOW", "BLOCK", "OMIT_PROPERTIES"] | None


class TraitSettings(TypedDict, total=False):
    allowUnplannedTraits: bool | None
    allowTraitsOnViolations: bool | None
    commonEventOnViolations: Literal["ALLOW", "BLOCK", "OMIT_TRAITS"] | None


SETTINGS = {
    "track": TrackSettings,
    "identify": TraitSettings,
    "group": TraitSettings,
    "forwardingViolationsTo": str,
    "forwardingBlockedEventsTo": str,
}
TRAITS = {"allowUnplannedTraits": True, "allowTraitsOnViolations": True, "commonEventOnViolations": "ALLOW"}
DEFAULT_SETTINGS: Item = {
    "track": {
        "allowUnplannedEvents": True,
        "allowUnplannedEventProperties": True,
        "allowEventOnViolations": True,
        "allowPropertiesOnViolations": True,
        "commonEventOnViolations": "ALLOW",
    },
    "identify": TRAITS,
    "group": TRAITS,
}


def schema_settings(call: ReceivedCall) -> Any:
    settings = call.single(call.path, dict(DEFAULT_SETTINGS))
    given = call.valid_body(SETTINGS)
    if (on_violations := list(settings_on_violations(given))) and not plan_of(call, call.params["sourceId"]):
        fields = ", ".join(f"'{field}'" for field in on_violations)
        raise PublicApiError(
            400,
            "bad-request",
            f"Source is not connected to a tracking plan: fields {fields} cannot be updated",
        )
    for name, value in given.items():
        settings[name] = merged(settings[name], value) if isinstance(value, dict) else value
    return {"sourceId": call.params["sourceId"], "settings": settings}


def settings_on_violations(given: Item) -> Iterator[str]:
    """The settings that say what happens to violations, of which there are none without a plan."""
    for name, value in given.items():
        members = [f"{name}.{member}" for member in value] if isinstance(value, dict) else [name]
        yield from (member for member in members if "Violations" in member)


# --- labels ----------------------------------------------------------------------------------------------


class Label(TypedDict):
    key: str
    value: str
    description: NotRequired[str | None]


def label_id(label: Item) -> str:
    """Its key in the collection, which is its part of the path."""
    return f"{quote(label['key'], safe='')}/{quote(label['value'], safe='')}"


def create_label(call: ReceivedCall) -> Any:
    label = call.valid_body({"label": Label}, ("label",))["label"]
    labels = call.collection("/labels")
    if label_id(label) in labels:
        raise taken("This label exists.", "label")
    labels[label_id(label)] = call.subject = label
    call.status = 201
    return {"label": label}


def list_labels(call: ReceivedCall) -> Any:
    return {"labels": list(call.collection("/labels").values())}


def delete_label(call: ReceivedCall) -> Any:
    label = call.collection("/labels").pop(label_id(call.params), None)
    if label is None:
        raise not_found("No such label.")
    call.subject = label
    for source in call.collection("/sources").values():
        source["labels"] = [each for each in source["labels"] if label_id(each) != label_id(label)]
    return {"status": "SUCCESS"}


def put_labels(call: ReceivedCall, kept: list[Item]) -> Any:
    known = call.collection("/labels")
    labels = {label_id(label): label for label in kept}
    for label in call.valid_body({"labels": list[Label]}, ("labels",))["labels"]:
        id = label_id(label)
        if id not in known:
            raise not_found(f"The workspace has no label {label['key']}:{label['value']}.")
        labels[id] = known[id]
    source_of(call)["labels"] = list(labels.values())
    return {"labels": list(labels.values())}


COLLECTIONS = (
    Collection(
        path="/sources",
        many="sources",
        one="source",
        fields={
            "slug": str,
            "name": str,
            "enabled": bool,
            "metadataId": str,
            "settings": dict,
            "disconnectAllWarehouses": bool,
        },
        required=("slug", "enabled", "metadataId"),
        updates=("name", "enabled", "slug", "settings"),
        unique="slug",
        created=201,
        complete=complete_source,
        changed=mask_settings,
        removed=disconnect_source,
    ),
)

SPECIAL: dict[str, Handler] = {
    "GET /sources/{sourceId}": get_source,
    "POST /sources/{sourceId}/writekey": create_write_key,
    "DELETE /sources/{sourceId}/writekey/{writeKey}": remove_write_key,
    "GET /sources/{sourceId}/connected-destinations": connected_destinations,
    "GET /sources/{sourceId}/connected-warehouses": connected_warehouses,
    "GET /sources/{sourceId}/settings": schema_settings,
    "PATCH /sources/{sourceId}/settings": schema_settings,
    "POST /sources/{sourceId}/labels": lambda call: put_labels(call, source_of(call)["labels"]),
    "PUT /sources/{sourceId}/labels": lambda call: put_labels(call, []),
    "POST /labels": create_label,
    "GET /labels": list_labels,
    "DELETE /labels/{key}/{value}": delete_label,
}
