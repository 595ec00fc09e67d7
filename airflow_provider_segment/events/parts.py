"""Parts of an input, as small JSON: one task makes them, and each is sent by a task of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from airflow_provider_segment.events.key_json import key_from_json
from airflow_provider_segment.events.sources.pieces import Unit

Offset = Annotated[int, Meta(ge=0)]


class FilePiece(Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """A :class:`.Piece`, with the path of its file."""

    path: str
    unit: Unit | None = None
    start: Offset = 0
    end: Offset | None = None
    version: str | None = None

    def __post_init__(self) -> None:
        if self.unit is None and (self.start or self.end is not None):
            raise ValueError("start and end need a unit")
        if self.end is not None and self.end < self.start:
            raise ValueError("end must not be before start")


class KeyRange(Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """The rows of a query in a half-open range of a column, with keys as :mod:`.key_json` writes them.

    Without a start, rows in which the column is null are in it, too: together, ranges hold all rows.
    """

    column: str
    start: Any = None
    end: Any = None

    def __post_init__(self) -> None:
        try:
            self.keys  # noqa: B018
        except (LookupError, TypeError, ValueError, StopIteration, ArithmeticError):
            raise ValueError("start and end must be keys") from None

    @property
    def keys(self) -> tuple[Any, Any]:
        """Start and end with their types."""
        return key_from_json(self.start), key_from_json(self.end)


class Part(Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """One part.

    :param name: tells it from the others, for people
    :param pieces: what it has of files; None for a part of a query
    :param range: what it has of a query
    """

    name: str
    pieces: list[FilePiece] | None = None
    range: KeyRange | None = None

    def as_json(self) -> dict[str, Any]:
        """As plain JSON, from which :func:`read_part` reads it."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def read_part(value: Any) -> Part:
    """A part from its JSON.

    :raises ValueError: it is none
    """
    if isinstance(value, Part):
        return value
    try:
        part = msgspec.convert(dict(value) if isinstance(value, Mapping) else value, Part)
    except msgspec.ValidationError as error:
        raise ValueError(f"must be a part that SegmentPartitionEventsOperator made: {error}") from None
    if bool(part.pieces) == bool(part.range):
        raise ValueError("must have either pieces of files or a range of a query")
    return part
