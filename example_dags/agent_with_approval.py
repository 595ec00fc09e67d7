"""An agent that looks into a workspace on its own, and asks before it changes anything.

It is asked a question, and may read what is not secret. The one change that it may make is to a source, and
then somebody is asked: in Airflow's UI, under "Required Actions", with the arguments of the call. Who rejects
it, or does not answer within a day, changes nothing; the agent is told so, and says what it found.

Needs the extra `common-ai`, Airflow 3.3, and a connection to a language model.
"""

# [START agent_with_approval]
from datetime import datetime, timedelta

from airflow.providers.common.ai.operators.agent import AgentOperator  # pyright: ignore[reportMissingImports]
from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_segment.operators import SegmentUpdateSourceOperator
from airflow_provider_segment.toolsets import SegmentToolset, writes

with DAG(
    "agent_with_approval",
    description="An agent looks into a workspace, and asks before it changes anything",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1),
    default_args={"owner": "data"},
    params={
        "question": Param(
            "Which sources received no events in the last 30 days? Switch them off, all in one step.",
            type="string",
        )
    },
    tags=["segment", "agents"],
) as dag:
    agent = AgentOperator(
        task_id="agent",
        llm_conn_id="pydanticai_default",
        system_prompt="You look after a Segment workspace. Look things up, do not guess. "
        "Before you change anything, find out what depends on it, and say in the end what you did and why.",
        prompt="{{ params.question }}",
        toolsets=[SegmentToolset(allow=(SegmentUpdateSourceOperator,)).approval_required(writes)],
        tool_approval_timeout=timedelta(days=1),
        on_tool_approval_timeout="deny",
        usage_limits={"request_limit": 30},
    )
# [END agent_with_approval]
