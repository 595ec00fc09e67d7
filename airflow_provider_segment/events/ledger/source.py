"""The rest of an input: what no earlier run delivered, as a ledger says."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_segment.events.sources.source import Block, Source

MARKS = 10_000
"""Ends of blocks that are remembered. If there are more, the oldest are forgotten."""


class RestOfSource:
    """A source that reads only a part of its input, whose positions count on from those of an earlier try.

    :param source: what is left of the input
    """

    size: int | None  # these are the source's
    done: int
    blocking: bool
    files: list[str]

    def __init__(self, source: Source) -> None:
        self.before = 0
        """The last position of the earlier try."""
        self.identity = source.identity
        self._source = source
        self._ends: deque[int] = deque(maxlen=MARKS)
        self._end = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def __iter__(self) -> Iterator[Block]:
        for block in self._source:
            block = block._replace(first=block.first + self.before)
            self._ends.append(block.last)
            yield block

    def place(self, position: int) -> dict[str, Any]:
        """A position in readable form."""
        return self._source.place(max(1, position - self.before))

    def resume(self, mark: Mapping[str, Any]) -> None:
        """Count on from a mark."""
        self.before = self._end = mark["position"]

    def mark(self, position: float) -> dict[str, Any] | None:
        """The end of the last block up to a position; None if that is at the beginning.

        What is before is forgotten, so positions must not decrease.
        """
        while self._ends and self._ends[0] <= position:
            self._end = self._ends.popleft()
        return {"position": self._end} if self._end else None
