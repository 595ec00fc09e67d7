"""Counts events by what they are: of type track by name, of the other types by type."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

NAMES = 50
"""How many names are counted one by one, the first that come: the counts are part of a report, an XCom."""
LONGEST_NAME = 100
"""Characters of such a name."""

_TRACK = "track"


class EventNames:
    """How many events there are of each type and name.

    Keys are ``track Order Completed`` or ``identify``; those of all other names together are ``track``.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.new: defaultdict[str | tuple[str], int] = defaultdict(int)
        """Events added since the last :meth:`fold`, by name if they are track events, otherwise by the type
        as a tuple. To be added to directly: it happens for each of millions of events."""
        self._names = 0

    def fold(self) -> None:
        """Count the events added since the last time."""
        for what, count in self.new.items():
            if isinstance(what, str):
                self._count_name(what, count)
            else:
                self.counts[what[0]] += count
        self.new.clear()

    def _count_name(self, name: str, count: int) -> None:
        key = f"{_TRACK} {name}"
        if key not in self.counts:
            if len(name) > LONGEST_NAME or self._names == NAMES:
                key = _TRACK
            else:
                self._names += 1
        self.counts[key] += count

    def take_over(self, counts: Mapping[str, int]) -> None:
        """Continue the counts of an earlier run."""
        self.counts.update(counts)
        self._names = sum(key.startswith(f"{_TRACK} ") for key in self.counts)

    def key_of(self, event: Mapping[str, Any]) -> str:
        """What an event that was added is counted as."""
        self.fold()
        kind = str(event["type"])
        key = f"{kind} {event.get('event')}"
        return key if kind == _TRACK and key in self.counts else kind


def add_up(parts: Sequence[Mapping[str, int]]) -> Counter[str]:
    """The counts of several runs together, with no more names than those of one.

    Where a run has counted all other names together, a name that it does not list may be among them. So only
    names that all such runs list are counted one by one.
    """
    total: Counter[str] = Counter()
    complete = [counts for counts in parts if counts.get(_TRACK)]
    names = (key for counts in parts for key in counts if split(key)[1] is not None)
    known = (name for name in dict.fromkeys(names) if all(name in counts for counts in complete))
    kept = set(islice(known, NAMES))
    for counts in parts:
        for key, count in counts.items():
            total[key if key in kept else split(key)[0]] += count
    return total


def split(key: str) -> tuple[str, str | None]:
    """Type and name of a key; no name where the key counts all of a type, or all other names."""
    kind, _, name = key.partition(" ")
    return kind, name or None
