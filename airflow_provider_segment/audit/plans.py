"""Tracking plans: sources without one, and events that it does not know."""

from __future__ import annotations

from airflow_provider_segment.audit import volume
from airflow_provider_segment.audit.outcomes import Finding, NotChecked, Outcomes, each
from airflow_provider_segment.audit.resources import Plan, Rule, Source
from airflow_provider_segment.audit.workspace import Workspace
from airflow_provider_segment.waiting.volume import MOST_GROUPS


def missing(workspace: Workspace) -> Outcomes:
    """Enabled sources that are connected to no plan."""
    plans = workspace.plan_of_source()
    of_models = yield from workspace.of_models()
    for source in workspace.included(workspace.sources()):
        if source.enabled and source.id not in of_models and source.id not in plans:
            yield Finding("source_without_plan", source.thing, {})


def unplanned(workspace: Workspace) -> Outcomes:
    """Track events of an enabled source with a plan, of which the plan has no rule of that very name."""
    plans = workspace.plan_of_source()
    sources = workspace.included(workspace.sources())
    with_plan = [source for source in sources if source.enabled and source.id in plans]
    since = workspace.since(days=workspace.limits.event_days)
    if not with_plan:
        return
    found = volume.names(workspace, since)

    def look(plan: Plan) -> Outcomes:
        rules = workspace.items_of("/tracking-plans/{id}/rules", plan.id, "rules", Rule)
        known = {rule.key for rule in rules if rule.type == "TRACK"}
        for source in with_plan:
            if plans[source.id] is plan:
                yield from of_source(source, plan, known)

    def of_source(source: Source, plan: Plan, known: set[str | None]) -> Outcomes:
        if source.id in found.cut_off:
            yield NotChecked(
                f"all event names of {source.title}",
                f"it has more than the {MOST_GROUPS:,} that Segment lists",
            )
        counts = {
            name: count
            for (kind, name), count in found.names.get(source.id, {}).items()
            if kind == "track" and name is not None and name not in known
        }
        if counts:
            most_first = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
            facts = {
                "tracking_plan": plan.title,
                "tracking_plan_id": plan.id,
                "since": since.isoformat(timespec="minutes"),
                "events": sum(counts.values()),
                "names": [f"{name} ({count:,})" for name, count in most_first],
            }
            yield Finding("events_unplanned", source.thing, facts)

    in_use = {plan.id: plan for plan in plans.values()}
    yield from each(list(in_use.values()), lambda plan: f"events by the plan {plan.title}", look)
