"""Which destinations receive an event that a DAG restricts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.events.check import Checker
from airflow_provider_segment.events.integrations import ALL, restrict

pytestmark = pytest.mark.core

ONLY_AMPLITUDE = {"All": False, "Amplitude": True}


def sent(wanted: dict[str, Any], own: dict[str, Any]) -> Any:
    event = {"type": "page", "userId": "u", "integrations": own}
    return json.loads(Checker("k", integrations=wanted).prepare(json.dumps(event).encode()))["integrations"]


@pytest.mark.parametrize(
    ("wanted", "own", "both"),
    [
        # Nothing is enabled that the DAG does not name.
        (ONLY_AMPLITUDE, {}, {"All": False, "Amplitude": True}),
        (ONLY_AMPLITUDE, {"All": True}, {"All": False, "Amplitude": True}),
        (ONLY_AMPLITUDE, {"Mixpanel": True}, {"All": False, "Amplitude": True, "Mixpanel": False}),
        (ONLY_AMPLITUDE, {"Mixpanel": {"x": 1}}, {"All": False, "Amplitude": True, "Mixpanel": False}),
        ({"All": False}, {"All": True, "Mixpanel": True}, {"All": False, "Mixpanel": False}),
        ({"Mixpanel": False}, {"Mixpanel": {"x": 1}}, {"All": True, "Mixpanel": False}),
        # An event's false stays false.
        (ONLY_AMPLITUDE, {"Amplitude": False}, {"All": False, "Amplitude": False}),
        (ONLY_AMPLITUDE, {"All": False}, {"All": False, "Amplitude": False}),
        (ONLY_AMPLITUDE, {"All": False, "Amplitude": True}, {"All": False, "Amplitude": True}),
        ({"All": True}, {"All": False, "Mixpanel": True}, {"All": False, "Mixpanel": True}),
        ({"Amplitude": {"x": 1}}, {"All": False}, {"All": False, "Amplitude": False}),
        ({"All": True}, {"Mixpanel": False}, {"All": True, "Mixpanel": False}),
        # Options stay, and the event's come first.
        (ONLY_AMPLITUDE, {"Amplitude": {"session_id": 1}}, {"All": False, "Amplitude": {"session_id": 1}}),
        (
            {"Amplitude": {"a": 1, "b": 1}},
            {"Amplitude": {"b": 2}},
            {"All": True, "Amplitude": {"a": 1, "b": 2}},
        ),
        ({"Amplitude": {"a": 1}}, {"Amplitude": True}, {"All": True, "Amplitude": {"a": 1}}),
        ({"Amplitude": {}}, {"All": True}, {"All": True, "Amplitude": {}}),
        # What is neither an object nor a boolean says nothing.
        (ONLY_AMPLITUDE, {"All": None, "Amplitude": None}, {"All": False, "Amplitude": True}),
        ({"All": True}, {"All": "no", "Mixpanel": 0}, {"All": True}),
    ],
)
def test_a_restriction_is_an_intersection(
    wanted: dict[str, Any], own: dict[str, Any], both: dict[str, Any]
) -> None:
    assert sent(wanted, own) == both


def test_without_a_restriction_an_events_own_integrations_pass() -> None:
    own = {"All": None, "Mixpanel": {"x": 1}, "y": 7}
    assert sent({}, own) == own


choices = st.booleans() | st.dictionaries(st.sampled_from("ab"), st.integers(0, 1), max_size=2)
integrations = st.dictionaries(st.sampled_from([ALL, "Amplitude", "Mixpanel", "Braze"]), choices)


@given(integrations, integrations)
def test_a_destination_is_enabled_if_both_enable_it(wanted: dict[str, Any], own: dict[str, Any]) -> None:
    both = restrict(wanted, own)
    for name in ("Amplitude", "Mixpanel", "Braze", "any other"):
        assert enabled(both, name) == (enabled(wanted, name) and enabled(own, name))


def enabled(integrations: dict[str, Any], name: str) -> bool:
    return integrations.get(name, integrations.get(ALL, True)) is not False
