"""Warehouses: syncs that fail, lag or skip rows, and those that nothing feeds."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from airflow_provider_segment.audit.outcomes import Finding, NotChecked, Outcomes, each
from airflow_provider_segment.audit.resources import Source, Warehouse
from airflow_provider_segment.audit.workspace import Workspace
from airflow_provider_segment.waiting.condition import moment
from airflow_provider_segment.waiting.warehouses import Report, outcome_of, reports_since

PAGE_SIZE = 1_000
"""As many as Segment allows: of no other list are so few requests answered."""
NOTICES = 3
LONGEST_NOTICE = 200
"""How many notices of a sync a finding has, and how many characters of each."""


def syncs(workspace: Workspace) -> Outcomes:
    """The syncs of all warehouses. Slow: Segment answers two requests a minute."""

    def look(warehouse: Warehouse) -> Outcomes:
        if not warehouse.enabled:
            yield Finding("warehouse_disabled", warehouse.thing, {})
            return
        path = "/warehouses/{id}/connected-sources"
        connected = workspace.items_of(path, warehouse.id, "sources", Source)
        feeding = [source for source in connected if source.enabled]
        if not feeding:
            facts = {"connected_sources": len(connected), "enabled_sources": 0}
            yield Finding("warehouse_without_source", warehouse.thing, facts)
            return
        yield from of_sources(workspace, warehouse, feeding)

    yield from each(workspace.warehouses(), lambda warehouse: f"the warehouse {warehouse.title}", look)


def of_sources(workspace: Workspace, warehouse: Warehouse, sources: list[Source]) -> Outcomes:
    """What hurts in the syncs of the sources that feed a warehouse."""
    hours = workspace.limits.max_sync_age_hours
    reports: dict[str, list[Report]] = defaultdict(list)
    # A sync loads what came before it began: its start says how old the data in the warehouse are.
    for report in workspace.ask(
        reports_since(workspace.since(hours=hours), warehouse.id, page_size=PAGE_SIZE)
    ):
        reports[report["sourceId"]].append(report)
    last = {source.id: _last_ended(reports[source.id]) for source in sources}
    outcomes = {id: outcome_of(report) for id, report in last.items() if report}
    seen = {source.id: {outcome_of(report) for report in reports[source.id]} for source in sources}
    behind = [source for source in sources if "success" not in seen[source.id]]
    lagging = [source for source in behind if "unknown" not in seen[source.id]]
    by_kind = {
        "warehouse_failing": [source for source in sources if outcomes.get(source.id) == "failed"],
        "warehouse_skipped_rows": [source for source in sources if outcomes.get(source.id) == "partial"],
    }
    for kind, some in by_kind.items():
        if some:
            notices = [text for source in some for text in _notices(last[source.id])]
            titles = [source.title for source in some]
            yield Finding(kind, warehouse.thing, {"sources": titles, "notices": notices})
    if lagging:
        titles = [source.title for source in lagging]
        yield Finding("warehouse_lagging", warehouse.thing, {"sources": titles, "hours": hours})
    for source in sources:
        if outcomes.get(source.id) == "unknown" or (source in behind and source not in lagging):
            what = f"the syncs of {source.title} to {warehouse.title}"
            yield NotChecked(what, "a status has a word that is not known: see the log")


def _last_ended(reports: list[Report]) -> Report | None:
    ended = [report for report in reports if report.get("end")]
    return max(ended, key=lambda report: moment(report["start"]), default=None)


def _notices(report: Report | None) -> list[str]:
    notices: list[dict[str, Any]] = (report or {}).get("notices") or []
    return [str(notice.get("message"))[:LONGEST_NOTICE] for notice in notices[:NOTICES]]
