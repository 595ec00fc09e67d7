"""Every sensor, in every mode, through Airflow's task runner and against the sandbox."""

from __future__ import annotations

import json
import signal
import threading
import time
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout, AirflowTaskTimeout

from airflow_provider_segment import sensors
from airflow_provider_segment.errors import SegmentNotFoundError, SegmentPollError
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.triggers.segment import OVERTIME
from tests.harness.sandbox_api import AMPLITUDE, POSTGRES_WAREHOUSE, ago, create, send
from tests.harness.task_runner import RunTask, TaskRun
from tests.harness.timeouts import time_out_after_first_poll

pytestmark = pytest.mark.core

MODES: dict[str, dict[str, Any]] = {
    "poke": {},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
}
LONG_AGO = datetime(2026, 1, 1, tzinfo=timezone.utc)
TIMEOUT = 600


class Wait:
    """Runs a sensor in one mode to its end, poke after poke."""

    def __init__(self, run_task: RunTask, mode: str) -> None:
        self.mode = mode
        self._run_task = run_task

    def __call__(self, name: str, **arguments: Any) -> TaskRun:
        sensor = self.sensor(name, **arguments)
        run, first = self._run_task.to_end(sensor), datetime.now(timezone.utc)
        while run.state == "up_for_reschedule":
            run = self._run_task.to_end(sensor, state_store=run.state_store or None, first_reschedule=first)
        return run

    def sensor(self, name: str, **arguments: Any) -> Any:
        return getattr(sensors, name)(
            task_id="wait", **{"poke_interval": 0, "timeout": TIMEOUT, **MODES[self.mode], **arguments}
        )

    def first_poll(self, name: str, **arguments: Any) -> str:
        """The state of a rescheduled sensor after one poll."""
        return self._run_task(
            self.sensor(name, **{**arguments, "mode": "reschedule", "deferrable": False})
        ).state


@pytest.fixture(params=MODES)
def wait(run_task: RunTask, request: pytest.FixtureRequest) -> Wait:
    return Wait(run_task, request.param)


@pytest.fixture
def poke(run_task: RunTask) -> Wait:
    return Wait(run_task, "poke")


# --- common to all sensors -------------------------------------------------------------------------------


def test_the_timeout_error_says_what_was_last_seen(
    wait: Wait, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if wait.mode == "deferrable":
        time_out_after_first_poll(monkeypatch)
    run = wait("SegmentWarehouseSyncSensor", warehouse_id=warehouse, timeout=0)
    assert run.state == "failed"
    assert isinstance(run.error, AirflowSensorTimeout)
    assert "1 of 1 sources not synced" in str(run.error)
    assert warehouse in str(run.error)


def test_a_soft_failure_skips(wait: Wait, segment_sandbox: Sandbox) -> None:
    run = wait(
        "SegmentEventVolumeSensor",
        source_id=segment_sandbox.source_id,
        start=ago(hours=2),
        end=ago(hours=1),
        soft_fail=True,
    )
    assert run.state == "skipped"


@pytest.mark.parametrize(
    ("arguments", "state"),
    [({}, "failed"), ({"retries": 1}, "up_for_retry"), ({"soft_fail": True}, "skipped")],
    ids=str,
)
@pytest.mark.parametrize("mode", ["poke", "deferrable"])
def test_execution_timeout_ends_the_wait(
    run_task: RunTask,
    warehouse: str,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    arguments: dict[str, Any],
    state: str,
) -> None:
    """Airflow itself looks at it in the worker only."""
    if mode == "deferrable":
        time_out_after_first_poll(monkeypatch)
    else:
        # Airflow's own handler of the alarm, in its sleep between two polls.
        sleep, alarms = time.sleep, [signal.SIGALRM]

        def sleep_into_the_alarm(seconds: float) -> None:
            if alarms and threading.current_thread() is threading.main_thread():
                signal.raise_signal(alarms.pop())
            sleep(seconds)

        monkeypatch.setattr(time, "sleep", sleep_into_the_alarm)
    run = Wait(run_task, mode)(
        "SegmentWarehouseSyncSensor",
        warehouse_id=warehouse,
        timeout=2 * 3600,
        execution_timeout=timedelta(hours=1),
        **arguments,
    )
    assert run.state == state
    if state != "skipped":
        assert isinstance(run.error, AirflowTaskTimeout)


def test_a_missing_resource_fails_at_once(wait: Wait, segment_sandbox: Sandbox) -> None:
    run = wait("SegmentWarehouseSyncSensor", warehouse_id="gone", retries=1)
    assert run.state == "up_for_retry"
    assert isinstance(run.error, (SegmentNotFoundError, SegmentPollError))
    assert "404" in str(run.error) and "/warehouses/gone" in str(run.error)


failing_polls = pytest.mark.parametrize(
    ("kind", "fault"), [("status", {"status": 500}), ("not_json", {}), ("reset", {})], ids=str
)


@failing_polls
def test_as_many_consecutive_failed_polls_as_allowed_are_tolerated(
    wait: Wait,
    segment_sandbox: Sandbox,
    warehouse: str,
    monkeypatch: pytest.MonkeyPatch,
    kind: Any,
    fault: dict[str, Any],
) -> None:
    without_retries(segment_sandbox, monkeypatch)
    segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=0)
    segment_sandbox.faults.add(kind, next=5, **fault)
    run = wait("SegmentWarehouseSyncSensor", warehouse_id=warehouse, since=LONG_AGO, max_poll_failures=5)
    assert run.state == "success", run.error


@failing_polls
def test_one_more_consecutive_failed_poll_than_allowed_is_a_failure(
    wait: Wait,
    segment_sandbox: Sandbox,
    warehouse: str,
    monkeypatch: pytest.MonkeyPatch,
    kind: Any,
    fault: dict[str, Any],
) -> None:
    if wait.mode == "reschedule" and version("apache-airflow") < "3.3":
        pytest.skip("before Airflow 3.3 failures are not counted from poke to poke")
    without_retries(segment_sandbox, monkeypatch)
    segment_sandbox.faults.add(kind, **fault)
    run = wait("SegmentWarehouseSyncSensor", warehouse_id=warehouse, since=LONG_AGO, max_poll_failures=5)
    assert run.state == "failed"
    assert "6 consecutive polls failed" in str(run.error)


def test_a_hundred_consecutive_failed_polls_are_tolerated_if_allowed(
    run_task: RunTask, segment_sandbox: Sandbox, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_retries(segment_sandbox, monkeypatch)
    segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=0)
    segment_sandbox.faults.add("status", status=500, next=100)
    run = Wait(run_task, "deferrable")(
        "SegmentWarehouseSyncSensor",
        warehouse_id=warehouse,
        since=LONG_AGO,
        max_poll_failures=100,
    )
    assert run.state == "success", run.error


def test_a_429_is_not_a_failed_poll(
    wait: Wait, segment_sandbox: Sandbox, warehouse: str, simulated_time: None
) -> None:
    segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=0)
    segment_sandbox.faults.add("status", status=429, retry_after=60, next=3)
    run = wait("SegmentWarehouseSyncSensor", warehouse_id=warehouse, since=LONG_AGO, max_poll_failures=0)
    assert run.state == "success", run.error


@pytest.mark.parametrize("event", [None, {}, {"status": "fine"}, "done"])
def test_an_event_that_is_missing_or_unknown_is_a_failure(
    run_task: RunTask, warehouse: str, event: Any
) -> None:
    sensor = Wait(run_task, "deferrable").sensor("SegmentWarehouseSyncSensor", warehouse_id=warehouse)
    run = run_task.resume(sensor, run_task(sensor), event)
    assert run.state == "failed"
    assert "without saying" in str(run.error)


def test_the_trigger_carries_the_initial_condition(run_task: RunTask, warehouse: str) -> None:
    sensor = Wait(run_task, "deferrable").sensor("SegmentWarehouseSyncSensor", warehouse_id=warehouse)
    deferred = run_task(sensor).deferred
    assert deferred
    assert deferred.kwargs["facts"]["warehouse_id"] == warehouse
    assert deferred.kwargs["facts"]["since"] == "2026-01-03T00:00:00Z"  # the end of the data interval
    assert json.loads(json.dumps(deferred.kwargs)) == deferred.kwargs
    assert deferred.timeout == timedelta(seconds=TIMEOUT) + OVERTIME


# --- warehouses --------------------------------------------------------------------------------------------


def test_a_sync_since_the_given_time(wait: Wait, segment_sandbox: Sandbox, warehouse: str) -> None:
    segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=0, count=7)
    run = wait("SegmentWarehouseSyncSensor", warehouse_id=warehouse, since=ago(hours=1))
    assert run.state == "success", run.error
    [sync] = run.xcom["syncs"]
    assert (sync["sourceId"], sync["count"]) == (segment_sandbox.source_id, 7)


def test_a_sync_that_started_earlier_does_not_count(
    poke: Wait, segment_sandbox: Sandbox, warehouse: str
) -> None:
    segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=0)
    assert (
        poke.first_poll("SegmentWarehouseSyncSensor", warehouse_id=warehouse, since=ago(hours=-1))
        == "up_for_reschedule"
    )


@pytest.mark.parametrize("status", ["SUCCESS", "success", "Succeeded", "Finished", "completed"])
def test_status_words_for_success(poke: Wait, segment_sandbox: Sandbox, warehouse: str, status: str) -> None:
    segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=0, status=status)
    run = poke("SegmentWarehouseSyncSensor", warehouse_id=warehouse, since=LONG_AGO)
    assert run.state == "success", run.error


@pytest.mark.parametrize("status", ["Skipped", "CANCELED", "Splendid", "", "unsuccessful"])
def test_status_words_that_are_not_success(
    poke: Wait, segment_sandbox: Sandbox, warehouse: str, status: str
) -> None:
    segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=0, status=status)
    run = poke("SegmentWarehouseSyncSensor", warehouse_id=warehouse, since=LONG_AGO, timeout=0)
    assert isinstance(run.error, AirflowSensorTimeout)
    assert f"({status}, started" in str(run.error)
    if status in ("Splendid", "unsuccessful"):
        assert "does not know" in run.log


@pytest.mark.parametrize(
    ("status", "policy", "state"),
    [
        ("Partial", {}, "waiting"),
        ("PARTIAL_SUCCESS", {"on_partial": "accept"}, "success"),
        ("Partially Succeeded", {"on_partial": "fail"}, "failed"),
        ("FAILED", {}, "failed"),
        ("Failure", {"on_failed": "wait"}, "waiting"),
    ],
)
def test_policies(
    wait: Wait, segment_sandbox: Sandbox, warehouse: str, status: str, policy: dict[str, str], state: str
) -> None:
    segment_sandbox.scripts.add(
        "warehouse_sync", now=True, seconds=0, status=status, notices=["rows were left out"]
    )
    arguments = {"warehouse_id": warehouse, "since": LONG_AGO, **policy}
    if state == "waiting":
        assert wait.first_poll("SegmentWarehouseSyncSensor", **arguments) == "up_for_reschedule"
        segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=0)
        state = "success"
    run = wait("SegmentWarehouseSyncSensor", retries=1, **arguments)
    assert run.state == state, run.error
    if state == "failed":
        assert isinstance(run.error, AirflowFailException)
        assert "rows were left out" in str(run.error)


def test_every_connected_source_has_to_be_synced(poke: Wait, segment_sandbox: Sandbox) -> None:
    other = create("/sources", slug="other", enabled=True, metadataId="iUM16Md8P2")
    warehouse = create("/warehouses", metadataId=POSTGRES_WAREHOUSE, settings={"name": "two"})
    segment_sandbox.scripts.add("warehouse_sync", source_id=segment_sandbox.source_id, now=True, seconds=0)
    arguments = {"warehouse_id": warehouse, "since": LONG_AGO}
    run = poke("SegmentWarehouseSyncSensor", timeout=0, **arguments)
    assert f"1 of 2 sources not synced: {other} (none yet)" in str(run.error)
    run = poke("SegmentWarehouseSyncSensor", source_ids=[segment_sandbox.source_id], **arguments)
    assert run.state == "success", run.error
    SegmentHook().request("DELETE", f"/warehouses/{warehouse}/connected-sources/{other}")
    assert poke("SegmentWarehouseSyncSensor", **arguments).state == "success"


def test_a_warehouse_without_sources_is_not_synced(poke: Wait, segment_sandbox: Sandbox) -> None:
    alone = create(
        "/warehouses", metadataId=POSTGRES_WAREHOUSE, settings={"name": "w"}, disconnectAllSources=True
    )
    run = poke("SegmentWarehouseSyncSensor", warehouse_id=alone, timeout=0)
    assert "no source is connected" in str(run.error)


def test_a_warehouse_connection(wait: Wait, segment_sandbox: Sandbox) -> None:
    good = create("/warehouses", metadataId=POSTGRES_WAREHOUSE, settings={"hostname": "db"})
    assert wait("SegmentWarehouseConnectionSensor", warehouse_id=good).xcom == "CONNECTED"
    bad = create("/warehouses", metadataId=POSTGRES_WAREHOUSE, settings={"hostname": "db.invalid"})
    assert wait.first_poll("SegmentWarehouseConnectionSensor", warehouse_id=bad) == "up_for_reschedule"


# --- events ------------------------------------------------------------------------------------------------


def test_enough_events(wait: Wait, segment_sandbox: Sandbox) -> None:
    send(segment_sandbox, *({"messageId": f"m{n}"} for n in range(5)))
    segment_sandbox.advance_clock(-120)
    send(segment_sandbox, {"event": "Other", "messageId": "o"})
    segment_sandbox.advance_clock(120)
    arguments = {"source_id": segment_sandbox.source_id, "start": ago(hours=1), "lag": -120}
    run = wait("SegmentEventVolumeSensor", min_count=6, **arguments)
    assert run.state == "success", run.error
    assert run.xcom["count"] == 6
    assert sum(bucket["count"] for bucket in run.xcom["series"]) == 6
    run = wait("SegmentEventVolumeSensor", min_count=1, event_name="Other", event_type="track", **arguments)
    assert run.xcom["count"] == 1
    assert wait.first_poll("SegmentEventVolumeSensor", min_count=7, **arguments) == "up_for_reschedule"


@pytest.mark.parametrize(
    ("bounds", "state"),
    [
        ({"min_count": 3}, "success"),
        ({"min_count": 4}, "failed"),
        ({"min_count": 0, "max_count": 2}, "failed"),
        ({"min_count": 3, "max_count": 3}, "success"),
    ],
)
def test_the_count_is_final_after_the_window(
    wait: Wait, segment_sandbox: Sandbox, bounds: dict[str, int], state: str
) -> None:
    segment_sandbox.advance_clock(-3600)
    send(segment_sandbox, *({"messageId": f"m{n}"} for n in range(3)))
    segment_sandbox.advance_clock(3600)
    run = wait(
        "SegmentEventVolumeSensor",
        source_id=segment_sandbox.source_id,
        start=ago(hours=3),
        end=ago(minutes=5),
        retries=1,
        **bounds,
    )
    assert run.state == state, run.error
    if state == "failed":
        assert "3 events, which is final" in str(run.error)


def test_a_window_without_events_counts_zero(wait: Wait, segment_sandbox: Sandbox) -> None:
    run = wait(
        "SegmentEventVolumeSensor",
        source_id=segment_sandbox.source_id,
        start=ago(hours=3),
        end=ago(hours=2),
        min_count=0,
        max_count=0,
    )
    assert run.state == "success", run.error
    assert (run.xcom["count"], run.xcom["series"]) == (0, [])


def test_the_window_is_the_data_interval(poke: Wait, segment_sandbox: Sandbox) -> None:
    run = poke("SegmentEventVolumeSensor", source_id=segment_sandbox.source_id, min_count=0)
    assert (run.xcom["start"], run.xcom["end"]) == ("2026-01-02T00:00:00+00:00", "2026-01-03T00:00:00+00:00")
    [asked] = [each for each in segment_sandbox.requests if each["path"] == "/events/volume"]
    assert "granularity=HOUR" in asked["query"]


def test_a_maximum_needs_an_end(poke: Wait, segment_sandbox: Sandbox) -> None:
    run = poke("SegmentEventVolumeSensor", source_id=segment_sandbox.source_id, start=LONG_AGO, max_count=5)
    assert "give an end" in str(run.error)


def test_events_dropped_after_a_200_are_detected(wait: Wait, segment_sandbox: Sandbox) -> None:
    destination = create(
        "/destinations", sourceId=segment_sandbox.source_id, metadataId=AMPLITUDE, settings={}
    )
    segment_sandbox.advance_clock(-1800)
    send(segment_sandbox, *({"messageId": f"m{n}"} for n in range(9)), {"event": None, "messageId": "bad"})
    segment_sandbox.advance_clock(1800)
    arguments = {
        "source_id": segment_sandbox.source_id,
        "destination_id": destination,
        "start": ago(hours=2),
        "end": ago(minutes=5),
        "lag": 0,
    }
    run = wait("SegmentDeliverySensor", expect={"received": {"min": 9}, "delivered": {"min": 9}}, **arguments)
    assert run.state == "success", run.error
    assert (run.xcom["received"], run.xcom["delivered"]) == (9, 9)
    run = wait("SegmentDeliverySensor", expect={"failed_on_ingest": {"max": 0}}, **arguments)
    assert run.state == "failed"
    assert "failed on ingest: 1" in str(run.error)
    run = wait("SegmentDeliverySensor", expect={"failed_on_ingest": {"max_rate": 0.1}}, **arguments)
    assert run.state == "success", run.error
    segment_sandbox.scripts.add("delivery", destination_id=destination)
    run = wait("SegmentDeliverySensor", expect={"failed_delivery": {"max_rate": 0.5}}, **arguments)
    assert run.state == "failed"


@pytest.mark.parametrize(
    "wrong",
    [
        {"expect": {"lost": {"max": 0}}},
        {"expect": {"received": {"most": 0}}},
        {"expect": {"delivered": {"min": 1}}},
        {"expect": {"received": {"max": 1}}, "start": LONG_AGO},
        {"expect": {}},
    ],
)
def test_an_invalid_expectation(poke: Wait, segment_sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    run = poke("SegmentDeliverySensor", source_id=segment_sandbox.source_id, retries=1, **wrong)
    assert isinstance(run.error, AirflowFailException)
    assert not segment_sandbox.requests


# --- reverse ETL, deletions, audiences ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "policy", "state"),
    [
        ("SUCCESS", {}, "success"),
        ("FAIL", {}, "failed"),
        ("PARTIAL_SUCCESS", {}, "failed"),
        ("PARTIAL_SUCCESS", {"on_partial": "accept"}, "success"),
        ("MYSTERY", {}, "failed"),
    ],
)
def test_a_reverse_etl_sync(
    wait: Wait, segment_sandbox: Sandbox, mapping: dict[str, str], status: str, policy: Any, state: str
) -> None:
    segment_sandbox.freeze_clock()
    segment_sandbox.scripts.add("reverse_etl_sync", status=status, seconds=10, delivered=9, failed=1)
    body = {
        "sourceId": mapping["source_id"],
        "modelId": mapping["model_id"],
        "subscriptionId": mapping["subscription_id"],
    }
    sync = SegmentHook().request("POST", "/reverse-etl-syncs", json=body).data["reverseETLManualSync"]
    of_mapping = {"subscription_id": mapping["subscription_id"], "since": LONG_AGO}
    selectors = ({"sync_id": sync["syncId"]}, of_mapping)
    for which in selectors:
        first = wait.first_poll("SegmentReverseEtlSyncSensor", model_id=mapping["model_id"], **which)
        assert first == "up_for_reschedule"
    segment_sandbox.advance_clock(10)
    for which in selectors:
        run = wait("SegmentReverseEtlSyncSensor", model_id=mapping["model_id"], **which, **policy)
        assert run.state == state, run.error
        if state == "success":
            assert run.xcom["loadPhase"]["deliverSuccessCount"] == "9"
        else:
            assert "9 delivered, 1 not delivered" in str(run.error)


def test_a_sync_that_segment_started(wait: Wait, segment_sandbox: Sandbox, mapping: dict[str, str]) -> None:
    names = ("model_id", "subscription_id")
    arguments = {name: mapping[name] for name in names} | {"since": LONG_AGO}
    segment_sandbox.freeze_clock()
    assert wait.first_poll("SegmentReverseEtlSyncSensor", **arguments) == "up_for_reschedule"
    segment_sandbox.scripts.add("reverse_etl_sync", now=True, **{name: mapping[name] for name in names})
    segment_sandbox.advance_clock(1)
    assert wait("SegmentReverseEtlSyncSensor", **arguments).state == "success"


@pytest.mark.parametrize(
    ("status", "destination_status", "policy", "state"),
    [
        ("FINISHED", None, {}, "success"),
        ("FAILED", "NOT_SUPPORTED", {}, "success"),
        ("FAILED", "NOT_SUPPORTED", {"on_unsupported": "fail"}, "failed"),
        ("PARTIAL_SUCCESS", "FAILED", {}, "failed"),
        ("PARTIAL_SUCCESS", "FAILED", {"on_partial": "accept"}, "success"),
        ("FAILED", None, {"on_partial": "accept"}, "failed"),
        ("INVALID", None, {}, "failed"),
        ("NOT_SUPPORTED", "NOT_SUPPORTED", {}, "success"),
    ],
)
def test_a_deletion(
    wait: Wait,
    segment_sandbox: Sandbox,
    status: str,
    destination_status: str | None,
    policy: dict[str, str],
    state: str,
) -> None:
    destination = create(
        "/destinations", sourceId=segment_sandbox.source_id, metadataId=AMPLITUDE, settings={}, name="Amp"
    )
    script = {destination: destination_status} if destination_status else {}
    segment_sandbox.freeze_clock()
    segment_sandbox.scripts.add("regulation", status=status, seconds=10, destinations=script, error="cannot")
    regulation = create(
        "/regulations", regulationType="DELETE_ONLY", subjectType="USER_ID", subjectIds=["jane"]
    )
    assert wait.first_poll("SegmentRegulationSensor", regulate_id=regulation) == "up_for_reschedule"
    segment_sandbox.advance_clock(10)
    run = wait("SegmentRegulationSensor", regulate_id=regulation, **policy)
    assert run.state == state, run.error
    assert "jane" not in json.dumps(run.xcoms) + str(run.error)
    if state == "success" and destination_status:
        assert run.xcom["undone"][0]["errString"] == "cannot"


@pytest.mark.parametrize(
    ("status", "state"), [("Live", "success"), ("Failed", "failed"), ("Error", "failed")]
)
def test_an_audience(wait: Wait, segment_sandbox: Sandbox, status: str, state: str) -> None:
    segment_sandbox.freeze_clock()
    segment_sandbox.scripts.add(
        "audience", steps=[("Preparing", 10), ("Computing", 10)], status=status, size=5
    )
    space = segment_sandbox.space_id
    audience = create(f"/spaces/{space}/audiences", name="A", definition={"query": "x"}, audienceType="USERS")
    arguments = {"space_id": space, "audience_id": audience}
    for _ in range(2):
        assert wait.first_poll("SegmentAudienceSensor", **arguments) == "up_for_reschedule"
        segment_sandbox.advance_clock(10)
    run = wait("SegmentAudienceSensor", **arguments)
    assert run.state == state, run.error
    if state == "success":
        assert run.xcom["size"]["count"] == 5


def test_a_preview(wait: Wait, segment_sandbox: Sandbox) -> None:
    space = segment_sandbox.space_id
    body: dict[str, Any] = {"definition": {"query": "x"}, "audienceType": "USERS"}
    segment_sandbox.freeze_clock()
    segment_sandbox.scripts.add("preview", seconds=10)
    good = create(f"/spaces/{space}/audiences/previews", **body)
    assert wait.first_poll("SegmentAudienceSensor", space_id=space, preview_id=good) == "up_for_reschedule"
    segment_sandbox.advance_clock(10)
    assert wait("SegmentAudienceSensor", space_id=space, preview_id=good).xcom["status"] == "COMPLETED"
    segment_sandbox.scripts.add("preview", status="FAILED", reason="query too large", seconds=0)
    bad = create(f"/spaces/{space}/audiences/previews", **body)
    run = wait("SegmentAudienceSensor", space_id=space, preview_id=bad)
    assert "query too large" in str(run.error)


# --- any resource ------------------------------------------------------------------------------------------


def test_a_resource(wait: Wait, segment_sandbox: Sandbox) -> None:
    path = f"/sources/{segment_sandbox.source_id}"
    run = wait("SegmentResourceSensor", path=path, field="source.slug", value="sandbox")
    assert run.xcom == "sandbox"
    assert wait("SegmentResourceSensor", path=path).state == "success"
    assert wait("SegmentResourceSensor", path="/sources/none", exists=False).state == "success"
    for arguments in (
        {"path": path, "field": "source.slug", "value": "other"},
        {"path": path, "exists": False},
        {"path": "/sources/none"},
        {"path": path, "field": "source.nothing"},
    ):
        assert wait.first_poll("SegmentResourceSensor", **arguments) == "up_for_reschedule"


def test_write_keys_are_removed_from_a_resource(wait: Wait, segment_sandbox: Sandbox) -> None:
    run = wait("SegmentResourceSensor", path=f"/sources/{segment_sandbox.source_id}", field="source")
    assert run.xcom["slug"] == "sandbox"
    assert segment_sandbox.write_key not in json.dumps(run.xcoms)


def without_retries(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = sandbox.connection
    connection["extra"] = {**connection["extra"], "retries": 0}
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(connection))
