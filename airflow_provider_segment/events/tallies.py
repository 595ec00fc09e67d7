"""Tallies of any number of things in bounded memory, which say whether they are exact."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from heapq import nlargest

from airflow_provider_segment.events.distinct import HASH_BITS, hashes_of

LONGEST_ID = 100
"""Characters of an id that are kept; a longer one is told apart by its hash."""


class MostFrequent:
    """The most frequent of any number of texts: the summary of Misra and Gries.

    Of more than ``MOST`` different texts, the rare ones are forgotten, and so much is taken from the counts
    of the others that none is too high. ``missing`` is the most by which one can be too low.
    """

    MOST = 50_000
    KEPT = 20_000

    def __init__(self) -> None:
        self.missing = 0
        self._counts: Counter[str] = Counter()

    def update(self, texts: list[str]) -> None:
        """Count texts."""
        if len(max(texts, key=len)) > LONGEST_ID:
            texts = [text if len(text) <= LONGEST_ID else _shorter(text) for text in texts]
        counts = self._counts
        counts.update(texts)
        if len(counts) > self.MOST:
            taken = nlargest(self.KEPT + 1, counts.values())[-1]
            self._counts = Counter({text: count - taken for text, count in counts.items() if count > taken})
            self.missing += taken

    def top(self, most: int) -> list[tuple[str, int]]:
        """The most frequent texts, and how often they occur at least."""
        return self._counts.most_common(most)


def _shorter(text: str) -> str:
    [one] = hashes_of((text,))
    return f"{text[: LONGEST_ID - 20]}...{one:x}"


class RepeatedIds:
    """How many ids were added before: exactly for the first millions, then nearly.

    Of more than ``MOST`` ids, only every second, fourth, eighth... hash is looked at, and stands for the
    others.
    """

    MOST = 2_000_000
    PARTS_BITS = 6
    """The hashes are compared one part at a time: a set of all of them would fill the memory."""

    def __init__(self) -> None:
        self._parts = [array("q") for _ in range(1 << self.PARTS_BITS)]
        self._left_out = 0  # the bits of a hash that must be zero

    @property
    def exact(self) -> bool:
        """Whether the count is exact; otherwise it is an estimate, to be called "about"."""
        return not self._left_out

    @property
    def count(self) -> int:
        """How many of the ids were added before."""
        return sum(len(part) - len(set(part)) for part in self._parts) * (self._left_out + 1)

    def update(self, ids: Iterable[str]) -> None:
        """Add ids."""
        add = [part.append for part in self._parts]
        left_out, shift = self._left_out, HASH_BITS - self.PARTS_BITS
        for one in hashes_of(ids):
            if not one & left_out:
                add[one >> shift](one)
        if sum(map(len, self._parts)) > self.MOST:
            left_out = self._left_out = left_out * 2 + 1
            self._parts = [array("q", (one for one in part if not one & left_out)) for part in self._parts]
