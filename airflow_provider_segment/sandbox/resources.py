"""The resources of the Public API, declared, and the few operations that are not plain create, read, update
and delete.

A new resource is one `Resource`; an operation with behaviour of its own is a function in `SPECIAL`, under the
same "METHOD /path" that the documentation prints. Where they meet, the special one wins.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_segment.sandbox.call import Call, Item, Refused

Collections = dict[str, dict[str, Item]]  # collection path -> id -> item
Handler = Callable[[Call], Any]  # returns what stands under `data`

WORKSPACE: Item = {"id": "sandboxWorkspace00001", "slug": "sandbox", "name": "Sandbox"}


@dataclass(frozen=True)
class Resource:
    """A collection of things under one path, with the usual operations."""

    path: str
    many: str  # its key under `data` in a list
    one: str  # its key under `data` alone
    fields: Mapping[str, type] = field(default_factory=dict)  # what create takes
    required: tuple[str, ...] = ()  # of these, what it must have
    updates: Mapping[str, type] = field(default_factory=dict)  # what update takes
    created: int = 200  # status of a create
    writable: bool = True
    complete: Callable[[Call, Item], None] = lambda call, item: None  # adds to a new item what Segment adds

    def operations(self) -> dict[str, Handler]:
        item_path = f"{self.path}/{{{self.one}Id}}"
        reads: dict[str, Handler] = {f"GET {self.path}": self.list, f"GET {item_path}": self.get}
        writes: dict[str, Handler] = {
            f"POST {self.path}": self.create,
            f"PATCH {item_path}": self.update,
            f"DELETE {item_path}": self.delete,
        }
        return reads | writes if self.writable else reads

    def list(self, call: Call) -> Any:
        return call.page(self.many, list(call.collection(call.path).values()))

    def get(self, call: Call) -> Any:
        return {self.one: call.item(call.path)}

    def create(self, call: Call) -> Any:
        item = {"id": new_id(), **call.valid_body(self.fields, self.required)}
        self.complete(call, item)
        call.collection(call.path)[item["id"]] = item
        call.status = self.created
        return {self.one: item}

    def update(self, call: Call) -> Any:
        item = call.item(call.path)
        for name, value in call.valid_body(self.updates).items():
            # Settings are merged, and null unsets one; all else is replaced.
            item[name] = merged(item.get(name), value) if name == "settings" else value
        return {self.one: item}

    def delete(self, call: Call) -> Any:
        call.remove(call.path)
        return {"status": "SUCCESS"}


def merged(old: Item | None, changes: Item | None) -> Item:
    return {name: value for name, value in {**(old or {}), **(changes or {})}.items() if value is not None}


def new_id() -> str:
    return secrets.token_hex(11)


# --- sources ---------------------------------------------------------------------------------------------


def complete_source(call: Call, item: Item) -> None:
    if any(source["slug"] == item["slug"] for source in call.collection("/sources").values()):
        raise Refused(400, "bad-request", f"A source with the slug {item['slug']} exists.", field="slug")
    item.pop("disconnectAllWarehouses", None)
    item.update(source(item["id"], item["slug"], new_write_key(), metadata_id=item.pop("metadataId")) | item)


def source(id: str, slug: str, write_key: str, metadata_id: str = "sandboxHttpApi") -> Item:
    return {
        "id": id,
        "slug": slug,
        "name": slug,
        "workspaceId": WORKSPACE["id"],
        "enabled": True,
        "writeKeys": [write_key],
        "metadata": {
            "id": metadata_id,
            "slug": metadata_id.lower(),
            "name": metadata_id,
            "description": "",
            "logos": {"default": ""},
            "options": [],
            "categories": [],
            "isCloudEventSource": False,
            "status": "PUBLIC",
        },
        "settings": {},
        "labels": [],
    }


def new_write_key() -> str:
    return secrets.token_hex(16)


def get_source(call: Call) -> Any:
    return {"source": call.item(call.path), "trackingPlanId": None}


def create_write_key(call: Call) -> Any:
    item = call.item(f"/sources/{call.params['sourceId']}")
    item["writeKeys"] = [*item["writeKeys"], new_write_key()]
    return {"source": item}


def remove_write_key(call: Call) -> Any:
    item = call.item(f"/sources/{call.params['sourceId']}")
    key = call.params["writeKey"]
    if key not in item["writeKeys"]:
        raise Refused(404, "NotFound", "No such write key.")
    item["writeKeys"] = [each for each in item["writeKeys"] if each != key]
    return {"status": "SUCCESS"}


RESOURCES = (
    Resource(
        "/sources",
        many="sources",
        one="source",
        fields={
            "slug": str,
            "enabled": bool,
            "metadataId": str,
            "settings": dict,
            "disconnectAllWarehouses": bool,
        },
        required=("slug", "enabled", "metadataId"),
        updates={"name": str, "enabled": bool, "slug": str, "settings": dict},
        created=201,
        complete=complete_source,
    ),
    Resource("/spaces", many="spaces", one="space", writable=False),
)

SPECIAL: dict[str, Handler] = {
    "GET /": lambda call: {"workspace": WORKSPACE},
    "GET /sources/{sourceId}": get_source,
    "POST /sources/{sourceId}/writekey": create_write_key,
    "DELETE /sources/{sourceId}/writekey/{writeKey}": remove_write_key,
}


def operations() -> dict[str, Handler]:
    """All operations, by "METHOD /path"."""
    plain: dict[str, Handler] = {}
    for resource in RESOURCES:
        plain |= resource.operations()
    return plain | SPECIAL


def seed(source_id: str, write_key: str) -> Collections:
    """A new workspace: one source."""
    return {"/sources": {source_id: source(source_id, "sandbox", write_key)}}
