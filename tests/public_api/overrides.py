"""Where an operator knowingly differs from the table, and why. Each line is checked to be still needed.

The table comes from the SDK's own description of the API, which is looser, and sometimes wrong.
"""

from __future__ import annotations

AUDIENCE_TYPE = ["ACCOUNTS", "LINKED", "USERS"]
GRANULARITY = ["DAY", "HOUR", "MINUTE"]
REGULATION_TYPE = [
    "DELETE_ARCHIVE_ONLY",
    "DELETE_INTERNAL",
    "DELETE_ONLY",
    "SUPPRESS_ONLY",
    "SUPPRESS_WITH_DELETE",
    "SUPPRESS_WITH_DELETE_INTERNAL",
    "UNSUPPRESS",
]
STRATEGY = ["PERIODIC", "SPECIFIC_DAYS"]

ANSWERS_NAME_THEM = "a bare string on the way in, though the answers of the same API list its values"
REFERENCE_NAMES_THEM = "a bare string for the SDK, though Segment's reference lists its values"
NO_NULL = "Segment's documentation: leave it out instead of sending null"

# (operation, parameter) -> (type, reason), where the table has a string
TYPES: dict[tuple[str, str], tuple[object, str]] = {
    ("create_audience", "audienceType"): (AUDIENCE_TYPE, ANSWERS_NAME_THEM),
    ("create_audience_preview", "audienceType"): (AUDIENCE_TYPE, ANSWERS_NAME_THEM),
    ("list_supported_destinations_from_audience", "audienceType"): (AUDIENCE_TYPE, ANSWERS_NAME_THEM),
    ("add_audience_schedule_to_audience", "strategy"): (STRATEGY, ANSWERS_NAME_THEM),
    ("update_audience_schedule_for_audience", "strategy"): (STRATEGY, ANSWERS_NAME_THEM),
    ("create_workspace_regulation", "regulationType"): (REGULATION_TYPE, ANSWERS_NAME_THEM),
    ("create_source_regulation", "regulationType"): (REGULATION_TYPE, ANSWERS_NAME_THEM),
    ("create_cloud_source_regulation", "regulationType"): (REGULATION_TYPE, ANSWERS_NAME_THEM),
    ("create_function", "resourceType"): (
        ["DESTINATION", "INSERT_DESTINATION", "INSERT_SOURCE", "INSERT_TRANSFORMATION", "SOURCE"],
        ANSWERS_NAME_THEM,
    ),
    ("create_tracking_plan", "type"): (
        ["LIVE", "PROPERTY_LIBRARY", "RULE_LIBRARY", "TEMPLATE"],
        "a bare string on the way in, though the list filters by these values",
    ),
    **{
        (f"get_{what}_metrics_from_delivery_overview", "granularity"): (GRANULARITY, REFERENCE_NAMES_THEM)
        for what in (
            "egress_failed",
            "egress_success",
            "filtered_at_destination",
            "filtered_at_source",
            "ingress_failed",
            "ingress_success",
        )
    },
}

# (operation, parameter) -> reason: null is refused, though the SDK allows it for all that is optional
NOT_NULL: dict[tuple[str, str], str] = {
    ("update_schema_settings_in_source", "forwardingViolationsTo"): NO_NULL,
    ("update_schema_settings_in_source", "forwardingBlockedEventsTo"): NO_NULL,
    ("create_source", "disconnectAllWarehouses"): "always sent, true unless told otherwise",
    ("create_warehouse", "disconnectAllSources"): "always sent, true unless told otherwise",
}

# operation -> reason: the one member of the body, whose members are the operator's arguments
ENVELOPES: dict[str, str] = {
    "create_label": "the body is one label; and `label` is a property of every Airflow operator",
    "update_subscription_for_destination": "the body is one `input`, which says nothing",
}
