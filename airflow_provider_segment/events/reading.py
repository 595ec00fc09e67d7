"""The first half of a bulk send: reads, maps and checks the input, and puts its events into batches.

A run that starts from a checkpoint reads and checks its input from the beginning, so that counts and dead
letters cover the whole input, and leaves out what an earlier run sent. Only a source that can resume starts
behind what was done with, and brings the counts of what came before.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Any

import msgspec

from airflow_provider_segment.errors import SegmentEventError
from airflow_provider_segment.events.batch import Batch, Batcher
from airflow_provider_segment.events.check import Checker
from airflow_provider_segment.events.codec import decode
from airflow_provider_segment.events.dead_letters import DeadLetters
from airflow_provider_segment.events.mapping.function_mapper import FunctionMapper
from airflow_provider_segment.events.mapping.mapped import Mapped, Mapper
from airflow_provider_segment.events.read_ahead import NotYetError, ReadAhead
from airflow_provider_segment.events.report import SendReport
from airflow_provider_segment.events.sources.json_objects import objects_instead
from airflow_provider_segment.events.sources.source import Block, Source
from airflow_provider_segment.values import Moment

COUNTS = 10_000
"""How many blocks are remembered that are read, but perhaps not yet sent."""
FLUSH_SECONDS = 1.0
"""If the source takes longer than this, what there is of a batch is sent."""


class _Dated(msgspec.Struct):
    timestamp: Moment | None = None


_decode_dated = msgspec.json.Decoder(_Dated).decode


@dataclass
class Checkpoint:
    """How far a run got.

    :param position: nothing up to this position is left to send
    :param refused: Segment's messages about events that it refused, by position
    :param mark: where a source that can resume goes on; None for from the beginning
    :param counts: what the report counted up to there
    """

    position: float = 0
    refused: dict[float, str] = field(default_factory=dict)
    mark: Any = None
    counts: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As plain JSON types."""
        plain = {
            "position": self.position,
            "refused": [[where, said] for where, said in self.refused.items()],
        }
        return plain if self.mark is None else {**plain, "mark": self.mark, "counts": self.counts}

    def at_its_mark(self) -> Checkpoint:
        """The same as far as the mark says; nothing without one."""
        if self.mark is None:
            return Checkpoint()
        position = self.mark["position"]
        refused = {where: said for where, said in self.refused.items() if where <= position}
        return Checkpoint(position, refused, self.mark, self.counts)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Checkpoint:
        """From :meth:`as_json`."""
        return cls(
            stored["position"], dict(stored["refused"]), stored.get("mark"), stored.get("counts") or {}
        )


class Reading:
    """One reading of an input.

    :param source: where the events, or the rows, come from
    :param mapper: makes events of rows
    :param checker: turns each event into what is sent
    :param letters: takes the rejected events
    :param report: is kept up to date
    :param start: how far an earlier run of the same input got
    """

    def __init__(
        self,
        source: Source,
        checker: Checker,
        letters: DeadLetters,
        *,
        report: SendReport,
        mapper: Mapper,
        start: Checkpoint | None = None,
    ) -> None:
        self.failure: Exception | None = None
        """What ended the input before its end."""
        self.read_to = 0
        """Position of the last item that was read."""
        self.report = report
        self._source = source
        self._mapper = mapper
        self._checker = checker
        self._letters = letters
        self._start = start or Checkpoint()
        self._rejected: Counter[str] = Counter()
        self._counts: deque[dict[str, Any]] = deque(maxlen=COUNTS)
        self._can_resume = hasattr(source, "mark")
        self._mark: tuple[Any, dict[str, Any]] = self._start.mark, self._start.counts
        self._last_event = b""
        self._refused: list[tuple[float, str]] = []  # position, and what the event is
        self._take_over(self._start)

    def _take_over(self, start: Checkpoint) -> None:
        """Continue the counts of the run before."""
        if start.mark is None:
            return
        report, counts = self.report, start.counts
        self.read_to = counts["position"]
        report.read, report.rows, report.skipped = counts["read"], counts["rows"], counts["skipped"]
        report.violations.update(counts["violations"])
        self._checker.names.take_over(counts.get("names", {}))
        self._checker.own_ids.brought = counts.get("brought", 0)
        self._rejected.update(counts["rejected"])
        report.rejected.update(counts["rejected"])
        report.rejected.update(["refused" for where in start.refused if where <= self.read_to])
        report.sent = report.sent_before = report.read - report.rejected_total

    def mark_at(self, position: float) -> tuple[Any, dict[str, Any]]:
        """Where the source can go on if nothing up to a position is left to send, and the counts up to there.

        Forgets what was before it, so the positions must not decrease.
        """
        if self._can_resume and (mark := self._source.mark(position)):  # type: ignore[attr-defined]
            while self._counts and self._counts[0]["position"] < mark["position"]:
                self._counts.popleft()
            if self._counts and self._counts[0]["position"] == mark["position"]:
                self._mark = mark, self._without_refused(self._counts[0])
        return self._mark

    def _without_refused(self, counts: dict[str, Any]) -> dict[str, Any]:
        names = Counter(counts["names"])
        names.subtract(what for position, what in self._refused if position <= counts["position"])
        return {**counts, "names": dict(names)}

    def event_names(self) -> Counter[str]:
        """How many events were sent of each type and name, once all have arrived that were read."""
        return self._checker.names.counts - Counter(what for _, what in self._refused)

    def lag(self, now: datetime) -> float | None:
        """Seconds since the timestamp of the last event; None if it has none."""
        if not self._last_event:
            return None
        timestamp = _decode_dated(self._last_event).timestamp
        return round((now - timestamp).total_seconds(), 3) if timestamp else None

    async def batches(self, most: int) -> AsyncGenerator[Batch, None]:
        """The events that are to be sent; afterwards ``failure`` says why there are no more, if not all.

        :param most: the maximum number of events of a batch
        """
        batcher = Batcher(most)
        try:
            async for block in self._blocks():
                if block is None:
                    if batcher.last:
                        yield batcher.take()
                    continue
                if isinstance(block, Mapped):
                    self.report.rows += block.rows
                    self.report.skipped += block.skipped
                events: list[bytes] = []
                positions: list[float] = []
                try:
                    self._prepare(block, block.placed(), events, positions)
                finally:
                    for batch in batcher.add(events, positions):
                        yield batch
                self._last_event = events[-1] if events else self._last_event
                self._note(block)
                # A stop and the tickers get their turn even while no batch is complete.
                await asyncio.sleep(0)
        except Exception as error:
            self.failure = error  # what was read is sent all the same
        if batcher.last:
            yield batcher.last

    def _note(self, block: Block | Mapped) -> None:
        self.read_to = block.last
        report = self.report
        if self._can_resume:
            self._counts.append(
                {
                    "position": block.last,
                    "read": report.read,
                    "rows": report.rows,
                    "skipped": report.skipped,
                    "rejected": dict(self._rejected),
                    "violations": dict(report.violations),
                    "names": dict(self._checker.names.counts),
                    "brought": self._checker.own_ids.brought,
                }
            )

    async def _blocks(self) -> AsyncIterator[Block | Mapped | None]:
        """The blocks of the input; None if the next one is long in coming."""
        blocks = _mapped(self._source, self._mapper)
        # A function may also wait, such as for a service that it asks.
        if not self._source.blocking and not isinstance(self._mapper, FunctionMapper):
            for block in blocks:
                yield block
            return
        ahead = ReadAhead(blocks)
        try:
            while True:
                try:
                    read = await ahead.next(FLUSH_SECONDS)
                except NotYetError:
                    yield None
                    continue
                if read is None:
                    return
                yield read
        finally:
            getattr(self._source, "stop", lambda: None)()  # a query that still runs
            await ahead.aclose()

    def _prepare(
        self,
        block: Block | Mapped,
        items: Iterable[tuple[float, Any]],
        events: list[bytes],
        positions: list[float],
    ) -> None:
        """Check items, and add those that are to be sent."""
        try:
            self._check(block, items, events, positions)
        finally:
            self._checker.fold()

    def _check(
        self,
        block: Block | Mapped,
        items: Iterable[tuple[float, Any]],
        events: list[bytes],
        positions: list[float],
    ) -> None:
        report, prepare, start = self.report, self._checker.prepare, self._start.position
        for position, item in items:
            if not item and isinstance(item, (bytes, str)):
                continue  # a blank line
            report.read += 1
            try:
                event = prepare(item)
            except SegmentEventError as error:
                if parts := objects_instead(item, error):
                    report.read -= 1
                    self._check(block, _positions(position, parts), events, positions)
                else:
                    self._rejected[error.reason] += 1
                    self.reject(position, error, block.kept(position, item))
                continue
            if position <= start:
                self._account(position, event)
            else:
                events.append(event)
                positions.append(position)

    def _account(self, position: float, event: bytes) -> None:
        """Count an event that an earlier run sent, or Segment refused."""
        if said := self._start.refused.get(position):
            self.refuse(position, said, event)
        else:
            self.report.sent += 1
            self.report.sent_before += 1

    def refuse(self, position: float, said: str, event: bytes) -> None:
        """Count an event as refused by Segment, and keep it.

        :param said: by Segment
        """
        self._refused.append((position, self._checker.names.key_of(decode(event))))
        self.reject(position, SegmentEventError("refused", said), event)

    def reject(self, position: float, error: SegmentEventError, item: Any) -> None:
        """Count an event as rejected, and keep it.

        :param item: what is kept of it
        """
        self.report.rejected[error.reason] += 1
        self._letters.add(self._source.place(ceil(position)), error, item)


def _mapped(source: Source, mapper: Mapper) -> Iterator[Block | Mapped]:
    for block in source:
        yield mapper(block)


def _positions(last: float, items: list[bytes]) -> Iterator[tuple[float, bytes]]:
    """The items of one line, each with a position of its own, so that a checkpoint may lie between them."""
    return ((last - 1 + number / len(items), item) for number, item in enumerate(items, 1))
