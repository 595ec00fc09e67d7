"""Paths and queries as Segment's documentation writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from urllib.parse import quote

from airflow_provider_segment.api.documents import fault
from airflow_provider_segment.errors import SegmentConfigurationError

_PLACEHOLDER = re.compile(r"{(\w+)}")


def fill_path(template: str, values: Mapping[str, Any]) -> str:
    """``/sources/{sourceId}`` with its placeholders filled, percent-encoded.

    :raises SegmentConfigurationError: a value is missing, empty, a dot segment (``.``, ``..``), or no text
        that an id could be
    """

    def part(match: re.Match[str]) -> str:
        name, value = match[1], values.get(match[1])
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise SegmentConfigurationError(
                f"{name} must be a text in {template}, not {type(value).__name__}"
            )
        if value in ("", ".", ".."):
            raise SegmentConfigurationError(f"{name} must not be {value!r} in {template}")
        if why := fault(value):
            raise SegmentConfigurationError(f"{name} in {template}: {why}")
        return quote(str(value), safe="")

    return _PLACEHOLDER.sub(part, template)


def fill_exactly(template: str, values: Mapping[str, Any]) -> str:
    """The same where each value must have its placeholder, and nothing else may be in braces.

    :raises SegmentConfigurationError: it is not so
    """
    placeholders = set(_PLACEHOLDER.findall(template))
    if missing := sorted(placeholders - values.keys()):
        raise SegmentConfigurationError(f"no value for {', '.join(missing)} in {template}")
    if more := sorted(map(str, values.keys() - placeholders)):
        raise SegmentConfigurationError(f"no placeholder for {', '.join(more)} in {template}")
    filled = fill_path(template, values)
    if set(filled) & set("{}"):
        raise SegmentConfigurationError(f"a placeholder is a name in braces, as {{source_id}}, in {template}")
    return filled


def query_pairs(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A query as Segment's documentation writes it: objects dotted, arrays indexed, nulls left out.

    ``{"pagination": {"count": 3}, "groupBy": ["source"]}`` becomes ``pagination.count=3&groupBy.0=source``.

    :raises SegmentConfigurationError: it holds what no query can
    """
    if not isinstance(query, Mapping):
        raise SegmentConfigurationError(f"a query is a dict, not of type {type(query).__name__}")
    if why := fault(dict(query), also=date):
        raise SegmentConfigurationError(f"query: {why}")
    return [pair for name, value in query.items() for pair in _flat(str(name), value)]


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(f"{name}.{key}", item)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _flat(f"{name}.{index}", item)
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    elif isinstance(value, date):
        yield name, value.isoformat()
    else:
        yield name, str(value)
