"""Events are checked against a tracking plan, as Segment's documentation says that it does."""

from __future__ import annotations

import json
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentEventError, SegmentInputError
from airflow_provider_segment.events import tracking_plan
from airflow_provider_segment.events.tracking_plan import PlanCheck, PlanRules, load_rules, read_rules
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from tests.harness.sandbox_api import Api

pytestmark = pytest.mark.core

SECRET = "jane@example.com"


def rule(schema: Any, key: str | None = "Order", type: str = "TRACK", version: Any = 1) -> dict[str, Any]:
    return {"type": type, "key": key, "version": version, "jsonSchema": schema}


def with_properties(**schemas: Any) -> dict[str, Any]:
    """The schema of an event whose properties have these schemas."""
    return {"type": "object", "properties": {"properties": {"type": "object", "properties": schemas}}}


def event(properties: Any = None, **fields: Any) -> bytes:
    return json.dumps(
        {"type": "track", "event": "Order", "userId": "u1", "properties": properties or {}, **fields}
    ).encode()


def found(rules: PlanRules, line: bytes) -> list[str]:
    return list(map(str, rules.violations(line)))


def of(schema: Any, value: Any) -> list[str]:
    """The violations if the property ``x`` has a value."""
    found_there = PlanRules([rule(with_properties(x=schema))]).violations(event({"x": value}))
    assert {each.rule for each in found_there} <= {"Order"}
    return [f"{each.path} {each.keyword}" for each in found_there]


# --- which rule ------------------------------------------------------------------------------------------


def test_an_event_that_keeps_to_the_plan_has_no_violations() -> None:
    rules = PlanRules([rule(with_properties(total={"type": "number"}))])
    assert rules.faults == []
    assert rules.violations(event({"total": 1})) == []
    assert found(rules, event({"total": "1"})) == ["Order: properties.total (type)"]


@pytest.mark.parametrize("name", ["order", "Order ", "Orders"])
def test_a_track_event_without_a_rule_is_unplanned(name: str) -> None:
    rules = PlanRules([rule(True), rule(with_properties(x={"type": "number"}), None, "COMMON")])
    assert found(rules, event({"x": 1}, event=name)) == [f"{name}: event (unplanned)"]
    assert found(rules, event({"x": ""}, event=name))[1:] == ["COMMON: properties.x (type)"]


@pytest.mark.parametrize("type", ["identify", "group", "page", "screen", "alias"])
def test_no_other_event_can_be_unplanned(type: str) -> None:
    rules = PlanRules([rule(True), rule({"required": ["userId"]}, None, "COMMON")])
    assert found(rules, event(type=type)) == []
    assert found(rules, b'{"type":"%b"}' % type.encode()) == ["COMMON: userId (required)"]


def test_an_identify_and_a_group_have_one_rule_each() -> None:
    email = {"properties": {"traits": {"required": ["email"]}}}
    rules = PlanRules([rule(email, None, "IDENTIFY"), rule(email, "", "GROUP"), rule(True, "identify")])
    for type in ("identify", "group"):
        assert found(rules, event(type=type, traits={})) == [f"{type.upper()}: traits.email (required)"]
        assert found(rules, event(type=type, traits={"email": "x"})) == []


@pytest.mark.parametrize(("type", "viewed"), [("page", "Page Viewed"), ("screen", "Screen Viewed")])
def test_a_page_belongs_to_its_own_rule_or_that_of_all_or_to_a_track_rule(type: str, viewed: str) -> None:
    home, all_of_them, track = (
        rule({"required": ["h"]}, "Home", type.upper()),
        rule({"required": ["a"]}, None, type.upper()),
        rule({"required": ["t"]}, viewed),
    )
    for rules, violation in [
        ([track, all_of_them, home], f"{type.upper()} Home: h (required)"),
        ([track, all_of_them], f"{type.upper()}: a (required)"),
        ([track], f"{viewed}: t (required)"),
    ]:
        assert found(PlanRules(rules), event(type=type, name="Home")) == [violation]
    assert found(PlanRules([home, track]), event(type=type)) == [f"{viewed}: t (required)"]
    assert found(PlanRules([home]), event(type=type)) == []


@pytest.mark.parametrize(
    ("named", "version"),
    [
        (2, 2),
        (3, 3),
        (2.0, 2),
        (1, 1),
        # None that the plan has: the oldest.
        (4, 1),
        (3.2, 1),
        ("2", 1),
        (None, 1),
        ([2], 1),
        (True, 1),
        (False, 1),
    ],
)
def test_an_event_names_the_version_of_its_rule(named: Any, version: int) -> None:
    rules = PlanRules([rule({"required": [f"v{number}"]}, version=number) for number in (3, 1, 2)])
    line = event(context={"protocols": {"event_version": named}})
    assert found(rules, line) == [f"Order (version {version}): v{version} (required)"]


@pytest.mark.parametrize("context", [{}, {"protocols": None}, {"protocols": {}}, {"protocols": [2]}, None, 2])
def test_without_a_version_the_oldest_rule_applies(context: Any) -> None:
    rules = PlanRules([rule({"required": [f"v{number}"]}, version=number) for number in (2, 1.5)])
    assert found(rules, event(context=context)) == ["Order (version 1.5): v1.5 (required)"]


def test_the_version_that_an_event_names_is_not_one_of_the_common_rule() -> None:
    common = [rule({"required": [f"c{number}"]}, None, "COMMON", number) for number in (2, 1)]
    line = event(context={"protocols": {"event_version": 2}})
    assert found(PlanRules([rule(True), *common]), line) == ["COMMON (version 1): c1 (required)"]


# --- what is wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "value", "violations"),
    [
        ({"type": ["string", "null"]}, 1, ["properties.x type"]),
        ({"type": ["string", "null"]}, None, []),
        ({"type": "integer"}, 1.0, []),
        ({"enum": ["a", 1]}, "b", ["properties.x enum"]),
        ({"const": 1}, True, ["properties.x const"]),
        ({"pattern": r"^\d+$"}, "1a", ["properties.x pattern"]),
        ({"pattern": r"^\d+$"}, 1, []),
        ({"pattern": "(?i)^a|b$"}, "Ax", []),
        ({"pattern": "(?i)^a|b$"}, "cBx", ["properties.x pattern"]),
        ({"patternProperties": {"(?i)^a.b$": False}}, {"AxB": 1}, ["properties.x.* falseSchema"]),
        ({"const": {"pattern": "(?i)a"}}, {"pattern": "(?i)a"}, []),
        ({"format": "date-time"}, "2026-01-02 03:04:05", ["properties.x format"]),
        ({"format": "date-time"}, "2026-01-02T03:04:05Z", []),
        ({"format": "email"}, "jane", ["properties.x format"]),
        ({"format": "uuid"}, "123e4567", ["properties.x format"]),
        ({"format": "uuid"}, "123e4567-e89b-12d3-a456-426614174000", []),
        ({"format": "no-such-format"}, "x", []),
        ({"minimum": 1, "maximum": 0}, 0.5, ["properties.x minimum", "properties.x maximum"]),
        ({"multipleOf": 0.1}, 0.3, []),
        ({"minLength": 2}, "😀", ["properties.x minLength"]),
        ({"required": ["a", "b"]}, {}, ["properties.x.a required", "properties.x.b required"]),
        ({"properties": {"a": {"type": "string"}}}, {"a": 1}, ["properties.x.a type"]),
        ({"items": {"type": "string"}}, [1, "a", 2], ["properties.x[] type"]),
        (
            {"items": {"properties": {"a": {"items": {"type": "string"}}}}},
            [{"a": [1]}, {"a": [2]}],
            ["properties.x[].a[] type"],
        ),
        ({"uniqueItems": True}, [1, 1.0], ["properties.x uniqueItems"]),
        ({"anyOf": [{"type": "string"}, {"minimum": 3}]}, 1, ["properties.x anyOf"]),
        ({"not": {"type": "string"}}, "a", ["properties.x not"]),
        ({"if": {"required": ["a"]}, "then": {"required": ["b"]}}, {"a": 1}, ["properties.x.b required"]),
        ({"dependencies": {"a": ["b"]}}, {"a": 1}, ["properties.x.b required"]),
        ({"$ref": "#/definitions/none"}, 1, None),
    ],
)
def test_a_violation_is_told_by_path_and_keyword(schema: Any, value: Any, violations: Any) -> None:
    if violations is None:
        with pytest.raises(SegmentConfigurationError, match="no rule that can be used: Order: "):
            of(schema, value)
    else:
        assert of(schema, value) == violations


def test_a_property_too_many_is_named_and_a_key_of_a_map_is_not() -> None:
    closed = {"properties": {"a": {}}, "additionalProperties": False}
    assert of(closed, {"a": 1, "b": 1, "c": 1}) == [
        "properties.x.b additionalProperties",
        "properties.x.c additionalProperties",
    ]
    assert of({"additionalProperties": {"type": "number"}}, {SECRET: "a"}) == ["properties.x.* type"]
    assert of({"patternProperties": {"@": {"type": "number"}}}, {SECRET: "a"}) == ["properties.x.* type"]
    assert of({"propertyNames": {"maxLength": 3}}, {SECRET: "a"}) == ["properties.x propertyNames"]


def test_the_root_of_an_event_is_called_as_segment_calls_it() -> None:
    assert found(PlanRules([rule({"minProperties": 9})]), event()) == ["Order: (root) (minProperties)"]
    assert found(PlanRules([rule(False)]), event()) == ["Order: (root) (falseSchema)"]


def test_long_names_are_cut() -> None:
    name = "n" * 200
    rules = PlanRules([rule({"required": [name]}, name)])
    assert found(rules, event(event=name)) == [f"{'n' * 100}...: {'n' * 100}... (required)"]
    assert found(rules, event(event="m" * 200)) == [f"{'m' * 100}...: event (unplanned)"]


@pytest.mark.parametrize(
    ("line", "violation"),
    [
        (event({"x": 1}).replace(b'"x": 1', b'"x": 1e400'), "-: (root) (unreadable)"),
        (event().replace(b"{}", b'{"x":' * 3_000 + b"1" + b"}" * 3_000), "-: (root) (unreadable)"),
        (event().replace(b"{}", b'{"x":' * 500 + b"1" + b"}" * 500), "Order: (root) (unreadable)"),
        (b"[]", "-: (root) (unreadable)"),
    ],
    ids=["number", "nested", "nested too deep for the library", "no object"],
)
def test_an_event_that_cannot_be_checked_is_one_violation(line: bytes, violation: str) -> None:
    assert found(PlanRules([rule({"properties": {"properties": {"const": {"y": 1}}}})]), line) == [violation]


def test_a_violation_never_has_a_value() -> None:
    everything = {
        "type": "number",
        "enum": [1],
        "const": 2,
        "pattern": "^$",
        "format": "uri",
        "maxLength": 0,
        "not": {},
        "oneOf": [{"type": "null"}, False],
        "anyOf": [{"type": "null"}, {"$ref": "#/definitions/n"}],
        "propertyNames": {"maxLength": 0},
        "additionalProperties": {"type": "number"},
        "patternProperties": {"^j": {"items": {"enum": []}}},
        "items": {"type": "number"},
        "contains": False,
    }
    schema = {
        "definitions": {"n": {"type": "null"}},
        **with_properties(**dict.fromkeys("abcd", everything)),
    }
    values = {"a": SECRET, "b": {SECRET: [SECRET]}, "c": [SECRET, {SECRET: SECRET}], "d": [[SECRET]]}
    rules = PlanRules([rule(schema), rule(schema, None, "COMMON")])
    line = event(values, userId=SECRET, context={"protocols": {"event_version": SECRET}})

    assert len(rules.violations(line)) > 40
    assert SECRET not in str(rules.violations(line))
    for on_violation in ("reject", "fail"):
        with pytest.raises((SegmentEventError, SegmentInputError)) as raised:
            PlanCheck(rules, on_violation, Counter()).check(line)  # type: ignore[arg-type]
        assert SECRET not in repr(raised.value)
        assert SECRET not in str(vars(raised.value))


# --- drafts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draft", "schema", "value"),
    [
        ("http://json-schema.org/draft-04/schema#", {"minimum": 1, "exclusiveMinimum": True}, 1),
        ("http://json-schema.org/draft-06/schema#", {"exclusiveMinimum": 1}, 1),
        ("http://json-schema.org/draft-07/schema#", {"if": True, "then": False}, 1),
        (None, {"if": True, "then": False}, 1),
        ("https://json-schema.org/draft/2019-09/schema", {"dependentRequired": {"a": ["b"]}}, {"a": 1}),
        ("https://json-schema.org/draft/2020-12/schema", {"prefixItems": [{"type": "string"}]}, [1]),
    ],
)
def test_a_rule_is_of_the_draft_that_it_names(draft: str | None, schema: Any, value: Any) -> None:
    whole = with_properties(x=schema) | ({"$schema": draft} if draft else {})
    assert len(PlanRules([rule(whole)]).violations(event({"x": value}))) == 1


@pytest.mark.parametrize(
    "draft", [None, "http://json-schema.org/draft-07/schema#", "https://example.com/mine"]
)
def test_draft_7_is_the_default_and_ignores_what_it_does_not_know(draft: str | None) -> None:
    whole = with_properties(x={"prefixItems": [{"type": "string"}]}) | ({"$schema": draft} if draft else {})
    assert found(PlanRules([rule(whole)]), event({"x": [1]})) == []


def test_formats_are_checked_in_all_drafts() -> None:
    for year in ("2019-09", "2020-12"):
        whole = {"$schema": f"https://json-schema.org/draft/{year}/schema"} | with_properties(
            x={"format": "date"}
        )
        assert len(PlanRules([rule(whole)]).violations(event({"x": "today"}))) == 1


# --- rules that cannot be used ---------------------------------------------------------------------------

SOUND = rule(with_properties(x={"type": "number"}), "Sound")


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (
            rule({"properties": {"a": {"pattern": "(a"}}}),
            'Order: properties.a.pattern: "(a" is not a "regex"',
        ),
        (rule({"pattern": "(?!a)b"}), "Order: "),
        (rule({"pattern": "((a{1,1000}){1,1000}){1,1000}"}), "Order: "),
        (rule({"type": "strong"}), "Order: type: "),
        (rule({"required": "a"}), "Order: required: "),
        (rule({"$ref": "elsewhere.json"}), "Order: Resource 'elsewhere.json'"),
        (rule({"properties": {1: {}}}), "Order: Dict key must be str"),
        (rule(None), "Order: jsonSchema is an object, not nothing"),
        (rule("{}"), "Order: jsonSchema is an object, not a text"),
        (rule({}, type="ALIAS"), "rule 1: its type is one of COMMON, "),
        (rule({}, type=["TRACK"]), "rule 1: its type is one of COMMON, "),
        (rule({}, key=None), "rule 1: the key of a TRACK rule is the name of an event, not a text"),
        (rule({}, key=["a"]), "rule 1: the key of a TRACK rule is the name of an event, not a list"),
        (rule({}, version="1"), "rule 1: Order: its version is a number, not a text"),
        (rule({}, version=None), "rule 1: Order: its version is a number, not nothing"),
        ("Order", "rule 1: it is an object with type, key, version and jsonSchema, not a text"),
    ],
)
def test_a_rule_that_cannot_be_used_is_named_once_and_the_others_work(broken: Any, fault: str) -> None:
    rules = PlanRules([broken, SOUND])
    [said] = rules.faults
    assert said.startswith(fault) and len(said) < 400
    assert found(rules, event({"x": ""}, event="Sound")) == ["Sound: properties.x (type)"]
    if "Order" in fault:  # planned, if not checked
        assert found(rules, event({"x": ""})) == []
    assert len(rules.faults) == 1


def test_of_two_rules_that_are_the_same_the_first_counts() -> None:
    rules = PlanRules([SOUND, rule(False, "Sound")])
    assert rules.faults == ["rule 2: Sound: there is a version 1 before it, which counts"]
    assert found(rules, event({"x": 1}, event="Sound")) == []


def test_a_version_that_cannot_be_used_is_not_replaced_by_another() -> None:
    rules = PlanRules([rule({"type": "strong"}), rule(False, version=2)])
    assert found(rules, event()) == []
    assert len(found(rules, event(context={"protocols": {"event_version": 2}}))) == 1


@pytest.mark.parametrize("given", [[], [rule({"type": "strong"})], [{}]])
def test_a_plan_without_a_rule_that_can_be_used_is_an_error(given: Any) -> None:
    with pytest.raises(SegmentConfigurationError, match="the tracking plan has no rule that can be used"):
        PlanRules(given)


def test_a_schema_that_lies_elsewhere_is_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        for reference in (url, f"{url}#/definitions/a", (tmp_path / "schema.json").as_uri()):
            rules = PlanRules([rule({"properties": {"a": {"$ref": reference}}}), SOUND])
            assert "nothing is fetched" in rules.faults[0]
        PlanRules([rule({"$schema": url, "$id": url})])
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "^([a-z]+)*[A-Z]$", "(x+x+)+y"])
def test_no_pattern_takes_long(pattern: str) -> None:
    """If one did, this would not end."""
    for value in ("a" * 5_000 + "!", "x" * 5_000):
        assert of({"pattern": pattern}, value) == ["properties.x pattern"]
        assert of({"patternProperties": {pattern: False}}, {value: 1}) == []


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"properties": {"properties": {"$ref": "#"}}},
        {
            "definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}},
            "$ref": "#/definitions/a",
        },
    ],
)
def test_a_schema_that_refers_to_itself_harms_nothing(schema: Any) -> None:
    assert found(PlanRules([rule(schema), SOUND]), event({"properties": {}})) == []


def test_without_the_library_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    with pytest.raises(
        SegmentConfigurationError, match=r"pip install 'airflow-provider-segment\[tracking-plan\]'"
    ):
        PlanRules([SOUND])


# --- what becomes of violations --------------------------------------------------------------------------

STRICT = with_properties(
    a={"type": "string"}, b={"type": "string"}, c={"type": "string"}, d={"type": "string"}
)
BAD = event({"a": 1, "b": 1, "c": 1, "d": 1})


def test_report_counts_the_events_with_each_violation() -> None:
    counts: Counter[str] = Counter()
    check = PlanCheck(PlanRules([rule(STRICT)]), "report", counts).check
    for line in (event({"a": 1}), event({"a": 1, "b": 1}), event({"a": "x"})):
        check(line)
    assert counts == {"Order: properties.a (type)": 2, "Order: properties.b (type)": 1}


def test_reject_rejects_the_event_and_counts_too() -> None:
    counts: Counter[str] = Counter()
    check = PlanCheck(PlanRules([rule(STRICT)]), "reject", counts).check
    check(event({"a": "x"}))
    with pytest.raises(SegmentEventError) as raised:
        check(BAD)
    assert raised.value.reason == "tracking_plan"
    assert raised.value.detail == (
        "Order: properties.a (type); Order: properties.b (type); Order: properties.c (type); and 1 more"
    )
    assert counts.total() == 4


def test_fail_ends_the_run() -> None:
    check = PlanCheck(PlanRules([rule(STRICT)]), "fail", Counter()).check
    check(event({"a": "x"}))
    with pytest.raises(SegmentInputError, match=r"and was not sent: Order: properties\.a"):
        check(event({"a": 1}))


def test_only_so_many_violations_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking_plan, "MOST_DISTINCT", 3)
    counts: Counter[str] = Counter()
    check = PlanCheck(PlanRules([rule(True)]), "report", counts).check
    for number in (0, 1, 2, 3, 4, 0):
        check(event(event=f"e{number}"))
    assert counts == {f"e{number}: event (unplanned)": 1 + (number == 0) for number in range(3)} | {
        "others": 2
    }


# --- where the rules come from ---------------------------------------------------------------------------

AS_YAML = """\
# comments are the reason for YAML
- type: TRACK
  key: Order
  version: 1
  jsonSchema:
    properties:
      properties:
        required: [on, no]
        properties:
          on: {type: boolean}
          no: {const: 2026-01-02}
          yes: {enum: [yes, true, null, 1.5]}
"""
READ = {
    "properties": {
        "properties": {
            "required": ["on", "no"],
            "properties": {
                "on": {"type": "boolean"},
                "no": {"const": "2026-01-02"},
                "yes": {"enum": ["yes", True, None, 1.5]},
            },
        }
    }
}


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([rule(READ)]),
        json.dumps({"rules": [rule(READ)]}, indent=2),
        json.dumps({"data": {"rules": [rule(READ)], "pagination": {"current": "MA==", "totalEntries": 1}}}),
        "\ufeff" + json.dumps([rule(READ)]),
        AS_YAML,
        "rules:\n" + AS_YAML,
        "data:\n  rules:\n" + indent(AS_YAML, "    "),
    ],
    ids=["list", "object", "answer", "BOM", "YAML list", "YAML object", "YAML answer"],
)
def test_rules_are_read_from_json_and_yaml(content: str) -> None:
    assert read_rules(content.encode()) == read_rules(content.lstrip("\ufeff")) == [rule(READ)]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "not nothing"),
        (b"{}", "not an object without one"),
        (b'{"rules": {}}', "not an object without one"),
        (b"rules", "not a text"),
        (b"3", "not a number"),
        (b'[{"type": "TRACK",}]', "the file is not JSON: "),
        (b"- a: b: c", "the file is neither JSON nor YAML: "),
        (b"- !!python/object/apply:os.getcwd []", "the file is neither JSON nor YAML: "),
        (b"\xff\xfe[\x00]\x00", "the file is not UTF-8: "),
        (b"[" * 5_000, "the file is not JSON: "),
        (b"a: " + b"[" * 5_000, "the file is neither JSON nor YAML: "),
        (b'{"data": {"rules": [], "pagination": {"next": "Mw=="}}}', "only a page of the plan's rules"),
    ],
)
def test_what_is_no_file_of_rules_is_told(content: bytes, fault: str) -> None:
    with pytest.raises(SegmentConfigurationError) as raised:
        read_rules(content)
    assert fault in str(raised.value)


def no_request(*_: Any, **__: Any) -> Iterator[Any]:
    raise AssertionError("Segment was asked")


def test_rules_are_loaded_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(AS_YAML)
    for path in (str(tmp_path / "plan.yaml"), (tmp_path / "plan.yaml").as_uri()):
        assert found(load_rules(no_request, path=path), event({"on": 1, "no": "2026-01-02"})) == [
            "Order: properties.on (type)"
        ]


@pytest.mark.parametrize(
    ("content", "fault"), [(None, "cannot be read"), ("[]", "has no rule"), ("x", "a text")]
)
def test_a_file_that_has_no_rules_is_named(tmp_path: Path, content: str | None, fault: str) -> None:
    file = tmp_path / "plan.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SegmentConfigurationError) as raised:
        load_rules(no_request, path=str(file))
    assert str(raised.value).startswith(f"tracking plan {file}: ") and fault in str(raised.value)


@pytest.mark.parametrize("given", [{}, {"plan_id": "tp_1", "path": "plan.yaml"}])
def test_either_an_id_or_a_file_is_given(given: Any) -> None:
    with pytest.raises(SegmentConfigurationError, match="either tracking_plan_id or tracking_plan_path"):
        load_rules(no_request, **given)


def test_rules_are_loaded_from_segment_page_by_page(sandbox: Sandbox, api: Api) -> None:
    plan = api.id("/tracking-plans", {"name": "Shop", "type": "LIVE"})
    for start in (0, 200):
        rules = [
            rule(with_properties(x={"type": "number"}), f"e{number}") for number in range(start, start + 200)
        ]
        api("PATCH", f"/tracking-plans/{plan}/rules", {"rules": rules})

    loaded = load_rules(SegmentHook().paginate, plan_id=plan)

    assert loaded.faults == []
    assert found(loaded, event({"x": 1}, event="e399")) == []
    assert found(loaded, event({"x": ""}, event="e399")) == ["e399: properties.x (type)"]
    asked = [request for request in sandbox.requests if request["path"] == f"/tracking-plans/{plan}/rules"]
    assert len([request for request in asked if request["method"] == "GET"]) == 2


def test_a_plan_without_rules_in_segment_is_named(sandbox: Sandbox, api: Api) -> None:
    plan = api.id("/tracking-plans", {"name": "Shop", "type": "LIVE"})
    with pytest.raises(SegmentConfigurationError, match=f"tracking plan {plan}: .* no rule that can be used"):
        load_rules(SegmentHook().paginate, plan_id=plan)
