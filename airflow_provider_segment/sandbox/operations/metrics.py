"""What was received and delivered: event volume, delivery overview, delivery metrics.

All of it is computed from the events that the sandbox received. An enabled destination gets what its source
received, except what its filters drop.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Literal

from airflow_provider_segment.sandbox import fql, protocols
from airflow_provider_segment.sandbox.clock import iso, seconds
from airflow_provider_segment.sandbox.collection import Handler
from airflow_provider_segment.sandbox.operations.workspace import WORKSPACE
from airflow_provider_segment.sandbox.public_api_errors import invalid
from airflow_provider_segment.sandbox.received_call import Fields, ReceivedCall
from airflow_provider_segment.sandbox.received_events import DAY, MINUTE, CountKey
from airflow_provider_segment.sandbox.scripts import DeliveryScript, VolumeScript
from airflow_provider_segment.sandbox.state import Item

HOUR = 3_600
STEPS = {"MINUTE": MINUTE, "HOUR": HOUR, "DAY": DAY}
Granularity = Literal["DAY", "HOUR", "MINUTE"]
# Granularity -> how long a window may be, and how old, in seconds.
DELIVERY_WINDOWS = {
    "MINUTE": (4 * HOUR, 48 * HOUR),
    "HOUR": (14 * DAY, 30 * DAY),
    "DAY": (30 * DAY, 30 * DAY),
}
SUMMARY_WINDOWS = {"MINUTE": (4 * HOUR, 48 * HOUR), "HOUR": (7 * DAY, None), "DAY": (14 * DAY, None)}

MAX_VOLUMES = 5_000

FACTS: dict[str, Callable[[CountKey], str | None]] = {
    "eventName": lambda key: key.event_name,
    "eventType": lambda key: key.event_type,
    "appVersion": lambda key: key.app_version,
    "discardReason": lambda key: key.reason,
    "sourceId": lambda key: key.source_id,
    "source": lambda key: key.source_id,
}

# Dropped by a rule of the workspace, not as invalid.
FILTERED = ("suppressed_user", *protocols.REASONS)


def window(asked: Item) -> tuple[int, int, int]:
    """Start (inclusive), end (exclusive) and step in seconds, of a query, widened to whole minutes."""
    times = []
    for name in ("startTime", "endTime"):
        moment = seconds(asked[name])
        if moment is None:
            raise invalid(f"{name} is not an ISO 8601 time.", name)
        times.append(int(moment))
    start, end = times
    if end <= start:
        raise invalid("endTime is not after startTime.", "endTime")
    return start // MINUTE * MINUTE, -(-end // MINUTE) * MINUTE, STEPS[asked["granularity"]]


def check_window(call: ReceivedCall, asked: Item, windows: dict[str, Any]) -> None:
    start, end, _ = window(asked)
    longest, oldest = windows[asked["granularity"]]
    if end - start > longest + MINUTE:  # a window may have been widened
        raise invalid(f"{asked['granularity']} allows windows of {longest // HOUR} hours.", "endTime")
    if oldest and call.state.clock.now() - start > oldest + MINUTE:
        raise invalid(f"{asked['granularity']} reaches back {oldest // HOUR} hours.", "startTime")


def wanted(keys: Iterable[CountKey], filters: Item) -> list[CountKey]:
    """The keys that match a query's filters."""
    tests = [(FACTS[name], values) for name, values in filters.items() if name in FACTS and values]
    return [key for key in keys if all(fact(key) in values for fact, values in tests)]


def grouped(call: ReceivedCall, keys: list[CountKey], asked: Item) -> list[tuple[Item, int, list[Item]]]:
    """The groups: their common fields, their total and their series; largest total first."""
    start, end, step = window(asked)
    names = asked.get("groupBy", [])
    unknown = [name for name in names if name not in FACTS]
    if unknown:
        raise invalid(f"groupBy cannot be {unknown[0]}.", "groupBy")
    groups: dict[tuple[str | None, ...], Counter[int]] = defaultdict(Counter)
    counts = call.state.counts.by_key
    for key in keys:
        if start <= key.minute < end:
            group = tuple(FACTS[name](key) for name in names)
            groups[group][key.minute // step * step] += counts[key]
    found = [
        (
            dict(zip(names, group, strict=True)),
            sum(counts.values()),
            [{"time": iso(time), "count": counts[time]} for time in range(start // step * step, end, step)],
        )
        for group, counts in groups.items()
    ]
    return sorted(found, key=lambda each: -each[1])


# --- event volume ----------------------------------------------------------------------------------------


def events_volume(call: ReceivedCall) -> Any:
    lists = dict.fromkeys(("groupBy", "sourceId", "eventName", "eventType", "appVersion"), list[str])
    required = {"granularity": Granularity, "startTime": str, "endTime": str}
    asked = call.valid_query({**required, **lists}, required)
    window(asked)
    lag = call.state.scripts.take(VolumeScript).lag
    known_until = call.state.clock.now() - lag - (MINUTE if lag else 0)  # counts are by minute
    keys = [
        key for key in call.state.counts.catch_up().by_key if key.reason is None and key.minute <= known_until
    ]
    sources = call.collection("/sources")
    results = []
    for group, total, series in grouped(call, wanted(keys, asked), asked)[:MAX_VOLUMES]:
        source = sources.get(str(group.pop("source", None)))
        if source:
            group["source"] = {name: source[name] for name in ("id", "name", "slug")}
        results.append({**group, "total": total, "series": series})
    return {
        "path": "/events/volume",
        "query": {"workspaceId": WORKSPACE["id"], **asked},
        **call.page("result", results),
    }


# --- delivery overview -----------------------------------------------------------------------------------

LISTS = ("discardReason", "eventName", "eventType", "appVersion")
DESTINATION_LISTS = (*LISTS, "subscriptionId", "activationId", "audienceId", "spaceId")


def overview(at_destination: bool, of: Callable[[ReceivedCall, Item], list[CountKey]]) -> Handler:
    """The handler of one stage of the delivery overview."""
    required = {"sourceId": str, "startTime": str, "endTime": str, "granularity": Granularity}
    if at_destination:
        required["destinationConfigId"] = str
    filters: Fields = dict.fromkeys(DESTINATION_LISTS if at_destination else LISTS, list[str])

    def stage(call: ReceivedCall) -> Any:
        asked = call.valid_query({**required, "groupBy": list[str], "filter": dict}, required)
        check_window(call, asked, DELIVERY_WINDOWS)
        call.get("/sources", asked["sourceId"])
        lists = {
            name: values if isinstance(values, list) else [values]
            for name, values in asked.get("filter", {}).items()
        }
        chosen = call.valid_body(filters, body=lists)
        call.state.counts.catch_up()
        keys = wanted(of(call, asked), chosen | {"sourceId": [asked["sourceId"]]})
        dataset = [
            {**{name: value for name, value in group.items() if value}, "total": total, "series": series}
            for group, total, series in grouped(call, keys, asked)
        ]
        return {"total": sum(each["total"] for each in dataset), **call.page("dataset", dataset)}

    return stage


def accepted(call: ReceivedCall, asked: Item) -> list[CountKey]:
    return [key for key in call.state.counts.by_key if key.reason is None]


def failed(call: ReceivedCall, asked: Item) -> list[CountKey]:
    """A duplicate did not fail: it was received before."""
    return [key for key in call.state.counts.by_key if key.reason not in (None, "duplicate", *FILTERED)]


def filtered_at_source(call: ReceivedCall, asked: Item) -> list[CountKey]:
    return [key for key in call.state.counts.by_key if key.reason in FILTERED]


def delivered(call: ReceivedCall, asked: Item) -> list[CountKey]:
    destination = call.get("/destinations", asked["destinationConfigId"])
    if destination["sourceId"] != asked["sourceId"] or not destination["enabled"]:
        return []
    return [key for key in handed_on(call, destination, asked) if not refused(call, destination, key)]


def filtered_at_destination(call: ReceivedCall, asked: Item) -> list[CountKey]:
    destination = call.get("/destinations", asked["destinationConfigId"])
    return [key for key in accepted(call, asked) if dropped_by_filter(call, destination, key)]


def not_delivered(call: ReceivedCall, asked: Item) -> list[CountKey]:
    destination = call.get("/destinations", asked["destinationConfigId"])
    if destination["sourceId"] != asked["sourceId"] or not destination["enabled"]:
        return []
    return [key for key in handed_on(call, destination, asked) if refused(call, destination, key)]


def handed_on(call: ReceivedCall, destination: Item, asked: Item) -> list[CountKey]:
    """What no filter dropped."""
    return [key for key in accepted(call, asked) if not dropped_by_filter(call, destination, key)]


def refused(call: ReceivedCall, destination: Item, key: CountKey) -> bool:
    """Whether a destination refuses an event; it takes everything, unless a script says otherwise."""
    scripts = call.state.scripts.of(DeliveryScript, destination_id=destination["id"])
    return any(script.event_name in (None, key.event_name) for script in scripts)


def dropped_by_filter(call: ReceivedCall, destination: Item, key: CountKey) -> bool:
    """Whether a filter of the destination drops such an event, as far as type and name tell."""
    event = {"type": key.event_type, "event": key.event_name, "name": key.event_name}
    for filter in call.collection(f"/destinations/{destination['id']}/filters").values():
        if filter["enabled"] and any(action["type"] == "DROP" for action in filter["actions"]):
            try:
                if fql.matches(filter["if"], event):
                    return True
            except ValueError:  # more FQL than the sandbox reads
                continue
    return False


def delivery_metrics(call: ReceivedCall) -> Any:
    asked = call.valid_query(
        {"sourceId": str, "startTime": str, "endTime": str, "granularity": Granularity}, ("sourceId",)
    )
    destination = call.item(call.path.rpartition("/")[0])
    now = call.state.clock.now()
    asked = {"granularity": "DAY", "startTime": iso(now - DAY), "endTime": iso(now + MINUTE), **asked}
    check_window(call, asked, SUMMARY_WINDOWS)
    asked["destinationConfigId"] = destination["id"]
    call.state.counts.catch_up()
    start, end, _ = window(asked)

    def total(keys: list[CountKey]) -> int:
        chosen = wanted(keys, {"sourceId": [asked["sourceId"]]})
        return sum(call.state.counts.by_key[key] for key in chosen if start <= key.minute < end)

    successes = total(delivered(call, asked))
    metrics: dict[str, tuple[int, dict[str, int]]] = {
        "successes": (successes, {"on_first_attempt": successes, "after_retry": 0}),
        "expired": (total(not_delivered(call, asked)), {}),
        "discarded": (total(filtered_at_destination(call, asked)), {}),
        "retried": (0, {}),
        "time_to_success": (0, {"average": 0, "p95": 0}),
        "time_to_first_attempt": (0, {"average": 0, "p95": 0}),
    }
    return {
        "deliveryMetricsSummary": {
            "sourceId": asked["sourceId"],
            "destinationMetadataId": destination["metadata"]["id"],
            "metrics": [
                {
                    "metricName": name,
                    "total": count,
                    "breakdown": [
                        {"metricName": f"{name}_{part}", "value": value} for part, value in parts.items()
                    ],
                }
                for name, (count, parts) in metrics.items()
            ],
        }
    }


SPECIAL: dict[str, Handler] = {
    "GET /events/volume": events_volume,
    "GET /delivery-overview/successfully-received": overview(False, accepted),
    "GET /delivery-overview/failed-on-ingest": overview(False, failed),
    "GET /delivery-overview/filtered-at-source": overview(False, filtered_at_source),
    "GET /delivery-overview/successful-delivery": overview(True, delivered),
    "GET /delivery-overview/filtered-at-destination": overview(True, filtered_at_destination),
    "GET /delivery-overview/failed-delivery": overview(True, not_delivered),
    "GET /destinations/{destinationId}/delivery-metrics": delivery_metrics,
}
