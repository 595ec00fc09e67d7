"""Triggers for Airflow's ``AssetWatcher``: a DAG runs when something has happened at Segment (Airflow 3.0+).

Each thing that happens is told once. What was told is noted in the asset's state store (Airflow 3.3 and
later) as soon as Airflow has stored the event, so that a triggerer that starts again goes on from there:
nothing is missed. An event is told twice only where the triggerer dies between the storing of the event and
of the note, a second or two.

Before Airflow 3.3, which has no such store, a triggerer that starts again tells what happens from then on.

Triggers of a triggerer that ask the same question share the answers, with each other and with deferred
sensors.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.triggers import BaseEventTrigger
from airflow.triggers.base import TriggerEvent

from airflow_provider_segment.clock import Clock, timestamp
from airflow_provider_segment.version_compat import SharedStreamProducer

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from airflow_provider_segment.waiting.condition import Condition
    from airflow_provider_segment.waiting.happenings import Happening

SPACING = 10.0
"""Seconds between two events of the same lane: Airflow makes one run of events that come closer together than
its scheduler looks."""

TOLD = "segment_told"
"""Key in the asset's state store."""


class Seen:
    """What a look brought, on its way to all who share it."""

    def __init__(self, happenings: list[Happening]) -> None:
        self.happenings = happenings
        self.more = False
        """Somebody has more to tell of it, a while later."""
        self.when_stored: list[Callable[[], Awaitable[None]]] = []
        """What to do when Airflow has stored the events that came of it."""


class Stream(SharedStreamProducer):
    """Looks at Segment again and again, for all triggers with the same question."""

    def __init__(self, segment_conn_id: str, condition: Condition, poll_interval: float) -> None:
        self._segment_conn_id = segment_conn_id
        self._condition = condition
        self._interval = poll_interval

    async def open_stream(self) -> AsyncIterator[tuple[Seen, Seen]]:
        """What is seen, look after look. A failed look is logged; the next one comes after the interval."""
        async for seen in self.looks():
            yield seen, seen

    async def looks(self) -> AsyncIterator[Seen]:
        """What is seen, look after look, and the same again while somebody has more to tell of it."""
        import logging

        from airflow_provider_segment.hooks.segment import SegmentHook
        from airflow_provider_segment.waiting.polls import Subscriber, shared_polls

        log, clock = logging.getLogger(__name__), Clock()
        hook = SegmentHook(self._segment_conn_id)
        async with shared_polls(self._segment_conn_id, hook.get_async_conn) as polls:
            subscriber = Subscriber(polls, self._condition, self._interval)
            while True:
                try:
                    verdict = await subscriber.look(clock)
                except (
                    Exception
                ) as error:  # a watcher watches on, whatever happens to Segment or the connection
                    log.error("Cannot see %s: %s", type(self._condition).__name__, error)
                    await asyncio.sleep(min(self._interval, 1.0))
                    continue
                seen = Seen(verdict.result)
                yield seen
                await asyncio.sleep(min(SPACING, self._interval))
                while seen.more:
                    seen = Seen(seen.happenings)
                    yield seen
                    await asyncio.sleep(SPACING)

    async def advance(self, batch: Sequence[Any]) -> None:
        """Airflow has stored the events of these looks: note that they are told."""
        for item in batch:
            for note in item.broker_payload.when_stored:
                await note()


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

    def condition(self) -> Condition:
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
        path, facts = self.condition().freeze()
        return (path, repr(sorted(facts.items())), self.segment_conn_id, self.poll_interval)

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> Stream:
        """What looks, for all with the same key."""
        trigger = cls(**kwargs)
        return Stream(trigger.segment_conn_id, trigger.condition(), trigger.poll_interval)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """The same without a shared stream, for Airflow before 3.3."""
        stream = self.create_shared_stream_producer(self.serialize()[1])
        async for event in self.filter_shared_stream(stream.looks()):
            yield event

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Seen]) -> AsyncIterator[TriggerEvent]:
        """The events of this trigger, from what is seen."""
        told = await self._remembered()
        async for seen in shared_stream:
            new = [each for each in seen.happenings if self.wants(each) and told.is_new(each)]
            now, later = one_of_each_lane(new)
            for happening in now:
                yield TriggerEvent(happening["what"])  # type: ignore[no-untyped-call]
            if now:
                told = told.and_also(now)
                seen.when_stored.append(partial(self._remember, told))
            seen.more = seen.more or bool(later)

    async def _remembered(self) -> Told:
        store = getattr(self, "asset_state_store", None)
        known = await store.aget(TOLD) if store else None
        if known:
            return Told(**known)
        told = Told(since=timestamp(Clock().now()), keys={})
        await self._remember(told)
        return told

    async def _remember(self, told: Told) -> None:
        store = getattr(self, "asset_state_store", None)
        if store:
            await store.aset(TOLD, {"since": told.since, "keys": told.keys})


class Told:
    """What was told already.

    :param since: what happened before is not told
    :param keys: what was told, and when it happened
    """

    def __init__(self, since: str, keys: dict[str, str]) -> None:
        self.since = since
        self.keys = keys

    def is_new(self, happening: Happening) -> bool:
        """Whether it was not told yet."""
        return happening["key"] not in self.keys and happening["at"] >= datetime.fromisoformat(
            self.since.replace("Z", "+00:00")
        )

    def and_also(self, happenings: list[Happening]) -> Told:
        """With these told, too; what happened long before them is forgotten, and not told any more."""
        from airflow_provider_segment.waiting.happenings import HORIZON

        keys = {**self.keys, **{each["key"]: timestamp(each["at"]) for each in happenings}}
        floor = max(self.since, timestamp(max(each["at"] for each in happenings) - HORIZON))
        return Told(floor, {key: at for key, at in keys.items() if at >= floor})


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

    def condition(self) -> Condition:
        """The reports of the warehouse."""
        from airflow_provider_segment.waiting.happenings import WarehouseSyncs

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

    def condition(self) -> Condition:
        """The syncs of the mapping."""
        from airflow_provider_segment.waiting.happenings import ReverseEtlSyncs

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

    def condition(self) -> Condition:
        """The audience."""
        from airflow_provider_segment.waiting.happenings import AudienceUpdates

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

    def condition(self) -> Condition:
        """The events of the day."""
        from airflow_provider_segment.waiting.happenings import VolumeCrossings

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

    def condition(self) -> Condition:
        """The audit trail."""
        from airflow_provider_segment.waiting.happenings import AuditEvents

        return AuditEvents(resource_type=self.resource_type, resource_id=self.resource_id)

    def wants(self, happening: Happening) -> bool:
        """Of the types."""
        return self.event_types is None or happening["what"].get("type") in self.event_types
