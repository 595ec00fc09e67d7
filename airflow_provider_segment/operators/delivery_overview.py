"""Where events got to, or got lost, between source and destination. Beta.

Only event streams in cloud mode: nothing here about device mode, Reverse ETL or warehouses.
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

    The window is limited: 4 hours, of the last 48, by ``MINUTE``; 14 days, of the last 30, by ``HOUR``;
    30 days by ``DAY``.

    :param start_time: begin of the window, ISO 8601, inclusive
    :param end_time: end of the window, ISO 8601, exclusive
    :param granularity: size of the buckets
    :param group_by: of ``eventName``, ``eventType``, ``discardReason``, ``appVersion``; at a destination also
        of ``subscriptionId``, ``activationId``, ``audienceId``, ``spaceId``
    :param filter: count only these events
    """

    media_type = BETA
    items = "dataset"

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
    """Count the events that Segment received and took."""

    endpoint = "GET /delivery-overview/successfully-received"

    filter: Arg[IngestFilter | None] = query(default=None)


class SegmentGetIngressFailedMetricsFromDeliveryOverviewOperator(_AtSource):
    """Count the events that Segment received and refused.

    Together with those filtered at the source: the only way to notice events lost behind a 200.
    """

    endpoint = "GET /delivery-overview/failed-on-ingest"

    filter: Arg[SourceFilter | None] = query(default=None)


class SegmentGetFilteredAtSourceMetricsFromDeliveryOverviewOperator(_AtSource):
    """Count the events that were filtered at their source."""

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
