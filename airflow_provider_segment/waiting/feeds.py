"""What happens at Segment, again and again: for triggers that tell of each thing once."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any, ClassVar

import msgspec
from typing_extensions import TypedDict

from airflow_provider_segment.api.paths import fill_path
from airflow_provider_segment.waiting.condition import Ask, moment, pages
from airflow_provider_segment.waiting.reverse_etl import syncs_since
from airflow_provider_segment.waiting.volume import volume
from airflow_provider_segment.waiting.warehouses import outcome_of, reports_since
from airflow_provider_segment.waiting.window import DAY, Window
from airflow_provider_segment.waiting.words import meaning_of

HORIZON = timedelta(hours=6)
"""How much later than others that came after it a happening may be seen."""
LONGEST_SYNC = timedelta(days=2)
"""How long before it is seen to have ended a sync may have started."""


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


Look = Generator[Ask, Any, list[Happening]]
"""Yields questions, is sent the ``data`` of their answers, returns what happened."""


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of happening. Its fields say of what."""

    moving: ClassVar[bool] = False
    """Whether each look asks another question: a window that moves on with time."""
    latest_only: ClassVar[bool] = False
    """Whether it is a state that comes and goes: the same as long ago is news."""

    def look(self, now: datetime, since: datetime) -> Look:
        """Look once.

        :param now: the moment of looking, UTC
        :param since: how far back to look, at least
        """
        raise NotImplementedError


class WarehouseSyncs(Feed, frozen=True, kw_only=True):
    """Syncs to a warehouse that ended."""

    warehouse_id: str

    def look(self, now: datetime, since: datetime) -> Look:
        """Look at the reports."""
        reports = yield from reports_since(since - LONGEST_SYNC, self.warehouse_id)
        return [
            {
                "key": f"{report['sourceId']}/{report['start']}",
                "at": moment(report["end"]),
                "lane": report["sourceId"],
                "outcome": outcome_of(report),
                "what": {"warehouse_id": self.warehouse_id, **report},
            }
            for report in reports
            if report.get("end")
        ]


class ReverseEtlSyncs(Feed, frozen=True, kw_only=True):
    """Syncs of a mapping that ended."""

    model_id: str
    subscription_id: str

    def look(self, now: datetime, since: datetime) -> Look:
        """Look at the syncs."""
        syncs = yield from syncs_since(since - LONGEST_SYNC, self.model_id, self.subscription_id)
        return [
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


class AudienceUpdates(Feed, frozen=True, kw_only=True):
    """An audience is another than before: it was changed, or has another size."""

    latest_only = True

    space_id: str
    audience_id: str

    def look(self, now: datetime, since: datetime) -> Look:
        """Look at the audience."""
        path = fill_path("/spaces/{s}/audiences/{a}", {"s": self.space_id, "a": self.audience_id})
        audience = (yield Ask(path))["audience"]
        status, size = audience.get("status"), audience.get("size")  # which Segment may leave out
        names = ("id", "name", "key", "status", "updatedAt")
        return [
            {
                "key": f"{audience.get('updatedAt')}/{(size or {}).get('count')}",
                "at": now,
                "lane": self.audience_id,
                "outcome": meaning_of(status) if status else "running",
                "what": {**{name: audience.get(name) for name in names}, "size": size},
            }
        ]


class VolumeCrossings(Feed, frozen=True, kw_only=True):
    """So many events of a source came on one day (UTC)."""

    moving = True

    source_id: str
    count: int
    event_name: str | None = None
    event_type: str | None = None

    def look(self, now: datetime, since: datetime) -> Look:
        """Count the events of each day that had not ended long before."""
        found: list[Happening] = []
        day = since.replace(hour=0, minute=0, second=0, microsecond=0)
        while day < now:
            parts = Window(start=day, end=day + DAY, lag=60.0).parts(now)
            count, _ = yield from volume(parts, self.source_id, self.event_name, self.event_type)
            if count >= self.count:
                what = {"source_id": self.source_id, "day": f"{day:%F}", "count": count}
                found.append(
                    {
                        "key": f"{day:%F}",
                        "at": day + DAY,
                        "lane": self.source_id,
                        "outcome": "success",
                        "what": what,
                    }
                )
            day += DAY
        return found


class AuditEvents(Feed, frozen=True, kw_only=True):
    """Events of the audit trail."""

    moving = True

    resource_type: str | None = None
    resource_id: str | None = None

    def look(self, now: datetime, since: datetime) -> Look:
        """Look at the audit trail. Who did it is left out: a DAG's runs are shown to everyone."""
        start = since.replace(second=0, microsecond=0).isoformat()
        query = {"startTime": start, "resourceType": self.resource_type, "resourceId": self.resource_id}
        given = {name: value for name, value in query.items() if value is not None}
        events = yield from pages("/audit-events", "events", given)
        return [
            {
                "key": event["id"],
                "at": moment(event["timestamp"]),
                "lane": event["id"],
                "outcome": "success",
                "what": {name: value for name, value in event.items() if name not in ("actor", "actorEmail")},
            }
            for event in events
        ]
