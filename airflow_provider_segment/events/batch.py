"""Batches: as many events as fit Segment's limits, and the request body that carries them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from airflow_provider_segment import __version__
from airflow_provider_segment.clock import timestamp
from airflow_provider_segment.limits import MAX_BATCH_BYTES, MAX_BATCH_EVENTS

LIBRARY = {"name": "airflow-provider-segment", "version": __version__}
"""Names us to Segment's support, as every library of Segment's does."""

_HEAD = b'{"batch":['
_CONTEXT = b'],"context":%b,"sentAt":"' % msgspec.json.encode({"library": LIBRARY})
_TAIL = b'"}'
ENVELOPE_BYTES = len(_HEAD) + len(_CONTEXT) + len("2000-01-01T00:00:00.000Z") + len(_TAIL)


@dataclass
class Batch:
    """Events that travel together.

    :param events: each as JSON bytes
    :param positions: the position in the input of each
    """

    events: list[bytes] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    size: int = ENVELOPE_BYTES
    """Bytes of the request body, uncompressed."""

    def halves(self) -> tuple[Batch, Batch]:
        """The same events in two batches."""
        middle = len(self.events) // 2
        return (
            Batch.of(self.events[:middle], self.positions[:middle]),
            Batch.of(self.events[middle:], self.positions[middle:]),
        )

    @classmethod
    def of(cls, events: list[bytes], positions: list[int]) -> Batch:
        """A batch of these events."""
        return cls(events, positions, ENVELOPE_BYTES + sum(map(len, events)) + len(events) - 1)

    def body(self, compress: Callable[[bytes], bytes] | None, now: datetime) -> bytes:
        """The body of an attempt: ``sentAt`` says when this attempt is made."""
        body = b"".join((_HEAD, b",".join(self.events), _CONTEXT, timestamp(now).encode(), _TAIL))
        return compress(body) if compress else body


class Batcher:
    """Fills batches.

    :param max_events: events a batch holds at most, if fewer than Segment's limit
    """

    def __init__(self, max_events: int = MAX_BATCH_EVENTS) -> None:
        self._max_events = max_events
        self._batch = Batch()

    def add(self, event: bytes, position: int) -> Batch | None:
        """Take an event; returns the batch that was full without it, if one was."""
        batch = self._batch
        size = len(event) + 1
        full = None
        if batch.size + size > MAX_BATCH_BYTES or len(batch.events) >= self._max_events:
            full = batch
            batch = self._batch = Batch()
        batch.events.append(event)
        batch.positions.append(position)
        batch.size += size
        return full

    def rest(self) -> Batch | None:
        """The last batch, unless it is empty."""
        return self._batch if self._batch.events else None
