"""Models that are scripts: what they call is written down, what they are told is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import pytest

pytest.importorskip("airflow.providers.common.ai", reason="the extra common-ai is not installed")

from airflow.providers.common.ai.hooks.pydantic_ai import PydanticAIHook
from airflow.providers.common.ai.operators.agent import AgentOperator
from pydantic_ai import Agent
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    RetryPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel

from airflow_provider_segment.toolsets import SegmentToolset

RETRIES = 3
"""How often in a row a model may be wrong."""

Call = tuple[str, dict[str, Any]]
"""The name of a tool, and its arguments."""

Script = Callable[[Sequence[Any]], Call | str]
"""What a model does next, having been told these answers: a call, or its last words."""


def told(messages: Sequence[ModelMessage]) -> list[Any]:
    """The answers to a model's calls, in their order."""
    parts = [part for message in messages if isinstance(message, ModelRequest) for part in message.parts]
    return [part.content for part in parts if isinstance(part, (ToolReturnPart, RetryPromptPart))]


def model_of(script: Script) -> FunctionModel:
    """A model that follows a script."""

    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        step = script(told(messages))
        return ModelResponse(parts=[TextPart(step) if isinstance(step, str) else ToolCallPart(*step)])

    return FunctionModel(answer)


class Conversation:
    """Calls that a model makes one after the other, and what it was told."""

    def __init__(self, toolset: SegmentToolset, *calls: Call) -> None:
        script = model_of(lambda told: calls[len(told)] if len(told) < len(calls) else "done")
        agent = Agent(script, toolsets=[toolset], retries=RETRIES)
        result = agent.run_sync("go")
        self.answers = told(result.all_messages())
        self.transcript = ModelMessagesTypeAdapter.dump_json(result.all_messages()).decode()
        """All that the model's provider would have."""


def call(toolset: SegmentToolset, tool: str, **arguments: Any) -> Any:
    """What a model is told of one call."""
    [answer] = Conversation(toolset, (tool, arguments)).answers
    return answer


class ScriptedAgent(AgentOperator):
    """The operator, with a script instead of the model of its connection."""

    script: Script

    @cached_property
    def llm_hook(self) -> PydanticAIHook:
        model = model_of(type(self).script)

        class ScriptedHook(PydanticAIHook):
            def get_conn(self) -> Any:
                return model

        return ScriptedHook()


class SwitchesOff(ScriptedAgent):
    """Lists the sources, and switches off the first that is on."""

    @staticmethod
    def script(told: Sequence[Any]) -> Call | str:
        if not told:
            return "segment_list", {"operation": "list_sources"}
        if len(told) == 1:
            slug = next(each["slug"] for each in told[0]["items"] if each["enabled"])
            return "segment_update_source", {"source_id": f"ref:source:{slug}", "enabled": False}
        return json.dumps(told[1])
