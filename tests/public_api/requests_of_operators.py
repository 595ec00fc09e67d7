"""Builds operators' requests without a server, and checks them against the facts."""

from __future__ import annotations

from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from typing_extensions import NotRequired, Required, is_typeddict

from airflow_provider_segment.tasks.declarative import REQUIRED
from tests.public_api.declarations import alternatives, annotation_of, operator_of
from tests.public_api.wire import Document

MODES = ALL, REQUIRED_ONLY, NULLS = "all arguments", "required arguments", "null where it may be"


def faults(operation: str, mode: str, document: Document) -> list[str]:
    """What is wrong with an operator's request, given its arguments as the mode says."""
    operator = operator_of(operation)
    given: dict[str, Any] = {}
    for name, field in operator.fields.items():
        hint = annotation_of(operator, name)
        if field.place == "body" and mode == NULLS and NoneType in alternatives(hint):
            given[name] = None
        elif field.default is REQUIRED or (field.place != "option" and mode == ALL):
            given[name] = sample(hint, full=mode == ALL)
    arguments = operator(task_id="t", **given).arguments()
    _, path, options = operator.request(arguments)
    template = operator.endpoint.split()[1]
    if path.count("/") != template.count("/") or "{" in path:
        return [f"path: {path}"]
    query = {name: value for name, value in options.get("query", {}).items() if value is not None}
    media_type = operator.media_type if "json" in options else None
    return list(document.input_faults(operation, query, media_type, options.get("json")))


def sample(hint: Any, full: bool) -> Any:
    """A value of a type, with or without the optional fields inside it."""
    hint = next(choice for choice in alternatives(hint) if choice is not NoneType)
    if get_origin(hint) is Literal:
        return get_args(hint)[-1]
    if get_origin(hint) is list:
        return [sample(get_args(hint)[0], full)]
    if is_typeddict(hint):
        fields = get_type_hints(hint, include_extras=True)
        total = hint.__total__ and not any(
            not base.__total__ for base in hint.__orig_bases__ if is_typeddict(base)
        )
        given = {
            name: (get_origin(field) or (Required if total else NotRequired))
            for name, field in fields.items()
        }
        return {
            name: sample(get_args(field)[0] if get_origin(field) in (Required, NotRequired) else field, full)
            for name, field in fields.items()
            if full or given[name] is not NotRequired
        }
    if get_origin(hint) is dict or hint is Any:
        return {"a": 1}
    return {str: "x", bool: True, int: 1, float: 0.5}[hint]
