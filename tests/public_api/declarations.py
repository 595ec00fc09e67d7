"""What the operators declare, in the terms of the table, and the judge that compares the two."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from typing_extensions import NotRequired, Required, is_typeddict

from airflow_provider_segment import operators
from airflow_provider_segment.lazy import classes_of_modules
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, REQUIRED
from airflow_provider_segment.tasks.operation import SegmentListOperator, SegmentOperator
from tests.public_api import overrides
from tests.public_api.facts import Json

NOT_IN_THE_API = {"audit", "events", "parts", "profiles", "request", "verification"}
DECLARED = [
    name
    for module, names in classes_of_modules(operators.__name__).items()
    for name in names
    if module not in NOT_IN_THE_API and not module.endswith("_jobs")
]


def missing_and_unknown(operations: Iterable[str]) -> set[str]:
    """Operators that an operation lacks, and those that have none."""
    return set(DECLARED) ^ {name_of(operation) for operation in operations}


def name_of(operation: str) -> str:
    return "Segment" + operation.title().replace("_", "") + "Operator"


def operator_of(operation: str) -> type[SegmentOperator]:
    return getattr(operators, name_of(operation))  # type: ignore[no-any-return]


# --- the judge -------------------------------------------------------------------------------------------


def faults(operation: str, entry: Json) -> list[str]:
    """What is wrong with the declaration of an operation's operator, by the table's entry."""
    return [
        *endpoint_faults(operation, entry),
        *answer_faults(operation, entry),
        *paging_faults(operation, entry),
        *argument_faults(operation, entry),
    ]


def endpoint_faults(operation: str, entry: Json) -> Iterator[str]:
    operator = operator_of(operation)
    if operator.endpoint != entry["endpoint"]:
        yield f"endpoint: {operator.endpoint}, not {entry['endpoint']}"
    if operator.media_type != entry["media_type"]:
        yield f"media type: {operator.media_type}, not {entry['media_type']}"


def answer_faults(operation: str, entry: Json) -> Iterator[str]:
    """An only member is returned by itself; several are returned together."""
    operator, answer = operator_of(operation), entry["answer"]
    if operator.returns and [operator.returns] != list(answer):
        yield f"returns {operator.returns} of {list(answer)}"
    if not operator.returns and len(answer) < 2:
        yield f"returns {list(answer)} as a whole"


def paging_faults(operation: str, entry: Json) -> Iterator[str]:
    operator, paging = operator_of(operation), entry["paging"]
    if issubclass(operator, SegmentListOperator) != bool(paging):
        yield f"pages by {paging}"
    if operation == "list_credential_consumers":
        return  # two lists, each with pages of its own: tests/operators/test_irregular_operators.py
    if issubclass(operator, SegmentListOperator):
        if paging != [operator.pagination or ""]:
            yield f"pages by {operator.pagination}, not {paging}"
        key = operator.returns or operator.items
        if not str(entry["answer"].get(key)).startswith("array"):
            yield f"the items are in {key}, which is {entry['answer'].get(key)}"


def argument_faults(operation: str, entry: Json) -> Iterator[str]:
    """Place, name, type, required and nullable, of each argument and everything inside it."""
    declared, expected = dict(_declared(operation, entry)), _expected(operation, entry)
    for name in declared.keys() | expected.keys():
        if declared.get(name) != expected.get(name):
            yield f"argument {name}: {declared.get(name)}, not {expected.get(name)}"
    operator = operator_of(operation)
    if bool(operator.envelope) != (operation in overrides.ENVELOPES):
        yield f"the body is in {operator.envelope}"
    if operator.envelope and entry["parameters"].get(operator.envelope) != ["body", "object", "required"]:
        yield f"the body has no {operator.envelope}"
    for name, field in operator.fields.items():
        wire, hint = field.wire_name, annotation_of(operator, name)
        required = declared.get(wire, ["", "", "required"])[2] == "required"
        if field.place == "query" and not required and field.default is not None:
            yield f"argument {name}: its default is sent"
        if field.place == "body" and not required and hint is not Any:
            nullable = (operation, wire) not in overrides.NOT_NULL
            if (NoneType in get_args(hint)) != nullable:
                yield f"argument {name}: null is {'refused' if nullable else 'allowed'}"


def _expected(operation: str, entry: Json) -> dict[str, list[Any]]:
    parameters = {}
    envelope = operator_of(operation).envelope
    for name, (place, type_, required) in entry["parameters"].items():
        if name == envelope:
            continue
        inner = name.removeprefix(f"{envelope}.")
        if type_ == "string":
            type_ = overrides.TYPES.get((operation, inner), (type_,))[0]
        parameters[inner] = [place, type_, required]
    return parameters


def _declared(operation: str, entry: Json) -> Iterator[tuple[str, list[Any]]]:
    operator = operator_of(operation)
    for name, field in operator.fields.items():
        if field.place == "option":
            continue
        wire = field.wire_name
        # An argument with a default that is always sent may be optional in the API.
        always_sent = field.default not in (REQUIRED, NOT_GIVEN, None)
        api_requires_it = entry["parameters"].get(wire, ["", "", ""])[2] == "required"
        required = field.default is REQUIRED or (always_sent and api_requires_it)
        yield from flattened(wire, field.place, annotation_of(operator, name), required)


# --- type hints in the table's terms ---------------------------------------------------------------------


def annotation_of(operator: type[SegmentOperator], name: str) -> Any:
    base = next(base for base in operator.__mro__ if name in vars(base).get("_own", {}))
    return get_args(inspect.get_annotations(base, eval_str=True)[name])[0]


def flattened(name: str, place: str, hint: Any, required: bool) -> Iterator[tuple[str, list[Any]]]:
    """A type hint in the table's terms: an entry for itself, and one for each field inside."""
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
                given = field_is_required(inner, field, given)
                yield from flattened(f"{name}.{field}", place, field_hint, given)


def field_is_required(shape: Any, field: str, given: bool) -> bool:
    """A total TypedDict may inherit from one that is not."""
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
