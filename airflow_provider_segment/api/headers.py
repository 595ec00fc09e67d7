"""Headers that a caller adds to a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

OURS = {
    # the credential
    *("authorization", "cookie", "cookie2"),
    # where the request goes, and as which method
    *("host", "forwarded", "x-host", "x-original-host", "x-original-url", "x-rewrite-url"),
    *("x-http-method", "x-http-method-override", "x-method-override"),
    # how it is transferred
    *("connection", "content-length", "content-type", "accept-encoding", "transfer-encoding"),
    *("expect", "http2-settings", "keep-alive", "te", "trailer", "upgrade"),
}
"""Headers that only the client sets."""
_OURS_TOO = ("proxy-", "x-forwarded-", ":")


def fault_of(headers: Any) -> str | None:
    """What is wrong with headers; None if they can be sent. No value is shown: it may be a secret."""
    if not isinstance(headers, Mapping):
        return "headers are a dict"
    for name, value in headers.items():
        if not (isinstance(name, str) and _NAME.fullmatch(name)):
            return "a header has a name that is none"
        plain = name.lower().replace("_", "-")  # some servers take one for the other
        if plain in OURS or plain.startswith(_OURS_TOO):
            return f"the header {name[:50]} is the client's: it may not be replaced"
        if not (isinstance(value, str) and value.isascii() and (value.isprintable() or not value)):
            return f"the header {name[:50]} is no text of printable ASCII"
    return None
