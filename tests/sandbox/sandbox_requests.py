"""Requests to all operations of the Public API, valid and invalid ones, made from its facts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx

from tests.public_api import facts

DOCUMENT = facts.document()
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    operation["operationId"]: (f"{method.upper()} {path}", operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}

# --- requests --------------------------------------------------------------------------------------------

WAREHOUSE, DESTINATION = "aea3c55dsz", "5f7dd6d21ad74f3842b1fc47"

# Values that the sandbox accepts, by the name of a field, and for single operations.
VALUES: dict[str, Any] = {
    "slug": "shop",
    "slug?": None,  # in a query: all
    "actionId?": None,
    "email": "new@example.com",
    "emails": ["new@example.com", "mina@example.com"],
    "roleId": "sandboxRoleSourceAdmin000001",
    "startTime": "2026-01-01T00:00:00Z",
    "endTime": "2026-01-01T04:00:00Z",
    "granularity": "MINUTE",
    "period": "2026-01-01",
    "groupBy": ["eventType"],
    "labels": [{"key": "team", "value": "a b/c", "description": "x"}],
    "label": {"key": "team", "value": "a b/c", "description": "x"},
    "if": 'type = "track"',
    "trigger": 'type = "track"',
    "targetEntity": "account",
    "timezone": "Europe/Berlin",
    "hourOfDay": 3,
    "statusCode": 200,
    "delay": 1,
    "integrationId": "integration",
    "functionId": "{function}",
    "versionId": "{version}",
    "sourceId": "{source}",
    "sourceId?": "{source}",
    "destinationConfigId": "{destination}",
    "modelId": "{model}",
    "reverseETLModelId": "{model}",
    "subscriptionId": "{subscription}",
    "destinationMetadataId": DESTINATION,
    "collection": "users",
    "subjectType": "USER_ID",
    "resourceType": "SOURCE",
    "resourceType?": "SOURCE",
    "include": "schedules",
    "search": None,
    "sort": {"field": "NAME", "direction": "DESC"},
    "sortBy": "name",
    "sortDir": "DESC",
    "jsonSchema": {"type": "object"},
}
VALUES_OF: dict[str, dict[str, Any]] = {
    "create_source": {"metadataId": "IqDTy1TpoU"},
    "update_source": {"slug": "renamed"},
    "create_destination": {"metadataId": DESTINATION},
    "create_destination_subscription": {"actionId": "{action}"},
    "create_warehouse": {"metadataId": WAREHOUSE, "disconnectAllSources": True},
    "create_validation_in_warehouse": {"metadataId": WAREHOUSE},
    "create_profiles_warehouse": {"metadataId": WAREHOUSE},
    "update_profiles_warehouse_for_space_warehouse": {"schemaName": "renamed"},
    "create_function": {"label": "x"},
    "update_function": {"label": "x"},
    "delete_invites": {"emails": ["new@example.com"]},
    "create_tracking_plan": {"type": "LIVE"},
    "update_rules_in_tracking_plan": {"newKey": None},
    "list_tracking_plans": {"type?": "LIVE"},
    "create_audience": {"audienceType": "LINKED"},
    "create_audience_preview": {"audienceType": "USERS"},
    "add_audience_schedule_to_audience": {"strategy": "PERIODIC", "config": {"interval": "12h"}},
    "update_audience_schedule_for_audience": {
        "strategy": "SPECIFIC_DAYS",
        "config": {"days": [1], "hours": [2], "timezone": "UTC"},
    },
    "add_destination_to_audience": {"destination": {"id": "{destination}", "type": "x"}},
    "list_audit_events": {"resourceType?": None, "resourceId?": None, "startTime?": None, "endTime?": None},
    "list_workspace_regulations": {"status?": "FINISHED", "regulationTypes?": ["SUPPRESS_ONLY"]},
    "list_regulations_from_source": {"status?": None, "regulationTypes?": ["SUPPRESS_ONLY"]},
    "delete_users": {"userIds": ["sandboxUserMember00002"]},
    "echo": {"triggerError": False, "triggerMultipleErrors": False, "triggerUnexpectedError": False},
    "list_reverse_etl_sync_statuses_from_model_and_subscription_id": {"count?": 1, "cursor?": None},
    "get_events_volume_from_workspace": {"eventName?": None, "appVersion?": None, "eventType?": ["track"]},
    "create_insert_function_instance": {"functionId": "{insert_function}"},
    "list_insert_function_instances": {"functionId": "{insert_function}"},
    **{
        f"create_{scope}_regulation": {"regulationType": "SUPPRESS_ONLY"}
        for scope in ("workspace", "source", "cloud_source")
    },
}
for name in OPERATIONS:
    if "delivery_overview" in name or name == "list_delivery_metrics_summary_from_destination":
        VALUES_OF[name] = {"startTime": "{hour_ago}", "endTime": "{now}", "filter": {"eventType": ["track"]}}

# Values of path parameters. For a bare `id`, the collection before it decides.
PARAMETERS = {
    "key": "team",
    "value": "a%20b%2Fc",
    "spaceId": "{space}",
    "audienceType": "USERS",
    "eventName": "Order%20Completed",
    "propertyName": "price",
    "traitKey": "plan",
    "entitySlug": "account",
    "writeKey": "{write_key}",
    "sourceMetadataId": "IqDTy1TpoU",
    "destinationMetadataId": DESTINATION,
    "warehouseMetadataId": WAREHOUSE,
    "userId": "sandboxUserMember00001",
    "userGroupId": "{group}",
    "connectionId": "{connection}",
    "regulateId": "{regulation}",
    "trackingPlanId": "{plan}",
    "scheduleId": "{schedule}",
    "credentialId": "{credential}",
    "filterId": "{destination_filter}",
    "instanceId": "{instance}",
    "syncId": "{sync}",
}
IDS = {
    "audiences": "{audience}",
    "activations": "{activation}",
    "previews": "{preview}",
    "computed-traits": "{trait}",
    "subscriptions": "{subscription}",
    "filters": "{space_filter}",
}
PARAMETERS_OF = {
    "create_function_deployment": {"functionId": "sfn_{function_source}"},
    "update_profiles_warehouse_for_space_warehouse": {"warehouseId": "{profiles_warehouse}"},
    "remove_profiles_warehouse_from_space": {"warehouseId": "{profiles_warehouse}"},
    "list_selective_syncs_from_warehouse_and_space": {"warehouseId": "{profiles_warehouse}"},
    "update_selective_sync_for_warehouse_and_space": {"warehouseId": "{profiles_warehouse}"},
}

# What is created first, and the name of its id above.
CREATES = {
    "create_label": "",
    "create_source": "source",
    "create_function": "function",
    "create_tracking_plan": "plan",
    "create_warehouse": "warehouse",
    "add_connection_from_source_to_warehouse": "",
    "create_reverse_etl_model": "model",
    "create_destination": "destination",
    "create_destination_subscription": "subscription",
    "create_reverse_etl_manual_sync": "sync",
    "create_filter_for_destination": "destination_filter",
    "create_transformation": "transformation",
    "create_filter_for_space": "space_filter",
    "create_credential": "credential",
    "create_insert_function_instance": "instance",
    "create_invites": "",
    "create_user_group": "group",
    "add_users_to_user_group": "",
    "create_live_plugin": "",
    "create_profiles_warehouse": "profiles_warehouse",
    "add_source_to_tracking_plan": "",
    "replace_rules_in_tracking_plan": "",
    "create_audience": "audience",
    "add_audience_schedule_to_audience": "schedule",
    "create_audience_preview": "preview",
    "add_destination_to_audience": "connection",
    "add_activation_to_audience": "activation",
    "create_computed_trait": "trait",
    "create_workspace_regulation": "regulation",
}
# Deletes come last: these in this order, then the others.
DELETES = [
    "remove_activation_from_audience",
    "remove_destination_from_audience",
    "remove_audience_schedule_from_audience",
    "remove_users_from_user_group",
    "remove_subscription_from_destination",
    "remove_filter_from_destination",
    "delete_insert_function_instance",
    "remove_rules_from_tracking_plan",
    "remove_source_from_tracking_plan",
    "remove_source_connection_from_warehouse",
    "delete_transformation",
    "delete_reverse_etl_model",
    "delete_live_plugin_code",
    "remove_write_key_from_source",
    "delete_destination",
    "delete_label",
]


def plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with its reference resolved and without null."""
    while "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rsplit("/", 1)[1]]
    choices = [plain(choice) for choice in schema.get("anyOf", schema.get("oneOf", []))]
    choices = [choice for choice in choices if choice.get("type") != "null"]
    return choices[0] if choices else schema


def example(name: str, schema: dict[str, Any], values: dict[str, Any], place: str = "") -> Any:
    """A value for a field: the one listed above, else any valid one."""
    for key in (f"{name}{place}", name):
        if key in values:
            return values[key]
    schema = plain(schema)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        fields = {
            field: example(field, inner, values) for field, inner in schema.get("properties", {}).items()
        }
        return {field: value for field, value in fields.items() if value is not None}
    if kind == "array":
        return [example("", schema["items"], values)]
    return {"string": "x", "boolean": True, "integer": 2, "number": 2}.get(str(kind), {})


class Call(NamedTuple):
    method: str
    path: str
    query: dict[str, Any]
    body: dict[str, Any] | None


def call_of(name: str, known: dict[str, str]) -> Call:
    """A valid request of an operation."""
    endpoint, operation = OPERATIONS[name]
    method, template = endpoint.split()
    values = VALUES | VALUES_OF.get(name, {})
    parameters = PARAMETERS | PARAMETERS_OF.get(name, {})

    def parameter(match: re.Match[str]) -> str:
        if match[1] == "id":
            return IDS[template[: match.start()].split("/")[-2]]
        return parameters.get(match[1]) or "{" + match[1].removesuffix("Id") + "}"

    path = re.sub(r"\{(\w+)\}", parameter, template)
    query: dict[str, Any] = {}
    for each in operation.get("parameters", []):
        if each["in"] == "query":
            value = example(each["name"], each["schema"], values, "?")
            if each["name"].lower().endswith("pagination"):
                value = {"count": 2}
            if value is not None:
                query[each["name"]] = value
    body = None
    if "requestBody" in operation:
        content = next(iter(operation["requestBody"]["content"].values()))
        body = example("", content["schema"], values)
    return Call(method, filled(path, known), filled(query, known), filled(body, known))


def filled(value: Any, known: dict[str, str]) -> Any:
    """With {names} replaced by the ids of what was created before."""
    text = json.dumps(value)
    for name, id in known.items():
        text = text.replace("{" + name + "}", id)
    return json.loads(text)


def send(http: httpx.Client, call: Call) -> httpx.Response:
    query = {
        name: json.dumps(value) if isinstance(value, (dict, list)) else str(value).replace("True", "true")
        for name, value in call.query.items()
    }
    return http.request(call.method, call.path, params=query or None, json=call.body)


# Path parameters that are not ids: an unknown value gives an empty list or another error.
ANYTHING = {"{entitySlug}", "{eventName}", "{propertyName}", "{traitKey}", "{audienceType}"}


def wrong_calls(name: str, call: Call) -> Iterator[tuple[str, int, Call]]:
    """Variants of a request that Segment would refuse."""
    endpoint, operation = OPERATIONS[name]
    template = endpoint.split()[1].split("/")
    for at, part in enumerate(template):
        if part.startswith("{") and part not in ANYTHING:
            parts = call.path.split("/")
            parts[at] = "nowhere"
            yield f"{part} leads nowhere", 404, call._replace(path="/".join(parts))
    for each in operation.get("parameters", []):
        if each["in"] == "query" and each.get("required"):
            left = {key: value for key, value in call.query.items() if key != each["name"]}
            yield f"no {each['name']} in the query", 422, call._replace(query=left)
    if call.body is None:
        return
    schema = plain(next(iter(operation["requestBody"]["content"].values()))["schema"])
    for field in schema.get("required", []):
        left = {key: value for key, value in call.body.items() if key != field}
        yield f"no {field} in the body", 422, call._replace(body=left)
    for field, inner in schema["properties"].items():
        kind = plain(inner).get("type")
        bad = {"string": 5, "boolean": "yes", "integer": "x", "number": "x", "array": "x", "object": "x"}
        if kind in bad:
            yield f"{field} is no {kind}", 422, call._replace(body=call.body | {field: bad[kind]})
