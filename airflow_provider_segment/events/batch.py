"""Batches: as many events as fit Segment's limits, and their request body."""

from __future__ import annotations

from datetime import datetime

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

    def add(self, event: bytes, position: float) -> bool:
        """Add an event; False if the batch would exceed Segment's limits."""
        size = self.size + len(event) + 1
        if size > MAX_BATCH_BYTES or len(self.positions) >= self._most:
            return False
        self.size = size
        self._events.append(event)
        self.positions.append(position)
        return True

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
        middle = len(self) // 2
        for index, (event, position) in enumerate(zip(self.events(), self.positions, strict=True)):
            (first if index < middle else second).add(event, position)
        return first, second


class _Body(msgspec.Struct):
    batch: list[msgspec.Raw]


_decode_batch = msgspec.json.Decoder(_Body).decode
