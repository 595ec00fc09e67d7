"""Events from any iterable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from airflow_provider_segment.events.sources.feed import BLOCK_ITEMS, Feed
from airflow_provider_segment.events.sources.source import Block


class ItemSource:
    """Events, or rows, from an iterable of dicts, or of JSON texts as bytes or str."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = items
        self.files: list[str] = []
        # A generator may wait, for its database for instance.
        self.blocking = not isinstance(items, (list, tuple))
        # An iterator cannot be inspected without being consumed.
        self.identity = items if isinstance(items, (list, tuple)) else None
        self.size = len(items) if isinstance(items, Sequence) else None
        self.done = 0

    def __iter__(self) -> Iterator[Block]:
        for block in self._blocks():
            yield Block([_stripped(item) for item in block], self.done + 1)
            self.done += len(block)

    def _blocks(self) -> Iterator[Sequence[Any]]:
        if not isinstance(self._items, (list, tuple)):
            yield from Feed(self._items)
            return
        for start in range(0, len(self._items), BLOCK_ITEMS):
            yield self._items[start : start + BLOCK_ITEMS]

    def place(self, position: int) -> dict[str, Any]:
        return {"item": position}


def _stripped(item: Any) -> Any:
    return item.strip() if isinstance(item, (bytes, str)) else item
