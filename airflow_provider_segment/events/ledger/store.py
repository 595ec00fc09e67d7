"""What a ledger holds, and what keeps it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal, Protocol

import msgspec

from airflow_provider_segment.events.key_json import key_from_json, key_to_json
from airflow_provider_segment.events.ledger.intervals import Bound, Interval

Unit = Literal["byte", "row", "key", "all", "mark"]
"""What the points of an entry are: bytes or rows, keys, none (all of an input), or the mark of a load."""


class LedgerEntry(msgspec.Struct, frozen=True):
    """An interval of an input that was delivered. It holds no event.

    :param input: identifies the input: a digest of its name, or of its query
    :param name: the input, for people
    :param version: what changes with the content of a file; "" for a query
    :param unit: what ``start`` and ``end`` are
    :param start: the beginning, as JSON; null for that of the input
    :param end: the end; null for that of the input
    :param sent: how many events Segment accepted
    :param rejected: how many were rejected, and are in the ``rejects_path`` of the run
    """

    input: str
    name: str
    version: str
    unit: Unit
    start: Any = None
    end: Any = None
    sent: int = 0
    rejected: int = 0

    @property
    def interval(self) -> Interval:
        """From ``start`` to ``end``."""
        return Interval(_point(self.start), _point(self.end))

    def goes_on_with(self, other: LedgerEntry) -> bool:
        """Whether another entry begins where this one ends."""
        return self.end is not None and self._of == other._of and self.end == other.start

    @property
    def _of(self) -> tuple[str, ...]:
        return self.input, self.version, self.unit


def as_json(point: Any) -> Any:
    """A point of an interval as plain JSON."""
    return [key_to_json(point.key), point.behind] if isinstance(point, Bound) else point


def _point(stored: Any) -> Any:
    return Bound(key_from_json(stored[0]), stored[1]) if isinstance(stored, list) else stored


def joined(entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """The same with fewer entries: each that goes on with the one before is made one with it."""
    made: list[LedgerEntry] = []
    for entry in entries:
        if made and made[-1].goes_on_with(entry):
            last = made.pop()
            entry = msgspec.structs.replace(
                entry,
                start=last.start,
                sent=last.sent + entry.sent,
                rejected=last.rejected + entry.rejected,
            )
        made.append(entry)
    return made


class LedgerStore(Protocol):
    """Keeps entries, in no order. Many tasks write at once, and none of them waits for another.

    A run reads before it adds.
    """

    def read(self, scope: str, inputs: Collection[str]) -> list[LedgerEntry]:
        """The entries of these inputs, of all runs.

        :param scope: what the events of all inputs depend on: their destination and their options
        :raises Exception: it cannot be read; one that is not there, or damaged, has no entries
        """
        ...

    def add(self, scope: str, entries: Sequence[LedgerEntry]) -> None:
        """Add entries of this run, each only once.

        :raises Exception: they could not be written, and are to be added again
        """
        ...
