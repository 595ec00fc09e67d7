"""The catalogs of sources, destinations and warehouses; and how settings are shown."""

from __future__ import annotations

import re

from airflow_provider_segment.sandbox.collection import Collection
from airflow_provider_segment.sandbox.operations.catalog_entries import DESTINATIONS, SOURCES, WAREHOUSES
from airflow_provider_segment.sandbox.received_call import ReceivedCall
from airflow_provider_segment.sandbox.state import Item

# Settings that hold credentials are shown masked.
SECRET = re.compile(r"password|secret|token|api_?key|private_?key|ciphertext|access_?key", re.IGNORECASE)
MASK = "•" * 8


def mask_settings(call: ReceivedCall, item: Item) -> None:
    item["settings"] = masked(item["settings"])


def masked(settings: Item) -> Item:
    """Settings as Segment shows them."""
    return {
        name: MASK if isinstance(value, str) and value and SECRET.search(name) else value
        for name, value in settings.items()
    }


def metadata(call: ReceivedCall, kind: str, id: str) -> Item:
    return call.get(f"/catalog/{kind}", id)


COLLECTIONS = tuple(
    Collection(
        path=f"/catalog/{kind}s", many=f"{kind}sCatalog", one=f"{kind}Metadata", operations=("list", "get")
    )
    for kind in ("source", "destination", "warehouse")
)


def new_catalogs() -> dict[str, dict[str, Item]]:
    """The catalogs of a new workspace; its own functions will be added to them."""
    kinds = {"sources": SOURCES, "destinations": DESTINATIONS, "warehouses": WAREHOUSES}
    return {f"/catalog/{kind}": {each["id"]: each for each in entries} for kind, entries in kinds.items()}
