"""The pager: every walk through a list ends, whatever answers."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from airflow_provider_segment.api.pages import MAX_EMPTY_PAGES, MAX_PAGES, PROFILE, Pages, Paging
from airflow_provider_segment.errors import SegmentAnswerError, SegmentConfigurationError

pytestmark = pytest.mark.core

ONE = {"id": "one"}


def walk(pages: Pages, answer: Any) -> tuple[list[Any], int]:
    """The items of a walk, and how many pages it took; ``answer`` makes the answer to the n-th call."""
    items: list[Any] = []
    for number in itertools.count():
        if pages.next_call() is None:
            return items, number
        items += pages.take(answer(number))
    raise AssertionError


def queries(pages: Pages, *answers: Any) -> list[Any]:
    found = []
    for answer in answers:
        call = pages.next_call()
        assert call
        found.append(call.query)
        pages.take(answer)
    assert pages.next_call() is None
    return found


def test_where_count_and_cursor_are() -> None:
    ends: dict[str, Any] = {"t": [ONE], "pagination": {"current": "x", "next": None}}
    on = {"t": [ONE], "pagination": {"next": "A"}}
    assert queries(Pages("/t", query={"a": 1}, page_size=2), on, ends) == [
        {"a": 1, "pagination": {"count": 2}},
        {"a": 1, "pagination": {"count": 2, "cursor": "A"}},
    ]
    assert queries(Pages("/t", paging=Paging(group=None)), on, ends) == [
        {"count": 200},
        {"count": 200, "cursor": "A"},
    ]
    one_of_two = Pages("/t", key="t", paging=Paging("tPagination"))
    both: dict[str, Any] = {"t": [ONE], "u": [ONE], "uPagination": {"next": "U"}}
    assert queries(
        one_of_two, {**both, "tPagination": {"next": "T"}}, {**both, "tPagination": {"current": "T"}}
    ) == [
        {"tPagination": {"count": 200}},
        {"tPagination": {"count": 200, "cursor": "T"}},
    ]


def test_the_profile_api_says_whether_there_is_more() -> None:
    pages = Pages("/traits", key="traits", paging=PROFILE, page_size=2, api="profile")
    more = {"traits": {"a": 1}, "cursor": {"has_more": True, "next": "n"}}
    last = {"traits": {}, "cursor": {"has_more": False, "next": "n"}}
    assert queries(pages, more, last) == [{"limit": 2}, {"limit": 2, "next": "n"}]


@pytest.mark.parametrize("cursors", ["AA", "ABAB", "ABCDB"])
@pytest.mark.parametrize("items", [[], [{}]])
def test_a_cursor_seen_before(cursors: str, items: list[Any]) -> None:
    with pytest.raises(SegmentAnswerError, match=r"report it to Segment.*seen before"):
        walk(Pages("/t"), lambda number: {"t": items, "pagination": {"next": cursors[number]}})


def test_a_number_and_its_digits_are_one_cursor() -> None:
    with pytest.raises(SegmentAnswerError, match="seen before"):
        walk(Pages("/t"), lambda number: {"t": [ONE], "pagination": {"next": [10, "10"][number]}})


@pytest.mark.parametrize("next_", [["A"], {"a": 1}, True])
def test_what_is_no_cursor(next_: Any) -> None:
    with pytest.raises(SegmentAnswerError, match="expected the next page's cursor"):
        walk(Pages("/t"), lambda _: {"t": [ONE], "pagination": {"next": next_}})


@pytest.mark.parametrize("cursors", [[""], [None], [0, None], [5, 0, ""]])
def test_the_last_page_has_no_cursor(cursors: list[Any]) -> None:
    items, pages = walk(Pages("/t"), lambda n: {"t": [{"n": n}], "pagination": {"next": cursors[n]}})
    assert len(items) == pages == len(cursors)


@pytest.mark.parametrize("cursor", [{"next": ""}, {"next": None}, {}])
def test_more_pages_without_a_cursor(cursor: dict[str, Any]) -> None:
    pages = Pages("/p", key="data", paging=PROFILE, api="profile")
    with pytest.raises(SegmentAnswerError, match="'has_more' says that there is a next page"):
        walk(pages, lambda _: {"data": [ONE], "cursor": {"has_more": True, **cursor}})


@pytest.mark.parametrize(
    ("limits", "complaint"),
    [
        ({"limit": -1}, "limit must be at least 0"),
        ({"page_size": 0}, "page_size must be at least 1"),
        ({"page_size": -5, "limit": 1}, "page_size must be at least 1"),
    ],
)
def test_limits_that_make_no_sense(limits: dict[str, int], complaint: str) -> None:
    with pytest.raises(SegmentConfigurationError, match=complaint):
        Pages("/t", **limits)


@pytest.mark.parametrize("pagination", ["A", [1], 3, "", [], 0, False, None, {}])
def test_what_is_no_pagination(pagination: Any) -> None:
    with pytest.raises(SegmentAnswerError, match=r"expected `object`.* in pagination"):
        walk(Pages("/t", key="t"), lambda _: {"t": [ONE], "pagination": pagination})


def test_some_pages_may_be_empty() -> None:
    def answer(number: int) -> dict[str, Any]:
        last = number == 2 * MAX_EMPTY_PAGES
        items = [ONE] if number % (MAX_EMPTY_PAGES - 1) == 0 else []
        return {"t": items, "pagination": {"next": None if last else str(number)}}

    items, pages = walk(Pages("/t"), answer)
    assert items and pages == 2 * MAX_EMPTY_PAGES + 1


def test_empty_pages_without_end() -> None:
    asked: list[int] = []
    with pytest.raises(SegmentAnswerError, match="without an item"):
        walk(
            Pages("/t", key="t"),
            lambda number: asked.append(number) or {"t": [], "pagination": {"next": f"c{number}"}},
        )
    assert len(asked) == MAX_EMPTY_PAGES


def test_pages_without_end() -> None:
    asked: list[int] = []
    with pytest.raises(SegmentAnswerError, match="next page after"):
        walk(
            Pages("/t"),
            lambda number: asked.append(number) or {"t": [ONE], "pagination": {"next": f"c{number}"}},
        )
    assert len(asked) == MAX_PAGES


def test_a_limit_ends_a_list_without_end() -> None:
    items, pages = walk(Pages("/t", limit=5), lambda n: {"t": [{"n": n}], "pagination": {"next": f"c{n}"}})
    assert ([item["n"] for item in items], pages) == ([0, 1, 2, 3, 4], 5)


NO_LISTS: list[tuple[Any, str]] = [
    (None, "expected `object`, got `null`"),
    ([], "expected `object`, got `array`"),
    ("s3cret", "expected `object`, got `str`"),
    ({}, "expected `object` of length >= 1"),
    ({"status": "s3cret"}, "expected a member `sources`, found status"),
    ({"sources": None}, "expected `array`, got `null` in sources"),
    ({"sources": {"s3cret": 1}}, "expected `array`, got `object` in sources"),
    ({"sources": [1]}, "expected `object`, got `int` in sources.0"),
    ({"sources": [ONE, {"id": 7}]}, "expected `str | null`, got `int` in sources.1.id"),
    ({"sources": [ONE]}, "expected a member `pagination`, found sources"),
]


@pytest.mark.parametrize(("data", "complaint"), NO_LISTS)
def test_what_is_no_list(data: Any, complaint: str) -> None:
    with pytest.raises(SegmentAnswerError) as raised:
        walk(Pages("/sources", key="sources"), lambda _: data)
    assert f"GET /sources: unexpected answer (status 200): {complaint}" in str(raised.value)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({"sources": None, "pagination": {"next": None}}, "expected one list in data, found none"),
        ({"a": [], "b": [], "pagination": {"next": None}}, "expected one list in data, found a, b"),
        ({"sources": [1], "pagination": {"next": None}}, "expected `object`, got `int` in sources.0"),
        ({"sources": []}, "expected a member `pagination`"),
    ],
)
def test_what_is_no_only_list(data: Any, complaint: str) -> None:
    with pytest.raises(SegmentAnswerError, match=complaint):
        walk(Pages("/sources"), lambda _: data)


@pytest.mark.parametrize("pagination", [{}, {"pagination": None}, {"pagination": {"next": None}}])
def test_a_list_that_may_lack_pagination(pagination: dict[str, Any]) -> None:
    assert walk(Pages("/audit-events"), lambda _: {"events": [ONE], **pagination}) == ([ONE], 1)


def test_a_list_that_may_be_null() -> None:
    null = {"filters": None, "pagination": None}
    assert walk(Pages("/filters", key="filters"), lambda _: null) == ([], 1)
    with pytest.raises(SegmentAnswerError, match="expected a member `filters`"):
        walk(Pages("/filters", key="filters"), lambda _: {"pagination": None})


def test_a_list_of_text() -> None:
    invites = {"invites": ["a@example.com"], "pagination": {"current": "x"}}
    assert walk(Pages("/invites"), lambda _: invites) == (["a@example.com"], 1)
    with pytest.raises(SegmentAnswerError, match=r"expected `str`, got `object` in invites\.0"):
        walk(Pages("/invites"), lambda _: {**invites, "invites": [ONE]})
