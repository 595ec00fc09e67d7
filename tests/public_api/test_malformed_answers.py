"""Each operator with answers that Segment does not document: no result, and no error of Python's own.

What an operator returns would be acted on: an empty list where there is none removes what is not listed.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from airflow_provider_segment.errors import SegmentAnswerError, SegmentError
from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from tests.harness.fuzzing import examples
from tests.harness.scripted_api import Request, ScriptedAPI
from tests.harness.task_runner import RunTask, TaskRun
from tests.public_api.answers import (
    GONE,
    MAKESHIFT,
    NO_DOCUMENTS,
    answer_of,
    arguments_of,
    malformed,
    places,
    replaced,
)
from tests.public_api.declarations import operator_of
from tests.public_api.table import TABLE
from tests.public_api.wire import Document, Exchange

ANYTHING = [(repr(body), body) for body in NO_DOCUMENTS]
every_operation = pytest.mark.parametrize("operation", TABLE)


class Answers(dict[str, Any]):
    """Every operation answers as documented, except for those that are given another body."""

    def __init__(self, **others: Any) -> None:
        super().__init__()
        self.others = others

    def get(self, key: str, default: Any = None) -> Any:
        return self._answer

    def _answer(self, request: Request) -> Any:
        exchange = Exchange(request.method, request.path, "", {})
        operation = Document.of_the_facts().operation_of(exchange)
        assert operation, request.path
        return 200, self.others.get(operation, answer_of(operation))


class Trial:
    """Runs operators against an API that answers some operations in a wrong way."""

    def __init__(self, run_task: RunTask, api: ScriptedAPI) -> None:
        self._run_task = run_task
        self.api = api

    def __call__(self, operation: str, **others: Any) -> TaskRun:
        self.api.answers = Answers(**others)
        self.api.requests.clear()
        operator = operator_of(operation)(task_id="trial", retries=1, **arguments_of(operation))
        return self._run_task(operator)


@pytest.fixture
def trial(run_task: RunTask, scripted_api: ScriptedAPI) -> Trial:
    return Trial(run_task, scripted_api)


@every_operation
def test_a_documented_answer_is_accepted(trial: Trial, operation: str) -> None:
    for full in (False, True):
        run = trial(operation, **{operation: answer_of(operation, full=full)})
        assert run.state == "success", run.error


def some(wrong: list[tuple[str, Any]], operation: str, number: int) -> list[tuple[str, Any]]:
    """Some of these, other ones for each operation, so that all together meet all."""
    step = max(1, len(wrong) // number)
    return wrong[list(TABLE).index(operation) % step :: step][:number]


def mistake(trial: Trial, operation: str, body: Any) -> str | None:
    """What the operator did instead of refusing an answer that is none, and saying whether the request may
    have been carried out."""
    run = trial(operation, **{operation: body})
    if operation == "replace_rules_in_tracking_plan":
        return None  # it calls other operations where the plan has no rules
    if not isinstance(run.error, SegmentAnswerError):
        return f"{run.state} {run.xcom!r} {run.error!r}"
    told = "may have been carried out" in str(run.error)
    return None if told == (trial.api.last.method != "GET") else str(run.error)


@every_operation
def test_no_answer_of_segments(trial: Trial, operation: str) -> None:
    """What a gateway may send for any request."""
    for what, body in some(ANYTHING, operation, 2):
        assert mistake(trial, operation, body) is None, what


@every_operation
def test_an_answer_with_something_else_in_it(trial: Trial, operation: str) -> None:
    """Members that are missing, of another type, or that contain something else."""
    for what, body in some(list(malformed(operation)), operation, 2):
        assert mistake(trial, operation, body) is None, what


@examples(30)
@given(data=st.data())
def test_any_malformed_answer(trial: Trial, data: DataObject) -> None:
    operation = data.draw(st.sampled_from(list(TABLE)))
    what, body = data.draw(st.sampled_from(ANYTHING + list(malformed(operation))))
    assert mistake(trial, operation, body) is None, what


@examples(60)
@given(data=st.data())
def test_something_wrong_anywhere_in_an_answer(trial: Trial, data: DataObject) -> None:
    """Deep inside, an operator may return it; but nothing is an error of Python's own."""
    operation = data.draw(st.sampled_from(list(TABLE)))
    asked = [operation]
    operator = operator_of(operation)
    if issubclass(operator, SegmentCreateOperator) and hasattr(operator, "listed_by"):
        asked += [name for name in TABLE if operator_of(name) is operator.listed_by]
    wrong = {}
    for each in asked:
        right = answer_of(each, full=True)
        path = data.draw(st.sampled_from(list(places(right))))
        wrong[each] = replaced(right, path, data.draw(st.sampled_from([GONE, *MAKESHIFT])))
    run = trial(operation, **wrong)
    assert run.state == "success" or isinstance(run.error, (SegmentError, AirflowFailException)), (
        f"{run.error!r} after {json.dumps(wrong)}"
    )


def creators() -> list[tuple[str, str]]:
    """Operations that create something after a look at a list, and that list's operation."""
    found = []
    for operation in TABLE:
        lister = getattr(operator_of(operation), "listed_by", None)
        found += [(operation, name) for name in TABLE if operator_of(name) is lister]
    return found


@pytest.mark.parametrize(("operation", "list_"), creators())
def test_nothing_is_created_after_a_list_that_cannot_be_read(
    trial: Trial, operation: str, list_: str
) -> None:
    assert trial(operation).state == "success" and trial.api.last.method == "POST"
    for what, body in some(ANYTHING, operation, 2) + some(list(malformed(list_)), operation, 3):
        run = trial(operation, **{list_: body})
        # What is on the first page exists, whatever the next one would be.
        exists = isinstance(run.error, AirflowFailException) and "exists already" in str(run.error)
        there = "the same" in what and exists
        assert there or isinstance(run.error, SegmentAnswerError), f"{what}: {run.state} {run.error!r}"
        assert not [sent for sent in trial.api.requests if sent.method != "GET"], what


@pytest.mark.parametrize(("operation", "list_"), creators())
def test_nothing_is_created_after_a_list_without_the_natural_key(
    trial: Trial, operation: str, list_: str
) -> None:
    """Whether it is there already cannot be told."""
    full = answer_of(list_, full=True)
    key = operator_of(list_).returns
    [item] = full["data"][key]
    operator: Any = operator_of(operation)
    required = [
        name
        for name, shape in (operator.listed or dict.fromkeys(operator.natural_key)).items()
        if "NotRequired" not in str(shape)
    ]
    wire = [operator.fields[name].wire_name if name in operator.fields else name for name in required]
    for name in (name for name in wire if name in item):
        lacking = {each: value for each, value in item.items() if each != name}
        run = trial(operation, **{list_: {"data": {**full["data"], key: [lacking]}}})
        assert isinstance(run.error, SegmentAnswerError), (name, run.state, run.error)
        assert f"expected a member `{name}`" in str(run.error)
        assert not [sent for sent in trial.api.requests if sent.method != "GET"], name
