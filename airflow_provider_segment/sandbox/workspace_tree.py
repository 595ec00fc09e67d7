"""What is in the workspace, as the sandbox's page shows it: no settings, which may hold secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from airflow_provider_segment.sandbox.state import Item, State

Kind = Literal[
    "source",
    "destination",
    "warehouse",
    "tracking-plan",
    "audience",
    "reverse-etl",
    "space",
    "computed-trait",
    "function",
    "user-group",
]

PATHS: dict[Kind, re.Pattern[str]] = {
    "source": re.compile("/sources"),
    "destination": re.compile("/destinations"),
    "warehouse": re.compile("/warehouses"),
    "tracking-plan": re.compile("/tracking-plans"),
    "audience": re.compile("/spaces/[^/]+/audiences"),
    "reverse-etl": re.compile("/reverse-etl-models"),
    "space": re.compile("/spaces"),
    "computed-trait": re.compile("/spaces/[^/]+/computed-traits"),
    "function": re.compile("/functions"),
    "user-group": re.compile("/groups"),
}
"""The collections of each kind."""

FACTS = (
    "slug",
    "key",
    "enabled",
    "writeKeys",
    "type",
    "resourceType",
    "description",
    "query",
    "queryIdentifierColumn",
    "sourceId",
    "createdAt",
    "updatedAt",
)
"""The fields that are shown, if something has them."""


class TreeSearch(msgspec.Struct, forbid_unknown_fields=True):
    """What is looked for; `text` is any part of a name or id. At most `limit` of each kind."""

    kind: Kind | None = None
    id: str = ""
    text: str = ""
    limit: Annotated[int, Meta(ge=0, le=10_000)] = 500


def tree(state: State, search: TreeSearch) -> list[dict[str, Any]]:
    """By kind: how many there are, and those that a search finds. What a single one, asked for by its id, is
    connected with is told, too: for all of them it would take too long."""
    kinds: list[Kind] = [search.kind] if search.kind else list(PATHS)
    groups = []
    for kind in kinds:
        collections = [path for path in list(state.collections) if PATHS[kind].fullmatch(path)]
        items = [(path, item) for path in collections for item in state.collections[path].values()]
        fitting = [(path, item) for path, item in items if fits(search, item)]
        listed = [shown(path, item) for path, item in fitting[: search.limit]]
        if search.id:
            for each, (_, item) in zip(listed, fitting, strict=False):
                each["links"] = [{"kind": other, "id": id} for other, id in links(state, kind, item)]
        groups.append({"kind": kind, "total": len(items), "found": len(fitting), "items": listed})
    return groups


def fits(search: TreeSearch, item: Item) -> bool:
    text = search.text.lower()
    return search.id in ("", item["id"]) and (
        not text or text in item["id"].lower() or text in name_of(item).lower()
    )


def name_of(item: Item) -> str:
    settings = item.get("settings")
    of_warehouse = settings.get("name") if isinstance(settings, dict) else None
    return str(item.get("name") or item.get("displayName") or of_warehouse or item.get("slug") or item["id"])


def shown(path: str, item: Item) -> dict[str, Any]:
    metadata = item.get("metadata")
    return {
        "id": item["id"],
        "name": name_of(item),
        "path": f"{path}/{item['id']}",
        "of": metadata.get("name") if isinstance(metadata, dict) else None,
        "facts": {name: item[name] for name in FACTS if item.get(name) is not None},
    }


def links(state: State, kind: Kind, item: Item) -> Iterator[tuple[Kind, str]]:
    """What it is connected with."""
    collections, id = state.collections, item["id"]

    def holders(holder: Kind, path: str, part: str) -> Iterator[tuple[Kind, str]]:
        for each in collections.get(path, {}):
            if id in collections.get(f"{path}/{each}/{part}", {}):
                yield holder, each

    def of_source(other: Kind, path: str) -> Iterator[tuple[Kind, str]]:
        for each in collections.get(path, {}).values():
            if each.get("sourceId") == id:
                yield other, each["id"]

    if "sourceId" in item:
        yield "source", item["sourceId"]
    if kind == "source":
        yield from of_source("destination", "/destinations")
        yield from of_source("reverse-etl", "/reverse-etl-models")
        yield from holders("warehouse", "/warehouses", "connected-sources")
        yield from holders("tracking-plan", "/tracking-plans", "sources")
    if kind == "warehouse":
        for source in collections.get(f"/warehouses/{id}/connected-sources", {}):
            yield "source", source
    if kind == "tracking-plan":
        for source in collections.get(f"/tracking-plans/{id}/sources", {}):
            yield "source", source
    if "spaceId" in item:
        yield "space", item["spaceId"]
