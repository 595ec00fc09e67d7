"""The tool that counts what became of events, at all stages at once."""

from __future__ import annotations

from typing import Any

from airflow_provider_segment.docstrings import plain, without_params
from airflow_provider_segment.toolsets.calls import check, perform
from airflow_provider_segment.toolsets.offer import AT_DESTINATION, AT_SOURCE, DELIVERY, Operator
from airflow_provider_segment.toolsets.schemas import schema_of
from airflow_provider_segment.toolsets.tool import Arguments, Tool, object_of

REQUIRED = ("source_id", "start_time", "end_time", "granularity")


def delivery() -> Tool:
    """The tool."""
    there = schema_of(AT_DESTINATION["delivered"])["properties"]
    to = there["destination_config_id"]
    return Tool(
        name=DELIVERY,
        description="Count what became of the events of a source, in time buckets: received, failed on "
        f"ingest, filtered at the source; and filtered, delivered, or failed at a destination. {_limits()}",
        schema=object_of(
            {name: there[name] for name in REQUIRED},
            destination_id={**to, "description": f"Count at this destination, too. {to['description']}"},
            group_by=there["group_by"],
        ),
        run=lambda arguments, hook: {
            stage: perform(*call, hook) for stage, call in _calls(arguments).items()
        },
        check=_check,
    )


def _calls(arguments: Arguments) -> dict[str, tuple[Operator, dict[str, Any]]]:
    at_source = {name: value for name, value in arguments.items() if name != "destination_id"}
    calls = {stage: (operator, at_source) for stage, operator in AT_SOURCE.items()}
    if destination := arguments.get("destination_id"):
        there = {**at_source, "destination_config_id": destination}
        calls |= {stage: (operator, there) for stage, operator in AT_DESTINATION.items()}
    return calls


def _check(arguments: Arguments) -> None:
    for call in _calls(arguments).values():
        check(*call)


def _limits() -> str:
    """What the base of these operators says about the window."""
    return plain(without_params(AT_SOURCE["received"].__base__.__doc__)).partition(". ")[2]
