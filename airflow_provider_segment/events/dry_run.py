"""Does all that a send does, and sends nothing: what the input is, what it costs, what would be rejected."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.errors import SegmentInputError, SegmentStoppedError
from airflow_provider_segment.events.batch import Batch
from airflow_provider_segment.events.pipeline import make_pipeline
from airflow_provider_segment.events.preview import Statistics
from airflow_provider_segment.events.preview_report import BODIES, PreviewReport, RejectExamples
from airflow_provider_segment.events.rate import Ceiling
from airflow_provider_segment.events.reading import Reading
from airflow_provider_segment.events.report import SendReport
from airflow_provider_segment.events.sources.source import Block, Source
from airflow_provider_segment.events.stop import Stop
from airflow_provider_segment.events.threads import run_in_thread

if TYPE_CHECKING:
    from airflow_provider_segment.events.tracking_plan import PlanRules

END_SECONDS = 2.0
"""How long the reading thread may take to end after it was stopped."""


class DryRun:
    """One look at an input.

    :param write_key: of the source that the events would go to
    :param options: all options of a bulk send, checked
    :param limit: of rows, or of events that are not made of rows; None for all
    :param rules: of the tracking plan that the events are checked against, if any
    :param suppressed: ids of users whose events Segment drops; None if they are not known
    :param destinations: names of the destinations that the events reach; None if they are not known
    :param stop: ends the run
    """

    def __init__(
        self,
        write_key: str,
        log: Any,
        source: Source,
        options: Mapping[str, Any],
        *,
        limit: int | None = None,
        rules: PlanRules | None = None,
        suppressed: Collection[str] | None = None,
        destinations: Sequence[str] | None = None,
        stop: Stop,
    ) -> None:
        self._given = options
        # All of it is looked at: more than was approved is what somebody wants to see.
        options = {**options, "max_events": None, "max_users": None}
        if options["on_violation"] == "fail":
            options["on_violation"] = "reject"  # and go on: there may be more
        self._report = SendReport()
        self._mapper, self._checker = make_pipeline(write_key, options, self._report, rules)
        self._beginning = None if limit is None else _Beginning(source, limit)
        self._source: Source = self._beginning or source
        self._options = options
        self._ceiling = Ceiling.of(options)
        self._limit = limit
        self._letters = RejectExamples(None, log)
        self._clock = Clock()
        self._statistics = Statistics(self._clock.now(), suppressed)
        self._destinations = destinations
        self._bodies: list[bytes] = []
        self._stop = stop

    def run(self) -> PreviewReport:
        """Read the input, and report.

        :raises SegmentInputError: it cannot be read to its end
        :raises SegmentStoppedError: it was stopped
        """
        run_in_thread(self._read, name="segment-preview", stop=self._stop, end_seconds=END_SECONDS)
        cut = self._beginning is not None and self._beginning.cut
        return PreviewReport.of(
            self._report,
            self._statistics,
            examples=self._letters.examples,
            place=self._source.place,
            keys=bool(self._options["message_id_fields"]),
            bodies=self._bodies,
            ceiling=self._ceiling,
            destinations=self._destinations,
            limit=self._limit if cut else None,
            warnings=[*self._where_a_send_would_end()],
        )

    def _where_a_send_would_end(self) -> Iterator[str]:
        given, statistics = self._given, self._statistics
        if given["on_violation"] == "fail" and self._report.violations:
            yield 'With on_violation="fail" a send would stop at the first violation of the tracking plan.'
        counts = {"max_events": statistics.events, "max_users": statistics.users.at_most}
        for name, count in counts.items():
            if given[name] is not None and count > given[name]:
                yield f"A send would stop: there are {count:,}, and {name} is {given[name]:,}."
        if given["min_events"] is not None and statistics.events < given["min_events"]:
            yield f"A send would fail: min_events is {given['min_events']:,}."

    async def _read(self) -> None:
        reading = Reading(
            self._source,
            self._checker,
            self._letters,
            report=self._report,
            mapper=self._mapper,
        )
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None

        def react() -> None:
            with suppress(RuntimeError):  # the loop has just ended
                loop.call_soon_threadsafe(task.cancel)

        self._stop.on_request(react)
        try:
            async with aclosing(reading.batches(self._ceiling.most_in_batch())) as batches:
                async for batch in batches:
                    self._look_at(batch)
        except asyncio.CancelledError:
            if not self._stop.requested:
                raise
            raise SegmentStoppedError("stopped before the end of the input") from None
        self._report.duplicates = self._checker.own_ids.repeated()
        failure = reading.failure
        if isinstance(failure, SegmentInputError):
            raise type(failure)(f"{failure}. Nothing was sent: {self._report}") from failure
        if failure is not None:
            raise failure

    def _look_at(self, batch: Batch) -> None:
        self._statistics.add(batch.events(), batch.positions)
        self._report.batches += 1
        self._report.bytes += batch.size
        if len(self._bodies) < BODIES:
            self._bodies.append(batch.body(self._clock.now()))


class _Beginning:
    """The first items of a source."""

    def __init__(self, source: Source, limit: int) -> None:
        self.cut = False
        """Whether there are more."""
        self.files = source.files
        self.identity: Any = None
        self.size: int | None = None
        self.done = 0
        self.blocking = source.blocking
        self._source = source
        self._limit = limit

    def __iter__(self) -> Iterator[Block]:
        for block in self._source:
            room = self._limit - block.first + 1
            if room < len(block.items):
                self.cut = True
                if room:
                    yield block._replace(items=block.items[:room])
                return
            yield block

    def place(self, position: int) -> dict[str, Any]:
        return self._source.place(position)

    def stop(self) -> None:
        getattr(self._source, "stop", lambda: None)()
