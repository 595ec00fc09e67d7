"""Transformations of events (Protocols)."""

from __future__ import annotations

from typing import Literal

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, path
from airflow_provider_segment.tasks.operation import (
    SegmentDeleteOperator,
    SegmentListOperator,
    SegmentOperator,
)


class PropertyRename(TypedDict):
    """Renames a property."""

    oldName: str
    newName: str


class PropertyValue(TypedDict):
    """Sets properties to a value."""

    propertyPaths: list[str]
    propertyValue: str


class FqlProperty(TypedDict):
    """Sets a property to the result of an expression."""

    fql: str
    propertyName: str


class HashConfiguration(TypedDict):
    """Hashes properties."""

    algorithm: str
    key: NotRequired[str | None]
    encoding: NotRequired[Literal["BASE16", "BASE64", "BASE64URL", "HEX"] | None]
    paths: list[str]


class SegmentListTransformationsOperator(SegmentListOperator):
    """Return all transformations of the workspace."""

    endpoint = "GET /transformations"
    returns = "transformations"


class SegmentGetTransformationOperator(SegmentOperator):
    """Return a transformation."""

    endpoint = "GET /transformations/{transformationId}"
    returns = "transformation"

    transformation_id: Arg[str] = path()


class SegmentUpdateTransformationOperator(SegmentOperator):
    """Update a transformation.

    :param if_: an FQL expression that selects the events
    :param destination_metadata_id: only for events sent to this destination of the catalog
    :param drop: drop the events
    :param hash_properties_configuration: hash properties; its ``key`` is a secret
    """

    endpoint = "PATCH /transformations/{transformationId}"
    returns = "transformation"
    secrets = ("hash_properties_configuration",)

    transformation_id: Arg[str] = path()
    name: Arg[str | None] = NOT_GIVEN
    source_id: Arg[str | None] = NOT_GIVEN
    destination_metadata_id: Arg[str | None] = NOT_GIVEN
    enabled: Arg[bool | None] = NOT_GIVEN
    if_: Arg[str | None] = NOT_GIVEN
    drop: Arg[bool | None] = NOT_GIVEN
    new_event_name: Arg[str | None] = NOT_GIVEN
    property_renames: Arg[list[PropertyRename] | None] = NOT_GIVEN
    property_value_transformations: Arg[list[PropertyValue] | None] = NOT_GIVEN
    fql_defined_properties: Arg[list[FqlProperty] | None] = NOT_GIVEN
    allow_properties: Arg[list[str] | None] = NOT_GIVEN
    hash_properties_configuration: Arg[HashConfiguration | None] = NOT_GIVEN


class SegmentCreateTransformationOperator(SegmentCreateOperator):
    """Create a transformation of a source's events.

    :param if_: an FQL expression that selects the events
    :param destination_metadata_id: only for events sent to this destination of the catalog
    :param drop: drop the events
    :param hash_properties_configuration: hash properties; its ``key`` is a secret
    """

    endpoint = "POST /transformations"
    returns = "transformation"
    secrets = ("hash_properties_configuration",)
    natural_key = ("source_id", "name")
    listed_by = SegmentListTransformationsOperator
    updated_by = SegmentUpdateTransformationOperator

    name: Arg[str]
    source_id: Arg[str]
    destination_metadata_id: Arg[str | None] = NOT_GIVEN
    enabled: Arg[bool]
    if_: Arg[str]
    drop: Arg[bool | None] = NOT_GIVEN
    new_event_name: Arg[str | None] = NOT_GIVEN
    property_renames: Arg[list[PropertyRename] | None] = NOT_GIVEN
    property_value_transformations: Arg[list[PropertyValue] | None] = NOT_GIVEN
    fql_defined_properties: Arg[list[FqlProperty] | None] = NOT_GIVEN
    allow_properties: Arg[list[str] | None] = NOT_GIVEN
    hash_properties_configuration: Arg[HashConfiguration | None] = NOT_GIVEN


class SegmentDeleteTransformationOperator(SegmentDeleteOperator):
    """Delete a transformation."""

    endpoint = "DELETE /transformations/{transformationId}"

    transformation_id: Arg[str] = path()
