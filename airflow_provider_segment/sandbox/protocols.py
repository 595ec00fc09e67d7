"""Segment's Protocols: what becomes of the events of a source that is connected to a tracking plan.

Segment's documentation says what the schema settings of the source do, and in which order: first the rule of
the event, then the COMMON rule judges what is left. Where it is silent or vague, the sandbox does this:

- An event is judged as it was sent, after it was found to be no duplicate.
- A page or screen belongs to the rule with its name, otherwise to one without a key, otherwise to the TRACK
  rule "Page Viewed" or "Screen Viewed".
- All properties of an unplanned event are unplanned, and the COMMON rule plans none.
- What is omitted because of a violation deep within a property, is the property.
- A rule that is no JSON schema plans its event, and is not violated.
- An event that Segment passes on has its violations in `context.protocols`. They are not forwarded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from airflow_provider_segment.sandbox.json_schema import Fault, Schema, SchemaError

VIEWED = {"page": "Page Viewed", "screen": "Screen Viewed"}
PARTS = {"track": "properties", "identify": "traits", "group": "traits"}
"""Where the values are of the events that settings are about."""

UNPLANNED = "unplanned"
UNPLANNED_VIOLATION = "unplanned_and_schema_violation"
VIOLATION = "schema_violation"
COMMON_VIOLATION = "common_schema_violation"
REASONS = (UNPLANNED, UNPLANNED_VIOLATION, VIOLATION, COMMON_VIOLATION)
"""Segment's own codes of why an event was filtered at its source."""

KINDS = {"required": "Required", "type": "Invalid Type"}
"""Segment's names of violations, where they are known."""

Event = dict[str, Any]
decode = msgspec.json.Decoder(Event).decode


class Rule:
    """A rule of a plan; its schema is compiled when it is first needed."""

    def __init__(self, item: Mapping[str, Any]) -> None:
        self.item = item
        self.schema: Schema | None = None
        self.is_broken = False

    def faults(self, event: Event) -> list[Fault]:
        if self.is_broken:
            return []
        try:
            self.schema = self.schema or Schema(self.item["jsonSchema"])
            return self.schema.faults(event)
        except SchemaError:
            self.is_broken = True
            return []

    def plans(self, part: str) -> Mapping[str, Any]:
        """The names that it plans for the properties or traits of its event."""
        inner = self.item["jsonSchema"]
        for name in ("properties", part, "properties"):
            inner = inner.get(name) if isinstance(inner, dict) else None
        return inner if isinstance(inner, dict) else {}


class Plan:
    """The rules of a tracking plan at one time."""

    def __init__(self, items: tuple[Mapping[str, Any], ...], old: Plan | None = None) -> None:
        self.items = items
        known = {id(rule.item): rule for rule in old.rules} if old else {}
        self.rules: list[Rule] = [known.get(id(item)) or Rule(item) for item in items]
        self.versions: dict[tuple[str, str], dict[float, Rule]] = {}
        for rule in sorted(self.rules, key=lambda rule: float(rule.item["version"])):
            type = rule.item["type"]
            key = (rule.item.get("key") or "") if type in ("PAGE", "SCREEN", "TRACK") else ""
            self.versions.setdefault((type, key), {})[rule.item["version"]] = rule

    def consists_of(self, items: tuple[Mapping[str, Any], ...]) -> bool:
        """Whether these are its rules: each change makes another object."""
        return len(items) == len(self.items) and all(map(lambda a, b: a is b, items, self.items))

    def rule_for(self, event: Event) -> Rule | None:
        for key in keys_of(event):
            if versions := self.versions.get(key):
                return version(versions, event)
        return None

    @property
    def common(self) -> Rule | None:
        """The version that an event names is one of its own rule."""
        return next(iter(self.versions.get(("COMMON", ""), {}).values()), None)


def keys_of(event: Event) -> Iterator[tuple[str, str]]:
    """Type and key of the rules that an event may belong to; the first in the plan is its own."""
    type = str(event["type"])
    if type == "track":
        yield "TRACK", str(event.get("event"))
        return
    if type in VIEWED:
        yield type.upper(), str(event.get("name"))
    yield type.upper(), ""
    if type in VIEWED:
        yield "TRACK", VIEWED[type]


def version(versions: dict[float, Rule], event: Event) -> Rule:
    """The version that an event names, otherwise the oldest."""
    context = event.get("context")
    protocols = context.get("protocols") if isinstance(context, dict) else None
    named = protocols.get("event_version") if isinstance(protocols, dict) else None
    if isinstance(named, (int, float)) and not isinstance(named, bool) and named in versions:
        return versions[named]
    return next(iter(versions.values()))


class Judge:
    """Judges the events of one source."""

    def __init__(self, source_id: str, plan: Plan, settings: Mapping[str, Any]) -> None:
        self.source_id = source_id
        self.plan = plan
        self.settings = settings

    def judge(self, raw: bytes, type: Any, context: Mapping[str, Any] | None) -> tuple[str | None, bytes]:
        """Why an event is filtered, if it is, and what is passed on of it.

        :param context: that of its batch
        """
        try:
            event = {**decode(raw), "type": type}
        except (msgspec.MsgspecError, RecursionError):
            return None, raw
        if context:
            own = event.get("context")
            event["context"] = {**context, **own} if isinstance(own, dict) else context
        reason, protocols = self.verdict(event)
        if reason or not protocols:
            return reason, raw
        context = event.get("context")
        context = context if isinstance(context, dict) else {}
        own = context.get("protocols")
        protocols = {**(own if isinstance(own, dict) else {}), "sourceId": self.source_id, **protocols}
        return None, msgspec.json.encode({**event, "context": {**context, "protocols": protocols}})

    def verdict(self, event: Event) -> tuple[str | None, Event]:
        """Why an event is filtered, if it is, and what Segment notes of it. What is omitted is removed."""
        type = event["type"]
        part = PARTS.get(type, "")
        settings = self.settings.get(type) or {}
        rule, common = self.plan.rule_for(event), self.plan.common
        faults = rule.faults(event) if rule else []

        if type == "track" and rule is None and not settings.get("allowUnplannedEvents", True):
            return UNPLANNED_VIOLATION if common and common.faults(event) else UNPLANNED, {}
        if type == "track" and faults and not settings.get("allowEventOnViolations", True):
            return VIOLATION, {}
        omitted: list[str] = []
        omitted_on_violation: list[str] = []
        if not settings.get("allowUnplannedEventProperties", settings.get("allowUnplannedTraits", True)):
            planned = rule.plans(part) if rule else {}
            omitted = omit(event, part, [name for name in members(event, part) if name not in planned])
        if not settings.get("allowPropertiesOnViolations", settings.get("allowTraitsOnViolations", True)):
            omitted_on_violation = omit(event, part, at_fault(faults, part))

        if common and (common_faults := common.faults(event)):
            faults = faults + common_faults
            then = settings.get("commonEventOnViolations", "ALLOW")
            if then == "BLOCK":
                return COMMON_VIOLATION, {}
            if then.startswith("OMIT"):
                omitted_on_violation += omit(event, part, at_fault(common_faults, part))
        noted = {
            "omitted": omitted,
            "omitted_on_violation": omitted_on_violation,
            "violations": [
                {
                    "type": KINDS.get(fault.keyword, fault.keyword),
                    "field": fault.field,
                    "description": fault.description,
                }
                for fault in faults
            ],
        }
        return None, {name: value for name, value in noted.items() if value}


def members(event: Event, part: str) -> Event:
    inner = event.get(part)
    return inner if isinstance(inner, dict) else {}


def at_fault(faults: list[Fault], part: str) -> list[str]:
    """The properties or traits in which there is a fault."""
    return [str(fault.path[1]) for fault in faults if len(fault.path) > 1 and fault.path[0] == part]


def omit(event: Event, part: str, names: list[str]) -> list[str]:
    """Remove properties or traits; the names of those that were there."""
    there = members(event, part)
    gone = [name for name in dict.fromkeys(names) if name in there]
    if gone:
        event[part] = {name: value for name, value in there.items() if name not in gone}
    return gone


class Plans:
    """The plans of a workspace as they were last needed, compiled."""

    def __init__(self) -> None:
        self.plans: dict[str, Plan] = {}

    def judge_of(self, source_id: str, collections: Mapping[str, Mapping[str, Any]]) -> Judge | None:
        """Who judges the events of a source; None if it has no plan.

        :param collections: of the workspace, by path
        """
        nothing: Mapping[str, Any] = {}
        for id in collections.get("/tracking-plans", nothing):
            path = f"/tracking-plans/{id}"
            if source_id in collections.get(f"{path}/sources", nothing):
                items = tuple(collections.get(f"{path}/rules", nothing).values())
                plan = self.plans.get(id)
                if plan is None or not plan.consists_of(items):
                    plan = self.plans[id] = Plan(items, plan)
                settings = collections.get(f"/sources/{source_id}/settings", nothing)
                return Judge(source_id, plan, settings.get("") or {})
        return None
