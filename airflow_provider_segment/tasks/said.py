"""What a task did, in words for its log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PAST = {"cancel": "cancelled", "get": "read", "query": "queried"}
"""The past of the verbs that operations begin with, where it is not regular."""

NAMES = ("slug", "name", "displayName", "key")
"""The members that name a resource, the best first. Not the email of a person."""


def done(operation: str) -> str:
    """An operation as what was done: ``create_source`` is "Created source".

    :param operation: its name in snake case
    """
    verb, *others = operation.removeprefix("batch_").split("_")
    past = PAST.get(verb) or f"{verb}{'d' if verb.endswith('e') else 'ed'}"
    return " ".join((past.capitalize(), *others))


def brief(resource: Any) -> Any:
    """What :func:`called` may need of a resource, so that secrets are looked for in that only."""
    if isinstance(resource, Mapping):
        return {name: resource[name] for name in (*NAMES, "id") if name in resource}
    return resource if isinstance(resource, str) else None


def called(resource: Any) -> str:
    """A resource of an answer: its name and id, " shop (id s1)"; a text as it is; "" for anything else.

    :param resource: brief, and without secrets
    """
    if isinstance(resource, str):
        return f" ({resource})"
    if not isinstance(resource, Mapping):
        return ""
    named = next((f" {resource[name]}" for name in NAMES if isinstance(resource.get(name), str)), "")
    return f"{named} (id {resource['id']})" if isinstance(resource.get("id"), str) else named
