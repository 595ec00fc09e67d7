"""Triggers for Airflow's ``AssetWatcher``: they start a DAG when something occurs at Segment (Airflow 3.0+).

Each occurrence is emitted once. As soon as Airflow has stored the event, the trigger records its progress in
the asset's state store (Airflow 3.3 and later), and a restarted triggerer resumes from there: nothing is
missed. An event is emitted twice only if the triggerer dies between the two writes, a second or two.

Before Airflow 3.3 there is no such store: a restarted triggerer emits what occurs from then on, and the
current state of an audience and of today's event volume.

Triggers in a triggerer that ask the same question share the answers, with each other and with deferred
sensors.
"""

from __future__ import annotations

import json
import logging
from abc import abstractmethod
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.triggers import BaseEventTrigger
from airflow.triggers.base import TriggerEvent

from airflow_provider_segment.api.clock import Clock, timestamp
from airflow_provider_segment.api.regions import Region
from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.hooks.options import HookOptions
from airflow_provider_segment.references import has_templates, is_made
from airflow_provider_segment.version_compat import SharedStreamProducer, stores_of_assets

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from airflow_provider_segment.waiting.feeds import Feed, Occurrence

log = logging.getLogger(__name__)

SPACING = 10.0
"""Seconds between two events with the same ordering key. Airflow merges events into one run if they arrive
between two passes of its scheduler."""

MAX_DOWNTIME = timedelta(days=30)
"""The longest downtime of a triggerer that loses nothing. Segment keeps most records no longer."""

OF_THE_REQUESTS = ("poll_interval", "log_requests", "request_timeout")
"""Arguments that say how Segment is asked, not what."""

KEY_PREFIX = "segment_emitted"
"""Start of a trigger's key in the asset's state store; a digest of its class path and arguments follows."""


class SharedPoll:
    """The result of one poll, passed to each trigger that shares it, and what those triggers ask for next.

    :param occurrences: what the poll found
    :param since: how far back the poll reaches
    """

    def __init__(self, occurrences: list[Occurrence], since: datetime) -> None:
        self.occurrences = occurrences
        self.since = since
        self.next_since: datetime | None = None
        """How far back the next poll has to reach; None if no trigger listened."""
        self.unfinished = False
        """Whether a trigger has more of these occurrences to emit after ``SPACING``."""
        self.records: list[ProgressRecord] = []
        """To be written once Airflow has stored the events of this poll."""


class FeedStream(SharedStreamProducer):
    """Polls a feed for all triggers that ask the same question.

    :param options: the Airflow connection, and what is other than it says
    :param poll_interval: seconds between polls
    """

    def __init__(self, options: HookOptions, feed: Feed, poll_interval: float) -> None:
        self._options = options
        self._feed = feed
        self._interval = poll_interval
        self._unwritten: list[ProgressRecord] = []

    async def open_stream(self) -> AsyncIterator[tuple[SharedPoll, SharedPoll]]:
        """The polls, each with the value that Airflow hands to :meth:`advance`."""
        async for poll in self.polls():
            yield poll, poll

    async def polls(self) -> AsyncIterator[SharedPoll]:
        """Poll for ever; yield each result again while a trigger has more of it to emit.

        A failed poll is logged, and repeated after the interval. The ids of names are looked up before the
        first poll, and after each that failed.
        """
        from airflow_provider_segment.triggers.names import with_ids
        from airflow_provider_segment.triggers.segment import connect
        from airflow_provider_segment.waiting.feeds import MAX_LATENESS
        from airflow_provider_segment.waiting.polls import Subscriber, shared_polls

        clock = Clock()
        since = clock.now() - MAX_LATENESS
        feed = self._feed
        has_ids = False
        async with shared_polls(self._options, partial(connect, self._options)) as polls:
            subscriber = Subscriber(
                polls,
                lambda now: feed.look(now, since),
                self._interval,
                moving=self._feed.moving,
            )
            while True:
                try:
                    if not has_ids:
                        feed, has_ids = await with_ids(self._feed, self._options), True
                    occurrences = await subscriber.look(clock)
                except Exception as error:  # no error at Segment stops the polling
                    log.error("Cannot poll %s: %s", self._feed, error)
                    has_ids = False  # what has the name may have another id by now
                    await clock.asleep(self._interval)
                    continue
                poll = SharedPoll(occurrences, since)
                yield poll
                await clock.asleep(min(SPACING, self._interval))
                while poll.unfinished:
                    poll = SharedPoll(occurrences, since)
                    yield poll
                    await clock.asleep(SPACING)
                if poll.next_since:
                    since = max(poll.next_since, clock.now() - MAX_DOWNTIME)

    async def advance(self, batch: Sequence[Any]) -> None:
        """Airflow has stored the events of these polls: record the progress of their triggers."""
        records = {record.key: record for record in self._unwritten}
        for item in batch:
            if not item.outcome.failed:  # otherwise events are missing; the next record covers this one, too
                records |= {record.key: record for record in item.broker_payload.records}
        self._unwritten = []
        for record in records.values():
            try:
                await record.write()
            except Exception as error:  # Airflow would stop the stream for all triggers that share it
                log.warning("Cannot record which events were emitted, will try again: %s", error)
                self._unwritten.append(record)


class SegmentWatcherTrigger(BaseEventTrigger):
    """Emits an event for each occurrence at Segment, once. The base of the triggers for ``AssetWatcher``.

    Instead of an id, an argument takes a reference: ``ref("warehouse", "Shop")``, without templates. It is
    looked up before the first poll, and again after each poll that failed.

    :param segment_conn_id: the Airflow connection
    :param poll_interval: seconds between polls
    :param region: ``us`` or ``eu``, instead of the connection's
    :param log_requests: log each request at INFO, or with False at DEBUG only, whatever the connection says
    :param request_timeout: seconds for each step of a request, instead of the connection's ``timeout``
    """

    arguments: ClassVar[tuple[str, ...]] = ()
    """Names of the arguments that a subclass adds."""

    def __init__(
        self,
        *,
        segment_conn_id: str = "segment_default",
        poll_interval: float = 60.0,
        region: Region | None = None,
        log_requests: bool | None = None,
        request_timeout: float | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.segment_conn_id = segment_conn_id
        self.poll_interval = poll_interval
        self.region: Region | None = region
        self.log_requests = log_requests
        self.request_timeout = request_timeout

    @abstractmethod
    def feed(self) -> Feed:
        """The feed to poll."""

    def wants(self, occurrence: Occurrence) -> bool:
        """Whether this trigger emits an event for it."""
        return occurrence["outcome"] == "success"

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments.

        :raises SegmentConfigurationError: a reference is of another kind than the argument, or has templates
        """
        self._check_references()
        names = (*self.arguments, "segment_conn_id", "poll_interval")
        # Airflow tells triggers apart by these: one that was stored before there were more stays the same.
        further = ("region", "log_requests", "request_timeout")
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            **{name: getattr(self, name) for name in names},
            **{name: value for name in further if (value := getattr(self, name)) is not None},
        }

    def _check_references(self) -> None:
        """An error of the DAG, instead of one in the triggerer's log."""
        given = {name: value for name in self.arguments if is_made(value := getattr(self, name))}
        if not given:
            return
        from airflow_provider_segment.hooks.references import misplaced

        if wrong := misplaced(given, ""):
            raise SegmentConfigurationError(wrong)
        for name, value in given.items():
            if has_templates(value):
                raise SegmentConfigurationError(f"{name}: no task runs that could render {value}")

    @property
    def hook_options(self) -> HookOptions:
        """The arguments that the hook takes."""
        return HookOptions(self.segment_conn_id, self.region, self.log_requests, self.request_timeout)

    def shared_stream_key(self) -> Hashable:
        """Equal for triggers that ask the same question through the same connection."""
        return (repr(self.feed()), self.hook_options, self.poll_interval)

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> FeedStream:
        """The stream of polls for all triggers with the same key."""
        trigger = cls(**kwargs)
        return FeedStream(trigger.hook_options, trigger.feed(), trigger.poll_interval)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Emit events from a stream of the trigger's own, for Airflow before 3.3."""
        stream = self.create_shared_stream_producer(self.serialize()[1])
        async for event in self.filter_shared_stream(stream.polls()):
            yield event

    async def filter_shared_stream(
        self, shared_stream: AsyncIterator[SharedPoll]
    ) -> AsyncIterator[TriggerEvent]:
        """The events of this trigger, out of the polls that it shares."""
        from airflow_provider_segment.waiting.feeds import MAX_LATENESS

        record = ProgressRecord(self._stores(), self._key())
        progress = await record.read() or Progress(since=timestamp(Clock().now()), keys={})
        await record.of(progress).write()
        async for poll in shared_stream:
            progress = progress.forget_before(Clock().now() - MAX_DOWNTIME)
            if poll.since > progress.start:
                # After a downtime the first poll is too short: the next one covers the gap.
                poll.next_since = min(poll.next_since or progress.start, progress.start)
                continue
            new = [each for each in poll.occurrences if self.wants(each) and progress.lacks(each)]
            now, later = one_of_each_ordering_key(new)
            for occurrence in now:
                yield TriggerEvent(occurrence["payload"])  # type: ignore[no-untyped-call]
            if now:
                progress = progress.after(now, later, latest_only=self.feed().latest_only)
                poll.records.append(record.of(progress))
            poll.unfinished = poll.unfinished or bool(later)
            if not later:
                progress = progress.forget_before(Clock().now() - MAX_LATENESS)
            poll.next_since = min(poll.next_since or progress.start, progress.start)

    def _stores(self) -> list[Any]:
        return stores_of_assets(getattr(self, "asset_state_store", None))

    def _key(self) -> str:
        """The key of this trigger's progress: several triggers may watch the same asset."""
        path, arguments = self.serialize()
        asked = {name: value for name, value in arguments.items() if name not in OF_THE_REQUESTS}
        digest = blake2b(json.dumps([path, asked], sort_keys=True).encode(), digest_size=8)
        return f"{KEY_PREFIX}_{digest.hexdigest()}"


class ProgressRecord:
    """A trigger's progress in the state stores of the assets that it watches.

    :param stores: one for each asset: Airflow runs equal triggers of several assets as one
    :param key: the trigger's key in each store
    :param progress: what to write; None for a record that is only read
    """

    def __init__(self, stores: list[Any], key: str, progress: Progress | None = None) -> None:
        self._stores = stores
        self.key = key
        self._progress = progress

    def of(self, progress: Progress) -> ProgressRecord:
        """The same record with a progress to write."""
        return ProgressRecord(self._stores, self.key, progress)

    async def write(self) -> None:
        """Write it to each store."""
        if self._progress:
            for store in self._stores:
                await store.aset(self.key, {"since": self._progress.since, "keys": self._progress.keys})

    async def read(self) -> Progress | None:
        """What the stores hold, merged; None where they hold nothing."""
        known = [value for store in self._stores if (value := await store.aget(self.key))]
        if not known:
            return None
        keys = {key: at for each in known for key, at in each["keys"].items()}
        return Progress(max(each["since"] for each in known), keys)


class Progress:
    """Which occurrences a trigger has already emitted.

    :param since: earlier occurrences are not emitted, ISO 8601
    :param keys: the keys of emitted occurrences, and when each occurred, ISO 8601
    """

    def __init__(self, since: str, keys: dict[str, str]) -> None:
        self.since = since
        self.keys = keys

    @property
    def start(self) -> datetime:
        """``since`` as a datetime."""
        return datetime.fromisoformat(self.since.replace("Z", "+00:00"))

    def lacks(self, occurrence: Occurrence) -> bool:
        """Whether an occurrence is still to be emitted."""
        return occurrence["key"] not in self.keys and occurrence["at"] >= self.start

    def after(self, now: list[Occurrence], later: list[Occurrence], *, latest_only: bool) -> Progress:
        """The progress after these were emitted. Keys too old to be seen again are dropped.

        :param later: occurrences still to be emitted
        :param latest_only: keep only the keys just emitted
        """
        from airflow_provider_segment.waiting.feeds import MAX_LATENESS

        before = {} if latest_only else self.keys
        keys = {**before, **{each["key"]: timestamp(each["at"]) for each in now}}
        floor = min([max(each["at"] for each in now) - MAX_LATENESS, *(each["at"] for each in later)])
        return Progress(self.since, keys).forget_before(floor)

    def forget_before(self, moment: datetime) -> Progress:
        """The progress with ``since`` at the given moment or later, and without older keys."""
        since = max(self.since, timestamp(moment))
        return Progress(since, {key: at for key, at in self.keys.items() if at >= since})


def one_of_each_ordering_key(occurrences: list[Occurrence]) -> tuple[list[Occurrence], list[Occurrence]]:
    """The oldest occurrence with each ordering key, and all others."""
    first: dict[str, Occurrence] = {}
    later: list[Occurrence] = []
    for occurrence in sorted(occurrences, key=lambda each: each["at"]):
        if first.setdefault(occurrence["ordering_key"], occurrence) is not occurrence:
            later.append(occurrence)
    return list(first.values()), later


class SegmentWarehouseSyncedTrigger(SegmentWatcherTrigger):
    """Emits an event when a sync to a warehouse has ended: Segment's report of the sync, with the
    ``warehouse_id``.

    :param warehouse_id: the warehouse
    :param source_id: only syncs of this source. Segment reports the sync of each source separately
    :param outcomes: emit syncs with these outcomes: ``success``, ``partial``, ``failed``
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
        """The syncs to the warehouse."""
        from airflow_provider_segment.waiting.feeds import WarehouseSyncs

        return WarehouseSyncs(warehouse_id=self.warehouse_id, source_id=self.source_id)

    def wants(self, occurrence: Occurrence) -> bool:
        """Syncs with one of the outcomes."""
        return occurrence["outcome"] in self.outcomes


class SegmentReverseEtlSyncedTrigger(SegmentWatcherTrigger):
    """Emits an event when a reverse ETL sync of a mapping has ended: Segment's status of the sync.

    :param model_id: the model
    :param subscription_id: the mapping
    :param outcomes: emit syncs with these outcomes: ``success``, ``partial``, ``failed``, ``cancelled``
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

    def wants(self, occurrence: Occurrence) -> bool:
        """Syncs with one of the outcomes."""
        return occurrence["outcome"] in self.outcomes


class SegmentAudienceUpdatedTrigger(SegmentWatcherTrigger):
    """Emits an event when a live audience was changed, or its size: ``id``, ``status``, ``size``...

    The first poll emits the current state of the audience.

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


class SegmentEventVolumeTrigger(SegmentWatcherTrigger):
    """Emits an event when a source has received a number of events on one day (UTC), once for each day:
    ``source_id``, ``day`` and ``count``.

    :param source_id: the source
    :param count: the minimum number of events
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
        """The days that reach the count."""
        from airflow_provider_segment.waiting.feeds import VolumeCrossings

        names = ("source_id", "count", "event_name", "event_type")
        return VolumeCrossings(**{name: getattr(self, name) for name in names})


class SegmentAuditEventTrigger(SegmentWatcherTrigger):
    """Emits each event of the workspace's audit trail, without the person who made the change.

    :param resource_type: only changes to this type of resource
    :param resource_id: only changes to this resource
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

    def wants(self, occurrence: Occurrence) -> bool:
        """Events of the types."""
        return self.event_types is None or occurrence["payload"].get("type") in self.event_types
