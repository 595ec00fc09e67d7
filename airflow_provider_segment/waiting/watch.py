"""Looking at a condition again and again: once, until it is decided, and what failures are lived with."""

from __future__ import annotations

import logging
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
log = logging.getLogger(__name__)

PASSING = (
    SegmentServerError,
    SegmentTransportError,
    SegmentAnswerError,
    SegmentRateLimitError,
    SegmentConnectionReadError,
)
"""Errors that may be gone at the next look."""


def look(condition: Condition, client: SegmentClient) -> Verdict:
    """Look at a condition once.

    :raises SegmentError: a question was not answered
    """
    return ask_all(condition.check(client.clock.now()), client)


def ask_all(questions: Generator[Ask, Any, T], client: SegmentClient) -> T:
    """Have all questions answered, and return what they were asked for."""
    questions, answer = with_answer_errors(questions), None
    while True:
        try:
            ask = questions.send(answer)
        except StopIteration as end:
            return cast("T", end.value)
        try:
            answer = client.request("GET", ask.path, query=ask.query, media_type=ask.media_type).data
        except SegmentNotFoundError:
            if not ask.missing_ok:
                raise
            answer = None


class Watch:
    """What was seen of a condition so far.

    :param max_failures: failed looks in a row that are lived with
    :param failures: failed looks in a row so far
    """

    def __init__(self, condition: Condition, max_failures: int, failures: int = 0) -> None:
        self.condition = condition
        self.max_failures = max_failures
        self.failures = failures
        self.last = "not looked at yet"
        """What was last seen, in words."""

    def saw(self, verdict: Verdict) -> None:
        """Take note of a verdict; log it where it is news."""
        self.failures = 0
        if verdict.message != self.last:
            log.info("Waiting for %s: %s", self.condition.describe(), verdict.message)
        self.last = verdict.message

    def failed(self, error: SegmentError) -> None:
        """Take note of a failed look.

        :raises SegmentError: it would fail again, or it was one too many
        """
        if not isinstance(error, PASSING):
            raise error
        if not isinstance(error, SegmentRateLimitError):  # that is no failure: the client waited as told
            self.failures += 1
        if self.failures > self.max_failures:
            raise SegmentPollError(
                f"Could not look at {self.condition.describe()}, {self.failures} times in a row; "
                f"last seen: {self.last}. {error}"
            ) from error
        log.warning("Look %d of at most %d failed: %s", self.failures, self.max_failures, error)

    def timed_out(self, seconds: float) -> str:
        """What to say when there is no more time."""
        return f"Waited {seconds:,.0f} s for {self.condition.describe()}. Last seen: {self.last}"


def wait(watch: Watch, client: SegmentClient, *, interval: float, timeout: float) -> Verdict:
    """Look until it is decided, blocking.

    :param interval: seconds from look to look
    :param timeout: seconds in all
    :raises SegmentWaitTimeoutError: there is no more time
    :raises SegmentError: looking failed for good
    """
    clock = client.clock
    end = clock.monotonic() + timeout
    while True:
        try:
            verdict = look(watch.condition, client)
            watch.saw(verdict)
            if verdict.state != "waiting":
                return verdict
        except SegmentError as error:
            watch.failed(error)
        left = end - clock.monotonic()
        if left <= 0:
            raise SegmentWaitTimeoutError(watch.timed_out(timeout))
        clock.sleep(min(interval, left))
