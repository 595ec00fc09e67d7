"""Counts the events of a run whose message id another one had."""

from __future__ import annotations

from array import array

PART_IDS = 1 << 18
"""How many hashes of ids are compared at a time: some 20 MB."""


class MessageIds:
    """The message ids that the events of a run brought, as 8 bytes each, to tell how many are different.

    Segment keeps one of the events that have the same id, and counts one. Ids derived from whole events are
    not among them: to compare those of millions of events would cost a tenth of the run.
    """

    def __init__(self) -> None:
        self._new: list[str] = []
        self._hashes = array("q")
        self.add = self._new.append  # called for each event
        """Add an id."""

    def fold(self) -> None:
        """Reduce the ids added since the last time to their hashes."""
        self._hashes.extend(map(hash, self._new))
        self._new.clear()

    def repeated(self) -> int:
        """How many of the ids were added before."""
        self.fold()
        parts = len(self._hashes) // PART_IDS + 1
        if parts == 1:
            return len(self._hashes) - len(set(self._hashes))
        # A set of all of them could fill the memory.
        different = sum(len({one for one in self._hashes if one % parts == part}) for part in range(parts))
        return len(self._hashes) - different
