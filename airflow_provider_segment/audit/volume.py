"""How many events came, by source, type and name. Source: https://docs.segmentapis.com/tag/Events"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator
from datetime import datetime
from typing import Any, NamedTuple

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.api.resources import Identified
from airflow_provider_segment.audit.workspace import Workspace
from airflow_provider_segment.waiting.condition import Ask, pages
from airflow_provider_segment.waiting.volume import MOST_GROUPS
from airflow_provider_segment.waiting.window import Part, Window

PAGE_SIZE = 1_000
MOST_SOURCES = 50
"""How many sources are asked for at once: their ids are part of a URL."""

Name = tuple[str, str | None]
"""Type and name of events. The type is empty if Segment does not say it."""


class Group(TypedDict):
    """What is read of a group of events."""

    total: int | float
    source: NotRequired[Identified | None]
    eventName: NotRequired[str | None]
    eventType: NotRequired[str | None]


class Volume(NamedTuple):
    """The events of a window.

    :param names: how many there were of each source, by type and name
    :param cut_off: sources of which Segment does not list all names
    """

    names: dict[str, Counter[Name]]
    cut_off: frozenset[str]


def parts(workspace: Workspace, start: datetime) -> list[Part]:
    """The time since then, up to the last full minute, of which Segment may not have counted everything."""
    return Window(start=start, end=None, lag=0.0).coarse_parts(workspace.now)


def totals(workspace: Workspace, start: datetime) -> Counter[str]:
    """How many events of each source came since a time."""

    def read() -> Generator[Ask, Any, Counter[str]]:
        counts = Counter[str]()
        ids = [source.id for source in workspace.sources()]
        for part in parts(workspace, start):
            for group in (yield from all_groups(part, ["source"], ids, set())):
                if source := group.get("source"):
                    counts[source["id"]] += int(group["total"])
        return counts

    return workspace.ask(read())


def names(workspace: Workspace, start: datetime) -> Volume:
    """How many events of each name came since a time."""

    def read() -> Generator[Ask, Any, Volume]:
        counts: dict[str, Counter[Name]] = defaultdict(Counter)
        cut_off: set[str] = set()
        by = ["source", "eventName", "eventType"]
        ids = [source.id for source in workspace.sources()]
        for part in parts(workspace, start):
            for group in (yield from all_groups(part, by, ids, cut_off)):
                if (source := group.get("source")) and group["total"]:
                    name = ((group.get("eventType") or "").lower(), group.get("eventName"))
                    counts[source["id"]][name] += int(group["total"])
        return Volume(dict(counts), frozenset(cut_off))

    return workspace.once(f"names since {start}", lambda: workspace.ask(read()))


def all_groups(
    part: Part, by: list[str], ids: list[str], cut_off: set[str]
) -> Generator[Ask, Any, list[Any]]:
    """The groups of all sources. If they are too many, fewer sources are asked for at once.

    :param cut_off: gets the sources that have too many alone
    """
    found = yield from groups(part, by)
    if len(found) < MOST_GROUPS:
        return found
    found = []
    waiting = [ids[at : at + MOST_SOURCES] for at in range(0, len(ids), MOST_SOURCES)]
    while waiting:
        some = waiting.pop()
        listed = yield from groups(part, by, sourceId=some)
        if len(listed) < MOST_GROUPS:
            found += listed
        elif len(some) > 1:
            half = len(some) // 2
            waiting += [some[:half], some[half:]]
        else:
            cut_off.update(some)
            found += listed
    return found


def groups(part: Part, by: list[str], **filters: list[str]) -> Generator[Ask, Any, list[Any]]:
    """The groups of a part of a window."""
    query = {**part.query, "groupBy": by, **filters}
    return (yield from pages("/events/volume", "result", query, page_size=PAGE_SIZE, item=Group))
