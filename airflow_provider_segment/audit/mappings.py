"""Mappings that match nothing, and those that are off."""

from __future__ import annotations

from collections.abc import Generator

from airflow_provider_segment.audit import volume
from airflow_provider_segment.audit.outcomes import Finding, NotChecked, Outcomes, each
from airflow_provider_segment.audit.resources import Destination, Mapping, Transformation
from airflow_provider_segment.audit.trigger import Trigger
from airflow_provider_segment.audit.volume import Name
from airflow_provider_segment.audit.workspace import Workspace
from airflow_provider_segment.errors import REFUSALS
from airflow_provider_segment.events.preview_note import counted
from airflow_provider_segment.waiting.volume import MOST_GROUPS

LONGEST = 500
"""Characters of a trigger that a finding has."""


def with_mappings(workspace: Workspace) -> list[Destination]:
    """The destinations that get events and may have mappings."""
    return [one for one in workspace.receiving() if one.metadata.actions]


def unused(workspace: Workspace) -> Outcomes:
    """Mappings that are disabled; and those whose trigger cannot match any event that came."""
    days = workspace.limits.event_days
    sources = {source.id: source for source in workspace.sources()}
    destinations = with_mappings(workspace)
    if not destinations:
        return
    found = volume.names(workspace, workspace.since(days=days))
    renamed = yield from names_by_transformation(workspace)

    def look(destination: Destination) -> Outcomes:
        source_id = destination.source_id
        path = "/destinations/{id}/subscriptions"
        mappings = workspace.items_of(path, destination.id, "subscriptions", Mapping)
        names = found.names.get(source_id, {}).keys() | renamed.get(source_id, set())
        source = sources.get(source_id)
        facts = {
            "destination": destination.title,
            "destination_id": destination.id,
            "source": source.title if source else source_id,
            "source_id": source_id,
        }
        tested = []
        for mapping in workspace.included(mappings):
            if not mapping.enabled:
                yield Finding("mapping_disabled", mapping.thing, facts)
            elif mapping.model_id is None:  # otherwise it is for rows of a model
                tested.append(mapping)
        because = None
        if source_id in found.cut_off:
            because = f"its source has more event names than the {MOST_GROUPS:,} that Segment lists"
        elif not found.names.get(source_id):
            because = f"its source had no events in {days} days"
        if because and tested:
            yield NotChecked(f"{counted(len(tested), 'mapping')} of {destination.title}", because)
            return
        for mapping in tested:
            yield from of_mapping(mapping, destination, names, facts)

    def of_mapping(
        mapping: Mapping, destination: Destination, names: set[Name], facts: dict[str, str]
    ) -> Outcomes:
        try:
            trigger = Trigger(mapping.trigger)
        except ValueError as error:
            yield NotChecked(
                f"the mapping {mapping.title} of {destination.title}",
                f"its trigger is not understood: {error}",
            )
            return
        if not any(trigger.may_match(name) for name in names):
            more = {"trigger": mapping.trigger[:LONGEST], "event_names": len(names), "days": days}
            yield Finding("mapping_matches_nothing", mapping.thing, {**facts, **more})

    yield from each(destinations, lambda destination: f"the mappings of {destination.title}", look)


def names_by_transformation(workspace: Workspace) -> Generator[NotChecked, None, dict[str, set[Name]]]:
    """The names that transformations give to the events of a source: destinations see these."""
    try:
        transformations = workspace.items("/transformations", "transformations", Transformation)
    except REFUSALS as error:
        yield NotChecked("which events transformations rename", str(error))
        return {}
    names: dict[str, set[Name]] = {}
    for one in transformations:
        if one.enabled and one.new_event_name:
            names.setdefault(one.source_id, set()).add(("track", one.new_event_name))
    return names
