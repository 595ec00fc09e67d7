"""Client-side rate limiting: Segment's published limits are kept, so that Segment need not enforce them.

All clients of a process share its rate limiters. A credential has one rate limiter for each endpoint with a
published limit, and one per API for all other endpoints. Each serves its requests first come, first served.

What Segment answers takes precedence: a 429 blocks the rate limiter for as long as Segment asks, and
``X-RateLimit-Remaining: 0`` blocks it until the window ends.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import TYPE_CHECKING

from airflow_provider_segment.api.published_limits import Limit, limit_of
from airflow_provider_segment.api.regions import host_of
from airflow_provider_segment.api.retries import PATIENCE

if TYPE_CHECKING:
    from airflow_provider_segment.api.calls import Call
    from airflow_provider_segment.api.settings import Settings

MARGIN = 1.0
"""Seconds added to a published window: requests may overtake each other on the network."""
RECHECK_INTERVAL = 1.0
"""Seconds after which a queued request checks again, at most: the limit may no longer be enforced by then."""
SLOW_START_PERIOD, SLOW_START_INTERVAL = 60.0, 0.1
"""After a block, a rate limiter without a published limit releases one request per interval, for this period
(both in seconds). All queued requests at once would only cause the next 429."""


class RateLimiter:
    """One rate limit of one credential.

    :param limit: None where Segment publishes none
    :param slow_start: release requests one by one after a block, where there is no published limit
    """

    def __init__(self, limit: Limit | None = None, *, slow_start: bool = True) -> None:
        self.limit = limit
        self.enforced = True
        """Whether the published limit is kept. A base URL other than Segment's own may have no limit."""
        self._slow_start = slow_start
        self._next = 0.0
        self._sent: deque[float] = deque(maxlen=limit.requests if limit else 0)
        self._queue: list[QueuePlace] = []
        self._blocked_until = float("-inf")
        self._lock = threading.Lock()

    def queue(self) -> QueuePlace:
        """A place in the queue for one request: a context manager, which gives the place up at its end."""
        return QueuePlace(self)

    def block_until(self, moment: float) -> None:
        """Release no request before a moment of the monotonic clock."""
        self._blocked_until = self._next = max(self._blocked_until, moment)

    def blocked_for(self, now: float) -> float:
        """Seconds for which no request is released."""
        return max(0.0, self._blocked_until - now)

    def release(self, place: QueuePlace, now: float) -> float:
        """Release and count the request at this place, if it may be sent now.

        :returns: 0 if it was released, otherwise the seconds to wait before asking again
        """
        with self._lock:
            seconds = max(self.blocked_for(now), self._wait_of(place, now))
            if seconds == 0.0:
                self._next = now + SLOW_START_INTERVAL
                self._sent.append(now)
                self._queue.remove(place)
            return min(seconds, RECHECK_INTERVAL) if self.limit else seconds

    def _wait_of(self, place: QueuePlace, now: float) -> float:
        if not self.enforced:
            return 0.0
        if self.limit is None:
            starting = self._blocked_until <= now < self._blocked_until + SLOW_START_PERIOD
            if not self._slow_start or not starting:
                return 0.0
            return max(0.0, self._next + self._queue.index(place) * SLOW_START_INTERVAL - now)
        # Requests further ahead use the slots that become free; each slot is free again one window later.
        rounds, slot = divmod(self._queue.index(place), self.limit.requests)
        free = self.limit.requests - len(self._sent)
        window = self.limit.seconds + MARGIN
        first = now if slot < free else self._sent[slot - free] + window
        return max(0.0, first + rounds * window - now)

    def _join(self, place: QueuePlace) -> None:
        with self._lock:
            self._queue.append(place)

    def _leave(self, place: QueuePlace) -> None:
        with self._lock:
            if place in self._queue:
                self._queue.remove(place)


class QueuePlace:
    """One request's place in the queue of a rate limiter."""

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter

    def __enter__(self) -> QueuePlace:
        self._limiter._join(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._limiter._leave(self)

    def wait(self, now: float) -> float:
        """Seconds to sleep before asking again; 0 to send now."""
        return self._limiter.release(self, now)


class RateLimiters:
    """The rate limiters of all credentials and hosts."""

    def __init__(self) -> None:
        self._limiters: dict[tuple[str, str, str], RateLimiter] = {}

    def of(self, call: Call, settings: Settings) -> RateLimiter:
        """The rate limiter of a request."""
        limit = limit_of(call.method, call.path) if call.api == "public" else None
        if limit and limit.seconds > PATIENCE["public"].budget:
            limit = None  # a daily limit: no request waits that long; Segment's own answer decides
        # An OAuth app's tokens come and go; its limits stay.
        app = settings.oauth_private_key
        secret = app if call.api == "oauth" else settings.secret_of(call.api) or app
        key = (
            host_of(call.api, settings.region, settings.base_url),
            secret.get_secret_value() if secret else "",
            limit.endpoint if limit else call.api,
        )
        return self._limiters.get(key) or self._limiters.setdefault(
            key, RateLimiter(limit, slow_start=call.api != "tracking")
        )

    def clear(self) -> None:
        """Forget all requests that were sent."""
        self._limiters.clear()


RATE_LIMITERS = RateLimiters()
"""The rate limiters of this process."""

# A forked process has those of its parent, whose other threads will never leave their queues and locks in it.
os.register_at_fork(after_in_child=RATE_LIMITERS.clear)
