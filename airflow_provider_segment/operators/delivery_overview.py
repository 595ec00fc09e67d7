"""How many events were delivered, filtered or lost between source and destination. Beta.

Covers only event streams in cloud mode: not device mode, Reverse ETL or warehouses.
"""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from airflow_provider_segment.tasks.declarative import Arg, query
from airflow_provider_segment.tasks.operation import BETA, SegmentListOperator


class IngestFilter(TypedDict, total=False):
    """Which received events to count."""

    eventName: list[str] | None
    eventType: list[str] | None
    appVersion: list[str] | None


class SourceFilter(IngestFilter, total=False):
    """Which events to count at a source."""

    discardReason: list[str] | None


class DeliveryFilter(SourceFilter, total=False):
    """Which events to count at a destination."""

    subscriptionId: list[str] | None
    activationId: list[str] | None
    audienceId: list[str] | None
    spaceId: list[str] | None


class _AtSource(SegmentListOperator):
    """Counts events at a source, in time buckets: ``{"total": ..., "dataset": [...]}``.

    The window is limited: by ``MINUTE``, 4 hours within the last 48; by ``HOUR``, 14 days within the last 30;
    by ``DAY``, 30 days.

    :param start_time: start of the window, ISO 8601, inclusive
    :param end_time: end of the window, ISO 8601, exclusive
    :param granularity: size of the buckets
    :param group_by: any of ``eventName``, ``eventType``, ``discardReason``, ``appVersion``; at a destination
        also ``subscriptionId``, ``activationId``, ``audienceId``, ``spaceId``
    :param filter: count only these events
    """

    media_type = BETA
    items = "dataset"
    beside = {"total": int | float}

    source_id: Arg[str] = query()
    start_time: Arg[str] = query()
    end_time: Arg[str] = query()
    granularity: Arg[Literal["DAY", "HOUR", "MINUTE"]] = query()
    group_by: Arg[list[str] | None] = query(default=None)


class _AtDestination(_AtSource):
    """Counts events at a destination, in time buckets; arguments as at a source.

    :param destination_config_id: the destination
    """

    destination_config_id: Arg[str] = query()
    filter: Arg[DeliveryFilter | None] = query(default=None)


class SegmentGetIngressSuccessMetricsFromDeliveryOverviewOperator(_AtSource):
    """Count the events that Segment received and accepted."""

    endpoint = "GET /delivery-overview/successfully-received"

    filter: Arg[IngestFilter | None] = query(default=None)


class SegmentGetIngressFailedMetricsFromDeliveryOverviewOperator(_AtSource):
    """Count the events that Segment received and rejected.

    This and the count filtered at the source are the only way to notice events that were answered 200 and
    then dropped.
    """

    endpoint = "GET /delivery-overview/failed-on-ingest"

    filter: Arg[SourceFilter | None] = query(default=None)


class SegmentGetFilteredAtSourceMetricsFromDeliveryOverviewOperator(_AtSource):
    """Count the events that were filtered at the source."""

    endpoint = "GET /delivery-overview/filtered-at-source"

    filter: Arg[SourceFilter | None] = query(default=None)


class SegmentGetFilteredAtDestinationMetricsFromDeliveryOverviewOperator(_AtDestination):
    """Count the events that were filtered before a destination."""

    endpoint = "GET /delivery-overview/filtered-at-destination"


class SegmentGetEgressFailedMetricsFromDeliveryOverviewOperator(_AtDestination):
    """Count the events that could not be delivered to a destination."""

    endpoint = "GET /delivery-overview/failed-delivery"


class SegmentGetEgressSuccessMetricsFromDeliveryOverviewOperator(_AtDestination):
    """Count the events that were delivered to a destination."""

    endpoint = "GET /delivery-overview/successful-delivery"
