"""All kinds of findings: how much each hurts, why, and what to do about it."""

from __future__ import annotations

from typing import Literal, NamedTuple

Severity = Literal["high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")
"""The worst first."""


class Kind(NamedTuple):
    """A kind of finding.

    :param title: in a few words, as a heading
    :param why: why it hurts
    :param action: what to do about it
    """

    severity: Severity
    title: str
    why: str
    action: str


KINDS: dict[str, Kind] = {
    "source_silent": Kind(
        "high",
        "Sources without events",
        "Everything downstream of a source that fell silent shows old data, and nobody is told.",
        "Look whether the site, app or job still sends, and with which write key. Turn a source off that is "
        "no longer needed: SegmentUpdateSourceOperator(enabled=False).",
    ),
    "source_without_plan": Kind(
        "low",
        "Sources without a tracking plan",
        "Nobody notices a misspelt event or a missing property before it is in all destinations.",
        "Connect a plan: SegmentAddSourceToTrackingPlanOperator.",
    ),
    "events_unplanned": Kind(
        "medium",
        "Events that no plan knows",
        "They are misspelt, or nobody agreed on them. A plan that blocks unplanned events loses them.",
        "Add rules (SegmentUpdateRulesInTrackingPlanOperator), or mend the code that sends the events.",
    ),
    "destination_failing": Kind(
        "high",
        "Destinations that fail",
        "Events that a destination refuses are lost there.",
        "See the reasons in facts, and in full by SegmentGetEgressFailedMetricsFromDeliveryOverviewOperator; "
        "then mend the settings (SegmentUpdateDestinationOperator) or the mapping.",
    ),
    "destination_disabled": Kind(
        "low",
        "Destinations that are disabled",
        "They get nothing, and look as if they were set up.",
        "Enable it (SegmentUpdateDestinationOperator), or delete it (SegmentDeleteDestinationOperator).",
    ),
    "destination_of_disabled_source": Kind(
        "medium",
        "Enabled destinations of disabled sources",
        "The destination is on, but its source takes no events.",
        "Enable the source (SegmentUpdateSourceOperator), or disable the destination, too.",
    ),
    "mapping_matches_nothing": Kind(
        "medium",
        "Mappings that match nothing",
        "No event that came can meet the trigger: the events were renamed, or the trigger is misspelt.",
        "Mend the trigger: SegmentUpdateSubscriptionForDestinationOperator.",
    ),
    "mapping_disabled": Kind(
        "low",
        "Mappings that are disabled",
        "The destination does not get what the mapping would send.",
        "Enable it (SegmentUpdateSubscriptionForDestinationOperator), or remove it "
        "(SegmentRemoveSubscriptionFromDestinationOperator).",
    ),
    "warehouse_failing": Kind(
        "high",
        "Warehouses whose last sync failed",
        "New data does not get into the warehouse.",
        "See the notices in facts. Test the connection: SegmentWarehouseConnectionSensor.",
    ),
    "warehouse_lagging": Kind(
        "high",
        "Warehouses that lag",
        "Reports and models that read the warehouse work with old data.",
        "See the syncs (SegmentListSyncsFromWarehouseOperator) and the schedule "
        "(SegmentGetAdvancedSyncScheduleFromWarehouseOperator).",
    ),
    "warehouse_skipped_rows": Kind(
        "medium",
        "Warehouses whose last sync skipped rows",
        "Rows are missing in the warehouse; Segment loads them with a later sync, if it can.",
        "See the notices in facts: often a column has another type than the values.",
    ),
    "warehouse_without_source": Kind(
        "medium",
        "Warehouses that no source feeds",
        "Nothing is loaded into it.",
        "Connect a source (SegmentAddConnectionFromSourceToWarehouseOperator), or delete the warehouse "
        "(SegmentDeleteWarehouseOperator).",
    ),
    "warehouse_disabled": Kind(
        "low",
        "Warehouses that are disabled",
        "Nothing is loaded into it, although it looks as if it were set up.",
        "Enable it (SegmentUpdateWarehouseOperator), or delete it (SegmentDeleteWarehouseOperator).",
    ),
    "mtu_over_allowance": Kind(
        "high",
        "Tracked users above the allowance",
        "Segment bills what is above the contract.",
        "See which source they come from: SegmentGetDailyPerSourceMtuUsageOperator.",
    ),
    "mtu_projected_over_allowance": Kind(
        "medium",
        "Tracked users that will exceed the allowance",
        "At this pace the month ends above the allowance.",
        "See which source they come from: SegmentGetDailyPerSourceMtuUsageOperator.",
    ),
    "api_calls_over_allowance": Kind(
        "high",
        "API calls above the allowance",
        "Segment bills, or throttles, what is above the contract.",
        "See which source they come from: SegmentGetDailyPerSourceApiCallsUsageOperator.",
    ),
    "api_calls_projected_over_allowance": Kind(
        "medium",
        "API calls that will exceed the allowance",
        "At this pace the month ends above the allowance.",
        "See which source they come from: SegmentGetDailyPerSourceApiCallsUsageOperator.",
    ),
    "user_without_group": Kind(
        "low",
        "Users without a group",
        "Their permissions are given one by one, and stay when the person changes teams.",
        "Add the user to a group (SegmentAddUsersToUserGroupOperator), or remove the access "
        "(SegmentDeleteUsersOperator).",
    ),
    "function_not_deployed": Kind(
        "medium",
        "Functions that were never deployed",
        "Its code does not run.",
        "Deploy it (SegmentDeployFunctionOperator, or in Segment's app), or delete it "
        "(SegmentDeleteFunctionOperator).",
    ),
    "function_outdated": Kind(
        "medium",
        "Functions of which an old version runs",
        "The newest code was saved, but is not what runs.",
        "Deploy it: SegmentDeployFunctionOperator, or in Segment's app.",
    ),
    "function_old": Kind(
        "low",
        "Functions that were deployed long ago",
        "Nobody may know any more what it does; the services that it calls change.",
        "Review its code (SegmentGetFunctionOperator), and deploy it again or delete it.",
    ),
}
