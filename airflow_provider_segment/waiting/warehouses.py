"""Conditions on warehouses. Source: https://docs.segmentapis.com/tag/Warehouses"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator
from datetime import datetime
from typing import Any, Literal

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.api.pages import PAGE_SIZE
from airflow_provider_segment.api.paths import fill_path
from airflow_provider_segment.api.resources import Identified
from airflow_provider_segment.waiting.condition import (
    Ask,
    Check,
    Condition,
    State,
    Verdict,
    moment,
    newest,
    pages,
)
from airflow_provider_segment.waiting.words import Meaning, meaning_of

Report = dict[str, Any]
"""Segment's report of a sync of one source: ``sourceId``, ``start``, ``end``, ``status``..."""


class SyncReport(TypedDict):
    """What is read of a report."""

    sourceId: str
    start: str
    end: str | None
    status: str
    notices: NotRequired[list[dict[str, Any]] | None]


class WarehouseSynced(Condition, frozen=True, kw_only=True):
    """Each source has a successful sync to the warehouse that started at or after a given time.

    :param source_ids: the sources; None for all connected ones
    :param on_partial: what to do if a sync skipped rows, which the next one loads
    :param on_failed: what to do if a sync failed
    """

    warehouse_id: str
    since: datetime
    source_ids: list[str] | None = None
    on_partial: Literal["wait", "accept", "fail"] = "wait"
    on_failed: Literal["wait", "fail"] = "fail"

    def check(self, now: datetime) -> Check:
        """Read the reports of syncs, and the connected sources if none are given."""
        source_ids = self.source_ids
        if source_ids is None:
            path = fill_path("/warehouses/{id}/connected-sources", {"id": self.warehouse_id})
            connected = yield from pages(path, "sources", item=Identified)
            source_ids = [source["id"] for source in connected]
        reports = defaultdict(list)
        for report in (yield from reports_since(self.since, self.warehouse_id)):
            reports[report["sourceId"]].append(report)
        return self._verdict({source_id: self._judge(reports[source_id]) for source_id in source_ids})

    def describe(self) -> str:
        """The condition in a few words, for logs and errors."""
        sources = f" of {', '.join(self.source_ids)}" if self.source_ids else ""
        return (
            f"a sync{sources} to warehouse {self.warehouse_id} that started at or after {self.since:%F %T %Z}"
        )

    def _judge(self, reports: list[Report]) -> tuple[State, Report | None]:
        """The state of a source, and the sync that decides it."""
        newest_first = sorted(reports, key=lambda report: moment(report["start"]), reverse=True)
        good = {"success", "partial"} if self.on_partial == "accept" else {"success"}
        for report in newest_first:
            if outcome_of(report) in good:
                return "done", report
        if not newest_first:
            return "waiting", None
        reactions: dict[str, str] = {"partial": self.on_partial, "failed": self.on_failed}
        reaction = reactions.get(outcome_of(newest_first[0]), "wait")
        return ("failed" if reaction == "fail" else "waiting"), newest_first[0]

    def _verdict(self, standings: dict[str, tuple[State, Report | None]]) -> Verdict:
        states = {state for state, _ in standings.values()}
        undone = [
            f"{id} {summary_of(report)}" for id, (state, report) in standings.items() if state != "done"
        ]
        if not standings:
            return Verdict("waiting", "no source is connected")
        if "failed" in states:
            return Verdict("failed", "; ".join(undone))
        if undone:
            return Verdict(
                "waiting", f"{len(undone)} of {len(standings)} sources not synced: {'; '.join(undone[:5])}"
            )
        syncs = [report for _, report in standings.values()]
        return Verdict(
            "done", f"{len(syncs)} sources synced", {"warehouse_id": self.warehouse_id, "syncs": syncs}
        )


def reports_since(
    since: datetime, warehouse_id: str, *, page_size: int = PAGE_SIZE
) -> Generator[Ask, Any, list[Report]]:
    """Read the reports of syncs that started at or after a given time.

    The requests do not depend on that time, so all tasks that wait for syncs of a warehouse share them.
    """
    path = fill_path("/warehouses/{id}/syncs", {"id": warehouse_id})
    return (
        yield from newest(
            path, "reports", since, lambda report: report["start"], page_size=page_size, item=SyncReport
        )
    )


def outcome_of(report: Report) -> Meaning:
    """How a sync ended; ``running`` if it has not."""
    return meaning_of(report["status"]) if report.get("end") else "running"


def summary_of(report: Report | None) -> str:
    """The state of a sync, for logs and errors."""
    if report is None:
        return "(none yet)"
    notices = "".join(f", {notice.get('message')}" for notice in (report.get("notices") or [])[:3])
    state = report["status"] if report.get("end") else "running"
    return f"({state}, started {report['start']}{notices})"


class WarehouseConnected(Condition, frozen=True, kw_only=True):
    """Segment can connect to the warehouse."""

    warehouse_id: str

    def check(self, now: datetime) -> Check:
        """Have Segment test the connection."""
        path = fill_path("/warehouses/{id}/connection-state", {"id": self.warehouse_id})
        data = yield Ask(path, shape={"connectionState": str})
        state = data["connectionState"]
        return Verdict("done" if state == "CONNECTED" else "waiting", f"connection state {state}", state)

    def describe(self) -> str:
        """The condition in a few words, for logs and errors."""
        return f"a connection to warehouse {self.warehouse_id}"
