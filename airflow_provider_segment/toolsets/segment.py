"""The toolset, as pydantic-ai and Airflow's common-ai provider see it."""

# Types are checked with Python 3.10, too, which common-ai is not for.
# pyright: reportMissingImports=false

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.ai.utils.tool_definition import build_args_validator
from airflow.providers.common.ai.utils.toolset_base import AirflowToolset
from pydantic_ai.exceptions import ModelRetry, ToolFailed
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets.abstract import ToolsetTool

from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.toolsets.answers import bounded, shortened
from airflow_provider_segment.toolsets.calls import RefusedCallError, WrongCallError
from airflow_provider_segment.toolsets.offer import Operator, checked
from airflow_provider_segment.toolsets.tool import Tool
from airflow_provider_segment.toolsets.tools import tools_for

if TYPE_CHECKING:
    from pydantic_ai import RunContext

INSTRUCTIONS = """\
The tools whose names begin with "segment_" work with a workspace of Segment, Twilio's customer data platform.
Where they take the id of something, they also take its name: ref:source:SLUG, ref:destination:SOURCE/NAME.
Secrets are hidden (***, or dots) and cannot be had. Long answers say what was left out of them.
"""


class SegmentToolset(AirflowToolset):
    """Lets an agent look into a Segment workspace, and change in it what the DAG's author names.

    Its tools search operations; get and list what is there; count events, and what became of them; and
    explain errors. Answers are redacted, settings included, and bounded. Credentials, code of functions,
    deletions, and data about people are not read unless the operator that reads them is named.

    An error that the model can correct (a wrong argument, an unknown name) goes back to it, and counts
    against its retries. So does a refusal of Segment's, with advice, without counting. If Segment does not
    answer a read, or a field of the connection is invalid, the task fails.

    :param segment_conn_id: id of the Airflow connection. A template where the agent is one of
        ``AgentOperator`` or ``@task.agent``
    :param allow: operators that the agent may run besides: each that writes becomes a tool of its name, as
        ``segment_update_source``. Only those that are one request of the Public API
    :raises ValueError: ``allow`` names what cannot be a tool
    """

    agent_template_fields: Sequence[str] = ("segment_conn_id",)

    def __init__(
        self, segment_conn_id: str = SegmentHook.default_conn_name, *, allow: Iterable[Operator] = ()
    ) -> None:
        self.segment_conn_id = segment_conn_id
        self.allow = checked(allow)
        self._hooks: dict[str, SegmentHook] = {}

    @property
    def id(self) -> str:
        """Names the connection: what is approved is approved for this one."""
        return f"segment-{self.segment_conn_id}"

    async def get_instructions(self, ctx: RunContext[Any]) -> str:
        """What a model has to know to use the tools."""
        return INSTRUCTIONS

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        """The tools; the same in each step of a run."""
        return {tool.name: self._tool(tool, ctx) for tool in tools_for(self.allow).values()}

    def _tool(self, tool: Tool, ctx: RunContext[Any]) -> ToolsetTool[Any]:
        return ToolsetTool(
            toolset=self,
            tool_def=ToolDefinition(
                name=tool.name,
                description=tool.description,
                parameters_json_schema=tool.schema,
                sequential=tool.writes,
                metadata={"writes": tool.writes},
            ),
            max_retries=self._get_tool_max_retries(ctx),
            args_validator=build_args_validator(tool.schema),
            # Before anybody is asked to approve of the call.
            args_validator_func=partial(_check, tool),
        )

    async def execute_tool(
        self, name: str, tool_args: dict[str, Any], *, ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        """Run a tool.

        :raises ModelRetry: the model can correct the call
        :raises ToolFailed: it cannot
        :raises SegmentError: a field of the connection is invalid, or Segment does not answer a read
        """
        try:
            return bounded(await self.run_blocking(tools_for(self.allow)[name].run, tool_args, self._hook()))
        except WrongCallError as error:
            raise ModelRetry(shortened(str(error))) from None
        except RefusedCallError as error:
            raise ToolFailed(shortened(str(error))) from None

    def _hook(self) -> SegmentHook:
        """One hook for each connection: AgentOperator copies a toolset to render its template."""
        return self._hooks.setdefault(self.segment_conn_id, SegmentHook(self.segment_conn_id))


def _check(tool: Tool, ctx: RunContext[Any], /, **arguments: Any) -> None:
    try:
        tool.check(arguments)
    except WrongCallError as error:
        raise ModelRetry(shortened(str(error))) from None


def writes(ctx: RunContext[Any], tool: ToolDefinition, arguments: dict[str, Any]) -> bool:
    """Whether a call changes the workspace, for ``SegmentToolset(...).approval_required(writes)``."""
    return bool((tool.metadata or {}).get("writes"))
