"""What events are about, counted before they are sent, in memory that does not grow with their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import chain, repeat
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from airflow_provider_segment.events.distinct import ANONYMOUS, USER, DistinctUsers
from airflow_provider_segment.events.message_ids import PREFIX
from airflow_provider_segment.events.tallies import MostFrequent, RepeatedIds

NAMES = 1_000
"""Names of events that are counted one by one."""
LONGEST_NAME = 100
"""Characters of a name that are kept."""
OLD = timedelta(days=1)
"""An identify or group event older than this may overwrite newer traits."""


class _Event(Struct, rename="camel", gc=False):
    """What is counted of an event; it was checked before."""

    type: str
    message_id: str
    user_id: str = ""
    anonymous_id: str = ""
    timestamp: datetime | None = None
    event: Any = None
    name: Any = None


_decode = msgspec.json.Decoder(_Event).decode

LABELLED = {"track": "event", "page": "name", "screen": "name"}
"""Where the name is of the types of events that have one."""

Kind = tuple[str, str | None]
"""Type and name of an event; None if it has no name."""


class Largest(NamedTuple):
    """The largest event.

    :param size: in bytes
    :param kind: its type and name
    :param position: of the item that it comes from
    """

    size: int
    kind: Kind
    position: float


class Statistics:
    """What is counted of the events that would be sent.

    :param now: the age of events is told from this time
    :param suppressed: ids of users whose events Segment drops; None if they are not known
    """

    def __init__(self, now: datetime, suppressed: Collection[str] | None = None) -> None:
        self.now = now
        self.events = 0
        self.bytes = 0
        self.types: Counter[str] = Counter()
        self.kinds: Counter[Kind] = Counter()
        """Events by type and name, of the first ``NAMES`` of them."""
        self.largest: Largest | None = None
        self.oldest: datetime | None = None
        self.newest: datetime | None = None
        self.without_timestamp = 0
        self.old_traits = 0
        """Identify and group events that are older than a day."""
        self.derived_ids = 0
        """Events whose message id was derived, not brought along."""
        self.users = DistinctUsers()
        self.busiest_users = MostFrequent()
        self.busiest_anonymous = MostFrequent()
        self.message_ids = RepeatedIds()
        self.suppressed_users: set[str] | None = None if suppressed is None else set()
        self.suppressed_events = 0
        self._suppressed = frozenset(suppressed or ())

    def add(self, events: Sequence[bytes], positions: Sequence[float]) -> None:
        """Count events.

        :param events: as they would be sent
        :param positions: of the items that they come from
        """
        if not events:
            return
        read = list(map(_decode, events))
        self.events += len(read)
        self._count_kinds(read)
        self._measure(events, positions, read)
        self._date(read)
        self._count_users([event.user_id for event in read if event.user_id])
        self._count_anonymous([event.anonymous_id for event in read if not event.user_id])
        ids = [event.message_id for event in read]
        self.message_ids.update(ids)
        self.derived_ids += sum(map(str.startswith, ids, repeat(PREFIX)))

    def _count_kinds(self, read: list[_Event]) -> None:
        kinds = self.kinds
        for kind, count in Counter(map(_kind, read)).items():
            self.types[kind[0]] += count
            if kind in kinds or len(kinds) < NAMES:
                kinds[kind] += count

    def _measure(self, events: Sequence[bytes], positions: Sequence[float], read: list[_Event]) -> None:
        sizes = list(map(len, events))
        self.bytes += sum(sizes)
        size = max(sizes)
        if self.largest is None or size > self.largest.size:
            place = sizes.index(size)
            self.largest = Largest(size, _kind(read[place]), positions[place])

    def _date(self, read: list[_Event]) -> None:
        times = [event.timestamp for event in read if event.timestamp is not None]
        self.without_timestamp += len(read) - len(times)
        if times:
            self.oldest = min(chain(times, (self.oldest,) if self.oldest else ()))
            self.newest = max(chain(times, (self.newest,) if self.newest else ()))
        if self.types["identify"] or self.types["group"]:
            old = self.now - OLD
            self.old_traits += sum(
                event.timestamp is not None and event.timestamp < old
                for event in read
                if event.type in ("identify", "group")
            )

    def _count_users(self, ids: list[str]) -> None:
        if not ids:
            return
        self.users.update(set(ids), USER)
        self.busiest_users.update(ids)
        if self._suppressed and self.suppressed_users is not None:
            found = [one for one in ids if one in self._suppressed]
            self.suppressed_events += len(found)
            self.suppressed_users.update(found)

    def _count_anonymous(self, ids: list[str]) -> None:
        if ids:
            self.users.update(set(ids), ANONYMOUS)
            self.busiest_anonymous.update(ids)


def _kind(event: _Event) -> Kind:
    """Type and name of an event; a name that is no text is none."""
    field = LABELLED.get(event.type)
    label = getattr(event, field) if field else None
    if type(label) is not str:
        return event.type, None
    return event.type, label if len(label) <= LONGEST_NAME else label[:LONGEST_NAME] + "..."
