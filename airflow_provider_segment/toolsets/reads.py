"""The tools that get and list what is in a workspace: one for each, with the operation as an argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from airflow_provider_segment.catalogue import find_operations, operation_named
from airflow_provider_segment.toolsets.answers import fitting
from airflow_provider_segment.toolsets.calls import WrongCallError, check, perform
from airflow_provider_segment.toolsets.offer import (
    GET,
    LIST,
    Offer,
    Operator,
    arguments_for,
    operator_of,
)
from airflow_provider_segment.toolsets.schemas import Schema, schema_of_any
from airflow_provider_segment.toolsets.tool import Arguments, Tool

if TYPE_CHECKING:
    from airflow_provider_segment.hooks.segment import SegmentHook

ITEMS, MOST_ITEMS = 50, 200
"""Items of a list: unless the model asks for another number, and at most."""

NEAR = 5
"""Operations that are named instead of one that does not exist."""

OFFSET: Schema = {
    "type": "integer",
    "minimum": 0,
    "default": 0,
    "description": "How many of the list to leave out, from its beginning: those that were returned before.",
}

ABOUT_KIND = ("id", "slug", "name")
"""What the items of a list say of the catalog's entry that each is of; all of it is with the single item."""


def get(offer: Offer) -> Tool:
    """The tool that returns one thing."""
    return _tool(GET, "Return one thing of the Segment workspace, or facts about it.", offer)


def list_(offer: Offer) -> Tool:
    """The tool that returns a list."""
    description = (
        f"Return things of the Segment workspace: {ITEMS} `items`, or as many as `limit` says, at most "
        f"{MOST_ITEMS}, and fewer if they are long; and whether there are `more`, which `offset` leads to."
    )
    return _tool(LIST, description, offer, offset=OFFSET)


def _tool(name: str, description: str, offer: Offer, **further: Schema) -> Tool:
    read = Read(name, offer)
    schema = schema_of_any(read.operators)
    return Tool(
        name=name,
        description=description,
        schema={**schema, "properties": {**schema["properties"], **further}},
        run=read.run,
        check=lambda arguments: check(*read.call(arguments)),
    )


@dataclass(frozen=True)
class Read:
    """What a tool reads.

    :param tool: its name
    """

    tool: str
    offer: Offer

    @property
    def operators(self) -> dict[str, Operator]:
        """The operations to choose from."""
        return {
            name: each for name, each in self.offer.reads.items() if self.offer.tool_for(each) == self.tool
        }

    def call(self, arguments: Arguments) -> tuple[Operator, Arguments]:
        """The operator that is asked for, and its arguments.

        :raises WrongCallError: there is none of that name
        """
        given = dict(arguments)
        name = given.pop("operation")
        offset = given.pop("offset", 0)
        operator = self.operators.get(name)
        if operator is None:
            raise WrongCallError(self._instead_of(name))
        if "limit" in arguments_for(operator):
            given["limit"] = offset + _limit(given) + 1  # one more shows that there are more
        elif self.tool == LIST:
            given.pop("limit", None)  # a list that Segment returns as a whole
        return operator, given

    def run(self, arguments: Arguments, hook: SegmentHook) -> Any:
        """What the operator returns, of a list at most the limit."""
        answer = perform(*self.call(arguments), hook)
        if not isinstance(answer, list):
            return answer
        offset = arguments.get("offset", 0)
        items = fitting(list(map(_brief, answer[offset : offset + _limit(arguments)])))
        return {"items": items, "more": len(answer) > offset + len(items)}

    def _instead_of(self, name: str) -> str:
        operation = operation_named(name)
        if operation and (operator := operator_of(operation)):
            tool = self.offer.tool_for(operator)
            if tool == self.tool:
                return f"write {operator.operation_name()} instead of {name}"
            if tool is not None:
                return f"{name} belongs to the tool {tool}"
            return f"{name} is not offered: {self.offer.why_not(operator)}"
        meant = map(operator_of, find_operations(name.replace("_", " ")))
        offered = [
            each.operation_name() for each in meant if each and each.operation_name() in self.operators
        ]
        near = list(dict.fromkeys([*get_close_matches(name, self.operators), *offered]))[:NEAR]
        return f"{self.tool} has no operation {name!r}; near are {', '.join(near) or 'none'}"


def _limit(arguments: Mapping[str, Any]) -> int:
    limit = arguments.get("limit")
    return ITEMS if limit is None else min(max(limit, 1), MOST_ITEMS)


def _brief(item: Any) -> Any:
    if not isinstance(item, dict) or not isinstance(metadata := item.get("metadata"), dict):
        return item
    return {**item, "metadata": {name: metadata[name] for name in ABOUT_KIND if name in metadata}}
