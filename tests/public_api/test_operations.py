"""The judge: every declared operator against the table of Segment's operations."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from typing_extensions import NotRequired, Required, is_typeddict

from airflow_provider_segment import operators
from airflow_provider_segment.lazy import classes_of_modules
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, REQUIRED
from airflow_provider_segment.tasks.operation import SegmentListOperator, SegmentOperator, wire_name
from tests.public_api import overrides

TABLE = json.loads((Path(__file__).parent / "table.json").read_text())["operations"]
NOT_IN_THE_API = {"events", "profiles", "request"}
DECLARED = [
    name
    for module, names in classes_of_modules(operators.__name__).items()
    for name in names
    if module not in NOT_IN_THE_API and not module.endswith("_jobs")
]


def name_of(operation: str) -> str:
    return "Segment" + operation.title().replace("_", "") + "Operator"


def operator_of(operation: str) -> type[SegmentOperator]:
    return getattr(operators, name_of(operation))  # type: ignore[no-any-return]


every_operation = pytest.mark.parametrize("operation", TABLE)


def test_each_operation_has_one_operator() -> None:
    assert sorted(DECLARED) == sorted(map(name_of, TABLE))


@every_operation
def test_method_path_and_version(operation: str) -> None:
    operator = operator_of(operation)
    assert operator.endpoint == TABLE[operation]["endpoint"]
    assert operator.media_type == TABLE[operation]["media_type"]


@every_operation
def test_answer(operation: str) -> None:
    """One member is returned by itself; of more, all."""
    operator, answer = operator_of(operation), TABLE[operation]["answer"]
    if operator.returns:
        assert [operator.returns] == list(answer)
    else:
        assert len(answer) > 1


@every_operation
def test_pages(operation: str) -> None:
    operator, paging = operator_of(operation), TABLE[operation]["paging"]
    assert issubclass(operator, SegmentListOperator) == bool(paging)
    if operation == "list_credential_consumers":
        return  # two lists, each with pages of its own: tests/test_irregular_operators.py
    if issubclass(operator, SegmentListOperator):
        assert paging == [operator.pagination or ""]
        key = operator.returns or operator.items
        assert TABLE[operation]["answer"][key].startswith("array")


@every_operation
def test_arguments(operation: str) -> None:
    """Places, names, types, required or not, null or not: of each argument and all inside it."""
    assert dict(declared_parameters(operation)) == expected_parameters(operation)


def expected_parameters(operation: str) -> dict[str, list[Any]]:
    parameters = {}
    envelope = operator_of(operation).envelope
    assert (operation in overrides.ENVELOPES) == bool(envelope)
    for name, (place, type_, required) in TABLE[operation]["parameters"].items():
        if name == envelope:
            continue
        inner = name.removeprefix(f"{envelope}.")
        type_ = overrides.TYPES.get((operation, inner), (type_,))[0]
        parameters[inner] = [place, type_, required]
    return parameters


def declared_parameters(operation: str) -> Iterator[tuple[str, list[Any]]]:
    operator = operator_of(operation)
    for name, field in operator.fields.items():
        if field.place == "option":
            continue
        hint = annotation_of(operator, name)
        wire = wire_name(name, field)
        # What has a default that is always sent may be required by the API, or not.
        always_sent = field.default not in (REQUIRED, NOT_GIVEN, None)
        required = field.default is REQUIRED or (
            always_sent and TABLE[operation]["parameters"][wire][2] == "required"
        )
        if field.place == "query" and not required:
            assert field.default is None
        if field.place == "body" and not required and hint is not Any:
            assert (NoneType in get_args(hint)) != ((operation, wire) in overrides.NOT_NULL)
        yield from facts(wire, field.place, hint, required)


def annotation_of(operator: type[SegmentOperator], name: str) -> Any:
    base = next(base for base in operator.__mro__ if name in vars(base).get("_own", {}))
    return get_args(inspect.get_annotations(base, eval_str=True)[name])[0]


def facts(name: str, place: str, hint: Any, required: bool) -> Iterator[tuple[str, list[Any]]]:
    """A type hint in the table's words: a line for itself, and one for each field inside."""
    hints = [hint for hint in alternatives(hint) if hint is not NoneType]
    yield name, [place, word(hints), "required" if required else "optional"]
    if len(hints) == 1:
        inner = hints[0]
        if get_origin(inner) is list:
            name, inner = f"{name}[]", get_args(inner)[0]
        if is_typeddict(inner):
            for field, field_hint in get_type_hints(inner, include_extras=True).items():
                given = inner.__total__
                if get_origin(field_hint) in (Required, NotRequired):
                    given = get_origin(field_hint) is Required
                    field_hint = get_args(field_hint)[0]
                yield from facts(f"{name}.{field}", place, field_hint, field_is_required(inner, field, given))


def field_is_required(shape: Any, field: str, given: bool) -> bool:
    """A total class may inherit from one that is not."""
    for base in getattr(shape, "__orig_bases__", ()):
        if is_typeddict(base) and field in base.__annotations__:
            return field_is_required(base, field, given and base.__total__)
    return given


def alternatives(hint: Any) -> list[Any]:
    if get_origin(hint) is Annotated:
        return alternatives(get_args(hint)[0])
    return list(get_args(hint)) if get_origin(hint) in (Union, UnionType) else [hint]


def word(hints: list[Any]) -> Any:
    if len(hints) > 1:
        kinds = sorted({word([hint]) for hint in hints})
        return kinds[0] if len(kinds) == 1 else f"one of {'|'.join(kinds)}"
    (hint,) = hints
    if get_origin(hint) is Literal:
        return sorted(get_args(hint))
    if get_origin(hint) is list:
        inner = word([get_args(hint)[0]])
        return f"array of {'|'.join(inner) if isinstance(inner, list) else inner}"
    if get_origin(hint) is dict or is_typeddict(hint):
        return "object"
    return {str: "string", bool: "boolean", int: "number", float: "number", Any: "any"}[hint]


@pytest.mark.parametrize(("operation", "parameter"), overrides.TYPES)
def test_override_of_a_type_is_needed(operation: str, parameter: str) -> None:
    assert TABLE[operation]["parameters"][parameter][1] != overrides.TYPES[operation, parameter][0]


@pytest.mark.parametrize(("operation", "parameter"), overrides.NOT_NULL)
def test_override_of_null_names_something_optional(operation: str, parameter: str) -> None:
    assert TABLE[operation]["parameters"][parameter][2] == "optional"


@every_operation
def test_docstring_tells_what_it_does(operation: str) -> None:
    operator = operator_of(operation)
    doc = inspect.getdoc(operator) or ""
    assert "__doc__" in vars(operator) and vars(operator)["__doc__"]
    documented = {
        line.split(":")[1].removeprefix("param ") for line in doc.splitlines() if line.startswith(":param")
    }
    assert documented <= operator.fields.keys()
