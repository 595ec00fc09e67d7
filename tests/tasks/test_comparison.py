"""What was asked for, compared with what Segment shows: what holds for any value."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.tasks.comparison import MASK, differences, outcome
from airflow_provider_segment.tasks.declarative import NOT_GIVEN

names = st.sampled_from(["a", "b", "settings"])
scalars = (
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.5, 1.0, "", "1", "true", "x ", "x\n"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
paths = st.sampled_from([("settings",), ("definition",)])


@given(paths, values)
def test_what_is_there_does_not_differ(path: tuple[str, ...], value: Any) -> None:
    assert list(differences(path, value, value)) == []


@given(paths, values, values | st.just(NOT_GIVEN))
def test_what_was_done_is_never_called_undone(path: tuple[str, ...], asked: Any, before: Any) -> None:
    assert {outcome(one, asked) for one in differences(path, asked, before)} <= {"taken"}


@given(paths, values, values)
def test_what_was_not_done_is_never_called_something_else(
    path: tuple[str, ...], asked: Any, before: Any
) -> None:
    found = list(differences(path, asked, before))
    assert {outcome(one, before) for one in found} <= {"unchanged", "taken", "not shown"}


@given(paths, values)
def test_an_added_member_is_no_difference(path: tuple[str, ...], value: Any) -> None:
    asked = {"one": value}
    assert list(differences(path, asked, {**asked, "added by Segment": value})) == []


@given(paths, values, st.sampled_from([MASK * 8, f"{MASK * 10}x"]))
def test_a_secret_is_sent_and_never_judged(path: tuple[str, ...], asked: Any, masked: str) -> None:
    [found] = differences(path, {"one": asked}, {"one": masked})
    assert outcome(found, {"one": masked}) == "not shown"
