"""Fixtures for the tests of jobs: both ways of waiting, and work at Segment that ends soon."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.waiting.words import meaning_of
from tests.harness.sandbox_api import create
from tests.harness.task_runner import RunTask
from tests.operators.jobs.job_runs import RunJob, Vault


@pytest.fixture(params=["in the worker", "in the triggerer"])
def run_job(run_task: RunTask, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> RunJob:
    """Both ways of waiting."""
    return RunJob(run_task, caplog, deferrable=request.param == "in the triggerer")


@pytest.fixture
def run_here(run_task: RunTask, caplog: pytest.LogCaptureFixture) -> RunJob:
    """Waiting in the worker, for tests that need only one way."""
    return RunJob(run_task, caplog, deferrable=False)


@pytest.fixture(autouse=True)
def soon_done(simulated_time: None, caplog: pytest.LogCaptureFixture, sandbox: Sandbox) -> None:
    caplog.set_level(logging.INFO, "airflow_provider_segment")
    meaning_of.cache_clear()  # which logs an unknown word only once
    for kind in ("reverse_etl_sync", "regulation", "preview"):
        sandbox.scripts.add(kind, seconds=0.1)


@pytest.fixture
def audience(sandbox: Sandbox) -> dict[str, str]:
    sandbox.scripts.add("audience", steps=[], status="Live")
    body = {"name": "A", "definition": {"query": "x"}, "audienceType": "LINKED"}
    id = create(f"/spaces/{sandbox.space_id}/audiences", **body)
    return {"space_id": sandbox.space_id, "audience_id": id}


@pytest.fixture
def vault(sandbox: Sandbox) -> Vault:
    return Vault(sandbox)
