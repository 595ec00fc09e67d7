"""The recipes of the guide: each DAG runs as a whole, with the effect that it claims (test_dag_runs.py)."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.testing.dag_runs import SegmentAirflow
from tests.harness.sandbox_api import create
from tests.test_docs import CODE, DOCS

RULE = {"type": "TRACK", "key": "Order Completed", "version": 1, "jsonSchema": {"type": "object"}}


def recipe(dag_id: str) -> Any:
    """The DAG of a recipe."""
    [code] = [code for code in CODE.findall((DOCS / "recipes.md").read_text()) if f'"{dag_id}"' in code]
    names: dict[str, Any] = {"__name__": "recipes"}
    exec(compile(code, "recipes.md", "exec"), names)
    assert names["dag"].dag_id == dag_id
    return names["dag"]


@pytest.fixture
def other_workspace(monkeypatch: pytest.MonkeyPatch, segment_sandbox: Sandbox) -> Iterator[Sandbox]:
    """A second workspace, the connection to it, and `segment_old` for the first one."""
    with Sandbox() as other:
        for name, sandbox in (("OLD", segment_sandbox), ("NEW", other)):
            monkeypatch.setenv(f"AIRFLOW_CONN_SEGMENT_{name}", json.dumps(sandbox.connection))
        yield other


def test_every_recipe_is_tested() -> None:
    assert len(CODE.findall((DOCS / "recipes.md").read_text())) == 4


def test_delete_the_users_that_a_table_lists(
    segment_airflow: SegmentAirflow,
    segment_sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = tmp_path / "requests.db"
    with sqlite3.connect(database) as connection:
        connection.execute("create table deletion_requests (user_id text, done_at text)")
        connection.executemany(
            "insert into deletion_requests values (?, ?)", [("u1", None), ("u2", "2026-01-01"), ("u3", None)]
        )
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(database)}))
    run = segment_airflow.run(recipe("delete_from_table"), conf={"folder": str(tmp_path / "ids")})
    assert run.states == {"write_ids": "success", "forget": "success"}, run.log
    [group] = run.xcoms["forget"]["return_value"]
    assert (group["ids"], group["status"]) == (2, "FINISHED")
    suppressed = SegmentHook().request("GET", "/suppressions").data["suppressed"]
    assert sorted(id for each in suppressed for id in each["subjectIds"]) == ["u1", "u3"]


def test_replay_an_archive(segment_airflow: SegmentAirflow, segment_sandbox: Sandbox, tmp_path: Path) -> None:
    SegmentHook().request("PATCH", f"/sources/{segment_sandbox.source_id}", json={"slug": "shop"})
    for number in range(2):
        day = datetime(2026, 1, 1 + number, tzinfo=timezone.utc)
        folder = tmp_path / str(int(day.timestamp() * 1000))
        folder.mkdir()
        event = {
            "type": "track",
            "event": "Paid",
            "userId": f"u{number}",
            "messageId": f"m{number}",
            "timestamp": day.isoformat(),
        }
        (folder / "a.gz").write_bytes(gzip.compress(json.dumps(event).encode() + b"\n"))
    run = segment_airflow.run(recipe("replay_days"), conf={"archive": str(tmp_path), "days": 2})
    assert run.state == "success", run.log
    assert sorted(event["userId"] for event in run.accepted) == ["u0", "u1"]
    assert not {"m0", "m1"} & {event["messageId"] for event in run.accepted}
    assert all(event["integrations"] == {"All": False, "Amplitude": True} for event in run.accepted)


def test_move_a_workspace(
    segment_airflow: SegmentAirflow, segment_sandbox: Sandbox, other_workspace: Sandbox
) -> None:
    for name in ("Shop", "App"):
        plan = create("/tracking-plans", name=name, type="LIVE")
        SegmentHook().request("PUT", f"/tracking-plans/{plan}/rules", json={"rules": [RULE]})
    for _ in range(2):  # it is safe to run again
        run = segment_airflow.run(recipe("move_tracking_plans"))
        assert run.state == "success", run.log
        hook = SegmentHook("segment_new")
        plans = list(hook.paginate("/tracking-plans"))
        assert sorted(plan["name"] for plan in plans) == ["App", "Shop"]
        for plan in plans:
            [rule] = hook.paginate(f"/tracking-plans/{plan['id']}/rules")
            assert rule["key"] == "Order Completed"


@pytest.mark.parametrize("drops", [True, False])
def test_an_alert_on_dropped_events(
    segment_airflow: SegmentAirflow, segment_sandbox: Sandbox, drops: bool
) -> None:
    SegmentHook().request("PATCH", f"/sources/{segment_sandbox.source_id}", json={"slug": "shop"})
    event = {"type": "track", "userId": "u1", **({} if drops else {"event": "Paid"})}
    httpx.post(
        f"{segment_sandbox.url}/v1/track",
        json={**event, "writeKey": segment_sandbox.write_key},
    ).raise_for_status()
    [received] = (*(each["event"] for each in segment_sandbox.dropped), *segment_sandbox.accepted)
    day = received["receivedAt"][:10]
    run = segment_airflow.run(recipe("alert_on_dropped_events"), conf={"day": day})
    if drops:
        assert run.states == {"delivery": "failed", "alert": "success"}, run.log
        assert "'failed_on_ingest': 1" in run.xcoms["alert"]["return_value"]
    else:
        assert run.states == {"delivery": "success", "alert": "skipped"}, run.log
