"""SegmentDeployFunctionOperator."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.operators.function_jobs import SegmentDeployFunctionOperator
from airflow_provider_segment.sandbox import Sandbox
from tests.harness.sandbox_api import Api, create
from tests.operators.jobs.job_runs import RunJob

pytestmark = pytest.mark.core


def make_function(api: Api, kind: str = "SOURCE", sources: int = 0) -> tuple[str, list[str]]:
    """A function, and sources that were created from it."""
    body = {"code": "1", "displayName": "F", "resourceType": kind}
    function = api("POST", "/functions", body)["function"]
    source = {"enabled": True, "metadataId": function["catalogId"]}
    return function["id"], [create("/sources", slug=f"made-{n}", **source) for n in range(sources)]


def deployed(sandbox: Sandbox) -> list[str]:
    paths = [each["path"] for each in sandbox.requests if each["path"].endswith("/deploy")]
    return [path.removeprefix("/functions/").removesuffix("/deploy") for path in paths]


def test_a_function_is_deployed_to_all_its_sources(run_here: RunJob, api: Api, sandbox: Sandbox) -> None:
    function, sources = make_function(api, sources=2)
    run = run_here(SegmentDeployFunctionOperator, function_id=function)
    assert run.state == "success", run.error
    assert run.xcom == dict.fromkeys(sources, "SUCCESS")
    assert deployed(sandbox) == [f"sfn_{source}" for source in sources]
    assert api("GET", f"/functions/{function}")["function"]["isLatestVersion"] is True


@pytest.mark.parametrize("prefix", ["", "sfn_"])
def test_a_function_is_deployed_to_one_source(
    run_here: RunJob, api: Api, sandbox: Sandbox, prefix: str
) -> None:
    _, [_, source] = make_function(api, sources=2)
    run = run_here(SegmentDeployFunctionOperator, source_id=prefix + source)
    assert run.state == "success", run.error
    assert list(run.xcom.values()) == ["SUCCESS"]
    assert deployed(sandbox) == [f"sfn_{source}"]


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        ("DESTINATION", {}, "only SOURCE can be deployed"),
        ("INSERT_DESTINATION", {}, "only SOURCE can be deployed"),
        ("SOURCE", {}, "no source was created from function"),
        ("SOURCE", {"function_id": None}, "give a function_id or a source_id"),
        ("SOURCE", {"function_id": ""}, "give a function_id or a source_id"),
        ("SOURCE", {"source_id": "s"}, "give a function_id or a source_id"),
    ],
)
def test_what_cannot_be_deployed_is_refused(
    run_here: RunJob, api: Api, sandbox: Sandbox, kind: str, more: Any, message: str
) -> None:
    function, _ = make_function(api, kind)
    run = run_here(SegmentDeployFunctionOperator, **{"function_id": function, **more})
    assert run.state == "failed" and isinstance(run.error, AirflowFailException)
    assert message in str(run.error)
    assert deployed(sandbox) == []
