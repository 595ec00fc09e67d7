"""The schema of a space: events, traits, entities. Alpha; 25 requests per minute."""

from __future__ import annotations

from typing import Literal

from airflow_provider_segment.tasks.declarative import Arg, path, query
from airflow_provider_segment.tasks.operation import ALPHA, SegmentListOperator, SegmentOperator


class SegmentListEntityPathsOperator(SegmentListOperator):
    """Return the paths from profiles to entities.

    :param search: only paths where the entity's or the path's name contains this
    """

    endpoint = "GET /spaces/{spaceId}/entity-paths"
    media_type = ALPHA
    returns = "entityPaths"

    space_id: Arg[str] = path()
    search: Arg[str | None] = query(default=None)


class SegmentListEventsOperator(SegmentListOperator):
    """Return the events that a space has seen.

    :param sort_by: ``lastSeenAt`` by default
    :param sort_dir: ``desc`` by default
    :param search: only names that contain this
    """

    endpoint = "GET /spaces/{spaceId}/events"
    media_type = ALPHA
    returns = "events"

    space_id: Arg[str] = path()
    sort_by: Arg[str | None] = query(default=None)
    sort_dir: Arg[str | None] = query(default=None)
    search: Arg[str | None] = query(default=None)


class SegmentListTraitsOperator(SegmentListOperator):
    """Return the traits that a space has seen.

    Sorted by ``lastSeenAt``, a long list may contain duplicates.

    :param sort_by: ``trait`` by default
    :param sort_dir: ``asc`` by default
    :param search: only keys that contain this
    :param collection: ``users`` by default
    :param include_sample_values: include sample values
    :param samples_count: number of sample values
    """

    endpoint = "GET /spaces/{spaceId}/traits"
    media_type = ALPHA
    returns = "traits"

    space_id: Arg[str] = path()
    sort_by: Arg[str | None] = query(default=None)
    sort_dir: Arg[str | None] = query(default=None)
    search: Arg[str | None] = query(default=None)
    collection: Arg[str | None] = query(default=None)
    include_sample_values: Arg[bool | None] = query(default=None)
    samples_count: Arg[int | None] = query(default=None)


class SegmentListPropertiesFromEntityOperator(SegmentListOperator):
    """Return the properties of an entity of a space.

    :param include_sample_values: include sample values
    :param samples_count: number of sample values
    """

    endpoint = "GET /spaces/{spaceId}/entities/{entitySlug}/properties"
    media_type = ALPHA
    returns = "entityProperties"

    space_id: Arg[str] = path()
    entity_slug: Arg[str] = path()
    include_sample_values: Arg[bool | None] = query(default=None)
    samples_count: Arg[int | None] = query(default=None)


class SegmentListPropertiesFromEventOperator(SegmentListOperator):
    """Return the properties of an event that a space has seen.

    :param sort_by: ``lastSeenAt`` by default
    :param sort_dir: ``desc`` by default
    :param search: only names that contain this
    :param include_sample_values: include sample values
    :param samples_count: number of sample values
    """

    endpoint = "GET /spaces/{spaceId}/events/{eventName}/properties"
    media_type = ALPHA
    returns = "eventProperties"

    space_id: Arg[str] = path()
    event_name: Arg[str] = path()
    sort_by: Arg[str | None] = query(default=None)
    sort_dir: Arg[str | None] = query(default=None)
    search: Arg[str | None] = query(default=None)
    include_sample_values: Arg[bool | None] = query(default=None)
    samples_count: Arg[int | None] = query(default=None)


class SegmentListSampleValuesFromTraitOperator(SegmentOperator):
    """Return sample values of a trait.

    :param collection: ``users`` by default
    """

    endpoint = "GET /spaces/{spaceId}/traits/{traitKey}/sample-values"
    media_type = ALPHA
    returns = "sampleValues"
    answers = list[str]

    space_id: Arg[str] = path()
    trait_key: Arg[str] = path()
    collection: Arg[str | None] = query(default=None)


class SegmentListSampleValuesFromEntityPropertyOperator(SegmentOperator):
    """Return sample values of a property of an entity."""

    endpoint = "GET /spaces/{spaceId}/entities/{entitySlug}/properties/{propertyName}/sample-values"
    media_type = ALPHA
    returns = "sampleValues"
    answers = list[str]

    space_id: Arg[str] = path()
    entity_slug: Arg[str] = path()
    property_name: Arg[str] = path()


class SegmentListSampleValuesFromEventPropertyOperator(SegmentOperator):
    """Return sample values of a property of an event."""

    endpoint = "GET /spaces/{spaceId}/events/{eventName}/properties/{propertyName}/sample-values"
    media_type = ALPHA
    returns = "sampleValues"
    answers = list[str]

    space_id: Arg[str] = path()
    event_name: Arg[str] = path()
    property_name: Arg[str] = path()
    property_type: Arg[Literal["CONTEXT", "PROPERTY"]] = query()
