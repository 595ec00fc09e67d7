"""The operations of the Public API, one module for each family of resources.

In a module, `RESOURCES` declares the regular: a new one costs a few lines. An operation with behaviour of
its own is a function in `SPECIAL`, under the same "METHOD /path" that the documentation prints. Where they
meet, the special one wins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from airflow_provider_segment.sandbox.call import Call, Item
from airflow_provider_segment.sandbox.resource import Handler, Resource
from airflow_provider_segment.sandbox.resources import (
    access,
    activations,
    audiences,
    audit_trail,
    catalog,
    destinations,
    functions,
    live_plugins,
    metrics,
    profiles_sync,
    regulations,
    reverse_etl,
    sources,
    space_schema,
    spaces,
    tracking_plans,
    usage,
    warehouses,
    workspace,
)

Collections = dict[str, dict[str, Item]]  # collection path -> id -> item

MODULES = (
    workspace,
    catalog,
    sources,
    destinations,
    warehouses,
    tracking_plans,
    access,
    functions,
    reverse_etl,
    regulations,
    spaces,
    space_schema,
    profiles_sync,
    audiences,
    activations,
    live_plugins,
    metrics,
    usage,
    audit_trail,
)

RESOURCES: tuple[Resource, ...] = tuple(
    resource for module in MODULES for resource in getattr(module, "RESOURCES", ())
)


def operations() -> dict[str, Handler]:
    """All operations, by "METHOD /path"."""
    plain: dict[str, Handler] = {}
    special: dict[str, Handler] = {}
    for resource in RESOURCES:
        plain |= replace(resource, removed=removal(resource)).handlers()
    for module in MODULES:
        special |= getattr(module, "SPECIAL", {})
    return plain | special


def removal(resource: Resource) -> Callable[[Call, Item], None]:
    """What a delete does first: its own, and then all that refers to the thing goes with it."""
    dependent = [
        (other.path, name)
        for other in RESOURCES
        for name, target in other.refers.items()
        if target == resource.path and "{" not in other.path
    ]

    def removed(call: Call, item: Item) -> None:
        resource.removed(call, item)
        for path, name in dependent:
            for id in [id for id, each in call.collection(path).items() if each.get(name) == item["id"]]:
                call.remove(f"{path}/{id}")
        call.subject = item

    return removed


def seed(source_id: str, write_key: str) -> Collections:
    """A new workspace: one source, one space, three users."""
    catalogs = catalog.new_catalogs()
    http_api = {
        "id": source_id,
        "slug": "sandbox",
        "enabled": True,
        "metadata": catalogs["/catalog/sources"]["iUM16Md8P2"],
        "writeKeys": [write_key],
    }
    return {
        **catalogs,
        "/sources": {source_id: sources.source(http_api)},
        "/spaces": {spaces.SPACE["id"]: dict(spaces.SPACE)},
        "/users": access.new_users(),
        "/roles": access.ROLES,
        **{path: {} for path in ("/warehouses", "/destinations", "/functions", "/groups", "/audit-events")},
    }
