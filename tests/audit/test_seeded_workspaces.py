"""Workspaces with defects at random, in number and place: each is found, and none is invented."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_segment.operators.audit import SegmentAuditWorkspaceOperator
from airflow_provider_segment.sandbox import Sandbox
from tests.audit.seeder import THRESHOLDS, Seeder
from tests.harness.task_runner import RunTask

pytestmark = [pytest.mark.core, pytest.mark.usefixtures("simulated_time")]

SECRETS = ("secret-write-key", "secret-setting", "secret-code")

Seed = Callable[[int], Seeder]


@pytest.fixture
def seed(segment_sandbox: Sandbox) -> Seed:
    """An empty workspace, at a random moment of a year."""

    def start(number: int) -> Seeder:
        chance = random.Random(number)
        start = datetime(2026, 1, 1, tzinfo=timezone.utc).timestamp()
        day = chance.choice([chance.randint(0, 365) * 86_400, 31 * 86_400])  # the first of February, often
        clock: Any = segment_sandbox.state.clock
        clock._frozen_at, clock._offset = start + day + chance.randint(0, 86_399), 0.0
        return Seeder(segment_sandbox, chance)

    return start


def found_in(report: dict[str, Any]) -> Counter[tuple[str, str]]:
    workspace = report["workspace"]["id"]
    return Counter(
        (finding["kind"], "workspace" if finding["what"]["id"] == workspace else finding["what"]["id"])
        for finding in report["findings"]
    )


@pytest.mark.parametrize("number", range(30))
def test_every_defect_is_found_and_none_is_invented(
    run_task: RunTask, seed: Seed, tmp_path: Path, number: int
) -> None:
    seeder = seed(number)
    seeder.fill(5)
    path = tmp_path / "report.json"
    audit = SegmentAuditWorkspaceOperator(
        task_id="audit", to_path=str(path), **THRESHOLDS, **seeder.allowances()
    )
    run = run_task(audit)
    assert run.state == "success", run.error
    report = json.loads(path.read_text())
    assert found_in(report) == seeder.defects
    names = {
        finding["what"]["id"]: {name.rpartition(" ")[0] for name in finding["facts"]["names"]}
        for finding in report["findings"]
        if finding["kind"] == "events_unplanned"
    }
    assert names == seeder.unplanned
    because = {one["because"] for one in report["not_checked"]}
    assert because <= {
        "Delivery Overview does not cover them",  # destinations of Reverse ETL
        "Segment has no count of this month yet",  # nothing was received in it
    }
    written = path.read_text() + path.with_suffix(".md").read_text() + json.dumps(run.xcom)
    assert not [secret for secret in SECRETS if secret in written]
    if report["counts"]["high"]:
        assert run.xcom["findings"][0]["severity"] == "high"
