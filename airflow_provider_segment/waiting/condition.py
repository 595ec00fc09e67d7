"""A condition: which requests to send to Segment, and what the answers mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from importlib import import_module
from typing import Any, ClassVar, Literal, TypeVar, cast

import msgspec

from airflow_provider_segment import __version__
from airflow_provider_segment.api.pages import PAGE_SIZE, PUBLIC, Pages, Paging
from airflow_provider_segment.api.shapes import Data, check_shape
from airflow_provider_segment.errors import SegmentAnswerError, SegmentConfigurationError, SegmentError

T = TypeVar("T")


@dataclass(frozen=True)
class Ask:
    """A GET request to the Public API.

    :param path: absolute path, percent-encoded
    :param query: query parameters
    :param media_type: a vendor media type to accept
    :param missing_ok: a 404 yields None instead of raising
    :param shape: what the answer's ``data`` must look like; see :mod:`airflow_provider_segment.api.shapes`
    """

    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    media_type: str | None = None
    missing_ok: bool = False
    shape: Any = Data

    @property
    def key(self) -> str:
        """Identity of the request: equal requests have equal keys."""
        return json.dumps([self.path, self.query, self.media_type, self.missing_ok], sort_keys=True)


State = Literal["waiting", "done", "failed"]


@dataclass(frozen=True)
class Verdict:
    """Outcome of a poll.

    :param state: ``done``: the condition is met; ``waiting``: poll again later; ``failed``: it can no longer
        be met
    :param message: what was seen, for logs and errors
    :param result: value to return to the DAG, plain JSON
    """

    state: State
    message: str
    result: Any = None


Check = Generator[Ask, Any, Verdict]
"""Yields requests, is sent the ``data`` of their answers, returns the verdict. Of a request that failed, the
SegmentError is thrown in."""


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition on Segment's state. It depends on its fields only, which can be stored as JSON.

    Airflow stores the class path and the fields with each deferred task: renaming either breaks the tasks
    that are deferred during the upgrade. ``tests/triggers/test_stored_paths.py`` pins them.
    """

    moving: ClassVar[bool] = False
    """Whether the requests depend on the time of the poll, as those of a sliding window do."""

    def check(self, now: datetime) -> Check:
        """Poll once.

        :param now: the time of the poll, UTC
        """
        raise NotImplementedError

    def describe(self) -> str:
        """The condition in a few words, for logs and errors: ``a sync of warehouse abc since ...``."""
        raise NotImplementedError

    def freeze(self) -> tuple[str, dict[str, Any]]:
        """Class path and fields, as plain JSON, to be stored."""
        cls = type(self)
        return f"{cls.__module__}.{cls.__qualname__}", msgspec.to_builtins(self)


def thaw(path: str, facts: Mapping[str, Any]) -> Condition:
    """The condition that :meth:`Condition.freeze` stored.

    :raises SegmentConfigurationError: this version of the package has no such condition, or its fields differ
    """
    try:
        module, _, name = path.rpartition(".")
        cls = getattr(import_module(module), name)
        if not issubclass(cls, Condition):
            raise TypeError("not a Condition")
        return cast("Condition", msgspec.convert(facts, cls))
    except Exception as error:  # importing a module may raise anything
        raise SegmentConfigurationError(
            f"Cannot restore the condition {path}, which was stored when the task was deferred: {error}. "
            f"The installed airflow-provider-segment ({__version__}) is probably not the version that stored "
            "it. Clear the task, or retry it, to start the wait again."
        ) from error


class Later(Condition, frozen=True, kw_only=True):
    """A point in time has passed.

    :param result: value to return to the DAG
    """

    moving = True

    moment: datetime
    result: Any = None

    def check(self, now: datetime) -> Check:
        """Compare with the clock."""
        if now >= self.moment:
            return Verdict("done", "the time has come", self.result)
        return Verdict("waiting", f"it is not yet {self.moment:%F %T %Z}")
        yield  # no requests, but a check is a generator

    def describe(self) -> str:
        return f"{self.moment:%F %T %Z}"


def with_answer_errors(check: Generator[Ask, Any, T]) -> Generator[Ask, Any, T]:
    """The same requests; an answer without its shape, or that the check cannot read, becomes a SegmentError.

    :raises SegmentAnswerError: an answer is not as Segment documents it
    """
    answer: Any = None
    failure: SegmentError | None = None
    path = ""
    while True:
        try:
            ask = check.throw(failure) if failure else check.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
            # A time that is none, for instance. Without the error's text, which may quote the answer.
            raise _answer_error(path, f"a value is not as expected ({type(error).__name__})") from error
        except msgspec.ValidationError as error:
            raise _answer_error(path, f"a value is not as expected: {error}") from error
        path, failure = ask.path, None
        try:
            answer = yield ask
        except SegmentError as error:  # for the check, which may do without the answer
            failure = error
            continue
        if answer is None and ask.missing_ok:
            continue
        try:
            check_shape(answer, ask.shape)
        except ValueError as error:
            raise _answer_error(path, str(error)) from error


def _answer_error(path: str, detail: str) -> SegmentAnswerError:
    return SegmentAnswerError("GET", path, 200, detail)


@lru_cache(maxsize=8192)
def moment(text: str) -> datetime:
    """Parse a time in Segment's formats: with T or a space, with a zone or in UTC without one."""
    # Cached: all tasks that wait for syncs of a warehouse read the same reports.
    parsed = msgspec.convert(text.replace(" ", "T", 1), datetime)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)


def pages(
    path: str,
    key: str,
    query: Mapping[str, Any] | None = None,
    *,
    media_type: str | None = None,
    page_size: int = PAGE_SIZE,
    paging: Paging = PUBLIC,
    item: Any = None,
    enough: Callable[[list[Any]], bool] = lambda page: False,
) -> Generator[Ask, Any, list[Any]]:
    """Read all pages of a list: ``items = yield from pages("/sources", "sources")``.

    :param item: the shape of an item, where more than that of any resource is needed
    :param enough: whether to stop after a page
    :raises SegmentAnswerError: there is no such list, or its pages would never end
    """
    walk = Pages(
        path, query=query, key=key, page_size=page_size, media_type=media_type, item=item, paging=paging
    )
    items: list[Any] = []
    while call := walk.next_call():
        page = walk.take((yield Ask(path, call.query or {}, media_type, shape=call.shape)))
        items += page
        if enough(page):
            break
    return items


def newest(
    path: str,
    key: str,
    since: datetime,
    start_of: Callable[[Any], str | None],
    *,
    media_type: str | None = None,
    page_size: int = PAGE_SIZE,
    paging: Paging = PUBLIC,
    item: Any = None,
) -> Generator[Ask, Any, list[Any]]:
    """Read the items of a list that started at or after a given time.

    Segment does not document the order. A page sorted by start, newest first, whose last item started before
    that time, is the last page needed.

    :param start_of: the start of an item, in Segment's format; None if it has not started
    :raises SegmentAnswerError: there is no such list, or its pages would never end
    """

    def starts(items: list[Any]) -> list[datetime]:
        return [moment(start) for item in items if (start := start_of(item))]

    def enough(page: list[Any]) -> bool:
        found = starts(page)
        return bool(found) and found[-1] < since and found == sorted(found, reverse=True)

    items = yield from pages(
        path, key, media_type=media_type, page_size=page_size, paging=paging, item=item, enough=enough
    )
    return [item for item in items if (start := start_of(item)) and moment(start) >= since]
