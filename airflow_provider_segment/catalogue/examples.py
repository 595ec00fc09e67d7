"""Examples to paste, made from the declarations: the arguments that are needed, with plausible values."""

from __future__ import annotations

import re
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from typing_extensions import is_typeddict

from airflow_provider_segment.catalogue.types import bare, members_of
from airflow_provider_segment.references import OF_ANY_KIND, chain, kinds_for, snake_case

LINE, WIDTH = 100, 68
"""The longest line, and the longest value that stays on one."""
CHANGED = 2
"""How many of its optional members a change gives that requires none."""


class Code(str):
    """An expression, as opposed to the text that a string is."""


FQL = 'event = "Order Completed"'
EVENT = {"type": "track", "event": "Order Completed", "userId": "u1", "properties": {"total": 9.5}}
SEND = Code("send.output")
"""The output of a task that sent events."""
PREFERRED = ("TRACK", "SOURCE", "DROP", "STRING")
"""Of values to choose from, those that an example is best with; else the first."""
RULE = {
    "type": "TRACK",
    "key": "Order Completed",
    "version": 1,
    "jsonSchema": {"type": "object", "properties": {"properties": {"required": ["total"]}}},
}
NAMED = {
    "audience": "Big spenders",
    "role": "Source Admin",
    "user": "jane@example.com",
    "source": "shop",
    "space": "shop",
    "source_metadata": "javascript",
    "destination": "Amplitude",
    "destination_metadata": "actions-amplitude",
    "destination_action": "logEventV2",
    "warehouse_metadata": "postgres",
}
"""What is called how, by kind; else like the shop."""


def _ref(kind: str) -> Code:
    """A reference, as code, to something of a kind."""
    names = "/".join(NAMED.get(of, "Shop") for of in chain(kind))
    return Code(f'ref("{kind}", "{names}")')


PERMISSIONS = [{"roleId": _ref("role"), "resources": [{"id": _ref("source"), "type": "SOURCE"}]}]

VALUES: dict[str, Any] = {
    "activation_name": "Big spenders",
    "code": "async function onTrack(event, settings) {}",
    "description": "Made by Airflow",
    "display_name": "Orders from the till",
    "email": "jane@example.com",
    "emails": ["jane@example.com"],
    "end_time": "{{ data_interval_end }}",
    "event": "Order Completed",
    "event_name": "Order Completed",
    "external_id": "user_id:u1",
    "group_id": "acme",
    "hour": "{{ data_interval_start.strftime('%Y-%m-%dT%H:00:00Z') }}",
    "if": FQL,
    "if_": FQL,
    "key": "team",
    "name": "Shop",
    "path": "/destinations/DESTINATION_ID",
    "permissions": PERMISSIONS,
    "payload": EVENT,
    "period": "{{ ds }}",
    "previous_id": "anonymous-1",
    "property_name": "total",
    "id": "ID",
    "label": "API key",
    "query": "SELECT customer_id, score FROM churn",
    "query_identifier_column": "customer_id",
    "settings": {},
    "slug": "shop",
    "sql": "SELECT * FROM orders",
    "sql_conn_id": "shop_db",
    "start_time": "{{ data_interval_start }}",
    "subject_type": "USER_ID",
    "subject_ids": ["u1"],
    "title": "No test orders",
    "trait_key": "email",
    "trigger": FQL,
    "user_id": "u1",
    "user_ids": ["u1"],
    "value": "checkout",
    "version": 1,
}
"""Values of arguments and members, by name."""

ALSO: dict[str, dict[str, Any]] = {
    "SegmentAliasOperator": {"user_id": "u1"},
    "SegmentAudienceSensor": {"space_id": _ref("space"), "audience_id": _ref("audience")},
    "SegmentAuditEventTrigger": {"segment_conn_id": "segment_default"},
    "SegmentBatchEventsOperator": {
        "path": "s3://exports/orders/{{ ds }}/*.jsonl.gz",
        "rejects_path": "s3://exports/rejects/{{ ds }}.jsonl",
    },
    "SegmentCreateAudienceOperator": {"definition": {"query": "event('Order Completed').count() >= 1"}},
    "SegmentCreateComputedTraitOperator": {
        "definition": {"type": "USERS", "query": "event('Order Completed').count()"}
    },
    "SegmentCreateCredentialOperator": {"settings": {"type": "Snowflake", "username": "segment"}},
    "SegmentDeliverySensor": {"expect": {"received": {"min": 1000}, "failed_on_ingest": {"max": 0}}},
    "SegmentEventVolumeSensor": {"min_count": 1000},
    "SegmentGatherReportsOperator": {"parts": Code("parts.output"), "reports": SEND},
    "SegmentGroupOperator": {"user_id": "u1"},
    "SegmentIdentifyOperator": {"user_id": "u1", "traits": {"plan": "pro"}},
    "SegmentPageOperator": {"user_id": "u1", "name": "Checkout"},
    "SegmentPartitionEventsOperator": {"path": "s3://exports/orders/{{ ds }}/"},
    "SegmentPreviewEventsOperator": {"path": "s3://exports/orders/{{ ds }}/*.jsonl.gz"},
    "SegmentRemoveRulesFromTrackingPlanOperator": {
        "rules": [{"type": "TRACK", "key": "Order Completed", "version": 1}]
    },
    "SegmentReplaceRulesInTrackingPlanOperator": {"rules": [RULE]},
    "SegmentRequestOperator": {"method": "GET", "path": "/sources"},
    "SegmentResourceSensor": {"field": "destination.enabled", "value": True},
    "SegmentReverseEtlSyncSensor": {
        "model_id": _ref("reverse_etl_model"),
        "subscription_id": _ref("subscription"),
    },
    "SegmentRotateWriteKeyOperator": {"hand_over": Code("lambda key, context: vault.store(key)")},
    "SegmentScreenOperator": {"user_id": "u1", "name": "Checkout"},
    "SegmentTrackEventOperator": {"properties": {"total": 9.5}},
    "SegmentTrackOperator": {"user_id": "u1", "properties": {"total": 9.5}},
    "SegmentUpdateRulesInTrackingPlanOperator": {"rules": [RULE]},
    "SegmentVerifyEventsOperator": {"reports": SEND},
    "SqlToSegmentOperator": {
        "mapping": {
            "type": "track",
            "event": "Order Completed",
            "userId": "$customer_id",
            "properties": {"total": "$total"},
        }
    },
}
"""Arguments that an operator needs, or has a use for, though its declaration does not say so."""


def example_of(cls: Any, kind: str, module: str, kinds: dict[str, Any], required: list[str]) -> str:
    """Python that makes a task of a class, or what else is made of it.

    :param kind: as :attr:`.Operation.kind`
    :param module: where it is imported from
    :param kinds: the type of each argument
    :param required: the arguments that must be given
    """
    given = _arguments(cls, kinds, required)
    load = f"from {module} import {cls.__name__}\n"
    if len(load) > LINE:
        load = f"from {module} import (\n    {cls.__name__},\n)\n"
    if "ref(" in _call("", given):
        load += "from airflow_provider_segment.references import ref\n"
    name = _task_id(cls.__name__)
    made = Code(_call(cls.__name__, given))
    if kind == "notifier":
        dag = _call("DAG", {"dag_id": "nightly", "on_failure_callback": made})
        return f"from airflow.providers.common.compat.sdk import DAG\n\n{load}\ndag = {dag}\n"
    if kind == "trigger":
        watcher = _call("AssetWatcher", {"name": name, "trigger": made})
        asset = _call("Asset", {"name": name, "watchers": [Code(watcher)]})
        return f"from airflow.sdk import Asset, AssetWatcher\n\n{load}\nasset = {asset}\n"
    return f"{load}\n{_call(cls.__name__, {'task_id': name, **given})}\n"


def _task_id(name: str) -> str:
    plain = re.sub(r"^Segment|(Operator|Sensor|Trigger)$", "", name)
    return snake_case(plain)


def _arguments(cls: Any, kinds: dict[str, Any], required: list[str]) -> dict[str, Any]:
    fields = getattr(cls, "fields", {})
    also = ALSO.get(cls.__name__, {})
    body = [name for name, field in fields.items() if field.place == "body"]
    if getattr(cls, "endpoint", "").startswith(("PATCH ", "PUT ")) and not set(body) & set(required):
        required = [*required, *body[:CHANGED]]
    names = [*required, *(name for name in also if name not in required)]
    endpoint = getattr(cls, "endpoint", "")
    values: dict[str, Any] = {}
    for name in names:
        takes_names = hasattr(cls, "fields") or hasattr(cls, "arguments")  # of tasks, and of watchers
        named = kinds_for(name, endpoint) if takes_names and name not in OF_ANY_KIND else []
        if name in also:
            values[name] = also[name]
        elif named:
            is_list = get_origin(bare(kinds[name])) is list
            values[name] = [_ref(named[0])] if is_list else _ref(named[0])
        elif name == "id":
            values[name] = f"{thing_of(name, endpoint).replace(' ', '_')}_id".upper()
        else:
            values[name] = _value(name, kinds[name])
    return values


def thing_of(name: str, endpoint: str) -> str:
    """What an id is the id of: its name says it, or the part of the path before it."""
    before = re.search(r"/([\w-]+?)s?/{id}", endpoint)
    words = before[1].replace("-", " ") if name == "id" and before else name.removesuffix("_id")
    return words.replace("_", " ")


def _value(name: str, kind: Any) -> Any:
    kind = bare(kind)
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return next((one for one in PREFERRED if one in parts), parts[0])
    if origin in (Union, UnionType):
        return _value(name, next(part for part in parts if part is not type(None)))
    if name in VALUES and _fits(VALUES[name], kind):
        return VALUES[name]
    if is_typeddict(kind):
        members = members_of(kind).items()
        return {member: _value(snake_case(member), of) for member, (of, required) in members if required}
    if origin in (list, tuple):
        return [_value(_singular(name), parts[0])]
    if kind is bool:
        return True
    if kind in (int, float):
        return kind(10)
    if kind is dict or origin is dict:
        return {}
    return snake_case(name).upper()


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value can be of a type: names such as ``settings`` have several."""
    is_list = get_origin(kind) in (list, tuple)
    return isinstance(value, list) == is_list and (isinstance(value, dict) or not is_typeddict(kind))


def _singular(name: str) -> str:
    return name.removesuffix("s")


def _call(name: str, arguments: dict[str, Any]) -> str:
    inside = "".join(f"    {key}={_code(value, 4)},\n" for key, value in arguments.items())
    return f"{name}(\n{inside})" if inside else f"{name}()"


def _code(value: Any, indent: int) -> str:
    """A value as Python writes it, over several lines if one is not enough."""
    if isinstance(value, Code):
        return value.replace("\n", "\n" + " " * indent)
    if isinstance(value, str):
        quoted = repr(value)
        return quoted if '"' in value else f'"{quoted[1:-1]}"' if "'" not in value else quoted
    if not isinstance(value, (dict, list)):
        return repr(value)
    pairs = isinstance(value, dict)
    begin, end = "{}" if pairs else "[]"
    items = [f"{_code(key, 0)}: " for key in value] if isinstance(value, dict) else [""] * len(value)
    inner = list(value.values()) if isinstance(value, dict) else value
    flat = ", ".join(item + _code(each, 0) for item, each in zip(items, inner, strict=True))
    if len(flat) + indent < WIDTH and "\n" not in flat:
        return f"{begin}{flat}{end}"
    room = " " * (indent + 4)
    lines = (f"{room}{item}{_code(each, indent + 4)},\n" for item, each in zip(items, inner, strict=True))
    return f"{begin}\n{''.join(lines)}{' ' * indent}{end}"
