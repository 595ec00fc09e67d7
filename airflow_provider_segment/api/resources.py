"""What is read of resources in answers: shapes, as in :mod:`.shapes`, that several modules share."""

# Without `from __future__ import annotations`: a TypedDict compiles each string, which takes longer.

from typing_extensions import NotRequired, TypedDict


class Resource(TypedDict):
    """Anything at Segment. Not everything has an id, but no id is anything but text."""

    id: NotRequired[str | None]


class Identified(TypedDict):
    """A resource that has an id."""

    id: str


class Source(Identified):
    """A source, and its write keys if the token may see them."""

    writeKeys: NotRequired[list[str] | None]
