"""Query strings in all the forms that Segment's documentation and clients use."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """A query as an object: `a.b=1`, `a[b]=1` and `a={"b":1}` (as each of Segment's own clients sends it),
    `a.0=x&a.1=y` and `a=x&a=y` for lists. Values stay strings, except inside JSON."""
    query: dict[str, Any] = {}
    for name, value in pairs:
        *parents, last = re.findall(r"[^.\[\]]+", name)
        place: Any = query
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise ValueError(f"{parent} is given as a value and as an object.")
        if last in place:
            known = place[last]
            place[last] = [*(known if isinstance(known, list) else [known]), from_json(value)]
        else:
            place[last] = from_json(value)
    return {name: listed(value) for name, value in query.items()}


def from_json(value: str) -> Any:
    """A JSON object or list, decoded; any other value as it is."""
    try:
        return msgspec.json.decode(value) if value.startswith(("{", "[")) else value
    except msgspec.DecodeError:
        return value


def listed(value: Any) -> Any:
    """An object whose keys are all indexes is a list."""
    if not isinstance(value, dict):
        return value
    values = {key: listed(each) for key, each in value.items()}
    return list(values.values()) if values and all(key.isdigit() for key in values) else values
