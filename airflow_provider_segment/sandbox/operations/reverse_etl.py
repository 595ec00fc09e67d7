"""Reverse ETL: models and their syncs. A sync takes some of the sandbox's time."""

from __future__ import annotations

from typing import Any

from airflow_provider_segment.sandbox.clock import iso
from airflow_provider_segment.sandbox.collection import Collection, Handler
from airflow_provider_segment.sandbox.public_api_errors import not_found
from airflow_provider_segment.sandbox.received_call import ReceivedCall, cursor, new_id, offset, page_size
from airflow_provider_segment.sandbox.scripts import ReverseEtlSyncScript
from airflow_provider_segment.sandbox.state import Item

MAX_PAGE, DEFAULT_PAGE = 100, 10


def start_sync(call: ReceivedCall) -> Any:
    names = ("sourceId", "modelId", "subscriptionId")
    asked = call.valid_body(dict.fromkeys(names, str), names)
    call.get("/sources", asked["sourceId"])
    model = call.get("/reverse-etl-models", asked["modelId"])
    check_subscription(call, asked["subscriptionId"])
    sync = new_sync(call, model["id"], asked["subscriptionId"])
    return {"reverseETLManualSync": {"syncId": sync["id"], "startedAt": iso(sync["started"])}}


def new_sync(call: ReceivedCall, model_id: str, subscription_id: str) -> Item:
    model = call.get("/reverse-etl-models", model_id)
    sync = {
        "id": new_id(),
        "modelId": model_id,
        "sourceId": model["sourceId"],
        "subscriptionId": subscription_id,
        "started": call.state.clock.now(),
        "cancelled_at": None,
        "script": call.state.scripts.take(
            ReverseEtlSyncScript, model_id=model_id, subscription_id=subscription_id
        ),
    }
    return call.add(f"/reverse-etl-models/{model_id}/syncs", sync)


def check_subscription(call: ReceivedCall, id: str) -> None:
    if not any(each["id"] == id for each in call.items("/subscriptions")):
        raise not_found(f"No destination has the subscription {id}.")


def sync_of(call: ReceivedCall) -> Item:
    return call.item(f"/reverse-etl-models/{call.params['modelId']}/syncs/{call.params['syncId']}")


def end_of(sync: Item) -> float:
    """When a sync ends or ended, in seconds since 1970."""
    script: ReverseEtlSyncScript = sync["script"]
    ends = float(sync["started"] + script.seconds)
    cancelled_at = sync["cancelled_at"]
    return ends if cancelled_at is None else min(ends, cancelled_at + script.cancel_seconds)


def running(call: ReceivedCall, sync: Item) -> bool:
    return call.state.clock.now() < end_of(sync)


def status(call: ReceivedCall, sync: Item) -> Item:
    """A sync as answers show it now."""
    script: ReverseEtlSyncScript = sync["script"]
    start, end = iso(sync["started"]), iso(end_of(sync))
    cancelled = sync["cancelled_at"] is not None
    shown: Item = {
        "syncId": sync["id"],
        "modelId": sync["modelId"],
        "sourceId": sync["sourceId"],
        "syncStatus": "CANCELLING" if cancelled else "IN_PROGRESS",
        "duration": "0s",
        "startedAt": start,
    }
    if running(call, sync):
        return shown
    times = {"startedAt": start, "finishedAt": end, "errorCode": script.error_code}
    extracted = dict.fromkeys(("addedCount", "extractCount"), str(script.extracted))
    extracted |= dict.fromkeys(("updatedCount", "deletedCount"), "0")
    return shown | {
        "syncStatus": "CANCELED" if cancelled else script.status,
        "duration": f"{end_of(sync) - sync['started']:g}s",
        "finishedAt": end,
        "extractPhase": {**extracted, **times},
        "loadPhase": {
            "deliverSuccessCount": str(script.delivered),
            "deliverFailureCount": str(script.failed),
            **times,
        },
        "error": script.error,
        "errorCode": script.error_code,
    }


def sync_status(call: ReceivedCall) -> Any:
    return {"reverseETLSyncStatus": status(call, sync_of(call))}


def list_syncs(call: ReceivedCall) -> Any:
    """The syncs of one mapping, newest first. Here count and cursor are top-level parameters."""
    model = call.item(f"/reverse-etl-models/{call.params['modelId']}")["id"]
    check_subscription(call, call.params["subscriptionId"])
    mapping = {"model_id": model, "subscription_id": call.params["subscriptionId"]}
    for script in call.state.scripts.of(ReverseEtlSyncScript, **mapping):
        if script.now and not script.used:
            sync = new_sync(call, model, call.params["subscriptionId"])
            sync["started"] = script.given_at
    count = page_size(call.query.get("count", DEFAULT_PAGE), "count", MAX_PAGE)
    start = offset(call.query["cursor"], "cursor") if call.query.get("cursor") else 0
    syncs = [
        status(call, sync)
        for sync in reversed(call.collection(f"/reverse-etl-models/{model}/syncs").values())
        if sync["subscriptionId"] == call.params["subscriptionId"]
    ]
    pagination: Item = {"current": cursor(start), "totalEntries": len(syncs)}
    if start + count < len(syncs):
        pagination["next"] = cursor(start + count)
    return {"syncStatuses": syncs[start : start + count], "pagination": pagination}


def cancel_sync(call: ReceivedCall) -> Any:
    """Cancel a sync. One that cannot be cancelled is a 200 with an error code."""
    call.valid_body({"reasonForCanceling": float})
    sync = sync_of(call)
    answer = {"modelId": sync["modelId"], "syncId": sync["id"]}
    if sync["cancelled_at"] is None and running(call, sync):
        sync["cancelled_at"] = call.state.clock.now()
        return answer | {"status": "CANCELLING"}
    code = "SyncFinishedCannotCancel" if sync["cancelled_at"] is None else "SyncAlreadyCanceled"
    return answer | {"errorCode": code, "errorMessage": "The sync is not running."}


COLLECTIONS = (
    Collection(
        path="/reverse-etl-models",
        many="models",
        one="reverseEtlModel",
        id="modelId",
        fields={
            "sourceId": str,
            "name": str,
            "description": str,
            "enabled": bool,
            "query": str,
            "queryIdentifierColumn": str,
        },
        required=("sourceId", "name", "description", "enabled", "query", "queryIdentifierColumn"),
        updates=("name", "description", "enabled", "query", "queryIdentifierColumn"),
        refers={"sourceId": "/sources"},
        created=201,
    ),
)

MODEL = "/reverse-etl-models/{modelId}"
SPECIAL: dict[str, Handler] = {
    "POST /reverse-etl-syncs": start_sync,
    f"GET {MODEL}/syncs/{{syncId}}": sync_status,
    f"POST {MODEL}/syncs/{{syncId}}/cancel": cancel_sync,
    f"GET {MODEL}/subscriptionId/{{subscriptionId}}/syncs": list_syncs,
}
