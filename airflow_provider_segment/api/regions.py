"""Where Segment's APIs live: one table of hosts.

Sources: Segment's documentation of regional workspaces, of the Public API, of the Profile API and of OAuth.
"""

from __future__ import annotations

from typing import Any, Literal

Api = Literal["public", "tracking", "profile"]
Server = Literal[Api, "oauth"]
"""The APIs, and the authorization server."""
Region = Literal["us", "eu"]

HOSTS: dict[Region, dict[Server, str]] = {
    "us": {
        "public": "https://api.segmentapis.com",
        "tracking": "https://api.segment.io",
        "profile": "https://profiles.segment.com",
        "oauth": "https://oauth2.segment.io",
    },
    "eu": {
        "public": "https://eu1.api.segmentapis.com",
        "tracking": "https://events.eu1.segmentapis.com",
        "profile": "https://profiles.euw1.segment.com",
        "oauth": "https://oauth2.eu1.segmentapis.com",
    },
}

APPS: dict[Region, str] = {"us": "https://app.segment.com", "eu": "https://eu1.app.segment.com"}
"""Segment's web app."""

REGION_NAMES: dict[Region, str] = {"us": "US (Oregon)", "eu": "EU (Dublin)"}


def read_region(region: Any) -> Any:
    """The name of a region as people write it: in any case, and blank for none."""
    return region.strip().lower() or None if isinstance(region, str) else region


def host_of(server: Server, region: Region, base_url: str | None = None) -> str:
    """The origin to send to; ``base_url`` (a sandbox, proxy or gateway) stands for all of them."""
    return (base_url or HOSTS[region][server]).rstrip("/")


SANDBOX_REGION = "x-segment-sandbox"
"""The header of a sandbox's answers, which tells its region."""
SANDBOXES: set[str] = set()
"""The base URLs of which this process has had an answer from a sandbox."""


def is_sandbox(base_url: str | None) -> bool:
    """Whether a sandbox has answered there: it says so in each answer."""
    return base_url in SANDBOXES
