"""What keeps the pages of other sites away from the sandbox, which needs no password.

A page in a browser on this machine can send requests here: to the sandbox's address, which its `Origin` gives
away, or to a name of its own that it points here, which the `Host` gives away. Both are refused. Only the
Tracking API takes requests of any page, as Segment's does.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders

PROTECTION = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
CORS = {"Access-Control-Allow-Origin": "*"}
PREFLIGHT = {
    **CORS,
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Content-Encoding, X-Retry-Count",
    "Access-Control-Max-Age": "86400",
}


class Visitors:
    """Who may send requests.

    :param host: the address that the sandbox listens on
    :param names: further names that it has, such as that of its container
    """

    def __init__(self, host: str, names: Collection[str] = ()) -> None:
        self._names = {"localhost", host.lower(), *(name.lower() for name in names)}
        self._is_public = not _is_loopback(host)

    def refusal(self, headers: Headers, *, any_origin: bool) -> str | None:
        """Why a request is refused, or None."""
        host = headers.get("Host", "")
        if not self._is_own(_name(f"//{host}")):
            return f"The sandbox has no name {host!r}: start it with --name to give it one."
        origin = headers.get("Origin")
        if origin is not None and not any_origin and urlsplit(origin).netloc != host:
            return f"The page of another site, {origin!r}, asks."
        return None

    def _is_own(self, name: str) -> bool:
        # No page can make a browser take an address for its own name.
        return name in self._names or _is_loopback(name) or (self._is_public and _is_address(name))


def protect(headers: MutableHeaders, *, any_origin: bool) -> None:
    """Add what browsers need to the headers of an answer."""
    headers.update(PROTECTION)
    if any_origin:
        headers.update(CORS)


def _name(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    return name == "localhost" or (_is_address(name) and ipaddress.ip_address(name).is_loopback)
