"""What to do about an error of Segment's, where it depends on the API or the connection.

The classes of errors have the advice for the Public API.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

from airflow_provider_segment.api.calls import safe_path
from airflow_provider_segment.api.regions import Server

NO_TOKEN = (
    "Check the OAuth app id, key id, private key and region of the Segment connection, and that the app has "
    "the scope: tracking_api:write to send events, public_api:read_write for the Public API."
)
"""On an authorization server that refuses a token."""

ADVICE: dict[tuple[Server, int], str] = {
    ("tracking", 401): "Check the write key and the region of the Segment connection. A source that enforces "
    "OAuth takes events only from an OAuth app that is connected to it, whose id and key the connection has.",
    ("tracking", 403): "Check the write key of the Segment connection: its source may not take these events.",
    ("tracking", 404): "Check the region and the base URL of the Segment connection.",
    ("profile", 401): "Check the Profile API token and the region of the Segment connection.",
    ("profile", 403): "Use a Profile API token of this space: each is valid in one space only.",
    (
        "profile",
        404,
    ): "Check the id of the profile, and that of the space: a Profile API token is valid in one space only.",
}


def refuses_token(api: Server, response: httpx.Response) -> bool:
    """Whether the authorization server says that the credential is wrong: with whatever status but 429."""
    return api == "oauth" and response.is_client_error and response.status_code != 429


def advice_on(api: Server, response: httpx.Response, base_url: str | None) -> str | None:
    """The advice; None where the error's class has it."""
    if response.is_redirect:
        where = f"The connection's base URL is {base_url}: correct it." if base_url else ELSEWHERE
        return f"It refers to {_location(response)}, which is not followed. {where}"
    advice = ADVICE.get((api, response.status_code))
    if refuses_token(api, response):
        advice = NO_TOKEN
    if base_url and response.status_code in (404, 405):
        own = (
            advice or "Check the id, and that the token belongs to the workspace (and region) that holds it."
        )
        return f"{own} The request went to the connection's base URL, {base_url}, and not to Segment itself."
    return advice


ELSEWHERE = "Segment does not do that: does a proxy or gateway answer instead?"


def _location(response: httpx.Response) -> str:
    """Where a redirect leads, without what may be secret in it: user, password, query, write key."""
    try:
        url = urlsplit(response.headers.get("location", ""))
        where = f"//{url.netloc.rpartition('@')[2]}" if url.netloc else ""
        shown = f"{url.scheme}:{where}" if url.scheme else where
        return f"{shown}{safe_path(url.path)}" or "nowhere"
    except ValueError:
        return "an address that is none"
