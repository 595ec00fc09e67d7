"""A condition: what to ask Segment, and what the answers say."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from importlib import import_module
from typing import Any, Literal

import msgspec

from airflow_provider_segment.wire import PAGE_SIZE


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


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """Something that may be true of Segment. Its fields are all that it goes by, and survive as JSON."""

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
    """The condition that :meth:`Condition.freeze` put down."""
    module, _, name = path.rpartition(".")
    return msgspec.convert(facts, getattr(import_module(module), name))  # type: ignore[no-any-return]


class Later(Condition, frozen=True, kw_only=True):
    """A moment has come.

    :param result: what to return then
    """

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


@lru_cache(maxsize=8192)
def moment(text: str) -> datetime:
    """A moment as Segment writes it: with a T or a space, with or without a zone, which is then UTC."""
    # Cached, because however many wait for syncs to a warehouse, all read the same reports.
    parsed = msgspec.convert(text.replace(" ", "T", 1), datetime)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)


def pages(path: str, key: str, query: Mapping[str, Any] | None = None) -> Generator[Ask, Any, list[Any]]:
    """Ask for all pages of a list: ``items = yield from pages("/sources", "sources")``."""
    items: list[Any] = []
    cursor = None
    while True:
        page = {"count": PAGE_SIZE} | ({"cursor": cursor} if cursor else {})
        data = yield Ask(path, {**(query or {}), "pagination": page})
        items += data.get(key) or []
        following = (data.get("pagination") or {}).get("next")
        if not following or following == cursor:
            return items
        cursor = following
