"""Tracking plans, their rules and sources (Protocols)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, path, query
from airflow_provider_segment.tasks.operation import (
    SegmentDeleteOperator,
    SegmentListOperator,
    SegmentOperator,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.providers.common.compat.sdk import Context

RULES_PER_CALL = 200
RULES_PER_QUERY = 50  # in the query of a DELETE: some 5 KB


class RuleReference(TypedDict):
    """Identifies a rule of a tracking plan."""

    type: Literal["COMMON", "GROUP", "IDENTIFY", "PAGE", "SCREEN", "TRACK"]
    key: NotRequired[str | None]
    version: int


class Rule(RuleReference):
    """A rule of a tracking plan: the JSON schema of one event."""

    jsonSchema: Any


class ChangedRule(Rule):
    """A rule to change or add."""

    newKey: NotRequired[str | None]


class SegmentListTrackingPlansOperator(SegmentListOperator):
    """Return all tracking plans of the workspace.

    :param type: only those of this type
    """

    endpoint = "GET /tracking-plans"
    returns = "trackingPlans"

    type: Arg[Literal["LIVE", "PROPERTY_LIBRARY", "RULE_LIBRARY", "TEMPLATE"] | None] = query(default=None)


class SegmentGetTrackingPlanOperator(SegmentOperator):
    """Return a tracking plan, without its rules."""

    endpoint = "GET /tracking-plans/{trackingPlanId}"
    returns = "trackingPlan"

    tracking_plan_id: Arg[str] = path()


class SegmentUpdateTrackingPlanOperator(SegmentOperator):
    """Update the name or description of a tracking plan."""

    endpoint = "PATCH /tracking-plans/{trackingPlanId}"
    returns = "status"
    answers = str

    tracking_plan_id: Arg[str] = path()
    name: Arg[str | None] = NOT_GIVEN
    description: Arg[str | None] = NOT_GIVEN


class SegmentCreateTrackingPlanOperator(SegmentCreateOperator):
    """Create a tracking plan, without rules."""

    endpoint = "POST /tracking-plans"
    returns = "trackingPlan"
    natural_key = ("type", "name")
    listed_by = SegmentListTrackingPlansOperator
    listed = {"id": str, "type": str, "name": NotRequired[str | None]}
    updated_by = SegmentUpdateTrackingPlanOperator
    read_by = SegmentGetTrackingPlanOperator

    name: Arg[str]
    description: Arg[str | None] = NOT_GIVEN
    type: Arg[Literal["LIVE", "PROPERTY_LIBRARY", "RULE_LIBRARY", "TEMPLATE"]]


class SegmentDeleteTrackingPlanOperator(SegmentDeleteOperator):
    """Delete a tracking plan."""

    endpoint = "DELETE /tracking-plans/{trackingPlanId}"

    tracking_plan_id: Arg[str] = path()


class SegmentListRulesFromTrackingPlanOperator(SegmentListOperator):
    """Return all rules of a tracking plan."""

    endpoint = "GET /tracking-plans/{trackingPlanId}/rules"
    returns = "rules"

    tracking_plan_id: Arg[str] = path()


class SegmentUpdateRulesInTrackingPlanOperator(SegmentOperator):
    """Update rules of a tracking plan, and add those it does not have.

    Segment accepts 200 rules per request: a longer list is sent as several requests.
    """

    endpoint = "PATCH /tracking-plans/{trackingPlanId}/rules"
    returns = "status"
    answers = str

    tracking_plan_id: Arg[str] = path()
    rules: Arg[list[ChangedRule]]

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Send the rules in pages."""
        status = None
        for page in _pages(arguments, RULES_PER_CALL):
            status = self.send(page)
        return status


class SegmentReplaceRulesInTrackingPlanOperator(SegmentOperator):
    """Replace all rules of a tracking plan.

    Segment accepts 200 rules per request: the first 200 of a longer list replace all rules, and the rest are
    added. Until then, or until a retry if that fails, the rest are missing from the plan.
    """

    endpoint = "PUT /tracking-plans/{trackingPlanId}/rules"
    returns = "status"
    answers = str

    tracking_plan_id: Arg[str] = path()
    rules: Arg[list[Rule]]

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Replace all rules by the first page, then add the others."""
        first, *others = _pages(arguments, RULES_PER_CALL)
        status = self.send(first)
        for page in others:
            status = self.send(page, SegmentUpdateRulesInTrackingPlanOperator)
        return status


class SegmentRemoveRulesFromTrackingPlanOperator(SegmentDeleteOperator):
    """Delete rules of a tracking plan.

    The rules are sent in the query, so a long list is sent as several requests.
    """

    endpoint = "DELETE /tracking-plans/{trackingPlanId}/rules"

    tracking_plan_id: Arg[str] = path()
    rules: Arg[list[RuleReference]] = query()

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Send the rules in pages."""
        status = None
        for page in _pages(arguments, RULES_PER_QUERY):
            status = super().perform(page, context)
        return status


class SegmentListSourcesFromTrackingPlanOperator(SegmentListOperator):
    """Return all sources connected to a tracking plan."""

    endpoint = "GET /tracking-plans/{trackingPlanId}/sources"
    returns = "sources"

    tracking_plan_id: Arg[str] = path()


class SegmentAddSourceToTrackingPlanOperator(SegmentOperator):
    """Connect a source to a tracking plan, replacing any plan that it has."""

    endpoint = "POST /tracking-plans/{trackingPlanId}/sources"
    returns = "status"
    answers = str

    tracking_plan_id: Arg[str] = path()
    source_id: Arg[str]


class SegmentRemoveSourceFromTrackingPlanOperator(SegmentDeleteOperator):
    """Disconnect a source from a tracking plan."""

    endpoint = "DELETE /tracking-plans/{trackingPlanId}/sources"

    tracking_plan_id: Arg[str] = path()
    source_id: Arg[str] = query()


def _pages(arguments: dict[str, Any], size: int) -> Iterator[dict[str, Any]]:
    """The arguments, with a page of the rules at a time; once if there are no rules."""
    rules = arguments["rules"]
    for start in range(0, max(len(rules), 1), size):
        yield {**arguments, "rules": rules[start : start + size]}
