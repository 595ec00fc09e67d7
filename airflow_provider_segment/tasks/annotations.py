"""Types of declared arguments, checked when their class is made.

An annotation is a string (``from __future__ import annotations``), and may name a type that only type
checkers import. That must fail where it is written, not in a task weeks later. Evaluating all annotations
would take a fifth of the import time of all operators, so only their names are looked up; suspicious ones are
evaluated.
"""

from __future__ import annotations

import builtins
import re
import sys
from collections.abc import Mapping
from functools import cache
from keyword import iskeyword
from types import SimpleNamespace
from typing import Annotated, Any, ForwardRef, Literal, get_args, get_origin, get_type_hints
from weakref import WeakSet

from typing_extensions import is_typeddict

_VALUES = re.compile(r"""Literal\[(?:"(?:\\.|[^"])*"|'(?:\\.|[^'])*'|[^]"'])*\]""")
_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*")
_MISSING = object()

_checked: WeakSet[type] = WeakSet()
"""TypedDicts whose members can be evaluated."""


def check(annotation: Any, module: str, names: Mapping[str, Any]) -> None:
    """Make sure that an annotation can be evaluated, with the members of a TypedDict in it.

    :param module: the module that contains the annotation
    :param names: the namespace of the class that contains it
    :raises Exception: it cannot be evaluated; usually a NameError
    """
    namespace = _namespace(module)
    if not isinstance(annotation, str):
        evaluate(annotation, module, names)
        return
    for name in _names_in(annotation):
        value = names.get(name, _MISSING)
        if value is _MISSING:
            value = namespace.get(name, _MISSING)
        if value is _MISSING and not hasattr(builtins, name):
            evaluate(annotation, module, names)  # may not be a name, but a comment in Annotated[]
            return
        if isinstance(value, type) and hasattr(value, "__total__"):
            _check_members(value)


def evaluate(annotation: Any, module: str, names: Mapping[str, Any]) -> Any:
    """The type that an annotation stands for; parameters and errors as in :func:`check`."""
    namespace = _namespace(module)
    kind = eval(annotation, namespace, names) if isinstance(annotation, str) else annotation
    if _has_quoted_parts(kind):
        whole: Any = SimpleNamespace(__annotations__={"kind": kind})
        kind = get_type_hints(whole, namespace, dict(names), include_extras=True)["kind"]
        _has_quoted_parts(kind)  # checks the TypedDicts that were quoted
    return kind


@cache
def _names_in(annotation: str) -> tuple[str, ...]:
    found = set(_NAME.findall(_VALUES.sub("Literal", annotation)))
    return tuple(name for name in found if not iskeyword(name))


def _namespace(module: str) -> dict[str, Any]:
    return vars(sys.modules[module]) if module in sys.modules else {}


def _has_quoted_parts(kind: Any) -> bool:
    """Whether a part of a type is still a string. Checks the TypedDicts before it."""
    if isinstance(kind, (str, ForwardRef)):
        return True
    if is_typeddict(kind):
        _check_members(kind)
    origin = get_origin(kind)
    if origin is Literal:
        return False
    # In Callable[[...], ...] the parts are lists; in Annotated[] only the first part is a type.
    parts = kind if isinstance(kind, list) else get_args(kind)
    return any(_has_quoted_parts(part) for part in (parts[:1] if origin is Annotated else parts))


def _check_members(shape: type) -> None:
    if shape in _checked:
        return
    _checked.add(shape)  # first, as a shape may contain itself
    try:
        for member in shape.__annotations__.values():
            module = getattr(member, "__forward_module__", None) or shape.__module__
            check(getattr(member, "__forward_arg__", member), module, {})
    except Exception:
        _checked.discard(shape)
        raise
