"""Secrets removed from Segment's answers before they are stored or shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def write_keys_of(source: Mapping[str, Any]) -> list[str]:
    """The write keys of a source as the Public API returned it; none if the token may not see them."""
    return source.get("writeKeys") or []


def without_write_keys(value: Any) -> Any:
    """The same value, with the write keys of sources masked except for their last four characters.

    Airflow stores and shows what an operator returns.
    """
    if isinstance(value, list):
        return [without_write_keys(item) for item in value]
    if isinstance(value, dict):
        return {
            name: [f"•••{str(key)[-4:]}" for key in (item if isinstance(item, list) else [])]
            if name == "writeKeys"
            else without_write_keys(item)
            for name, item in value.items()
        }
    return value
