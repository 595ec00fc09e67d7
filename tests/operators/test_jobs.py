"""Every job operator through Airflow's task runner: started once, waited for, cancelled, gone on with."""

from __future__ import annotations

import asyncio
import gzip
import importlib
import json
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, BaseOperator, redact

from airflow_provider_segment.errors import SegmentJobError, SegmentWaitTimeoutError
from airflow_provider_segment.operators.audience_jobs import (
    SegmentPreviewAudienceOperator,
    SegmentRunAudienceOperator,
)
from airflow_provider_segment.operators.dbt_jobs import SegmentTriggerDbtSyncOperator
from airflow_provider_segment.operators.deletion_and_suppression import RegulationType
from airflow_provider_segment.operators.deletion_and_suppression_jobs import SegmentDeleteUsersDataOperator
from airflow_provider_segment.operators.function_jobs import SegmentDeployFunctionOperator
from airflow_provider_segment.operators.reverse_etl_jobs import SegmentRunReverseEtlSyncOperator
from airflow_provider_segment.operators.write_key_jobs import SegmentRotateWriteKeyOperator
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.tasks.jobs import BEFORE_START, JOB, SegmentJobOperator
from airflow_provider_segment.tasks.memory import KEY
from airflow_provider_segment.waiting.words import meaning_of
from tests.harness.sandbox_api import AMPLITUDE, Api, create, syncs_of
from tests.harness.task_runner import RunTask, TaskRun

pytestmark = pytest.mark.core
needs_state_store = pytest.mark.skipif(version("apache-airflow") < "3.3", reason="no task state store")

SYNC, DELETE = SegmentRunReverseEtlSyncOperator, SegmentDeleteUsersDataOperator
AUDIENCE, PREVIEW = SegmentRunAudienceOperator, SegmentPreviewAudienceOperator
DBT, DEPLOY, ROTATE = (
    SegmentTriggerDbtSyncOperator,
    SegmentDeployFunctionOperator,
    SegmentRotateWriteKeyOperator,
)

answer_lost = pytest.mark.parametrize(
    "lost",
    [{"kind": "reset"}, {"kind": "truncated"}, {"kind": "not_json"}, {"kind": "status", "status": 502}],
    ids=lambda fault: fault["kind"],
)
LONG_AGO = "2026-01-01T00:00:00+00:00"
NO_EVENTS = [None, {}, {"status": "?"}, "x"]
"""What a trigger never says."""


class RunJob:
    """Runs job operators in one mode, each to its end; three tries they have."""

    def __init__(self, run_task: RunTask, caplog: pytest.LogCaptureFixture, *, deferrable: bool) -> None:
        self.deferrable = deferrable
        self.was_deferred = False
        self.kept = ""
        """All that Airflow shows or keeps of the tries so far, but for their logs."""
        self._run_task = run_task
        self._caplog = caplog

    def operator(self, operator: type[Any], **arguments: Any) -> Any:
        defaults: dict[str, Any] = {"task_id": "job", "retries": 2, "retry_delay": timedelta(0)}
        if "deferrable" in operator.template_fields:
            defaults["deferrable"] = self.deferrable
        if issubclass(operator, SegmentJobOperator):
            defaults |= {"poll_interval": 0.05, "timeout": 20}
        return operator(**{**defaults, **arguments})

    def __call__(self, operator: type[Any], *, after: TaskRun | None = None, **arguments: Any) -> TaskRun:
        """:param after: the try before this one"""
        which = {"try_number": 2, "state_store": after.state_store or None} if after else {}
        return self.run(self.operator(operator, **arguments), **which)

    def run(self, operator: Any, **which: Any) -> TaskRun:
        run = self._run_task(operator, **which)
        while run.deferred:
            self._keep(run)
            self.was_deferred = True
            run = self._run_task.resume(operator, run, **which)
        self._keep(run)
        run.log += self._caplog.text  # what the trigger logged
        return run

    def deferred(self, operator: type[Any], **arguments: Any) -> tuple[Any, TaskRun]:
        """An operator, and its run up to where it waits in the triggerer."""
        made = self.operator(operator, deferrable=True, **arguments)
        run = self._run_task(made)
        assert run.deferred, run.error
        return made, run

    def _keep(self, run: TaskRun) -> None:
        trigger = run.deferred and run.deferred.kwargs
        kept = [run.xcoms, run.rendered, run.state_store, run.asset_events, trigger]
        self.kept += json.dumps(kept, default=str)


@pytest.fixture(params=["in the worker", "in the triggerer"])
def run_job(run_task: RunTask, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> RunJob:
    """Both ways of waiting."""
    return RunJob(run_task, caplog, deferrable=request.param == "in the triggerer")


@pytest.fixture
def run_here(run_task: RunTask, caplog: pytest.LogCaptureFixture) -> RunJob:
    """Waiting in the worker, where it makes no difference."""
    return RunJob(run_task, caplog, deferrable=False)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, sandbox: Sandbox) -> None:
    monkeypatch.setattr("airflow_provider_segment.tasks.jobs.SEARCH_DELAYS", (0.0, 0.05, 0.1))
    monkeypatch.setattr("airflow_provider_segment.triggers.segment.LAST_LOOK", 0.2)
    caplog.set_level(logging.INFO, "airflow_provider_segment")
    meaning_of.cache_clear()  # which tells of an unknown word once
    for kind in ("reverse_etl_sync", "regulation", "preview"):
        sandbox.scripts.add(kind, seconds=0.1)


def asked(sandbox: Sandbox, method: str, path: str) -> list[dict[str, Any]]:
    """The requests of an endpoint that came."""
    return [each for each in sandbox.requests if (each["method"], each["path"]) == (method, path)]


def notes_of(store: dict[str, Any]) -> dict[str, Any]:
    """What a try has noted for the next one."""
    notes: dict[str, Any] = store.get(KEY, {}).get("notes", {})
    return notes


def wait_until(condition: Callable[[], Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


# --- SegmentRunReverseEtlSyncOperator ----------------------------------------------------------------------


def start_sync(mapping: dict[str, str]) -> str:
    """Somebody else's sync of the same mapping."""
    names = {"source_id": "sourceId", "model_id": "modelId", "subscription_id": "subscriptionId"}
    return str(create("/reverse-etl-syncs", **{names[name]: id for name, id in mapping.items()})["syncId"])


@pytest.mark.parametrize(
    ("status", "policy", "state"),
    [
        ("SUCCESS", {}, "success"),
        ("FAIL", {}, "up_for_retry"),
        ("PARTIAL_SUCCESS", {}, "up_for_retry"),
        ("PARTIAL_SUCCESS", {"on_partial": "accept"}, "success"),
        ("CANCELED", {"on_partial": "accept"}, "up_for_retry"),
        ("MYSTERY", {"on_partial": "accept"}, "up_for_retry"),
    ],
)
def test_a_sync_ends(
    run_job: RunJob, sandbox: Sandbox, mapping: Any, status: str, policy: Any, state: str
) -> None:
    counts = {"extracted": 10, "delivered": 9, "failed": 1}
    sandbox.scripts.add("reverse_etl_sync", status=status, seconds=0.2, error="no quota", **counts)
    run = run_job(SYNC, **mapping, **policy)
    assert run.state == state, run.error
    [sync] = syncs_of(mapping)
    assert run_job.was_deferred == run_job.deferrable
    assert run.xcoms["job"]["sync_id"] == sync["syncId"]
    if state == "success":
        assert run.xcom == sync
        assert run.xcom["extractPhase"]["extractCount"] == "10"
        assert run.xcom["loadPhase"]["deliverSuccessCount"] == "9"
    else:
        assert run.xcom is None and isinstance(run.error, SegmentJobError)
        message = f"sync {sync['syncId']} is {status}, 10 extracted, 9 delivered, 1 not delivered, no quota"
        assert message in str(run.error)
    assert ("does not know" in run.log) == (status == "MYSTERY")


def test_an_unknown_word_without_an_end_is_no_end(run_job: RunJob, sandbox: Sandbox, mapping: Any) -> None:
    status = {"syncId": "s", "syncStatus": "MYSTERY", "startedAt": "2026-01-01T00:00:00Z"}
    answer = {"status": 200, "body": {"data": {"reverseETLSyncStatus": status}}, "next": 2}
    looks = sandbox.faults.add("status", path=f"/reverse-etl-models/{mapping['model_id']}/syncs/", **answer)
    run = run_job(SYNC, **mapping)
    assert run.state == "success", run.error
    assert (looks.hits, run.xcom["syncStatus"]) == (2, "SUCCESS")
    assert "is MYSTERY" in run.log and "does not know" in run.log


def test_a_sync_is_started_and_not_waited_for(run_job: RunJob, sandbox: Sandbox, mapping: Any) -> None:
    sandbox.scripts.add("reverse_etl_sync", seconds=3600)
    run = run_job(SYNC, **mapping, wait_for_completion=False)
    assert run.state == "success", run.error
    [sync] = syncs_of(mapping)
    assert (sync["syncStatus"], run.xcom["sync_id"]) == ("IN_PROGRESS", sync["syncId"])


@answer_lost
def test_a_sync_whose_start_was_not_answered_is_found(
    run_here: RunJob, sandbox: Sandbox, mapping: Any, lost: Any
) -> None:
    old = start_sync(mapping)
    fault = sandbox.faults.add(when="after", path="/reverse-etl-syncs", next=1, **lost)
    run = run_here(SYNC, **mapping)
    assert run.state == "success", run.error
    assert fault.hits == 1
    assert [sync["syncId"] for sync in syncs_of(mapping)] == [run.xcom["syncId"], old], "no second one"


def test_a_start_that_never_arrived_is_sent_again(run_here: RunJob, sandbox: Sandbox, mapping: Any) -> None:
    old = start_sync(mapping)
    sandbox.faults.add("reset", path="/reverse-etl-syncs", next=1)
    run = run_here(SYNC, **mapping)
    assert run.state == "success", run.error
    assert [sync["syncId"] for sync in syncs_of(mapping)] == [run.xcom["syncId"], old]


def test_a_start_that_is_refused_is_not_sent_again(run_here: RunJob, sandbox: Sandbox, mapping: Any) -> None:
    run = run_here(SYNC, **{**mapping, "source_id": "nothing"})
    assert run.state == "up_for_retry" and "404" in str(run.error)
    assert len(asked(sandbox, "POST", "/reverse-etl-syncs")) == 1
    assert syncs_of(mapping) == []


def make_sync(mapping: dict[str, str]) -> SegmentRunReverseEtlSyncOperator:
    """Runs in a process that is killed."""
    waiting: dict[str, Any] = {"retry_delay": timedelta(0), "poll_interval": 0.05, "timeout": 20}
    return SYNC(task_id="job", retries=2, **waiting, **mapping)


@needs_state_store
def test_after_a_crash_the_retry_goes_on_with_the_sync(
    run_task: RunTask, run_here: RunJob, sandbox: Sandbox, mapping: Any
) -> None:
    sandbox.scripts.add("reverse_etl_sync", seconds=3600, next=1)
    killed = run_task.start("tests.operators.test_jobs:make_sync", mapping)
    wait_until(lambda: JOB in notes_of(killed.state_store))
    killed.kill()
    assert [sync["syncStatus"] for sync in syncs_of(mapping)] == ["IN_PROGRESS"]
    sandbox.advance_clock(3600)
    second = run_here.run(make_sync(mapping), try_number=2, state_store=killed.state_store)
    assert second.state == "success", second.error
    assert [sync["syncId"] for sync in syncs_of(mapping)] == [second.xcom["syncId"]]
    assert second.xcoms["job"]["sync_id"] == second.xcom["syncId"]


@needs_state_store
@pytest.mark.parametrize("arrived", [True, False])
def test_after_a_crash_between_start_and_note_the_sync_is_looked_for(
    run_job: RunJob, mapping: Any, arrived: bool
) -> None:
    old = start_sync(mapping)
    left = {KEY: {"of": 2, "notes": {BEFORE_START: {"since": LONG_AGO, "syncs": [old]}}}}
    lost = start_sync(mapping) if arrived else None
    run = run_job.run(run_job.operator(SYNC, **mapping), try_number=2, state_store=left)
    assert run.state == "success", run.error
    assert [sync["syncId"] for sync in syncs_of(mapping)] == [lost or run.xcom["syncId"], old]
    assert lost in (None, run.xcom["syncId"])


@needs_state_store
@pytest.mark.parametrize("status", ["FAIL", "CANCELED"])
def test_a_retry_after_a_sync_that_failed_starts_another(
    run_job: RunJob, sandbox: Sandbox, mapping: Any, status: str
) -> None:
    sandbox.scripts.add("reverse_etl_sync", status=status, seconds=0, next=1)
    first = run_job(SYNC, **mapping)
    assert first.state == "up_for_retry"
    second = run_job(SYNC, after=first, **mapping)
    assert second.state == "success", second.error
    assert [sync["syncStatus"] for sync in syncs_of(mapping)] == ["SUCCESS", status]


def test_the_timeout_tells_what_was_seen_last(run_job: RunJob, sandbox: Sandbox, mapping: Any) -> None:
    sandbox.scripts.add("reverse_etl_sync", seconds=3600)
    run = run_job(SYNC, **mapping, timeout=0.2)
    assert run.state == "up_for_retry" and isinstance(run.error, SegmentWaitTimeoutError)
    [sync] = syncs_of(mapping)
    assert f"Last seen: sync {sync['syncId']} is IN_PROGRESS" in str(run.error)
    assert sync["syncStatus"] == "IN_PROGRESS", "the job itself goes on"


def test_ending_the_task_cancels_the_sync(run_task: RunTask, sandbox: Sandbox, mapping: Any) -> None:
    sandbox.scripts.add("reverse_etl_sync", seconds=3600)
    started = run_task.start("tests.operators.test_jobs:make_sync", mapping)
    look = f"/reverse-etl-models/{mapping['model_id']}/syncs/"
    wait_until(lambda: any(each["path"].startswith(look) for each in sandbox.requests))
    started.terminate()
    if version("apache-airflow") < "3":
        with pytest.raises(RuntimeError):  # Airflow 2 ends the process
            started.wait()
    else:
        assert started.wait().state != "success"
    assert [sync["syncStatus"] for sync in syncs_of(mapping)] == ["CANCELED"]


def test_ending_a_deferred_task_cancels_the_sync(run_here: RunJob, sandbox: Sandbox, mapping: Any) -> None:
    sandbox.scripts.add("reverse_etl_sync", seconds=3600)
    _, run = run_here.deferred(SYNC, **mapping)
    assert run.deferred and syncs_of(mapping)[0]["syncStatus"] == "IN_PROGRESS"
    module, _, name = run.deferred.classpath.rpartition(".")
    trigger = getattr(importlib.import_module(module), name)(**run.deferred.kwargs)
    asyncio.run(trigger.on_kill())
    assert [sync["syncStatus"] for sync in syncs_of(mapping)] == ["CANCELED"]


def test_what_is_known_while_it_waits(run_here: RunJob, sandbox: Sandbox, mapping: Any) -> None:
    sandbox.scripts.add("reverse_etl_sync", seconds=3600)
    _, run = run_here.deferred(SYNC, **mapping)
    [sync] = syncs_of(mapping)
    job = {"model_id": mapping["model_id"], "sync_id": sync["syncId"], "on_partial": "fail"}
    assert run.deferred and run.xcoms["job"] == run.deferred.kwargs["facts"] == job
    trigger = json.dumps(run.deferred.kwargs)
    assert json.loads(trigger) == run.deferred.kwargs
    for secret in (sandbox.token, sandbox.write_key, sandbox.profile_token):
        assert secret not in trigger


@pytest.mark.parametrize("event", NO_EVENTS)
def test_an_event_that_is_missing_or_unknown_is_a_failure(
    run_here: RunJob, run_task: RunTask, mapping: Any, event: Any
) -> None:
    operator, run = run_here.deferred(SYNC, **mapping)
    after = run_task.resume(operator, run, event)
    assert after.state == "up_for_retry" and "without saying" in str(after.error)


# --- SegmentDeleteUsersDataOperator ------------------------------------------------------------------------

ONLY = {"regulation_type": "DELETE_ONLY"}


def people(count: int) -> list[str]:
    """Ids that are found wherever they leak."""
    return [f"jane.{n}@example.com" for n in range(count)]


def nobody_in(run_job: RunJob, *runs: TaskRun) -> bool:
    return "jane." not in run_job.kept + "".join(f"{run.log}{run.error!r}" for run in runs)


def regulations(sandbox: Sandbox) -> list[dict[str, Any]]:
    return list(sandbox.state.collections.get("/regulations", {}).values())


def subjects(sandbox: Sandbox) -> list[list[str]]:
    return [each["subjectIds"] for each in regulations(sandbox)]


def sizes(sandbox: Sandbox) -> list[int]:
    return [len(ids) for ids in subjects(sandbox)]


@pytest.mark.parametrize("regulation_type", get_args(RegulationType))
def test_every_kind_of_regulation(run_here: RunJob, sandbox: Sandbox, regulation_type: str) -> None:
    run = run_here(DELETE, regulation_type=regulation_type, user_ids=people(3))
    assert run.state == "success", run.error
    [made] = regulations(sandbox)
    asked_for = (made["regulationType"], made["subjectType"], made["sourceId"], made["subjectIds"])
    assert asked_for == (regulation_type, "USER_ID", None, people(3))
    [report] = run.xcom
    assert report.pop("finished_at")
    report_of = {"regulate_id": made["id"], "status": "FINISHED", "done": 0, "running": 0, "undone": []}
    assert report == {"first": 1, "last": 3, "ids": 3, **report_of}
    assert nobody_in(run_here, run)


def test_in_one_source_only(run_job: RunJob, sandbox: Sandbox) -> None:
    run = run_job(DELETE, user_ids=["o1"], source_id=sandbox.source_id, subject_type="OBJECT_ID", **ONLY)
    assert run.state == "success", run.error
    [made] = regulations(sandbox)
    assert (made["sourceId"], made["subjectType"]) == (sandbox.source_id, "OBJECT_ID")


def test_many_ids_are_cut_into_groups(run_job: RunJob, sandbox: Sandbox) -> None:
    run = run_job(DELETE, user_ids=people(12_001), **ONLY)
    assert run.state == "success", run.error
    assert run_job.was_deferred == run_job.deferrable
    assert sizes(sandbox) == [5_000, 5_000, 2_001]
    assert list(chain(*subjects(sandbox))) == people(12_001)
    places = [(report["first"], report["last"], report["ids"]) for report in run.xcom]
    assert places == [(1, 5_000, 5_000), (5_001, 10_000, 5_000), (10_001, 12_001, 2_001)]
    assert [each["regulate_id"] for each in run.xcom] == [each["id"] for each in regulations(sandbox)]
    assert nobody_in(run_job, run)


def test_long_ids_are_cut_by_their_bytes(run_here: RunJob, sandbox: Sandbox) -> None:
    ids = [f"{n}" + "ä" * 9_000 for n in range(300)]
    run = run_here(DELETE, user_ids=ids, **ONLY)
    assert run.state == "success", run.error
    assert len(regulations(sandbox)) > 1 and list(chain(*subjects(sandbox))) == ids
    assert all(request["bytes"] <= 4_000_000 for request in asked(sandbox, "POST", "/regulations"))


@pytest.mark.parametrize("name", ["ids.txt", "ids.txt.gz", "*.txt*"])
def test_ids_from_files(run_job: RunJob, sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    text = "jane.0@example.com\r\n\n  jane.1@example.com \njane.0@example.com\n\t\njane.2@example.com"
    (tmp_path / "ids.txt").write_text(text)
    (tmp_path / "ids.txt.gz").write_bytes(gzip.compress((text + "\njane.3@example.com").encode()))
    run = run_job(DELETE, path=f"{tmp_path}/{name}", **ONLY)
    assert run.state == "success", run.error
    assert subjects(sandbox) == [people(3 if name == "ids.txt" else 4)]
    assert nobody_in(run_job, run)


def test_a_byte_order_mark_is_no_part_of_an_id(run_here: RunJob, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("u1\nu2\n", encoding="utf-8-sig")
    run = run_here(DELETE, path=f"{tmp_path}/ids.txt", **ONLY)
    assert run.state == "success", run.error
    assert subjects(sandbox) == [["u1", "u2"]]


def test_ids_in_a_list(run_job: RunJob, sandbox: Sandbox) -> None:
    run = run_job(DELETE, user_ids=["u1", " ", "", 7, " u1 ", "u2", "7"], **ONLY)
    assert run.state == "success", run.error
    assert subjects(sandbox) == [["u1", "7", "u2"]]


@pytest.mark.parametrize("how", ["output", "template"])
def test_ids_of_another_task(run_job: RunJob, sandbox: Sandbox, how: str) -> None:
    with DAG("tests", schedule=None):
        upstream = BaseOperator(task_id="upstream")
        user_ids = upstream.output if how == "output" else "{{ ti.xcom_pull('upstream') | tojson }}"
        operator = run_job.operator(DELETE, user_ids=user_ids, **ONLY)
    run = run_job.run(operator, xcoms={("upstream", "return_value"): people(2)})
    assert run.state == "success", run.error
    assert subjects(sandbox) == [people(2)]
    assert nobody_in(run_job, run)


@pytest.mark.parametrize("kind", [list, tuple])
def test_templates_among_the_ids_are_rendered(run_here: RunJob, sandbox: Sandbox, kind: Any) -> None:
    run = run_here(DELETE, user_ids=kind(["{{ 'jane' }}.0@example.com", "jane.1@example.com"]), **ONLY)
    assert run.state == "success", run.error
    assert subjects(sandbox) == [people(2)]
    assert nobody_in(run_here, run)


@pytest.mark.parametrize("wrong", [None, ["u2"], {"id": "u2"}], ids=str)
def test_what_is_no_id_is_refused_before_anything_is_sent(
    run_here: RunJob, sandbox: Sandbox, wrong: Any
) -> None:
    """Rows of a query, or a NULL in them: their text is nobody's id, so nobody would be deleted."""
    run = run_here(DELETE, user_ids=["u1", wrong], **ONLY)
    assert (run.state, subjects(sandbox)) == ("failed", []), "a retry would find the same"


@pytest.mark.parametrize("given", ["list", "file"])
def test_without_ids_there_is_nothing_to_do(
    run_job: RunJob, sandbox: Sandbox, tmp_path: Path, given: str
) -> None:
    (tmp_path / "ids.txt").write_text("\n \n")
    ids: dict[str, Any] = {"user_ids": [""]} if given == "list" else {"path": f"{tmp_path}/ids.txt"}
    run = run_job(DELETE, **ids, **ONLY)
    assert (run.state, run.xcom, subjects(sandbox)) == ("success", [], []), run.error


@pytest.mark.parametrize(
    ("ids", "state"),
    [
        ({}, "failed"),
        ({"user_ids": ["u"], "path": "/ids.txt"}, "failed"),
        ({"path": "/missing/*.txt"}, "up_for_retry"),
    ],
)
def test_ids_come_from_one_place_that_exists(
    run_here: RunJob, sandbox: Sandbox, ids: Any, state: str
) -> None:
    run = run_here(DELETE, **ids, **ONLY)
    assert (run.state, subjects(sandbox)) == (state, [])


@pytest.mark.parametrize(
    ("status", "of_destination", "policy", "state"),
    [
        ("FAILED", "NOT_SUPPORTED", {}, "success"),
        ("FAILED", "NOT_SUPPORTED", {"on_unsupported": "fail"}, "up_for_retry"),
        ("PARTIAL_SUCCESS", "FAILED", {}, "up_for_retry"),
        ("PARTIAL_SUCCESS", "FAILED", {"on_partial": "accept"}, "success"),
        ("FAILED", None, {"on_partial": "accept"}, "up_for_retry"),
        ("INVALID", None, {}, "up_for_retry"),
        ("MYSTERY", None, {"on_partial": "accept"}, "up_for_retry"),
    ],
)
def test_destinations_that_did_not_delete(
    run_job: RunJob, sandbox: Sandbox, status: str, of_destination: str | None, policy: Any, state: str
) -> None:
    amplitude = {"sourceId": sandbox.source_id, "metadataId": AMPLITUDE, "settings": {}, "name": "Amp"}
    id = create("/destinations", **amplitude)
    script = {id: of_destination} if of_destination else {}
    sandbox.scripts.add("regulation", status=status, seconds=0.1, destinations=script, error="cannot")
    run = run_job(DELETE, user_ids=people(2), **ONLY, **policy)
    assert run.state == state, run.error
    if state == "success":
        undone = {"id": id, "name": "Amp", "status": of_destination, "errString": "cannot"}
        assert [report["undone"] for report in run.xcom] == [[undone]]
    else:
        assert isinstance(run.error, SegmentJobError) and status in str(run.error)
        assert not of_destination or f"not done in Amp ({of_destination})" in str(run.error)
    assert nobody_in(run_job, run)


def test_one_group_that_failed_fails_all(run_job: RunJob, sandbox: Sandbox) -> None:
    sandbox.scripts.add("regulation", status="FAILED", seconds=0, next=1)
    run = run_job(DELETE, user_ids=people(5_001), **ONLY)
    assert run.state == "up_for_retry" and "1 FAILED, 1 FINISHED" in str(run.error)


def test_regulations_are_made_and_not_waited_for(run_job: RunJob, sandbox: Sandbox) -> None:
    sandbox.scripts.add("regulation", seconds=3600)
    run = run_job(DELETE, user_ids=people(5_001), wait_for_completion=False, **ONLY)
    assert run.state == "success", run.error
    ids = [each["id"] for each in regulations(sandbox)]
    assert [each["regulate_id"] for each in run.xcom["groups"]] == ids


@answer_lost
@pytest.mark.parametrize("of_source", [False, True], ids=["workspace", "source"])
def test_a_regulation_whose_answer_was_lost_is_found(
    run_here: RunJob, sandbox: Sandbox, lost: Any, of_source: bool
) -> None:
    fault = sandbox.faults.add(when="after", path="/regulations", next=1, **lost)
    source = {"source_id": sandbox.source_id} if of_source else {}
    run = run_here(DELETE, user_ids=people(5_001), **ONLY, **source)
    assert run.state == "success", run.error
    assert (fault.hits, sizes(sandbox)) == (1, [5_000, 1])
    assert [each["regulate_id"] for each in run.xcom] == [each["id"] for each in regulations(sandbox)]
    assert nobody_in(run_here, run)


def test_a_regulation_that_is_listed_a_moment_later_is_found(run_here: RunJob, sandbox: Sandbox) -> None:
    sandbox.faults.add("reset", when="after", path="/regulations", next=1)
    nothing = {"data": {"regulations": [], "pagination": {"current": "MA=="}}}
    late = sandbox.faults.add("status", status=200, body=nothing, path="/regulations", next=1)
    run = run_here(DELETE, user_ids=people(2), **ONLY)
    assert run.state == "success", run.error
    assert (late.hits, sizes(sandbox)) == (1, [2])


def test_a_regulation_that_never_arrived_is_sent_again(run_here: RunJob, sandbox: Sandbox) -> None:
    sandbox.faults.add("reset", path="/regulations", next=1)
    run = run_here(DELETE, user_ids=people(2), **ONLY)
    assert run.state == "success", run.error
    assert sizes(sandbox) == [2]


@pytest.mark.parametrize("remembered", [pytest.param(True, marks=needs_state_store), False])
def test_a_retry_sends_only_what_is_missing(run_job: RunJob, sandbox: Sandbox, remembered: bool) -> None:
    ids = people(10_001)
    fault = sandbox.faults.add("status", status=400, contains=ids[-1])
    first = run_job(DELETE, user_ids=ids, **ONLY)
    assert first.state == "up_for_retry" and "400" in str(first.error)
    assert "The first 10000 ids are sent" in first.log
    assert (fault.hits, sizes(sandbox)) == (1, [5_000, 5_000])
    sandbox.faults.clear()
    if not remembered:
        first.state_store = {}
    second = run_job(DELETE, after=first, user_ids=ids, **ONLY)
    assert second.state == "success", second.error
    assert sizes(sandbox) == [5_000, 5_000, 1]
    assert [each["regulate_id"] for each in second.xcom] == [each["id"] for each in regulations(sandbox)]
    assert nobody_in(run_job, first, second)


def test_other_regulations_are_not_taken_for_this_one(run_here: RunJob, api: Api, sandbox: Sandbox) -> None:
    body = {"regulationType": "DELETE_ONLY", "subjectType": "USER_ID", "subjectIds": people(2)}
    sandbox.advance_clock(-400 * 86_400)
    api("POST", "/regulations", body)
    sandbox.advance_clock(400 * 86_400)
    api("POST", "/regulations", {**body, "regulationType": "SUPPRESS_ONLY"})
    api("POST", "/regulations", {**body, "subjectIds": people(3)})
    sandbox.faults.add("status", status=400, path="/regulations", next=1)
    first = run_here(DELETE, user_ids=people(2), **ONLY)
    second = run_here(DELETE, after=first, user_ids=people(2), **ONLY)
    assert second.state == "success", second.error
    assert sizes(sandbox) == [2, 2, 3, 2]


# --- SegmentRunAudienceOperator, SegmentPreviewAudienceOperator --------------------------------------------


@pytest.fixture
def audience(sandbox: Sandbox) -> dict[str, str]:
    sandbox.scripts.add("audience", steps=[], status="Live")
    body = {"name": "A", "definition": {"query": "x"}, "audienceType": "LINKED"}
    id = create(f"/spaces/{sandbox.space_id}/audiences", **body)
    return {"space_id": sandbox.space_id, "audience_id": id}


def runs_of(sandbox: Sandbox, audience: dict[str, str]) -> int:
    return len(asked(sandbox, "POST", "/spaces/{space_id}/audiences/{audience_id}/runs".format(**audience)))


@pytest.mark.parametrize("status", ["Live", "Failed", "Disabled"])
def test_an_audience_is_run(run_job: RunJob, sandbox: Sandbox, audience: Any, status: str) -> None:
    sandbox.scripts.add("audience", steps=[("Computing", 0.3)], status=status, size=5)
    run = run_job(AUDIENCE, **audience, settle=0.1)
    assert run_job.was_deferred == run_job.deferrable
    assert runs_of(sandbox, audience) == 1
    assert "status Computing" in run.log, "it was waited for"
    if status == "Live":
        assert run.state == "success", run.error
        found = (run.xcom["id"], run.xcom["status"], run.xcom["size"]["count"])
        assert found == (audience["audience_id"], "Live", 5)
    else:
        assert run.state == "up_for_retry"
        assert isinstance(run.error, SegmentJobError) and f"status {status}" in str(run.error)


@pytest.mark.parametrize("before", ["Live", "Failed"])
def test_the_state_before_a_run_is_not_taken_for_its_end(
    run_job: RunJob, sandbox: Sandbox, audience: Any, before: str
) -> None:
    sandbox.scripts.add("audience", steps=[(before, 0.2), ("Computing", 0.3)], status="Live")
    run = run_job(AUDIENCE, **audience, settle=0.4)
    assert run.state == "success", run.error
    assert "status Computing" in run.log, "it was waited for"


@needs_state_store
def test_a_retry_waits_for_the_run_of_the_try_before(
    run_job: RunJob, sandbox: Sandbox, audience: Any
) -> None:
    sandbox.scripts.add("audience", steps=[("Computing", 1000)], status="Live")
    first = run_job(AUDIENCE, **audience, settle=0, timeout=0.2)
    assert first.state == "up_for_retry" and "status Computing" in str(first.error)
    sandbox.advance_clock(1000)
    second = run_job(AUDIENCE, after=first, **audience, settle=0)
    assert second.state == "success", second.error
    assert runs_of(sandbox, audience) == 1


@pytest.mark.parametrize("outcome", [{"size": 7}, {"status": "FAILED", "reason": "query too large"}])
def test_a_preview(run_job: RunJob, sandbox: Sandbox, outcome: Any) -> None:
    sandbox.scripts.add("preview", seconds=0.2, **outcome)
    arguments = {"definition": {"query": "{{ ds }}"}, "audience_type": "USERS"}
    run = run_job(PREVIEW, space_id=sandbox.space_id, **arguments)
    [preview] = sandbox.state.collections[f"/spaces/{sandbox.space_id}/previews"].values()
    assert run_job.was_deferred == run_job.deferrable
    assert preview["definition"] == {"query": "2026-01-02"}
    if "status" in outcome:
        assert run.state == "up_for_retry"
        assert isinstance(run.error, SegmentJobError) and "query too large" in str(run.error)
    else:
        assert run.state == "success", run.error
        size = {"count": 7, "type": "USERS", "uniqueCount": 7}
        assert run.xcom == {"id": preview["id"], "status": "COMPLETED", "size": size}, "no members"


# --- SegmentTriggerDbtSyncOperator -------------------------------------------------------------------------


def test_a_dbt_sync_is_started_once(run_here: RunJob, sandbox: Sandbox) -> None:
    run = run_here(DBT, source_id=sandbox.source_id)
    assert run.state == "success" and run.xcom, run.error
    assert len(asked(sandbox, "POST", "/dbt-model-syncs/trigger")) == 1


@needs_state_store
def test_a_retry_returns_the_dbt_trigger_of_the_try_before(run_here: RunJob, sandbox: Sandbox) -> None:
    def fail(context: Any, result: Any) -> None:
        raise RuntimeError(f"after it was started: {result}")

    first = run_here(DBT, source_id=sandbox.source_id, post_execute=fail)
    assert first.state == "up_for_retry"
    second = run_here(DBT, after=first, source_id=sandbox.source_id)
    assert second.state == "success", second.error
    assert str(second.xcom) in str(first.error)
    assert len(asked(sandbox, "POST", "/dbt-model-syncs/trigger")) == 1


# --- SegmentDeployFunctionOperator -------------------------------------------------------------------------


def make_function(api: Api, kind: str = "SOURCE", sources: int = 0) -> tuple[str, list[str]]:
    """A function, and sources that are made from it."""
    body = {"code": "1", "displayName": "F", "resourceType": kind}
    function = api("POST", "/functions", body)["function"]
    source = {"enabled": True, "metadataId": function["catalogId"]}
    return function["id"], [create("/sources", slug=f"made-{n}", **source) for n in range(sources)]


def deployed(sandbox: Sandbox) -> list[str]:
    paths = [each["path"] for each in sandbox.requests if each["path"].endswith("/deploy")]
    return [path.removeprefix("/functions/").removesuffix("/deploy") for path in paths]


def test_a_function_is_deployed_to_all_its_sources(run_here: RunJob, api: Api, sandbox: Sandbox) -> None:
    function, sources = make_function(api, sources=2)
    run = run_here(DEPLOY, function_id=function)
    assert run.state == "success", run.error
    assert run.xcom == dict.fromkeys(sources, "SUCCESS")
    assert deployed(sandbox) == [f"sfn_{source}" for source in sources]
    assert api("GET", f"/functions/{function}")["function"]["isLatestVersion"] is True


@pytest.mark.parametrize("prefix", ["", "sfn_"])
def test_a_function_is_deployed_to_one_source(
    run_here: RunJob, api: Api, sandbox: Sandbox, prefix: str
) -> None:
    _, [_, source] = make_function(api, sources=2)
    run = run_here(DEPLOY, source_id=prefix + source)
    assert run.state == "success", run.error
    assert list(run.xcom.values()) == ["SUCCESS"]
    assert deployed(sandbox) == [f"sfn_{source}"]


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        ("DESTINATION", {}, "only SOURCE is deployed"),
        ("INSERT_DESTINATION", {}, "only SOURCE is deployed"),
        ("SOURCE", {}, "no source is made from function"),
        ("SOURCE", {"function_id": None}, "give a function_id or a source_id"),
        ("SOURCE", {"source_id": "s"}, "give a function_id or a source_id"),
    ],
)
def test_what_cannot_be_deployed_is_refused(
    run_here: RunJob, api: Api, sandbox: Sandbox, kind: str, more: Any, message: str
) -> None:
    function, _ = make_function(api, kind)
    run = run_here(DEPLOY, **{"function_id": function, **more})
    assert run.state == "failed" and isinstance(run.error, AirflowFailException)
    assert message in str(run.error)
    assert deployed(sandbox) == []


# --- SegmentRotateWriteKeyOperator -------------------------------------------------------------------------

GRACE = timedelta(seconds=0.3)


def keys(sandbox: Sandbox) -> list[str]:
    found: list[str] = sandbox.state.collections["/sources"][sandbox.source_id]["writeKeys"]
    return found


class Vault:
    """Where new keys are handed over to."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.arguments = {"source_id": sandbox.source_id, "hand_over": self.put, "grace": GRACE}
        self.got: list[str] = []
        self.good_then: list[str] = []
        self._sandbox = sandbox

    def put(self, key: str, context: Any) -> None:
        context["ti"].task.log.info("somebody logs the key %s", key)
        self.got.append(key)
        self.good_then = list(keys(self._sandbox))

    def refuse(self, key: str, context: Any) -> None:
        self.put(key, context)
        raise PermissionError("the vault is sealed")


@pytest.fixture
def vault(sandbox: Sandbox) -> Vault:
    return Vault(sandbox)


def test_a_write_key_is_rotated_and_seen_nowhere(
    run_job: RunJob, api: Api, sandbox: Sandbox, vault: Vault
) -> None:
    api("POST", f"/sources/{sandbox.source_id}/writekey")
    old = keys(sandbox)
    run = run_job(ROTATE, **vault.arguments)
    assert run.state == "success", run.error
    assert run_job.was_deferred == run_job.deferrable
    [new] = vault.got
    assert vault.good_then == [*old, new]
    assert keys(sandbox) == [new]
    assert run.xcom == {"source_id": sandbox.source_id, "write_key": f"•••{new[-4:]}"}
    made = asked(sandbox, "POST", f"/sources/{sandbox.source_id}/writekey")[-1]
    removed = next(each for each in sandbox.requests if each["method"] == "DELETE")
    assert moment(removed) - moment(made) >= GRACE, "until then both are good"
    assert f"somebody logs the key {new}" in run.log
    for key in (*old, new):
        assert key not in run_job.kept
        assert key not in str(redact(run.log))


def moment(request: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(request["receivedAt"].replace("Z", "+00:00"))


@pytest.mark.parametrize("event", NO_EVENTS)
def test_nothing_is_removed_without_a_word_of_the_trigger(
    run_here: RunJob, run_task: RunTask, sandbox: Sandbox, vault: Vault, event: Any
) -> None:
    operator, run = run_here.deferred(ROTATE, **{**vault.arguments, "grace": timedelta(hours=1)})
    assert run_task.resume(operator, run, event).state == "up_for_retry"
    assert keys(sandbox) == [sandbox.write_key, *vault.got]


def test_a_key_that_could_not_be_handed_over_is_removed(
    run_job: RunJob, sandbox: Sandbox, vault: Vault
) -> None:
    first = run_job(ROTATE, **{**vault.arguments, "hand_over": vault.refuse})
    assert first.state == "up_for_retry" and isinstance(first.error, PermissionError)
    assert len(vault.good_then) == 2
    assert keys(sandbox) == [sandbox.write_key]
    second = run_job(ROTATE, after=first, **vault.arguments)
    assert second.state == "success", second.error
    refused, taken = vault.got
    assert refused != taken and keys(sandbox) == [taken]


def test_a_new_key_whose_answer_was_lost_is_not_left_over(
    run_job: RunJob, sandbox: Sandbox, vault: Vault
) -> None:
    sandbox.faults.add("reset", when="after", path=f"/sources/{sandbox.source_id}/writekey", next=1)
    run = run_job(ROTATE, **vault.arguments)
    if run.state == "up_for_retry":
        run = run_job(ROTATE, after=run, **vault.arguments)
    assert run.state == "success", run.error
    assert keys(sandbox) == vault.got and len(vault.got) == 1


def test_an_old_key_whose_removal_was_not_answered_is_removed(
    run_job: RunJob, sandbox: Sandbox, vault: Vault
) -> None:
    lost = sandbox.faults.add("reset", when="after", path=f"/sources/{sandbox.source_id}/writekey/", next=1)
    run = run_job(ROTATE, **vault.arguments)
    assert (run.state, lost.hits) == ("success", 1), run.error
    assert keys(sandbox) == vault.got


def test_a_token_that_sees_no_keys_changes_nothing(run_here: RunJob, sandbox: Sandbox, vault: Vault) -> None:
    body = {"data": {"source": {"id": sandbox.source_id, "writeKeys": []}}}
    sandbox.faults.add("status", status=200, body=body, path=f"/sources/{sandbox.source_id}")
    run = run_here(ROTATE, **vault.arguments)
    assert run.state == "failed" and "Source Admin" in str(run.error)
    assert (vault.got, keys(sandbox)) == ([], [sandbox.write_key])


def make_rotation(source_id: str, file: str, seconds: float) -> SegmentRotateWriteKeyOperator:
    """Runs in a process that is killed: while it hands the key over, or in the grace after that."""

    def hand_over(key: str, context: Any) -> None:
        Path(file).write_text(key)
        time.sleep(seconds)

    return ROTATE(task_id="job", retries=2, source_id=source_id, hand_over=hand_over)


@needs_state_store
@pytest.mark.parametrize("handed_over", [False, True])
def test_after_a_crash_the_retry_goes_on_with_the_rotation(
    run_task: RunTask, run_here: RunJob, sandbox: Sandbox, vault: Vault, tmp_path: Path, handed_over: bool
) -> None:
    file = tmp_path / "key"
    arguments = (sandbox.source_id, str(file), 0 if handed_over else 60)
    killed = run_task.start("tests.operators.test_jobs:make_rotation", *arguments)
    wait_until(
        lambda: file.exists() and file.read_text() and len(notes_of(killed.state_store)) == 1 + handed_over
    )
    killed.kill()
    new = file.read_text()
    assert keys(sandbox) == [sandbox.write_key, new]
    assert new not in json.dumps(killed.state_store)
    operator = run_here.operator(ROTATE, **vault.arguments)
    second = run_here.run(operator, try_number=2, state_store=killed.state_store)
    assert second.state == "success", second.error
    assert keys(sandbox) == [new]
    assert vault.got == ([] if handed_over else [new])


# --- what all have in common -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sync", "audience", "dbt", "rotation"])
def test_who_clears_a_task_that_succeeded_wants_it_done_again(
    run_here: RunJob, sandbox: Sandbox, mapping: Any, audience: Any, vault: Vault, name: str
) -> None:
    """Airflow keeps the state store of a task that succeeded, also where somebody clears the task then."""
    jobs: dict[str, tuple[type[Any], dict[str, Any], str]] = {
        "sync": (SYNC, mapping, "/reverse-etl-syncs"),
        "audience": (AUDIENCE, {**audience, "settle": 0}, "/runs"),
        "dbt": (DBT, {"source_id": sandbox.source_id}, "/dbt-model-syncs/trigger"),
        "rotation": (ROTATE, vault.arguments, "/writekey"),
    }
    operator, arguments, path = jobs[name]

    def started() -> int:
        return sum(each["method"] == "POST" and each["path"].endswith(path) for each in sandbox.requests)

    first = run_here(operator, **arguments)
    assert (first.state, started()) == ("success", 1), first.error
    cleared = run_here(operator, after=first, **arguments, retries=3)  # clearing grants all tries again
    assert (cleared.state, started()) == ("success", 2), cleared.error
