"""Each operator with generated input.

Valid input goes through the task runner into the sandbox: the request contains what was given, and both the
request and the answer match the facts. Invalid input sends no request, and the error names the argument but
does not show the value.
"""

from __future__ import annotations

import json
import pickle
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from airflow.exceptions import AirflowException
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from airflow_provider_segment.errors import SegmentAPIError
from airflow_provider_segment.sandbox.query import nested
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, REQUIRED
from airflow_provider_segment.tasks.operation import SegmentOperator
from tests.harness.fuzzing import examples
from tests.harness.task_runner import RunTask, TaskRun
from tests.public_api.declarations import annotation_of, operator_of
from tests.public_api.inputs import SECRET, Input, Known
from tests.public_api.scenario import RecordedSandbox, Scenario, creations
from tests.public_api.table import TABLE
from tests.public_api.wire import Document, Exchange

judged = examples(5)
WITHOUT_INPUT = {"get_workspace", "list_labels"}
every_operation = pytest.mark.parametrize("operation", TABLE)


# --- a populated workspace -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def populated(_recorded: RecordedSandbox) -> bytes:
    """A workspace with a resource of each kind, pickled, to restore before each run."""
    recorded = _recorded
    recorded.sandbox.reset()
    with pytest.MonkeyPatch.context() as patch, RunTask() as run_task:
        patch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(recorded.sandbox.connection))
        go = Scenario(run_task, recorded)
        for name, arguments in creations(go).items():
            go(name, **arguments)
    return pickle.dumps(recorded.sandbox.state.collections)


@pytest.fixture(scope="module")
def known(populated: bytes) -> Known:
    return Known(pickle.loads(populated))


Try = Callable[..., tuple[TaskRun, list[Exchange]]]


@pytest.fixture
def try_(run_task: RunTask, recorded: RecordedSandbox, populated: bytes) -> Try:
    """Run an operator in the populated workspace; the run and its traffic."""

    def try_(operator: SegmentOperator, **which_try: Any) -> tuple[TaskRun, list[Exchange]]:
        recorded.sandbox.state.collections = pickle.loads(populated)
        recorded.exchanges.clear()
        run = run_task(operator, **which_try)
        assert recorded.faults() == []
        return run, list(recorded.exchanges)

    return try_


# --- judging ---------------------------------------------------------------------------------------------


def sent(operator: type[SegmentOperator], exchange: Exchange) -> dict[str, Any]:
    """A request's content, by the operator's argument names."""
    body = json.loads(exchange.body) if exchange.body else {}
    if operator.envelope:
        body = body[operator.envelope]
    template = operator.endpoint.split()[1].split("/")
    path = {
        part.strip("{}"): unquote(value)
        for part, value in zip(template, exchange.path.split("/"), strict=True)
        if part.startswith("{")
    }
    places = {"path": path, "body": body, "query": nested(parse_qsl(exchange.query, keep_blank_values=True))}
    return {
        name: places[field.place][field.wire_name]
        for name, field in operator.fields.items()
        if field.place != "option" and field.wire_name in places[field.place]
    }


def in_query(value: Any) -> Any:
    """A value as a query expresses it: text, without nulls and empty values."""
    if isinstance(value, dict):
        return {name: inner for name, each in value.items() if (inner := in_query(each)) is not None} or None
    if isinstance(value, list):
        return [in_query(each) for each in value] or None
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


@every_operation
@judged
@given(data=st.data())
def test_valid_input(try_: Try, known: Known, operation: str, data: DataObject) -> None:
    operator = operator_of(operation)
    given = data.draw(Input.valid(Input(operation, known)))
    # Some as literals, some as templates, which render to text.
    by_template = {
        name: f"{{{{ dag_run.conf[{name!r}]{'' if isinstance(value, str) else ' | tojson'} }}}}"
        for name, value in given.items()
        if value is not None and annotation_of(operator, name) is not Any and data.draw(st.booleans())
    }
    run, exchanges = try_(operator(task_id="judged", **{**given, **by_template}), conf=given)

    if run.state != "success":
        refused = isinstance(run.error, SegmentAPIError) and run.error.status < 500
        assert refused or "exists already" in str(run.error), repr(run.error)
    own = [exchange for exchange in exchanges if Document.of_the_facts().operation_of(exchange) == operation]
    if not own:
        assert exchanges  # a look-up found the resource, or failed
        return
    said = sent(operator, own[0])
    for name, value in given.items():
        place = operator.fields[name].place
        if place == "query":
            assert said.get(name) == in_query(value), name
        elif place != "option":
            assert said[name] == value, name


@pytest.mark.parametrize("operation", [name for name in TABLE if name not in WITHOUT_INPUT])
@judged
@given(data=st.data())
def test_invalid_input(try_: Try, known: Known, operation: str, data: DataObject) -> None:
    operator = operator_of(operation)
    name, given = data.draw(Input.invalid_arguments(Input(operation, known)))
    run, exchanges = try_(operator(task_id="judged", retries=1, **given))

    assert exchanges == []
    assert run.state == "failed"  # without a retry, which would not help
    assert run.error is not None
    error = "".join(traceback.format_exception(run.error))
    assert name in str(run.error)
    assert SECRET not in error


@every_operation
def test_arguments(operation: str) -> None:
    """The arguments are exactly the parameters and members in the facts, except for pagination."""
    operator = operator_of(operation)
    fields = {field.wire_name: field for name, field in operator.fields.items()}
    described = Document.of_the_facts().operations[operation]
    body = Document.of_the_facts().body(operation, operator.media_type, operator.envelope)
    named = {*described.parameters["path"], *described.parameters["query"], *body.get("properties", {})}
    assert named - set(TABLE[operation]["paging"]) - {"count", "cursor"} == {
        name for name, field in fields.items() if field.place != "option"
    }
    required = {*described.parameters["path"], *described.required_query, *body.get("required", [])}
    always_sent = {name for name, field in fields.items() if field.default not in (NOT_GIVEN, None)}
    assert required <= always_sent


@every_operation
def test_missing_input(operation: str) -> None:
    operator = operator_of(operation)
    required = {name: "x" for name, field in operator.fields.items() if field.default is REQUIRED}
    for name in required:
        others = {other: value for other, value in required.items() if other != name}
        with pytest.raises((TypeError, AirflowException), match=rf"missing.*\b{name}\b"):
            operator(task_id="judged", **others)
