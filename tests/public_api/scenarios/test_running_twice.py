"""A DAG that creates what exists already: `if_exists="update"` sends nothing but secrets."""

from __future__ import annotations

import pytest

from airflow_provider_segment import operators
from tests.public_api.scenario import Scenario, creations
from tests.public_api.scenarios.test_retries import CREATE_OPERATORS

UPDATABLE = [
    name for name in CREATE_OPERATORS if hasattr(getattr(operators, f"Segment{name}Operator"), "updated_by")
]


@pytest.mark.core
@pytest.mark.parametrize("name", UPDATABLE)
def test_a_second_run_changes_nothing(go: Scenario, name: str) -> None:
    arguments = creations(go)[name]
    first = go(name, if_exists="update", **arguments)
    go.recorded.exchanges.clear()
    second = go(name, if_exists="update", **arguments)
    assert {**second.value, **first.value} == second.value
    writes = [exchange for exchange in go.recorded.exchanges if exchange.method != "GET"]
    assert len(writes) == ("settings" in arguments)  # a password, which cannot be compared
