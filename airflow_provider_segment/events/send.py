"""Sends batches concurrently, as fast as Segment accepts them; each event is delivered or accounted for.

Delivered means that Segment answered 200 to the batch that held the event. Batches end in any order; up to
the checkpoint's position nothing is left to send. A run that starts from a checkpoint reads and checks its
input from the beginning, so that counts and dead letters cover the whole input, and sends only what comes
after the position.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing, nullcontext, suppress
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any

from airflow_provider_segment.api.client import AsyncSegmentClient
from airflow_provider_segment.errors import (
    SegmentAPIError,
    SegmentBadRequestError,
    SegmentEventError,
    SegmentInputError,
    SegmentStoppedError,
    SegmentTooLargeError,
)
from airflow_provider_segment.events.batch import Batch, Batcher
from airflow_provider_segment.events.check import Checker
from airflow_provider_segment.events.compression import compress
from airflow_provider_segment.events.dead_letters import DeadLetters
from airflow_provider_segment.events.limits import MAX_BATCH_EVENTS
from airflow_provider_segment.events.options import SendOptions, all_options
from airflow_provider_segment.events.report import SendReport
from airflow_provider_segment.events.sources.json_objects import objects_in
from airflow_provider_segment.events.sources.source import Block, Source
from airflow_provider_segment.events.stop import Stop

if TYPE_CHECKING:
    from typing_extensions import Unpack

PROGRESS_SECONDS = 10.0
"""Seconds between progress lines in the log."""
CHECKPOINT_SECONDS = 1.0
"""Seconds between saves of the checkpoint."""
STOP_SECONDS = 3.0
"""Seconds for batches in flight when the run is stopped; Airflow kills a task five seconds after SIGTERM."""
REFUSED_WHOLE = 100
"""If every event of a batch this large is refused individually before any event was accepted, the events are
not the cause, and the run ends."""
REFUSALS_REMEMBERED = 300
"""Maximum number of refused events in a checkpoint; with more, it is no longer updated, which is safe."""


@dataclass
class Checkpoint:
    """How far a run got.

    :param position: nothing up to this position is left to send
    :param refused: Segment's messages about events that it refused, by position
    """

    position: float = 0
    refused: dict[float, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As plain JSON types."""
        return {"position": self.position, "refused": [[where, said] for where, said in self.refused.items()]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Checkpoint:
        """From :meth:`as_json`."""
        return cls(stored["position"], dict(stored["refused"]))


class Sending:
    """One run from an input to its report.

    :param source: where the events come from
    :param checker: turns each item into what is sent
    :param client: with the write key of the source that the events go to
    :param letters: takes the rejected events
    :param log: for progress
    :param report: is kept up to date
    :param start: how far an earlier run of the same input got
    :param save: called about every second with the checkpoint
    :param stop: ends the run: batches in flight may arrive, no more are sent
    :param options: see :class:`~airflow_provider_segment.events.options.SendOptions`
    """

    def __init__(
        self,
        source: Source,
        checker: Checker,
        client: AsyncSegmentClient,
        letters: DeadLetters,
        *,
        log: logging.Logger,
        report: SendReport | None = None,
        start: Checkpoint | None = None,
        save: Callable[[Checkpoint], None] | None = None,
        stop: Stop | None = None,
        **options: Unpack[SendOptions],
    ) -> None:
        chosen = all_options(options)
        self.report = report or SendReport()
        self._source = source
        self._checker = checker
        self._client = client
        self._letters = letters
        self._log = log
        self._concurrency = chosen["concurrency"]
        self._compress = compress if chosen["gzip"] else None
        self._rate = chosen["max_events_per_second"]
        self._start = start or Checkpoint()
        self._save_checkpoint = save
        self._clock = client.clock
        self._started = self._clock.monotonic()
        self._free_at = 0.0
        self._in_flight: set[asyncio.Task[None]] = set()
        self._doubt = asyncio.Lock()
        self._hopeless = False
        self._refused = dict(self._start.refused)
        self._acknowledged = Watermark(self._start.position)
        self._saved = self._start.position
        self._read_to = 0
        self._input_failure: Exception | None = None
        self._stop = stop or Stop()
        self._task: asyncio.Task[Any] | None = None  # while there is something to cancel

    async def run(self) -> SendReport:
        """Send everything.

        :raises SegmentInputError: the input could not be read to its end; what was read was sent
        :raises SegmentStoppedError: it was stopped
        :raises SegmentError: Segment does not accept the events; ``report`` says how far the run got
        """
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        tickers = [
            asyncio.create_task(_every(PROGRESS_SECONDS, self._log_progress)),
            asyncio.create_task(_every(CHECKPOINT_SECONDS, self._save)),
        ]

        def react() -> None:
            with suppress(RuntimeError):  # the loop has just ended
                loop.call_soon_threadsafe(self._cancel)

        self._stop.on_request(react)
        try:
            await self._send_all()
        except asyncio.CancelledError:
            if not self._stop.requested:
                raise
        finally:
            self._task = None
            await self._end(tickers)
        if self._stop.requested:
            raise SegmentStoppedError("stopped before the end of the input")
        failure = self._input_failure
        if isinstance(failure, SegmentInputError):
            raise SegmentInputError(f"{failure}. What was read was sent: {self.report}") from failure
        if failure is not None:
            raise failure
        return self.report

    def _cancel(self) -> None:
        # Runs in the loop, so while the task waits; and only once, because _end() must not be cancelled.
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    async def _send_all(self) -> None:
        async with aclosing(self._batches()) as batches:
            async for batch in batches:
                await self._pace(len(batch))
                while len(self._in_flight) >= self._concurrency:
                    await self._reap()
                if self._stop.requested:  # while the source was read
                    break
                ticket = self._acknowledged.expect(batch)
                self._in_flight.add(asyncio.create_task(self._deliver(batch, ticket)))
                await asyncio.sleep(0)
        while self._in_flight:
            await self._reap()

    async def _reap(self) -> None:
        done, self._in_flight = await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
        failures = [failure for task in done if (failure := task.exception())]
        if failures:
            raise failures[0]

    async def _end(self, tickers: list[asyncio.Task[None]]) -> None:
        for ticker in tickers:
            ticker.cancel()
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=STOP_SECONDS)
            for task in self._in_flight:
                task.cancel()
        await asyncio.gather(*tickers, *self._in_flight, return_exceptions=True)
        self._update_report()
        self._save()
        if not self._stop.requested:  # with many millions it takes longer than a stopped task has
            self.report.duplicates = self._checker.own_ids.repeated()

    async def _batches(self) -> AsyncGenerator[Batch, None]:
        # With a rate limit, a batch holds the events of one second at most.
        batcher = Batcher(min(MAX_BATCH_EVENTS, max(1, int(self._rate or MAX_BATCH_EVENTS))))
        try:
            async for block in self._blocks():
                events: list[bytes] = []
                positions: list[float] = []
                try:
                    self._prepare(enumerate(block.items, block.first), events, positions)
                finally:
                    for batch in batcher.add(events, positions):
                        yield batch
                self._read_to = block.first + len(block.items) - 1
                # A stop and the tickers get their turn even while no batch is complete.
                await asyncio.sleep(0)
        except Exception as error:
            # What was read is sent; run() raises this at the end.
            self._input_failure = error
        if batcher.last:
            yield batcher.last

    def _prepare(
        self, items: Iterable[tuple[float, Any]], events: list[bytes], positions: list[float]
    ) -> None:
        """Check items, and add those that are to be sent."""
        report, prepare, start = self.report, self._checker.prepare, self._start.position
        for position, item in items:
            if not item and isinstance(item, (bytes, str)):
                continue  # a blank line
            report.read += 1
            try:
                event = prepare(item)
            except SegmentEventError as error:
                if parts := _objects_of(item, error):
                    report.read -= 1
                    self._prepare(_positions(position, parts), events, positions)
                else:
                    self._reject(position, error.reason, error.detail, item)
                continue
            if position <= start:
                self._account(position, event)
            else:
                events.append(event)
                positions.append(position)
        self._checker.own_ids.fold()

    async def _blocks(self) -> AsyncIterator[Block]:
        blocks = iter(self._source)
        if not self._source.blocking:
            for block in blocks:
                yield block
            return
        ahead = asyncio.create_task(asyncio.to_thread(next, blocks, None))
        try:
            while (read := await ahead) is not None:
                ahead = asyncio.create_task(asyncio.to_thread(next, blocks, None))
                yield read
        finally:
            ahead.cancel()

    def _account(self, position: float, event: bytes) -> None:
        """Count an event that an earlier run sent, or Segment refused."""
        if said := self._start.refused.get(position):
            self._reject(position, "refused", said, event)
        else:
            self.report.sent += 1
            self.report.sent_before += 1

    async def _pace(self, events: int) -> None:
        if not self._rate:
            return
        now = self._clock.monotonic()
        wait = self._free_at - now
        self._free_at = max(now, self._free_at) + events / self._rate
        if wait > 0:
            await self._clock.asleep(wait)

    async def _deliver(self, batch: Batch, ticket: int) -> None:
        try:
            await self._post(batch)
        except (SegmentBadRequestError, SegmentTooLargeError) as error:
            # Until an event is accepted, refused batches are split one at a time.
            async with self._doubt if not self.report.sent else nullcontext():
                await self._deliver_in_parts(batch, error)
        self._acknowledged.arrived(ticket)

    async def _deliver_in_parts(self, batch: Batch, error: SegmentAPIError) -> None:
        """One bad event has a whole batch refused: halve it until the bad ones are isolated."""
        refused = 0
        parts = [(batch, error)]
        while parts and not self._hopeless:
            part, error = parts.pop()
            if len(part) == 1:
                self._refuse(part, error)
                refused += 1
                continue
            for half in reversed(part.halves()):
                try:
                    await self._post(half)
                except (SegmentBadRequestError, SegmentTooLargeError) as again:
                    parts.append((half, again))
        if refused == len(batch) >= REFUSED_WHOLE and not self.report.sent:
            self._hopeless = True
        if self._hopeless:
            raise error

    async def _post(self, batch: Batch) -> None:
        compress = self._compress
        await self._client.request(
            "POST",
            "/v1/batch",
            api="tracking",
            body=lambda now: compress(batch.body(now)) if compress else batch.body(now),
            headers={"Content-Encoding": "gzip"} if compress else {},
        )
        self.report.sent += len(batch)
        self.report.batches += 1
        self.report.bytes += batch.size

    def _refuse(self, part: Batch, error: SegmentAPIError) -> None:
        (event,), (position,) = part.events(), part.positions
        said = "; ".join(str(item.get("message", item)) for item in error.errors)[:100] or str(error.status)
        self._refused[position] = said
        self._reject(position, "refused", said, event)

    def _reject(self, position: float, reason: str, detail: str, item: Any) -> None:
        self.report.rejected[reason] += 1
        self._letters.add(self._source.place(ceil(position)), reason, detail, item)

    def _save(self) -> None:
        position = self._acknowledged.position
        if self._save_checkpoint is None or position == self._saved:
            return
        refused = {where: said for where, said in self._refused.items() if where <= position}
        if len(refused) > REFUSALS_REMEMBERED:
            return
        try:
            self._save_checkpoint(Checkpoint(position, refused))
            self._saved = position
        except Exception as error:  # sending the events matters more than a faster retry
            self._log.warning("The checkpoint could not be saved; a retry will resend more: %s", error)

    def _update_report(self) -> None:
        report = self.report
        report.seconds = self._clock.monotonic() - self._started
        report.retries = self._client.retried
        if self._read_to:
            report.first = self._source.place(1)
            report.last = self._source.place(self._read_to)

    def _log_progress(self) -> None:
        self._update_report()
        report, size = self.report, self._source.size
        self._log.info(
            "Sent %s events, %s/s, %s of the input read; %s rejected, %s retries, %s batches in flight",
            f"{report.sent:,}",
            f"{report.events_per_second:,.0f}",
            f"{min(1.0, self._source.done / size):.0%}" if size else f"{report.read:,} events",
            f"{report.rejected_total:,}",
            f"{report.retries:,}",
            len(self._in_flight),
        )


class Watermark:
    """The position up to which everything has arrived; batches may arrive in any order."""

    def __init__(self, position: float) -> None:
        self.position = position
        self._ends: dict[int, float] = {}
        self._arrived: set[int] = set()
        self._next = 0

    def expect(self, batch: Batch) -> int:
        """A ticket for a batch, in the order of the input."""
        ticket = self._next + len(self._ends)
        self._ends[ticket] = batch.positions[-1]
        return ticket

    def arrived(self, ticket: int) -> None:
        """Mark the ticket's batch as done."""
        self._arrived.add(ticket)
        while self._next in self._arrived:
            self._arrived.remove(self._next)
            self.position = self._ends.pop(self._next)
            self._next += 1


def _objects_of(item: Any, error: SegmentEventError) -> list[bytes]:
    """The objects of a line that holds several, although it should be one event."""
    if type(item) is not bytes or error.reason not in ("not_json", "not_an_object"):
        return []
    return objects_in(item)


def _positions(last: float, items: list[bytes]) -> Iterator[tuple[float, bytes]]:
    """The items of one line, each with a position of its own, so that a checkpoint may lie between them."""
    return ((last - 1 + number / len(items), item) for number, item in enumerate(items, 1))


async def _every(seconds: float, action: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        action()
