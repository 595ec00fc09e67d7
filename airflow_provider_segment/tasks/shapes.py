"""Objects in request bodies that several resources share, with the API's names; checked before sending.

Members that Segment adds later are not checked. Objects of a single resource are defined in its module.
"""

# Without `from __future__ import annotations`: a TypedDict compiles each string, which takes longer.

from typing import Literal

from typing_extensions import NotRequired, TypedDict


class Label(TypedDict):
    """A label of the workspace."""

    key: str
    value: str
    description: NotRequired[str | None]


class PermissionResource(TypedDict):
    """A resource that a permission applies to."""

    id: str
    type: Literal["FUNCTION", "SOURCE", "SPACE", "WAREHOUSE", "WORKSPACE"]


class LabelledPermissionResource(PermissionResource):
    """Resources that a permission applies to: those of a type that have these labels."""

    labels: NotRequired[list[Label] | None]


class Permission(TypedDict):
    """A role on resources."""

    roleId: str
    resources: list[LabelledPermissionResource]


class Periodic(TypedDict):
    """At an interval, as a Go duration: ``12h``."""

    interval: str


class SpecificDays(TypedDict):
    """On days of the week, at hours of the day."""

    days: list[int]
    hours: list[int]
    timezone: str
