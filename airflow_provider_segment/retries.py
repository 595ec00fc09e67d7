"""When a request is sent again, how long to wait, when to give up. All of the numbers are here.

Tracking API: the rule of Segment's newest own libraries (node 3.1, python 2.4). Every event carries a message
id, so sending it again cannot double it.

Public and Profile API: GET, PUT and DELETE may be repeated. A POST or PATCH is repeated only where it
certainly did not run (refused connection, 429): Segment has no idempotency key.

Segment's own word on the wait comes first: ``Retry-After``, ``errors[0].data.msBeforeNext`` or
``X-RateLimit-Reset`` (see :func:`wire.retry_after`). Such waits do not count as retries, they only use up the
total budget.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

from tenacity import RetryCallState

from airflow_provider_segment.clock import Clock
from airflow_provider_segment.errors import (
    SegmentAnswerError,
    SegmentAPIError,
    SegmentRateLimitError,
    SegmentServerError,
    SegmentTransportError,
)
from airflow_provider_segment.regions import Api

log = logging.getLogger(__name__)

BACKOFF_FIRST = 0.5
"""Seconds before the first retry; doubled for each further one."""
BACKOFF_MAX = 60.0
"""Seconds that a backoff never exceeds."""
SERVER_WAIT_MAX = 300.0
"""Seconds that one wait asked for by Segment never exceeds."""


@dataclass(frozen=True)
class Patience:
    """How long one request is worth trying: so many retries, so many seconds in all."""

    retries: int
    budget: float


PATIENCE: dict[Api, Patience] = {
    "public": Patience(retries=6, budget=15 * 60),
    "profile": Patience(retries=6, budget=15 * 60),
    "tracking": Patience(retries=10, budget=12 * 60 * 60),
}

TRACKING_RETRIED_4XX = frozenset({408, 410, 429, 460})
TRACKING_FINAL_5XX = frozenset({501, 505, 511})
REPEATABLE_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})


def is_retryable(error: BaseException, api: Api, method: str) -> bool:
    """Whether the request behind this error may be sent again."""
    if api == "tracking":
        if isinstance(error, SegmentAPIError):
            status = error.status
            return status in TRACKING_RETRIED_4XX or (status >= 500 and status not in TRACKING_FINAL_5XX)
        return isinstance(error, (SegmentTransportError, SegmentAnswerError))
    if isinstance(error, SegmentRateLimitError):
        return True
    if isinstance(error, SegmentTransportError) and error.never_ran:
        return True
    if method not in REPEATABLE_METHODS:
        return False
    return isinstance(error, (SegmentServerError, SegmentTransportError, SegmentAnswerError))


def backoff(retry: int) -> float:
    """Seconds before the given retry (the first is 1): exponential, with a jitter of up to half of it."""
    # 2.0**63 is past any cap; the bound keeps huge counts from overflowing a float.
    full = min(BACKOFF_MAX, BACKOFF_FIRST * 2.0 ** min(retry - 1, 63))
    return full * random.uniform(0.5, 1.0)


class RetryRule:
    """Answers tenacity's questions for one request: again? after how long? enough?

    :param on_retry: called with the error and the seconds until the next attempt, before the wait
    """

    def __init__(
        self,
        api: Api,
        method: str,
        *,
        retries: int | None,
        clock: Clock,
        on_retry: Callable[[BaseException, float], None],
    ) -> None:
        patience = PATIENCE[api]
        self._api = api
        self._method = method
        self._retries = patience.retries if retries is None else retries
        self._deadline = clock.monotonic() + patience.budget
        self._clock = clock
        self._on_retry = on_retry
        self._counted = 0
        self.attempts = 0
        """Attempts made before the current one."""

    def again(self, state: RetryCallState) -> bool:
        """Tenacity's ``retry``."""
        error = _error(state)
        return error is not None and is_retryable(error, self._api, self._method)

    def wait(self, state: RetryCallState) -> float:
        """Tenacity's ``wait``: seconds."""
        asked: float | None = getattr(_error(state), "retry_after", None)
        if asked is not None:
            return min(max(asked, 0.0), SERVER_WAIT_MAX)
        self._counted += 1
        return backoff(self._counted)

    def enough(self, state: RetryCallState) -> bool:
        """Tenacity's ``stop``."""
        return (
            self._counted > self._retries or self._clock.monotonic() + state.upcoming_sleep > self._deadline
        )

    def before_sleep(self, state: RetryCallState) -> None:
        """Tenacity's ``before_sleep``."""
        self.attempts += 1
        error = _error(state)
        assert error is not None
        self._on_retry(error, state.upcoming_sleep)


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
