"""The pager: every walk through a list ends, whatever answers."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from airflow_provider_segment.api.pages import MAX_EMPTY_PAGES, MAX_PAGES, PROFILE, Pages, Paging
from airflow_provider_segment.errors import SegmentAnswerError

pytestmark = pytest.mark.core


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
    ends: dict[str, Any] = {"t": [1], "pagination": {"current": "x", "next": None}}
    on = {"t": [1], "pagination": {"next": "A"}}
    assert queries(Pages("/t", query={"a": 1}, page_size=2), on, ends) == [
        {"a": 1, "pagination": {"count": 2}},
        {"a": 1, "pagination": {"count": 2, "cursor": "A"}},
    ]
    assert queries(Pages("/t", paging=Paging(group=None)), on, ends) == [
        {"count": 200},
        {"count": 200, "cursor": "A"},
    ]
    one_of_two = Pages("/t", key="t", paging=Paging("tPagination"))
    both: dict[str, Any] = {"t": [1], "u": [2], "uPagination": {"next": "U"}}
    assert queries(one_of_two, {**both, "tPagination": {"next": "T"}}, {**both, "tPagination": None}) == [
        {"tPagination": {"count": 200}},
        {"tPagination": {"count": 200, "cursor": "T"}},
    ]


def test_the_profile_api_says_whether_there_is_more() -> None:
    pages = Pages("/traits", key="traits", paging=PROFILE, page_size=2, api="profile")
    more = {"traits": {"a": 1}, "cursor": {"has_more": True, "next": "n"}}
    last = {"traits": {}, "cursor": {"has_more": False, "next": "n"}}
    assert queries(pages, more, last) == [{"limit": 2}, {"limit": 2, "next": "n"}]


@pytest.mark.parametrize("cursors", ["AA", "ABAB", "ABCDB"])
@pytest.mark.parametrize("items", [[], [1]])
def test_a_cursor_seen_before(cursors: str, items: list[int]) -> None:
    with pytest.raises(SegmentAnswerError, match=r"seen before.*report it to Segment"):
        walk(Pages("/t"), lambda number: {"t": items, "pagination": {"next": cursors[number]}})


def test_a_number_and_its_digits_are_one_cursor() -> None:
    with pytest.raises(SegmentAnswerError, match="seen before"):
        walk(Pages("/t"), lambda number: {"t": [1], "pagination": {"next": [10, "10"][number]}})


@pytest.mark.parametrize("next_", [["A"], {"a": 1}, True])
def test_what_is_no_cursor(next_: Any) -> None:
    with pytest.raises(SegmentAnswerError, match="expected the next page's cursor"):
        walk(Pages("/t"), lambda _: {"t": [1], "pagination": {"next": next_}})


@pytest.mark.parametrize("pagination", ["A", [1], 3])
def test_what_is_no_pagination(pagination: Any) -> None:
    with pytest.raises(SegmentAnswerError):
        walk(Pages("/t", key="t"), lambda _: {"t": [1], "pagination": pagination})


def test_some_pages_may_be_empty() -> None:
    def answer(number: int) -> dict[str, Any]:
        last = number == 2 * MAX_EMPTY_PAGES
        items = [number] if number % (MAX_EMPTY_PAGES - 1) == 0 else []
        return {"t": items, "pagination": {"next": None if last else str(number)}}

    items, pages = walk(Pages("/t"), answer)
    assert items and pages == 2 * MAX_EMPTY_PAGES + 1


@pytest.mark.parametrize("empty", [[], None])
def test_empty_pages_without_end(empty: Any) -> None:
    asked: list[int] = []
    with pytest.raises(SegmentAnswerError, match="without an item"):
        walk(
            Pages("/t", key="t"),
            lambda number: asked.append(number) or {"t": empty, "pagination": {"next": f"c{number}"}},
        )
    assert len(asked) == MAX_EMPTY_PAGES


def test_pages_without_end() -> None:
    asked: list[int] = []
    with pytest.raises(SegmentAnswerError, match="next page after"):
        walk(
            Pages("/t"),
            lambda number: asked.append(number) or {"t": [1], "pagination": {"next": f"c{number}"}},
        )
    assert len(asked) == MAX_PAGES


def test_a_limit_ends_a_list_without_end() -> None:
    items, pages = walk(Pages("/t", limit=5), lambda n: {"t": [n], "pagination": {"next": f"c{n}"}})
    assert (items, pages) == ([0, 1, 2, 3, 4], 5)
