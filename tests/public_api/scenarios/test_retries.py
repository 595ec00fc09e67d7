"""A retry after a lost answer doubles nothing."""

from __future__ import annotations

import copy
from importlib.metadata import version

import pytest

from airflow_provider_segment import operators
from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from tests.public_api.declarations import DECLARED
from tests.public_api.scenario import Scenario, creations

HAS_STORE = version("apache-airflow") >= "3.3"
core = pytest.mark.core

CREATE_OPERATORS = [
    name.removeprefix("Segment").removesuffix("Operator")
    for name in DECLARED
    if issubclass(getattr(operators, name), SegmentCreateOperator)
]


def resources(go: Scenario) -> int:
    """How many things, and write keys, there are in the sandbox."""
    collections = go.sandbox.state.collections
    kept = [collection for path, collection in collections.items() if path != "/audit-events"]
    keys = [source["writeKeys"] for source in collections["/sources"].values()]
    return sum(map(len, kept)) + sum(map(len, keys))


@core
@pytest.mark.parametrize("name", CREATE_OPERATORS)
def test_a_retry_adopts_what_a_lost_answer_was_about(go: Scenario, name: str) -> None:
    arguments = creations(go)[name]
    before = copy.deepcopy(go.sandbox.state.collections)
    go(name, **arguments)
    once = resources(go)
    go.sandbox.state.collections = before

    operator = go.operator(name, retries=1, **arguments)
    # Of what is under this path, only creates have a body.
    path = operator.endpoint.split("{")[0].removeprefix("POST ")
    lost = go.sandbox.faults.add("reset", when="after", path=path, contains="{", next=1)
    first = go.run_task(operator, xcoms=go.xcoms)
    assert (first.state, lost.hits) == ("up_for_retry", 1)
    assert resources(go) == once
    second = go.run_task(operator, xcoms=go.xcoms, try_number=2, state_store=first.state_store)
    assert second.state == "success", second.error
    assert resources(go) == once


@pytest.mark.skipif(not HAS_STORE, reason="before Airflow 3.3 nothing is kept from try to try")
def test_a_retry_makes_no_second_write_key(go: Scenario) -> None:
    source_id = go.sandbox.source_id
    operator = go.operator("CreateWriteKeyForSource", source_id=source_id, retries=1)
    lost = go.sandbox.faults.add("reset", when="after", path=f"/sources/{source_id}/writekey", next=1)
    first = go.run_task(operator)
    assert (first.state, lost.hits) == ("up_for_retry", 1)
    second = go.run_task(operator, try_number=2, state_store=first.state_store)
    assert second.state == "success", second.error
    assert len(go.sandbox.state.collections["/sources"][source_id]["writeKeys"]) == 2


@core
def test_a_retry_of_a_delete_whose_answer_was_lost(go: Scenario) -> None:
    source = go.source()
    operator = go.operator("DeleteSource", source_id=source.id, missing_ok=True, retries=1)
    go.sandbox.faults.add("reset", when="after", path="/sources/", next=1)
    first = go.run_task(operator, xcoms=go.xcoms)
    assert first.state == "up_for_retry"
    second = go.run_task(operator, xcoms=go.xcoms, try_number=2, state_store=first.state_store)
    assert second.state == "success", second.error
    go.gone("GetSource", source_id=source.id)
