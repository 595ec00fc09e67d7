"""The types of arguments as text, for people who have no type checker at hand."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from typing_extensions import NotRequired, Required, is_typeddict

DEPTH = 3
"""How deep objects in objects are shown; deeper ones are ``{...}``."""


def bare(kind: Any) -> Any:
    """A type without what is annotated."""
    while get_origin(kind) in (Annotated, NotRequired, Required):
        kind = get_args(kind)[0]
    return kind


def members_of(shape: Any) -> dict[str, tuple[Any, bool]]:
    """The type of each member of a TypedDict, and whether it is required."""
    members = {}
    for name, kind in get_type_hints(shape, include_extras=True).items():
        # Of annotations that are strings, the class itself does not know.
        optional = get_origin(kind) is NotRequired or name not in shape.__required_keys__
        members[name] = (bare(kind), get_origin(kind) is Required or not optional)
    return members


def text_of(kind: Any, depth: int = DEPTH) -> str:
    """A type as text."""
    kind = bare(kind)
    origin, parts = get_origin(kind), get_args(kind)
    if kind is type(None) or kind is None:
        return "None"
    if is_typeddict(kind):
        if not depth:
            return "{...}"
        members = members_of(kind).items()
        return "{" + ", ".join(_member(name, *member, depth - 1) for name, member in members) + "}"
    if origin is Literal:
        return " | ".join(json.dumps(value) for value in parts)
    if origin in (Union, types.UnionType):
        return " | ".join(dict.fromkeys(text_of(part, depth) for part in parts))
    if origin in (list, set, frozenset):
        return f"{origin.__name__}[{text_of(parts[0], depth)}]"
    if origin is tuple:
        return f"list[{text_of(parts[0], depth)}]"
    if origin in (Mapping, dict) or kind is Mapping:
        return "dict"
    if origin in (Sequence, Iterable):
        return f"list[{text_of(parts[0], depth)}]"
    if origin is Callable or origin is getattr(types, "FunctionType", None):
        return "function"
    return getattr(kind, "__name__", str(kind))


def _member(name: str, kind: Any, required: bool, depth: int) -> str:
    return f"{name}{'' if required else '?'}: {text_of(kind, depth)}"
