"""The model of the example with an agent: a script."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.providers.common.ai.hooks.pydantic_ai import PydanticAIHook
from airflow.providers.common.ai.operators.agent import AgentOperator
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

STEPS = (
    ToolCallPart("segment_list", {"operation": "list_sources"}),
    ToolCallPart("segment_update_source", {"source_id": "ref:source:old-shop", "enabled": False}),
    TextPart("The source old-shop received no events in the last 30 days. It is off, if you agreed."),
)


def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """The next step of the script."""
    done = sum(isinstance(message, ModelResponse) for message in messages)
    return ModelResponse(parts=[STEPS[min(done, len(STEPS) - 1)]])


class ScriptedHook(PydanticAIHook):
    """Leads to no provider."""

    def get_conn(self) -> Any:
        """The script."""
        return FunctionModel(answer)


class SwitchesOffOldShop(AgentOperator):
    """Lists the sources, and switches off `old-shop`."""

    @cached_property
    def llm_hook(self) -> PydanticAIHook:
        return ScriptedHook()
