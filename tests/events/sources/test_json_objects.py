"""Objects that are not one per line."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_segment.events.sources.json_objects import objects_in, split_objects
from airflow_provider_segment.events.sources.source import Overlong

pytestmark = pytest.mark.core


def split(text: bytes, block: int = 1 << 20) -> list[Any]:
    blocks = (text[start : start + block] for start in range(0, len(text), block))
    return [item for items in split_objects(blocks) for item in items]


@pytest.mark.parametrize("block", [1, 3, 1 << 20])
@pytest.mark.parametrize(
    ("text", "items"),
    [
        (b"", []),
        (b"[]", []),
        (b'[{"a":1},{"b":{"c":[{}]}}]\n', [b'{"a":1}', b'{"b":{"c":[{}]}}']),
        (b'{"a":"}{"}{"b":"\\"}"}', [b'{"a":"}{"}', b'{"b":"\\"}"}']),
        (b'{\n "a": [1,\n 2]\n}\n{\n "b": 2\n}', [b'{\n "a": [1,\n 2]\n}', b'{\n "b": 2\n}']),
        (b'[{"a":1}]\n[{"b":2}]', [b'{"a":1}', b'{"b":2}']),
        (b'\x1e{"a":1}\n\x1e{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
        (b'{"a":1},\n{"b":2},\n', [b'{"a":1}', b'{"b":2}']),
        # What is no object, and what is damaged, is one item each.
        (b'[1, "a, b", null, {"a":1}]', [b"1", b'"a, b"', b"null", b'{"a":1}']),
        (b'{"a":1}garbage{"b":2}', [b'{"a":1}', b"garbage", b'{"b":2}']),
        (b'[{"a":NaN},{"b":2}]', [b'{"a":NaN}', b'{"b":2}']),
        (
            b'[{"a":NaN,"b":[{"type":"page"},{"type":"page"}]}]',
            [b'{"a":NaN,"b":[{"type":"page"},{"type":"page"}]}'],
        ),
        (b'{"a":"\\ud83d"}{"\\ud83d":1}{"b":2}', [b'{"a":"\\ud83d"}', b'{"\\ud83d":1}', b'{"b":2}']),
    ],
)
def test_objects(text: bytes, items: list[bytes], block: int) -> None:
    assert split(text, block) == items


@pytest.mark.parametrize(
    "damage",
    [
        b'{"a":[1}',
        b'{"a":{"b":1}',
        b'{"a":"x}',
        b'{"a":1]',
        b'{"a":[{"b":1},{"b":2}],"c":{"d":1}',
        b'{"a":NaN}',
        b'{"a":"x\ny"}',
        b'{"a":"x,\n "b":1}',
    ],
)
@pytest.mark.parametrize("between", [b"", b",", b"\n"])
def test_a_damaged_object_takes_no_other_with_it(damage: bytes, between: bytes) -> None:
    good = [b'{"type":"page","userId":"%d"}' % n for n in range(3)]
    items = split(between.join([good[0], damage, *good[1:]]))
    assert items[0] == good[0] and items[-2:] == good[1:]
    assert len(items) == 4


def test_an_object_that_is_nested_too_deeply_is_one_item() -> None:
    deep = b'{"a":%b%b}' % (b"[" * 3_000, b"]" * 3_000)
    assert split(deep + b'{"b":2}') == [deep, b'{"b":2}']


@pytest.mark.parametrize("damage", [b'{"a":{"b":1}', b'{"a":"x}', b'{"a":[1}', b'{"a":1]'])
def test_many_damaged_objects_are_as_many_items(damage: bytes) -> None:
    good = b'{"type":"page","userId":"1"}'
    items = split(b"[%b]" % b",".join([damage, damage, good] * 5_000))
    assert items.count(good) == 5_000
    assert len(items) == 15_000


@pytest.mark.parametrize(
    ("text", "items"),
    [
        (b'[{"a":1},{"b":', [b'{"a":1}', b'{"b":']),
        (b'[{"a":1},', [b'{"a":1}']),
        (b'[{"a":1}', [b'{"a":1}']),
        (
            b'{"a":1}{"b":[{"type":"page"},{"type":"page"}',
            [b'{"a":1}', b'{"b":[{"type":"page"},{"type":"page"}'],
        ),
    ],
)
def test_a_text_that_ends_too_early_is_an_error_after_what_it_has(text: bytes, items: list[bytes]) -> None:
    found: list[Any] = []
    with pytest.raises(ValueError, match="cut off"):
        for block in split_objects([text]):
            found += block
    assert found == items


@pytest.mark.parametrize(
    ("line", "objects"),
    [
        (b'{"a":1}{"b":2}', [b'{"a":1}', b'{"b":2}']),
        (b'{"a":1} , {"b":2},', [b'{"a":1}', b'{"b":2}']),
        (b'[{"a":1}]', [b'{"a":1}']),
        (b'{"a":1}{"b":NaN}{"c":3}', [b'{"a":1}', b'{"b":NaN}', b'{"c":3}']),
        (b'{"a":1}', []),
        (b'{"a":NaN}', []),
        (b'{"a":1} and more', []),
        (b'{"a":[{"type":"page"},{"type":"page"}', []),
        (b"[1, 2]", []),
        (b"a, b", []),
    ],
)
def test_objects_of_one_line(line: bytes, objects: list[bytes]) -> None:
    assert objects_in(line) == objects


def test_an_object_that_is_too_long_is_one_item_and_not_the_end() -> None:
    for long in (
        b'{"x":[%b{}]}' % (b'{"type":"page","userId":"%b"},' % (b"1" * 1_000) * 2_500),
        b'{"x":"%b\\"}"}' % (b"x" * (5 << 20)),
        b'{"x":[%b{}]}' % (b"{%b}," % (b" " * 100) * 25_000),
    ):
        first, second, third = split(b'[{"a":1},%b,{"b":2}]' % long)
        assert (first, third) == (b'{"a":1}', b'{"b":2}')
        assert second == Overlong(long[:1_000], len(long))


names = st.text(max_size=3)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('{}[]",\\ a\n', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
events = st.lists(st.dictionaries(names, values, max_size=3), max_size=8)


@given(events, st.sampled_from([None, 2]), st.sampled_from(["[,]", ",", "", "\n", " \n"]), st.integers(1, 90))
def test_every_arrangement_gives_the_objects(
    events: list[dict[str, Any]], indent: int | None, arrangement: str, block: int
) -> None:
    texts = [json.dumps(event, indent=indent).encode() for event in events]
    text = arrangement.strip("[]").encode().join(texts)
    if arrangement == "[,]":
        text = b"[%b]" % text
    assert split(text, block) == texts


BETWEEN = b" \t\r\n,[]"
PIECES = [*'{}[]",:\\ \na1', "NaN", '{"type":"page"}', '{"a":"b"}', "},{", "}{", "\0", "\\ud83d", "ä"]


@example('{"type":"page"}{"\n{"type":"page"}', 1_000)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join), st.sampled_from([1, 2, 5, 1_000]))
def test_whatever_the_text_is_no_part_of_it_is_lost(text: str, block: int) -> None:
    rest = text.encode()
    blocks = [rest[start : start + block] for start in range(0, len(rest), block)]
    found: list[bytes] = []
    with suppress(ValueError):  # it was cut off
        for items in split_objects(blocks):
            found += items
    for item in found:
        assert item
        between, _, rest = rest.partition(item)
        assert not between.strip(BETWEEN)
    assert not rest.strip(BETWEEN)
