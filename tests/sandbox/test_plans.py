"""The sandbox judges what it receives by the tracking plan of its source."""

from __future__ import annotations

import socket
from typing import Any

import httpx
import pytest

from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sandbox.clock import iso
from airflow_provider_segment.sandbox.json_schema import Schema, SchemaError
from tests.harness.sandbox_api import Api, send
from tests.sandbox.judged_values import rule, with_part

pytestmark = pytest.mark.core

TOTAL = {"type": "number", "minimum": 0}


class Connected:
    """A source that is connected to a tracking plan."""

    def __init__(self, sandbox: Sandbox, api: Api) -> None:
        self.sandbox = sandbox
        self.api = api
        self.plan = api.id("/tracking-plans", {"name": "Shop", "type": "LIVE"})
        self.settings = f"/sources/{sandbox.source_id}/settings"
        api("POST", f"/tracking-plans/{self.plan}/sources", {"sourceId": sandbox.source_id})

    def rules(self, *rules: Any) -> None:
        self.api("PUT", f"/tracking-plans/{self.plan}/rules", {"rules": list(rules)})

    def set(self, **settings: Any) -> None:
        self.api("PATCH", self.settings, settings)

    def reasons(self, *events: dict[str, Any]) -> list[str]:
        """Why events that are sent are dropped."""
        before = len(self.sandbox.dropped)
        send(self.sandbox, *events)
        return [drop["reason"] for drop in self.sandbox.dropped[before:]]

    def passed(self, event: dict[str, Any]) -> dict[str, Any]:
        """What Segment passes on of an event."""
        assert self.reasons(event) == []
        return self.sandbox.accepted[-1]


@pytest.fixture
def connected(sandbox: Sandbox, api: Api) -> Connected:
    return Connected(sandbox, api)


def test_by_default_everything_passes_and_violations_are_noted(connected: Connected) -> None:
    connected.rules(rule(with_part(total=TOTAL, items={"type": "integer"}, required=["id"])))

    plain = {"properties": {"id": "1", "total": 1}}
    assert connected.passed(plain).items() >= plain.items()
    assert "context" not in connected.passed(plain)
    assert "context" not in connected.passed({"event": "Refund"})
    bad = {"properties": {"total": "1", "items": 1.5}, "context": {"ip": "1.2.3.4"}}
    passed = connected.passed(bad)
    assert passed["properties"] == bad["properties"]
    assert passed["context"] == {
        "ip": "1.2.3.4",
        "protocols": {
            "sourceId": connected.sandbox.source_id,
            "violations": [
                {
                    "type": "Invalid Type",
                    "field": "properties.total",
                    "description": "Invalid type. Expected: number, given: string",
                },
                {
                    "type": "Invalid Type",
                    "field": "properties.items",
                    "description": "Invalid type. Expected: integer, given: number",
                },
                {
                    "type": "Required",
                    "field": "properties.id",
                    "description": "properties.id is required",
                },
            ],
        },
    }


def test_without_a_plan_nothing_is_judged(connected: Connected) -> None:
    connected.rules(rule(False))
    connected.set(track={"allowUnplannedEvents": False, "allowEventOnViolations": False})
    assert connected.reasons({}, {"event": "Refund"}) == ["schema_violation", "unplanned"]

    path = f"/tracking-plans/{connected.plan}/sources"
    connected.api("DELETE", path, sourceId=connected.sandbox.source_id)
    assert connected.reasons({}, {"event": "Refund"}) == []
    connected.api("POST", path, {"sourceId": connected.sandbox.source_id})
    assert connected.reasons({}) == ["schema_violation"]
    connected.api("DELETE", f"/tracking-plans/{connected.plan}")
    assert connected.reasons({}) == []
    connected.sandbox.reset()
    assert connected.reasons({}) == []


def test_unplanned_events_are_blocked(connected: Connected) -> None:
    connected.rules(rule(True), rule({"required": ["context"]}, None, "COMMON"))
    assert connected.reasons({"event": "order"}) == []
    connected.set(track={"allowUnplannedEvents": False})
    assert connected.reasons({"event": "order", "context": {}}) == ["unplanned"]
    assert connected.reasons({"event": "order"}) == ["unplanned_and_schema_violation"]
    assert connected.reasons({}, *({"type": type} for type in ("identify", "page", "screen"))) == []


def test_events_with_violations_are_blocked(connected: Connected) -> None:
    connected.rules(rule(with_part(total=TOTAL)), rule({"required": ["context"]}, None, "COMMON"))
    connected.set(track={"allowEventOnViolations": False})
    assert connected.reasons({"properties": {"total": -1}}, {"properties": {"total": 1}}) == [
        "schema_violation"
    ]


def test_the_common_rule_judges_what_is_left(connected: Connected) -> None:
    connected.rules(
        rule(with_part(total=TOTAL)),
        rule(with_part("traits", name={"type": "string"}), None, "IDENTIFY"),
        rule(with_part(extra={"type": "number"}), None, "COMMON"),
    )
    violation = {"properties": {"extra": "x", "total": 1}}
    for then, reasons in [("ALLOW", []), ("BLOCK", ["common_schema_violation"]), ("OMIT_PROPERTIES", [])]:
        connected.set(track={"commonEventOnViolations": then})
        assert connected.reasons(violation) == reasons
    passed = connected.sandbox.accepted[-1]
    assert passed["properties"] == {"total": 1}
    assert passed["context"]["protocols"]["omitted_on_violation"] == ["extra"]

    connected.set(track={"allowUnplannedEventProperties": False, "commonEventOnViolations": "BLOCK"})
    passed = connected.passed(violation)
    assert passed["properties"] == {"total": 1}
    assert passed["context"]["protocols"] == {
        "sourceId": connected.sandbox.source_id,
        "omitted": ["extra"],
    }


def test_unplanned_properties_are_omitted(connected: Connected) -> None:
    connected.rules(rule(with_part(total=TOTAL)))
    connected.set(track={"allowUnplannedEventProperties": False})
    passed = connected.passed({"properties": {"total": "1", "a": 1, "b": 2}})
    assert passed["properties"] == {"total": "1"}
    protocols = passed["context"]["protocols"]
    assert protocols["omitted"] == ["a", "b"]
    assert "omitted_on_violation" not in protocols and len(protocols["violations"]) == 1
    assert connected.passed({"event": "Refund", "properties": {"a": 1}})["properties"] == {}
    assert connected.passed({"type": "page", "properties": {"a": 1}})["properties"] == {"a": 1}


def test_properties_with_violations_are_omitted(connected: Connected) -> None:
    connected.rules(rule(with_part(total=TOTAL, items={"items": TOTAL}, ok=TOTAL, required=["none"])))
    connected.set(track={"allowPropertiesOnViolations": False})
    passed = connected.passed({"properties": {"total": "1", "items": [1, -1, -2], "ok": 1, "more": 1}})
    assert passed["properties"] == {"ok": 1, "more": 1}
    assert passed["context"]["protocols"]["omitted_on_violation"] == ["total", "items"]


@pytest.mark.parametrize("type", ["identify", "group"])
def test_traits_are_omitted(connected: Connected, type: str) -> None:
    connected.rules(
        rule(with_part("traits", name={"type": "string"}, age=TOTAL), None, type.upper()),
        rule({"properties": {"traits": {"properties": {"name": {"minLength": 2}}}}}, None, "COMMON"),
    )
    event = {"type": type, "groupId": "g", "traits": {"name": "", "age": "1", "more": 1}}
    assert connected.passed(event)["traits"] == event["traits"]
    connected.set(**{type: {"allowUnplannedTraits": False}})
    assert connected.passed(event)["traits"] == {"name": "", "age": "1"}
    connected.set(**{type: {"allowTraitsOnViolations": False}})
    assert connected.passed(event)["traits"] == {"name": ""}
    connected.set(**{type: {"commonEventOnViolations": "OMIT_TRAITS"}})
    assert connected.passed(event)["traits"] == {}
    connected.set(**{type: {"commonEventOnViolations": "BLOCK"}})
    assert connected.reasons(event) == ["common_schema_violation"]


def test_an_event_names_the_version_of_its_rule(connected: Connected) -> None:
    connected.rules(*(rule({"required": [f"v{number}"]}, version=number) for number in (2, 1)))
    connected.set(track={"allowEventOnViolations": False})
    first, second = {"v1": 1}, {"v2": 1, "context": {"protocols": {"event_version": 2}}}
    assert connected.reasons(first, second) == []
    assert (
        connected.reasons({**second, "context": {}}, {**second, "v2": 1, "context": {"protocols": 2}})
        == ["schema_violation"] * 2
    )
    connected.set(track={"allowEventOnViolations": True})
    noted = connected.passed({"context": {"protocols": {"event_version": 2}}})["context"]["protocols"]
    assert noted["event_version"] == 2 and noted["violations"][0]["field"] == "v2"


def test_the_context_of_the_batch_and_the_type_of_the_path_belong_to_the_event(
    connected: Connected, sandbox: Sandbox
) -> None:
    connected.rules(rule({"required": ["type"]}), rule({"required": ["nothing"]}, version=2))
    connected.set(track={"allowEventOnViolations": False})
    event = {"event": "Order", "userId": "u1"}
    with httpx.Client(base_url=sandbox.url, auth=(sandbox.write_key, ""), timeout=600) as http:
        http.post("/v1/track", json=event)
        assert len(sandbox.accepted) == 1
        context = {"protocols": {"event_version": 2}}
        http.post("/v1/batch", json={"batch": [{"type": "track", **event}], "context": context})
    assert [drop["reason"] for drop in sandbox.dropped] == ["schema_violation"]


def test_a_changed_rule_applies_at_once(connected: Connected) -> None:
    connected.set(track={"allowEventOnViolations": False, "allowUnplannedEvents": False})
    assert connected.reasons({}) == ["unplanned"]
    connected.rules(rule(False), rule(True, "Refund"))
    assert connected.reasons({}, {"event": "Refund"}) == ["schema_violation"]
    path = f"/tracking-plans/{connected.plan}/rules"
    connected.api("PATCH", path, {"rules": [rule(True)]})
    assert connected.reasons({}, {"event": "Refund"}) == []
    connected.api("PATCH", path, {"rules": [{**rule(True), "newKey": "Sale"}]})
    assert connected.reasons({}, {"event": "Sale"}) == ["unplanned"]


def test_a_rule_is_compiled_once_per_version_of_the_plan(
    connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[Any] = []
    monkeypatch.setattr(
        "airflow_provider_segment.sandbox.protocols.Schema",
        lambda schema: compiled.append(schema) or Schema(schema),
    )
    connected.rules(rule(True), rule({}, "Refund"), rule({"maxProperties": 99}, "Never sent"))
    for _ in range(3):
        connected.reasons({}, {}, {"event": "Refund"})
    assert compiled == [True, {}]
    connected.api("PATCH", f"/tracking-plans/{connected.plan}/rules", {"rules": [rule({"minProperties": 1})]})
    connected.reasons({}, {"event": "Refund"})
    assert compiled == [True, {}, {"minProperties": 1}]


def test_a_blocked_event_was_received_and_so_its_id_is_taken(connected: Connected) -> None:
    connected.rules(rule(with_part(total=TOTAL)))
    connected.set(track={"allowEventOnViolations": False})
    assert connected.reasons({"messageId": "m", "properties": {"total": ""}}) == ["schema_violation"]
    assert connected.reasons({"messageId": "m", "properties": {"total": 1}}) == ["duplicate"]


def test_the_delivery_overview_shows_what_was_filtered(connected: Connected, sandbox: Sandbox) -> None:
    connected.rules(rule(False), rule(False, None, "COMMON"))
    connected.set(
        track={"allowEventOnViolations": False},
        identify={"commonEventOnViolations": "BLOCK"},
    )
    send(sandbox, {}, {}, {"type": "identify"}, {"event": None})
    now = sandbox.state.clock.now()
    asked = {
        "sourceId": sandbox.source_id,
        "startTime": iso(now - 3_600),
        "endTime": iso(now + 60),
        "granularity": "DAY",
        "groupBy.0": "discardReason",
    }
    for step, expected in [
        ("filtered-at-source", {"schema_violation": 2, "common_schema_violation": 1}),
        ("failed-on-ingest", {"missing_event": 1}),
    ]:
        dataset = connected.api("GET", f"/delivery-overview/{step}", **asked)["dataset"]
        assert {each["discardReason"]: each["total"] for each in dataset} == expected


# --- what could do harm ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strong"},
        {"properties": {"event": {"pattern": "(a"}}},
        {"patternProperties": {"(?!a)": {}}},
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"$ref": "#/definitions/none"},
        {"$ref": "elsewhere.json"},
        None,
        "text",
        [],
    ],
)
def test_a_rule_that_is_no_schema_is_not_violated_and_plans_its_event(
    connected: Connected, schema: Any
) -> None:
    connected.sandbox.state.collections[f"/tracking-plans/{connected.plan}/rules"] = {"r": rule(schema)}
    connected.set(track={"allowEventOnViolations": False, "allowUnplannedEvents": False})
    assert connected.reasons({}, {"event": "Refund"}, {}) == ["unplanned"]


def test_a_schema_that_lies_elsewhere_is_not_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        with pytest.raises(SchemaError):
            Schema({"$schema": url, "$id": url, "$ref": f"{url}2"}).faults({})
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|aa)+$", "(x+x+)+y"])
def test_no_pattern_takes_long(pattern: str) -> None:
    """If one did, this would not end."""
    for value in ("a" * 5_000 + "!", "x" * 5_000):
        assert len(Schema({"pattern": pattern}).faults(value)) == 1
        for schema in ({"patternProperties": {pattern: False}}, {"propertyNames": {"pattern": pattern}}):
            assert len(Schema(schema).faults({value: 1})) == ("propertyNames" in schema)
        closed = {"patternProperties": {pattern: {}}, "additionalProperties": False}
        assert len(Schema(closed).faults({value: 1})) == 1


def test_an_event_that_is_nested_too_deep_to_be_judged_passes(connected: Connected) -> None:
    tree = {"properties": {"x": {"$ref": "#/definitions/tree"}}, "required": ["x"]}
    connected.rules(rule({"definitions": {"tree": tree}, "$ref": "#/definitions/tree"}))
    connected.set(track={"allowEventOnViolations": False})
    deep: Any = {}
    for _ in range(400):
        deep = {"x": deep}
    assert connected.reasons(deep, {"x": {}}) == ["schema_violation"]
