"""Walks a list, page after page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_segment.api.calls import Answer, Call
from airflow_provider_segment.errors import SegmentAnswerError

PAGE_SIZE = 200
"""Items per page where nothing else is asked for: Segment's own default."""


class Pages:
    """Walks a list: hands out the call for each page and takes the answers.

    :param path: the list's path
    :param query: further query parameters
    :param key: the list's name under ``data``; None for the one list there is
    :param page_size: items per page
    :param limit: stop after so many items
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
    ) -> None:
        self._path = path
        self._query = query or {}
        self._key = key
        self._page_size = page_size
        self._left = limit
        self._media_type = media_type
        self._cursor: str | None = None
        self._ended = False

    def next_call(self) -> Call | None:
        """The call for the next page; None after the last."""
        if self._ended or self._left == 0:
            return None
        count = self._page_size if self._left is None else min(self._page_size, self._left)
        query = {**self._query, "pagination": {"count": count, "cursor": self._cursor}}
        return Call("GET", self._path, query=query, media_type=self._media_type)

    def take(self, call: Call, answer: Answer) -> list[Any]:
        """The items of an answer.

        :raises SegmentAnswerError: no such list; several and no ``key``; a cursor that would never end
        """
        data = answer.data if isinstance(answer.data, dict) else {}
        lists = [
            value
            for name, value in data.items()
            if isinstance(value, list) and (self._key is None or name == self._key)
        ]
        if len(lists) != 1:
            wanted = f"the list {self._key!r}" if self._key else "one list"
            raise SegmentAnswerError(
                call.method,
                call.safe_path,
                answer.status,
                f"expected {wanted} under data, found {sorted(data)}",
            )
        # The last page has no `next`, or a null one.
        cursor = (data.get("pagination") or {}).get("next") or None
        if cursor is not None and cursor == self._cursor:
            raise SegmentAnswerError(
                call.method, call.safe_path, answer.status, "the next page's cursor is this page's own"
            )
        self._cursor = cursor
        self._ended = cursor is None
        items = lists[0][: self._left]
        if self._left is not None:
            self._left -= len(items)
        return items
