"""Triggers for Airflow's ``AssetWatcher``: a DAG runs when something has happened at Segment (Airflow 3.0+).

Each thing that happens is told once. What was told is noted in the asset's state store (Airflow 3.3 and
later) as soon as Airflow has stored the event, so that a triggerer that starts again goes on from there:
nothing is missed. An event is told twice only where the triggerer dies between the storing of the event and
of the note, a second or two.

Before Airflow 3.3, which has no such store, a triggerer that starts again tells what happens from then on; of
an audience, and of a day's events, it tells how they stand.

Triggers of a triggerer that ask the same question share the answers, with each other and with deferred
sensors.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.triggers import BaseEventTrigger
from airflow.triggers.base import TriggerEvent

from airflow_provider_segment.api.clock import Clock, timestamp
from airflow_provider_segment.version_compat import SharedStreamProducer, stores_of_assets

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from airflow_provider_segment.waiting.feeds import Feed, Happening

log = logging.getLogger(__name__)

SPACING = 10.0
"""Seconds between two events of the same lane: Airflow makes one run of events that come closer together than
its scheduler looks."""

MAX_DOWNTIME = timedelta(days=30)
"""How long a triggerer may be away without anything being missed. Segment keeps most things no longer."""

TOLD = "segment_told"
"""Begin of the key in the asset's state store; it goes on with what tells a trigger from others."""


class Seen:
    """What a look brought, on its way to all who share it.

    :param since: how far back it reaches
    """

    def __init__(self, happenings: list[Happening], since: datetime) -> None:
        self.happenings = happenings
        self.since = since
        self.wanted: datetime | None = None
        """How far back somebody wants to look the next time."""
        self.more = False
        """Somebody has more to tell of it, a while later."""
        self.notes: list[Note] = []
        """What to note when Airflow has stored the events that came of it."""


class Stream(SharedStreamProducer):
    """Looks at Segment again and again, for all triggers with the same question."""

    def __init__(self, segment_conn_id: str, feed: Feed, poll_interval: float) -> None:
        self._segment_conn_id = segment_conn_id
        self._feed = feed
        self._interval = poll_interval
        self._undone: list[Note] = []

    async def open_stream(self) -> AsyncIterator[tuple[Seen, Seen]]:
        """What is seen, look after look, in the form that Airflow acknowledges."""
        async for seen in self.looks():
            yield seen, seen

    async def looks(self) -> AsyncIterator[Seen]:
        """What is seen, look after look, and the same again while somebody has more to tell of it.

        A failed look is logged; the next one comes after the interval.
        """
        from airflow_provider_segment.triggers.segment import connect
        from airflow_provider_segment.waiting.feeds import HORIZON
        from airflow_provider_segment.waiting.polls import Subscriber, shared_polls

        clock = Clock()
        reach = clock.now() - HORIZON
        async with shared_polls(self._segment_conn_id, partial(connect, self._segment_conn_id)) as polls:
            subscriber = Subscriber(
                polls,
                lambda now: self._feed.look(now, reach),
                self._interval,
                moving=self._feed.moving,
            )
            while True:
                try:
                    happenings = await subscriber.look(clock)
                except Exception as error:  # a watcher watches on, whatever happens to Segment
                    log.error("Cannot see %s: %s", self._feed, error)
                    await asyncio.sleep(self._interval)
                    continue
                seen = Seen(happenings, reach)
                yield seen
                await asyncio.sleep(min(SPACING, self._interval))
                while seen.more:
                    seen = Seen(happenings, reach)
                    yield seen
                    await asyncio.sleep(SPACING)
                if seen.wanted:  # somebody listened
                    reach = max(seen.wanted, clock.now() - MAX_DOWNTIME)

    async def advance(self, batch: Sequence[Any]) -> None:
        """Airflow has stored the events of these looks: note that they are told."""
        notes = {note.key: note for note in self._undone}
        for item in batch:
            if not item.outcome.failed:  # else some are not stored; a later note tells of them, too
                notes |= {note.key: note for note in item.broker_payload.notes}
        self._undone = []
        for note in notes.values():
            try:
                await note.write()
            except Exception as error:  # Airflow would end the watching of all who share it
                log.warning("Cannot note what was told, will try again: %s", error)
                self._undone.append(note)


class SegmentEventTrigger(BaseEventTrigger):
    """Tells what happens at Segment, each thing once.

    :param segment_conn_id: the Airflow connection
    :param poll_interval: seconds from look to look
    """

    arguments: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, segment_conn_id: str = "segment_default", poll_interval: float = 60.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.segment_conn_id = segment_conn_id
        self.poll_interval = poll_interval

    def feed(self) -> Feed:
        """What is looked at."""
        raise NotImplementedError

    def wants(self, happening: Happening) -> bool:
        """Whether this trigger tells of it."""
        return happening["outcome"] == "success"

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        names = (*self.arguments, "segment_conn_id", "poll_interval")
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            name: getattr(self, name) for name in names
        }

    def shared_stream_key(self) -> Hashable:
        """The same for the same question through the same connection."""
        return (repr(self.feed()), self.segment_conn_id, self.poll_interval)

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> Stream:
        """What looks, for all with the same key."""
        trigger = cls(**kwargs)
        return Stream(trigger.segment_conn_id, trigger.feed(), trigger.poll_interval)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """The same without a shared stream, for Airflow before 3.3."""
        stream = self.create_shared_stream_producer(self.serialize()[1])
        async for event in self.filter_shared_stream(stream.looks()):
            yield event

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Seen]) -> AsyncIterator[TriggerEvent]:
        """The events of this trigger, from what is seen."""
        from airflow_provider_segment.waiting.feeds import HORIZON

        note = Note(self._stores(), self._key())
        told = await note.read() or Told(since=timestamp(Clock().now()), keys={})
        await note.of(told).write()
        async for seen in shared_stream:
            told = told.up_to(Clock().now() - MAX_DOWNTIME)
            if seen.since > told.moment:
                # After a downtime: the next look reaches back to what lies between.
                seen.wanted = min(seen.wanted or told.moment, told.moment)
                continue
            new = [each for each in seen.happenings if self.wants(each) and told.is_new(each)]
            now, later = one_of_each_lane(new)
            for happening in now:
                yield TriggerEvent(happening["what"])  # type: ignore[no-untyped-call]
            if now:
                told = told.and_also(now, later, latest_only=self.feed().latest_only)
                seen.notes.append(note.of(told))
            seen.more = seen.more or bool(later)
            if not later:
                told = told.up_to(Clock().now() - HORIZON)
            seen.wanted = min(seen.wanted or told.moment, told.moment)

    def _stores(self) -> list[Any]:
        return stores_of_assets(getattr(self, "asset_state_store", None))

    def _key(self) -> str:
        """The key of this trigger's notes: several may watch for the same asset."""
        path, arguments = self.serialize()
        del arguments["poll_interval"]
        digest = blake2b(json.dumps([path, arguments], sort_keys=True).encode(), digest_size=8)
        return f"{TOLD}_{digest.hexdigest()}"


class Note:
    """What a trigger has told, in the state stores of the assets that it watches for.

    :param stores: of each asset; Airflow makes one trigger of equal ones
    """

    def __init__(self, stores: list[Any], key: str, told: Told | None = None) -> None:
        self._stores = stores
        self.key = key
        self._told = told

    def of(self, told: Told) -> Note:
        """A note to write."""
        return Note(self._stores, self.key, told)

    async def write(self) -> None:
        """Write it."""
        if self._told:
            for store in self._stores:
                await store.aset(self.key, {"since": self._told.since, "keys": self._told.keys})

    async def read(self) -> Told | None:
        """What was told; None where nothing is known."""
        known = [value for store in self._stores if (value := await store.aget(self.key))]
        if not known:
            return None
        keys = {key: at for each in known for key, at in each["keys"].items()}
        return Told(max(each["since"] for each in known), keys)


class Told:
    """What was told already.

    :param since: what happened before is not told
    :param keys: what was told, and when it happened
    """

    def __init__(self, since: str, keys: dict[str, str]) -> None:
        self.since = since
        self.keys = keys

    @property
    def moment(self) -> datetime:
        """The moment of ``since``."""
        return datetime.fromisoformat(self.since.replace("Z", "+00:00"))

    def is_new(self, happening: Happening) -> bool:
        """Whether it was not told yet."""
        return happening["key"] not in self.keys and happening["at"] >= self.moment

    def and_also(self, now: list[Happening], later: list[Happening], *, latest_only: bool) -> Told:
        """With these told, too; what happened long before them is forgotten, and not told any more.

        :param later: is still to be told
        """
        from airflow_provider_segment.waiting.feeds import HORIZON

        before = {} if latest_only else self.keys
        keys = {**before, **{each["key"]: timestamp(each["at"]) for each in now}}
        floor = min([max(each["at"] for each in now) - HORIZON, *(each["at"] for each in later)])
        return Told(self.since, keys).up_to(floor)

    def up_to(self, moment: datetime) -> Told:
        """The same, without what happened before a moment, which is not told any more."""
        since = max(self.since, timestamp(moment))
        return Told(since, {key: at for key, at in self.keys.items() if at >= since})


def one_of_each_lane(happenings: list[Happening]) -> tuple[list[Happening], list[Happening]]:
    """The oldest of each lane, and all others."""
    first: dict[str, Happening] = {}
    later: list[Happening] = []
    for happening in sorted(happenings, key=lambda each: each["at"]):
        if first.setdefault(happening["lane"], happening) is not happening:
            later.append(happening)
    return list(first.values()), later


class SegmentWarehouseSyncedTrigger(SegmentEventTrigger):
    """A sync to a warehouse has ended. The event is Segment's report of it, with the ``warehouse_id``.

    :param warehouse_id: the warehouse
    :param source_id: only syncs of this source. Segment reports each source's sync by itself.
    :param outcomes: which ends count: ``success``, ``partial``, ``failed``
    """

    arguments = ("warehouse_id", "source_id", "outcomes")

    def __init__(
        self,
        warehouse_id: str,
        source_id: str | None = None,
        outcomes: Sequence[str] = ("success",),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.warehouse_id = warehouse_id
        self.source_id = source_id
        self.outcomes = list(outcomes)

    def feed(self) -> Feed:
        """The reports of the warehouse."""
        from airflow_provider_segment.waiting.feeds import WarehouseSyncs

        return WarehouseSyncs(warehouse_id=self.warehouse_id)

    def wants(self, happening: Happening) -> bool:
        """Of the source, with an end that counts."""
        return self.source_id in (None, happening["lane"]) and happening["outcome"] in self.outcomes


class SegmentReverseEtlSyncedTrigger(SegmentEventTrigger):
    """A reverse ETL sync of a mapping has ended. The event is Segment's status of it.

    :param model_id: the model
    :param subscription_id: the mapping
    :param outcomes: which ends count: ``success``, ``partial``, ``failed``, ``cancelled``
    """

    arguments = ("model_id", "subscription_id", "outcomes")

    def __init__(
        self, model_id: str, subscription_id: str, outcomes: Sequence[str] = ("success",), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.model_id = model_id
        self.subscription_id = subscription_id
        self.outcomes = list(outcomes)

    def feed(self) -> Feed:
        """The syncs of the mapping."""
        from airflow_provider_segment.waiting.feeds import ReverseEtlSyncs

        return ReverseEtlSyncs(model_id=self.model_id, subscription_id=self.subscription_id)

    def wants(self, happening: Happening) -> bool:
        """With an end that counts."""
        return happening["outcome"] in self.outcomes


class SegmentAudienceUpdatedTrigger(SegmentEventTrigger):
    """A live audience was changed, or has another size. The event holds its ``id``, ``status``, ``size``...

    The first look tells of the audience as it is.

    :param space_id: the space
    :param audience_id: the audience
    """

    arguments = ("space_id", "audience_id")

    def __init__(self, space_id: str, audience_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.space_id = space_id
        self.audience_id = audience_id

    def feed(self) -> Feed:
        """The audience."""
        from airflow_provider_segment.waiting.feeds import AudienceUpdates

        return AudienceUpdates(space_id=self.space_id, audience_id=self.audience_id)


class SegmentEventVolumeTrigger(SegmentEventTrigger):
    """So many events of a source came on one day (UTC), told once a day.

    The event holds ``source_id``, ``day`` and ``count``.

    :param source_id: the source
    :param count: events at least
    :param event_name: only events of this name
    :param event_type: only events of this type
    """

    arguments = ("source_id", "count", "event_name", "event_type")

    def __init__(
        self,
        source_id: str,
        count: int,
        event_name: str | None = None,
        event_type: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source_id = source_id
        self.count = count
        self.event_name = event_name
        self.event_type = event_type

    def feed(self) -> Feed:
        """The events of the day."""
        from airflow_provider_segment.waiting.feeds import VolumeCrossings

        names = ("source_id", "count", "event_name", "event_type")
        return VolumeCrossings(**{name: getattr(self, name) for name in names})


class SegmentAuditEventTrigger(SegmentEventTrigger):
    """Somebody changed something in the workspace. The event is that of the audit trail, without who did it.

    :param resource_type: only changes of this kind of resource
    :param resource_id: only changes of this resource
    :param event_types: only events of these types, such as ``Source Modified``
    """

    arguments = ("resource_type", "resource_id", "event_types")

    def __init__(
        self,
        resource_type: str | None = None,
        resource_id: str | None = None,
        event_types: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.resource_type = resource_type
        self.resource_id = resource_id
        self.event_types = list(event_types) if event_types else None

    def feed(self) -> Feed:
        """The audit trail."""
        from airflow_provider_segment.waiting.feeds import AuditEvents

        return AuditEvents(resource_type=self.resource_type, resource_id=self.resource_id)

    def wants(self, happening: Happening) -> bool:
        """Of the types."""
        return self.event_types is None or happening["what"].get("type") in self.event_types
