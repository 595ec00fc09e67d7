"""The handlers of all operations of the Public API, collected from the modules of `operations`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules

from airflow_provider_segment.sandbox import operations
from airflow_provider_segment.sandbox.collection import Collection, Handler
from airflow_provider_segment.sandbox.received_call import ReceivedCall
from airflow_provider_segment.sandbox.state import Item


def all_operations() -> dict[str, Handler]:
    """The handler of each operation, by "METHOD /path"; a literal path comes before one with a parameter."""
    modules = [
        import_module(f"{operations.__name__}.{found.name}") for found in iter_modules(operations.__path__)
    ]
    collections = [each for module in modules for each in getattr(module, "COLLECTIONS", ())]
    handlers: dict[str, Handler] = {}
    for collection in collections:
        handlers |= replace(collection, removed=removal(collection, collections)).handlers()
    for module in modules:
        handlers |= getattr(module, "SPECIAL", {})
    return dict(sorted(handlers.items()))  # "{" sorts after all letters


def removal(collection: Collection, others: Iterable[Collection]) -> Callable[[ReceivedCall, Item], None]:
    """What a delete does first: the collection's own part, then everything that refers to the item goes."""
    dependent = [
        (other.path, name)
        for other in others
        for name, target in other.refers.items()
        if target == collection.path and "{" not in other.path
    ]

    def removed(call: ReceivedCall, item: Item) -> None:
        collection.removed(call, item)
        for path, name in dependent:
            for id in [id for id, each in call.collection(path).items() if each.get(name) == item["id"]]:
                call.remove(f"{path}/{id}")
        call.subject = item

    return removed
