"""Secrets removed from Segment's answers, and from texts, before they are stored or shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_segment.api.documents import read, write
from airflow_provider_segment.api.secrets import MASK, forms_of, holds_settings, in_text, is_secret_name

HIDDEN = "***"
"""What stands for a secret in a text; Airflow writes the same."""


def write_keys_of(source: Mapping[str, Any]) -> list[str]:
    """The write keys of a source as the Public API returned it; none if the token may not see them."""
    return source.get("writeKeys") or []


def hide_secrets(answer: Any) -> Any:
    """The same answer with its secrets masked. Airflow stores and shows what an operator returns.

    Of write keys the last four characters stay. Masked wholly: among settings, those with the name of a
    secret, and connection strings with a password; the key of a hash; a webhook's URL, which lets anyone send
    to a function.
    """
    return _hidden(answer, "", setting=False)


def hide_in_text(text: str) -> str:
    """The same of an answer as text: a JSON document, or one a line."""
    try:
        return _hide_in_document(text)
    except ValueError:
        # Not by splitlines(), which also cuts inside of strings: at U+2028, for one.
        return "\n".join(map(_hide_in_line, text.split("\n")))


def _hide_in_document(text: str) -> str:
    document = read(text)
    hidden = hide_secrets(document)
    return text if hidden == document else write(hidden).decode()


def _hide_in_line(line: str) -> str:
    if not line.lstrip().startswith(("{", "[")):
        return line
    try:
        content = line.rstrip("\r")
        return _hide_in_document(content) + line[len(content) :]
    except ValueError:
        return line


def _hidden(value: Any, name: object, *, setting: bool) -> Any:
    if name == "writeKeys":
        return [f"{MASK}{str(key)[-4:]}" for key in (value if isinstance(value, list) else [])]
    if isinstance(value, list):
        return [_hidden(item, name, setting=setting) for item in value]
    if isinstance(value, dict):
        setting = setting or holds_settings(name)
        return {each: _hidden(item, each, setting=setting) for each, item in value.items()}
    if isinstance(value, str) and value:
        secret = is_secret_name(name, setting=True) or in_text(value) if setting else name in SECRET_MEMBERS
        return MASK if secret and MASK not in value else value
    return value


SECRET_MEMBERS = ("previewWebhookUrl",)
"""Members of answers that are secrets, besides write keys and those among settings."""


class Scrubber:
    """Replaces secrets in texts, in all their forms.

    :param secrets: what to replace
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = forms_of(secrets)
        self._pattern = re.compile("|".join(map(re.escape, forms))) if forms else None

    def __call__(self, value: Any) -> Any:
        """The value without the secrets: a text, or an object or list with texts in it."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self._pattern.sub(HIDDEN, value)
        if isinstance(value, list):
            return [self(item) for item in value]
        if isinstance(value, dict):
            return {self(name): self(item) for name, item in value.items()}
        return value
