"""Batches: as many events as fit Segment's limits, and their request body."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import accumulate, islice

import msgspec

from airflow_provider_segment import __version__
from airflow_provider_segment.api.clock import timestamp
from airflow_provider_segment.events.limits import MAX_BATCH_BYTES, MAX_BATCH_EVENTS

LIBRARY = {"name": "airflow-provider-segment", "version": __version__}
"""Identifies this package to Segment's support, as each of Segment's libraries does."""

_HEAD = b'{"batch":['
_CONTEXT = b'],"context":%b,"sentAt":"' % msgspec.json.encode({"library": LIBRARY})
ENVELOPE_BYTES = len(_HEAD) + len(_CONTEXT) + len('2000-01-01T00:00:00.000Z"}')


class Batch:
    """Events sent in one request, with their positions in the input.

    :param most: the maximum number of events
    """

    __slots__ = ("_body", "_events", "_most", "positions", "size")

    def __init__(self, most: int = MAX_BATCH_EVENTS) -> None:
        self._most = most
        self.positions: list[float] = []
        self.size = ENVELOPE_BYTES - 1  # each event adds a comma, except one
        """Bytes of the request body, uncompressed."""
        self._events: list[bytes] = []
        self._body = b""

    def __len__(self) -> int:
        return len(self.positions)

    def extend(self, events: Sequence[bytes], positions: Sequence[float]) -> int:
        """Add as many of these events, from the first on, as fit Segment's limits; how many that are."""
        ends = list(accumulate(map(len, islice(events, self._most - len(self)))))
        # Each event adds a comma, too.
        fit = bisect_right(range(len(ends)), MAX_BATCH_BYTES, key=lambda n: self.size + ends[n] + n + 1)
        if fit:
            self.size += ends[fit - 1] + fit
            self._events += events[:fit]
            self.positions += positions[:fit]
        return fit

    def body(self, now: datetime) -> bytes:
        """The body of an attempt; ``sentAt`` is the time of the attempt."""
        end = b'%b"}' % timestamp(now).encode()
        if self._body:
            self._body = self._body[: -len(end)] + end
        else:
            # From now on only the body holds the events: many batches are in flight, and memory is limited.
            self._body = b"".join((_HEAD, b",".join(self._events), _CONTEXT, end))
            self._events.clear()
        return self._body

    def events(self) -> list[bytes]:
        """The events, each as JSON bytes."""
        return self._events or [bytes(event) for event in _decode_batch(self._body).batch]

    def halves(self) -> tuple[Batch, Batch]:
        """The same events in two batches."""
        first, second = Batch(), Batch()
        events, middle = self.events(), len(self) // 2
        first.extend(events[:middle], self.positions[:middle])
        second.extend(events[middle:], self.positions[middle:])
        return first, second


class Batcher:
    """Puts events into batches, as many into each as fit.

    :param most: the maximum number of events of a batch
    """

    def __init__(self, most: int = MAX_BATCH_EVENTS) -> None:
        self._most = most
        self.last = Batch(most)
        """The batch that more events may fit into."""

    def add(self, events: Sequence[bytes], positions: Sequence[float]) -> Iterator[Batch]:
        """Add events, each of which fits into a batch; the batches that are full."""
        while events:
            fit = self.last.extend(events, positions)
            events, positions = events[fit:], positions[fit:]
            if events:
                yield self.take()

    def take(self) -> Batch:
        """The last batch, as it is."""
        taken, self.last = self.last, Batch(self._most)
        return taken


class _Body(msgspec.Struct):
    batch: list[msgspec.Raw]


_decode_batch = msgspec.json.Decoder(_Body).decode
