"""Which operators an agent is offered, and through which tools.

All that read, but for those in ``WITHHELD``; of the others, those that the DAG's author names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, TypeAlias

from airflow_provider_segment.catalogue import Operation, operations
from airflow_provider_segment.catalogue.declarations import class_of
from airflow_provider_segment.operators.delivery_overview import (
    SegmentGetEgressFailedMetricsFromDeliveryOverviewOperator,
    SegmentGetEgressSuccessMetricsFromDeliveryOverviewOperator,
    SegmentGetFilteredAtDestinationMetricsFromDeliveryOverviewOperator,
    SegmentGetFilteredAtSourceMetricsFromDeliveryOverviewOperator,
    SegmentGetIngressFailedMetricsFromDeliveryOverviewOperator,
    SegmentGetIngressSuccessMetricsFromDeliveryOverviewOperator,
)
from airflow_provider_segment.operators.event_volume import SegmentGetEventsVolumeFromWorkspaceOperator
from airflow_provider_segment.tasks.operation import SegmentOperator

Operator: TypeAlias = type[SegmentOperator]

PREFIX = "segment_"
GET, LIST, VOLUME, DELIVERY = (f"{PREFIX}{word}" for word in ("get", "list", "volume", "delivery"))
SEARCH, EXPLAIN_ERROR = f"{PREFIX}search", f"{PREFIX}explain_error"
FIXED = (GET, LIST, VOLUME, DELIVERY, SEARCH, EXPLAIN_ERROR)
"""The tools that every agent has."""

VOLUME_OPERATOR: Operator = SegmentGetEventsVolumeFromWorkspaceOperator
AT_SOURCE: dict[str, Operator] = {
    "received": SegmentGetIngressSuccessMetricsFromDeliveryOverviewOperator,
    "failed_on_ingest": SegmentGetIngressFailedMetricsFromDeliveryOverviewOperator,
    "filtered_at_source": SegmentGetFilteredAtSourceMetricsFromDeliveryOverviewOperator,
}
AT_DESTINATION: dict[str, Operator] = {
    "filtered_at_destination": SegmentGetFilteredAtDestinationMetricsFromDeliveryOverviewOperator,
    "delivered": SegmentGetEgressSuccessMetricsFromDeliveryOverviewOperator,
    "failed_delivery": SegmentGetEgressFailedMetricsFromDeliveryOverviewOperator,
}
"""The stages that an event passes, in their order."""

WITHHELD = {
    "credentials": "it is about credentials",
    "deletion_and_suppression": "it is about people whose data is deleted or suppressed",
    "audit_trail": "it returns data about people",
    "functions": "it returns code, which may hold secrets",
    "live_plugins": "it returns code, which may hold secrets",
    "iam_users": "it returns data about people",
    "profiles": "it returns data about people",
    "SampleValues": "it returns data about people",
    "AudiencePreview": "it returns data about people",
    "testing": "it says nothing about the workspace",
}
"""Modules of operators, and parts of operators' names, that read what an agent does not see unless the DAG's
author names the operator; with the reason."""

PRIVATE_ARGUMENTS = ("include_sample_values", "samples_count")
"""Arguments of reads that return data about people."""

OPTIONS = ("limit", "missing_ok")
"""The arguments that an agent may give besides those of the request. Others are for the DAG's author: they
name files and connections, or let a creation change what is there (``if_exists``)."""


def is_read(operator: Operator) -> bool:
    """Whether it changes nothing."""
    return operator.endpoint.startswith("GET ")


def operator_of(operation: Operation) -> Operator | None:
    """The class of an operation that is one request of the Public API; None for others."""
    cls = class_of(operation)
    is_request = operation.endpoint and isinstance(cls, type) and issubclass(cls, SegmentOperator)
    return cls if is_request else None


def arguments_for(operator: Operator) -> tuple[str, ...]:
    """The arguments of an operator that an agent may give."""
    return tuple(
        name
        for name, field in operator.fields.items()
        if (field.place != "option" or name in OPTIONS) and name not in PRIVATE_ARGUMENTS
    )


def checked(named: Iterable[Any]) -> tuple[Operator, ...]:
    """The operators that a DAG's author names.

    :raises ValueError: one cannot be a tool
    """
    return tuple(map(_checked, named))


def _checked(named: Any) -> Operator:
    if isinstance(named, type) and issubclass(named, SegmentOperator) and hasattr(named, "endpoint"):
        if (name := f"{PREFIX}{named.operation_name()}") in FIXED:
            raise ValueError(f"allow: there is a tool {name} already: give {named.__name__} another name")
        return named
    raise ValueError(
        "allow takes classes of operators that are one request of Segment's Public API, as "
        f"SegmentUpdateSourceOperator, not {named!r}. What waits, or sends events, is a task of its own"
    )


@dataclass(frozen=True)
class Offer:
    """What the agent of one toolset may run.

    :param allow: what the DAG's author names
    """

    allow: tuple[Operator, ...]

    @cached_property
    def reads(self) -> dict[str, Operator]:
        """By name, but for those that have a tool of their own."""
        named = {operator.operation_name(): operator for operator in self.allow if is_read(operator)}
        return {name: each for name, each in (_reads() | named).items() if each not in _counting()}

    @cached_property
    def writes(self) -> dict[str, Operator]:
        """By name."""
        return {operator.operation_name(): operator for operator in self.allow if not is_read(operator)}

    def tool_for(self, operator: Operator) -> str | None:
        """The name of the tool that runs an operator; None if none does."""
        name = operator.operation_name()
        if name in self.writes:
            return f"{PREFIX}{name}"
        if operator in _counting():
            return VOLUME if operator is VOLUME_OPERATOR else DELIVERY
        if name in self.reads:
            return LIST if name.startswith("list_") else GET
        return None

    def why_not(self, operator: Operator) -> str:
        """Why no tool runs an operator."""
        why = _withheld(operator) if is_read(operator) else "it changes the workspace"
        return f"{why}, and the author of this DAG has not allowed it"


@cache
def _reads() -> dict[str, Operator]:
    """What every agent may read, by name."""
    return {each.operation_name(): each for each in _requests() if is_read(each) and not _withheld(each)}


def _requests() -> Iterator[Operator]:
    for operation in operations().values():
        if operator := operator_of(operation):
            yield operator


def _withheld(operator: Operator) -> str | None:
    module = operator.__module__.rpartition(".")[2]
    found = (why for part, why in WITHHELD.items() if part == module or part in operator.__name__)
    return next(found, None)


def _counting() -> tuple[Operator, ...]:
    return (VOLUME_OPERATOR, *AT_SOURCE.values(), *AT_DESTINATION.values())
