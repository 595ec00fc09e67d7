"""When to retry a request, how long to wait, when to give up. All retry numbers are here.

Tracking API: the rules of Segment's current libraries (node 3.1, python 2.4). Every event carries a message
id, so a retry cannot duplicate it.

Public and Profile API: GET, PUT and DELETE may be repeated. A POST or PATCH is repeated only if it
certainly did not run (refused connection, 429): Segment has no idempotency keys.

Authorization server: its requests may be repeated; each has an assertion of its own.

A wait that Segment asks for takes precedence: ``Retry-After``, ``errors[0].data.msBeforeNext`` or
``X-RateLimit-Reset`` (see :mod:`.waits`). Such waits do not count as retries, but use up the
total budget.

Not tenacity: its call state forms a reference cycle with the request body, so megabytes of sent events would
wait for the garbage collector.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.api.regions import Server
from airflow_provider_segment.errors import (
    SegmentAnswerError,
    SegmentAPIError,
    SegmentError,
    SegmentRateLimitError,
    SegmentRequestError,
    SegmentServerError,
    SegmentTransportError,
)

BACKOFF_FIRST = 0.5
"""Seconds before the first retry; doubled for every further one."""
BACKOFF_MAX = 60.0
"""Maximum seconds of a backoff."""
SERVER_WAIT_MIN = 0.1
"""Minimum seconds of a wait that Segment asks for."""
SERVER_WAIT_MAX = 300.0
"""Maximum seconds of a wait that Segment asks for."""


MAX_POLL_FAILURES = 30
"""Consecutive failed polls that a wait tolerates by default."""
KILL_RETRIES = 3
"""Retries of the request that cancels a job: Airflow allows it half a minute."""


@dataclass(frozen=True)
class Patience:
    """Limits of retrying one request: the number of retries, and the total seconds."""

    retries: int
    budget: float


PATIENCE: dict[Server, Patience] = {
    "public": Patience(retries=6, budget=15 * 60),
    "profile": Patience(retries=6, budget=15 * 60),
    "oauth": Patience(retries=10, budget=15 * 60),
    "tracking": Patience(retries=10, budget=12 * 60 * 60),
}

TRACKING_RETRIED_4XX = frozenset({408, 410, 429, 460})
TRACKING_FINAL_5XX = frozenset({501, 505, 511})
TRANSIENT = (SegmentRateLimitError, SegmentServerError, SegmentTransportError, SegmentAnswerError)
"""Errors of all but the Tracking API that another attempt may not meet."""
REPEATABLE_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})


def is_retryable(error: BaseException, api: Server, *, repeatable: bool) -> bool:
    """Whether the request behind this error may be sent again.

    :param repeatable: the request may safely run twice
    """
    if api == "tracking":
        if isinstance(error, SegmentAPIError):
            status = error.status
            return status in TRACKING_RETRIED_4XX or (status >= 500 and status not in TRACKING_FINAL_5XX)
        return isinstance(error, (SegmentTransportError, SegmentAnswerError))
    return isinstance(error, TRANSIENT) and (repeatable or not error.may_have_run)


def backoff(retry: int) -> float:
    """Seconds before the given retry (the first is 1): exponential, with a jitter of up to half of it."""
    # 2.0**63 exceeds any maximum; the bound keeps a huge count from overflowing a float.
    full = min(BACKOFF_MAX, BACKOFF_FIRST * 2.0 ** min(retry - 1, 63))
    return full * random.uniform(0.5, 1.0)


class RetryRule:
    """The attempts of one request so far, and whether there is another.

    :param repeatable: the request may safely run twice
    :param retries: maximum number of retries, instead of the API's default
    """

    def __init__(self, api: Server, *, repeatable: bool, retries: int | None, clock: Clock) -> None:
        self.attempts = 0
        """Failed attempts so far."""
        self.tokens = 0
        """OAuth tokens that were refused; these attempts do not count."""
        patience = PATIENCE[api]
        self._api: Server = api
        self._repeatable = repeatable
        self._left = patience.retries if retries is None else retries
        self._backoffs = 0
        self._may_have_run = False
        self._budget = patience.budget
        self._deadline: float | None = None
        self._clock = clock

    def begin(self) -> None:
        """Called before each attempt. The first one starts the budget: time in the queue does not count."""
        if self._deadline is None:
            self._deadline = self._clock.monotonic() + self._budget

    def wait(self, error: SegmentError) -> float:
        """Seconds to wait before the next attempt.

        :raises SegmentError: ``error``, if there is no next attempt
        """
        self.attempts += 1
        error.repeated = self._may_have_run
        if isinstance(error, SegmentRequestError):
            error.attempts = self.attempts
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
