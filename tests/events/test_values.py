"""What values become: each row of the table, wherever it can stand; and the page that shows it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.arguments import check_arguments, make_checker
from airflow_provider_segment.errors import SegmentConfigurationError, SegmentEventError
from airflow_provider_segment.events.check import Checker
from airflow_provider_segment.events.limits import MAX_EVENT_BYTES
from airflow_provider_segment.events.options import TYPES
from airflow_provider_segment.values import SHOWN_CHARACTERS
from docs.make_value_table import PAGE, page
from tests.events.value_table import LEFT_OUT, LINES, PYTHON, REJECTED, TIMESTAMPS, Row, names

pytestmark = pytest.mark.core

CHECKER = Checker("write key", context={"default": 1})
NAMES = names()
OBJECTS = ("properties", "traits", "context")
IDS = ("userId", "anonymousId", "groupId", "previousId", "messageId")
TYPES_WITH = {"groupId": "group", "previousId": "alias"}
"""The types of event that require an id."""


def rows(groups: list[Any]) -> list[Any]:
    return [pytest.param(row, id=row.value) for group in groups for row in group.rows]


def evaluate(row: Row) -> Any:
    return eval(row.value, dict(NAMES))


def sent(item: Any) -> dict[str, Any] | str:
    """The event as it is sent, or REJECTED."""
    try:
        line = CHECKER.prepare(item)
    except SegmentEventError as error:
        assert error.detail
        return REJECTED
    event: dict[str, Any] = json.loads(line)
    return event


def becomes(event: dict[str, Any] | str, *path: Any) -> Any:
    """What is at a place in an event that was sent; REJECTED, or LEFT_OUT."""
    if event is REJECTED:
        return REJECTED
    value: Any = event
    for step in path:
        if isinstance(value, dict) and step not in value:
            return LEFT_OUT
        value = value[step]
    return json.dumps(value)


def same(expected: str) -> str:
    """What is expected, in the form of :func:`becomes`."""
    return expected if expected in (REJECTED, LEFT_OUT) else json.dumps(json.loads(expected))


def page_event(**members: Any) -> dict[str, Any]:
    event = {"type": "page", "anonymousId": "a", "userId": "u", **members}
    return {**event, "type": TYPES_WITH.get(next(iter(members), ""), "page")}


# Dicts


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.parametrize("row", rows(PYTHON))
def test_inside_an_event(row: Row, name: str) -> None:
    expected = same(row.inside)
    assert becomes(sent(page_event(**{name: {"x": evaluate(row)}})), name, "x") == expected
    assert becomes(sent(page_event(**{name: {"x": [{"y": evaluate(row)}]}})), name, "x", 0, "y") == expected


@pytest.mark.parametrize("row", rows(PYTHON))
def test_in_a_default(row: Row) -> None:
    check = make_checker("Options", {"context": TYPES["context"]}, unknown="forbid")
    try:
        options = check_arguments(check, {"context": {"x": evaluate(row)}})
    except SegmentConfigurationError as error:
        assert row.inside == REJECTED and "context: " in str(error)
    else:
        event = json.loads(Checker("k", **options).prepare(page_event()))
        assert becomes(event, "context", "x") == same(row.inside)


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("row", rows(PYTHON))
def test_as_an_id(row: Row, name: str) -> None:
    event = sent(page_event(**{name: evaluate(row)}))
    expected = same(row.as_id)
    if expected == LEFT_OUT and name in TYPES_WITH:
        expected = REJECTED
    if expected == LEFT_OUT and name == "messageId":
        assert event["messageId"].startswith("airflow-")  # type: ignore[index]
    else:
        assert becomes(event, name) == expected


@pytest.mark.parametrize("row", rows(PYTHON))
def test_as_a_timestamp(row: Row) -> None:
    assert becomes(sent(page_event(timestamp=evaluate(row))), "timestamp") == same(row.as_timestamp)


@pytest.mark.parametrize("row", rows(PYTHON))
def test_as_the_name_of_an_event(row: Row) -> None:
    expected = row.inside if row.inside.startswith('"') and row.inside != '""' else REJECTED
    event = {"type": "track", "userId": "u", "event": evaluate(row)}
    assert becomes(sent(event), "event") == same(expected)


# Lines


def line(name: str, value: str) -> bytes:
    members = json.dumps({key: own for key, own in page_event().items() if key != name})
    return f'{members[:-1]}, "{name}": {value}}}'.encode()


@pytest.mark.parametrize("row", rows(LINES))
def test_inside_a_line(row: Row) -> None:
    given = line("properties", f'{{"x": {row.value}}}')
    try:
        written = Checker("write key").prepare(given)
    except SegmentEventError as error:
        assert row.inside == REJECTED and error.reason == "not_json"
    else:
        assert f'"x":{row.inside}' in written.decode().replace('"x": ', '"x":')


@pytest.mark.parametrize("name", ["userId", "anonymousId", "messageId"])
@pytest.mark.parametrize("row", rows(LINES))
def test_as_an_id_in_a_line(row: Row, name: str) -> None:
    event = sent(line(name, row.value))
    if row.as_id == LEFT_OUT and name == "messageId":
        assert event["messageId"].startswith("airflow-")  # type: ignore[index]
    else:
        assert becomes(event, name) == same(row.as_id)


@pytest.mark.parametrize("row", rows(LINES))
def test_as_a_timestamp_in_a_line(row: Row) -> None:
    assert becomes(sent(line("timestamp", row.value)), "timestamp") == same(row.as_timestamp)


@pytest.mark.parametrize(("text", "expected"), TIMESTAMPS)
def test_a_text_as_a_timestamp(text: str, expected: str) -> None:
    expected = expected if expected == REJECTED else json.dumps(expected)
    assert becomes(sent(page_event(timestamp=text)), "timestamp") == expected
    assert becomes(sent(json.dumps(page_event(timestamp=text)).encode()), "timestamp") == expected


def test_the_numbers_of_a_repaired_line_stay_as_they_are_written() -> None:
    numbers = b"[1.50, 1E5, 12345678901234567890.5, 1e400, 123456789012345678901234567890]"
    for wrong in (
        b'"userId":7',
        b'"userId":"u","x":NaN',
        b'"userId":"u","timestamp":"2026-01-02 03:04:05 UTC"',
    ):
        written = Checker("k").prepare(b'{"type":"page",%b,"properties":{"n":%b}}' % (wrong, numbers))
        assert numbers.replace(b" ", b"") in written.replace(b" ", b"")


# Errors


def detail(item: Any) -> str:
    with pytest.raises(SegmentEventError) as caught:
        CHECKER.prepare(item)
    return caught.value.detail


@pytest.mark.parametrize(
    ("members", "shown"),
    [
        ({"userId": 1.5}, "userId: 1.5"),
        ({"userId": ["a"]}, "userId: ['a']"),
        ({"userId": 1e21}, "userId: 1e+21"),
        ({"userId": "cut \ud83d"}, r"userId: 'cut \ud83d' has half of an emoji"),
        ({"timestamp": "2026-01-02 03:04:05"}, "timestamp: '2026-01-02 03:04:05' has no time zone"),
        ({"timestamp": 1767323045}, "timestamp: 1767323045 may be in seconds or in milliseconds"),
        ({"timestamp": "yesterday"}, "'yesterday'"),
        ({"properties": "text"}, "$.properties`: 'text'"),
        ({"properties": {"a": [{"b": b"x"}]}}, "properties.a.0.b: bytes"),
        ({"properties": {"a": {"b": object()}}}, "properties.a.b: object"),
        ({"properties": {"a": {None: 1}}}, "properties.a: the key None"),
    ],
)
def test_an_error_names_the_place_and_shows_the_value(members: dict[str, Any], shown: str) -> None:
    assert shown in detail(page_event(**members))


@pytest.mark.parametrize("name", ["userId", "timestamp", "properties"])
def test_an_error_shows_only_the_beginning_of_a_long_value(name: str) -> None:
    assert len(detail(page_event(**{name: ["x" * 10_000]}))) < 2 * SHOWN_CHARACTERS + 100


def test_an_error_shows_nothing_of_what_an_unknown_object_holds() -> None:
    class Client:
        def __repr__(self) -> str:
            return "Client(password='secret')"

    assert "secret" not in detail(page_event(properties={"x": Client()}))


# Size


@pytest.mark.parametrize("character", ["é", "\U0001f600", "/"])
def test_escapes_that_can_be_undone_do_not_count(character: str) -> None:
    text = character * (MAX_EVENT_BYTES // 2 // len(character.encode()))
    escaped = json.dumps(page_event(messageId="m", properties={"x": text})).replace("/", "\\/").encode()
    if len(escaped) < MAX_EVENT_BYTES:
        escaped = escaped.replace(b"\\/", b"\\u002f")
    assert len(escaped) > MAX_EVENT_BYTES
    written = Checker("k").prepare(escaped)
    assert len(written) <= MAX_EVENT_BYTES
    assert json.loads(written) == json.loads(escaped)


def test_spaces_do_not_count() -> None:
    spaced = json.dumps(page_event(messageId="m", properties={"x": [1.50] * 500}), indent=60).encode()
    assert len(spaced) > MAX_EVENT_BYTES
    assert json.loads(Checker("k").prepare(spaced)) == json.loads(spaced)


# Any values


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.binary(max_size=4)
    | st.datetimes()
    | st.timedeltas()
    | st.uuids()
    | st.text(alphabet=st.characters(), max_size=8)
)
keys = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=4) | st.uuids() | st.text()
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3) | st.tuples(inner, inner)
    ),
)


@given(anything, anything)
def test_any_value_is_sent_as_json_or_rejected(inside: Any, id: Any) -> None:
    event = sent(page_event(userId=id, properties={"x": inside}))
    if event != REJECTED:
        assert isinstance(event, dict)
        assert isinstance(event.get("userId", ""), str)
        assert json.loads(json.dumps(event), parse_constant=pytest.fail) == event


def test_the_page_shows_the_table() -> None:
    assert PAGE.read_text() == page(), "python -m docs.make_value_table"
