"""A timeline that senders on any number of machines share, and what is sent while it cannot be asked."""

from __future__ import annotations

import asyncio
from math import inf
from typing import Any

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.errors import SegmentConfigurationError, SegmentLimiterError
from airflow_provider_segment.events.rate import Ceiling, Limiter, OwnTimeline, Rate, Timeline
from airflow_provider_segment.events.threads import Worker

CALL_SECONDS = 5.0
"""A limiter that takes longer than this to answer is down."""
RETRY_SECONDS = 10.0
"""Seconds after which a limiter that is down is asked again."""
PATIENCE = 600.0
"""Seconds for which a sender whose share is not known waits for a limiter that is down."""


def make_rate(
    ceiling: Ceiling, *, senders: int | None, limiter: Limiter | None, source: str, clock: Clock, log: Any
) -> Rate:
    """The rate of one sender of several.

    :param senders: how many share the ceiling at most; None if that is not known, which takes a limiter
    :param limiter: what the senders share; without one, each keeps to its part
    :param source: the key of the limiter's timeline
    :raises SegmentConfigurationError: there is a ceiling, but neither a number of senders nor a limiter
    """
    if senders is None and limiter is None and ceiling:
        raise SegmentConfigurationError(
            "nobody knows how many send at once, and they share max_events_per_second and "
            "max_requests_per_second. Set max_active_tis_per_dagrun of a mapped task, and each instance "
            "keeps to its part; or give a rate limiter (rate_limiter_conn_id), which all of them share"
        )
    timeline = None
    if limiter is not None:
        timeline = SharedTimeline(
            limiter,
            source,
            share=OwnTimeline(clock, senders) if senders else None,
            meanwhile=f"this sender keeps to {ceiling.share(senders)}" if senders else "nothing is sent",
            clock=clock,
            log=log,
        )
    return Rate(ceiling, clock=clock, senders=senders or 1, timeline=timeline)


class SharedTimeline:
    """The limiter's timeline of one source.

    :param share: the timeline while the limiter is down; None if the sender's share is not known
    :param meanwhile: what is sent then, for the warning
    """

    def __init__(
        self,
        limiter: Limiter,
        source: str,
        *,
        share: Timeline | None,
        meanwhile: str,
        clock: Clock,
        log: Any,
    ) -> None:
        self._limiter = limiter
        self._source = source
        self._share = share
        self._meanwhile = meanwhile
        self._clock = clock
        self._log = log
        self._worker = Worker("segment-limiter")
        self._call: asyncio.Task[float] | None = None  # while it is not answered
        self._fault: str | None = None  # while it is down
        self._ask_at = 0.0
        self._failure: SegmentConfigurationError | None = None

    async def reserve(self, seconds: float) -> float:
        """Reserve the next seconds; how long it is until their end.

        :raises SegmentConfigurationError: the limiter cannot be used
        :raises SegmentLimiterError: it is down, and the share is not known
        """
        patient_until = self._clock.monotonic() + PATIENCE
        while True:
            wait = await self._ask(seconds)
            if wait is not None:
                return wait
            if self._share is not None:
                return await self._share.reserve(seconds)
            if self._clock.monotonic() >= patient_until:
                raise SegmentLimiterError(
                    f"{self._limiter.name} did not answer for {PATIENCE:g} seconds ({self._fault}), and "
                    "nothing else says how many senders share the ceiling"
                )
            await self._clock.asleep(RETRY_SECONDS)

    def close(self) -> None:
        """Close the limiter's connection."""
        if self._call is not None:
            self._call.cancel()
        self._worker.close(self._limiter.close)

    async def _ask(self, seconds: float) -> float | None:
        """What the limiter answers; None if it is down."""
        if self._call is None and (self._fault is None or self._clock.monotonic() >= self._ask_at):
            only_look = self._fault is not None and self._share is not None
            call = asyncio.create_task(self._reserve(0.0 if only_look else seconds))
            self._call = call
            call.add_done_callback(self._answered)
            if not only_look:
                await asyncio.wait([call], timeout=CALL_SECONDS)
                if not call.done():
                    self._is_down(f"no answer within {CALL_SECONDS:g} seconds")
                elif self._fault is None and self._failure is None:
                    return call.result()
        if self._failure is not None:
            raise self._failure
        return None

    async def _reserve(self, seconds: float) -> float:
        wait = await self._worker.call(self._limiter.reserve, self._source, seconds)
        if not 0 <= wait < inf:
            raise ValueError(f"it answered {wait!r}")
        return wait

    def _answered(self, call: asyncio.Task[float]) -> None:
        self._call = None
        if call.cancelled():
            return
        error = call.exception()
        if isinstance(error, SegmentConfigurationError):
            self._failure = error
        elif error is not None:
            self._is_down(str(error) or type(error).__name__)
        elif self._fault is not None:
            self._fault = None
            self._log.info("%s answers again", self._limiter.name)

    def _is_down(self, fault: str) -> None:
        if self._fault is None:
            self._log.warning(
                "%s does not answer (%s): until it does, %s", self._limiter.name, fault, self._meanwhile
            )
        self._fault = fault
        self._ask_at = self._clock.monotonic() + RETRY_SECONDS
