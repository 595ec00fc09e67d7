"""Declared kinds: the subclasses of a tagged struct, direct or not, by their tags."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


def kind_of(base: type[T], tag: str) -> type[T]:
    """The subclass with this tag. A subclass counts from the moment it is defined, wherever that is.

    :raises msgspec.ValidationError: there is none
    """
    kinds = dict(kinds_of(base))
    if tag not in kinds:
        raise msgspec.ValidationError(f"Unknown kind {tag!r}: expected one of {', '.join(kinds)}.")
    return kinds[tag]


def kinds_of(base: type[T]) -> Iterator[tuple[str, type[T]]]:
    """The subclasses with their tags."""
    for each in base.__subclasses__():
        tag = str(each.__struct_config__.tag)
        # Without its own tag (it has its base's, or its name) a class is a shared base, not a kind.
        if tag not in (str(base.__struct_config__.tag), each.__name__):
            yield tag, each
        yield from kinds_of(each)
