"""Segment's rules: which events pass unchanged, are repaired, or are rejected, and why."""

from __future__ import annotations

import json
import math
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, get_args

import msgspec
import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentEventError
from airflow_provider_segment.events.check import Checker, CommonRules, Reason
from airflow_provider_segment.events.limits import MAX_EVENT_BYTES
from airflow_provider_segment.sandbox.clock import MovableClock
from airflow_provider_segment.sandbox.seed import new_workspace
from airflow_provider_segment.sandbox.state import State
from airflow_provider_segment.sandbox.stored_events import Delivery
from airflow_provider_segment.sandbox.tracking import take_in

pytestmark = pytest.mark.core

CHECKER = Checker("write key")


def prepare(item: Any, checker: Checker = CHECKER) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(checker.prepare(item))
    return event


def reason(item: Any, checker: Checker = CHECKER) -> str:
    with pytest.raises(SegmentEventError) as caught:
        checker.prepare(item)
    assert caught.value.detail
    return caught.value.reason


GOOD = [
    {"type": "track", "event": "Order Completed", "userId": "u1"},
    {"type": "track", "event": "x", "anonymousId": "a1", "properties": {"n": [1, {"m": None}]}},
    {"type": "identify", "userId": "u1", "traits": {"name": "Größe"}},
    {"type": "page", "userId": "u1", "name": "Home"},
    {"type": "screen", "anonymousId": "a1", "name": "Home"},
    {"type": "group", "groupId": "g1", "userId": "u1", "traits": {}},
    {"type": "alias", "previousId": "a1", "userId": "u1"},
    {"type": "track", "event": "x", "userId": "u", "timestamp": "2026-01-02T03:04:05.678Z"},
    {"type": "track", "event": "x", "userId": "u", "timestamp": "2026-01-02T03:04:05+02:00"},
    {
        "type": "track",
        "event": "x",
        "userId": "u",
        "context": {"ip": "1.2.3.4"},
        "integrations": {"All": True},
    },
]


@pytest.mark.parametrize("event", GOOD)
def test_a_valid_event_passes_byte_for_byte(event: dict[str, Any]) -> None:
    line = json.dumps({**event, "messageId": "m1"}, ensure_ascii=False).encode()
    assert CHECKER.prepare(line) == line


@pytest.mark.parametrize("event", GOOD)
def test_a_missing_message_id_is_added_and_nothing_else(event: dict[str, Any]) -> None:
    line = json.dumps(event).encode()
    sent = CHECKER.prepare(line)
    assert sent.startswith(line[:-1])
    added = json.loads(sent)
    assert len(added.pop("messageId")) <= 100
    assert added == event


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"type":"track","event":"x","userId":"u"', "not_json"),
        (b"{'type': 'track'}", "not_json"),
        (b'{"type":"page","userId":"u"} {}', "not_json"),
        (b'{"type":"page","userId":"u","properties":{"x":nan}}', "not_json"),
        (b'{"type":"page","userId":"\xff"}', "not_json"),
        (b'{"type":"page","userId":"u","properties":{"x":"\xff"}}', "not_json"),
        ('{"type":"page","userId":"u"}'.encode("utf-16"), "not_json"),
        (b"[]", "not_an_object"),
        (b'"track"', "not_an_object"),
        (b"null", "not_an_object"),
        (f'["{"x" * 37}é"]'.encode(), "not_an_object"),  # what is shown of it ends inside a character
        (b"{}", "unknown_type"),
        (b'{"type":"Track","event":"x","userId":"u"}', "unknown_type"),
        (b'{"type":null,"userId":"u"}', "unknown_type"),
        (b'{"type":7,"userId":"u"}', "unknown_type"),
        (b'{"type":"track","event":"x"}', "missing_id"),
        (b'{"type":"track","event":"x","userId":""}', "missing_id"),
        (b'{"type":"track","event":"x","userId":null,"anonymousId":""}', "missing_id"),
        (b'{"type":"alias","previousId":"p"}', "missing_id"),
        (b'{"type":"alias","previousId":"p","anonymousId":"a"}', "missing_id"),
        (b'{"type":"group","groupId":"g"}', "missing_id"),
        (b'{"type":"track","userId":"u"}', "missing_field"),
        (b'{"type":"track","userId":"u","event":null}', "missing_field"),
        (b'{"type":"group","userId":"u"}', "missing_field"),
        (b'{"type":"alias","userId":"u"}', "missing_field"),
        (b'{"type":"track","userId":"u","event":""}', "invalid_field"),
        (b'{"type":"track","userId":"u","event":7}', "invalid_field"),
        (b'{"type":"page","userId":true}', "invalid_field"),
        (b'{"type":"page","userId":["u"]}', "invalid_field"),
        (b'{"type":"page","userId":"u","properties":[]}', "invalid_field"),
        (b'{"type":"page","userId":"u","properties":"x"}', "invalid_field"),
        (b'{"type":"identify","userId":"u","traits":"x"}', "invalid_field"),
        (b'{"type":"page","userId":"u","context":1}', "invalid_field"),
        (b'{"type":"page","userId":"u","integrations":true}', "invalid_field"),
        (b'{"type":"page","userId":"u","messageId":"%b"}' % (b"m" * 101), "invalid_message_id"),
        (b'{"type":"page","userId":"u","messageId":{}}', "invalid_message_id"),
        (b'{"type":"page","userId":"u","timestamp":"2026-01-02T03:04:05"}', "invalid_timestamp"),
        (b'{"type":"page","userId":"u","timestamp":"2026-01-02"}', "invalid_timestamp"),
        (b'{"type":"page","userId":"u","timestamp":"yesterday"}', "invalid_timestamp"),
        (b'{"type":"page","userId":"u","timestamp":1767323045}', "invalid_timestamp"),
        (b'{"type":"page","userId":"u","properties":{"x":"%b"}}' % (b"x" * MAX_EVENT_BYTES), "too_large"),
    ],
)
def test_what_segment_would_refuse_or_drop_is_rejected(line: bytes, why: str) -> None:
    assert reason(line) == why


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"userId": 7}, {"userId": "7"}),
        ({"userId": 123456789012345678901234567890}, {"userId": "123456789012345678901234567890"}),
        ({"userId": "u", "anonymousId": 55520.0}, {"userId": "u", "anonymousId": "55520"}),
        ({"userId": "", "anonymousId": "a"}, {"anonymousId": "a"}),
        ({"userId": "u", "properties": None, "context": None}, {"userId": "u"}),
        ({"userId": "u", "sentAt": "2020-01-01T00:00:00Z"}, {"userId": "u"}),
        (
            {"userId": "u", "timestamp": "2026-01-02T03:04Z"},
            {"userId": "u", "timestamp": "2026-01-02T03:04:00+00:00"},
        ),
        ({"userId": "u", "messageId": 12}, {"userId": "u", "messageId": "12"}),
    ],
)
def test_unambiguous_errors_are_repaired(given: dict[str, Any], sent: dict[str, Any]) -> None:
    event = prepare(json.dumps({"type": "page", **given}).encode())
    if "messageId" not in sent:
        assert event.pop("messageId")
    assert event == {"type": "page", **sent}


def test_a_dead_letter_can_be_corrected_and_sent_again() -> None:
    letter = {"line": 7, "reason": "missing_id", "detail": "...", "event": {"type": "page", "userId": "u"}}
    event = prepare(json.dumps(letter).encode())
    assert event.pop("messageId")
    assert event == {"type": "page", "userId": "u"}


def test_dicts_may_hold_python_values() -> None:
    event = prepare(
        {
            "type": "track",
            "event": "x",
            "userId": 5,
            "timestamp": datetime(2026, 1, 2, tzinfo=timezone.utc),
            "properties": {
                "when": datetime(2026, 1, 2, tzinfo=timezone.utc),
                "then": pendulum.datetime(2026, 1, 3),
                "none": None,
                "nan": math.nan,
                7: "a key that is a number",
            },
        }
    )
    assert event["userId"] == "5"
    assert event["timestamp"] == event["properties"]["when"] == "2026-01-02T00:00:00Z"
    assert event["properties"]["nan"] is None
    assert event["properties"]["then"].startswith("2026-01-03T00:00:00")
    assert event["properties"]["7"] == "a key that is a number"


@pytest.mark.parametrize(
    "item", [7, None, True, ["track"], "text", {"type": object()}, {1: 2}, {object(): 2}, "\ud800"]
)
def test_what_is_not_an_event_is_rejected(item: Any) -> None:
    assert reason(item) in ("not_json", "not_an_object", "unknown_type")


def test_a_naive_datetime_is_rejected() -> None:
    assert reason({"type": "page", "userId": "u", "timestamp": datetime(2026, 1, 2)}) == "invalid_timestamp"


# Message ids


def message_id(item: Any, write_key: str = "write key", **options: Any) -> str:
    value: str = prepare(item, Checker(write_key, **options))["messageId"]
    return value


def test_message_ids_are_derived_from_content_and_source() -> None:
    one, other = b'{"type":"page","userId":"u"}', b'{"type":"page","userId":"v"}'
    assert message_id(one) == message_id(one)
    assert message_id(one) != message_id(other)
    assert message_id(one) != message_id(one, write_key="of another source")
    # A re-run with the next release must derive the same ids.
    assert message_id(one) == "airflow-bdb7adde242749ed5bb1bde8a3f07c99"


def test_the_defaults_of_a_job_do_not_change_message_ids() -> None:
    own = {"type": "page", "userId": "u", "context": {"b": 1}, "integrations": {"All": True}}
    for item in (b'{"type":"page","userId":"u"}', own):
        for defaults in (
            {"context": {"a": 1}},
            {"integrations": {"All": False}},
            {"timestamp": "2026-01-02T00:00:00Z"},
        ):
            assert message_id(item, **defaults) == message_id(item)


def test_a_dict_in_another_order_is_the_same_event() -> None:
    assert message_id({"type": "page", "userId": "u"}) == message_id({"userId": "u", "type": "page"})


def test_message_ids_from_named_fields() -> None:
    fields = ["userId", "properties.order.id"]

    def derived(**changes: Any) -> str:
        event = {"type": "track", "event": "Paid", "userId": "u", "properties": {"order": {"id": 1}, "n": 1}}
        return message_id({**event, **changes}, message_id_fields=fields)

    assert derived() == derived(context={"other": "details"})
    assert derived() == derived(properties={"order": {"id": 1}, "n": 2})
    assert derived() != derived(properties={"order": {"id": 2}})
    assert derived() != derived(userId="v")
    assert derived() != derived(event="Refunded"), "one order can be the object of several events"
    checker = Checker("k", message_id_fields=fields)
    assert reason({"type": "page", "userId": "u", "properties": {"order": 1}}, checker) == "missing_field"


ORDER = {
    "type": "track",
    "event": "Paid",
    "userId": 55520,
    "timestamp": "2026-01-02T03:04:05Z",
    "properties": {"id": 7, "name": "Größe"},
}


@pytest.mark.parametrize(
    "same",
    [
        ORDER,
        dict(reversed(ORDER.items())),
        json.dumps(ORDER),
        json.dumps(ORDER, ensure_ascii=False, separators=(",", ":")).encode(),
        json.dumps(ORDER, indent=2, sort_keys=True),
        {**ORDER, "userId": "55520"},
        {**ORDER, "userId": 55520.0, "properties": {"id": "7"}},
        {**ORDER, "properties": {"id": 7, "other": math.nan}},
        {**ORDER, "properties": {"id": Decimal("7.00")}},
        {**ORDER, "timestamp": datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)},
        {**ORDER, "timestamp": "2026-01-02 04:04:05.000 +0100"},
        {**ORDER, "context": {"more": 1}},
    ],
)
def test_named_fields_give_one_id_however_the_event_is_written(same: Any) -> None:
    fields = ["userId", "timestamp", "properties.id"]
    assert message_id(same, message_id_fields=fields) == message_id(ORDER, message_id_fields=fields)


def test_named_fields_are_not_mixed_up() -> None:
    def derived(*values: Any) -> str:
        event = {**ORDER, "properties": dict(zip("abc", values, strict=False))}
        return message_id(event, message_id_fields=["properties.a", "properties.b"])

    assert len({derived("a-b", "c"), derived("a", "b-c"), derived('a","b', "c"), derived("c", "a-b")}) == 4


@pytest.mark.parametrize("value", [1.5, 7.0, True, 1e21, [1], {"a": 1}])
def test_a_named_field_that_is_no_id_is_rejected(value: Any) -> None:
    checker = Checker("k", message_id_fields=["properties.id"])
    event = {**ORDER, "properties": {"id": value}}
    assert reason(event, checker) == "invalid_field"
    with pytest.raises(SegmentEventError, match=r"properties\.id.*messageId"):
        checker.prepare(event)


@pytest.mark.parametrize("value", [None, "", math.nan])
def test_a_named_field_that_is_empty_is_missing(value: Any) -> None:
    checker = Checker("k", message_id_fields=["properties.id"])
    assert reason({**ORDER, "properties": {"id": value}}, checker) == "missing_field"


# Defaults


def test_defaults_are_added_and_an_events_own_keys_win() -> None:
    checker = Checker(
        "k",
        context={"ip": "0.0.0.0", "app": {"name": "backfill"}},
        integrations={"All": False, "Amplitude": True},
        timestamp="2026-01-02T00:00:00Z",
    )
    bare = prepare(b'{"type":"page","userId":"u","messageId":"m"}', checker)
    assert bare["context"] == {"ip": "0.0.0.0", "app": {"name": "backfill"}}
    assert bare["integrations"] == {"All": False, "Amplitude": True}
    assert bare["timestamp"] == "2026-01-02T00:00:00+00:00"
    own = prepare(
        {
            "type": "page",
            "userId": "u",
            "context": {"ip": "1.1.1.1"},
            "integrations": {"All": True},
            "timestamp": "2020-01-01T00:00:00Z",
        },
        checker,
    )
    assert own["context"] == {"ip": "1.1.1.1", "app": {"name": "backfill"}}
    assert own["integrations"] == {"All": False, "Amplitude": True}
    assert own["timestamp"] == "2020-01-01T00:00:00Z"


def test_defaults_count_towards_the_size_limit() -> None:
    line = b'{"type":"page","userId":"u","messageId":"m","properties":{"x":"%b"}}' % (b"x" * 31_000)
    CHECKER.prepare(line)
    assert reason(line, Checker("k", context={"long": "y" * 1_000})) == "too_large"


def test_a_default_timestamp_without_zone_is_refused_immediately() -> None:
    with pytest.raises(SegmentConfigurationError, match="zone"):
        Checker("k", timestamp="2026-01-02T00:00:00")


# Properties


names = st.sampled_from(
    [*CommonRules.__struct_encode_fields__, "type", "event", "groupId", "previousId", "name", "x"]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)
types = st.sampled_from(["track", "identify", "page", "screen", "group", "alias", "Track", ""])
events = st.builds(
    lambda event, type: {**event, **({"type": type} if type else {})},
    st.dictionaries(names, values, max_size=8),
    types,
)


@given(events)
def test_the_sandbox_accepts_every_event_that_passes(event: dict[str, Any]) -> None:
    try:
        sent = CHECKER.prepare(json.dumps(event).encode("utf-8", "surrogatepass"))
    except SegmentEventError:
        return
    state = State("us", new_workspace)
    delivery = Delivery(received_at=MovableClock().now(), source_id="s")
    take_in(state, [msgspec.Raw(sent)], delivery, None)
    assert len(state.accepted) == 1, state.dropped[0].reason


@given(events)
def test_preparing_a_prepared_event_changes_nothing(event: dict[str, Any]) -> None:
    try:
        sent = CHECKER.prepare(json.dumps(event).encode("utf-8", "surrogatepass"))
    except SegmentEventError:
        return
    assert CHECKER.prepare(sent) == sent


@pytest.mark.parametrize("depth", [500, 5_000, 15_000])
def test_no_depth_of_nesting_crashes_it(depth: int) -> None:
    # How deep is too deep differs between versions of Python.
    line = b'{"type":"page","userId":"u","properties":{"x":%b%b}}' % (b"[" * depth, b"]" * depth)
    assert outcome(line) in ("sent", "not_json")


@given(st.binary(max_size=200))
def test_no_bytes_crash_it(line: bytes) -> None:
    assert outcome(line) in ("sent", *get_args(Reason))


def outcome(line: bytes) -> str:
    try:
        CHECKER.prepare(line)
    except SegmentEventError as error:
        return error.reason
    return "sent"
