"""Checks events against a tracking plan before they are sent, as Segment does when it has received them.

A plan is a list of rules, each the JSON schema of a whole event. By Segment's documentation of Protocols:

- A track event belongs to the rule with its name; upper and lower case differ. If there is none, it is
  unplanned; no other type of event can be.
- A page or screen belongs to the rule with its name, otherwise to one without a key, otherwise to the TRACK
  rule "Page Viewed" or "Screen Viewed". An identify or group belongs to the only rule of its type.
- The COMMON rule applies to all events as well, also to an alias, which has no other.
- Of several versions of a rule, the event names one in ``context.protocols.event_version``. If it names
  none, or one that the plan does not have, the oldest applies.
- Formats are checked. Patterns are JavaScript's, but without look-around, which Segment does not take either:
  so no pattern takes long. They may begin with ``(?i)``, as Segment's may. Schemas are draft 7, unless
  their ``$schema`` names another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_segment.errors import (
    SegmentConfigurationError,
    SegmentEventError,
    SegmentViolationError,
)
from airflow_provider_segment.events.codec import Unreadable
from airflow_provider_segment.events.plan_files import kind_of, read_rules
from airflow_provider_segment.events.plan_rule import Rule, Violation, short
from airflow_provider_segment.events.storage import storage_path

if TYPE_CHECKING:
    from airflow_provider_segment.events.options import OnViolation

TYPES = ("COMMON", "GROUP", "IDENTIFY", "PAGE", "SCREEN", "TRACK")
KEYED = ("PAGE", "SCREEN", "TRACK")
"""The types of which a plan has several rules, told apart by their keys."""
VIEWED = {"PAGE": "Page Viewed", "SCREEN": "Screen Viewed"}
"""The event that Segment takes a page or screen for, where no rule of its own type applies."""

SHOWN = 3
"""Violations that are told of a rejected event."""
MOST_DISTINCT = 1_000
"""Different violations that are counted one by one."""
OTHERS = "others"
"""What all further ones are counted as."""

SHAPE = {"type": str, "version": float}
"""Of a rule in Segment's list."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class PlanRules:
    """The rules of a tracking plan, each compiled once.

    :param rules: as Segment lists them: dicts of ``type``, ``key``, ``version`` and ``jsonSchema``
    :raises SegmentConfigurationError: no rule can be used; or the library for JSON schemas is missing
    """

    def __init__(self, rules: Iterable[Any]) -> None:
        self.faults: list[str] = []
        """What is wrong with rules that cannot be used. Their events are planned, but not checked."""
        self._versions: dict[tuple[str, str], dict[float, Rule | None]] = {}
        written: dict[tuple[str, str], dict[float, Any]] = {}
        for number, rule in enumerate(rules, 1):
            try:
                self._add(rule, written)
            except ValueError as error:
                self.faults.append(f"rule {number}: {error}")
        for (type, key), versions in written.items():
            compiled: dict[float, Rule | None] = {}
            self._versions[type, key] = compiled
            for version, schema in sorted(versions.items()):
                name = _name(type, key) + (f" (version {version:g})" if len(versions) > 1 else "")
                try:
                    compiled[version] = Rule(name, schema)
                except ValueError as error:
                    compiled[version] = None
                    self.faults.append(f"{name}: {error}")
        # The version that an event names is one of its own rule.
        self._common = next(iter(self._versions.get(("COMMON", ""), {}).values()), None)
        if not any(rule for versions in self._versions.values() for rule in versions.values()):
            faults = "; ".join(self.faults[:SHOWN])
            raise SegmentConfigurationError(
                f"the tracking plan has no rule that can be used{f': {faults}' if faults else ''}"
            )

    def _add(self, rule: Any, written: dict[tuple[str, str], dict[float, Any]]) -> None:
        """Take note of a rule; a ValueError says why it cannot be used."""
        if not isinstance(rule, Mapping):
            raise ValueError(f"it is an object with type, key, version and jsonSchema, not {kind_of(rule)}")
        type, key, version, schema = (rule.get(name) for name in ("type", "key", "version", "jsonSchema"))
        if type not in TYPES:
            raise ValueError(f"its type is one of {', '.join(TYPES)}, not {short(repr(type))}")
        key = key if key and type in KEYED else ""
        if not isinstance(key, str) or (type == "TRACK" and not key):
            raise ValueError(f"the key of a {type} rule is the name of an event, not {kind_of(key)}")
        versions = written.setdefault((type, key), {})
        name = _name(type, key)
        if isinstance(version, bool) or not isinstance(version, (int, float)):
            raise ValueError(f"{name}: its version is a number, not {kind_of(version)}")
        if version in versions:
            raise ValueError(f"{name}: there is a version {version:g} before it, which counts")
        versions[version] = schema

    def violations(self, line: bytes) -> list[Violation]:
        """What is wrong with an event, each once.

        :param line: the event as JSON
        """
        try:
            event = _decode(line)
        except Unreadable:
            return [Violation("-", "(root)", "unreadable")]
        found: list[Violation] = []
        own = self._rules_for(event)
        if own is None:
            if event.get("type") == "track":
                found.append(Violation(short(str(event.get("event"))), "event", "unplanned"))
        elif own and (rule := _version(own, event)):
            found += rule.violations(event)
        if self._common:
            found += self._common.violations(event)
        return list(dict.fromkeys(found)) if found else found

    def _rules_for(self, event: dict[str, Any]) -> dict[float, Rule | None] | None:
        """The versions of the rule that an event belongs to."""
        type, find = str(event.get("type")).upper(), self._versions.get
        if type == "TRACK":
            return find((type, str(event.get("event"))))
        if type in VIEWED:
            named, any = find((type, str(event.get("name")))), find((type, ""))
            return named or any or find(("TRACK", VIEWED[type]))
        return find((type, "")) if type != "COMMON" else None


class PlanCheck:
    """What becomes of events that violate a plan: asked about each event before it is sent.

    :param rules: of the plan
    :param on_violation: ``report``, ``reject`` or ``fail``
    :param counts: gets the violations, as texts, with the number of events that have each. At most
        ``MOST_DISTINCT`` are told apart, so it is small enough for an XCom
    """

    def __init__(self, rules: PlanRules, on_violation: OnViolation, counts: Counter[str]) -> None:
        self._violations = rules.violations
        self._on_violation = on_violation
        self._counts = counts

    def check(self, event: bytes) -> None:
        """Check an event.

        :raises SegmentEventError: it violates the plan, and is to be rejected
        :raises SegmentViolationError: it violates the plan, and the run is to fail
        """
        if not (found := self._violations(event)):
            return
        for violation in found:
            self._count(str(violation))
        if self._on_violation == "report":
            return
        detail = "; ".join(map(str, found[:SHOWN]))
        if len(found) > SHOWN:
            detail += f"; and {len(found) - SHOWN:,} more"
        if self._on_violation == "reject":
            raise SegmentEventError("tracking_plan", detail)
        raise SegmentViolationError(f"an event violates the tracking plan, and was not sent: {detail}")

    def _count(self, violation: str) -> None:
        counts = self._counts
        if violation not in counts and len(counts) >= MOST_DISTINCT:
            violation = OTHERS
        counts[violation] += 1


def load_rules(
    paginate: Callable[..., Iterable[Any]], *, plan_id: str | None = None, path: str | None = None
) -> PlanRules:
    """The rules of a plan, from Segment or from a file.

    :param paginate: the hook's
    :param plan_id: of a plan in Segment
    :param path: of a JSON or YAML file, in any storage that Airflow's ``ObjectStoragePath`` supports
    :raises SegmentConfigurationError: both or neither are given, or there is no rule that can be used
    :raises SegmentError: Segment does not show the plan
    """
    if (plan_id is None) == (path is None):
        raise SegmentConfigurationError("give either tracking_plan_id or tracking_plan_path")
    rules: Any = None
    if path is None:
        from airflow_provider_segment.api.paths import fill_path

        url = fill_path("/tracking-plans/{trackingPlanId}/rules", {"trackingPlanId": plan_id})
        rules = list(paginate(url, key="rules", item=SHAPE))
    try:
        return PlanRules(rules if path is None else read_rules(_content(path)))
    except SegmentConfigurationError as error:
        raise SegmentConfigurationError(f"tracking plan {path or plan_id}: {error}") from None


def _version(versions: dict[float, Rule | None], event: dict[str, Any]) -> Rule | None:
    """The version of a rule that an event names, otherwise the oldest."""
    if len(versions) > 1:
        named: Any = event
        for name in ("context", "protocols", "event_version"):
            named = named.get(name) if isinstance(named, dict) else None
        if type(named) in (int, float) and named in versions:  # True equals 1, but is no version
            return versions[named]
    return next(iter(versions.values()))


def _content(path: str) -> bytes:
    try:
        content: bytes = storage_path(path).read_bytes()
    except OSError as error:
        raise SegmentConfigurationError(f"the file cannot be read: {error}") from None
    return content


def _name(type: str, key: str) -> str:
    """What a rule is called: a TRACK rule by its event alone."""
    if type == "TRACK":
        return short(key)
    return f"{type} {short(key)}" if key else type
