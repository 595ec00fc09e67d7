"""Sends batches concurrently, as fast as Segment accepts them; each event is delivered or accounted for.

Delivered means that Segment answered 200 to the batch that held the event. Batches end in any order; up to
the checkpoint's position nothing is left to send.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from airflow_provider_segment.api.client import AsyncSegmentClient
from airflow_provider_segment.api.clock import timestamp
from airflow_provider_segment.errors import (
    SegmentAPIError,
    SegmentBadRequestError,
    SegmentInputError,
    SegmentReplacedError,
    SegmentStoppedError,
    SegmentTooLargeError,
)
from airflow_provider_segment.events.batch import Batch
from airflow_provider_segment.events.check import Checker
from airflow_provider_segment.events.compression import compress
from airflow_provider_segment.events.dead_letters import DeadLetters
from airflow_provider_segment.events.lease import Lease
from airflow_provider_segment.events.mapping.mapped import Mapper
from airflow_provider_segment.events.options import SendOptions, all_options
from airflow_provider_segment.events.rate import Ceiling, Rate
from airflow_provider_segment.events.reading import Checkpoint, Reading
from airflow_provider_segment.events.report import SendReport
from airflow_provider_segment.events.sources.source import Source
from airflow_provider_segment.events.stop import Stop

if TYPE_CHECKING:
    from typing_extensions import Unpack

PROGRESS_SECONDS = 10.0
"""Seconds between progress lines in the log."""
STOP_SECONDS = 3.0
"""Seconds for batches in flight, and the last checkpoint, when the run is stopped; Airflow kills a task five
seconds after SIGTERM."""
REFUSED_WHOLE = 100
"""If every event of a batch this large is refused individually before any event was accepted, the events are
not the cause, and the run ends."""
REFUSALS_REMEMBERED = 300
"""Maximum number of refused events in a checkpoint; with more, the last one is saved again, which is safe."""


class Sending:
    """One run from an input to its report.

    :param source: where the events come from
    :param checker: turns each item into what is sent
    :param client: with the write key of the source that the events go to
    :param letters: takes the rejected events
    :param mapper: makes events of rows
    :param rate: holds the rate; by default the ceiling that the options name
    :param log: for progress
    :param report: is kept up to date
    :param start: how far an earlier run of the same input got
    :param save: called about every second with the checkpoint, in another thread, also if it did not change;
        may raise :class:`~airflow_provider_segment.errors.SegmentReplacedError`
    :param save_timeout: seconds after which the run stops if no save has succeeded
    :param stop: ends the run: batches in flight may arrive, no more are sent
    :param observe: called with the report every ten seconds, and at the end
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
        mapper: Mapper,
        rate: Rate | None = None,
        report: SendReport | None = None,
        start: Checkpoint | None = None,
        save: Callable[[Checkpoint], None] | None = None,
        save_timeout: float | None = None,
        stop: Stop | None = None,
        observe: Callable[[SendReport], None] = lambda report: None,
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
        self._rate = rate or Rate(Ceiling.of(chosen), clock=client.clock)
        self._start = start or Checkpoint()
        self._checkpoint = self._start
        self._clock = client.clock
        self._lease = save and Lease(
            save, self._take_checkpoint, clock=self._clock, log=log, timeout=save_timeout
        )
        self._started = self._clock.monotonic()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._doubt = asyncio.Lock()
        self._hopeless = False
        self._refused = dict(self._start.refused)
        self._acknowledged = Watermark(self._start.position)
        self._reading = Reading(
            source,
            checker,
            letters,
            report=self.report,
            mapper=mapper,
            start=self._start,
        )
        self._stop = stop or Stop()
        self._observe = observe
        self._stopped = asyncio.Event()
        self._failure: BaseException | None = None  # of the first delivery, or save, that failed
        self._task: asyncio.Task[Any] | None = None  # while there is something to cancel

    async def run(self) -> SendReport:
        """Send everything.

        :raises SegmentInputError: the input could not be read to its end; what was read was sent
        :raises SegmentStoppedError: it was stopped, or no checkpoint could be saved for too long
        :raises SegmentReplacedError: a save said so
        :raises SegmentError: Segment does not accept the events; ``report`` says how far the run got
        """
        self.report.started = timestamp(self._clock.now())
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        tickers = [asyncio.create_task(_every(PROGRESS_SECONDS, self._log_progress))]
        if self._lease is not None:
            keeping = asyncio.create_task(self._lease.keep())
            keeping.add_done_callback(self._ended)
            tickers.append(keeping)

        def stop() -> None:
            self._stopped.set()
            self._cancel()

        def react() -> None:
            with suppress(RuntimeError):  # the loop has just ended
                loop.call_soon_threadsafe(stop)

        self._stop.on_request(react)
        try:
            await self._send_all()
        except asyncio.CancelledError:
            if not self._stop.requested and self._failure is None:
                raise
        finally:
            self._task = None
            await self._end(tickers)
        if self._stop.requested:
            raise SegmentStoppedError("stopped before the end of the input")
        if self._failure is not None:
            raise self._failure
        failure = self._reading.failure
        if isinstance(failure, SegmentInputError):
            said = "What was before it was sent" if self.report.read else "Nothing was sent"
            raise type(failure)(f"{failure}. {said}: {self.report}") from failure
        if failure is not None:
            raise failure
        return self.report

    def _cancel(self) -> None:
        # Runs in the loop, so while the task waits; and only once, because _end() must not be cancelled.
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    async def _send_all(self) -> None:
        async with aclosing(self._reading.batches(self._rate.most_in_batch)) as batches:
            async for batch in batches:
                while len(self._in_flight) >= self._concurrency:
                    await self._reap()
                if self._stop.requested:  # while the source was read
                    break
                ticket = self._acknowledged.expect(batch)
                delivery = asyncio.create_task(self._deliver(batch, ticket))
                delivery.add_done_callback(self._ended)
                self._in_flight.add(delivery)
                await asyncio.sleep(0)
        while self._in_flight:
            await self._reap()

    async def _reap(self) -> None:
        _, self._in_flight = await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)

    def _ended(self, task: asyncio.Task[None]) -> None:
        # The first failure ends the run at once, also while it waits for its source.
        if self._failure is None and not task.cancelled() and (failure := task.exception()):
            self._failure = failure
            self._cancel()

    async def _end(self, tickers: list[asyncio.Task[None]]) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + STOP_SECONDS
        replaced = isinstance(self._failure, SegmentReplacedError)
        for ticker in tickers:
            ticker.cancel()
        self._rate.close()
        if self._in_flight:
            if not replaced:
                await asyncio.wait(self._in_flight, timeout=STOP_SECONDS)
            for task in self._in_flight:
                task.cancel()
        await asyncio.gather(*tickers, *self._in_flight, return_exceptions=True)
        if self._lease is not None and not replaced:  # first: the report is also shown to others
            await self._save_last(self._lease, end if self._stop.requested else None)
        self._update_report()
        if not self._stop.requested:  # with many millions it takes longer than a stopped task has
            self.report.duplicates = self._checker.own_ids.repeated()

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
        await self._client.request(
            "POST",
            "/v1/batch",
            api="tracking",
            turn=lambda: self._turn(len(batch)),
            body=batch.body,
            compress=self._compress,
        )
        self.report.sent += len(batch)
        self.report.batches += 1
        self.report.bytes += batch.size

    async def _turn(self, events: int) -> None:
        await self._rate.turn(events)
        while self._lease is not None and self._lease.overdue:
            await self._lease.pause()
            await self._rate.turn(events)  # several have waited

    def _refuse(self, part: Batch, error: SegmentAPIError) -> None:
        (event,), (position,) = part.events(), part.positions
        said = "; ".join(str(item.get("message", item)) for item in error.errors)[:100] or str(error.status)
        self._refused[position] = said
        self._reading.refuse(position, said, event)

    async def _save_last(self, lease: Lease[Checkpoint], end: float | None) -> None:
        """Save the last checkpoint; if the run is stopped, only as long as that may take.

        :param end: of the time for it, by the clock of the loop, if the run is being stopped
        """
        loop = asyncio.get_running_loop()
        saving = asyncio.create_task(lease.end())
        if end is None:
            stopped = asyncio.create_task(self._stopped.wait())
            await asyncio.wait([saving, stopped], return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            end = loop.time() + STOP_SECONDS
        await asyncio.wait([saving], timeout=max(0.0, end - loop.time()))
        if not saving.done():
            saving.cancel()
            self._log.warning("The last checkpoint could not be saved in time; a retry will resend more")
        await asyncio.gather(saving, return_exceptions=True)
        self._ended(saving)

    def _take_checkpoint(self) -> Checkpoint:
        """How far the run got; the last one while it stands still, or with too many refused to remember."""
        position = self._acknowledged.position
        if position != self._checkpoint.position:
            refused = {where: said for where, said in self._refused.items() if where <= position}
            if len(refused) <= REFUSALS_REMEMBERED:
                self._letters.flush()  # a source that can resume does not read what is before the mark again
                self._checkpoint = Checkpoint(position, refused, *self._reading.mark_at(position))
        return self._checkpoint

    def _update_report(self) -> None:
        report = self.report
        report.seconds = self._clock.monotonic() - self._started
        report.retries = self._client.retried
        report.rate_limited = self._client.rate_limited
        report.lag = self._reading.lag(self._clock.now())
        report.ended = timestamp(self._clock.now())
        report.event_names = self._reading.event_names()
        report.brought_ids = self._checker.own_ids.brought
        self._observe(report)
        if read_to := self._reading.read_to:
            report.first = self._source.place(1)
            report.last = self._source.place(read_to)

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


async def _every(seconds: float, action: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        action()
