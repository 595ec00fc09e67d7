"""The catalogue, read from the classes: their docstrings, their fields, and the published limits."""

from __future__ import annotations

import inspect
import re
from collections import abc
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Any

from airflow_provider_segment.api.media_types import ALPHA, BETA
from airflow_provider_segment.api.published_limits import DAY, limit_of
from airflow_provider_segment.catalogue.examples import example_of, thing_of
from airflow_provider_segment.catalogue.operation import Argument, Operation
from airflow_provider_segment.catalogue.types import text_of
from airflow_provider_segment.docstrings import params_of, plain, without_params
from airflow_provider_segment.lazy import classes_of_modules
from airflow_provider_segment.version_compat import watches_assets

PACKAGE = __name__.split(".", maxsplit=1)[0]
PACKAGES = {"operators": "operator", "sensors": "sensor"}
OTHERS = {
    "transfers.sql_to_segment": "transfer",
    "notifications.segment": "notifier",
    "triggers.asset_watchers": "trigger",
}
NAMES = ("Segment", "SqlToSegment")
_SEE = re.compile(r"rguments[^.]*:\s+(?:see|those of)\s+:class:`~?\.?([\w.]+)`")
"""Where a docstring leaves arguments to that of another class."""


@cache
def operations() -> dict[str, Operation]:
    """Everything in the catalogue, by name."""
    found = [_operation(cls, kind, module) for cls, kind, module in _classes()]
    return {operation.name: operation for operation in sorted(found, key=lambda one: one.name)}


def operation_named(name: str) -> Operation | None:
    """The operation with a name, which may lack ``Segment`` and ``Operator``, or be in snake_case.

    A word in small letters is no name, but for example ``group``: whoever asks for it may mean user groups.
    """
    name = name.strip()
    if not re.fullmatch(r"[\w.]+", name) or (name.islower() and "_" not in name):
        return None
    wanted = _plain(name)
    return next((one for one in operations().values() if _plain(one.name) == wanted), None)


def class_of(operation: Operation) -> Any:
    """The class that an operation describes."""
    return getattr(import_module(operation.module), operation.name)


def page_of(operation: Operation) -> str:
    """What the module of an operation says about itself: the resource that it is about."""
    module = inspect.getmodule(class_of(operation))
    name = operation.module if module is None else module.__name__
    return f"{name.rpartition('.')[2]} {plain(inspect.getdoc(module) or '')}"


def _plain(name: str) -> str:
    plain = re.sub(r"[\W_]", "", name.rpartition(".")[2]).lower()
    return plain.removeprefix("segment").removesuffix("operator")


def _classes() -> Iterator[tuple[Any, str, str]]:
    for package, kind in PACKAGES.items():
        where = f"{PACKAGE}.{package}"
        for module, names in classes_of_modules(where).items():
            here = import_module(f"{where}.{module}")
            yield from ((getattr(here, name), kind, where) for name in names)
    for path, kind in OTHERS.items():
        if kind == "trigger" and not watches_assets():
            continue
        where = f"{PACKAGE}.{path}"
        here = import_module(where)
        for name, value in vars(here).items():
            public = inspect.isclass(value) and value.__module__ == where
            if public and name.startswith(NAMES) and not inspect.isabstract(value):
                yield value, kind, where


def _operation(cls: Any, kind: str, module: str) -> Operation:
    fields: dict[str, Any] = getattr(cls, "fields", {})
    summary, description = _texts(cls)
    kinds = types_of(cls)
    arguments = arguments_of(cls)
    endpoint = getattr(cls, "endpoint", None)
    return Operation(
        name=cls.__name__,
        module=module,
        kind=kind,
        summary=summary,
        description=description,
        arguments=tuple(sorted(arguments, key=lambda one: not one.required)),
        endpoint=endpoint,
        stability=_stability(cls) if endpoint else None,
        limit=_limit(endpoint) if endpoint else None,
        waits=kind == "sensor" or bool(getattr(cls, "waits", False) and "deferrable" in fields),
        deferrable="deferrable" in fields,
        example=example_of(cls, kind, module, kinds, [one.name for one in arguments if one.required]),
    )


def _stability(cls: Any) -> str:
    return {ALPHA: "alpha", BETA: "beta"}.get(cls.media_type, "stable")


def _limit(endpoint: str) -> str | None:
    method, path = endpoint.split()
    limit = limit_of(method, re.sub(r"{\w*}", "x", path))
    return limit and f"{limit.requests} a {'day' if limit.seconds == DAY else 'minute'}"


def _texts(cls: Any) -> tuple[str, str]:
    """The first sentence of a docstring, and the rest of it."""
    summary, _, rest = without_params(cls.__doc__).partition("\n\n")
    first, link, _ = plain(summary).partition(": http")
    return f"{first}." if link else first, rest.strip()


def descriptions(cls: Any) -> dict[str, str]:
    """What the docstrings of a class, its bases, and the classes that they refer to say about arguments."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        docstring = vars(base).get("__doc__") or ""
        for reference in _SEE.findall(docstring):
            found = descriptions(_named(reference)) | found
        found |= params_of(docstring)
    return found


def _named(reference: str) -> Any:
    """The class that a docstring refers to."""
    module, _, name = reference.rpartition(".")
    return getattr(import_module(module or f"{PACKAGE}.operators"), name)


def arguments_of(cls: Any) -> list[Argument]:
    """The arguments that a class declares or, if it declares none, that its constructor has."""
    return list(_arguments(cls, types_of(cls)))


def _arguments(cls: Any, kinds: dict[str, Any]) -> Iterator[Argument]:
    from airflow_provider_segment.tasks.declarative import NOT_GIVEN, REQUIRED, Field

    said = descriptions(cls)
    fields: dict[str, Field] = getattr(cls, "fields", {})
    for name, kind in kinds.items():
        default = fields[name].default if name in fields else _signature(cls)[name].default
        required = default is REQUIRED
        shown = None if required or default is NOT_GIVEN else repr(default)
        description = said.get(name) or _meaning(name, fields.get(name), getattr(cls, "endpoint", ""))
        yield Argument(name, text_of(kind), required, shown, description)


def types_of(cls: Any) -> dict[str, Any]:
    """The type of each argument that a class declares or, if it declares none, that its constructor has."""
    from airflow_provider_segment.tasks.annotations import evaluate

    kinds: dict[str, Any] = {}
    if not hasattr(cls, "fields"):
        for name, parameter in _signature(cls).items():
            # The module may import these only for type checkers.
            kinds[name] = evaluate(parameter.annotation, cls.__module__, vars(abc) | vars(cls))
        return kinds
    declared: dict[str, Any] = cls.types_of(cls.fields)
    return declared


def _signature(cls: Any) -> dict[str, inspect.Parameter]:
    """The arguments of the constructors that the package wrote for a class and its bases."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        own: Callable[..., Any] | None = vars(base).get("__init__")
        if own is not None and base.__module__.startswith(PACKAGE):
            parameters = list(inspect.signature(own).parameters.values())[1:]
            new = [one for one in parameters if one.kind is not one.VAR_KEYWORD]
            found |= {one.name: one for one in new if one.name not in found}
    return found


def _meaning(name: str, field: Any, endpoint: str) -> str:
    """What an argument is whose docstring says nothing, because its name says it."""
    if name == "id" or name.endswith("_id"):
        return f"Id of the {thing_of(name, endpoint)}."
    if field is None or field.place == "option":
        return f"The {name.replace('_', ' ')}."
    return f"Segment's `{field.wire_name}`, in the {field.place}."
