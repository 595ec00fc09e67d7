"""The example DAGs that do not wait, run to their end; see `example_runs`."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from tests.running_airflow.example_runs import AIRFLOW_3, Examples

pytestmark = [pytest.mark.core, pytest.mark.airflow]

DATABASE = {
    "host": "db.example.com",
    "port": 5432,
    "schema": "segment",
    "login": "segment",
    "password": "db-pass-9f3",
}
API_KEY = "amplitude-key-9f3"


@pytest.fixture
def examples(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Examples:
    return Examples(request.getfixturevalue("airflow") if AIRFLOW_3 else None, monkeypatch)


def workspace(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """All that the workspace holds, but for the times of changes. Ids tell new things from old ones."""
    return {
        path: {
            id: {name: value for name, value in item.items() if name not in ("createdAt", "updatedAt")}
            for id, item in collection.items()
        }
        for path, collection in copy.deepcopy(sandbox.state.collections).items()
        if collection and path != "/audit-events"
    }


def test_provisioning_twice_leaves_the_same_workspace(examples: Examples, segment_sandbox: Sandbox) -> None:
    examples.add_connection("segment_warehouse", conn_type="postgres", **DATABASE)
    examples.add_variable("amplitude_api_key", API_KEY)
    hook = SegmentHook()

    first = examples.start("provision_workspace", source="shop-two", warehouse="Two")
    states = first.end()
    assert set(states.values()) == {"success"}, states
    once = workspace(segment_sandbox)
    [source] = [each for each in hook.paginate("/sources") if each["slug"] == "shop-two"]
    [warehouse] = hook.paginate("/warehouses")
    [destination] = hook.paginate("/destinations")
    [subscription] = hook.paginate(f"/destinations/{destination['id']}/subscriptions")
    [plan] = hook.paginate("/tracking-plans")
    assert warehouse["settings"]["name"] == "Two" and warehouse["settings"]["port"] == "5432"
    assert destination["sourceId"] == source["id"] and destination["enabled"]
    assert (subscription["name"], subscription["actionSlug"]) == ("Orders", "logEvent")
    rules = hook.paginate(f"/tracking-plans/{plan['id']}/rules")
    assert {rule["key"] for rule in rules} == {"Product Viewed", "Order Completed"}
    for place in (
        f"/warehouses/{warehouse['id']}/connected-sources",
        f"/tracking-plans/{plan['id']}/sources",
    ):
        assert [each["id"] for each in hook.paginate(place)] == [source["id"]]
    key = examples.variable("segment_secret_write_key_shop-two")
    assert key in ("***", *source["writeKeys"])

    hook.request("PATCH", f"/destinations/{destination['id']}", json={"enabled": False})  # someone tries out
    second = examples.start("provision_workspace", source="shop-two", warehouse="Two")
    states = second.end()
    assert set(states.values()) == {"success"}, states
    assert workspace(segment_sandbox) == once

    secrets = (*source["writeKeys"], DATABASE["password"], API_KEY, segment_sandbox.token)
    shown = first.shown + second.shown
    assert [secret for secret in secrets for text in shown if str(secret) in text] == []


def test_the_inventory_twice_is_the_same_report(
    examples: Examples, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    hook = SegmentHook()
    made = hook.request(
        "POST", "/warehouses", json={"metadataId": "55d3d3aea3c", "settings": {**DATABASE, "name": "Lake"}}
    ).data["warehouse"]
    hook.request("POST", "/labels", json={"label": {"key": "env", "value": "prod"}})
    segment_sandbox.faults.add("status", path="/credentials", status=403)
    before = workspace(segment_sandbox)

    files = [tmp_path / "first.json", tmp_path / "second.json"]
    for run in [examples.start("workspace_inventory", report=str(file)) for file in files]:
        states = run.end()
        [failed] = [task for task, state in states.items() if state == "failed"]
        assert states.pop(failed) and set(states.values()) == {"success"}, states
    report, again = (json.loads(file.read_text()) for file in files)
    assert again == report
    assert workspace(segment_sandbox) == before
    assert report["warehouses"] == [{"id": made["id"], "name": "Lake", "enabled": True}]
    assert report["labels"] == [{"key": "env", "value": "prod"}]
    assert report["credentials"] is None
    assert [user["email"] for user in report["users"]] == [user["email"] for user in hook.paginate("/users")]
    assert [name for name in report if name.startswith("audiences of ")]


def test_a_backfill_in_parts_sends_each_event_once(
    examples: Examples, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    lake, rejected = tmp_path / "lake", tmp_path / "rejected"
    (lake / "2026").mkdir(parents=True)
    events = [{"type": "page", "userId": f"u{n}", "messageId": f"m{n}"} for n in range(3_000)]
    lines = [json.dumps(event) for event in events]
    lines[1_000] = "no JSON"
    (lake / "a.jsonl").write_text("\n".join(lines[:2_000]))
    (lake / "2026" / "b.jsonl").write_text("\n".join(lines[2_000:]))

    run = examples.start("backfill_in_parts", events=str(lake), rejected=str(rejected), min_part_bytes=40_000)
    states = run.end()
    assert states == {"parts": "success", "gather": "success", **{f"send[{n}]": "success" for n in range(4)}}
    assert len(segment_sandbox.accepted) == 2_999
    assert segment_sandbox.summary["duplicates"] == 0
    report = run.returned["gather"]
    assert (report["read"], report["sent"], report["rejected"]) == (3_000, 2_999, {"not_json": 1})
    [letter] = Path(report["rejects_path"]).read_text().splitlines()
    assert json.loads(letter)["raw"] == "no JSON"
    if AIRFLOW_3:
        names = {json.loads(run.shown[0])[n]["rendered_map_index"] for n in range(6)}
        assert names == {None, *(f"lake-000{n}" for n in range(4))}
