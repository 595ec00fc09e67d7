"""The rate limits that Segment publishes for single endpoints; what it limits all others to is not known."""

from __future__ import annotations

import re

from airflow_provider_segment.sandbox.rate_limit import RateLimit

DAY = 86_400

# Requests a minute -> path -> methods. Each method has a count of its own.
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
DOWNLOADS_PER_DAY = 120

PUBLISHED: dict[str, RateLimit] = {
    f"{method} {path}": RateLimit(requests)
    for requests, paths in PER_MINUTE.items()
    for path, methods in paths.items()
    for method in methods.split()
} | {"POST /customer-insights/download": RateLimit(DOWNLOADS_PER_DAY, DAY)}


class PublishedLimits:
    """The limits of all endpoints, each with its own count."""

    def __init__(self) -> None:
        self._limits = {
            operation: RateLimit(limit.requests, limit.seconds) for operation, limit in PUBLISHED.items()
        }

    def of(self, operation: str) -> RateLimit | None:
        """The limit of an operation, given as "METHOD /path/{parameter}"."""
        return self._limits.get(re.sub(r"\{\w+\}", "{}", operation))
