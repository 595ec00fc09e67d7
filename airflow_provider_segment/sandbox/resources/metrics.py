"""What was received and delivered: event volume, delivery overview, delivery metrics.

All of it is computed from the events that the sandbox really received. An enabled destination has got what
its source received, save what its filters dropped.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Literal

from airflow_provider_segment.sandbox import fql
from airflow_provider_segment.sandbox.call import Call, Fields, Item, invalid
from airflow_provider_segment.sandbox.clock import iso, seconds
from airflow_provider_segment.sandbox.received import DAY, MINUTE, Kind
from airflow_provider_segment.sandbox.resource import Handler
from airflow_provider_segment.sandbox.resources.workspace import WORKSPACE
from airflow_provider_segment.sandbox.scripts import Delivery, Volume

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

FACTS: dict[str, Callable[[Kind], str | None]] = {
    "eventName": lambda kind: kind.event_name,
    "eventType": lambda kind: kind.event_type,
    "appVersion": lambda kind: kind.app_version,
    "discardReason": lambda kind: kind.reason,
    "sourceId": lambda kind: kind.source_id,
    "source": lambda kind: kind.source_id,
}

# Dropped by a rule of the workspace, not because it was wrong.
FILTERED = ("suppressed_user",)


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


def check_window(call: Call, asked: Item, windows: dict[str, Any]) -> None:
    start, end, _ = window(asked)
    longest, oldest = windows[asked["granularity"]]
    if end - start > longest + MINUTE:  # a window may have been widened
        raise invalid(f"{asked['granularity']} allows windows of {longest // HOUR} hours.", "endTime")
    if oldest and call.state.clock.now() - start > oldest + MINUTE:
        raise invalid(f"{asked['granularity']} reaches back {oldest // HOUR} hours.", "startTime")


def wanted(kinds: Iterable[Kind], filters: Item) -> list[Kind]:
    """The kinds that a query's filters let through."""
    tests = [(FACTS[name], values) for name, values in filters.items() if name in FACTS and values]
    return [kind for kind in kinds if all(fact(kind) in values for fact, values in tests)]


def grouped(call: Call, kinds: list[Kind], asked: Item) -> list[tuple[Item, int, list[Item]]]:
    """What they have in common, their total and their series, the largest total first."""
    start, end, step = window(asked)
    names = asked.get("groupBy", [])
    unknown = [name for name in names if name not in FACTS]
    if unknown:
        raise invalid(f"groupBy cannot be {unknown[0]}.", "groupBy")
    groups: dict[tuple[str | None, ...], Counter[int]] = defaultdict(Counter)
    counts = call.state.ledger.counts
    for kind in kinds:
        if start <= kind.minute < end:
            group = tuple(FACTS[name](kind) for name in names)
            groups[group][kind.minute // step * step] += counts[kind]
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


def events_volume(call: Call) -> Any:
    lists = dict.fromkeys(("groupBy", "sourceId", "eventName", "eventType", "appVersion"), list[str])
    required = {"granularity": Granularity, "startTime": str, "endTime": str}
    asked = call.valid_query({**required, **lists}, required)
    window(asked)
    lag = call.state.scripts.take(Volume).lag
    known_until = call.state.clock.now() - lag - (MINUTE if lag else 0)  # a kind is known by the minute
    kinds = [
        kind
        for kind in call.state.ledger.catch_up().counts
        if kind.reason is None and kind.minute <= known_until
    ]
    sources = call.collection("/sources")
    results = []
    for group, total, series in grouped(call, wanted(kinds, asked), asked)[:MAX_VOLUMES]:
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


def overview(at_destination: bool, of: Callable[[Call, Item], list[Kind]]) -> Handler:
    """The handler of one stage of the delivery overview."""
    required = {"sourceId": str, "startTime": str, "endTime": str, "granularity": Granularity}
    if at_destination:
        required["destinationConfigId"] = str
    filters: Fields = dict.fromkeys(DESTINATION_LISTS if at_destination else LISTS, list[str])

    def stage(call: Call) -> Any:
        asked = call.valid_query({**required, "groupBy": list[str], "filter": dict}, required)
        check_window(call, asked, DELIVERY_WINDOWS)
        call.get("/sources", asked["sourceId"])
        lists = {
            name: values if isinstance(values, list) else [values]
            for name, values in asked.get("filter", {}).items()
        }
        chosen = call.valid_body(filters, body=lists)
        call.state.ledger.catch_up()
        kinds = wanted(of(call, asked), chosen | {"sourceId": [asked["sourceId"]]})
        dataset = [
            {**{name: value for name, value in group.items() if value}, "total": total, "series": series}
            for group, total, series in grouped(call, kinds, asked)
        ]
        return {"total": sum(each["total"] for each in dataset), **call.page("dataset", dataset)}

    return stage


def accepted(call: Call, asked: Item) -> list[Kind]:
    return [kind for kind in call.state.ledger.counts if kind.reason is None]


def failed(call: Call, asked: Item) -> list[Kind]:
    """A duplicate did not fail: it was received before."""
    return [kind for kind in call.state.ledger.counts if kind.reason not in (None, "duplicate", *FILTERED)]


def filtered_at_source(call: Call, asked: Item) -> list[Kind]:
    return [kind for kind in call.state.ledger.counts if kind.reason in FILTERED]


def delivered(call: Call, asked: Item) -> list[Kind]:
    destination = call.get("/destinations", asked["destinationConfigId"])
    if destination["sourceId"] != asked["sourceId"] or not destination["enabled"]:
        return []
    return [kind for kind in handed_on(call, destination, asked) if not refused(call, destination, kind)]


def filtered_at_destination(call: Call, asked: Item) -> list[Kind]:
    destination = call.get("/destinations", asked["destinationConfigId"])
    return [kind for kind in accepted(call, asked) if dropped_by_filter(call, destination, kind)]


def not_delivered(call: Call, asked: Item) -> list[Kind]:
    destination = call.get("/destinations", asked["destinationConfigId"])
    if destination["sourceId"] != asked["sourceId"] or not destination["enabled"]:
        return []
    return [kind for kind in handed_on(call, destination, asked) if refused(call, destination, kind)]


def handed_on(call: Call, destination: Item, asked: Item) -> list[Kind]:
    """What no filter dropped."""
    return [kind for kind in accepted(call, asked) if not dropped_by_filter(call, destination, kind)]


def refused(call: Call, destination: Item, kind: Kind) -> bool:
    """Whether a destination refuses an event; it takes everything, unless a script says otherwise."""
    scripts = call.state.scripts.of(Delivery, destination_id=destination["id"])
    return any(script.event_name in (None, kind.event_name) for script in scripts)


def dropped_by_filter(call: Call, destination: Item, kind: Kind) -> bool:
    """Whether a filter of the destination drops such an event, as far as type and name tell."""
    event = {"type": kind.event_type, "event": kind.event_name, "name": kind.event_name}
    for filter in call.collection(f"/destinations/{destination['id']}/filters").values():
        if filter["enabled"] and any(action["type"] == "DROP" for action in filter["actions"]):
            try:
                if fql.matches(filter["if"], event):
                    return True
            except ValueError:  # more FQL than the sandbox reads
                continue
    return False


def delivery_metrics(call: Call) -> Any:
    asked = call.valid_query(
        {"sourceId": str, "startTime": str, "endTime": str, "granularity": Granularity}, ("sourceId",)
    )
    destination = call.item(call.path.rpartition("/")[0])
    now = call.state.clock.now()
    asked = {"granularity": "DAY", "startTime": iso(now - DAY), "endTime": iso(now + MINUTE), **asked}
    check_window(call, asked, SUMMARY_WINDOWS)
    asked["destinationConfigId"] = destination["id"]
    call.state.ledger.catch_up()
    start, end, _ = window(asked)

    def total(kinds: list[Kind]) -> int:
        chosen = wanted(kinds, {"sourceId": [asked["sourceId"]]})
        return sum(call.state.ledger.counts[kind] for kind in chosen if start <= kind.minute < end)

    totals = {
        "successes": total(delivered(call, asked)),
        "expired": total(not_delivered(call, asked)),
        "discarded": total(filtered_at_destination(call, asked)),
        "retried": 0,
        "time_to_success": 0,
    }
    return {
        "deliveryMetricsSummary": {
            "sourceId": asked["sourceId"],
            "destinationMetadataId": destination["metadata"]["id"],
            "metrics": [
                {"metricName": name, "total": count, "breakdown": []} for name, count in totals.items()
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
