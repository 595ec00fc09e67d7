"""What a function does, as plain data: the same in every process, and another one when its code changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from functools import partial
from types import CodeType, NoneType
from typing import Any
from uuid import UUID

_PLAIN = (str, bytes, int, float, complex, NoneType, date, time, timedelta, Decimal, UUID)


def identity_of_function(function: Callable[..., Any]) -> list[Any]:
    """Its name and its code, with the constants, the variables around it, and the functions of its module.

    Of other objects only their types: what they look like may be another in each process.
    """
    return _function(function, set())


def _function(function: Any, seen: set[int]) -> list[Any]:
    module, kind = getattr(function, "__module__", ""), type(function).__qualname__
    name = f"{module}.{getattr(function, '__qualname__', kind)}"
    if isinstance(function, partial):
        return [name, _plain([function.func, function.args, function.keywords], module, seen)]
    code = getattr(function, "__code__", None)
    if code is None or id(function) in seen:
        return [name]
    seen.add(id(function))
    around = getattr(function, "__globals__", {})
    used = {name: around[name] for name in dict.fromkeys(_names(code)) if name in around}
    held = [function.__defaults__, function.__kwdefaults__, list(_held(function)), used]
    return [name, _code(code, module, seen), _plain(held, module, seen)]


def _held(function: Any) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not assigned yet
            yield None


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _code(code: CodeType, module: str, seen: set[int]) -> list[Any]:
    return [code.co_code.hex(), list(code.co_names), _plain(code.co_consts, module, seen)]


def _plain(value: Any, module: str, seen: set[int]) -> Any:
    if isinstance(value, CodeType):
        return _code(value, module, seen)
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, value))
    if isinstance(value, Mapping):
        return [[repr(key), _plain(item, module, seen)] for key, item in value.items()]
    if isinstance(value, Sequence):
        return [_plain(item, module, seen) for item in value]
    if isinstance(value, partial) or (hasattr(value, "__code__") and value.__module__ == module):
        return _function(value, seen)
    return getattr(value, "__qualname__", type(value).__qualname__)
