"""Functions as mappings: when they are the same, and when they are others."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_segment.events.function_identity import identity_of_function

pytestmark = pytest.mark.core

BEFORE = """
NAME = "Order Placed"

def helper(row):
    return {"total": row["total"]}

def mapping(row, kind="track"):
    if row["kind"] in {"a", "b", "c"}:
        return None
    return {"type": kind, "event": NAME, "properties": helper(row), "context": {"app": "x"}}
"""


def mapping_of(code: str) -> Callable[..., Any]:
    names: dict[str, Any] = {"__name__": "dag"}
    exec(code, names)
    function: Callable[..., Any] = names["mapping"]
    return function


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"app": "x"', '"app": "y"'),
        ('NAME = "Order Placed"', 'NAME = "Order Paid"'),
        ('row["total"]', 'row["price"]'),
        ('kind="track"', 'kind="page"'),
        ('"b", "c"', '"b", "d"'),
    ],
)
def test_another_constant_makes_another_function(old: str, new: str) -> None:
    same = identity_of_function(mapping_of(BEFORE))
    assert same == identity_of_function(mapping_of(BEFORE))
    assert identity_of_function(mapping_of(BEFORE.replace(old, new))) != same


def test_what_is_around_a_function_counts() -> None:
    def make(event: Any) -> Callable[..., Any]:
        def mapping(row: Any) -> Any:
            return {"event": event, "again": lambda: mapping(row)}

        return mapping

    assert identity_of_function(make("a")) == identity_of_function(make("a"))
    assert identity_of_function(make("a")) != identity_of_function(make("b"))
    assert identity_of_function(make(object())) == identity_of_function(make(object()))
    assert identity_of_function(partial(make, "a")) != identity_of_function(partial(make, "b"))


def test_it_is_the_same_in_every_process() -> None:
    script = (
        "from tests.events.test_function_identity import *;print(identity_of_function(mapping_of(BEFORE)))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in "12"
    }
    assert found == {f"{identity_of_function(mapping_of(BEFORE))}\n"}
