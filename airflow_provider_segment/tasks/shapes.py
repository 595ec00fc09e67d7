"""Shapes inside bodies that several resources share: the API's own names, checked before anything is sent.

Members that Segment adds later pass unchecked. Shapes of one resource stand in its module.
"""

from __future__ import annotations

from typing import Literal

from typing_extensions import NotRequired, TypedDict


class Label(TypedDict):
    """A label of the workspace."""

    key: str
    value: str
    description: NotRequired[str | None]


class ResourceReference(TypedDict):
    """What a permission is about."""

    id: str
    type: Literal["FUNCTION", "SOURCE", "SPACE", "WAREHOUSE", "WORKSPACE"]


class Resource(ResourceReference):
    """What a permission is about: of a kind, those with these labels."""

    labels: NotRequired[list[Label] | None]


class Permission(TypedDict):
    """A role on resources."""

    roleId: str
    resources: list[Resource]


class Periodic(TypedDict):
    """Every so often, in Go's notation of durations: ``12h``."""

    interval: str


class SpecificDays(TypedDict):
    """On days of the week, at hours of the day."""

    days: list[int]
    hours: list[int]
    timezone: str
