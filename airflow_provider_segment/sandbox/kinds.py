"""Declared kinds: the subclasses of a tagged struct, by their tags."""

from __future__ import annotations

from typing import TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


def kind_of(base: type[T], tag: str) -> type[T]:
    """The subclass with this tag. A subclass counts from the moment it is defined, wherever that is.

    :raises msgspec.ValidationError: there is none
    """
    kinds = {str(kind.__struct_config__.tag): kind for kind in base.__subclasses__()}
    if tag not in kinds:
        raise msgspec.ValidationError(f"Unknown kind {tag!r}: expected one of {', '.join(kinds)}.")
    return kinds[tag]
