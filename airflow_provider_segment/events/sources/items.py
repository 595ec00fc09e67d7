"""Events from any iterable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from airflow_provider_segment.events.sources.source import Block

BLOCK_ITEMS = 1_000


class ItemSource:
    """Events from an iterable of dicts, or of JSON texts as bytes or str."""

    blocking = False

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = items
        self.files: list[str] = []
        # An iterator cannot be inspected without being consumed.
        self.identity = items if isinstance(items, (list, tuple)) else None
        self.size = len(items) if isinstance(items, Sequence) else None
        self.done = 0

    def __iter__(self) -> Iterator[Block]:
        items = iter(self._items)
        failure: Exception | None = None
        while failure is None:
            block: list[Any] = []
            try:
                block.extend(islice(items, BLOCK_ITEMS))
            except Exception as error:
                failure = error  # what came before it is sent
            if block:
                yield Block([_stripped(item) for item in block], self.done + 1)
                self.done += len(block)
            elif failure is None:
                return
        raise failure

    def place(self, position: int) -> dict[str, Any]:
        return {"item": position}


def _stripped(item: Any) -> Any:
    return item.strip() if isinstance(item, (bytes, str)) else item
