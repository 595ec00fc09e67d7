"""Spaces, their messaging subscriptions and filters."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.sandbox.collection import Collection, Handler
from airflow_provider_segment.sandbox.constants import SPACE_ID
from airflow_provider_segment.sandbox.operations.workspace import WORKSPACE
from airflow_provider_segment.sandbox.public_api_errors import invalid
from airflow_provider_segment.sandbox.received_call import ReceivedCall, new_id, page_size, whole_number
from airflow_provider_segment.sandbox.state import Item

SPACE: Item = {"id": SPACE_ID, "slug": "sandbox", "name": "Sandbox"}


def space_of(call: ReceivedCall) -> Item:
    return call.item(f"/spaces/{call.params['spaceId']}")


# --- messaging subscriptions -----------------------------------------------------------------------------

Channel = Literal["ANDROID_PUSH", "EMAIL", "IOS_PUSH", "SMS", "WHATSAPP"]
SubscriptionStatus = Literal["DID_NOT_SUBSCRIBE", "SUBSCRIBED", "UNSUBSCRIBED"]


class GroupSubscription(TypedDict):
    name: str
    status: SubscriptionStatus


class SubscriptionKey(TypedDict):
    key: str
    type: Channel


class Subscription(SubscriptionKey):
    status: NotRequired[SubscriptionStatus | None]
    groups: NotRequired[list[GroupSubscription] | None]


def replace_subscriptions(call: ReceivedCall) -> Any:
    known = call.collection(f"/spaces/{space_of(call)['id']}/messaging-subscriptions")
    given = call.valid_body({"subscriptions": list[Subscription]}, ("subscriptions",))["subscriptions"]
    successes = []
    for each in given:
        groups = [{**group, "id": new_id()} for group in each.get("groups") or []]
        known[f"{each['type']} {each['key']}"] = {**each, "groups": groups, "updatedAt": call.now()}
        successes.append({**each, "groups": groups})
    return {"successes": successes, "failures": []}


def query_subscriptions(call: ReceivedCall) -> Any:
    known = call.collection(f"/spaces/{space_of(call)['id']}/messaging-subscriptions")
    given = call.valid_body({"subscriptions": list[SubscriptionKey]}, ("subscriptions",))["subscriptions"]
    answer: Item = {"successes": [], "failures": [], "errors": []}
    for each in given:
        found = known.get(f"{each['type']} {each['key']}")
        missing = {"errors": [{"code": "not_found", "message": "No such subscription."}]}
        answer["successes" if found else "failures"].append(found or each | missing)
    return answer


# --- filters ---------------------------------------------------------------------------------------------

MAX_FILTERS = 10  # in one page


def list_filters(call: ReceivedCall) -> Any:
    """In pages of ten, with a number as the cursor."""
    integration = call.valid_query({"integrationId": str}, ("integrationId",))["integrationId"]
    filters = [each for each in call.collection("/filters").values() if each["integrationId"] == integration]
    asked = call.query.get("pagination", {})
    if not isinstance(asked, dict):
        raise invalid("pagination is not an object.", "pagination")
    count = page_size(asked.get("count", MAX_FILTERS), "pagination.count", MAX_FILTERS)
    start = whole_number(asked.get("cursor") or 0, "pagination.cursor")
    pagination = {"current": start, "totalEntries": len(filters)}
    if start + count < len(filters):
        pagination["next"] = start + count
    return {"filters": filters[start : start + count], "pagination": pagination}


def delete_filter(call: ReceivedCall) -> Any:
    call.remove(call.path)
    return {"deleted": True}


def complete_filter(call: ReceivedCall, item: Item) -> None:
    item["workspaceId"] = WORKSPACE["id"]


COLLECTIONS = (
    Collection(path="/spaces", many="spaces", one="space", operations=("list", "get")),
    Collection(
        path="/filters",
        many="filters",
        one="filter",
        id="id",
        fields={
            "integrationId": str,
            "enabled": bool,
            "name": str,
            "description": str,
            "if": str,
            "drop": bool,
        },
        required=("integrationId", "name", "if"),
        updates=("integrationId", "enabled", "name", "description", "if", "drop"),
        required_by_update=("integrationId",),
        defaults={"enabled": False, "drop": False},
        stamped=True,
        complete=complete_filter,
    ),
)

SPECIAL: dict[str, Handler] = {
    "PUT /spaces/{spaceId}/messaging-subscriptions": replace_subscriptions,
    "POST /spaces/{spaceId}/messaging-subscriptions/batch": query_subscriptions,
    "GET /filters": list_filters,
    "DELETE /filters/{id}": delete_filter,
}
