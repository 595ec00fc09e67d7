"""Destinations that are off, and those that fail. Source: https://docs.segmentapis.com/tag/Delivery-Overview"""

from __future__ import annotations

from typing import Any

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.api.media_types import BETA
from airflow_provider_segment.audit.outcomes import Finding, NotChecked, Outcomes, each
from airflow_provider_segment.audit.resources import Destination
from airflow_provider_segment.audit.workspace import Workspace
from airflow_provider_segment.events.preview_note import counted
from airflow_provider_segment.waiting.delivery import PATHS
from airflow_provider_segment.waiting.window import HOUR, Part, floor

FAILED, DELIVERED = PATHS["failed_delivery"], PATHS["delivered"]


class Reason(TypedDict):
    """How many deliveries failed for a reason."""

    total: int | float
    discardReason: NotRequired[str | None]


def switched_off(workspace: Workspace) -> Outcomes:
    """Destinations that are disabled, and those whose source is."""
    off = {source.id: source for source in workspace.sources() if not source.enabled}
    names = {source.id: source.title for source in workspace.sources()}
    for destination in workspace.destinations():
        facts = {
            "source": names.get(destination.source_id, destination.source_id),
            "source_id": destination.source_id,
        }
        if not destination.enabled:
            yield Finding("destination_disabled", destination.thing, facts)
        elif destination.source_id in off:
            yield Finding("destination_of_disabled_source", destination.thing, facts)


def failing(workspace: Workspace) -> Outcomes:
    """Destinations that refused more than a share, and no fewer than a number, of the events."""
    limits = workspace.limits
    of_models = yield from workspace.of_models()
    receiving = workspace.receiving()
    destinations = [one for one in receiving if one.source_id not in of_models]
    if left_out := len(receiving) - len(destinations):
        yield NotChecked(
            f"deliveries to {counted(left_out, 'destination')} of Reverse ETL",
            "Delivery Overview does not cover them",
        )
    names = {source.id: source.title for source in workspace.sources()}
    # Whole hours: Segment counts no others for as long as two weeks.
    end = floor(workspace.now, HOUR)
    window = Part(end - limits.delivery_days * 24 * HOUR, end, "HOUR")

    def look(destination: Destination) -> Outcomes:
        query = {"sourceId": destination.source_id, "destinationConfigId": destination.id, **window.query}
        shape = {"total": int | float, "dataset": list[Reason]}
        by_reason = {**query, "groupBy": ["discardReason"]}
        answer = workspace.request("GET", FAILED, query=by_reason, media_type=BETA, shape=shape).data
        failed = int(answer["total"])
        if failed < limits.min_failures:
            return
        answer_of_others = workspace.request(
            "GET", DELIVERED, query=query, media_type=BETA, shape={"total": int | float}
        )
        delivered = int(answer_of_others.data["total"])
        if failed and failed / (failed + delivered) > limits.max_failure_rate:
            facts: dict[str, Any] = {
                "failed": failed,
                "delivered": delivered,
                "rate": round(failed / (failed + delivered), 4),
                "since": window.start.isoformat(timespec="minutes"),
                "source": names.get(destination.source_id, destination.source_id),
                "source_id": destination.source_id,
                "reasons": [
                    f"{reason['discardReason']} ({int(reason['total']):,})"
                    for reason in answer["dataset"]
                    if reason.get("discardReason")
                ],
            }
            yield Finding("destination_failing", destination.thing, facts)

    yield from each(destinations, lambda destination: f"deliveries to {destination.title}", look)
