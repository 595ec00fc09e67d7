"""The destinations of audiences, and their activations."""

from __future__ import annotations

from typing import Any

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.sandbox.collection import Collection, Handler
from airflow_provider_segment.sandbox.operations.workspace import WORKSPACE
from airflow_provider_segment.sandbox.public_api_errors import PublicApiError, invalid, not_found, taken
from airflow_provider_segment.sandbox.received_call import ReceivedCall, new_id
from airflow_provider_segment.sandbox.state import Item


class DestinationReference(TypedDict):
    id: str
    type: str


class IdSync(TypedDict):
    externalId: str
    strategy: str
    mapTo: NotRequired[str | None]


class Profile(TypedDict, total=False):
    properties: list[str] | None
    mapping: dict[str, str] | None


class Entity(TypedDict):
    properties: list[str]
    relationshipSlug: str


class Personalization(TypedDict, total=False):
    profile: Profile | None
    entities: list[Entity] | None
    syncEntityPropertyChanges: bool | None


class Mapping(TypedDict):
    actionId: str
    settings: NotRequired[dict[str, Any] | None]


def audience_of(call: ReceivedCall) -> Item:
    return call.item(f"/spaces/{call.params['spaceId']}/audiences/{call.params['audienceId']}")


def path_of(audience: Item, collection: str) -> str:
    return f"/spaces/{audience['spaceId']}/audiences/{audience['id']}/{collection}"


# --- destinations of an audience -------------------------------------------------------------------------

CONNECTION = {"idSyncConfiguration": list[IdSync], "connectionSettings": Any}


def connect(call: ReceivedCall) -> Any:
    audience = audience_of(call)
    asked = call.valid_body({"destination": DestinationReference, **CONNECTION}, ("destination",))
    destination = call.get("/destinations", asked.pop("destination")["id"])
    connections = call.collection(call.path)
    if any(each["destinationId"] == destination["id"] for each in connections.values()):
        raise taken("The audience is connected to this destination.", "destination")
    now = call.now()
    connection = {"id": new_id(), "destinationId": destination["id"], "createdAt": now, "updatedAt": now}
    connections[connection["id"]] = {**connection, **asked}
    call.subject = audience
    return {"connection": {"id": connection["id"]}, **configuration(connections[connection["id"]])}


def configuration(connection: Item) -> Item:
    return {
        "idSyncConfiguration": connection.get("idSyncConfiguration", []),
        "connectionSettings": connection.get("connectionSettings"),
    }


def list_connections(call: ReceivedCall) -> Any:
    def shown(connection: Item) -> Item:
        destination = call.get("/destinations", connection["destinationId"])
        entry = destination["metadata"]
        return {
            **{name: destination[name] for name in ("name", "sourceId", "enabled", "settings")},
            **connection,
            "metadata": {name: entry[name] for name in ("id", "name", "slug")},
            **configuration(connection),
        }

    audience_of(call)
    known = call.collection("/destinations")
    connections = call.collection(call.path).values()
    return call.page("connections", [shown(each) for each in connections if each["destinationId"] in known])


def connection_of(call: ReceivedCall, id: str) -> Item:
    """The connection with this id, or to the destination with this id: Segment's paths contain either."""
    audience = audience_of(call)
    for connection in call.collection(path_of(audience, "destination-connections")).values():
        if id in (connection["id"], connection["destinationId"]):
            return connection
    raise not_found(f"The audience is not connected to {id}.")


def update_connection(call: ReceivedCall) -> Any:
    connection = connection_of(call, call.params["destinationId"])
    connection |= {**call.valid_body(CONNECTION), "updatedAt": call.now()}
    return {"destination": {"id": connection["destinationId"]}, **configuration(connection)}


def disconnect(call: ReceivedCall) -> Any:
    connection = connection_of(call, call.params["destinationId"])
    audience = audience_of(call)
    activations = call.collection(path_of(audience, "activations")).values()
    if any(each["connectionId"] == connection["id"] for each in activations):
        raise PublicApiError(409, "Conflict", "The destination has activations.")
    del call.collection(path_of(audience, "destination-connections"))[connection["id"]]
    return {"status": "SUCCESS"}


def supported_destinations(call: ReceivedCall) -> Any:
    """The workspace's destinations that accept audiences: an object, by id."""
    call.item(f"/spaces/{call.params['spaceId']}")
    if call.params["audienceType"] not in ("ACCOUNTS", "LINKED", "USERS"):
        raise invalid("audienceType is none of ACCOUNTS, LINKED, USERS.", "audienceType")
    asked = call.valid_query({"slug": str, "actionId": str})
    entries = [
        entry
        for entry in call.collection("/catalog/destinations").values()
        if entry["actions"]
        and asked.get("slug") in (None, entry["slug"])
        and asked.get("actionId") in (None, *(action["id"] for action in entry["actions"]))
    ]
    page = call.page("destinations", entries)
    return {**page, "destinations": {entry["id"]: entry for entry in page["destinations"]}}


# --- activations -----------------------------------------------------------------------------------------


def create_activation(call: ReceivedCall) -> Any:
    connection = connection_of(call, call.params["connectionId"])
    audience = audience_of(call)
    given = call.valid_body(ACTIVATIONS.fields, ACTIVATIONS.required)
    activation = {
        "id": new_id("act_"),
        "enabled": False,
        "workspaceId": WORKSPACE["id"],
        "spaceId": audience["spaceId"],
        "audienceId": audience["id"],
        "connectionId": connection["id"],
        "personalization": {},
        **given,
    }
    call.add(path_of(audience, "activations"), activation)
    return {"activation": shown_activation(call, activation)}


def shown_activation(call: ReceivedCall, item: Item) -> Item:
    """A personalization that was not given is shown as an empty one."""
    given = item["personalization"].get("profile") or {}
    profile = {**given, "properties": given.get("properties") or []}
    return {**item, "personalization": {**item["personalization"], "profile": profile}}


ACTIVATIONS = Collection(
    path="/spaces/{spaceId}/audiences/{audienceId}/activations",
    many="activations",
    one="activation",
    id="id",
    operations=("list", "get", "update", "delete"),
    fields={
        "enabled": bool,
        "performResync": bool,
        "activationType": str,
        "activationName": str,
        "displayName": str,
        "personalization": Personalization,
        "destinationMapping": Mapping,
    },
    required=("performResync", "activationType", "activationName"),
    updates=(
        "enabled",
        "activationName",
        "displayName",
        "personalization",
        "destinationMapping",
        "performResync",
    ),
    show=shown_activation,
)

COLLECTIONS = (ACTIVATIONS,)

CONNECTIONS = "/spaces/{spaceId}/audiences/{audienceId}/destination-connections"
SPECIAL: dict[str, Handler] = {
    "GET /spaces/{spaceId}/audienceType/{audienceType}/supported-destinations": supported_destinations,
    f"POST {CONNECTIONS}": connect,
    f"GET {CONNECTIONS}": list_connections,
    f"PATCH {CONNECTIONS}/{{destinationId}}": update_connection,
    f"DELETE {CONNECTIONS}/{{destinationId}}": disconnect,
    f"POST {CONNECTIONS}/{{connectionId}}/activations": create_activation,
}
