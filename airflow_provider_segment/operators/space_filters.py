"""Filters for the events that reach a space. Beta."""

from __future__ import annotations

from typing_extensions import NotRequired

from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, path, query
from airflow_provider_segment.tasks.operation import (
    BETA,
    SegmentDeleteOperator,
    SegmentListOperator,
    SegmentOperator,
)


class SegmentListFiltersForSpaceOperator(SegmentListOperator):
    """Return all filters of a space. Segment returns at most 10 per page here.

    :param integration_id: the space
    """

    endpoint = "GET /filters"
    media_type = BETA
    returns = "filters"

    integration_id: Arg[str] = query()
    page_size: Arg[int] = 10


class SegmentGetFilterByIdOperator(SegmentOperator):
    """Return a filter of a space."""

    endpoint = "GET /filters/{id}"
    media_type = BETA
    returns = "filter"

    id: Arg[str] = path()


class SegmentUpdateFilterByIdOperator(SegmentOperator):
    """Replace a filter of a space.

    :param integration_id: the space
    :param if_: an FQL expression that selects the events
    :param drop: drop them
    """

    endpoint = "PATCH /filters/{id}"
    media_type = BETA
    returns = "filter"

    id: Arg[str] = path()
    integration_id: Arg[str]
    enabled: Arg[bool | None] = NOT_GIVEN
    name: Arg[str | None] = NOT_GIVEN
    description: Arg[str | None] = NOT_GIVEN
    if_: Arg[str | None] = NOT_GIVEN
    drop: Arg[bool | None] = NOT_GIVEN


class SegmentCreateFilterForSpaceOperator(SegmentCreateOperator):
    """Create a filter for the events that all sources send to a space.

    :param integration_id: the space
    :param if_: an FQL expression that selects the events
    :param drop: drop them
    """

    endpoint = "POST /filters"
    media_type = BETA
    returns = "filter"
    natural_key = ("name",)
    listed_by = SegmentListFiltersForSpaceOperator
    listed = {"id": str, "name": NotRequired[str | None]}
    updated_by = SegmentUpdateFilterByIdOperator
    replaces = True

    integration_id: Arg[str]
    enabled: Arg[bool | None] = NOT_GIVEN
    name: Arg[str]
    description: Arg[str | None] = NOT_GIVEN
    if_: Arg[str]
    drop: Arg[bool | None] = NOT_GIVEN


class SegmentDeleteFilterByIdOperator(SegmentDeleteOperator):
    """Delete a filter of a space, and return whether it was deleted."""

    endpoint = "DELETE /filters/{id}"
    media_type = BETA
    returns = "deleted"
    answers = bool

    id: Arg[str] = path()
