"""Operators that send events: one at a time, or millions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_segment.assets import emit
from airflow_provider_segment.events.limits import CONCURRENCY
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.resources import source_of
from airflow_provider_segment.tasks.links import SegmentLink, leave_link

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.api.regions import Region

CHECKPOINT_KEY = "segment_send_events"


class _EventOperator(BaseOperator):
    """Sends one event; its subclasses, one for each of Segment's six calls, name what is their own.

    :param user_id: the user's id in your database (templated)
    :param anonymous_id: id of a user not known by name; one of the two is needed (templated)
    :param context: about the circumstances, see Segment's Spec (templated)
    :param integrations: which destinations get the event, see Segment's Spec (templated)
    :param timestamp: when it happened, ISO 8601 with zone; by default when Segment receives it (templated)
    :param message_id: Segment drops an event whose id it has seen within some 24 hours. By default one that
        all tries of this task instance share, so that a retry does not double the event (templated)
    :param raise_on_error: False to return ``{"success": false, "error": ...}`` instead of failing
    :param segment_conn_id: the Airflow connection (templated)
    :param region: ``us`` or ``eu``, instead of the connection's (templated)
    :raises SegmentEventError: Segment would refuse or silently drop the event; nothing was sent
    :raises SegmentError: it could not be delivered

    Returns ``{"success": true, "message_id": ...}``.
    """

    event_type: ClassVar[str]
    event_fields: ClassVar[tuple[str, ...]] = (
        "user_id",
        "anonymous_id",
        "context",
        "integrations",
        "timestamp",
        "message_id",
    )
    template_fields: Collection[str] = (*event_fields, "segment_conn_id", "region")
    ui_color = "#d5f2e3"
    operator_extra_links = (SegmentLink(),)

    def __init__(
        self,
        *,
        user_id: str | int | None = None,
        anonymous_id: str | int | None = None,
        context: Mapping[str, Any] | None = None,
        integrations: Mapping[str, Any] | None = None,
        timestamp: str | datetime | None = None,
        message_id: str | None = None,
        raise_on_error: bool = True,
        segment_conn_id: str = SegmentHook.default_conn_name,
        region: Region | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.user_id = user_id
        self.anonymous_id = anonymous_id
        self.context = context
        self.integrations = integrations
        self.timestamp = timestamp
        self.message_id = message_id
        self.raise_on_error = raise_on_error
        self.segment_conn_id = segment_conn_id
        self.region: Region | None = region

    def execute(self, context: Context) -> dict[str, Any]:
        """Send the event."""
        fields = {name: getattr(self, name) for name in self.event_fields}
        ti: Any = context.get("ti")
        hook = self._hook()
        source = source_of(None, self.segment_conn_id)
        try:
            leave_link(context, hook, [source])
            if not self.message_id:
                # The same for every try of a task instance, so that a retry does not double the event.
                fields["message_id"] = hook.derive_message_id(ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
            message_id = getattr(hook, self.event_type)(**fields)
        except Exception as error:
            if self.raise_on_error:
                raise
            self.log.error("The event was not sent: %s", error)
            return {"success": False, "error": str(error)}
        self.log.info("Sent a %s event, message id %s", self.event_type, message_id)
        emit(self.outlets, context, {"type": self.event_type, "message_id": message_id}, source)
        return {"success": True, "message_id": message_id}

    def _hook(self) -> SegmentHook:
        return SegmentHook(self.segment_conn_id, region=self.region)


class SegmentTrackOperator(_EventOperator):
    """Records what a user did: https://www.twilio.com/docs/segment/connections/spec/track

    :param event: name of what happened (templated)
    :param properties: about it (templated)

    Further arguments: see :class:`_EventOperator`.
    """

    event_type = "track"
    event_fields = (*_EventOperator.event_fields, "event", "properties")
    template_fields = (*_EventOperator.template_fields, "event", "properties")

    def __init__(self, *, event: str, properties: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.event = event
        self.properties = properties


class SegmentIdentifyOperator(_EventOperator):
    """Ties a user to traits: https://www.twilio.com/docs/segment/connections/spec/identify

    :param traits: of the user, such as name and e-mail address (templated)

    Further arguments: see :class:`_EventOperator`.
    """

    event_type = "identify"
    event_fields = (*_EventOperator.event_fields, "traits")
    template_fields = (*_EventOperator.template_fields, "traits")

    def __init__(self, *, traits: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.traits = traits


class SegmentPageOperator(_EventOperator):
    """Records that a user saw a page: https://www.twilio.com/docs/segment/connections/spec/page

    :param name: of the page (templated)
    :param category: of the page (templated)
    :param properties: of the page (templated)

    Further arguments: see :class:`_EventOperator`.
    """

    event_type = "page"
    event_fields = (*_EventOperator.event_fields, "name", "category", "properties")
    template_fields = (*_EventOperator.template_fields, "name", "category", "properties")

    def __init__(
        self,
        *,
        name: str | None = None,
        category: str | None = None,
        properties: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.category = category
        self.properties = properties


class SegmentScreenOperator(SegmentPageOperator):
    """Records that a user saw a screen of an app: https://www.twilio.com/docs/segment/connections/spec/screen

    Arguments: those of :class:`SegmentPageOperator`.
    """

    event_type = "screen"


class SegmentGroupOperator(_EventOperator):
    """Ties a user to a group: https://www.twilio.com/docs/segment/connections/spec/group

    :param group_id: of the account, company or team (templated)
    :param traits: of the group (templated)

    Further arguments: see :class:`_EventOperator`.
    """

    event_type = "group"
    event_fields = (*_EventOperator.event_fields, "group_id", "traits")
    template_fields = (*_EventOperator.template_fields, "group_id", "traits")

    def __init__(
        self, *, group_id: str | int, traits: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.group_id = group_id
        self.traits = traits


class SegmentAliasOperator(_EventOperator):
    """Ties a user's former id to ``user_id``: https://www.twilio.com/docs/segment/connections/spec/alias

    :param previous_id: the former id (templated)

    Further arguments: see :class:`_EventOperator`.
    """

    event_type = "alias"
    event_fields = (*_EventOperator.event_fields, "previous_id")
    template_fields = (*_EventOperator.template_fields, "previous_id")

    def __init__(self, *, previous_id: str | int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.previous_id = previous_id


class SegmentTrackEventOperator(SegmentTrackOperator):
    """The operator of ``apache-airflow-providers-segment``, working: only the import changes.

    :param user_id: the user's id in your database (templated)
    :param event: name of what happened (templated)
    :param properties: about it (templated)
    :param segment_conn_id: the Airflow connection; ``write_key`` in its extra works (templated)
    :param segment_debug_mode: log each request

    Further arguments: see :class:`SegmentTrackOperator`.
    """

    def __init__(self, *, segment_debug_mode: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.segment_debug_mode = segment_debug_mode

    def _hook(self) -> SegmentHook:
        return SegmentHook(self.segment_conn_id, region=self.region, log_requests=self.segment_debug_mode)


class SegmentBatchEventsOperator(BaseOperator):
    """Sends events in batches, however many: nothing lost, nothing doubled, nothing silent.

    Each event is checked against Segment's rules, because Segment answers 200 to events that it then drops.
    Good ones are sent, bad ones go to ``rejects_path``. On Airflow 3.3 and later a retry goes on where the
    last try stopped; before, it sends again under the same message ids, which Segment deduplicates.

    An event without ``messageId`` gets one that follows from its content, the same whenever it is sent. Hence
    events that are equal to the letter, timestamp and all, are one event, of which Segment keeps one; where
    they are not, give them a ``messageId`` or anything else that tells them apart.

    :param events: a list of dicts, or an XComArg of one (templated)
    :param path: instead of ``events``: JSON Lines files, ``.gz`` or not, wherever Airflow's
        ``ObjectStoragePath`` reaches (``s3://``, ``gs://``, ``file://``...); may be a glob (templated)
    :param source_id: source whose write key is looked up through the Public API, instead of the connection's
        (templated)
    :param rejects_path: JSON Lines file for the rejected events, written anew by each try; without one the
        first few are logged. Mapped tasks need one each: ``..._{{ ti.map_index }}.jsonl`` (templated)
    :param max_rejected: with more rejected events than this the task fails, without a retry, after all good
        ones were sent; None for any number
    :param concurrency: batches on their way at once
    :param gzip: compress the requests: for narrow networks
    :param max_events_per_second: ceiling of the rate, in events per second
    :param context: default ``context`` of events; an event's own keys win (templated)
    :param integrations: default ``integrations`` of events; an event's own keys win. Backfills often want
        ``{"All": False, "<destination>": True}`` (templated)
    :param timestamp: default ``timestamp`` of events, ISO 8601 with zone (templated)
    :param message_id_fields: names (dotted: ``properties.order_id``) of the fields that a missing
        ``messageId`` is derived from, beside the type and the event's name; by default the whole event
    :param segment_conn_id: the Airflow connection (templated)
    :param region: ``us`` or ``eu``, instead of the connection's (templated)
    :raises AirflowFailException: too many events were rejected, or rejected ones could not be kept
    :raises SegmentInputError: no file matches, or a file cannot be read to its end; what was read is sent
    :raises SegmentError: Segment does not take the events

    Returns the report (:class:`~airflow_provider_segment.events.report.SendReport`) as a dict.
    """

    template_fields: Collection[str] = (
        "events",
        "path",
        "source_id",
        "rejects_path",
        "context",
        "integrations",
        "timestamp",
        "segment_conn_id",
        "region",
    )
    ui_color = "#d5f2e3"
    operator_extra_links = (SegmentLink(),)

    def __init__(
        self,
        *,
        events: Iterable[Mapping[str, Any]] | None = None,
        path: str | None = None,
        source_id: str | None = None,
        rejects_path: str | None = None,
        max_rejected: int | None = 0,
        concurrency: int = CONCURRENCY,
        gzip: bool = False,
        max_events_per_second: float | None = None,
        context: Mapping[str, Any] | None = None,
        integrations: Mapping[str, Any] | None = None,
        timestamp: str | None = None,
        message_id_fields: Sequence[str] | None = None,
        segment_conn_id: str = SegmentHook.default_conn_name,
        region: Region | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.events = events
        self.path = path
        self.source_id = source_id
        self.rejects_path = rejects_path
        self.max_rejected = max_rejected
        self.concurrency = concurrency
        self.gzip = gzip
        self.max_events_per_second = max_events_per_second
        self.context = context
        self.integrations = integrations
        self.timestamp = timestamp
        self.message_id_fields = message_id_fields
        self.segment_conn_id = segment_conn_id
        self.region: Region | None = region
        self._hook: SegmentHook | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Send the events."""
        self._hook = SegmentHook(self.segment_conn_id, region=self.region)
        source = source_of(self.source_id, self.segment_conn_id)
        leave_link(context, self._hook, [source], look_up=True)
        store: Any = context.get("task_state_store")  # Airflow 3.3 and later
        report = self._hook.send_events(
            self.events,
            path=self.path,
            source_id=self.source_id,
            rejects_path=self.rejects_path,
            concurrency=self.concurrency,
            gzip=self.gzip,
            max_events_per_second=self.max_events_per_second,
            context=self.context,
            integrations=self.integrations,
            timestamp=self.timestamp,
            message_id_fields=self.message_id_fields,
            checkpoint=store.get(CHECKPOINT_KEY) if store else None,
            save_checkpoint=partial(store.set, CHECKPOINT_KEY) if store else None,
        )
        if store:
            # The job is done: whoever clears this task wants it done anew.
            store.delete(CHECKPOINT_KEY)
        rejected = report.rejected_total
        if rejected and report.rejects_failure:
            raise AirflowFailException(
                f"{rejected:,} events were rejected and could not all be written to {self.rejects_path}: "
                f"{report.rejects_failure}. All others were sent: {report}"
            )
        if self.max_rejected is not None and rejected > self.max_rejected:
            where = f"in {self.rejects_path}" if self.rejects_path else "only logged: give a rejects_path"
            raise AirflowFailException(
                f"{rejected:,} events were rejected, {self.max_rejected:,} are allowed; they are {where}. "
                f"All others were sent: {report}"
            )
        told = report.as_dict()
        emit(self.outlets, context, told, source)
        return told

    def on_kill(self) -> None:
        """Stop: what is on its way may arrive, then the report so far is logged."""
        if self._hook is not None:
            self._hook.stop_sending()
