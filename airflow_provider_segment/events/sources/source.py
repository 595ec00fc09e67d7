"""What an input of events is: read block by block, never whole in memory.

A position counts the lines (or items) of the whole input from 1; :meth:`Source.place` names it for people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol


class Block(NamedTuple):
    """A run of the input.

    :param items: lines as bytes, blank ones too, or whatever an iterable gave
    :param first: position of the first item
    """

    items: Sequence[Any]
    first: int


class Source(Protocol):
    """An input of events."""

    size: int | None
    """Bytes or items in all, where known."""
    done: int
    """Bytes or items read so far."""
    blocking: bool
    """Whether reading waits for something, so that it is better done in a thread."""
    files: list[str]
    """The URIs of the files, where it is files."""
    identity: Any
    """What tells this input from any other, so that a checkpoint of it can be trusted; None where nothing
    can."""

    def __iter__(self) -> Iterator[Block]: ...

    def place(self, position: int) -> dict[str, Any]:
        """A position for people: ``{"file": ..., "line": ...}`` or ``{"item": ...}``."""
        ...
