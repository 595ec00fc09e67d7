"""What happens at Segment, again and again: for triggers that tell of each thing once.

A look brings all that can be seen now; its verdict is never "done", its result are the happenings.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from typing_extensions import TypedDict

from airflow_provider_segment.waiting.condition import Ask, Check, Condition, Verdict, moment, pages
from airflow_provider_segment.waiting.reverse_etl import latest_syncs
from airflow_provider_segment.waiting.warehouses import ask_reports, outcome_of
from airflow_provider_segment.waiting.window import Window
from airflow_provider_segment.waiting.words import meaning_of
from airflow_provider_segment.wire import fill_path

HORIZON = timedelta(hours=6)
"""How much later than others that came after it a happening may be seen."""


class Happening(TypedDict):
    """One thing that happened.

    ``key``: the same for the same; ``at``: when; ``lane``: of one lane only one is told at a time;
    ``outcome``: how it ended; ``what``: plain JSON, for the DAG.
    """

    key: str
    at: datetime
    lane: str
    outcome: str
    what: dict[str, Any]


def seen(happenings: list[Happening]) -> Verdict:
    """A verdict that holds what happened."""
    return Verdict("waiting", f"{len(happenings)} happenings", happenings)


class WarehouseSyncs(Condition, frozen=True, kw_only=True):
    """Syncs to a warehouse that ended, on the page of the newest."""

    warehouse_id: str

    def check(self, now: datetime) -> Check:
        """Look at the reports."""
        data = yield ask_reports(self.warehouse_id)
        return seen(
            [
                {
                    "key": f"{report['sourceId']}/{report['start']}",
                    "at": moment(report["end"]),
                    "lane": report["sourceId"],
                    "outcome": outcome_of(report),
                    "what": {"warehouse_id": self.warehouse_id, **report},
                }
                for report in data.get("reports") or []
                if report.get("end")
            ]
        )


class ReverseEtlSyncs(Condition, frozen=True, kw_only=True):
    """Syncs of a mapping that ended."""

    model_id: str
    subscription_id: str

    def check(self, now: datetime) -> Check:
        """Look at the latest."""
        syncs = yield from latest_syncs(self.model_id, self.subscription_id)
        return seen(
            [
                {
                    "key": sync["syncId"],
                    "at": moment(sync["finishedAt"]),
                    "lane": self.subscription_id,
                    "outcome": meaning_of(sync["syncStatus"]),
                    "what": sync,
                }
                for sync in syncs
                if sync.get("finishedAt")
            ]
        )


class AudienceUpdates(Condition, frozen=True, kw_only=True):
    """An audience is another than before: it was changed, or has another size."""

    space_id: str
    audience_id: str

    def check(self, now: datetime) -> Check:
        """Look at the audience."""
        path = fill_path("/spaces/{s}/audiences/{a}", {"s": self.space_id, "a": self.audience_id})
        audience = (yield Ask(path))["audience"]
        size = audience.get("size")
        names = ("id", "name", "key", "status", "updatedAt")
        happening: Happening = {
            "key": f"{audience.get('updatedAt')}/{(size or {}).get('count')}",
            "at": now,
            "lane": self.audience_id,
            "outcome": meaning_of(audience["status"]),
            "what": {**{name: audience.get(name) for name in names}, "size": size},
        }
        return seen([happening])


class VolumeCrossings(Condition, frozen=True, kw_only=True):
    """So many events of a source came on one day (UTC)."""

    source_id: str
    count: int
    event_name: str | None = None
    event_type: str | None = None

    def check(self, now: datetime) -> Check:
        """Count the events of the day."""
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        query = Window(start=day, end=None, lag=60.0).query(now)
        if query is None:
            return seen([])
        filters = {"sourceId": self.source_id, "eventName": self.event_name, "eventType": self.event_type}
        lists = {name: [value] for name, value in filters.items() if value is not None}
        results = yield from pages("/events/volume", "result", {**query, **lists})
        count = sum(result["total"] for result in results)
        if count < self.count:
            return seen([])
        what = {"source_id": self.source_id, "day": f"{day:%F}", "count": count}
        return seen(
            [{"key": f"{day:%F}", "at": now, "lane": self.source_id, "outcome": "success", "what": what}]
        )


class AuditEvents(Condition, frozen=True, kw_only=True):
    """Events of the audit trail, of the last hours."""

    resource_type: str | None = None
    resource_id: str | None = None

    def check(self, now: datetime) -> Check:
        """Look at the audit trail. Who did it is left out: a DAG's runs are shown to everyone."""
        since = (now - HORIZON).replace(second=0, microsecond=0)
        query = {"startTime": since.isoformat(), "resourceType": self.resource_type}
        given = {name: value for name, value in query.items() if value is not None}
        if self.resource_id is not None:
            given["resourceId"] = self.resource_id
        events = yield from pages("/audit-events", "events", given)
        return seen(
            [
                {
                    "key": event["id"],
                    "at": moment(event["timestamp"]),
                    "lane": event["id"],
                    "outcome": "success",
                    "what": {
                        name: value for name, value in event.items() if name not in ("actor", "actorEmail")
                    },
                }
                for event in events
            ]
        )
