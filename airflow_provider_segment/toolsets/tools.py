"""All tools of a toolset."""

from __future__ import annotations

from functools import cache

from airflow_provider_segment.toolsets.delivery import delivery
from airflow_provider_segment.toolsets.explanations import explanation
from airflow_provider_segment.toolsets.offer import PREFIX, VOLUME, VOLUME_OPERATOR, Offer, Operator
from airflow_provider_segment.toolsets.reads import get, list_
from airflow_provider_segment.toolsets.search import search
from airflow_provider_segment.toolsets.tool import Tool, tool_of


@cache
def tools_for(allow: tuple[Operator, ...]) -> dict[str, Tool]:
    """The tools, by name.

    :param allow: the operators that the DAG's author names
    """
    offer = Offer(allow)
    tools = [
        search(offer),
        get(offer),
        list_(offer),
        tool_of(VOLUME, VOLUME_OPERATOR),
        delivery(),
        explanation(),
        *(tool_of(f"{PREFIX}{name}", operator) for name, operator in offer.writes.items()),
    ]
    return {tool.name: tool for tool in tools}
