"""Types of declared arguments.

An annotation is a string (``from __future__ import annotations``), and may name a type that only type
checkers import. That must fail where it is written, not in a task weeks later.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Annotated, Any, ForwardRef, Literal, get_args, get_origin, get_type_hints
from weakref import WeakSet

from typing_extensions import is_typeddict

_checked: WeakSet[type] = WeakSet()
"""TypedDicts whose members can be evaluated."""


def evaluate(annotation: Any, module: str, names: Mapping[str, Any]) -> Any:
    """The type that an annotation stands for, once the members of each TypedDict in it can be evaluated, too.

    :param module: the module that contains the annotation
    :param names: the namespace of the class that contains it
    :raises Exception: it cannot be evaluated; usually a NameError
    """
    namespace = _namespace(module)
    kind = eval(annotation, namespace, names) if isinstance(annotation, str) else annotation
    if _has_quoted_parts(kind):
        whole: Any = SimpleNamespace(__annotations__={"kind": kind})
        kind = get_type_hints(whole, namespace, dict(names), include_extras=True)["kind"]
        _has_quoted_parts(kind)  # checks the TypedDicts that were quoted
    return kind


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
            evaluate(getattr(member, "__forward_arg__", member), module, {})
    except Exception:
        _checked.discard(shape)
        raise
