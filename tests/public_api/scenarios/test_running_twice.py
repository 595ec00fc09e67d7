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


def test_a_profiles_warehouse_keeps_its_schema(go: Scenario) -> None:
    """Segment refuses the name of its schema, even if it is the same."""
    arguments = {**creations(go)["CreateProfilesWarehouse"], "schema_name": "profiles"}
    for enabled in (True, False):
        value = go("CreateProfilesWarehouse", if_exists="update", enabled=enabled, **arguments).value
        assert (value["enabled"], value["schemaName"]) == (enabled, "profiles")
    assert len(go("ListProfilesWarehouseInSpace", space_id=go.sandbox.space_id).value) == 1
