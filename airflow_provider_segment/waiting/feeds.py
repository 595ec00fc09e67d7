"""Feeds of occurrences at Segment, for triggers that emit each occurrence once."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any, ClassVar

import msgspec
from typing_extensions import TypedDict

from airflow_provider_segment.api.paths import fill_path
from airflow_provider_segment.waiting.audiences import Audience
from airflow_provider_segment.waiting.condition import Ask, moment, pages
from airflow_provider_segment.waiting.reverse_etl import syncs_since
from airflow_provider_segment.waiting.volume import volume
from airflow_provider_segment.waiting.warehouses import outcome_of, reports_since
from airflow_provider_segment.waiting.window import DAY, Window
from airflow_provider_segment.waiting.words import meaning_of

MAX_LATENESS = timedelta(hours=6)
"""How late Segment may report an occurrence: by then later ones may have been seen already."""
LONGEST_SYNC = timedelta(days=2)
"""The longest a sync may take. Segment lists syncs by their start; they occur when they end."""


class Occurrence(TypedDict):
    """One thing that occurred at Segment.

    ``key``: its identity within the feed; ``at``: when it occurred; ``ordering_key``: occurrences with the
    same ordering key are emitted one at a time, oldest first; ``outcome``: how it ended; ``payload``: plain
    JSON, for the DAG.
    """

    key: str
    at: datetime
    ordering_key: str
    outcome: str
    payload: dict[str, Any]


Look = Generator[Ask, Any, list[Occurrence]]
"""Yields requests, is sent the ``data`` of their answers, returns the occurrences."""


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of occurrence. The fields identify the resource."""

    moving: ClassVar[bool] = False
    """Whether the requests depend on the time of the poll, as those of a sliding window do."""
    latest_only: ClassVar[bool] = False
    """Whether an occurrence is a state: one that comes back is emitted again."""

    def look(self, now: datetime, since: datetime) -> Look:
        """Poll once.

        :param now: the time of the poll, UTC
        :param since: report everything that occurred at or after this time; earlier occurrences may be
            included
        """
        raise NotImplementedError


class WarehouseSyncs(Feed, frozen=True, kw_only=True):
    """Syncs to a warehouse that have ended."""

    warehouse_id: str
    source_id: str | None = None
    """Only those of this source."""

    def look(self, now: datetime, since: datetime) -> Look:
        """Read the reports."""
        reports = yield from reports_since(since - LONGEST_SYNC, self.warehouse_id)
        return [
            {
                "key": f"{report['sourceId']}/{report['start']}",
                "at": moment(report["end"]),
                "ordering_key": report["sourceId"],
                "outcome": outcome_of(report),
                "payload": {"warehouse_id": self.warehouse_id, **report},
            }
            for report in reports
            if report.get("end") and self.source_id in (None, report["sourceId"])
        ]


class ReverseEtlSyncs(Feed, frozen=True, kw_only=True):
    """Reverse ETL syncs of a mapping that have ended."""

    model_id: str
    subscription_id: str

    def look(self, now: datetime, since: datetime) -> Look:
        """Read the syncs."""
        syncs = yield from syncs_since(since - LONGEST_SYNC, self.model_id, self.subscription_id)
        return [
            {
                "key": sync["syncId"],
                "at": moment(sync["finishedAt"]),
                "ordering_key": self.subscription_id,
                "outcome": meaning_of(sync["syncStatus"]),
                "payload": sync,
            }
            for sync in syncs
            if sync.get("finishedAt")
        ]


class AudienceUpdates(Feed, frozen=True, kw_only=True):
    """States of an audience: one for each change of its definition or size."""

    latest_only = True

    space_id: str
    audience_id: str

    def look(self, now: datetime, since: datetime) -> Look:
        """Read the audience."""
        path = fill_path("/spaces/{s}/audiences/{a}", {"s": self.space_id, "a": self.audience_id})
        audience = (yield Ask(path, shape={"audience": Audience}))["audience"]
        status, size = audience.get("status"), audience.get("size")  # which Segment may omit
        names = ("id", "name", "key", "status", "updatedAt")
        return [
            {
                "key": f"{audience.get('updatedAt')}/{(size or {}).get('count')}",
                "at": now,
                "ordering_key": self.audience_id,
                "outcome": meaning_of(status) if status else "running",
                "payload": {**{name: audience.get(name) for name in names}, "size": size},
            }
        ]


class VolumeCrossings(Feed, frozen=True, kw_only=True):
    """Days (UTC) on which a source received a number of events."""

    moving = True

    source_id: str
    count: int
    event_name: str | None = None
    event_type: str | None = None

    def look(self, now: datetime, since: datetime) -> Look:
        """Count the events of each day that overlaps the time since."""
        found: list[Occurrence] = []
        day = since.replace(hour=0, minute=0, second=0, microsecond=0)
        while day < now:
            parts = Window(start=day, end=day + DAY, lag=60.0).parts(now)
            count, _ = yield from volume(parts, self.source_id, self.event_name, self.event_type)
            if count >= self.count:
                payload = {"source_id": self.source_id, "day": f"{day:%F}", "count": count}
                found.append(
                    {
                        "key": f"{day:%F}",
                        "at": day + DAY,
                        "ordering_key": self.source_id,
                        "outcome": "success",
                        "payload": payload,
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
        """Read the audit trail, without the acting person: everyone who can see the DAG sees the payload."""
        start = since.replace(second=0, microsecond=0).isoformat()
        query = {"startTime": start, "resourceType": self.resource_type, "resourceId": self.resource_id}
        given = {name: value for name, value in query.items() if value is not None}
        item = {"id": str, "timestamp": str}
        events = yield from pages("/audit-events", "events", given, item=item)
        return [
            {
                "key": event["id"],
                "at": moment(event["timestamp"]),
                "ordering_key": event["id"],
                "outcome": "success",
                "payload": {
                    name: value for name, value in event.items() if name not in ("actor", "actorEmail")
                },
            }
            for event in events
        ]
