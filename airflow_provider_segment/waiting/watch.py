"""Polling a condition: once, or until it is decided, with a tolerance for failed polls."""

from __future__ import annotations

import logging
import math
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, TypeVar, cast

from airflow_provider_segment.errors import (
    SegmentAnswerError,
    SegmentConnectionReadError,
    SegmentError,
    SegmentNotFoundError,
    SegmentPollError,
    SegmentRateLimitError,
    SegmentServerError,
    SegmentTransportError,
    SegmentWaitTimeoutError,
)
from airflow_provider_segment.waiting.condition import with_answer_errors

if TYPE_CHECKING:
    from airflow_provider_segment.api.client import SegmentClient
    from airflow_provider_segment.waiting.condition import Ask, Condition, Verdict

T = TypeVar("T")
SIGN_OF_LIFE_SECONDS = 300.0
"""How long a wait in which nothing changes is silent in the log."""
log = logging.getLogger(__name__)

PASSING = (
    SegmentServerError,
    SegmentTransportError,
    SegmentAnswerError,
    SegmentRateLimitError,
    SegmentConnectionReadError,
)
"""Errors that the next poll may not hit."""


def look(condition: Condition, client: SegmentClient) -> Verdict:
    """Poll a condition once.

    :raises SegmentError: a request failed
    """
    return ask_all(condition.check(client.clock.now()), client)


def ask_all(questions: Generator[Ask, Any, T], client: SegmentClient) -> T:
    """Send all requests of a check, and return its result."""
    questions, answer = with_answer_errors(questions), None
    failure: SegmentError | None = None
    while True:
        try:
            ask = questions.throw(failure) if failure else questions.send(answer)
        except StopIteration as end:
            return cast("T", end.value)
        failure = None
        try:
            answer = client.request(
                "GET", ask.path, query=ask.query, media_type=ask.media_type, shape=ask.shape
            ).data
        except SegmentNotFoundError as error:
            answer, failure = None, None if ask.missing_ok else error
        except SegmentError as error:
            failure = error


class Watch:
    """The state of polling a condition.

    :param max_failures: consecutive failed polls tolerated
    :param failures: consecutive failed polls so far
    """

    def __init__(self, condition: Condition, max_failures: int, failures: int = 0) -> None:
        self.condition = condition
        self.max_failures = max_failures
        self.failures = failures
        self.looks = 0
        """Polls that were answered."""
        self.last = "nothing yet"
        """The message of the latest verdict."""
        self.ends_at = math.inf
        """When the wait times out, by the monotonic clock; for the log."""
        self._told_at = -math.inf

    def saw(self, verdict: Verdict, now: float) -> None:
        """Record a verdict; log it if its message is new, and from time to time as a sign of life.

        :param now: of the monotonic clock
        """
        if self.has_news(verdict, now):
            self.tell(verdict, now)

    def has_news(self, verdict: Verdict, now: float) -> bool:
        """Record a verdict; whether it is to be logged."""
        self.looks += 1
        self.failures = 0
        return verdict.message != self.last or now >= self._told_at + SIGN_OF_LIFE_SECONDS

    def tell(self, verdict: Verdict, now: float) -> None:
        """Log a verdict."""
        what = self.condition.describe()
        if verdict.message != self.last:
            log.info("Waiting for %s: %s", what, verdict.message)
        else:
            left = f", {(self.ends_at - now) / 60:,.0f} min left" if self.ends_at < math.inf else ""
            log.info("Still waiting for %s: %s (%s looks so far%s)", what, self.last, f"{self.looks:,}", left)
        self.last, self._told_at = verdict.message, now

    def failed(self, error: SegmentError) -> None:
        """Record a failed poll.

        :raises SegmentError: the next poll would fail, too, or too many have failed
        """
        if not isinstance(error, PASSING):
            raise error
        if not isinstance(error, SegmentRateLimitError):  # not a failure: the client waited as Segment asked
            self.failures += 1
        if self.failures > self.max_failures:
            raise SegmentPollError(
                f"{self.failures} consecutive polls failed while waiting for {self.condition.describe()}; "
                f"last seen: {self.last}. {error}"
            ) from error
        log.warning("Poll failed (%d in a row, %d tolerated): %s", self.failures, self.max_failures, error)

    def timed_out(self, seconds: float) -> str:
        """The message of the timeout error."""
        return f"Waited {seconds:,.0f} s for {self.condition.describe()}. Last seen: {self.last}"


def wait(watch: Watch, client: SegmentClient, *, interval: float, timeout: float) -> Verdict:
    """Poll until the condition is decided, blocking.

    :param interval: seconds between polls
    :param timeout: seconds in total
    :raises SegmentWaitTimeoutError: the time is up
    :raises SegmentError: polling failed for good
    """
    clock = client.clock
    end = watch.ends_at = clock.monotonic() + timeout
    while True:
        try:
            verdict = look(watch.condition, client)
            watch.saw(verdict, clock.monotonic())
            if verdict.state != "waiting":
                return verdict
        except SegmentError as error:
            watch.failed(error)
        left = end - clock.monotonic()
        if left <= 0:
            raise SegmentWaitTimeoutError(watch.timed_out(timeout))
        clock.sleep(min(interval, left))
