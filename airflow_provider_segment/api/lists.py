"""The lists of the Public API whose answers differ from all others, by path.

A list is not null, has an object ``pagination`` beside it, and contains objects, unless it is here.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAY_LACK_PAGINATION = frozenset(
    {
        "/audit-events",
        "/destinations/{}/subscriptions",
        "/events/volume",
        "/filters",
        "/labels",
        "/regulations/sources/{}",
        "/reverse-etl-models/{}/subscriptionId/{}/syncs",
        "/spaces/{}/audiences/{}/activations",
        "/spaces/{}/audiences/{}/destination-connections",
        "/spaces/{}/audiences/{}/schedules",
        "/spaces/{}/entities/{}/properties/{}/sample-values",
        "/spaces/{}/events/{}/properties/{}/sample-values",
        "/spaces/{}/profiles-warehouses",
        "/spaces/{}/traits/{}/sample-values",
    }
)
MAY_BE_NULL = frozenset({"/filters"})
"""Null is an empty list there."""
OF_TEXT = frozenset(
    {
        "/groups/{}/invites",
        "/invites",
        "/spaces/{}/entities/{}/properties/{}/sample-values",
        "/spaces/{}/events/{}/properties/{}/sample-values",
        "/spaces/{}/traits/{}/sample-values",
    }
)


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    return [
        (re.compile(re.escape(path).replace(r"\{\}", "[^/]+")), path)
        for path in MAY_LACK_PAGINATION | MAY_BE_NULL | OF_TEXT
    ]


@lru_cache(maxsize=1024)
def is_one_of(path: str, lists: frozenset[str]) -> bool:
    """Whether the list with this percent-encoded path is one of these."""
    return any(known in lists and pattern.fullmatch(path) for pattern, known in _patterns())
