"""What a model is told: without secrets, and no longer than it can use."""

from __future__ import annotations

import json
from itertools import accumulate
from typing import Any

from airflow_provider_segment.api.redaction import HIDDEN
from airflow_provider_segment.api.secrets import holds_settings, is_secret_name, secrets_in

LONGEST = 20_000
"""Characters of an answer, as JSON. It stays in the model's context for the rest of the run."""

BESIDE = 100
"""Characters of what is beside a list in an answer."""

STEPS = ((200, 2_000), (50, 500), (20, 200), (5, 100))
"""Items of a list, and characters of a text, that are kept: as many as fit."""


def guarded(value: Any, name: object = "", *, setting: bool = False, secret: bool = False) -> Any:
    """An answer without what may be a secret: write keys, and the values of settings.

    Segment masks what its catalog calls a secret, and operators hide what looks like one. A model's provider
    is another company, so here every setting is hidden that is no plain word, number, name or place; and all
    that is inside of one with the name of a secret.
    """
    if isinstance(value, dict):
        secret = secret or (setting and is_secret_name(name, setting=True))
        setting = setting or holds_settings(name)
        return {each: guarded(item, each, setting=setting, secret=secret) for each, item in value.items()}
    if isinstance(value, list):
        return [guarded(item, name, setting=setting, secret=secret) for item in value]
    if name == "writeKeys":
        return HIDDEN  # also their last characters
    if secret:
        return HIDDEN
    return HIDDEN if setting and any(secrets_in(value, name, declared=True)) else value


def fitting(items: list[Any]) -> list[Any]:
    """As many of the first items as an answer has room for, at least one; their long texts are cut later."""
    sizes = accumulate(len(json.dumps(_shortened(item, *STEPS[0]), default=str)) + 2 for item in items)
    room = LONGEST - BESIDE
    return items[: max(1, sum(size <= room for size in sizes))]


def bounded(answer: Any) -> Any:
    """An answer that is not too long; what was left out of it is said where it was."""
    text = ""
    for items, characters in STEPS:
        shortened = _shortened(answer, items, characters)
        text = json.dumps(shortened, ensure_ascii=False, default=str)
        if len(text) <= LONGEST:
            return shortened
    return f"{text[:LONGEST]}... ({len(text) - LONGEST:,} more characters: ask for less)"


def shortened(text: str) -> str:
    """An error, whose end says what to do: of a long one the middle is left out."""
    half = STEPS[0][1]
    return text if len(text) <= 2 * half else f"{text[:half]} ... {text[-half:]}"


def _shortened(value: Any, items: int, characters: int) -> Any:
    if isinstance(value, str) and len(value) > characters:
        return f"{value[:characters]}... ({len(value) - characters:,} more characters)"
    if isinstance(value, dict):
        return {name: _shortened(each, items, characters) for name, each in value.items()}
    if isinstance(value, list):
        kept = [_shortened(each, items, characters) for each in value[:items]]
        return [*kept, f"... ({len(value) - items:,} more)"] if len(value) > items else kept
    return value
