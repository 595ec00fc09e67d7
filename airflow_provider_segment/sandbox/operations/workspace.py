"""The workspace, its credentials, and the operations that stand by themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow_provider_segment.sandbox.collection import Collection, Handler
from airflow_provider_segment.sandbox.operations.catalog import masked
from airflow_provider_segment.sandbox.public_api_errors import PublicApiError, invalid
from airflow_provider_segment.sandbox.received_call import ReceivedCall, new_id
from airflow_provider_segment.sandbox.state import Item

WORKSPACE: Item = {"id": "sandboxWorkspace00001", "slug": "sandbox", "name": "Sandbox"}


# --- credentials -----------------------------------------------------------------------------------------


def complete_credential(call: ReceivedCall, item: Item) -> None:
    item["workspaceId"] = WORKSPACE["id"]
    item["settings"] = masked(item["settings"])


def users_of(credential: str, things: Iterable[Item]) -> list[Item]:
    return [each for each in things if each["settings"].get("credential_id") == credential]


def consumers(call: ReceivedCall) -> Any:
    """Two lists, each with its own pages."""
    id = call.item(call.path.removesuffix("/consumers"))["id"]
    pages: Item = {}
    for kind in ("warehouses", "sources"):
        found = users_of(id, call.collection(f"/{kind}").values())
        pages |= call.page(kind, found, pagination=f"{kind}Pagination")
    return pages


def refuse_if_used(call: ReceivedCall, item: Item) -> None:
    used = [*call.collection("/sources").values(), *call.collection("/warehouses").values()]
    if users_of(item["id"], used):
        raise PublicApiError(409, "Conflict", "The credential is in use.")


# --- the rest --------------------------------------------------------------------------------------------


def echo(call: ReceivedCall) -> Any:
    asked = call.valid_query(
        {
            "message": str,
            "delay": float,
            "triggerError": bool,
            "triggerMultipleErrors": bool,
            "triggerUnexpectedError": bool,
            "statusCode": int,
        },
        ("message",),
    )
    call.delay = asked.get("delay", 0) / 1000
    if asked.get("triggerUnexpectedError"):
        raise PublicApiError(500, "InternalError", "An unexpected error, as asked for.")
    status = asked.get("statusCode", 200)
    if not 200 <= status <= 599:
        raise invalid("statusCode is not from 200 to 599.", "statusCode")
    if status >= 400 or asked.get("triggerError") or asked.get("triggerMultipleErrors"):
        refused = PublicApiError(max(status, 400), "RequestError", "An error, as asked for.")
        if asked.get("triggerMultipleErrors"):
            refused.errors.append({"type": "RequestError", "message": "Another error, as asked for."})
        raise refused
    call.status = status
    headers = {name: value for name, value in call.headers.items() if name.lower() != "authorization"}
    return {"method": "get", "message": asked["message"], "headers": headers}


def trigger_dbt(call: ReceivedCall) -> Any:
    source_id = call.valid_body({"sourceId": str}, ("sourceId",))["sourceId"]
    call.subject = call.get("/sources", source_id)
    return {"dbtModelSyncTrigger": {"id": new_id(), "sourceId": source_id, "status": "ACCEPTED"}}


def download(call: ReceivedCall) -> Any:
    asked = call.valid_body({"collectionId": str, "hour": str}, ("collectionId", "hour"))
    file = f"https://example.com/customer-insights/{asked['collectionId']}/{asked['hour']}.gz"
    return {"download": {"urls": [f"{file}?signature={new_id()}"]}}


COLLECTIONS = (
    Collection(
        path="/credentials",
        many="credentials",
        one="credential",
        fields={"name": str, "settings": dict},
        required=("name", "settings"),
        updates=("name", "settings"),
        created=201,
        prefix="cred_",
        stamped=True,
        complete=complete_credential,
        changed=complete_credential,
        removed=refuse_if_used,
    ),
)

SPECIAL: dict[str, Handler] = {
    "GET /": lambda call: {"workspace": WORKSPACE},
    "GET /credentials/{credentialId}/consumers": consumers,
    "GET /echo": echo,
    "POST /dbt-model-syncs/trigger": trigger_dbt,
    "POST /customer-insights/download": download,
}
