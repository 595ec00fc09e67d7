"""Keys and marks of rows as JSON, with their types."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

_TEXTS: dict[type, Any] = {
    Decimal: Decimal,
    UUID: UUID,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
}


def key_to_json(key: Any) -> Any:
    """A key as plain JSON.

    :raises TypeError: it is of a type that is no key
    """
    kind = type(key)
    if kind in (int, str):
        return key
    if kind not in _TEXTS:
        raise TypeError(f"must be whole numbers, text, UUIDs, dates or times, not {kind.__name__}")
    return {kind.__name__: str(key)}


def key_from_json(key: Any) -> Any:
    """A key from :func:`key_to_json`."""
    if not isinstance(key, dict):
        return key
    [(name, text)] = key.items()
    return next(read(text) for kind, read in _TEXTS.items() if kind.__name__ == name)
