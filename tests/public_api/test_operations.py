"""Every declared operator against the facts of its operation."""

from __future__ import annotations

import inspect

import pytest

from tests.public_api import declarations, overrides
from tests.public_api.declarations import DECLARED, operator_of
from tests.public_api.table import TABLE

every_operation = pytest.mark.parametrize("operation", TABLE)


def test_each_operation_has_one_operator() -> None:
    assert declarations.missing_and_unknown(TABLE) == set()
    assert len(DECLARED) == len(TABLE)


@every_operation
def test_method_path_and_version(operation: str) -> None:
    assert list(declarations.endpoint_faults(operation, TABLE[operation])) == []


@every_operation
def test_answer(operation: str) -> None:
    assert list(declarations.answer_faults(operation, TABLE[operation])) == []


@every_operation
def test_pages(operation: str) -> None:
    assert list(declarations.paging_faults(operation, TABLE[operation])) == []


@every_operation
def test_arguments(operation: str) -> None:
    assert list(declarations.argument_faults(operation, TABLE[operation])) == []


@pytest.mark.parametrize(("operation", "parameter"), overrides.TYPES)
def test_override_of_a_type_is_needed(operation: str, parameter: str) -> None:
    assert TABLE[operation]["parameters"][parameter][1] == "string"


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
