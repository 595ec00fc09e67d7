"""Conditions on the number of events received. Source: https://docs.segmentapis.com/tag/Events"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from datetime import datetime
from typing import Any

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.waiting.condition import Ask, Check, Condition, Verdict, pages
from airflow_provider_segment.waiting.window import Part, Window

MOST_GROUPS = 5_000
"""How many groups, such as names of events, Segment lists at most."""


class Bucket(TypedDict):
    """The events of one minute, hour or day."""

    time: str
    count: int


class Volume(TypedDict):
    """What is read of an entry of the event volume."""

    total: int
    series: NotRequired[list[Bucket] | None]


class EventVolume(Condition, frozen=True, kw_only=True):
    """The number of events that arrived in a window is within its bounds."""

    moving = True

    source_id: str
    window: Window
    event_name: str | None = None
    event_type: str | None = None
    min_count: int = 0
    max_count: int | None = None

    def check(self, now: datetime) -> Check:
        """Count the events."""
        parts = self.window.parts(now)
        if not parts:
            return Verdict("waiting", "no events are counted yet")
        count, series = yield from volume(parts, self.source_id, self.event_name, self.event_type)
        found = {
            "count": count,
            "series": series,
            "start": parts[0].start.isoformat(),
            "end": parts[-1].end.isoformat(),
        }
        over = self.window.is_over(now)
        message = f"{count:,} events" + (", which is final" if over else " so far")
        if self.max_count is not None and count > self.max_count:
            return Verdict("failed", message, found)
        if count >= self.min_count and (self.max_count is None or over):
            return Verdict("done", message, found)
        return Verdict("failed" if over else "waiting", message, found)

    def describe(self) -> str:
        """The condition in a few words, for logs and errors."""
        names = " ".join(name for name in (self.event_type, self.event_name) if name)
        most = "" if self.max_count is None else f" and at most {self.max_count:,}"
        return (
            f"at least {self.min_count:,}{most} {names} events of source {self.source_id} "
            f"{self.window.describe()}"
        )


def volume(
    parts: Sequence[Part], source_id: str, event_name: str | None, event_type: str | None
) -> Generator[Ask, Any, tuple[int, list[dict[str, Any]]]]:
    """Read the number of events: in total, and as a series by bucket."""
    filters = {"sourceId": source_id, "eventName": event_name, "eventType": event_type}
    lists = {name: [value] for name, value in filters.items() if value is not None}
    count, series = 0, Counter[str]()
    for part in parts:
        query = {**part.query, **lists}
        for result in (yield from pages("/events/volume", "result", query, item=Volume)):
            count += result["total"]
            for bucket in result.get("series") or []:
                series[bucket["time"]] += bucket["count"]
    return count, [{"time": time, "count": series[time]} for time in sorted(series)]
