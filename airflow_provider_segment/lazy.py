"""Packages that import their classes on first access: a DAG file pays only for what it uses."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.resources import files
from pkgutil import iter_modules
from typing import Any

_CLASS = rb"\nclass (Segment\w+)"


@cache
def classes_of_modules(package: str) -> dict[str, tuple[str, ...]]:
    """The public classes (``Segment...``) of each module of a package, both in alphabetical order.

    They are read from the source, which takes a millisecond or two and imports nothing. If only bytecode is
    installed, the modules are imported instead.

    :param package: its ``__name__``
    """
    folder = files(package)
    found = {}
    for module in sorted(each.name for each in iter_modules(import_module(package).__path__)):
        try:
            names = [name.decode() for name in re.findall(_CLASS, (folder / f"{module}.py").read_bytes())]
        except OSError:
            here = import_module(f"{package}.{module}")
            names = [
                name
                for name, value in vars(here).items()
                if name.startswith("Segment") and getattr(value, "__module__", None) == here.__name__
            ]
        if names:
            found[module] = tuple(sorted(names))
    return found


def lazy_classes(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of a package.

    :param package: its ``__name__``
    """

    @cache
    def module_of() -> dict[str, str]:
        return {name: module for module, names in classes_of_modules(package).items() for name in names}

    def __getattr__(name: str) -> Any:
        if not name.startswith("Segment") or name not in module_of():
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{module_of()[name]}"), name)

    return __getattr__, lambda: sorted(module_of())
