"""Who may send when: the limits that Segment publishes, kept before Segment has to enforce them.

All clients of a process share its lanes. Of a credential, each endpoint with a published limit has a lane of
its own, all others of an API have one together. In a lane it is first come, first served.

Segment's own word comes first: a 429 holds its lane for as long as Segment asks, and so does an answer that
says that it was the last one for now (``X-RateLimit-Remaining: 0``).
"""

from __future__ import annotations

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
"""Seconds by which a window is kept longer than published: requests overtake each other on their way."""
LOOK_AGAIN = 1.0
"""Seconds after which a waiting request looks again, at the latest: a lane may open before its time."""
RECOVERY, GAP = 60.0, 0.1
"""For so many seconds after a hold, a lane without a published limit lets one request pass in each such
interval: all that were held, at once, would only bring on the next 429."""


class Lane:
    """One limit of one credential.

    :param limit: None where none is published
    :param gentle: let requests pass one by one after a hold, where no limit says how many
    """

    def __init__(self, limit: Limit | None = None, *, gentle: bool = True) -> None:
        self.limit = limit
        self._gentle = gentle
        self._next = 0.0
        self._sent: deque[float] = deque(maxlen=limit.requests if limit else 0)
        self._queue: list[Turn] = []
        self._held_until = float("-inf")
        self._open = False
        self._lock = threading.Lock()

    def turn(self) -> Turn:
        """Queue up for one request; a context manager, which leaves the queue at its end."""
        return Turn(self)

    def hold(self, until: float) -> None:
        """Let nobody pass before a moment of the monotonic clock."""
        self._held_until = self._next = max(self._held_until, until)

    def held(self, now: float) -> float:
        """Seconds until anybody may pass."""
        return max(0.0, self._held_until - now)

    def open(self, is_open: bool) -> None:
        """Keep the limit no longer, or again: another origin than Segment's own need not have one."""
        self._open = is_open

    def take(self, turn: Turn, now: float) -> float:
        """Seconds until the turn should ask again; 0 where it passes now, and is counted."""
        with self._lock:
            seconds = max(self.held(now), self._seconds_to(turn, now))
            if seconds == 0.0:
                self._next = now + GAP
                self._sent.append(now)
                self._queue.remove(turn)
            return min(seconds, LOOK_AGAIN) if self.limit else seconds

    def _seconds_to(self, turn: Turn, now: float) -> float:
        if self._open:
            return 0.0
        if self.limit is None:
            if not self._gentle or not self._held_until <= now < self._held_until + RECOVERY:
                return 0.0
            return max(0.0, self._next + self._queue.index(turn) * GAP - now)
        # Those in front fill up the places that become free; each place is free again a window later.
        rounds, place = divmod(self._queue.index(turn), self.limit.requests)
        free = self.limit.requests - len(self._sent)
        window = self.limit.seconds + MARGIN
        first = now if place < free else self._sent[place - free] + window
        return max(0.0, first + rounds * window - now)

    def _join(self, turn: Turn) -> None:
        with self._lock:
            self._queue.append(turn)

    def _leave(self, turn: Turn) -> None:
        with self._lock:
            if turn in self._queue:
                self._queue.remove(turn)


class Turn:
    """One request's place in the queue of its lane."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    def __enter__(self) -> Turn:
        self._lane._join(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._lane._leave(self)

    def wait(self, now: float) -> float:
        """Seconds to sleep before asking again; 0 to send now."""
        return self._lane.take(self, now)


class Lanes:
    """The lanes of all credentials at all origins."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, str, str], Lane] = {}

    def of(self, call: Call, settings: Settings) -> Lane:
        """The lane of a request."""
        limit = limit_of(call.method, call.path) if call.api == "public" else None
        if limit and limit.seconds > PATIENCE["public"].budget:
            limit = None  # by the day: no request waits so long; Segment's own answer says what to do
        secret = settings.secret_of(call.api)
        lane = (
            host_of(call.api, settings.region, settings.base_url),
            secret.get_secret_value() if secret else "",
            limit.endpoint if limit else call.api,
        )
        return self._lanes.get(lane) or self._lanes.setdefault(
            lane, Lane(limit, gentle=call.api != "tracking")
        )

    def clear(self) -> None:
        """Forget all that was sent."""
        self._lanes.clear()


LANES = Lanes()
"""The lanes of this process."""
