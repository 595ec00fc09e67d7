"""What an answer must look like for this package to use it.

A shape is a type that msgspec can check (``str``, ``list[str]``, a ``TypedDict``), or a dict with the shapes
of an object's members. Members that it does not name may be there, and may be anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from typing_extensions import TypedDict

Data = Annotated[dict[str, Any], msgspec.Meta(min_length=1)]
"""Any ``data``: it is never empty."""


def as_type(shape: Any) -> Any:
    """A shape as a type."""
    if not isinstance(shape, dict):
        return shape
    return _object(tuple((name, as_type(member)) for name, member in shape.items()))


@lru_cache(maxsize=1024)
def _object(members: tuple[tuple[str, Any], ...]) -> Any:
    make: Any = TypedDict  # type checkers know it as a statement only
    return make("object", dict(members))


def check_shape(value: Any, shape: Any) -> None:
    """Make sure that an answer, or its ``data``, has a shape.

    :raises ValueError: what was expected where, and what is there: types and names, never values
    """
    try:
        msgspec.convert(value, as_type(shape))
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at `$")
        steps = re.findall(r"[^.\[\]]+", place.rstrip("`"))
        if missing := re.fullmatch(r"Object missing required field (`.*`)", said):
            said = f"expected a member {missing[1]}, found {_members(_inside(value, steps))}"
        raise ValueError(f"{said[:1].lower()}{said[1:]}{' in ' if steps else ''}{'.'.join(steps)}") from None
    except RecursionError:
        raise ValueError("objects and lists nested too deeply") from None


def _inside(value: Any, steps: list[str]) -> Any:
    for step in steps:
        value = value[int(step) if isinstance(value, list) else step]
    return value


def _members(value: Mapping[str, Any]) -> str:
    names = [str(name)[:40] for name in list(value)[:8]]
    return ", ".join(names) + (", ..." if len(value) > len(names) else "") if names else "none"
