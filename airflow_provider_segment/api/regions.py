"""Where Segment's APIs live: one table of hosts.

Sources: Segment's documentation of regional workspaces, of the Public API and of the Profile API.
"""

from __future__ import annotations

from typing import Any, Literal

Api = Literal["public", "tracking", "profile"]
Region = Literal["us", "eu"]

HOSTS: dict[Region, dict[Api, str]] = {
    "us": {
        "public": "https://api.segmentapis.com",
        "tracking": "https://api.segment.io",
        "profile": "https://profiles.segment.com",
    },
    "eu": {
        "public": "https://eu1.api.segmentapis.com",
        "tracking": "https://events.eu1.segmentapis.com",
        "profile": "https://profiles.euw1.segment.com",
    },
}

APPS: dict[Region, str] = {"us": "https://app.segment.com", "eu": "https://eu1.app.segment.com"}
"""Segment's web app."""

REGION_NAMES: dict[Region, str] = {"us": "US (Oregon)", "eu": "EU (Dublin)"}


def read_region(region: Any) -> Any:
    """The name of a region as people write it: in any case, and blank for none."""
    return region.strip().lower() or None if isinstance(region, str) else region


def host_of(api: Api, region: Region, base_url: str | None = None) -> str:
    """The origin to send to; ``base_url`` (a sandbox, proxy or gateway) stands for all three APIs."""
    return (base_url or HOSTS[region][api]).rstrip("/")
