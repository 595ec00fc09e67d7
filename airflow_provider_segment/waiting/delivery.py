"""Conditions on the delivery of events. Source: https://docs.segmentapis.com/tag/Delivery-Overview"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from datetime import datetime
from typing import Any

from typing_extensions import TypedDict

from airflow_provider_segment.api.media_types import BETA
from airflow_provider_segment.waiting.condition import Ask, Check, Condition, State, Verdict
from airflow_provider_segment.waiting.window import Part, Window

PATHS: dict[str, str] = {
    "received": "/delivery-overview/successfully-received",
    "failed_on_ingest": "/delivery-overview/failed-on-ingest",
    "filtered_at_source": "/delivery-overview/filtered-at-source",
    "delivered": "/delivery-overview/successful-delivery",
    "failed_delivery": "/delivery-overview/failed-delivery",
    "filtered_at_destination": "/delivery-overview/filtered-at-destination",
}
AT_SOURCE = ("received", "failed_on_ingest", "filtered_at_source")
AT_DESTINATION = ("delivered", "failed_delivery", "filtered_at_destination")


class Bounds(TypedDict, total=False):
    """Bounds of a stage: counts, or shares (0 to 1) of all events at the same source or destination."""

    min: float
    max: float
    min_rate: float
    max_rate: float


class Delivered(Condition, frozen=True, kw_only=True):
    """The number of events in each stage is within its bounds."""

    moving = True

    source_id: str
    window: Window
    expect: dict[str, Bounds]
    destination_id: str | None = None
    event_name: str | None = None
    event_type: str | None = None

    def check(self, now: datetime) -> Check:
        """Count the events of the stages with bounds, and of those that their rates relate to."""
        try:
            parts = self.window.recent_parts(now)
        except ValueError as error:
            return Verdict("failed", str(error))
        if not parts:
            return Verdict("waiting", "no events are counted yet")
        over = self.window.is_over(now)
        counts = yield from self._counts(parts)
        states = {stage: self._judge(stage, bounds, counts, over) for stage, bounds in self.expect.items()}
        message = ", ".join(f"{stage.replace('_', ' ')}: {count:,}" for stage, count in counts.items())
        found = {**counts, "start": parts[0].start.isoformat(), "end": parts[-1].end.isoformat()}
        undecided: tuple[State, ...] = ("failed", "waiting")
        for state in undecided:
            if off := [stage for stage, stands in states.items() if stands == state]:
                return Verdict(state, f"{message} (not as expected: {', '.join(off)})", found)
        return Verdict("done", message, found)

    def _counts(self, parts: Sequence[Part]) -> Generator[Ask, Any, dict[str, int]]:
        wanted: dict[str, None] = {}
        for stage, bounds in self.expect.items():
            of_place = AT_SOURCE if stage in AT_SOURCE else AT_DESTINATION
            wanted |= dict.fromkeys(of_place if bounds.keys() & {"min_rate", "max_rate"} else [stage])
        names = {"eventName": self.event_name, "eventType": self.event_type}
        filters = {name: [value] for name, value in names.items() if value is not None}
        counts = dict.fromkeys(wanted, 0)
        for stage in wanted:
            of: dict[str, Any] = {"sourceId": self.source_id, "filter": filters}
            if stage in AT_DESTINATION:
                of["destinationConfigId"] = self.destination_id
            for part in parts:
                data = yield Ask(PATHS[stage], {**of, **part.query}, BETA, shape={"total": int | float})
                counts[stage] += int(data["total"])
        return counts

    @staticmethod
    def _judge(stage: str, bounds: Bounds, counts: dict[str, int], over: bool) -> State:
        count = counts[stage]
        place = AT_SOURCE if stage in AT_SOURCE else AT_DESTINATION
        whole = sum(counts.get(other, 0) for other in place)
        rate = count / whole if whole else 0.0
        if count > bounds.get("max", count):
            return "failed"  # a count never decreases
        low = count < bounds.get("min", 0) or rate < bounds.get("min_rate", 0.0)
        high = rate > bounds.get("max_rate", 1.0)
        if over:
            return "failed" if low or high else "done"
        return "waiting" if low or bounds.keys() - {"min"} else "done"

    def describe(self) -> str:
        """The condition in a few words, for logs and errors."""
        to = f" to destination {self.destination_id}" if self.destination_id else ""
        return f"the delivery of events of source {self.source_id}{to} {self.window.describe()}"
