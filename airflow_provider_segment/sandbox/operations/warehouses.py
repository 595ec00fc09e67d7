"""Warehouses: their sources, syncs, sync schedule and selective sync."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.sandbox.clock import iso
from airflow_provider_segment.sandbox.collection import Collection, Handler
from airflow_provider_segment.sandbox.operations.catalog import masked, metadata
from airflow_provider_segment.sandbox.operations.sources import connect
from airflow_provider_segment.sandbox.operations.workspace import WORKSPACE
from airflow_provider_segment.sandbox.public_api_errors import invalid, not_found
from airflow_provider_segment.sandbox.received_call import ReceivedCall
from airflow_provider_segment.sandbox.received_events import tables_of
from airflow_provider_segment.sandbox.scripts import WarehouseSyncScript
from airflow_provider_segment.sandbox.state import Item

HOUR = 3_600
MAX_REPORTS = 100

# --- warehouses ------------------------------------------------------------------------------------------


def complete_warehouse(call: ReceivedCall, item: Item) -> None:
    alone = item.pop("disconnectAllSources", False)
    item["metadata"] = metadata(call, "warehouses", item.pop("metadataId"))
    item["workspaceId"] = WORKSPACE["id"]
    item["settings"] = dict(item["settings"])
    name_and_hide(call, item)
    call.state.collections["/warehouses"][item["id"]] = item
    if not alone:  # by default all sources are connected
        for source in call.collection("/sources"):
            connect(call, item["id"], source)


def name_and_hide(call: ReceivedCall, item: Item) -> None:
    """A name is one of the settings; a password is never shown, not even masked."""
    settings = item["settings"]
    if "name" in item:
        settings["name"] = item.pop("name")
    settings.pop("password", None)
    item["settings"] = masked(settings)


def reachable(settings: Item) -> str:
    """No host under .invalid can be reached (RFC 2606): a way to see a failure."""
    hosts = (str(value) for name, value in settings.items() if name in ("hostname", "host", "account"))
    return "FAILED" if any(host.endswith(".invalid") for host in hosts) else "CONNECTED"


def validate(call: ReceivedCall) -> Any:
    asked = call.valid_body({"metadataId": str, "settings": dict}, ("metadataId", "settings"))
    options = metadata(call, "warehouses", asked["metadataId"])["options"]
    missing = any(option["required"] and not asked["settings"].get(option["name"]) for option in options)
    return {"status": "FAILED" if missing else reachable(asked["settings"])}


def connection_state(call: ReceivedCall) -> Any:
    return {"connectionState": reachable(warehouse_of(call)["settings"])}


def warehouse_of(call: ReceivedCall) -> Item:
    return call.item(f"/warehouses/{call.params['warehouseId']}")


# --- connected sources -----------------------------------------------------------------------------------


def connected_sources(call: ReceivedCall) -> Any:
    sources = call.collection("/sources")
    return call.page("sources", [sources[id] for id in call.collection(call.path)])


def add_source(call: ReceivedCall) -> Any:
    warehouse = warehouse_of(call)
    call.get("/sources", call.params["sourceId"])
    connect(call, warehouse["id"], call.params["sourceId"])
    call.status = 201
    return {"status": "CONNECTED"}


def remove_source(call: ReceivedCall) -> Any:
    warehouse_of(call)
    connected = call.collection(call.path.rpartition("/")[0])
    if connected.pop(call.params["sourceId"], None) is None:
        raise not_found("This source is not connected.")
    return {"status": "SUCCESS"}


# --- syncs -----------------------------------------------------------------------------------------------


def syncs(call: ReceivedCall) -> Any:
    """The syncs, newest first: hourly from all sources, or at the hours of the schedule."""
    warehouse = warehouse_of(call)
    connected = call.collection(connected_path(warehouse))
    ids = [call.params["sourceId"]] if "sourceId" in call.params else list(connected)
    reports: list[Item] = []
    for id in ids:
        reports += reports_of(call, warehouse, id, call.get(connected_path(warehouse), id)["since"])
    reports.sort(key=lambda report: str(report["start"]), reverse=True)
    return call.page("reports", reports)


def connected_path(warehouse: Item) -> str:
    return f"/warehouses/{warehouse['id']}/connected-sources"


def reports_of(call: ReceivedCall, warehouse: Item, source_id: str, since: float) -> list[Item]:
    if not warehouse["enabled"]:
        return []
    now = call.state.clock.now()
    received = call.state.counts.minutes(source_id)
    reports: list[Item] = []
    done = 0.0  # the first sync loads everything received before
    for start, script in starts_of(call, warehouse, source_id, since)[-MAX_REPORTS:]:
        end = start + script.seconds
        ended = now >= end
        count = sum(count for minute, count in received.items() if done <= minute < start)
        reports.append(
            {
                "sourceId": source_id,
                "start": iso(start),
                "end": iso(end) if ended else None,
                "status": script.status if ended else "RUNNING",
                "duration": round(script.seconds) if ended else 0,
                "humanDuration": f"{script.seconds:g}s" if ended else "0s",
                "count": (count if script.count is None else script.count) if ended else 0,
                "notices": [
                    {"level": "warning", "message": notice, "createdAt": iso(end)}
                    for notice in script.notices
                    if ended
                ],
            }
        )
        done = start
    return reports


def starts_of(
    call: ReceivedCall, warehouse: Item, source_id: str, since: float
) -> list[tuple[float, WarehouseSyncScript]]:
    """When syncs of a source started, on schedule or by a script, and the script for each."""
    now = call.state.clock.now()
    scripts = call.state.scripts.of(WarehouseSyncScript, warehouse_id=warehouse["id"], source_id=source_id)
    starts = [(script.given_at, script) for script in scripts if script.now]
    used: Counter[int] = Counter()
    first = int(since // HOUR + 1) * HOUR
    for hour in filter(due(call, warehouse), range(first, int(now) + 1, HOUR)):
        fitting = (
            script
            for script in scripts
            if not script.now and script.given_at <= hour and used[id(script)] != script.next
        )
        script = next(fitting, WarehouseSyncScript())
        used[id(script)] += 1
        if not script.missing and hour + script.late <= now:
            starts.append((hour + script.late, script))
    return sorted(starts, key=lambda start: start[0])


class Slot(TypedDict):
    hourOfDay: int
    enabled: bool


class SyncSchedule(TypedDict):
    times: list[Slot]
    timezone: NotRequired[str]


def due(call: ReceivedCall, warehouse: Item) -> Callable[[int], bool]:
    """Whether a sync starts at a time, by the warehouse's schedule."""
    plan = call.single(f"/warehouses/{warehouse['id']}/advanced-sync-schedule", {"enabled": False})
    if not plan["enabled"] or "schedule" not in plan:
        return lambda start: True
    zone = ZoneInfo(plan["schedule"].get("timezone") or "UTC")
    hours = {slot["hourOfDay"] for slot in plan["schedule"]["times"] if slot["enabled"]}
    return lambda start: datetime.fromtimestamp(start, timezone.utc).astimezone(zone).hour in hours


def sync_schedule(call: ReceivedCall) -> Any:
    return call.single(call.path, {"enabled": False})


def replace_sync_schedule(call: ReceivedCall) -> Any:
    plan = call.valid_body({"enabled": bool, "schedule": SyncSchedule}, ("enabled",))
    if "schedule" in plan:
        check_zone(plan["schedule"].get("timezone"))
    known = call.single(call.path, {})
    known.clear()
    known.update(plan)
    return known


def check_zone(name: str | None) -> None:
    try:
        ZoneInfo(name or "UTC")
    except (ValueError, LookupError, OSError):
        raise invalid(f"{name} is not a time zone.", "schedule.timezone") from None


# --- selective sync --------------------------------------------------------------------------------------


class WarehouseSyncOverride(TypedDict):
    sourceId: str
    collection: NotRequired[str | None]
    enabled: bool
    property: NotRequired[str | None]


def selective_syncs(call: ReceivedCall) -> Any:
    """The collections (tables) of what the source sent, and what of them is synced."""
    warehouse, source_id = warehouse_of(call), call.params["sourceId"]
    call.get(connected_path(warehouse), source_id)
    overrides = overrides_of(call, warehouse)
    items = []
    for collection, properties in tables_of(call.state.accepted, source_id).items():
        whole = overrides.get(source_id, True)
        enabled = overrides.get(f"{source_id}/{collection}", whole)
        items.append(
            {
                "sourceId": source_id,
                "collection": collection,
                "warehouseId": warehouse["id"],
                "enabled": enabled,
                "source": source_id,
                "properties": {
                    name: {
                        "enabled": overrides.get(f"{source_id}/{collection}/{name}", enabled),
                        "type": "string",
                        "createdAt": call.now(),
                        "lastSeenAt": call.now(),
                    }
                    for name in properties
                },
            }
        )
    return call.page("items", items)


def overrides_of(call: ReceivedCall, warehouse: Item) -> Item:
    return call.single(f"/warehouses/{warehouse['id']}/selective-sync", {})


def update_selective_sync(call: ReceivedCall) -> Any:
    warehouse = warehouse_of(call)
    connected = call.collection(connected_path(warehouse))
    overrides = overrides_of(call, warehouse)
    before, warnings = dict(overrides), []
    for change in call.valid_body({"syncOverrides": list[WarehouseSyncOverride]}, ("syncOverrides",))[
        "syncOverrides"
    ]:
        if change["sourceId"] not in connected:
            warnings.append(f"Source {change['sourceId']} is not connected.")
            continue
        place = (change["sourceId"], change.get("collection"), change.get("property"))
        overrides["/".join(part for part in place if part)] = change["enabled"]
    return {"status": "UNCHANGED" if overrides == before else "UPDATED", "warnings": warnings}


COLLECTIONS = (
    Collection(
        path="/warehouses",
        many="warehouses",
        one="warehouse",
        fields={
            "metadataId": str,
            "name": str,
            "enabled": bool,
            "settings": dict,
            "disconnectAllSources": bool,
        },
        required=("metadataId", "settings"),
        updates=("name", "enabled", "settings"),
        required_by_update=("settings",),
        defaults={"enabled": True},
        created=201,
        complete=complete_warehouse,
        changed=name_and_hide,
    ),
)

CONNECTED = "/warehouses/{warehouseId}/connected-sources"
SPECIAL: dict[str, Handler] = {
    "POST /warehouses/validation": validate,
    "GET /warehouses/{warehouseId}/connection-state": connection_state,
    f"GET {CONNECTED}": connected_sources,
    f"POST {CONNECTED}/{{sourceId}}": add_source,
    f"DELETE {CONNECTED}/{{sourceId}}": remove_source,
    f"GET {CONNECTED}/{{sourceId}}/syncs": syncs,
    f"GET {CONNECTED}/{{sourceId}}/selective-syncs": selective_syncs,
    "GET /warehouses/{warehouseId}/syncs": syncs,
    "GET /warehouses/{warehouseId}/advanced-sync-schedule": sync_schedule,
    "PUT /warehouses/{warehouseId}/advanced-sync-schedule": replace_sync_schedule,
    "PATCH /warehouses/{warehouseId}/selective-sync": update_selective_sync,
}
