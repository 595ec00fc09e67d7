"""What earlier runs delivered of an input, and what this one adds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any, Literal, NamedTuple

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.errors import SegmentInputError
from airflow_provider_segment.events.ledger.extents import (
    Extent,
    delivered_of,
    extents_of,
    left_of,
)
from airflow_provider_segment.events.ledger.intervals import Interval
from airflow_provider_segment.events.ledger.store import LedgerEntry, LedgerStore
from airflow_provider_segment.events.sources.source import Source

LEDGER_SECONDS = 5.0
"""At least this long between two writes."""
SHARE_OF_TIME = 0.05
"""Writing takes at most this much of the time."""
SHOWN = 5
"""How many inputs are named in one message."""

ChangedInput = Literal["resend", "skip", "fail"]


class LeftOut(NamedTuple):
    """What is not read.

    :param sent: events that earlier runs sent
    :param rejected: events that earlier runs rejected
    :param changed: inputs that have changed since an earlier run delivered them, or some of them
    """

    sent: int
    rejected: int
    changed: int


class _Recorded(NamedTuple):
    """How far the ledger knows this run.

    :param extents: how many extents it knows to be done with
    :param end: where the beginning ends that it knows of the next one
    :param unit: of ``end``
    :param sent: events, up to there
    :param rejected: events, up to there
    """

    extents: int = 0
    end: Any = None
    unit: Any = None
    sent: int = 0
    rejected: int = 0


class Ledger:
    """The ledger of one run over one input.

    :param store: keeps it
    :param scope: what the events of every input depend on: their destination and their options
    :param source: the input
    :param log: for warnings
    :raises SegmentConfigurationError: the input is neither files nor a query
    """

    def __init__(
        self, store: LedgerStore, scope: str, source: Source, log: Any, clock: Clock | None = None
    ) -> None:
        self.failure: str | None = None
        """Why the last write failed, if it did: then a re-run sends more again."""
        self._store = store
        self._scope = scope
        self._log = log
        self._clock = clock or Clock()
        self._extents = extents_of(source)
        self._not_yet: list[LedgerEntry] = []
        self._recorded = _Recorded()
        self._next_write = 0.0

    def leave_out(self, changed_input: ChangedInput = "resend", also: Iterable[LedgerEntry] = ()) -> LeftOut:
        """Have the source read only what no run delivered, before it reads anything.

        :param changed_input: what becomes of an input that has changed since it was delivered
        :param also: entries that the ledger may not have yet
        :raises SegmentInputError: the ledger cannot be read, or an input has changed and ``changed_input`` is
            ``fail``
        """
        wanted = self._extents.wanted()
        try:
            known = self._store.read(self._scope, {extent.input for extent in wanted})
        except Exception as error:  # each storage and each driver raises its own errors
            raise SegmentInputError(
                f"the ledger cannot be read, and nothing was sent: {error or type(error).__name__}"
            ) from error
        by_input: dict[str, list[LedgerEntry]] = {}
        for entry in (*known, *also):
            by_input.setdefault(entry.input, []).append(entry)
        held = {(entry.input, entry.version, entry.unit, entry.interval) for entry in known}
        self._not_yet = [
            entry for entry in also if (entry.input, entry.version, entry.unit, entry.interval) not in held
        ]
        changed = {
            extent.input: extent.name
            for extent in wanted
            if (entries := by_input.get(extent.input))
            and all(entry.version != extent.version for entry in entries)
        }
        self._tell_of_changed(list(changed.values()), changed_input)
        if changed_input == "skip":
            wanted = [extent for extent in wanted if extent.input not in changed]
        sent = rejected = 0
        left: list[Extent] = []
        known_of: dict[str, str] = {}
        for extent in wanted:
            entries = by_input.get(extent.input, [])
            before = delivered_of(extent, entries)
            sent, rejected = sent + before[0], rejected + before[1]
            left_of_it = left_of(extent, entries)
            if left_of_it != [extent]:
                known_of[extent.input] = extent.name
            left += left_of_it
        self._tell_of_left_out(list(known_of.values()))
        self._extents.read_only(left)
        return LeftOut(sent, rejected, len(changed))

    def _tell_of_changed(self, names: Sequence[str], changed_input: ChangedInput) -> None:
        if not names:
            return
        shown = _some(names)
        if changed_input == "fail":
            raise SegmentInputError(
                f"{shown} changed after it was delivered, and nothing was sent. To send it anew, give "
                'changed_input="resend"; to leave it out, "skip"'
            )
        done = "sent anew" if changed_input == "resend" else "left out"
        self._log.warning("Changed after it was delivered, and %s: %s", done, shown)

    def _tell_of_left_out(self, names: Sequence[str]) -> None:
        if names:
            self._log.info("Left out, as far as the ledger says that it was delivered: %s", _some(names))

    def begin_at(self, sent: int, rejected: int) -> None:
        """Count from here: what was before is in the ledger.

        :param sent: events that an earlier try of this run sent
        :param rejected: events that it rejected
        """
        self._recorded = _Recorded(sent=sent, rejected=rejected)

    def unrecorded(self, position: float, sent: int, rejected: int) -> list[LedgerEntry]:
        """What is done with up to a position, and not in the ledger yet.

        :param sent: events up to there that were sent
        :param rejected: events up to there that were rejected
        """
        return [*self._not_yet, *self._after(self._recorded, position, sent, rejected)[0]]

    def record(self, position: float, sent: int, rejected: int, *, at_once: bool = False) -> None:
        """Write what is done with up to a position; only now and then, unless ``at_once``."""
        began = self._clock.monotonic()
        if began < self._next_write and not at_once:
            return
        entries, reached = self._after(self._recorded, position, sent, rejected)
        if not (entries or self._not_yet):
            return
        try:
            self._store.add(self._scope, [*self._not_yet, *entries])
        except Exception as error:  # sending the events matters more than a smaller re-run
            self._log.warning("The ledger could not be written; a re-run will send more again: %s", error)
            self.failure = str(error) or type(error).__name__
        else:
            self._recorded, self._not_yet, self.failure = reached, [], None
        now = self._clock.monotonic()
        self._next_write = now + max(LEDGER_SECONDS, (now - began) / SHARE_OF_TIME)

    def _after(
        self, recorded: _Recorded, position: float, sent: int, rejected: int
    ) -> tuple[list[LedgerEntry], _Recorded]:
        """The entries that are to be added, and how far the ledger knows the run then."""
        wanted, reached = self._extents.wanted(), self._extents.reached(position)
        new: list[tuple[Extent, Interval]] = []
        done, end, unit = recorded.extents, recorded.end, recorded.unit
        for index in range(recorded.extents, len(reached)):
            extent, (start, stop) = reached[index], reached[index].interval
            whole = extent == wanted[index]
            if index == recorded.extents and recorded.unit is not None:
                start, extent = recorded.end, extent._replace(unit=recorded.unit)
            done, end, unit = (index + 1, None, None) if whole else (index, stop, extent.unit)
            if not (interval := Interval(start, stop)).empty:
                new.append((extent, interval))
        # Of several files it is not known which event was of which.
        sizes = [extent.size for extent, _ in new]
        counts = zip(
            _in_shares(sent - recorded.sent, sizes),
            _in_shares(rejected - recorded.rejected, sizes),
            strict=True,
        )
        entries = [extent.entry(interval, *of) for (extent, interval), of in zip(new, counts, strict=True)]
        return entries, _Recorded(done, end, unit, sent, rejected) if new else recorded


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN:,} more" if names[SHOWN:] else "")


def _in_shares(number: int, sizes: list[int]) -> list[int]:
    """Shares of a number that are proportional to sizes, as whole numbers of the same sum."""
    ends = [number * end // (sum(sizes) or 1) for end in accumulate(sizes)]
    ends[-1:] = [number] if ends else []
    return [end - start for start, end in pairwise([0, *ends])]
