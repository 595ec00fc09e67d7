"""A private key in PEM, however it reached a connection."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import wrap

MAX_BYTES = 64 << 10
"""Bytes of a file that may hold one."""
_LINE = 64
"""Characters of a line in PEM."""

_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]*)-----(.*?)-----END \1-----", re.DOTALL)


def read_private_key(text: str) -> str:
    r"""The key, written as PEM is.

    A form that has one line for each value joins the lines of what is pasted, and JSON or an environment
    variable may have ``\n`` instead of their ends.

    :param text: the key, or the path of a file that holds it
    :raises ValueError: it is no private key; without the text, which may be one
    """
    if "-----BEGIN" not in text:
        text = _read_file(text)
    found = _PEM.findall(text.replace("\\r", "").replace("\\n", "\n"))
    if not found:
        raise ValueError("is cut off: a private key in PEM ends with -----END PRIVATE KEY-----")
    # A file may have certificates before it.
    kind, content = next((each for each in found if each[0].endswith("PRIVATE KEY")), found[0])
    if not kind.endswith("PRIVATE KEY"):
        raise ValueError(f"is no private key but a {kind.lower()}: give the other half of what Segment has")
    if kind.startswith("ENCRYPTED") or "ENCRYPTED" in content:
        raise ValueError("is encrypted with a password: give the key without one")
    content = "".join(content.split())
    if not re.fullmatch(r"[A-Za-z0-9+/]+=*", content):
        raise ValueError("is no private key in PEM: what is between its first and last line is not base64")
    return "\n".join((f"-----BEGIN {kind}-----", *wrap(content, _LINE), f"-----END {kind}-----"))


def _read_file(path: str) -> str:
    neither = ValueError(
        "is neither a private key in PEM, which begins with -----BEGIN, nor the path of a file with one"
    )
    try:
        file = Path(path).expanduser()
        if not file.is_file():
            raise neither
        with file.open("rb") as opened:
            text = opened.read(MAX_BYTES).decode("ascii", "replace")
    except (OSError, ValueError, RuntimeError):  # too long, a null byte, no home
        raise neither from None
    if "-----BEGIN" not in text:
        raise ValueError("names a file that holds no private key in PEM")
    return text
