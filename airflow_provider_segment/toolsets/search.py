"""The tool that finds operations by words."""

from __future__ import annotations

from typing import Any

from airflow_provider_segment.catalogue import Operation, find_operations
from airflow_provider_segment.toolsets.offer import SEARCH, Offer, operator_of
from airflow_provider_segment.toolsets.schemas import schema_of
from airflow_provider_segment.toolsets.tool import Tool, object_of

FOUND, MOST_FOUND = 5, 20
"""Operations that are found: unless the model asks for another number, and at most."""


def search(offer: Offer) -> Tool:
    """The tool, for what is offered."""
    return Tool(
        name=SEARCH,
        description="Find operations of Segment by words: what each does, the tool that runs it, and its "
        "arguments. What has no tool you cannot run: a person can, as a task of Airflow.",
        schema=object_of(
            {"words": {"type": "string", "description": "What is to be done, in any words."}},
            limit={
                "type": "integer",
                "description": f"Operations to return: {FOUND} unless given, at most {MOST_FOUND}.",
            },
        ),
        run=lambda arguments, hook: _found(offer, **arguments),
    )


def _found(offer: Offer, words: str, limit: int = FOUND) -> list[dict[str, Any]]:
    return [_facts(offer, each) for each in find_operations(words, min(max(limit, 1), MOST_FOUND))]


def _facts(offer: Offer, operation: Operation) -> dict[str, Any]:
    operator = operator_of(operation)
    if operator is None:
        said = {"operation": operation.name, "summary": operation.summary, "tool": None}
        return {**said, "why": "it is more than one request: a DAG runs it, as a task"}
    said = {
        "operation": operator.operation_name(),
        "summary": operation.summary,
        "tool": offer.tool_for(operator),
    }
    if said["tool"] is None:
        return {**said, "why": offer.why_not(operator)}
    properties = schema_of(operator)["properties"]
    arguments = {
        one.name: f"{one.type}{' (required)' if one.required else ''}. {properties[one.name]['description']}"
        for one in operation.arguments
        if one.name in properties
    }
    return {**said, "arguments": arguments}
