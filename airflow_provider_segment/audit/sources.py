"""Sources that fell silent."""

from __future__ import annotations

from airflow_provider_segment.audit import volume
from airflow_provider_segment.audit.outcomes import Finding, Outcomes
from airflow_provider_segment.audit.workspace import Workspace


def silent(workspace: Workspace) -> Outcomes:
    """Enabled sources that received no event for so many days. One in the very minute then counts."""
    since = workspace.since(days=workspace.limits.silent_days)
    of_models = yield from workspace.of_models()
    sources = workspace.included(workspace.sources())
    received = volume.totals(workspace, since)
    for source in sources:
        if source.enabled and source.id not in of_models and not received[source.id]:
            facts = {"since": since.isoformat(timespec="minutes"), "type": source.metadata.name}
            yield Finding("source_silent", source.thing, facts)
