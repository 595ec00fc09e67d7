"""The pager: walks a list, page after page. It does no I/O, so blocking and asynchronous callers share it.

::

    pages = Pages("/sources", key="sources")
    while call := pages.next_call():
        items += pages.take(send(call).data)

Every walk ends, whatever the answers. These are errors:

- a cursor that was seen before in the same walk;
- a next page after ``MAX_EMPTY_PAGES`` consecutive pages without an item (a filter may empty some pages, but
  not that many);
- a next page after ``MAX_PAGES`` pages: more than any list at Segment has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_segment.api.calls import Call
from airflow_provider_segment.api.regions import Api
from airflow_provider_segment.errors import SegmentAnswerError

PAGE_SIZE = 200
"""Items per page by default: Segment's own default."""
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
    """

    group: str | None = "pagination"
    count: str = "count"
    cursor: str = "cursor"
    answer: str | None = None
    more: str | None = None

    def query(self, count: int, cursor: Any) -> dict[str, Any]:
        """The query parameters that ask for one page."""
        page = {self.count: count} | ({} if cursor is None else {self.cursor: cursor})
        return {self.group: page} if self.group else page

    def next_cursor(self, data: Mapping[str, Any]) -> Any:
        """The next page's cursor; None after the last page, where Segment sends null, "" or nothing."""
        found = data.get(self.answer or self.group or "pagination") or {}
        if not isinstance(found, Mapping):
            return found  # not a cursor, which the pager reports
        return None if self.more and not found.get(self.more) else found.get("next") or None


PUBLIC = Paging()
"""Nearly all lists of the Public API."""
PROFILE = Paging(group=None, count="limit", cursor="next", answer="cursor", more="has_more")
"""The lists of the Profile API."""


class Pages:
    """One walk through a list: returns the call for each page and takes its answer.

    :param path: the list's path
    :param query: further query parameters
    :param key: the list's name in the answer; None for the only list in it
    :param page_size: items per page
    :param limit: stop after this many items
    :param media_type: a vendor media type to accept
    :param api: which API has the list
    :param paging: where this API puts page size and cursor
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
        api: Api = "public",
        paging: Paging = PUBLIC,
    ) -> None:
        self._call = Call("GET", path, api=api, query=query, media_type=media_type)
        self._key = key
        self._page_size = page_size
        self._left = limit
        self._paging = paging
        self._cursor: Any = None
        self._seen: set[str] = set()
        self._taken = 0
        self._empty = 0
        self._ended = limit == 0

    def next_call(self) -> Call | None:
        """The call for the next page; None after the last."""
        if self._ended:
            return None
        count = self._page_size if self._left is None else min(self._page_size, self._left)
        query = {**(self._call.query or {}), **self._paging.query(count, self._cursor)}
        return Call("GET", self._call.path, api=self._call.api, query=query, media_type=self._call.media_type)

    def take(self, data: Any) -> list[Any]:
        """The items of a page; of an object, its pairs of name and value.

        :param data: the answer's ``data``; of the Profile API, the whole body
        :raises SegmentAnswerError: there is no such list, there are several and no ``key``, or the walk would
            not end
        """
        data = data if isinstance(data, Mapping) else {}
        items = self._items(data)
        self._move_to(self._paging.next_cursor(data), empty=not items)
        items = items[: self._left]
        if self._left is not None:
            self._left -= len(items)
            self._ended = self._ended or self._left <= 0
        return items

    def _items(self, data: Mapping[str, Any]) -> list[Any]:
        if self._key is None:
            lists = [value for value in data.values() if isinstance(value, list)]
            if len(lists) == 1:
                return lists[0]
        elif self._key in data:
            value = data[self._key]
            if value is None:  # some endpoints answer null instead of an empty list
                return []
            if self._paging is PROFILE and isinstance(value, Mapping):  # traits
                return list(value.items())
            if isinstance(value, list):
                return value
        wanted = f"the list {self._key!r}" if self._key else "one list"
        raise self._error(f"expected {wanted} in the answer, found {sorted(data)}")

    def _move_to(self, cursor: Any, *, empty: bool) -> None:
        self._taken += 1
        self._empty = self._empty + 1 if empty else 0
        self._cursor = cursor
        if cursor is None:
            self._ended = True
            return
        if type(cursor) not in (str, int, float):
            raise self._error(f"expected the next page's cursor, found {type(cursor).__name__}")
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
