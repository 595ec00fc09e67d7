"""Paths and queries as Segment's documentation writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from airflow_provider_segment.errors import SegmentConfigurationError


def fill_path(template: str, values: Mapping[str, Any]) -> str:
    """``/sources/{sourceId}`` with its placeholders filled, percent-encoded.

    :raises SegmentConfigurationError: a value is empty or a dot segment (``.``, ``..``)
    """

    def part(match: re.Match[str]) -> str:
        value = str(values[match[1]])
        if value in ("", ".", ".."):
            raise SegmentConfigurationError(f"{match[1]} must not be {value!r} in {template}")
        return quote(value, safe="")

    return re.sub(r"{(\w+)}", part, template)


def query_pairs(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A query as Segment's documentation writes it: objects dotted, arrays indexed, nulls left out.

    ``{"pagination": {"count": 3}, "groupBy": ["source"]}`` becomes ``pagination.count=3&groupBy.0=source``.
    """
    return [pair for name, value in query.items() for pair in _flat(name, value)]


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
    else:
        yield name, str(value)
