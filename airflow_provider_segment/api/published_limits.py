"""The rate limits that Segment publishes for single endpoints; the limits of all others are not known."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

DAY = 86_400

# Requests per minute -> path -> methods. Each method is counted separately.
PER_MINUTE: dict[int, dict[str, str]] = {
    2: {
        "/warehouses/{}/advanced-sync-schedule": "GET PUT",
        "/warehouses/{}/connected-sources/{}/selective-syncs": "GET",
        "/warehouses/{}/connected-sources/{}/syncs": "GET",
        "/warehouses/{}/selective-sync": "PATCH",
        "/warehouses/{}/syncs": "GET",
    },
    5: {
        "/destinations/{}/subscriptions": "POST",
        "/destinations/{}/subscriptions/{}": "DELETE PATCH",
        "/spaces/{}/audiences/previews": "POST",
    },
    10: {
        "/dbt-model-syncs/trigger": "POST",
        "/spaces/{}/computed-traits": "POST",
        "/spaces/{}/computed-traits/{}": "PATCH",
    },
    20: {
        "/reverse-etl-syncs": "POST",
        "/spaces/{}/computed-traits/{}": "DELETE",
    },
    25: {
        "/spaces/{}/audiences/{}/audience-references": "GET",
        "/spaces/{}/computed-traits": "GET",
        "/spaces/{}/entities/{}/properties": "GET",
        "/spaces/{}/entities/{}/properties/{}/sample-values": "GET",
        "/spaces/{}/entity-paths": "GET",
        "/spaces/{}/events": "GET",
        "/spaces/{}/events/{}/properties": "GET",
        "/spaces/{}/events/{}/properties/{}/sample-values": "GET",
        "/spaces/{}/traits": "GET",
        "/spaces/{}/traits/{}/sample-values": "GET",
    },
    50: {
        "/spaces/{}/audiences": "POST",
        "/spaces/{}/audiences/{}": "DELETE PATCH",
        "/spaces/{}/audiences/{}/activations/{}": "DELETE PATCH",
        "/spaces/{}/audiences/{}/destination-connections": "GET POST",
        "/spaces/{}/audiences/{}/destination-connections/{}/activations": "POST",
        "/spaces/{}/audiences/{}/schedules": "POST",
        "/spaces/{}/audiences/{}/schedules/{}": "DELETE PATCH",
    },
    60: {
        "/events/volume": "GET",
        "/group/{}/users": "DELETE PUT",
        "/groups": "POST",
        "/groups/{}": "DELETE PATCH",
        "/groups/{}/permissions": "POST PUT",
        "/groups/{}/users": "POST",
        "/invites": "DELETE POST",
        "/labels": "POST",
        "/labels/{}/{}": "DELETE",
        "/spaces/{}/audienceType/{}/supported-destinations": "GET",
        "/spaces/{}/audiences": "GET",
        "/spaces/{}/audiences/{}/activations": "GET",
        "/spaces/{}/audiences/{}/activations/{}": "GET",
        "/spaces/{}/messaging-subscriptions": "PUT",
        "/users": "DELETE",
        "/users/{}/permissions": "POST PUT",
    },
    100: {
        "/spaces/{}/audiences/{}": "GET",
        "/spaces/{}/computed-traits/{}": "GET",
    },
    200: {
        "/tracking-plans/{}/rules": "GET",
        "/warehouses/{}/connection-state": "GET",
    },
    250: {
        "/reverse-etl-models/{}/syncs/{}": "GET",
    },
    300: {
        "/spaces/{}/audiences/previews/{}": "GET",
    },
    600: {
        "/regulations": "POST",
        "/regulations/cloudsources/{}": "POST",
        "/regulations/sources/{}": "POST",
    },
}
DOWNLOAD, DOWNLOADS_PER_DAY = "POST /customer-insights/download", 120


class Limit(NamedTuple):
    """A number of requests per number of seconds, regardless of the ids in the path."""

    endpoint: str
    requests: int
    seconds: float


LIMITS: dict[str, Limit] = {
    f"{method} {path}": Limit(f"{method} {path}", requests, 60.0)
    for requests, paths in PER_MINUTE.items()
    for path, methods in paths.items()
    for method in methods.split()
} | {DOWNLOAD: Limit(DOWNLOAD, DOWNLOADS_PER_DAY, DAY)}

_BY_REQUEST = [
    (re.compile(re.escape(endpoint).replace(r"\{\}", "[^/]+")), limit) for endpoint, limit in LIMITS.items()
]


@lru_cache(maxsize=1024)
def limit_of(method: str, path: str) -> Limit | None:
    """The limit of a request, by its method and its percent-encoded path; None if none is published."""
    request = f"{method} {path}"
    return next((limit for pattern, limit in _BY_REQUEST if pattern.fullmatch(request)), None)
