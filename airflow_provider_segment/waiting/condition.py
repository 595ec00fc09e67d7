"""A condition: what to ask Segment, and what the answers say."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from importlib import import_module
from typing import Any, ClassVar, Literal, TypeVar

import msgspec

from airflow_provider_segment import __version__
from airflow_provider_segment.api.pages import PAGE_SIZE
from airflow_provider_segment.errors import SegmentAnswerError, SegmentConfigurationError

T = TypeVar("T")


@dataclass(frozen=True)
class Ask:
    """One question to the Public API: a GET.

    :param path: absolute path, percent-encoded
    :param query: query parameters
    :param media_type: a vendor media type to accept
    :param missing_ok: answer None where Segment answers 404, instead of raising
    """

    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    media_type: str | None = None
    missing_ok: bool = False

    @property
    def key(self) -> str:
        """The same for the same question."""
        return json.dumps([self.path, self.query, self.media_type, self.missing_ok], sort_keys=True)


State = Literal["waiting", "done", "failed"]


@dataclass(frozen=True)
class Verdict:
    """What the answers say.

    :param state: ``waiting``: look again later; ``failed``: it will not come true any more
    :param message: what was seen, in words, for logs and errors
    :param result: what to return to the DAG, plain JSON
    """

    state: State
    message: str
    result: Any = None


Check = Generator[Ask, Any, Verdict]
"""Yields questions, is sent the ``data`` of their answers, returns the verdict."""


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A state of Segment that can be waited for. It depends on its fields only, which survive as JSON.

    Airflow stores the class path and the fields with each deferred task: a new name for either orphans the
    tasks that are deferred at the moment of the upgrade. ``tests/triggers/test_stored_paths.py`` pins them.
    """

    moving: ClassVar[bool] = False
    """Whether each look asks another question: a window that moves on with time."""

    def check(self, now: datetime) -> Check:
        """Look once.

        :param now: the moment of looking, UTC
        """
        raise NotImplementedError

    def describe(self) -> str:
        """What is waited for, in a few words: ``a sync of warehouse abc since ...``."""
        raise NotImplementedError

    def freeze(self) -> tuple[str, dict[str, Any]]:
        """Class path and fields, as plain JSON."""
        cls = type(self)
        return f"{cls.__module__}.{cls.__qualname__}", msgspec.to_builtins(self)


def thaw(path: str, facts: Mapping[str, Any]) -> Condition:
    """The condition that :meth:`Condition.freeze` put down.

    :raises SegmentConfigurationError: this version of the package has no such condition, or it has other
        fields
    """
    module, _, name = path.rpartition(".")
    try:
        cls = getattr(import_module(module), name)
        if not issubclass(cls, Condition):
            raise TypeError("it is not a Condition")
        condition: Condition = msgspec.convert(facts, cls)
    except Exception as error:  # importing a module may raise anything
        raise SegmentConfigurationError(
            f"Cannot restore the condition {path}, which was stored when the task was deferred: {error}. "
            f"The installed airflow-provider-segment ({__version__}) is probably not the version that stored "
            "it. Clear the task, or let it be retried, to start the wait again."
        ) from error
    return condition


class Later(Condition, frozen=True, kw_only=True):
    """A moment has come.

    :param result: what to return then
    """

    moving = True

    moment: datetime
    result: Any = None

    def check(self, now: datetime) -> Check:
        """Look at the clock."""
        if now >= self.moment:
            return Verdict("done", "it is time", self.result)
        return Verdict("waiting", f"it is not yet {self.moment:%F %T %Z}")
        yield  # nothing is asked, but a check is a generator

    def describe(self) -> str:
        """What is waited for."""
        return f"{self.moment:%F %T %Z}"


def careful(check: Generator[Ask, Any, T]) -> Generator[Ask, Any, T]:
    """The same questions. Where an answer has another shape than Segment promises, that is an error as any.

    :raises SegmentAnswerError: from what the check stumbled over
    """
    answer: Any = None
    path = ""
    while True:
        try:
            ask = check.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        except (LookupError, TypeError, AttributeError, ValueError, msgspec.MsgspecError) as error:
            raise SegmentAnswerError("GET", path, 200, f"not what was expected: {error!r}") from error
        path = ask.path
        answer = yield ask


@lru_cache(maxsize=8192)
def moment(text: str) -> datetime:
    """A moment as Segment writes it: with a T or a space, with or without a zone, which is then UTC."""
    # Cached, because however many wait for syncs to a warehouse, all read the same reports.
    parsed = msgspec.convert(text.replace(" ", "T", 1), datetime)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)


def newest(
    path: str,
    key: str,
    since: datetime,
    start_of: Callable[[Any], str | None],
    *,
    query: Callable[[str | None], Mapping[str, Any]] = lambda cursor: {
        "pagination": _page(PAGE_SIZE, cursor)
    },
    media_type: str | None = None,
) -> Generator[Ask, Any, list[Any]]:
    """Ask for the items of a list of work that started at or after a moment.

    Segment does not document the order. Where a page is in order, the newest first, no more pages are needed
    than it takes to get back to the moment.

    :param start_of: when an item started, as Segment writes it
    :param query: the query for a page with a cursor
    """
    items: list[Any] = []
    cursor = None
    while True:
        data = yield Ask(path, query(cursor), media_type)
        page = [(moment(start), item) for item in data[key] or [] if (start := start_of(item))]
        items += [item for start, item in page if start >= since]
        starts = [start for start, _ in page]
        following = (data.get("pagination") or {}).get("next")
        done = starts == sorted(starts, reverse=True) and bool(starts) and starts[-1] < since
        if done or not following or following == cursor:
            return items
        cursor = following


def _page(count: int, cursor: str | None) -> dict[str, Any]:
    return {"count": count} | ({"cursor": cursor} if cursor else {})


def pages(path: str, key: str, query: Mapping[str, Any] | None = None) -> Generator[Ask, Any, list[Any]]:
    """Ask for all pages of a list: ``items = yield from pages("/sources", "sources")``."""
    items: list[Any] = []
    cursor = None
    while True:
        data = yield Ask(path, {**(query or {}), "pagination": _page(PAGE_SIZE, cursor)})
        items += data[key] or []  # null where there is none; but it is there
        following = (data.get("pagination") or {}).get("next")
        if not following or following == cursor:
            return items
        cursor = following
