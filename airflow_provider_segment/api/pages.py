"""The pager: walks a list, page after page. It does no I/O, so blocking and asynchronous callers share it.

::

    pages = Pages("/sources", key="sources")
    while call := pages.next_call():
        items += pages.take(send(call).data)

Every walk ends, whatever the answers, and no page is taken for the last one by mistake. These are errors:

- an answer that says that there is a next page, but not where, or has something else in the cursor's place;
- a cursor that was seen before in the same walk;
- a next page after ``MAX_EMPTY_PAGES`` consecutive pages without an item (a filter may empty some pages, but
  not that many);
- a next page after ``MAX_PAGES`` pages: more than any list at Segment has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from typing_extensions import NotRequired

from airflow_provider_segment.api.calls import Call
from airflow_provider_segment.api.lists import MAY_BE_NULL, MAY_LACK_PAGINATION, OF_TEXT, is_one_of
from airflow_provider_segment.api.regions import Api
from airflow_provider_segment.api.resources import Resource
from airflow_provider_segment.api.shapes import Data, as_type, check_shape
from airflow_provider_segment.errors import SegmentAnswerError, SegmentConfigurationError

PAGE_SIZE = 200
"""Items per page by default: Segment's own default."""
LARGEST_COUNT = 1 << 31
MAX_EMPTY_PAGES = 1_000
"""Consecutive pages without an item that may be followed by another page."""
MAX_PAGES = 10_000
"""Pages per walk: two million items at the default page size."""


@dataclass(frozen=True)
class Paging:
    """Where an endpoint takes the page size and the cursor, and where it returns the next cursor.

    :param group: the query parameter that holds page size and cursor; None if they are separate parameters
    :param count: name of the page size
    :param cursor: name of the cursor
    :param answer: the answer's member that holds ``next``; by default named like ``group``
    :param more: the member next to ``next`` that says whether there is a next page, if there is one
    :param pairs: whether a list may also be an object; its items are the pairs of name and value
    """

    group: str | None = "pagination"
    count: str = "count"
    cursor: str = "cursor"
    answer: str | None = None
    more: str | None = None
    pairs: bool = False

    def query(self, count: int, cursor: Any) -> dict[str, Any]:
        """The query parameters that ask for one page."""
        page = {self.count: count} | ({} if cursor is None else {self.cursor: cursor})
        return {self.group: page} if self.group else page

    @property
    def member(self) -> str:
        """The answer's member that holds ``next``."""
        return self.answer or self.group or "pagination"

    def next_cursor(self, data: Mapping[str, Any]) -> Any:
        """The next page's cursor; None after the last page, where Segment sends null, "" or nothing.

        :raises ValueError: the answer does not say where the next page is
        """
        found = data.get(self.member)
        if found is None:
            return None
        if self.more and not found.get(self.more):
            return None
        cursor = found.get("next")
        if cursor is None or cursor == "":
            if self.more:
                raise ValueError(f"{self.more!r} says that there is a next page, but its cursor is missing")
            return None
        if type(cursor) not in (str, int, float):
            raise ValueError(f"expected the next page's cursor, found {type(cursor).__name__}")
        return cursor


PUBLIC = Paging()
"""Nearly all lists of the Public API."""
PROFILE = Paging(group=None, count="limit", cursor="next", answer="cursor", more="has_more", pairs=True)
"""The lists of the Profile API."""


def _only_list(data: Mapping[str, Any]) -> str:
    lists = [name for name, value in data.items() if isinstance(value, list)]
    if len(lists) != 1:
        raise ValueError(f"expected one list in data, found {', '.join(lists) or 'none'}")
    return lists[0]


def _check(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SegmentConfigurationError(
            f"{name} must be a whole number, and is of type {type(value).__name__}"
        )
    if not least <= value < LARGEST_COUNT:
        raise SegmentConfigurationError(f"{name} must be at least {least}, and less than {LARGEST_COUNT:,}")


class Pages:
    """One walk through a list: returns the call for each page and takes its answer.

    :param path: the list's path
    :param query: further query parameters
    :param key: the list's name in the answer; None for the only list in it
    :param page_size: items per page
    :param limit: stop after this many items
    :param media_type: a vendor media type to accept
    :param item: the shape of an item, as in :mod:`.shapes`; by default that of most, or text where documented
    :param beside: shapes of members that must be beside the list
    :param api: which API has the list
    :param paging: where this API puts page size and cursor
    :raises SegmentConfigurationError: ``page_size`` or ``limit`` is too small
    """

    def __init__(
        self,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        key: str | None = None,
        page_size: int = PAGE_SIZE,
        limit: int | None = None,
        media_type: str | None = None,
        item: Any = None,
        beside: Mapping[str, Any] | None = None,
        api: Api = "public",
        paging: Paging = PUBLIC,
    ) -> None:
        _check("page_size", page_size, 1)
        if limit is not None:
            _check("limit", limit, 0)
        self._call = Call("GET", path, api=api, query=query, media_type=media_type)
        self._key = key
        self._item = item or (str if is_one_of(path, OF_TEXT) else Resource)
        self._beside = beside or {}
        self._page_size = page_size
        self._left = limit
        self._paging = paging
        self._cursor: Any = None
        self._seen: set[str] = set()
        self._taken = 0
        self._empty = 0
        self._ended = limit == 0

    def _shape(self, key: str) -> Any:
        """What a page must look like."""
        items: Any = list[as_type(self._item)]  # type: ignore[misc]
        if self._paging.pairs:
            items |= dict[str, Any]
        path = self._call.path
        pagination: Any = Data
        if is_one_of(path, MAY_BE_NULL):
            items |= None
        if is_one_of(path, MAY_LACK_PAGINATION):  # elsewhere, the list may have been cut off
            pagination = NotRequired[Data | None]
        return {key: items, **self._beside, self._paging.member: pagination}

    def next_call(self) -> Call | None:
        """The call for the next page; None after the last."""
        if self._ended:
            return None
        count = self._page_size if self._left is None else min(self._page_size, self._left)
        query = {**(self._call.query or {}), **self._paging.query(count, self._cursor)}
        shape = self._shape(self._key) if self._key else Data
        return replace(self._call, query=query, shape=shape)

    def take(self, data: Any) -> list[Any]:
        """The items of a page; of an object, its pairs of name and value.

        :param data: the answer's ``data``; of the Profile API, the whole body
        :raises SegmentAnswerError: there is no such list, there are several and no ``key``, or the walk would
            not end
        """
        try:
            check_shape(data, Data)
            key = self._key or _only_list(data)
            check_shape(data, self._shape(key))
            cursor = self._paging.next_cursor(data)
        except ValueError as error:
            raise self._error(str(error)) from error
        found = data.get(key) or []
        items = list(found.items()) if isinstance(found, Mapping) else found
        self._move_to(cursor, empty=not items)
        items = items[: self._left]
        if self._left is not None:
            self._left -= len(items)
            self._ended = self._ended or self._left <= 0
        return items

    def _move_to(self, cursor: Any, *, empty: bool) -> None:
        self._taken += 1
        self._empty = self._empty + 1 if empty else 0
        self._cursor = cursor
        if cursor is None:
            self._ended = True
            return
        if str(cursor) in self._seen:
            raise self._endless("the next page's cursor was seen before: the pages would never end")
        self._seen.add(str(cursor))
        if self._empty >= MAX_EMPTY_PAGES:
            raise self._endless(f"a next page after {self._empty:,} consecutive pages without an item")
        if self._taken >= MAX_PAGES:
            raise self._error(f"a next page after {self._taken:,} pages", advice="Use a larger page size.")

    def _endless(self, detail: str) -> SegmentAnswerError:
        return self._error(detail, advice="Try again later; if it recurs, report it to Segment.")

    def _error(self, detail: str, **advice: str) -> SegmentAnswerError:
        return SegmentAnswerError("GET", self._call.safe_path, 200, detail, **advice)
