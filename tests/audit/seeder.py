"""Workspaces with defects in the sandbox, and the list of what is wrong. It knows nothing of the audit.

Beside each defect there are neighbours: the same thing, just inside the threshold.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sandbox.clock import iso
from airflow_provider_segment.sandbox.stored_events import Delivery, StoredEvent

DAY, HOUR, MINUTE = 86_400, 3_600, 60

THRESHOLDS: dict[str, Any] = {
    "silent_days": 5,
    "event_days": 20,
    "delivery_days": 4,
    "max_failure_rate": 0.2,
    "min_failures": 6,
    "max_sync_age_hours": 30,
    "max_function_age_days": 100,
}
EXPECTED = tuple[str, str]
"""The kind of a defect, and the id of what has it."""


class Seeder:
    """Fills a sandbox whose clock stands still.

    :param now: the time, in whole seconds
    """

    def __init__(self, sandbox: Sandbox, chance: random.Random | None = None) -> None:
        self.state = sandbox.state
        self.scripts = sandbox.scripts
        self.chance = chance or random.Random(0)
        self.now = sandbox.state.clock.now()
        self.defects: Counter[EXPECTED] = Counter()
        self.unplanned: dict[str, set[str]] = {}
        self.number = 0
        for path in ("/sources", "/users"):
            self.state.collections[path].clear()

    # --- building blocks ----------------------------------------------------------------------------------

    def collection(self, path: str) -> dict[str, Any]:
        return self.state.collections.setdefault(path, {})

    def id(self, kind: str) -> str:
        self.number += 1
        return f"{kind}{self.number:04}"

    def add(self, path: str, **item: Any) -> str:
        self.collection(path)[item["id"]] = item
        return str(item["id"])

    def defect(self, kind: str, id: str) -> None:
        self.defects[kind, id] += 1

    def source(self, *, enabled: bool = True, name: str = "") -> str:
        id = self.id("src")
        metadata = next(iter(self.collection("/catalog/sources").values()))
        return self.add(
            "/sources",
            id=id,
            slug=id.lower(),
            name=name or f"Source {id}",
            enabled=enabled,
            metadata=metadata,
            workspaceId="w",
            writeKeys=[f"secret-write-key-{id}"],
            settings={"password": "secret-setting"},
            labels=[],
        )

    def events(self, source: str, count: int, ago: float, event: str | None = "Seen", **fields: Any) -> None:
        """So many events, received so many seconds before now."""
        body = {"type": "track", "event": event, **fields}
        delivery = Delivery(received_at=self.now - ago, source_id=source)
        for _ in range(count):
            self.number += 1
            raw = json.dumps({"userId": f"u{self.number}", **body}).encode()
            self.state.accepted.append(StoredEvent(f"m{self.number}", raw, delivery))

    def plan(self, *names: str, sources: tuple[str, ...] = (), type: str = "LIVE") -> str:
        id = self.add("/tracking-plans", id=self.id("tp_"), name="Plan", type=type)
        rules = self.collection(f"/tracking-plans/{id}/rules")
        for name in names:
            rules[f"TRACK {name} 1"] = {"type": "TRACK", "key": name, "version": 1, "jsonSchema": {}}
        for source in sources:
            self.collection(f"/tracking-plans/{id}/sources")[source] = {}
        return id

    def destination(self, source: str, *, enabled: bool = True, actions: bool = False) -> str:
        catalog = self.collection("/catalog/destinations").values()
        metadata = next(each for each in catalog if bool(each["actions"]) is actions)
        id = self.id("dst")
        return self.add(
            "/destinations",
            id=id,
            name=f"Destination {id}",
            enabled=enabled,
            sourceId=source,
            metadata=metadata,
            settings={"apiKey": "secret-setting"},
        )

    def mapping(self, destination: str, trigger: str, *, enabled: bool = True, **fields: Any) -> str:
        id = self.id("map")
        return self.add(
            f"/destinations/{destination}/subscriptions",
            id=id,
            name=f"Mapping {id}",
            actionId="a",
            actionSlug="a",
            destinationId=destination,
            enabled=enabled,
            settings={"token": "secret-setting"},
            trigger=trigger,
            **fields,
        )

    def warehouse(self, *sources: str, enabled: bool = True) -> str:
        """A warehouse without syncs, until a script adds one."""
        id = self.id("wh")
        metadata = next(iter(self.collection("/catalog/warehouses").values()))
        settings = {"name": f"Warehouse {id}", "hostname": "db.example.com"}
        self.add("/warehouses", id=id, enabled=enabled, metadata=metadata, workspaceId="w", settings=settings)
        for source in sources:
            self.collection(f"/warehouses/{id}/connected-sources")[source] = {"since": self.now}
        self.scripts.add("warehouse_sync", warehouse_id=id, missing=True)
        return id

    def sync(self, warehouse: str, source: str, ago: float, status: str = "SUCCESS", **fields: Any) -> None:
        """A sync that began so many seconds before now."""
        script = self.scripts.add(
            "warehouse_sync",
            warehouse_id=warehouse,
            source_id=source,
            now=True,
            status=status,
            **{"seconds": 1, **fields},
        )
        script.given_at = self.now - ago

    def user(self) -> str:
        id = self.id("usr")
        return self.add("/users", id=id, name=f"User {id}", email=f"{id}@example.com", permissions=[])

    def group(self, *users: str) -> str:
        id = self.add("/groups", id=self.id("grp"), name="Group", permissions=[])
        for user in users:
            self.collection(f"/groups/{id}/users")[user] = self.collection("/users")[user]
        return id

    def function(self, deployed_ago: float | None, *, latest: bool = True, type: str = "SOURCE") -> str:
        id = self.id("sfnc_")
        deployed = {} if deployed_ago is None else {"deployedAt": iso(self.now - deployed_ago)}
        return self.add(
            "/functions",
            id=id,
            displayName=f"Function {id}",
            resourceType=type,
            createdAt=iso(self.now - 900 * DAY),
            code="const secret = 'secret-code'",
            isLatestVersion=latest,
            **deployed,
        )

    # --- defects, and their neighbours --------------------------------------------------------------------

    def sources(self) -> None:
        """A source that is silent, or not quite; with a plan, or without; events in the plan, or not."""
        limit = THRESHOLDS["silent_days"] * DAY
        minute = self.now // MINUTE * MINUTE
        to_minute = self.now - minute
        enabled = self.chance.random() > 0.15
        source = self.source(enabled=enabled)
        # In the minute five days ago it is not silent; in the minute before that it is.
        silent = self.chance.random() < 0.4
        last = limit + (to_minute + 1 if silent else to_minute)
        names = ["Seen", *self.chance.sample(["Paid", "seen", "Left", "Came back"], 2)]
        for name in names:
            self.events(source, self.chance.randint(1, 3), last, name)
        # Neither another type nor an older event needs a rule.
        self.events(source, 1, last, type="identify", event=None)
        self.events(source, 1, last, type="page", event=None, name="Home")
        self.events(source, 1, THRESHOLDS["event_days"] * DAY + to_minute + 1, "Old")
        if silent and enabled:
            self.defect("source_silent", source)
        if self.chance.random() < 0.4:
            if enabled:
                self.defect("source_without_plan", source)
            return
        known = self.chance.sample(names, self.chance.randint(1, 3))
        self.plan(*known, "Never sent", sources=(source,))
        if (unplanned := set(names) - set(known)) and enabled:
            self.defect("events_unplanned", source)
            self.unplanned[source] = unplanned

    def healthy_source(self, *names: str, enabled: bool = True) -> str:
        """A source with events, and a plan that has them."""
        source = self.source(enabled=enabled)
        self.plan(*names, "Seen", sources=(source,))
        for name in names or ("Seen",):
            self.events(source, 1, HOUR, name)
        return source

    def destinations(self) -> None:
        """A destination that is off, whose source is off, or that refuses more or less than is tolerated."""
        source_on = self.chance.random() > 0.2
        source = self.healthy_source(enabled=source_on)
        on = self.chance.random() > 0.2
        destination = self.destination(source, enabled=on)
        if not on:
            self.defect("destination_disabled", destination)
        elif not source_on:
            self.defect("destination_of_disabled_source", destination)
        self.failures(source, destination, failing=on and source_on)

    def failures(self, source: str, destination: str, *, failing: bool) -> None:
        least, rate = THRESHOLDS["min_failures"], THRESHOLDS["max_failure_rate"]
        failed = self.chance.choice([0, least - 1, least, least + 3])
        total = self.chance.choice([round(failed / rate), round(failed / rate) - 1, failed])
        plan = next(
            id
            for id in self.collection("/tracking-plans")
            if source in self.collection(f"/tracking-plans/{id}/sources")
        )
        for name in ("Refused", "Taken"):
            rule = {"type": "TRACK", "key": name, "version": 1, "jsonSchema": {}}
            self.collection(f"/tracking-plans/{plan}/rules")[name] = rule
        # The hours that are counted end with the last full one.
        end = self.now % HOUR
        first = end + THRESHOLDS["delivery_days"] * DAY
        others = [event for event in self.state.accepted if event.delivery.source_id != source]
        self.state.accepted[:] = others
        self.events(source, failed, self.chance.choice([end + MINUTE, first]), "Refused")
        self.events(source, max(0, total - failed), end + MINUTE, "Taken")
        # Those before and after do not count.
        self.events(source, 50, first + MINUTE, "Refused")
        self.events(source, 50, 0 if end < 2 * MINUTE else 2 * MINUTE, "Refused")
        self.scripts.add("delivery", destination_id=destination, event_name="Refused")
        if failing and failed >= least and failed > rate * total + 1e-9:
            self.defect("destination_failing", destination)

    def mappings(self) -> None:
        """Mappings whose triggers match, or cannot match, what came."""
        source = self.healthy_source("Order Paid", "Order Left")
        self.events(source, 1, HOUR, type="page", event=None, name="Home")
        self.events(source, 1, HOUR, type="identify", event=None)
        self.events(source, 1, THRESHOLDS["event_days"] * DAY + 2 * MINUTE, "Order Payed")  # long ago
        destination = self.destination(source, actions=True)
        cannot = [
            'type = "track" and event = "Order Payed"',
            'event = "order paid"',
            "type = 'screen'",
            'type = "track" and (event = "A" or event = "B") and properties.total > 5',
            'type = "track" and match(event, "Cart *")',
            'type = "track" and contains(event, "Refund")',
            '!(type = "track" or type = "page" or type = "identify")',
            'type = "group" or type = "alias" and userId != null',
            'type = "track" and event != "Order Paid" and event != "Order Left"',
        ]
        may = [
            'type = "track" and event = "Order Paid"',
            'type = "track"',
            "properties.total > 5",
            'event = "Order Payed" or properties.total > 5',
            'type = "track" and lowercase(event) = "order paid"',
            'type = "track" and match(event, "Order *")',
            'type = "track" and contains(event, "Paid")',
            'name = "Home"',
            '!(event = "Order Paid")',
            'type = "page" or type = "screen"',
            'event != "Order Paid"',
            'type = "track" and unheard_of(event)',
            "length(event) > 3",
            'context.app.name = "shop" and type = "identify"',
        ]
        for trigger in self.chance.sample(cannot, self.chance.randint(0, 4)):
            self.defect("mapping_matches_nothing", self.mapping(destination, trigger))
        for trigger in self.chance.sample(may, 4):
            self.mapping(destination, trigger)
        if self.chance.random() < 0.5:
            self.defect("mapping_disabled", self.mapping(destination, cannot[0], enabled=False))
        self.mapping(destination, 'event = "new"', modelId="model")  # of Reverse ETL

    def warehouses(self) -> None:
        """Warehouses with syncs of all kinds."""
        limit = THRESHOLDS["max_sync_age_hours"] * HOUR
        kind = self.chance.choice(["none", "off", "sources off", "synced", "synced", "synced"])
        sources = [self.healthy_source() for _ in range(2)]
        if kind == "none":
            self.defect("warehouse_without_source", self.warehouse())
            return
        if kind == "off":
            self.defect("warehouse_disabled", self.warehouse(*sources, enabled=False))
            return
        if kind == "sources off":
            off = self.healthy_source(enabled=False)
            self.defect("warehouse_without_source", self.warehouse(off))
            return
        warehouse = self.warehouse(*sources)
        wrong = set()
        for source in sources:
            ages = [MINUTE, HOUR, limit, limit + 1, limit + DAY]
            good, bad = ["SUCCESS", "Finished"], ["Failed", "PARTIAL_SUCCESS"]
            syncs = [
                (ago, self.chance.choice([*good, *bad]))
                for ago in self.chance.sample(ages, self.chance.randint(0, 3))
            ]
            for ago, status in syncs:
                self.sync(warehouse, source, ago, status, notices=["a notice"])
            self.sync(warehouse, source, 0, "Failed", seconds=DAY)  # one that still runs says nothing
            recent = [(ago, status) for ago, status in syncs if ago <= limit]
            if not any(status in good for _, status in recent):
                wrong.add("warehouse_lagging")
            last = min(recent, default=(0, ""))[1]
            if last in bad:
                wrong.add("warehouse_failing" if last == "Failed" else "warehouse_skipped_rows")
        for one in wrong:
            self.defect(one, warehouse)

    def users(self) -> None:
        users = [self.user() for _ in range(self.chance.randint(1, 4))]
        grouped = self.chance.sample(users, self.chance.randint(0, len(users)))
        self.group(*grouped)
        self.group()
        for user in users:
            if user not in grouped:
                self.defect("user_without_group", user)

    def functions(self) -> None:
        limit = THRESHOLDS["max_function_age_days"] * DAY
        ago = self.chance.choice([None, HOUR, limit, limit + 1])
        latest = self.chance.random() > 0.3
        function = self.function(ago, latest=latest, type=self.chance.choice(["SOURCE", "DESTINATION"]))
        if ago is None:
            self.defect("function_not_deployed", function)
            return
        if not latest:
            self.defect("function_outdated", function)
        if ago > limit:
            self.defect("function_old", function)

    def reverse_etl(self) -> None:
        """A source of rows: it has no events, and nothing is wrong with that."""
        source = self.source()
        self.add("/reverse-etl-models", id=self.id("mod"), sourceId=source, name="Model")
        self.mapping(self.destination(source, actions=True), 'event = "new"', modelId="mod")

    def allowances(self) -> dict[str, Any]:
        """Allowances that are exceeded, will be, or will not be. All events are of different users."""
        moment = datetime.fromtimestamp(self.now, timezone.utc)
        month = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        days = ((month + timedelta(days=31)).replace(day=1) - month).days
        used = sum(event.delivery.received_at >= month.timestamp() for event in self.state.accepted)
        # Some are of visitors without a user id; and the projection is a whole number.
        source = next(iter(self.collection("/sources")), None)
        for number in range(-used % moment.day if source else 0):
            self.events(str(source), 1, 0, type="page", event=None, userId=None, anonymousId=f"a{number}")
            used += 1
        projected = -(-used * days // moment.day)
        given: dict[str, Any] = {}
        for kind in ("mtu", "api_calls"):
            allowance = self.chance.choice([used - 1, used, projected - 1, projected, projected + 1])
            given[f"{kind}_allowance"] = allowance = max(0, allowance)
            if used > allowance:
                self.defect(f"{kind}_over_allowance", "workspace")
            elif projected > allowance and moment.day > 1:
                self.defect(f"{kind}_projected_over_allowance", "workspace")
        return given

    def fill(self, most: int) -> None:
        """So many things of each kind, at most."""
        for build in (
            self.sources,
            self.destinations,
            self.mappings,
            self.warehouses,
            self.users,
            self.functions,
            self.reverse_etl,
        ):
            for _ in range(self.chance.randint(0, most)):
                build()
