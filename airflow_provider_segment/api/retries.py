"""When to retry a request, how long to wait, when to give up. All retry numbers are here.

Tracking API: the rule of Segment's newest own libraries (node 3.1, python 2.4). Every event carries a message
id, so sending it again cannot double it.

Public and Profile API: GET, PUT and DELETE may be repeated. A POST or PATCH is repeated only where it
certainly did not run (refused connection, 429): Segment has no idempotency key.

A wait that Segment asks for takes precedence: ``Retry-After``, ``errors[0].data.msBeforeNext`` or
``X-RateLimit-Reset`` (see :func:`.answers.retry_after`). Such waits do not count as retries, they only use
up the total budget.

A loop of our own, not tenacity's: what tenacity keeps of a call forms a cycle with the body of the request,
so that megabytes of sent events would wait for Python's garbage collector.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.api.regions import Api
from airflow_provider_segment.errors import (
    SegmentAnswerError,
    SegmentAPIError,
    SegmentError,
    SegmentRateLimitError,
    SegmentServerError,
    SegmentTransportError,
)

BACKOFF_FIRST = 0.5
"""Seconds before the first retry; doubled for each further one."""
BACKOFF_MAX = 60.0
"""Seconds that a backoff never exceeds."""
SERVER_WAIT_MIN = 0.1
"""Seconds that one wait asked for by Segment never falls below."""
SERVER_WAIT_MAX = 300.0
"""Seconds that one wait asked for by Segment never exceeds."""


MAX_POLL_FAILURES = 30
"""Consecutive failed polls that a wait tolerates by default."""
KILL_RETRIES = 3
"""Retries of the request that cancels a job: Airflow gives it half a minute."""


@dataclass(frozen=True)
class Patience:
    """Limits of retrying one request: the number of retries, and the total seconds."""

    retries: int
    budget: float


PATIENCE: dict[Api, Patience] = {
    "public": Patience(retries=6, budget=15 * 60),
    "profile": Patience(retries=6, budget=15 * 60),
    "tracking": Patience(retries=10, budget=12 * 60 * 60),
}

TRACKING_RETRIED_4XX = frozenset({408, 410, 429, 460})
TRACKING_FINAL_5XX = frozenset({501, 505, 511})
TRANSIENT = (SegmentRateLimitError, SegmentServerError, SegmentTransportError, SegmentAnswerError)
"""Errors of the Public and the Profile API that another attempt may not meet."""
REPEATABLE_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})


def is_retryable(error: BaseException, api: Api, *, repeatable: bool) -> bool:
    """Whether the request behind this error may be sent again.

    :param repeatable: it does no harm twice
    """
    if api == "tracking":
        if isinstance(error, SegmentAPIError):
            status = error.status
            return status in TRACKING_RETRIED_4XX or (status >= 500 and status not in TRACKING_FINAL_5XX)
        return isinstance(error, (SegmentTransportError, SegmentAnswerError))
    return isinstance(error, TRANSIENT) and (repeatable or not error.may_have_run)


def backoff(retry: int) -> float:
    """Seconds before the given retry (the first is 1): exponential, with a jitter of up to half of it."""
    # 2.0**63 is past any cap; the bound keeps huge counts from overflowing a float.
    full = min(BACKOFF_MAX, BACKOFF_FIRST * 2.0 ** min(retry - 1, 63))
    return full * random.uniform(0.5, 1.0)


class RetryRule:
    """What one request has tried so far, and whether it may try again.

    :param repeatable: the request does no harm twice
    :param retries: retries at most, instead of the API's own number
    """

    def __init__(self, api: Api, *, repeatable: bool, retries: int | None, clock: Clock) -> None:
        self.attempts = 0
        """Attempts that failed so far."""
        patience = PATIENCE[api]
        self._api: Api = api
        self._repeatable = repeatable
        self._left = patience.retries if retries is None else retries
        self._backoffs = 0
        self._may_have_run = False
        self._budget = patience.budget
        self._deadline: float | None = None
        self._clock = clock

    def begin(self) -> None:
        """The request is sent; the first time, its budget begins. Time in the queue before does not count."""
        if self._deadline is None:
            self._deadline = self._clock.monotonic() + self._budget

    def wait(self, error: SegmentError) -> float:
        """Seconds to wait before the next attempt.

        :raises SegmentError: ``error``, where there is to be no next attempt
        """
        self.attempts += 1
        error.repeated = self._may_have_run
        if not is_retryable(error, self._api, repeatable=self._repeatable):
            raise error
        asked: float | None = getattr(error, "retry_after", None)
        if asked:  # a wait of zero counts as a retry: such answers could repeat without end
            seconds = min(max(asked, SERVER_WAIT_MIN), SERVER_WAIT_MAX)
        else:
            if self._backoffs == self._left:
                raise error
            self._backoffs += 1
            seconds = backoff(self._backoffs)
        if self._deadline is not None and self._clock.monotonic() + seconds > self._deadline:
            raise error
        self._may_have_run = error.may_have_run
        return seconds
