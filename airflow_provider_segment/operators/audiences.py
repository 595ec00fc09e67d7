"""Audiences of a space, their previews, runs and schedules. The workspace needs Engage."""

from __future__ import annotations

from typing import Literal

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.api.resources import Resource
from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, path, query
from airflow_provider_segment.tasks.operation import (
    ALPHA,
    SegmentDeleteOperator,
    SegmentListOperator,
    SegmentOperator,
)
from airflow_provider_segment.tasks.shapes import Periodic, SpecificDays


class AudienceDefinition(TypedDict):
    """Who is in an audience."""

    query: str
    targetEntity: NotRequired[str | None]


class AudienceQuery(TypedDict):
    """The members of an audience, where its target entity is fixed."""

    query: str


class PreviewOptions(TypedDict, total=False):
    """How an audience preview is computed."""

    filterByExternalIds: list[str] | None
    backfillEventDataDays: int | None


class AudienceOptions(PreviewOptions, total=False):
    """How an audience is computed."""

    includeHistoricalData: bool | None


class AudienceSearch(TypedDict):
    """What to look for, and where."""

    type: Literal["DEFINITION", "KEY", "NAME"]
    query: str


class AudienceSort(TypedDict):
    """The order of audiences."""

    field: Literal["CREATED_AT", "NAME", "UPDATED_AT"]
    direction: Literal["ASC", "DESC"]


class SegmentListAudiencesOperator(SegmentListOperator):
    """Return all audiences of a space.

    Segment returns at most 200 per page here.

    :param search: only those that match
    :param include: ``schedules`` to include each audience's schedules
    """

    endpoint = "GET /spaces/{spaceId}/audiences"
    returns = "audiences"

    space_id: Arg[str] = path()
    search: Arg[AudienceSearch | None] = query(default=None)
    include: Arg[str | None] = query(default=None)
    page_size: Arg[int] = 200


class SegmentGetAudienceOperator(SegmentOperator):
    """Return an audience, with its size and the status of its computation.

    :param include: ``schedules`` to include its schedules
    """

    endpoint = "GET /spaces/{spaceId}/audiences/{id}"
    returns = "audience"

    space_id: Arg[str] = path()
    id: Arg[str] = path()
    include: Arg[str | None] = query(default=None)


class SegmentUpdateAudienceForSpaceOperator(SegmentOperator):
    """Update an audience.

    Segment locks it until a changed definition has been processed.
    """

    endpoint = "PATCH /spaces/{spaceId}/audiences/{id}"
    returns = "audience"

    space_id: Arg[str] = path()
    id: Arg[str] = path()
    enabled: Arg[bool | None] = NOT_GIVEN
    name: Arg[str | None] = NOT_GIVEN
    description: Arg[str | None] = NOT_GIVEN
    definition: Arg[AudienceQuery | None] = NOT_GIVEN
    options: Arg[AudienceOptions | None] = NOT_GIVEN


class SegmentCreateAudienceOperator(SegmentCreateOperator):
    """Create an audience in a space.

    Its computation starts immediately if ``enabled``. Segment derives the key from the name.
    """

    endpoint = "POST /spaces/{spaceId}/audiences"
    returns = "audience"
    natural_key = ("name",)
    listed_by = SegmentListAudiencesOperator
    updated_by = SegmentUpdateAudienceForSpaceOperator
    set_at_creation = ("definition.targetEntity",)

    space_id: Arg[str] = path()
    name: Arg[str]
    enabled: Arg[bool | None] = NOT_GIVEN
    description: Arg[str | None] = NOT_GIVEN
    definition: Arg[AudienceDefinition]
    audience_type: Arg[Literal["USERS", "ACCOUNTS", "LINKED"]]
    options: Arg[AudienceOptions | None] = NOT_GIVEN


class SegmentRemoveAudienceFromSpaceOperator(SegmentDeleteOperator):
    """Delete an audience."""

    endpoint = "DELETE /spaces/{spaceId}/audiences/{id}"

    space_id: Arg[str] = path()
    id: Arg[str] = path()


class SegmentGetAudiencePreviewOperator(SegmentOperator):
    """Return an audience preview: its status and, once ``COMPLETED``, its size and some members."""

    endpoint = "GET /spaces/{spaceId}/audiences/previews/{id}"
    returns = "audiencePreview"

    space_id: Arg[str] = path()
    id: Arg[str] = path()


class SegmentCreateAudiencePreviewOperator(SegmentOperator):
    """Start computing how large an audience would be, and return the preview's id.

    :class:`.SegmentPreviewAudienceOperator` also waits for the result: prefer it in DAGs.

    Previews are scarce: 5 a minute and 700 a month for each space.
    If the answer is lost, a retry starts another one.
    """

    endpoint = "POST /spaces/{spaceId}/audiences/previews"
    returns = "audiencePreview"

    space_id: Arg[str] = path()
    definition: Arg[AudienceDefinition]
    audience_type: Arg[Literal["USERS", "ACCOUNTS", "LINKED"]]
    options: Arg[PreviewOptions | None] = NOT_GIVEN


class SegmentForceExecuteAudienceRunOperator(SegmentOperator):
    """Run a linked audience now, and return the run's id.

    :class:`.SegmentRunAudienceOperator` also waits for the run: prefer it in DAGs.

    Only for audiences of type ``LINKED``. Each call starts a run, and so does a retry of the task.
    """

    endpoint = "POST /spaces/{spaceId}/audiences/{audienceId}/runs"
    returns = "run"

    space_id: Arg[str] = path()
    audience_id: Arg[str] = path()


class SegmentListAudienceConsumersFromSpaceAndAudienceOperator(SegmentListOperator):
    """Return the audiences that refer to an audience in their definition.

    :param search: only those that match
    :param sort: their order
    """

    endpoint = "GET /spaces/{spaceId}/audiences/{id}/audience-references"
    media_type = ALPHA
    returns = "audiences"

    space_id: Arg[str] = path()
    id: Arg[str] = path()
    search: Arg[AudienceSearch | None] = query(default=None)
    sort: Arg[AudienceSort | None] = query(default=None)
    page_size: Arg[int] = 200


class SegmentGetAudienceScheduleFromSpaceAndAudienceOperator(SegmentOperator):
    """Return a schedule of an audience, with the time of its next run."""

    endpoint = "GET /spaces/{spaceId}/audiences/{id}/schedules/{scheduleId}"
    returns = "audienceSchedule"

    space_id: Arg[str] = path()
    id: Arg[str] = path()
    schedule_id: Arg[str] = path()


class SegmentListAudienceSchedulesFromSpaceAndAudienceOperator(SegmentOperator):
    """Return the schedules of an audience."""

    endpoint = "GET /spaces/{spaceId}/audiences/{id}/schedules"
    returns = "audienceSchedules"
    answers = list[Resource]

    space_id: Arg[str] = path()
    id: Arg[str] = path()


class SegmentUpdateAudienceScheduleForAudienceOperator(SegmentOperator):
    """Update a schedule of a linked audience; strategy and config are always required."""

    endpoint = "PATCH /spaces/{spaceId}/audiences/{id}/schedules/{scheduleId}"
    returns = "audienceSchedule"

    space_id: Arg[str] = path()
    id: Arg[str] = path()
    schedule_id: Arg[str] = path()
    strategy: Arg[Literal["PERIODIC", "SPECIFIC_DAYS"]]
    config: Arg[Periodic | SpecificDays | None]


class SegmentAddAudienceScheduleToAudienceOperator(SegmentOperator):
    """Add a schedule to a linked audience.

    Segment deletes the schedule of an audience that stays disabled for 90 days.
    If the answer is lost, a retry asks for another one.

    :param config: ``interval`` for ``PERIODIC``; ``days``, ``hours`` and ``timezone`` for ``SPECIFIC_DAYS``
    """

    endpoint = "POST /spaces/{spaceId}/audiences/{id}/schedules"
    returns = "audienceSchedule"

    space_id: Arg[str] = path()
    id: Arg[str] = path()
    strategy: Arg[Literal["PERIODIC", "SPECIFIC_DAYS"]]
    config: Arg[Periodic | SpecificDays | None]


class SegmentRemoveAudienceScheduleFromAudienceOperator(SegmentDeleteOperator):
    """Delete a schedule of a linked audience."""

    endpoint = "DELETE /spaces/{spaceId}/audiences/{id}/schedules/{scheduleId}"

    space_id: Arg[str] = path()
    id: Arg[str] = path()
    schedule_id: Arg[str] = path()
