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
"""As many rules as Segment accepts in a request; and as many as a plan may have for all to be replaced."""
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

    Segment accepts 200 rules per request: a longer list is sent as several requests. A rule that comes twice
    is refused.
    """

    endpoint = "PATCH /tracking-plans/{trackingPlanId}/rules"
    returns = "status"
    answers = str

    tracking_plan_id: Arg[str] = path()
    rules: Arg[list[ChangedRule]]

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Send the rules in pages."""
        from airflow_provider_segment.tasks.tracking_plan_rules import by_id

        by_id(arguments["rules"])
        status = None
        for page in _pages(arguments, RULES_PER_CALL):
            status = self.send(page)
        return status


class SegmentReplaceRulesInTrackingPlanOperator(SegmentOperator):
    """Make these the rules of a tracking plan. If they are already, nothing is sent.

    One request replaces all rules, if neither the plan nor the list has more than 200, which Segment would
    refuse. Otherwise only what differs is sent: first rules to change or add, then those to delete, so that
    a rule which stays is never missing. A retry goes on where a failed try stopped. A rule that comes twice
    is refused; one that Segment added for consent management stays.
    """

    endpoint = "PUT /tracking-plans/{trackingPlanId}/rules"
    returns = "status"
    answers = str

    tracking_plan_id: Arg[str] = path()
    rules: Arg[list[Rule]]

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Compare with the plan, and send what differs."""
        from airflow_provider_segment.tasks import tracking_plan_rules as rules

        wanted = rules.by_id(arguments["rules"])
        _, path, _ = SegmentListRulesFromTrackingPlanOperator.request(arguments)
        listed = self.hook.paginate(path, key="rules", item=rules.SHAPE)
        there = {rules.id_of(rule): rule for rule in listed}
        changed = [
            rule
            for id, rule in wanted.items()
            if id not in there or not rules.same_schema(rule["jsonSchema"], there[id].get("jsonSchema"))
        ]
        gone = [rule for id, rule in there.items() if id not in wanted]
        obsolete = [rule for rule in gone if rule.get("key") != rules.SEGMENTS_OWN]
        self.log.info("%s rules differ, %s are no longer wanted", len(changed), len(obsolete))
        if obsolete and gone == obsolete and max(len(there), len(wanted)) <= RULES_PER_CALL:
            return self.send(arguments)
        if changed:
            for page in _pages({**arguments, "rules": changed}, RULES_PER_CALL):
                self.send(page, SegmentUpdateRulesInTrackingPlanOperator)
        if obsolete:
            references = [rules.reference_to(rule) for rule in obsolete]
            for page in _pages({**arguments, "rules": references}, RULES_PER_QUERY):
                self._remove(page)
        return "SUCCESS"

    def _remove(self, arguments: dict[str, Any]) -> None:
        from airflow_provider_segment.errors import SegmentNotFoundError

        try:
            self.send(arguments, SegmentRemoveRulesFromTrackingPlanOperator)
        except SegmentNotFoundError as error:
            if not error.repeated:  # else the attempt whose answer was lost deleted them
                raise


class SegmentRemoveRulesFromTrackingPlanOperator(SegmentDeleteOperator):
    """Delete rules of a tracking plan.

    The rules are sent in the query, so a long list is sent as several requests. A rule that comes twice is
    refused.
    """

    endpoint = "DELETE /tracking-plans/{trackingPlanId}/rules"

    tracking_plan_id: Arg[str] = path()
    rules: Arg[list[RuleReference]] = query()

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Send the rules in pages."""
        from airflow_provider_segment.tasks.tracking_plan_rules import by_id

        by_id(arguments["rules"])
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
