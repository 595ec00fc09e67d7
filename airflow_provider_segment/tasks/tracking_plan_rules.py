"""Rules of tracking plans: which of two are the same rule, and which have the same schema."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException
from typing_extensions import NotRequired

from airflow_provider_segment.tasks.comparison import EMPTY

RuleId = tuple[str, str, float]
SHAPE = {"type": str, "key": NotRequired[str | None], "version": float}
"""Of a rule in Segment's list."""

SEGMENTS_OWN = "Segment Consent Preference Updated"
"""Key of a rule that Segment adds to the plans of a workspace with consent management."""

NAMES_OF_PROPERTIES = ("definitions", "patternProperties", "properties")
SETS = ("enum", "required", "type")
LEFT_OUT = ("description", "labels")  # if they are empty
# At the top of a schema, Segment writes these in one of three ways if they allow everything.
PARTS = ("context", "properties", "traits")
ANYTHING: tuple[Any, ...] = ({}, {"type": "object"})


def id_of(rule: Mapping[str, Any]) -> RuleId:
    """What identifies a rule within its plan: type, key, version."""
    return rule["type"], rule.get("key") or "", float(rule["version"])


def reference_to(rule: Mapping[str, Any]) -> dict[str, Any]:
    """What identifies a rule, as a request names it."""
    return {name: rule[name] for name in ("type", "key", "version") if rule.get(name) is not None}


def by_id(rules: Iterable[Mapping[str, Any]]) -> dict[RuleId, Mapping[str, Any]]:
    """Rules by what identifies them.

    :raises AirflowFailException: a rule comes twice. Which of the two Segment would keep is not documented
    """
    rules = list(rules)
    counts = Counter(map(id_of, rules))
    if twice := [id for id, count in counts.items() if count > 1]:
        shown = ", ".join(f"{type} {key!r} version {version:g}" for type, key, version in twice[:10])
        raise AirflowFailException(f"rules: the same rule more than once, nothing was sent: {shown}")
    return dict(zip(map(id_of, rules), rules, strict=True))


def same_schema(one: Any, other: Any) -> bool:
    """Whether two JSON schemas say the same, apart from what Segment rewrites."""
    # As text, in which true is not 1.
    return json.dumps(_top(one), sort_keys=True) == json.dumps(_top(other), sort_keys=True)


def _top(schema: Any) -> Any:
    plain = _plain(schema)
    if isinstance(plain, dict) and isinstance(parts := plain.get("properties"), dict):
        parts = {name: part for name, part in parts.items() if name not in PARTS or part not in ANYTHING}
        plain = {**plain, "properties": parts}
    return plain


def _plain(schema: Any) -> Any:
    """A schema in which what means the same is equal."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if isinstance(schema, float) and schema.is_integer():
        return int(schema)
    if not isinstance(schema, dict):
        return schema
    plain: dict[str, Any] = {}
    for name, value in schema.items():
        if name in NAMES_OF_PROPERTIES and isinstance(value, dict):
            plain[name] = {each: _plain(inner) for each, inner in value.items()}
        elif name in SETS and isinstance(value, list):
            plain[name] = value[0] if name == "type" and len(value) == 1 else sorted(value, key=repr)
        elif name != "$schema" and not (name in LEFT_OUT and value in EMPTY):
            plain[name] = _plain(value)
    return plain
