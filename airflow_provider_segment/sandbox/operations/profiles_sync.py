"""Profiles Sync: the warehouses that a space's profiles are loaded into."""

from __future__ import annotations

from typing import Any

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.sandbox.collection import Collection, Handler
from airflow_provider_segment.sandbox.operations.catalog import metadata
from airflow_provider_segment.sandbox.operations.warehouses import name_and_hide
from airflow_provider_segment.sandbox.operations.workspace import WORKSPACE
from airflow_provider_segment.sandbox.public_api_errors import taken
from airflow_provider_segment.sandbox.received_call import ReceivedCall
from airflow_provider_segment.sandbox.state import Item

TABLES: dict[str, tuple[str, ...]] = {
    "user_traits": ("user_id", "name", "value", "timestamp"),
    "user_identifiers": ("user_id", "type", "value", "timestamp"),
    "id_graph_updates": ("user_id", "segment_id", "canonical_segment_id", "timestamp"),
    "external_id_mapping_updates": ("external_id_type", "external_id_value", "segment_id", "timestamp"),
}


def complete(call: ReceivedCall, item: Item) -> None:
    space = call.item(f"/spaces/{call.params['spaceId']}")
    item["spaceId"] = space["id"]
    item.setdefault("schemaName", space["slug"])
    item["workspaceId"] = WORKSPACE["id"]
    item["metadata"] = metadata(call, "warehouses", item.pop("metadataId"))
    item["settings"] = dict(item["settings"])
    name_and_hide(call, item)


def update(call: ReceivedCall) -> Any:
    """A schema of the name must not exist: that of the warehouse itself does, once it was synced."""
    before = call.item(call.path)["schemaName"]
    if call.valid_body(FIELDS, ("settings",)).get("schemaName") == before:
        raise taken(f"The warehouse has a schema {before} already.", "schemaName")
    return PROFILES_WAREHOUSES.update(call)


def overrides_of(call: ReceivedCall) -> Item:
    warehouse = call.item(call.path.rpartition("/")[0])
    path = f"/spaces/{warehouse['spaceId']}/profiles-warehouses/{warehouse['id']}/selective-syncs"
    return call.single(path, {"": False})  # under no name: whether there are tables of events


def selective_syncs(call: ReceivedCall) -> Any:
    overrides = overrides_of(call)
    items = []
    for collection, properties in TABLES.items():
        enabled = overrides.get(collection, True)
        items.append(
            {
                "collection": collection,
                "warehouseId": call.params["warehouseId"],
                "enabled": enabled,
                "properties": {name: overrides.get(f"{collection}/{name}", enabled) for name in properties},
            }
        )
    return {**call.page("items", items), "enableEventTables": overrides[""]}


class ProfilesSyncOverride(TypedDict):
    collection: str
    enabled: bool
    property: NotRequired[str | None]


def update_selective_sync(call: ReceivedCall) -> Any:
    overrides = overrides_of(call)
    before = dict(overrides)
    given = call.valid_body({"syncOverrides": list[ProfilesSyncOverride], "enableEventTables": bool})
    for change in given.get("syncOverrides", []):
        place = (change["collection"], change.get("property"))
        overrides["/".join(part for part in place if part)] = change["enabled"]
    overrides[""] = given.get("enableEventTables", overrides[""])
    return {"status": "UNCHANGED" if overrides == before else "UPDATED"}


FIELDS = {"metadataId": str, "name": str, "enabled": bool, "settings": dict, "schemaName": str}
WAREHOUSES = "/spaces/{spaceId}/profiles-warehouses"

PROFILES_WAREHOUSES = Collection(
    path=WAREHOUSES,
    many="profilesWarehouses",
    one="profilesWarehouse",
    id="warehouseId",
    operations=("list", "create", "update", "delete"),
    fields=FIELDS,
    required=("metadataId", "settings"),
    updates=("name", "enabled", "settings", "schemaName"),
    required_by_update=("settings",),
    defaults={"enabled": True},
    created=201,
    complete=complete,
    changed=name_and_hide,
)

COLLECTIONS = (PROFILES_WAREHOUSES,)

SPECIAL: dict[str, Handler] = {
    f"PATCH {WAREHOUSES}/{{warehouseId}}": update,
    f"GET {WAREHOUSES}/{{warehouseId}}/selective-syncs": selective_syncs,
    f"PATCH {WAREHOUSES}/{{warehouseId}}/selective-syncs": update_selective_sync,
}
