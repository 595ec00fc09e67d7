"""Computed traits of a space. Alpha."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, path
from airflow_provider_segment.tasks.operation import (
    ALPHA,
    SegmentDeleteOperator,
    SegmentListOperator,
    SegmentOperator,
)


class TraitDefinition(TypedDict):
    """What a computed trait contains, and for which entity."""

    type: Literal["ACCOUNTS", "USERS"]
    query: str


class TraitOptions(TypedDict, total=False):
    """How a computed trait is computed."""

    includeHistoricalData: bool | None
    includeAnonymousUsers: bool | None
    backfillDurationDays: int | None


class SegmentListComputedTraitsOperator(SegmentListOperator):
    """Return all computed traits of a space."""

    endpoint = "GET /spaces/{spaceId}/computed-traits"
    media_type = ALPHA
    returns = "computedTraits"

    space_id: Arg[str] = path()


class SegmentGetComputedTraitOperator(SegmentOperator):
    """Return a computed trait, with the status of its computation."""

    endpoint = "GET /spaces/{spaceId}/computed-traits/{id}"
    media_type = ALPHA
    returns = "computedTrait"

    space_id: Arg[str] = path()
    id: Arg[str] = path()


class SegmentUpdateComputedTraitForSpaceOperator(SegmentOperator):
    """Update a computed trait.

    Segment locks it until a changed definition has been processed; the definition can then no longer be
    edited in Segment's app.
    """

    endpoint = "PATCH /spaces/{spaceId}/computed-traits/{id}"
    media_type = ALPHA
    returns = "computedTrait"

    space_id: Arg[str] = path()
    id: Arg[str] = path()
    enabled: Arg[bool | None] = NOT_GIVEN
    name: Arg[str | None] = NOT_GIVEN
    description: Arg[str | None] = NOT_GIVEN
    definition: Arg[TraitDefinition | None] = NOT_GIVEN


class SegmentCreateComputedTraitOperator(SegmentCreateOperator):
    """Create a computed trait in a space.

    Its definition can then no longer be edited in Segment's app.
    """

    endpoint = "POST /spaces/{spaceId}/computed-traits"
    media_type = ALPHA
    returns = "computedTrait"
    natural_key = ("name",)
    listed_by = SegmentListComputedTraitsOperator
    updated_by = SegmentUpdateComputedTraitForSpaceOperator

    space_id: Arg[str] = path()
    name: Arg[str]
    enabled: Arg[bool | None] = NOT_GIVEN
    description: Arg[str | None] = NOT_GIVEN
    definition: Arg[TraitDefinition]
    options: Arg[TraitOptions | None] = NOT_GIVEN


class SegmentRemoveComputedTraitFromSpaceOperator(SegmentDeleteOperator):
    """Delete a computed trait."""

    endpoint = "DELETE /spaces/{spaceId}/computed-traits/{id}"
    media_type = ALPHA

    space_id: Arg[str] = path()
    id: Arg[str] = path()
