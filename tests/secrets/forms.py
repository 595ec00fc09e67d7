"""The forms in which a secret may come back: written by the standard library, not by the package."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "base64": b64,
    "base64 without padding": lambda secret: b64(secret).rstrip("="),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "Basic, as the user": lambda secret: b64(f"{secret}:"),
    "Basic, as the password": lambda secret: b64(f"user:{secret}"),
    "JSON in base64": lambda secret: (
        b64(json.dumps({"a": secret}, ensure_ascii=False)) if secret.isalnum() else b64(secret)
    ),
    "URL": lambda secret: quote(secret, safe=""),
    "URL path": quote,
    "form": quote_plus,
    "URL in small letters": lambda secret: re.sub("%..", lambda code: code[0].lower(), quote(secret)),
    "JSON": lambda secret: json.dumps(secret)[1:-1],
    "JSON, not ASCII": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "repr": lambda secret: repr(secret)[1:-1],
}


def found(secret: str, text: str) -> list[str]:
    """The forms of a secret that are in a text."""
    return [name for name, form in FORMS.items() if form(secret) in text]
