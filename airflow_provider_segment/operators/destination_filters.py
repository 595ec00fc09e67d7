"""Filters in front of a destination."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, path
from airflow_provider_segment.tasks.operation import (
    SegmentDeleteOperator,
    SegmentListOperator,
    SegmentOperator,
)


class FilterAction(TypedDict):
    """What a destination filter does to a matching event."""

    type: Literal["ALLOW_PROPERTIES", "DROP", "DROP_PROPERTIES", "SAMPLE"]
    fields: NotRequired[dict[str, Any] | None]
    percent: NotRequired[float | None]
    path: NotRequired[str | None]


DestinationFilter = TypedDict("DestinationFilter", {"if": str, "actions": list[FilterAction]})


class SegmentPreviewDestinationFilterOperator(SegmentOperator):
    """Preview the effect of a destination filter on an event, without creating the filter.

    Returns the event before (``inputPayload``) and after (``result``, null if it would be dropped).
    """

    endpoint = "POST /destination/filters/preview"
    answers = {"inputPayload": dict[str, Any], "result": dict[str, Any] | None}

    filter: Arg[DestinationFilter]
    payload: Arg[dict[str, Any]]


class SegmentListFiltersFromDestinationOperator(SegmentListOperator):
    """Return all filters of a destination."""

    endpoint = "GET /destination/{destinationId}/filters"
    returns = "filters"

    destination_id: Arg[str] = path()


class SegmentGetFilterInDestinationOperator(SegmentOperator):
    """Return a destination filter."""

    endpoint = "GET /destination/{destinationId}/filters/{filterId}"
    returns = "filter"

    destination_id: Arg[str] = path()
    filter_id: Arg[str] = path()


class SegmentUpdateFilterForDestinationOperator(SegmentOperator):
    """Update a destination filter.

    :param if_: an FQL expression that selects the events
    """

    endpoint = "PATCH /destination/{destinationId}/filters/{filterId}"
    returns = "filter"

    destination_id: Arg[str] = path()
    filter_id: Arg[str] = path()
    if_: Arg[str | None] = NOT_GIVEN
    actions: Arg[list[FilterAction] | None] = NOT_GIVEN
    title: Arg[str | None] = NOT_GIVEN
    description: Arg[str | None] = NOT_GIVEN
    enabled: Arg[bool | None] = NOT_GIVEN


class SegmentCreateFilterForDestinationOperator(SegmentCreateOperator):
    """Create a filter for events from a source to a destination.

    :param if_: an FQL expression that selects the events
    """

    endpoint = "POST /destination/{destinationId}/filters"
    returns = "filter"
    natural_key = ("source_id", "title")
    listed_by = SegmentListFiltersFromDestinationOperator
    updated_by = SegmentUpdateFilterForDestinationOperator

    destination_id: Arg[str] = path()
    source_id: Arg[str]
    if_: Arg[str]
    actions: Arg[list[FilterAction]]
    title: Arg[str]
    description: Arg[str | None] = NOT_GIVEN
    enabled: Arg[bool]


class SegmentRemoveFilterFromDestinationOperator(SegmentDeleteOperator):
    """Delete a destination filter."""

    endpoint = "DELETE /destination/{destinationId}/filters/{filterId}"

    destination_id: Arg[str] = path()
    filter_id: Arg[str] = path()
