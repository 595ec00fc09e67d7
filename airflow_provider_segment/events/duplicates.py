"""Counts the events of a run whose message id another one had."""

from __future__ import annotations

from array import array

PARTS = 256
"""The hashes are compared one part at a time: a set of all those of a huge run would fill the memory."""


class MessageIds:
    """The message ids that the events of a run brought, as 8 bytes each, to tell how many are different.

    Segment keeps one of the events that have the same id, and counts one. Ids derived from whole events are
    not among them: to compare those of millions of events would cost a tenth of the run.
    """

    def __init__(self) -> None:
        self._new: list[str] = []
        self._parts = [array("q") for _ in range(PARTS)]
        self.add = self._new.append  # called for each event
        """Add an id."""

    def fold(self) -> None:
        """Reduce the ids added since the last time to their hashes."""
        add = [part.append for part in self._parts]
        for one in map(hash, self._new):
            add[one % PARTS](one)
        self._new.clear()

    def repeated(self) -> int:
        """How many of the ids were added before."""
        self.fold()
        return sum(len(part) - len(set(part)) for part in self._parts)
