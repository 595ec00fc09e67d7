"""How many events came. Source: https://docs.segmentapis.com/tag/Events"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from airflow_provider_segment.waiting.condition import Check, Condition, Verdict, pages
from airflow_provider_segment.waiting.window import Window


class EventVolume(Condition, frozen=True, kw_only=True):
    """So many events came in a window, counted when they arrived."""

    source_id: str
    window: Window
    event_name: str | None = None
    event_type: str | None = None
    min_count: int = 0
    max_count: int | None = None

    def check(self, now: datetime) -> Check:
        """Count."""
        query = self.window.query(now)
        if query is None:
            return Verdict("waiting", "nothing is counted yet")
        filters = {"sourceId": self.source_id, "eventName": self.event_name, "eventType": self.event_type}
        lists = {name: [value] for name, value in filters.items() if value is not None}
        results = yield from pages("/events/volume", "result", query={**query, **lists})
        series: Counter[str] = Counter()
        for result in results:
            for bucket in result.get("series") or []:
                series[bucket["time"]] += bucket["count"]
        count = sum(result["total"] for result in results)
        found = {
            "count": count,
            "series": [{"time": time, "count": series[time]} for time in sorted(series)],
            "start": query["startTime"],
            "end": query["endTime"],
            "granularity": query["granularity"],
        }
        return self._verdict(count, found, now)

    def _verdict(self, count: int, found: dict[str, object], now: datetime) -> Verdict:
        over = self.window.is_over(now)
        message = f"{count:,} events" + (", which is final" if over else " so far")
        if self.max_count is not None and count > self.max_count:
            return Verdict("failed", message, found)
        if count >= self.min_count and (self.max_count is None or over):
            return Verdict("done", message, found)
        return Verdict("failed" if over else "waiting", message, found)

    def describe(self) -> str:
        """What is waited for."""
        names = " ".join(name for name in (self.event_type, self.event_name) if name)
        most = "" if self.max_count is None else f" and at most {self.max_count:,}"
        return (
            f"at least {self.min_count:,}{most} {names} events of source {self.source_id} "
            f"{self.window.describe()}"
        )
