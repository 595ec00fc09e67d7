"""Looks up the ids of what references name (see :mod:`airflow_provider_segment.references`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from inspect import Parameter
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_segment.errors import (
    SegmentAuthenticationError,
    SegmentBadRequestError,
    SegmentConfigurationError,
    SegmentNotFoundError,
    SegmentPermissionError,
    SegmentValidationError,
)
from airflow_provider_segment.references import (
    KINDS,
    PREFIX,
    Name,
    chain,
    is_made,
    kinds_at,
    read,
    references_in,
    snake_case,
)

if TYPE_CHECKING:
    from airflow_provider_segment.hooks.segment import SegmentHook

MOST_CANDIDATES = 10
"""Names that an error lists."""

FUNCTION_TYPES = ("SOURCE", "DESTINATION", "INSERT_DESTINATION", "INSERT_SOURCE", "INSERT_TRANSFORMATION")
"""The list of functions is one for each. Segment documents it for the first two; it may refuse others."""

OPERATORS = "airflow_provider_segment.operators."


class Listed(NamedTuple):
    """What a list says of one item."""

    names: tuple[str, ...]
    type: str | None
    id: str


class References:
    """The ids of references, each list read once. A task has one.

    :param hook: whose token reads the lists
    """

    def __init__(self, hook: SegmentHook) -> None:
        self._hook = hook
        self.known: dict[str, str] = {}
        """Ids by the text of the reference."""
        self._lists: dict[tuple[str, ...], list[Listed]] = {}

    def id_of(self, reference: str) -> str:
        """The id of what a reference names.

        :raises SegmentConfigurationError: it names nothing, or several things; or its list cannot be read
        """
        if reference not in self.known:
            try:
                kind, names = read(reference)
            except ValueError as error:
                raise SegmentConfigurationError(f"{reference}: {error}") from None
            ids: list[str] = []
            for of, name in zip(chain(kind), names, strict=True):
                ids.append(self._find(reference, of, name, ids))
            self.known[str(reference)] = ids[-1]
        return self.known[reference]

    def resolve(self, arguments: dict[str, Any], endpoint: str) -> dict[str, Any]:
        """The arguments of an operation, with ids instead of references.

        :param endpoint: of the operation; "" if it has none: then no members of its arguments hold ids, but
            for those of ``path_params``
        :raises SegmentConfigurationError: an argument takes no reference of its kind, or see :meth:`id_of`
        """
        found = dict(references_in(arguments, endpoint))
        if wrong := "; ".join(
            fault for path, text in found.items() if (fault := misfit(path, text, endpoint))
        ):
            raise SegmentConfigurationError(wrong)  # before the first request
        if not found:
            return arguments
        return {name: self._with_ids(value, (name,), found) for name, value in arguments.items()}

    def _with_ids(self, value: Any, path: tuple[Any, ...], found: dict[tuple[Any, ...], str]) -> Any:
        if path in found:
            return self.id_of(found[path])
        if isinstance(value, Mapping):
            return {name: self._with_ids(each, (*path, name), found) for name, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._with_ids(each, (*path, number), found) for number, each in enumerate(value)]
        return value

    def _find(self, reference: str, kind: str, name: Name, above: list[str]) -> str:
        items = self._list(reference, kind, name, above)
        matches = [item for item in items if item.names[0] == name.name]
        types = {item.type for item in matches}  # of which one has exactly this name
        matches += [item for item in items if name.name in item.names[1:] and item.type not in types]
        fitting = [item for item in matches if name.type in (None, item.type)]
        if len(fitting) == 1:
            return fitting[0].id
        if fitting:
            raise SegmentConfigurationError(_ambiguous(reference, name, fitting))
        raise SegmentConfigurationError(_unknown(reference, kind, name, matches, items))

    def _list(self, reference: str, kind: str, name: Name, above: list[str]) -> list[Listed]:
        types: tuple[str, ...] = ()
        if kind == "function":
            types = (name.type,) if name.type else FUNCTION_TYPES
        key = (kind, *above, *types)
        if key not in self._lists:
            try:
                self._lists[key] = list(self._read(kind, above, types))
            except (SegmentAuthenticationError, SegmentPermissionError, SegmentNotFoundError) as error:
                raise SegmentConfigurationError(f"{reference}: cannot look up a {kind}: {error}") from error
        return self._lists[key]

    def _read(self, kind: str, above: list[str], types: tuple[str, ...]) -> Iterator[Listed]:
        declared = KINDS[kind]
        module, _, name = declared.listed_by.rpartition(".")
        lister: Any = getattr(import_module(OPERATORS + module), name)
        of_parents = {name: id for name, id in zip(declared.above, above, strict=False) if name}
        arguments = {name: id for name, id in of_parents.items() if name in lister.fields}
        selected = {name: id for name, id in of_parents.items() if name not in arguments}
        defaults = {name: field.default for name, field in lister.fields.items() if field.place == "option"}
        operator = lister(task_id=f"list_{kind}", **_required(lister))
        operator.hook = self._hook
        for more in [{"resource_type": one} for one in types] or [{}]:
            try:
                items = operator.perform({**defaults, **arguments, **more}, {})
            except (SegmentBadRequestError, SegmentValidationError):
                if len(types) > 1 and more["resource_type"].startswith("INSERT_"):
                    continue
                raise
            if kind == "destination_action":
                items = items["actions"]
            for item in items:
                members = {snake_case(member): value for member, value in item.items()}
                if all(members.get(name) == id for name, id in selected.items()):
                    yield from _listed(kind, item)


def misfit(path: tuple[Any, ...], reference: str, endpoint: str) -> str | None:
    """What is wrong with a reference where it is; None if nothing.

    :param path: the argument, and what leads from it to the reference
    """
    where = ".".join(map(str, path))
    try:
        kind = reference.removeprefix(PREFIX).partition(":")[0]
        if "{" not in reference:
            read(reference)
    except ValueError as error:
        return f"{where}: {reference}: {error}"
    fitting = kinds_at(path, endpoint)
    if kind in fitting:
        return None
    takes = (
        f"takes ref({' or '.join(repr(one) for one in fitting)}, ...)" if fitting else "takes no reference"
    )
    return f"{where} {takes}, not {reference}"


def misplaced(arguments: Mapping[str, Any], endpoint: str) -> str:
    """What is wrong with the references among arguments that are not rendered yet; "" if nothing."""
    faults = (
        misfit((name,), each, endpoint)
        for name, value in arguments.items()
        for each in (value if isinstance(value, (list, tuple)) else (value,))
        if is_made(each)
    )
    return "; ".join(fault for fault in faults if fault)


def _listed(kind: str, item: dict[str, Any]) -> Iterator[Listed]:
    declared = KINDS[kind]
    name, id = _member(item, declared.key), item.get("id")
    if not isinstance(name, str) or not isinstance(id, str):
        return
    names = [name]
    if kind == "function":  # Segment appends the name of the workspace to that of most functions
        names += [name[: match.start()]] if (match := re.search(r" \([^()]*\)$", name)) else []
    type = _member(item, declared.type) if declared.type else None
    yield Listed(tuple(names), None if type is None else str(type), id)


def _member(item: Any, path: str) -> Any:
    for step in path.split("."):
        item = item.get(step) if isinstance(item, Mapping) else None
    return item


def _required(lister: Any) -> dict[str, Any]:
    return {name: "" for name, field in lister.fields.items() if field.default is Parameter.empty}


def _ambiguous(reference: str, name: Name, fitting: list[Listed]) -> str:
    shown = [f"{item.names[0]}{_of_type(item)} with the id {item.id}" for item in fitting[:MOST_CANDIDATES]]
    more = f" and {len(fitting) - len(shown)} more" if len(fitting) > len(shown) else ""
    types = {item.type for item in fitting}
    way = (
        f"add type={fitting[0].type!r}, or the type of the one that is meant"
        if len(types) == len(fitting) and name.type is None and None not in types
        else "give them different names, or use the id"
    )
    found = f"{len(fitting)} are named {str(name)!r}: {'; '.join(shown)}{more}"
    return f"{reference}: {found}; {way}"


def _unknown(reference: str, kind: str, name: Name, of_other_type: list[Listed], items: list[Listed]) -> str:
    if of_other_type:
        types = ", ".join(sorted({str(item.type) for item in of_other_type}))
        return f"{reference}: {name.name!r} is no {kind} of the type {name.type!r}, but of {types}"
    names = sorted({item.names[0] for item in items})
    missing = f"{reference}: there is no {kind} {name.name!r}"
    if same := [each for each in names if each.casefold() == name.name.casefold()]:
        return f"{missing}, but {' and '.join(map(repr, same))}: upper and lower case count"
    if not names:
        return f"{missing}: the list is empty, or the token may not see it"
    near = get_close_matches(name.name, names, MOST_CANDIDATES, 0.0)
    more = f" and {len(names) - len(near)} more" if len(names) > len(near) else ""
    return f"{missing}. There is {', '.join(map(repr, near))}{more}"


def _of_type(item: Listed) -> str:
    return "" if item.type is None else f" ({item.type})"
