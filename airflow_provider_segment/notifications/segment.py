"""Reports what becomes of DAG runs and tasks to Segment, next to product events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseNotifier

from airflow_provider_segment.hooks.segment import SegmentHook, message_id_of, single_event
from airflow_provider_segment.notifications.occasions import occasion_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.api.settings import Settings

RETRIES = 2
"""A DAG's callbacks run in the DAG processor, and must not delay it for long."""


class SegmentNotifier(BaseNotifier):
    """Sends a track event when a DAG run or a task ends, or a DAG run misses a deadline.

    ::

        DAG(..., on_failure_callback=SegmentNotifier(), on_success_callback=SegmentNotifier())
        default_args={"on_failure_callback": SegmentNotifier(), "on_retry_callback": SegmentNotifier()}
        DAG(..., deadline=DeadlineAlert(..., callback=AsyncCallback(SegmentNotifier, kwargs={"event": ...})))

    The events are called ``DAG Run Failed``, ``DAG Run Succeeded``, ``DAG Run Missed Deadline``,
    ``Task Failed``, ``Task Succeeded``, ``Task Retried``, ``Task Skipped``, and, for ``on_execute_callback``,
    ``Task Started``. Their properties are ``dag_id``, ``run_id``, ``run_type``, ``logical_date`` and
    ``duration`` (seconds since the start). The end of a DAG run adds ``reason`` (as Airflow gives it). A task
    adds ``task_id``, ``map_index``, ``try_number`` and, if it failed, ``error``: the name of the exception,
    without its text, which may contain confidential data. A missed deadline (Airflow 3.1 and later) adds
    ``deadline`` (ISO 8601) and ``state`` (of the DAG run); a missed SLA (Airflow 2) is ``DAG Missed SLA``,
    with ``dag_id`` and ``task_ids``.

    Airflow logs a notification that fails; the state of the DAG run or task does not change.

    :param event: name of the event, instead of the names above (templated)
    :param properties: additional properties (templated)
    :param user_id: the user of the event (templated)
    :param anonymous_id: used if there is no ``user_id``. By default all events belong to ``airflow``, which
        Segment bills as one tracked user (templated)
    :param segment_conn_id: the Airflow connection, with a write key (templated)
    :raises SegmentConfigurationError: it was called with something else than the context of a callback
    :raises SegmentError: the event could not be delivered
    """

    template_fields = ("event", "properties", "user_id", "anonymous_id", "segment_conn_id")

    def __init__(
        self,
        *,
        event: str | None = None,
        properties: Mapping[str, Any] | None = None,
        user_id: str | None = None,
        anonymous_id: str = "airflow",
        segment_conn_id: str = SegmentHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.event = event
        self.properties = properties
        self.user_id = user_id
        self.anonymous_id = anonymous_id
        self.segment_conn_id = segment_conn_id

    def __call__(self, *args: Any) -> None:
        """Send the event, for a context; the templates stay, for the next one."""
        templates = {name: getattr(self, name) for name in self.template_fields}
        try:
            super().__call__(*args)
        finally:
            vars(self).update(templates)

    def get_template_env(self, dag: Any = None) -> Any:
        """The environment of the DAG's templates, if there is a DAG: a deadline has none."""
        from jinja2 import StrictUndefined

        environment = super().get_template_env(dag)
        if dag is None:
            environment.undefined = StrictUndefined  # as a DAG's has it: an unknown name is an error
        return environment

    def notify(self, context: Context) -> None:
        """Send the event."""
        client = SegmentHook(self.segment_conn_id, retries=RETRIES).get_conn()
        event = self._event(context, client.settings)
        client.request(**single_event("track", event))
        self.log.info("Sent the event %r to Segment", event["event"])

    async def async_notify(self, context: Context) -> None:
        """Send the same event from a coroutine, as the triggerer does."""
        hook = SegmentHook(self.segment_conn_id, retries=RETRIES)
        async with await hook.get_async_conn() as client:
            event = self._event(context, client.settings)
            await client.request(**single_event("track", event))
        self.log.info("Sent the event %r to Segment", event["event"])

    def _event(self, context: Context, settings: Settings) -> dict[str, Any]:
        occasion = occasion_of(context, self)
        event = self.event or occasion.name
        user = {"user_id": self.user_id} if self.user_id else {"anonymous_id": self.anonymous_id}
        known = {name: value for name, value in occasion.properties.items() if value is not None}
        return {
            "event": event,
            "properties": known | dict(self.properties or {}),
            **user,
            # A callback that runs twice sends one event; another run, or another notifier, another event.
            "message_id": message_id_of(settings, "notifier", *occasion.key, event, *user.values()),
        }
