"""Activations: where audiences are sent to. Part of Engage; alpha."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.api.resources import Identified, Resource
from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, path, query
from airflow_provider_segment.tasks.operation import (
    ALPHA,
    SegmentDeleteOperator,
    SegmentListOperator,
    SegmentOperator,
)


class DestinationReference(TypedDict):
    """A destination and its type."""

    id: str
    type: str


class IdSync(TypedDict):
    """How one kind of external id is sent to a destination."""

    externalId: str
    strategy: str
    mapTo: NotRequired[str | None]


class ProfilePersonalization(TypedDict, total=False):
    """Traits of the profile to send along."""

    properties: list[str] | None
    mapping: dict[str, str] | None


class EntityPersonalization(TypedDict):
    """Properties of a related entity to send along."""

    properties: list[str]
    relationshipSlug: str


class Personalization(TypedDict, total=False):
    """What an activation sends in addition to the membership."""

    profile: ProfilePersonalization | None
    entities: list[EntityPersonalization] | None
    syncEntityPropertyChanges: bool | None


class DestinationMapping(TypedDict):
    """The destination's action, and how its fields are filled."""

    actionId: str
    settings: NotRequired[dict[str, Any] | None]


class SegmentListSupportedDestinationsFromAudienceOperator(SegmentOperator):
    """Return the destinations that audiences of a type can be activated to, with their actions.

    A destination without actions takes its settings from the connection, and no ``destination_mapping``.

    :param slug: only this destination
    :param action_id: only this action
    """

    endpoint = "GET /spaces/{spaceId}/audienceType/{audienceType}/supported-destinations"
    media_type = ALPHA
    returns = "destinations"

    space_id: Arg[str] = path()
    audience_type: Arg[Literal["USERS", "ACCOUNTS", "LINKED"]] = path()
    slug: Arg[str | None] = query(default=None)
    action_id: Arg[str | None] = query(default=None)


class SegmentListActivationsFromAudienceOperator(SegmentListOperator):
    """Return all activations of an audience."""

    endpoint = "GET /spaces/{spaceId}/audiences/{audienceId}/activations"
    media_type = ALPHA
    returns = "activations"

    space_id: Arg[str] = path()
    audience_id: Arg[str] = path()


class SegmentGetActivationFromAudienceOperator(SegmentOperator):
    """Return an activation."""

    endpoint = "GET /spaces/{spaceId}/audiences/{audienceId}/activations/{id}"
    media_type = ALPHA
    returns = "activation"

    space_id: Arg[str] = path()
    audience_id: Arg[str] = path()
    id: Arg[str] = path()


class SegmentUpdateActivationForAudienceOperator(SegmentOperator):
    """Update an activation: enable or disable it, rename it, change its mapping.

    :param perform_resync: send the whole audience again
    """

    endpoint = "PATCH /spaces/{spaceId}/audiences/{audienceId}/activations/{id}"
    media_type = ALPHA
    returns = "activation"
    may_hold_secrets = ("destination_mapping",)

    space_id: Arg[str] = path()
    audience_id: Arg[str] = path()
    id: Arg[str] = path()
    enabled: Arg[bool | None] = NOT_GIVEN
    activation_name: Arg[str | None] = NOT_GIVEN
    display_name: Arg[str | None] = NOT_GIVEN
    personalization: Arg[Personalization | None] = NOT_GIVEN
    destination_mapping: Arg[DestinationMapping | None] = NOT_GIVEN
    perform_resync: Arg[bool | None] = NOT_GIVEN


class SegmentRemoveActivationFromAudienceOperator(SegmentDeleteOperator):
    """Delete an activation: the audience is no longer sent to the destination."""

    endpoint = "DELETE /spaces/{spaceId}/audiences/{audienceId}/activations/{id}"
    media_type = ALPHA

    space_id: Arg[str] = path()
    audience_id: Arg[str] = path()
    id: Arg[str] = path()


class SegmentListDestinationsFromAudienceOperator(SegmentListOperator):
    """Return all connections from an audience to destinations."""

    endpoint = "GET /spaces/{spaceId}/audiences/{audienceId}/destination-connections"
    media_type = ALPHA
    returns = "connections"

    space_id: Arg[str] = path()
    audience_id: Arg[str] = path()


class SegmentUpdateDestinationForAudienceOperator(SegmentOperator):
    """Update what a connection from an audience to a destination sends."""

    endpoint = "PATCH /spaces/{spaceId}/audiences/{audienceId}/destination-connections/{destinationId}"
    media_type = ALPHA
    answers = {"destination": Identified}
    secrets = ("connection_settings",)

    space_id: Arg[str] = path()
    audience_id: Arg[str] = path()
    destination_id: Arg[str] = path()
    id_sync_configuration: Arg[list[IdSync] | None] = NOT_GIVEN
    connection_settings: Arg[Any] = NOT_GIVEN


class SegmentAddDestinationToAudienceOperator(SegmentCreateOperator):
    """Connect an audience to a destination.

    The destination must have been added to Engage in Segment's app. Data flows only after an activation has
    been added to the connection.
    """

    endpoint = "POST /spaces/{spaceId}/audiences/{audienceId}/destination-connections"
    media_type = ALPHA
    answers = {"connection": Identified, "idSyncConfiguration": list[Resource]}
    natural_key = ("destination",)
    listed_by = SegmentListDestinationsFromAudienceOperator
    listed = {"id": str, "destinationId": str}
    updated_by = SegmentUpdateDestinationForAudienceOperator
    secrets = ("connection_settings",)

    space_id: Arg[str] = path()
    audience_id: Arg[str] = path()
    destination: Arg[DestinationReference]
    id_sync_configuration: Arg[list[IdSync] | None] = NOT_GIVEN
    connection_settings: Arg[Any] = NOT_GIVEN

    def is_same(self, item: dict[str, Any], arguments: dict[str, Any]) -> bool:
        """By destination."""
        return bool(item["destinationId"] == arguments["destination"]["id"])

    def id_of(self, item: dict[str, Any]) -> Any:
        """The destination: it names the connection in a path."""
        return item["destinationId"]

    def adopted(self, item: dict[str, Any]) -> dict[str, Any]:
        """The existing connection, in the shape of a new one."""
        parts = ("idSyncConfiguration", "connectionSettings")
        return {"connection": {"id": item["id"]}, **{name: item[name] for name in parts if name in item}}


class SegmentRemoveDestinationFromAudienceOperator(SegmentDeleteOperator):
    """Disconnect an audience from a destination.

    Segment refuses this (409) while the connection has activations.
    """

    endpoint = "DELETE /spaces/{spaceId}/audiences/{audienceId}/destination-connections/{destinationId}"
    media_type = ALPHA

    space_id: Arg[str] = path()
    audience_id: Arg[str] = path()
    destination_id: Arg[str] = path()


class SegmentAddActivationToAudienceOperator(SegmentCreateOperator):
    """Send an audience to a connected destination.

    :param connection_id: created by :class:`SegmentAddDestinationToAudienceOperator`
    :param perform_resync: send the whole audience, not only later entries and exits; with
        ``if_exists="update"``, if something else is changed
    """

    endpoint = (
        "POST /spaces/{spaceId}/audiences/{audienceId}/destination-connections/{connectionId}/activations"
    )
    media_type = ALPHA
    returns = "activation"
    natural_key = ("connection_id", "activation_name")
    listed_by = SegmentListActivationsFromAudienceOperator
    updated_by = SegmentUpdateActivationForAudienceOperator
    instructions = ("perform_resync",)
    may_hold_secrets = ("destination_mapping",)

    space_id: Arg[str] = path()
    audience_id: Arg[str] = path()
    connection_id: Arg[str] = path()
    enabled: Arg[bool | None] = NOT_GIVEN
    perform_resync: Arg[bool]
    activation_type: Arg[str]
    activation_name: Arg[str]
    display_name: Arg[str | None] = NOT_GIVEN
    personalization: Arg[Personalization | None] = NOT_GIVEN
    destination_mapping: Arg[DestinationMapping | None] = NOT_GIVEN
