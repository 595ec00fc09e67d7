"""Rows of every form become events, each with its position, its id, and what a dead letter keeps of it."""

from __future__ import annotations

import json
from collections import namedtuple
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentEventError
from airflow_provider_segment.events.dead_letters import RejectedRow
from airflow_provider_segment.events.mapping.function_mapper import FunctionMapper
from airflow_provider_segment.events.mapping.mapped import Mapped
from airflow_provider_segment.events.mapping.rows import Compiling
from airflow_provider_segment.events.mapping.template import read_mapping
from airflow_provider_segment.events.mapping.template_mapper import TemplateMapper
from airflow_provider_segment.events.message_ids import IdOfEvent
from airflow_provider_segment.events.sources.source import Block

pytestmark = pytest.mark.core

ORDER = {
    "type": "track",
    "event": "Order Completed",
    "userId": "$customer",
    "properties": {"id": "$id", "total": {"$": "total", "as": "number"}},
}
PERSON = {"type": "identify", "userId": "$customer", "traits": {"city": "$city"}}
ROW = {"customer": "u1", "id": 7, "total": "9.50", "city": "Rome"}


def compiling(*keys: str, **more: Any) -> Compiling:
    return Compiling(keys=keys, id_of_event=IdOfEvent("write key"), **more)


def mapped(mapping: Any, *items: Any, columns: tuple[str, ...] | None = None, **options: Any) -> Mapped:
    keys = options.pop("keys", ())
    block = Block(list(items), 1, columns)
    if callable(mapping):
        result = FunctionMapper(mapping, compiling(*keys, **options))(block)
    else:
        result = TemplateMapper(read_mapping(mapping), compiling(*keys, **options))(block)
    assert isinstance(result, Mapped)
    return result


def events(made: Mapped) -> list[Any]:
    return [item if isinstance(item, SegmentEventError) else json.loads(item) for _, item in made.placed()]


def forms(row: dict[str, Any]) -> list[tuple[Any, tuple[str, ...] | None]]:
    """The same row in each form."""
    columns = tuple(row)
    return [
        (tuple(row.values()), columns),
        (dict(row), None),
        (namedtuple("Row", columns)(*row.values()), None),  # type: ignore[misc]
        (json.dumps(row).encode(), None),
        (json.dumps(row, indent=1).encode(), None),
        (json.dumps(row), None),
        (json.dumps({"row": row, "reason": "invalid_value", "detail": "", "row_number": 5}).encode(), None),
    ]


@pytest.mark.parametrize("form", range(7))
def test_a_row_in_every_form_is_the_same_event(form: int) -> None:
    item, columns = forms(ROW)[form]
    [event] = events(mapped(ORDER, item, columns=columns, keys=["id"]))
    assert event == {
        "type": "track",
        "event": "Order Completed",
        "userId": "u1",
        "properties": {"id": 7, "total": 9.5},
        "messageId": "airflow-" + event["messageId"].removeprefix("airflow-"),
    }
    [reference] = events(mapped(ORDER, ROW, keys=["id"]))
    assert event["messageId"] == reference["messageId"] and len(event["messageId"]) == 40


def test_a_function_gets_the_row_in_every_form_as_a_dict() -> None:
    rows: list[dict[str, Any]] = []
    for item, columns in forms(ROW):
        assert events(mapped(rows.append, item, columns=columns)) == []
    assert rows == [ROW] * 7


def test_the_columns_that_are_not_used_elsewhere() -> None:
    template = {**ORDER, "properties": {"id": "$id", "rest": "$*"}}
    for item, columns in forms(ROW):
        [event] = events(mapped(template, item, columns=columns))
        assert event["properties"] == {"id": 7, "rest": {"total": "9.50", "city": "Rome"}}
        [event] = events(mapped({**PERSON, "traits": "$*"}, item, columns=columns))
        assert event["traits"] == {"id": 7, "total": "9.50", "city": "Rome"}


def test_null_members_are_kept_or_dropped() -> None:
    template = {**PERSON, "traits": {"city": "$city", "a": {"id": "$id"}, "rest": "$*"}}
    row = {"customer": "u", "city": None, "id": None, "x": None, "y": {"z": None}}
    for item, columns in forms(row):
        [kept] = events(mapped(template, item, columns=columns))
        assert kept["traits"] == {"city": None, "a": {"id": None}, "rest": {"x": None, "y": {"z": None}}}
        [dropped] = events(mapped(template, item, columns=columns, nulls="drop"))
        assert dropped["traits"] == {"a": {}, "rest": {"y": {"z": None}}}


@pytest.mark.parametrize(
    ("when", "values"),
    [
        ({"$": "x", "equals": "paid"}, ["paid"]),
        ({"not": {"$": "x", "equals": "paid"}}, [1, 1.0, True, None, "1", Decimal("1.0")]),
        ({"$": "x", "equals": 1}, [1, 1.0, Decimal("1.0")]),
        ({"$": "x", "equals": True}, [True]),
        ({"$": "x", "equals": "1"}, ["1"]),
        ({"$": "x", "as": "number", "equals": 1}, [1, 1.0, "1", Decimal("1.0")]),
        ({"$": "x", "is_null": True}, [None]),
        ({"$": "x", "is_null": False}, ["paid", 1, 1.0, True, "1", Decimal("1.0")]),
        ({"$": "x", "equals": None}, [None]),
        ([{"$": "x", "is_null": False}, {"not": {"$": "x", "equals": 1}}], ["paid", True, "1"]),
    ],
)
def test_conditions(when: Any, values: list[Any]) -> None:
    seen = ["paid", 1, 1.0, True, None, "1", Decimal("1.0")]
    template = {"type": "page", "userId": "u", "properties": {"n": "$n"}, "when": when}
    items = [(value, number) for number, value in enumerate(seen)]
    if "number" in str(when):
        items = [
            item for item in items if item[0] not in ("paid", True) or (item[0] == 1 and item[0] is not True)
        ]
    made = mapped(template, *items, columns=("x", "n"))
    chosen = [seen[event["properties"]["n"]] for event in events(made)]
    assert list(map(repr, chosen)) == [repr(value) for value in seen if repr(value) in map(repr, values)]
    assert made.skipped == len(items) - len(chosen)


def test_several_events_of_a_row_follow_each_other_within_its_position() -> None:
    made = mapped([PERSON, ORDER, {**ORDER, "when": {"$": "city", "equals": "Oslo"}}], ROW, ROW, keys=["id"])
    assert [position for position, _ in made.placed()] == [0.5, 1, 1.5, 2]
    assert [event["type"] for event in events(made)] == ["identify", "track"] * 2
    assert len({event["messageId"] for event in events(made)}) == 2, "an id for each event, not for each row"
    assert (made.rows, made.skipped, made.last) == (2, 0, 2)


def test_two_events_of_the_same_kind_and_key_have_ids_of_their_own() -> None:
    [one, other] = events(mapped([PERSON, PERSON], ROW, keys=["id"]))
    assert one["messageId"] != other["messageId"]


def test_equal_ids_within_one_row_are_refused() -> None:
    templates = [{**PERSON, "messageId": "$id"}, {**ORDER, "messageId": "$id"}]
    first, second = events(mapped(templates, ROW))
    assert first["messageId"] == "7" and second.reason == "same_message_id"
    first, second = events(mapped(lambda row: [{"messageId": "a"}, {"messageId": "a"}], ROW))
    assert first["messageId"] == "a" and second.reason == "same_message_id"


def test_the_id_follows_the_subject() -> None:
    ids = {
        event["messageId"]
        for customer in ("u1", "u2")
        for anonymous in ("a1", None)
        for event in events(
            mapped(
                {**PERSON, "anonymousId": "$a"}, {**ROW, "customer": customer, "a": anonymous}, keys=["id"]
            )
        )
    }
    assert len(ids) == 4


def test_a_key_has_the_type_that_the_mapping_gives_it() -> None:
    template = {**ORDER, "properties": {"id": {"$": "id", "as": "number"}}}
    texts = ["7", "7.00", " 7 ", 7, Decimal("7.0")]
    ids = {
        event["messageId"]
        for event in events(mapped(template, *({**ROW, "id": text} for text in texts), keys=["id"]))
    }
    assert len(ids) == 1
    time = {**ORDER, "timestamp": {"$": "id", "as": "timestamp"}}
    times = [
        "2026-01-02T03:00:00.000Z",
        "2026-01-02 03:00:00 UTC",
        datetime(2026, 1, 2, 3, tzinfo=timezone.utc),
    ]
    assert (
        len(
            {
                event["messageId"]
                for event in events(mapped(time, *({**ROW, "id": each} for each in times), keys=["id"]))
            }
        )
        == 1
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "null is no key"),
        (7.0, "7.0 is a float"),
        ("", "it is empty"),
        (True, "a boolean is no key"),
        (b"x", "bytes is no key"),
    ],
)
def test_a_key_that_is_none_is_refused_by_name(value: Any, said: str) -> None:
    template = {**ORDER, "properties": {}}
    [error] = events(mapped(template, ("u1", value), columns=("customer", "id"), keys=["id"]))
    assert (error.reason, error.column) == ("invalid_message_id", "id")
    assert error.detail.startswith("id: ") and said in error.detail


def test_a_mapping_that_gives_a_key_two_types_is_refused() -> None:
    template = {**ORDER, "properties": {"a": {"$": "id", "as": "number"}, "b": {"$": "id", "as": "text"}}}
    with pytest.raises(SegmentConfigurationError, match="several types"):
        mapped(template, (1, "u"), columns=("id", "customer"), keys=["id"])


def test_an_unknown_column_names_the_nearest() -> None:
    with pytest.raises(SegmentConfigurationError, match="no column 'customer': did you mean custmer"):
        mapped(PERSON, ("u", "Rome"), columns=("custmer", "city"))
    with pytest.raises(SegmentConfigurationError, match="no column 'order'"):
        mapped(PERSON, ("u", "Rome"), columns=("customer", "city"), keys=["order"])
    with pytest.raises(SegmentConfigurationError, match="no column 'customer': did you mean custmer"):
        mapped(PERSON, {"custmer": "u", "city": "Rome"})


def test_a_key_that_objects_lack_counts_as_null(caplog: pytest.LogCaptureFixture) -> None:
    [event] = events(mapped(PERSON, {"customer": "u"}))
    assert event["traits"] == {"city": None}
    assert "None of the first rows has a column 'city'" in caplog.text


def test_a_rejected_row_is_kept_with_its_column_and_its_template() -> None:
    made = mapped([PERSON, ORDER], {**ROW, "total": "a lot"}, keys=["id"])
    person, error = events(made)
    assert person["type"] == "identify" and (error.reason, error.column) == ("invalid_value", "total")
    assert made.kept(1, error) == RejectedRow({**ROW, "total": "a lot"}, 2)


def test_a_dead_letter_makes_only_the_event_that_was_rejected() -> None:
    letter = {"row": ROW, "template": 2, "reason": "invalid_value", "detail": "..."}
    for mapping in ([PERSON, ORDER], lambda row: [{"type": "identify"}, {"type": "track"}]):
        [event] = events(mapped(mapping, json.dumps(letter).encode(), keys=["id"]))
        assert event["type"] == "track"
    [reference] = events(mapped([PERSON, ORDER], ROW, keys=["id"]))[1:]
    [event] = events(mapped([PERSON, ORDER], json.dumps(letter).encode(), keys=["id"]))
    assert event == reference


def test_a_dead_letter_of_an_event_is_the_event() -> None:
    event = {"type": "page", "userId": "u"}
    letter = json.dumps({"event": event, "reason": "refused", "detail": "..."}).encode()
    assert events(mapped(PERSON, letter)) == [event]
    assert events(mapped(lambda row: None, letter)) == [event]


@pytest.mark.parametrize(
    "row",
    [
        {"reason": "too late", "detail": "", "event": {"a": 1}, "customer": "u1"},
        {"reason": "refused", "event": {"a": 1}, "customer": "u1"},
        {"reason": "refused", "detail": "", "event": "signup", "row": 7, "customer": "u1"},
    ],
)
def test_a_row_with_columns_of_the_same_names_is_no_dead_letter(row: dict[str, Any]) -> None:
    line = json.dumps(row).encode()
    [event] = events(mapped({"type": "page", "userId": "$customer"}, line))
    assert event == {"type": "page", "userId": "u1"}
    [event] = events(mapped(lambda row: {"type": "page", "userId": row["customer"]}, line))
    assert event == {"type": "page", "userId": "u1"}


def test_lines_that_are_no_rows(caplog: pytest.LogCaptureFixture) -> None:
    items = [
        b"nope",
        b"[1]",
        b"5",
        b"",
        b'{"customer": NaN}',
        "\ud83d".encode("utf-8", "surrogatepass"),
        7,
        None,
    ]
    for mapping in (PERSON, lambda row: {"type": "identify", "userId": row["customer"]}):
        made = mapped(mapping, *items)
        errors = [event for event in events(made) if isinstance(event, SegmentEventError)]
        assert {error.reason for error in errors} <= {"not_json", "not_an_object"}
        assert len(errors) == 6 and made.rows == 7, "the blank line is none"


def test_several_objects_on_a_line_are_rows_of_their_own() -> None:
    line = json.dumps(ROW) + json.dumps({**ROW, "total": "a lot"}) + json.dumps({**ROW, "customer": "u2"})
    made = mapped([PERSON, ORDER], line.encode())
    assert [position for position, _ in made.placed()] == pytest.approx(
        [1 / 6, 1 / 3, 1 / 2, 2 / 3, 5 / 6, 1]
    )
    [bad] = [position for position, item in made.placed() if isinstance(item, SegmentEventError)]
    assert json.loads(made.kept(bad, None).row) == {**ROW, "total": "a lot"}


def test_what_a_function_raises_rejects_the_row() -> None:
    def function(row: dict[str, Any]) -> Any:
        if row["id"] == 1:
            raise SegmentEventError("missing_field", "no name", "name")
        return {"type": "page", "userId": row["user"]}

    made = mapped(function, {"id": 1}, {"id": 2}, {"id": 3, "user": "u"})
    first, second, third = events(made)
    assert (first.reason, first.column) == ("missing_field", "name")
    assert (second.reason, second.detail) == ("mapping_failed", "KeyError: 'user'")
    assert third["userId"] == "u"
    assert made.kept(2, second) == RejectedRow({"id": 2}, None)


def test_a_function_may_make_several_events_or_none() -> None:
    made = mapped(lambda row: [ROW] * row["n"] if row["n"] else None, {"n": 2}, {"n": 0}, {"n": 1})
    assert [position for position, _ in made.placed()] == [0.5, 1, 3]
    assert (made.rows, made.skipped) == (3, 1)


def test_numbers_that_json_readers_would_lose_become_text() -> None:
    line = b'{"customer": "u", "city": 9007199254740993}'
    [event] = events(mapped(PERSON, line))
    assert event["traits"]["city"] == "9007199254740993"
    [event] = events(mapped(PERSON, b'{"customer": "u", "city": 0.30000000000000004}'))
    assert event["traits"]["city"] == 0.30000000000000004


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


ODD = {
    "a huge number": 10**5_000,
    "a number with a huge exponent": Decimal("1e999990"),
    "a signalling NaN": Decimal("sNaN"),
    "a deep list": nested(5_000),
    "half of an emoji": "\ud83d",
    "no date": "2026-13-45T00:00:00Z",
    "the last moment": datetime.max.replace(tzinfo=timezone.utc),
    "no key": {None: 1, b"x": 2},
    "a class": object,
    "a text of a class": type("Text", (str,), {})("x"),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("kind", [None, "number", "text", "boolean", "json", "timestamp", "base64"])
def test_an_odd_value_rejects_its_row_at_most(name: str, kind: str | None) -> None:
    column: Any = "$x" if kind is None else {"$": "x", "as": kind}
    templates = [
        {"type": "page", "userId": "u", "properties": {"x": column}},
        {"type": "page", "userId": "u", "timestamp": column},
        {"type": "page", "userId": "u", "when": {"$": "x", "equals": 1}},
        {"type": "page", "userId": column, "name": column, "properties": {"rest": "$*"}},
        {"type": "page", "userId": "u", "properties": {"x": {"$": "x", "path": [-3]}}},
    ]
    for template in templates:
        for keys in ((), ("x",)):
            rows = [(ODD[name], 1), ("2026-01-02T03:04:05Z", 2)]
            made = mapped(template, *rows, columns=("x", "y"), keys=keys)
            for position, item in made.placed():
                assert isinstance(item, (bytes, SegmentEventError))
                assert "Traceback" not in str(item) and made.kept(position, item) is not None


def test_a_row_that_fails_as_a_whole_makes_all_its_events_when_it_is_corrected() -> None:
    def broken(row: dict[str, Any]) -> Any:
        raise RuntimeError

    def mended(row: dict[str, Any]) -> Any:
        return [{"type": "identify", "userId": "u"}, {"type": "page", "userId": "u"}]

    made = mapped(broken, {"id": 5})
    [(position, error)] = made.placed()
    kept = made.kept(position, error)
    assert kept == RejectedRow({"id": 5}, None)
    letter = {"row": kept.row, "reason": error.reason, "detail": error.detail}
    assert len(events(mapped(mended, json.dumps(letter).encode()))) == 2
    third = {**letter, "template": 3}
    [error] = events(mapped(mended, json.dumps(third).encode()))
    assert "no longer makes event 3" in error.detail


@pytest.mark.parametrize("user", [5, "5", Decimal("5.00"), 5.0])
def test_the_id_of_a_function_s_event_follows_what_is_sent(user: Any) -> None:
    [event] = events(mapped(lambda row: {"type": "page", "userId": user}, {"id": 1}, keys=["id"]))
    [same] = events(mapped({"type": "page", "userId": "$user"}, {"id": 1, "user": "5"}, keys=["id"]))
    assert event["messageId"] == same["messageId"]


def test_ids_of_one_row_are_compared_as_they_are_sent() -> None:
    first, second = events(
        mapped(lambda row: [{"type": "page", "messageId": 7}, {"type": "page", "messageId": "7"}], {"id": 1})
    )
    assert first["messageId"] == 7 and second.reason == "same_message_id"


def test_the_hour_that_a_clock_shows_twice_is_no_fault_of_pandas_times() -> None:
    pandas = pytest.importorskip("pandas")
    moment = pandas.Timestamp("2026-10-25T00:30:00.123456789Z").tz_convert("Europe/Rome")
    [event] = events(mapped({"type": "page", "userId": "u", "timestamp": "$x"}, (moment,), columns=("x",)))
    assert event["timestamp"] == "2026-10-25T00:30:00.123456Z"
