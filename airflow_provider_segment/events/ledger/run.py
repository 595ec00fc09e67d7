"""The ledger of a run: what the run leaves out, and what it adds, with the number of events."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

import msgspec

from airflow_provider_segment.errors import SegmentReplacedError
from airflow_provider_segment.events.dead_letters import DeadLetters
from airflow_provider_segment.events.ledger.extents import digest
from airflow_provider_segment.events.ledger.ledger import ChangedInput, Ledger
from airflow_provider_segment.events.ledger.source import RestOfSource
from airflow_provider_segment.events.ledger.store import LedgerEntry, LedgerStore
from airflow_provider_segment.events.reading import Checkpoint
from airflow_provider_segment.events.report import SendReport
from airflow_provider_segment.events.sources.source import Source
from airflow_provider_segment.events.storage import is_local, storage_path

ENTRIES_IN_CHECKPOINT = 200
"""Entries that a checkpoint holds because the ledger does not have them yet. With more a retry sends more."""


class LedgerOfRun:
    """A context, at whose end the ledger learns of everything that was done.

    What was rejected counts as done, because it is kept. So nothing is written that the rejected events of
    are not safely in their file: in one of an object store they are only when it is closed.

    :param store: keeps the ledger
    :param scope: what the events of every input depend on: their destination and their options
    :param source: the whole input
    :param rejects_path: where the rejected events are kept
    :param report: of the run
    """

    def __init__(
        self,
        store: LedgerStore,
        scope: Any,
        source: Source,
        log: Any,
        *,
        rejects_path: str,
        report: SendReport,
    ) -> None:
        self.source = RestOfSource(source)
        """What is left of the input, when something was left out."""
        self.letters: DeadLetters | None = None
        """Takes the rejected events; None before it is opened."""
        self._ledger = Ledger(store, digest(scope), source, log)
        self._report = report
        self._safe_at_once = is_local(storage_path(rejects_path))
        self._start: tuple[int, int] = (0, 0)
        self._not_yet: list[LedgerEntry] = []
        self._reached = self._kept = Checkpoint()

    def go_on(self, start: Checkpoint, checkpoint: Mapping[str, Any] | None) -> None:
        """Go on where an earlier try of this run got.

        :param checkpoint: that ``start`` was taken from
        """
        if checkpoint is not None and start.mark is not None:
            self._start = _counts(start)
            self._reached = self._kept = start
            self._not_yet = msgspec.convert(checkpoint.get("unrecorded", []), list[LedgerEntry])

    def leave_out(self, changed_input: ChangedInput) -> None:
        """Have the source read only what no run delivered.

        :raises SegmentInputError: see :meth:`.Ledger.leave_out`
        """
        sent, rejected = self._start
        left = self._ledger.leave_out(changed_input, self._not_yet)
        self._ledger.begin_at(sent, rejected)
        # Earlier tries of this run are in the report by themselves.
        self._report.left_out = max(0, left.sent - sent)
        self._report.rejected_earlier = max(0, left.rejected - rejected)
        self._report.changed = left.changed

    def kept(self, reached: Checkpoint) -> Checkpoint:
        """How far the run got, or how far before, if what was rejected meanwhile is not safely kept yet."""
        self._reached = reached
        if reached.mark is None or self._safe_at_once or _counts(reached)[1] == self._start[1]:
            self._kept = reached
        return self._kept

    def unrecorded(self, reached: Checkpoint) -> dict[str, Any]:
        """What a checkpoint holds for a retry, because the ledger may not have it yet.

        :param reached: of :meth:`kept`
        """
        if reached.mark is None:
            return {}
        entries = self._ledger.unrecorded(self._position(reached), *_counts(reached))
        return {"unrecorded": msgspec.to_builtins(entries[:ENTRIES_IN_CHECKPOINT])}

    def record(self, reached: Checkpoint, *, at_once: bool = False) -> None:
        """Write how far the run got; now and then only, unless ``at_once``.

        :param reached: of :meth:`kept`
        """
        if reached.mark is not None and self.letters is not None and not self.letters.failure:
            self._ledger.record(self._position(reached), *_counts(reached), at_once=at_once)

    def __enter__(self) -> LedgerOfRun:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # The file of the rejected events is closed, unless another try has taken it over.
        if kind is not None:
            if not issubclass(kind, SegmentReplacedError):
                self.record(self._reached, at_once=True)
        elif self.letters is not None and not self.letters.failure:
            self._ledger.record(inf, self._report.sent, self._report.rejected_total, at_once=True)
        self._report.ledger_failure = self._ledger.failure

    def _position(self, reached: Checkpoint) -> float:
        return float(reached.mark["position"] - self.source.before)


def _counts(reached: Checkpoint) -> tuple[int, int]:
    """The events that were sent, and rejected, up to a mark."""
    position, counts = reached.mark["position"], reached.counts
    rejected = sum(counts["rejected"].values()) + sum(where <= position for where in reached.refused)
    return counts["read"] - rejected, rejected
