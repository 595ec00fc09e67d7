"""The interface of an input of events, read block by block, never whole into memory.

A position counts the lines (or items) of the whole input from 1; :meth:`Source.place` makes it readable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

MAX_ITEM_BYTES = 1 << 20
"""An item longer than this is not kept whole. No event is as long: Segment accepts 32 KB, and an
escape is at most six times as long as what it stands for."""


class Overlong(NamedTuple):
    """An item that is too long to be an event, or to be kept.

    :param start: its beginning
    :param size: its length in bytes; in characters where it is a part of text
    """

    start: bytes
    size: int

    @classmethod
    def of(cls, text: bytes) -> Overlong:
        """What is known of an item after its first part."""
        return cls(text[:1_000], len(text))

    def with_more(self, size: int) -> Overlong:
        """The same item, after this many bytes more."""
        return self._replace(size=self.size + size)


class Block(NamedTuple):
    """Consecutive items of the input.

    :param items: lines as bytes, including blank ones; rows as tuples; or the items of an iterable. An item
        that cannot be read is a :class:`.SegmentEventError`
    :param first: position of the first item
    :param columns: the names of the values of each row; None if the items are no tuples
    """

    items: Sequence[Any]
    first: int
    columns: tuple[str, ...] | None = None

    @property
    def last(self) -> int:
        """Position of the last item."""
        return self.first + len(self.items) - 1

    def placed(self) -> Iterable[tuple[float, Any]]:
        """The items with their positions."""
        return enumerate(self.items, self.first)

    def kept(self, position: float, item: Any) -> Any:
        """What a dead letter keeps of a rejected item."""
        return item


class Source(Protocol):
    """An input of events.

    One that waits for something that can be cancelled, such as a query, may have a method ``stop()``. It is
    called from another thread than reads.
    """

    size: int | None
    """Total bytes or items, if known."""
    done: int
    """Bytes or items read so far."""
    blocking: bool
    """Whether reading blocks, so that it should be done in a thread."""
    files: list[str]
    """The URIs of the files, if any."""
    identity: Any
    """Identifies this input, so that a checkpoint of it can be trusted; None if it cannot be identified."""

    def __iter__(self) -> Iterator[Block]: ...

    def place(self, position: int) -> dict[str, Any]:
        """A position in readable form: ``{"file": ..., "line": ...}`` or ``{"item": ...}``."""
        ...
