"""Destinations and their subscriptions (mappings)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.api.resources import Identified
from airflow_provider_segment.operators.sources import SegmentListConnectedDestinationsFromSourceOperator
from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, body, path, query
from airflow_provider_segment.tasks.operation import (
    ALPHA,
    BETA,
    SegmentDeleteOperator,
    SegmentListOperator,
    SegmentOperator,
)
from airflow_provider_segment.tasks.shapes import Periodic, SpecificDays

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class Cron(TypedDict):
    """By a cron expression."""

    spec: str
    timezone: str


class DbtCloud(TypedDict):
    """After a job of dbt Cloud."""

    jobId: str
    accountId: str


class ReverseEtlSchedule(TypedDict):
    """When the model of a mapping is synced: a strategy and, except for ``MANUAL``, its config."""

    strategy: Literal["CRON", "DBT_CLOUD", "MANUAL", "PERIODIC", "SPECIFIC_DAYS"]
    config: NotRequired[Periodic | SpecificDays | Cron | DbtCloud | None]


class SegmentListDestinationsOperator(SegmentListOperator):
    """Return all destinations of the workspace, with secrets masked."""

    endpoint = "GET /destinations"
    returns = "destinations"


class SegmentGetDestinationOperator(SegmentOperator):
    """Return a destination, with secrets masked."""

    endpoint = "GET /destinations/{destinationId}"
    returns = "destination"

    destination_id: Arg[str] = path()


class SegmentUpdateDestinationOperator(SegmentOperator):
    """Update a destination.

    Settings are merged: a setting that is omitted is kept, null removes it. Read-only settings are ignored if
    sent with others, and refused (400) if sent alone. A masked secret must not be sent back.
    """

    endpoint = "PATCH /destinations/{destinationId}"
    returns = "destination"
    secrets = ("settings",)

    destination_id: Arg[str] = path()
    name: Arg[str | None] = NOT_GIVEN
    enabled: Arg[bool | None] = NOT_GIVEN
    settings: Arg[dict[str, Any] | None] = NOT_GIVEN


class SegmentCreateDestinationOperator(SegmentCreateOperator):
    """Connect a source to a new destination.

    Many destinations allow only one instance per source (400 otherwise). Without a ``name``, ``if_exists``
    takes any destination of the same kind at the same source as the existing one.

    :param metadata_id: the destination's id in the catalog
    """

    endpoint = "POST /destinations"
    returns = "destination"
    secrets = ("settings",)
    natural_key = ("metadata_id", "name")
    listed_by = SegmentListConnectedDestinationsFromSourceOperator
    listed = {"id": str, "metadata": Identified, "name": NotRequired[str | None]}
    updated_by = SegmentUpdateDestinationOperator
    merged = ("settings",)

    source_id: Arg[str]
    metadata_id: Arg[str]
    enabled: Arg[bool | None] = NOT_GIVEN
    name: Arg[str | None] = NOT_GIVEN
    settings: Arg[dict[str, Any]]

    def is_same(self, item: dict[str, Any], arguments: dict[str, Any]) -> bool:
        """By kind and name, or by kind alone where no name is given."""
        same_kind = self.shown(item, "metadata_id") == arguments["metadata_id"]
        return same_kind and arguments.get("name") in (None, item.get("name"))


class SegmentDeleteDestinationOperator(SegmentDeleteOperator):
    """Delete a destination."""

    endpoint = "DELETE /destinations/{destinationId}"

    destination_id: Arg[str] = path()


class SegmentListDeliveryMetricsSummaryFromDestinationOperator(SegmentOperator):
    """Return delivery metrics from a source to a destination, in time buckets.

    The answer's ``destinationMetadataId`` is the id in the catalog. The window is limited: 4 hours by
    ``MINUTE``, 7 days by ``HOUR``, 14 days by ``DAY``.

    :param start_time: ISO 8601; by default as far back as the granularity allows
    :param end_time: ISO 8601; by default now
    """

    endpoint = "GET /destinations/{destinationId}/delivery-metrics"
    media_type = BETA
    returns = "deliveryMetricsSummary"

    destination_id: Arg[str] = path()
    source_id: Arg[str] = query()
    start_time: Arg[str | None] = query(default=None)
    end_time: Arg[str | None] = query(default=None)
    granularity: Arg[Literal["DAY", "HOUR", "MINUTE"] | None] = query(default=None)


class SegmentListSubscriptionsFromDestinationOperator(SegmentListOperator):
    """Return all subscriptions (mappings) of a destination."""

    endpoint = "GET /destinations/{destinationId}/subscriptions"
    media_type = ALPHA
    returns = "subscriptions"

    destination_id: Arg[str] = path()


class SegmentGetSubscriptionFromDestinationOperator(SegmentOperator):
    """Return a subscription of a destination."""

    endpoint = "GET /destinations/{destinationId}/subscriptions/{id}"
    media_type = ALPHA
    returns = "subscription"

    destination_id: Arg[str] = path()
    id: Arg[str] = path()


class SegmentUpdateSubscriptionForDestinationOperator(SegmentOperator):
    """Update a subscription of a destination. Five requests per minute.

    :param trigger: an FQL expression
    :param reverse_etl_model_id: the model to read rows from. Whether Segment changes it is not known: if the
        answer shows another model, the task fails
    :param reverse_etl_schedule: when the model's rows are synced
    """

    endpoint = "PATCH /destinations/{destinationId}/subscriptions/{id}"
    media_type = ALPHA
    returns = "subscription"
    envelope = "input"
    may_hold_secrets = ("settings",)

    destination_id: Arg[str] = path()
    id: Arg[str] = path()
    name: Arg[str | None] = NOT_GIVEN
    trigger: Arg[str | None] = NOT_GIVEN
    enabled: Arg[bool | None] = NOT_GIVEN
    settings: Arg[dict[str, Any] | None] = NOT_GIVEN
    reverse_etl_model_id: Arg[str | None] = body(default=NOT_GIVEN, name="reverseETLModelId")
    reverse_etl_schedule: Arg[ReverseEtlSchedule | None] = body(default=NOT_GIVEN, name="reverseETLSchedule")

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Update it, and make sure that its model is the one asked for."""
        from airflow_provider_segment.errors import SegmentNotChangedError

        subscription = super().perform(arguments, context)
        asked = arguments.get("reverse_etl_model_id")
        if asked is not None and subscription.get("modelId", asked) != asked:
            raise SegmentNotChangedError(
                f"{type(self).__name__}: Segment accepted the update of {arguments['id']}, but its model "
                f"is {subscription['modelId']!r}, asked for {asked!r}. Delete it and create it anew"
            )
        return subscription


class SegmentCreateDestinationSubscriptionOperator(SegmentCreateOperator):
    """Create a subscription: which events trigger which action of a destination.

    Five requests per minute.

    :param trigger: an FQL expression
    :param model_id: the Reverse ETL model to read rows from. Whether Segment changes it later is not known:
        ``if_exists="update"`` fails if it does not
    """

    endpoint = "POST /destinations/{destinationId}/subscriptions"
    media_type = ALPHA
    returns = "destinationSubscription"
    may_hold_secrets = ("settings",)
    natural_key = ("name",)
    listed_by = SegmentListSubscriptionsFromDestinationOperator
    updated_by = SegmentUpdateSubscriptionForDestinationOperator
    read_by = SegmentGetSubscriptionFromDestinationOperator
    update_names = {"model_id": "reverse_etl_model_id"}

    destination_id: Arg[str] = path()
    name: Arg[str]
    action_id: Arg[str]
    trigger: Arg[str]
    enabled: Arg[bool]
    settings: Arg[dict[str, Any] | None] = NOT_GIVEN
    model_id: Arg[str | None] = NOT_GIVEN


class SegmentRemoveSubscriptionFromDestinationOperator(SegmentDeleteOperator):
    """Delete a subscription of a destination. Five requests per minute."""

    endpoint = "DELETE /destinations/{destinationId}/subscriptions/{id}"
    media_type = ALPHA

    destination_id: Arg[str] = path()
    id: Arg[str] = path()
