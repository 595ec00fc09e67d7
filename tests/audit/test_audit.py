"""The audit as a task: what it reads, what it cannot read, how long it takes, and when it fails."""

from __future__ import annotations

import json
import random
import re
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowTaskTimeout, Asset

from airflow_provider_segment import operators, sensors
from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.audit import volume
from airflow_provider_segment.audit.checks import CHECKS
from airflow_provider_segment.audit.kinds import KINDS
from airflow_provider_segment.operators.audit import SegmentAuditWorkspaceOperator
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sandbox.enforced_limits import EnforcedLimits
from tests.audit.seeder import DAY, HOUR, MINUTE, Seeder
from tests.harness.task_runner import REPOSITORY, RunTask, TaskRun

pytestmark = [pytest.mark.core, pytest.mark.usefixtures("simulated_time")]


@pytest.fixture
def seeder(segment_sandbox: Sandbox) -> Seeder:
    return Seeder(segment_sandbox)


def audit(run_task: RunTask, **arguments: Any) -> TaskRun:
    return run_task(SegmentAuditWorkspaceOperator(task_id="audit", **arguments))


def kinds(report: Any) -> list[str]:
    return sorted(finding["kind"] for finding in report["findings"])


def test_an_empty_workspace(run_task: RunTask, seeder: Seeder, segment_sandbox: Sandbox) -> None:
    run = audit(run_task, mtu_allowance=0, api_calls_allowance=0)
    assert run.state == "success", run.error
    assert run.xcom["findings"] == []
    assert run.xcom["counts"] == {"high": 0, "medium": 0, "low": 0}
    assert [one["check"] for one in run.xcom["not_checked"]] == ["mtu", "api_calls"]
    assert run.xcom["checks"] == [*CHECKS]
    assert run.xcom["requests"] == len(segment_sandbox.requests) < 25
    assert "**No findings.** **Not checked: 2.**" in run.xcoms["note"]
    paths = [(request["path"], request["query"]) for request in segment_sandbox.requests]
    assert len(paths) == len(set(paths)), "something was read twice"


FEATURES = {
    "/tracking-plans": {"sources_without_plan", "unplanned_events"},
    "/functions": {"functions"},
    "/users": {"users"},
    "/groups": {"users"},
    "/warehouses": {"warehouses"},
    "/events/volume": {"silent_sources", "unplanned_events", "mappings"},
    "/usage/mtu": {"mtu"},
    "/usage/api-calls": {"api_calls"},
    "/destinations": {"disabled_destinations", "mappings", "failing_destinations"},
    "/sources": {
        "silent_sources",
        "sources_without_plan",
        "unplanned_events",
        "disabled_destinations",
        "mappings",
        "failing_destinations",
    },
}


def fill(seeder: Seeder) -> None:
    """One of each, and all is well."""
    source = seeder.healthy_source()
    seeder.mapping(seeder.destination(source, actions=True), 'type = "track"')
    warehouse = seeder.warehouse(source)
    seeder.sync(warehouse, source, HOUR)
    seeder.group(seeder.user())
    seeder.function(DAY)


@pytest.mark.parametrize("status", [403, 404, 500])
@pytest.mark.parametrize("path", FEATURES)
def test_what_is_refused_is_not_called_fine(
    run_task: RunTask, seeder: Seeder, segment_sandbox: Sandbox, path: str, status: int
) -> None:
    fill(seeder)
    segment_sandbox.faults.add("status", status=status, api="public", path=path)
    run = audit(run_task, mtu_allowance=1000, api_calls_allowance=1000)
    assert run.state == "success", run.error
    assert run.xcom["findings"] == []
    said = {one["check"] for one in run.xcom["not_checked"]}
    assert said == FEATURES[path]
    assert all(str(status) in one["because"] for one in run.xcom["not_checked"])
    assert "Not checked" in run.xcoms["note"]
    assert "**Not checked" in run.xcoms["note"].split("\n\n")[1]


@pytest.mark.parametrize("path", ["/reverse-etl-models", "/transformations"])
def test_what_only_helps_may_be_refused(
    run_task: RunTask, seeder: Seeder, segment_sandbox: Sandbox, path: str
) -> None:
    source = seeder.source()
    seeder.healthy_source()
    seeder.mapping(seeder.destination(source, actions=True), 'type = "track"')
    segment_sandbox.faults.add("status", status=403, api="public", path=path)
    run = audit(run_task)
    assert kinds(run.xcom) == ["source_silent", "source_without_plan"]
    assert any("403" in one["because"] for one in run.xcom["not_checked"])


def test_one_thing_that_is_refused_does_not_hide_the_others(
    run_task: RunTask, seeder: Seeder, segment_sandbox: Sandbox
) -> None:
    source = seeder.healthy_source()
    destinations = [seeder.destination(source, actions=True) for _ in range(5)]
    for destination in destinations:
        seeder.mapping(destination, 'event = "Gone"')
    refused = destinations[2]
    path = f"/destinations/{refused}/subscriptions"
    segment_sandbox.faults.add("status", status=404, api="public", path=path)
    run = audit(run_task, checks=["mappings"])
    assert kinds(run.xcom) == ["mapping_matches_nothing"] * 4
    [said] = run.xcom["not_checked"]
    assert refused in said["what"]

    segment_sandbox.faults.add("status", status=403, api="public", path="/destinations/dst")
    before = len(segment_sandbox.requests)
    run = audit(run_task, checks=["mappings"])
    assert [one["what"] for one in run.xcom["not_checked"]][3:] == ["2 more"]
    asked = [request["path"] for request in segment_sandbox.requests[before:]]
    assert sum("/subscriptions" in path for path in asked) == 3


def test_without_access_the_task_fails(run_task: RunTask, seeder: Seeder, segment_sandbox: Sandbox) -> None:
    segment_sandbox.faults.add("status", status=401, api="public")
    run = audit(run_task)
    assert run.state != "success"
    assert "401" in str(run.error)
    assert len(segment_sandbox.requests) == 1


def test_what_is_asked_for_is_all_that_is_read(
    run_task: RunTask, seeder: Seeder, segment_sandbox: Sandbox
) -> None:
    fill(seeder)
    lonely = seeder.user()
    run = audit(run_task, checks=["users"])
    assert kinds(run.xcom) == ["user_without_group"]
    assert {request["path"].split("/")[1] for request in segment_sandbox.requests} == {"", "users", "groups"}
    assert f"{lonely}@example.com" in json.dumps(run.xcom)


def test_exclude(run_task: RunTask, seeder: Seeder) -> None:
    ids = [seeder.source(name=name) for name in ("Test A", "Shop", "Legacy")]
    run = audit(run_task, checks=["silent_sources"], exclude=["Test *", ids[2]])
    assert [finding["what"]["name"] for finding in run.xcom["findings"]] == ["Shop"]
    assert run.xcom["excluded"] == 2
    assert "2 things excluded" in run.xcoms["note"]


@pytest.mark.parametrize(
    ("fail_on", "fails"),
    [
        (None, ""),
        ([], ""),
        (["high"], "Sources without events (1)"),
        (["medium"], "Sources without events (1)"),
        (["low"], "Sources without events (1), Sources without a tracking plan (1)"),
        (["source_without_plan"], "Sources without a tracking plan (1)"),
        (["warehouse_lagging"], ""),
        (["not_checked"], "Not checked (1)"),
    ],
)
def test_fail_on(
    run_task: RunTask,
    seeder: Seeder,
    segment_sandbox: Sandbox,
    tmp_path: Path,
    fail_on: list[str] | None,
    fails: str,
) -> None:
    seeder.source()
    segment_sandbox.faults.add("status", status=403, api="public", path="/functions")
    path = tmp_path / "new" / "audit.json"
    run = audit(run_task, fail_on=fail_on, to_path=str(path))
    report = json.loads(path.read_text())
    assert kinds(report) == ["source_silent", "source_without_plan"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.with_suffix(".md").read_text().startswith("# Audit of ")
    if not fails:
        assert run.state == "success", run.error
        assert "report" not in run.xcoms
        return
    assert run.state == "failed"  # for good: another try would find the same
    assert isinstance(run.error, AirflowFailException)
    assert fails in str(run.error)
    assert str(path) in str(run.error)
    assert kinds(run.xcoms["report"]) == kinds(report)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"checks": ["sinks"]}, "there is no sinks"),
        ({"checks": []}, "must name a check"),
        ({"fail_on": ["severe"]}, "there is no severe"),
        ({"checks": ["mtu"]}, "mtu needs mtu_allowance"),
        ({"delivery_days": 15}, "delivery_days"),
        ({"silent_days": 0}, "silent_days"),
        ({"max_failure_rate": 5}, "max_failure_rate"),
        ({"max_sync_age_hours": 0}, "max_sync_age_hours"),
        ({"max_sync_age_hours": 1e30}, "max_sync_age_hours"),
        ({"max_function_age_days": 10**10}, "max_function_age_days"),
        ({"to_path": ""}, "to_path"),
        ({"to_path": "nothing-like-this://bucket/audit.json"}, "nothing-like-this"),
    ],
)
def test_a_wrong_argument_fails_before_anything_is_read(
    run_task: RunTask, seeder: Seeder, segment_sandbox: Sandbox, arguments: dict[str, Any], said: str
) -> None:
    run = audit(run_task, **arguments)
    assert run.state == "failed"
    assert isinstance(run.error, AirflowFailException)
    assert said in str(run.error)
    assert segment_sandbox.requests == []


def test_a_large_workspace_within_the_limits(
    run_task: RunTask, seeder: Seeder, segment_sandbox: Sandbox
) -> None:
    """100 sources, 300 destinations, 20 warehouses: the syncs take their time, and nothing else does."""
    sources = [seeder.source() for _ in range(100)]
    for source in sources:
        seeder.events(source, 2, HOUR)
    seeder.plan("Seen", sources=tuple(sources))
    for source in sources:
        for _ in range(3):
            seeder.mapping(seeder.destination(source, actions=True), 'type = "track"')
    warehouses = [seeder.warehouse(*sources[:3]) for _ in range(20)]
    for warehouse in warehouses:
        for source in sources[:3]:
            seeder.sync(warehouse, source, HOUR)
    segment_sandbox.state.published_limits = EnforcedLimits()
    start = segment_sandbox.state.clock.now()
    run = audit(run_task, execution_timeout=timedelta(minutes=5))
    assert run.state == "success", run.error
    assert run.xcom["findings"] == []
    assert run.xcom["not_checked"] == []
    statuses = [request["status"] for request in segment_sandbox.requests]
    assert set(statuses) == {200}  # not one was refused
    assert run.xcom["requests"] == len(statuses) < 700
    minutes = (segment_sandbox.state.clock.now() - start) / 60
    assert 9 <= minutes < 12
    said = run.log
    assert "which take 9 minutes at least" in said
    assert "most of it GET /warehouses/{}/syncs" in said
    assert "longer than the task's execution_timeout" in said
    announced = int(said.split("about ")[1].split(" requests")[0].replace(",", ""))
    assert abs(announced - len(statuses)) <= 10


def test_a_timeout_leaves_what_was_found(
    run_task: RunTask,
    seeder: Seeder,
    monkeypatch: pytest.MonkeyPatch,
    segment_sandbox: Sandbox,
    tmp_path: Path,
) -> None:
    """The task ends in the middle of the warehouses, as when Airflow's alarm rings during a wait."""
    silent = seeder.source()
    source = seeder.healthy_source()
    for _ in range(6):
        seeder.warehouse(source)
    segment_sandbox.state.published_limits = EnforcedLimits()
    sleep = Clock.sleep

    def ring(clock: Clock, seconds: float) -> None:
        if segment_sandbox.state.clock.now() > seeder.now + 90:
            raise AirflowTaskTimeout("the time is up")
        sleep(clock, seconds)

    monkeypatch.setattr(Clock, "sleep", ring)
    path = tmp_path / "audit.json"
    run = audit(run_task, execution_timeout=timedelta(minutes=1), to_path=str(path))
    assert run.state in ("failed", "up_for_retry")
    report = json.loads(path.read_text())
    assert {finding["what"]["id"] for finding in report["findings"]} > {silent}
    assert "warehouse_lagging" in kinds(report)
    [missed] = report["not_checked"]
    assert (missed["check"], missed["what"]) == ("warehouses", "the rest of it")
    assert "execution_timeout" in missed["because"]
    assert run.xcoms["report"]["not_checked"] == [missed]


def test_an_xcom_is_bounded_and_a_file_is_not(run_task: RunTask, seeder: Seeder, tmp_path: Path) -> None:
    source = seeder.source()
    for number in range(400):
        seeder.events(source, 1, HOUR, f"Event {number}")
    seeder.plan("Nothing", sources=(source,))
    for _ in range(120):
        seeder.user()
    path = tmp_path / "audit.json"
    run = audit(run_task, to_path=str(path), outlets=[Asset("segment://audits/shop")])
    report = json.loads(path.read_text())
    [unplanned] = [each for each in report["findings"] if each["kind"] == "events_unplanned"]
    assert len(unplanned["facts"]["names"]) == 400
    assert len(report["findings"]) == 121
    assert len(run.xcom["findings"]) == 50
    assert run.xcom["left_out"] == {"findings": 71, "not_checked": 0}
    assert run.xcom["counts"] == report["counts"] == {"high": 0, "medium": 1, "low": 120}
    assert run.xcom["findings"][0]["facts"]["names"][-1] == "and 390 more"
    assert "71 more findings" in run.xcoms["note"]
    assert len(json.dumps(run.xcom)) < 50_000
    assert "71 more" not in path.with_suffix(".md").read_text()
    [(_, extra)] = run.asset_events
    assert extra == {"counts": report["counts"], "not_checked": 0, "path": str(path)}


def test_more_names_than_segment_lists(
    run_task: RunTask, seeder: Seeder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then fewer sources are asked for at once; of one that has too many, what is proven is told."""
    from airflow_provider_segment.sandbox.operations import metrics

    monkeypatch.setattr(volume, "MOST_GROUPS", 10)
    monkeypatch.setattr(metrics, "MAX_VOLUMES", 10)
    sources = [seeder.source() for _ in range(4)]
    for source in sources[:3]:
        for number in range(5):
            seeder.events(source, 1, HOUR, f"Event {number}")
    for number in range(30):
        seeder.events(sources[3], 1, HOUR, f"Event {number:02}")
    seeder.plan(*(f"Event {number}" for number in range(4)), sources=tuple(sources))
    for source in sources:
        destination = seeder.destination(source, actions=True)
        seeder.mapping(destination, 'event = "Event 29"')
    run = audit(run_task, checks=["unplanned_events", "mappings"])
    by_source = {
        finding["what"]["id"]: finding["facts"]
        for finding in run.xcom["findings"]
        if finding["kind"] == "events_unplanned"
    }
    assert [by_source[id]["names"] for id in sources[:3]] == [["Event 4 (1)"]] * 3
    assert len(by_source[sources[3]]["names"]) == 10
    nothing = [each for each in run.xcom["findings"] if each["kind"] == "mapping_matches_nothing"]
    assert {each["facts"]["source_id"] for each in nothing} == set(sources[:3])
    assert {one["check"] for one in run.xcom["not_checked"]} == {"unplanned_events", "mappings"}


def test_more_sources_than_segment_lists(
    run_task: RunTask, seeder: Seeder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_segment.sandbox.operations import metrics

    monkeypatch.setattr(volume, "MOST_GROUPS", 3)
    monkeypatch.setattr(metrics, "MAX_VOLUMES", 3)
    silent, *others = [seeder.source() for _ in range(7)]
    for source in others:
        seeder.events(source, 1, HOUR)
    run = audit(run_task, checks=["silent_sources"])
    assert [finding["what"]["id"] for finding in run.xcom["findings"]] == [silent]


def test_a_transformation_may_make_the_name_that_a_mapping_waits_for(
    run_task: RunTask, seeder: Seeder
) -> None:
    source = seeder.healthy_source()
    destination = seeder.destination(source, actions=True)
    made, unmade = (seeder.mapping(destination, f'event = "{name}"') for name in ("Renamed", "Off"))
    for name, enabled in (("Renamed", True), ("Off", False)):
        seeder.add(
            "/transformations",
            id=seeder.id("tr"),
            name=name,
            sourceId=source,
            enabled=enabled,
            newEventName=name,
        )
    run = audit(run_task, checks=["mappings"])
    assert [finding["what"]["id"] for finding in run.xcom["findings"]] == [unmade]
    assert made != unmade


def test_a_trigger_that_is_not_understood_is_not_called_fine(run_task: RunTask, seeder: Seeder) -> None:
    destination = seeder.destination(seeder.healthy_source(), actions=True)
    mapping = seeder.mapping(destination, 'type in ["track"]')
    run = audit(run_task, checks=["mappings"])
    assert run.xcom["findings"] == []
    [said] = run.xcom["not_checked"]
    assert mapping in said["what"]


@pytest.mark.parametrize("before", ["SUCCESS", "Puzzled"])
def test_a_status_of_a_sync_that_is_not_known(run_task: RunTask, seeder: Seeder, before: str) -> None:
    """It may be a success, or not."""
    source = seeder.healthy_source()
    warehouse = seeder.warehouse(source)
    seeder.sync(warehouse, source, HOUR, before)
    seeder.sync(warehouse, source, MINUTE, "Puzzled")
    run = audit(run_task, checks=["warehouses"])
    assert run.xcom["findings"] == []
    [said] = run.xcom["not_checked"]
    assert "status" in said["because"]


def test_the_markdown_has_one_section_for_each_kind(run_task: RunTask, seeder: Seeder) -> None:
    source = seeder.healthy_source()
    for _ in range(2):
        seeder.sync(seeder.warehouse(source), source, HOUR, "Failed")
        seeder.function(None)
        seeder.function(DAY, latest=False)
    run = audit(run_task, checks=["warehouses", "functions"])
    assert [line for line in run.xcoms["note"].splitlines() if line.startswith("## ")] == [
        "## Warehouses whose last sync failed (high, 2)",
        "## Warehouses that lag (high, 2)",
        "## Functions that were never deployed (medium, 2)",
        "## Functions of which an old version runs (medium, 2)",
    ]


def test_the_markdown_shows_names_as_they_are(run_task: RunTask, seeder: Seeder) -> None:
    seeder.source(name="a | b <script> [x](y)\n# c")
    run = audit(run_task, checks=["silent_sources"])
    [line] = [line for line in run.xcoms["note"].splitlines() if "script" in line]
    assert "<script>" not in line.replace("\\<script\\>", "")
    assert line.startswith("| a \\| b \\<script\\>")


def test_all_kinds_can_be_seeded() -> None:
    """So that none is declared that no workspace with defects has."""
    from airflow_provider_segment.sandbox.seed import new_workspace
    from airflow_provider_segment.sandbox.state import State

    class Holder:
        state = State("us", new_workspace)
        scripts = state.scripts

    seeder = Seeder(Holder(), random.Random(1))  # type: ignore[arg-type]
    for number in range(40):
        seeder.fill(3)
        seeder.now += number
        seeder.allowances()
    assert {kind for kind, _ in seeder.defects} == set(KINDS)


def test_three_in_a_row_that_take_all_retries_end_a_check(
    run_task: RunTask, seeder: Seeder, segment_sandbox: Sandbox
) -> None:
    functions = [seeder.function(DAY, latest=False) for _ in range(8)]
    for function in (functions[1], *functions[3:6]):
        segment_sandbox.faults.add("status", status=500, api="public", path=f"/functions/{function}")
    run = audit(run_task, checks=["functions"])
    assert {finding["what"]["id"] for finding in run.xcom["findings"]} == {functions[0], functions[2]}
    assert [one["what"] for one in run.xcom["not_checked"]][-1] == "2 more"
    assert len(run.xcom["not_checked"]) == 5


def test_the_guide_has_every_check_and_kind_with_the_defaults() -> None:
    text = (REPOSITORY / "docs" / "auditing.md").read_text()
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith(("| `", "| | `"))
    ]
    kinds = {row[1]: row[2] for row in rows if len(row) == 5}
    assert kinds == {name: kind.severity for name, kind in KINDS.items()}
    assert [row[0] for row in rows if len(row) == 5 and row[0]] == [*CHECKS]
    operator = SegmentAuditWorkspaceOperator
    defaults = {row[1]: row[4] for row in rows if len(row) == 5}
    assert defaults["source_silent"] == f"{operator.silent_days} days"
    assert defaults["events_unplanned"] == f"{operator.event_days} days"
    assert defaults["function_old"] == f"{operator.max_function_age_days} days"
    assert defaults["warehouse_lagging"] == f"{operator.max_sync_age_hours:g} hours"
    failing = (operator.min_failures, f"{operator.delivery_days} days", operator.max_failure_rate)
    assert defaults["destination_failing"] == "; ".join(map(str, failing))
    assert all(f"``{name}``" in str(operator.__doc__) for name in CHECKS)
    actions = " ".join(kind.action for kind in KINDS.values())
    known = {*dir(operators), *dir(sensors)}
    assert {
        name for name in re.findall(r"\bSegment\w+(?:Operator|Sensor)\b", actions) if name not in known
    } == set()


def test_values_that_cannot_be_read_are_told_of(
    run_task: RunTask, seeder: Seeder, segment_sandbox: Sandbox
) -> None:
    functions = [seeder.function(DAY, latest=False) for _ in range(2)]
    seeder.collection("/functions")[functions[0]]["deployedAt"] = "yesterday"
    snapshot = {"apiCalls": "many", "timestamp": "2026-01-01T00:00:00Z"}
    body = {"data": {"dailyWorkspaceAPICallsUsage": [snapshot], "pagination": {"current": ""}}}
    segment_sandbox.faults.add("status", status=200, api="public", path="/usage/api-calls", body=body)
    run = audit(run_task, checks=["functions", "api_calls"], api_calls_allowance=5)
    assert [finding["what"]["id"] for finding in run.xcom["findings"]] == functions[1:]
    assert sorted(one["check"] for one in run.xcom["not_checked"]) == ["api_calls", "functions"]
    assert all("not as expected" in one["because"] for one in run.xcom["not_checked"])


def test_many_syncs_take_one_request(run_task: RunTask, seeder: Seeder, segment_sandbox: Sandbox) -> None:
    sources = [seeder.healthy_source() for _ in range(3)]
    warehouse = seeder.warehouse(*sources)
    for source in sources:
        for number in range(90):
            seeder.sync(warehouse, source, HOUR + number * MINUTE)
    run = audit(run_task, checks=["warehouses"])
    assert run.xcom["findings"] == []
    paths = [request["path"] for request in segment_sandbox.requests]
    assert paths.count(f"/warehouses/{warehouse}/syncs") == 1
