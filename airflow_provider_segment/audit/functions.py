"""Functions of which no version runs, an old one, or one that was deployed long ago."""

from __future__ import annotations

from airflow_provider_segment.api.paths import fill_path
from airflow_provider_segment.audit.outcomes import Finding, Outcomes, as_documented, each
from airflow_provider_segment.audit.resources import DeployedFunction, Function, as_read
from airflow_provider_segment.audit.workspace import Workspace
from airflow_provider_segment.waiting.condition import moment

TYPES = ("SOURCE", "DESTINATION")
NO_DATE = "0001-"
"""How a date begins that is none."""


def functions(workspace: Workspace) -> list[Function]:
    """All functions that Segment lists: those of sources and destinations."""
    return [
        function
        for type in TYPES
        for function in workspace.included(
            workspace.items("/functions", "functions", Function, resourceType=type)
        )
    ]


def old(workspace: Workspace) -> Outcomes:
    """What is deployed of each function. One deployed exactly so many days ago is not old."""
    since = workspace.since(days=workspace.limits.max_function_age_days)

    def look(function: Function) -> Outcomes:
        path = fill_path("/functions/{id}", {"id": function.id})
        answer = workspace.request("GET", path, shape={"function": DeployedFunction})
        deployed = as_read(answer.data["function"], DeployedFunction)
        facts = {"type": function.resource_type, "deployed_at": deployed.deployed_at}
        if not deployed.deployed_at or deployed.deployed_at.startswith(NO_DATE):
            yield Finding("function_not_deployed", function.thing, facts)
            return
        with as_documented(path):
            is_old = moment(deployed.deployed_at) < since
        if deployed.is_latest_version is False:
            yield Finding("function_outdated", function.thing, facts)
        if is_old:
            yield Finding("function_old", function.thing, facts)

    yield from each(functions(workspace), lambda function: f"the function {function.title}", look)
