"""SegmentDeleteUsersDataOperator: ids split into regulations, each created once and waited for."""

from __future__ import annotations

import gzip
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperator

from airflow_provider_segment.errors import SegmentJobError
from airflow_provider_segment.operators.deletion_and_suppression import RegulationType
from airflow_provider_segment.operators.deletion_and_suppression_jobs import SegmentDeleteUsersDataOperator
from airflow_provider_segment.sandbox import Sandbox
from tests.harness.sandbox_api import AMPLITUDE, Api, create
from tests.harness.task_runner import TaskRun
from tests.operators.jobs.job_runs import RunJob, answer_lost, asked, needs_state_store

pytestmark = pytest.mark.core

ONLY = {"regulation_type": "DELETE_ONLY"}


def people(count: int) -> list[str]:
    """Ids that are easy to find if they leak."""
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
    run = run_here(SegmentDeleteUsersDataOperator, regulation_type=regulation_type, user_ids=people(3))
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
    run = run_job(
        SegmentDeleteUsersDataOperator,
        user_ids=["o1"],
        source_id=sandbox.source_id,
        subject_type="OBJECT_ID",
        **ONLY,
    )
    assert run.state == "success", run.error
    [made] = regulations(sandbox)
    assert (made["sourceId"], made["subjectType"]) == (sandbox.source_id, "OBJECT_ID")


def test_many_ids_are_split_into_groups(run_job: RunJob, sandbox: Sandbox) -> None:
    run = run_job(SegmentDeleteUsersDataOperator, user_ids=people(12_001), **ONLY)
    assert run.state == "success", run.error
    assert run_job.was_deferred == run_job.deferrable
    assert sizes(sandbox) == [5_000, 5_000, 2_001]
    assert list(chain(*subjects(sandbox))) == people(12_001)
    places = [(report["first"], report["last"], report["ids"]) for report in run.xcom]
    assert places == [(1, 5_000, 5_000), (5_001, 10_000, 5_000), (10_001, 12_001, 2_001)]
    assert [each["regulate_id"] for each in run.xcom] == [each["id"] for each in regulations(sandbox)]
    assert nobody_in(run_job, run)


def test_long_ids_are_split_by_their_bytes(run_here: RunJob, sandbox: Sandbox) -> None:
    ids = [f"{n}" + "ä" * 9_000 for n in range(300)]
    run = run_here(SegmentDeleteUsersDataOperator, user_ids=ids, **ONLY)
    assert run.state == "success", run.error
    assert len(regulations(sandbox)) > 1 and list(chain(*subjects(sandbox))) == ids
    assert all(request["bytes"] <= 4_000_000 for request in asked(sandbox, "POST", "/regulations"))


@pytest.mark.parametrize("name", ["ids.txt", "ids.txt.gz", "*.txt*"])
def test_ids_from_files(run_job: RunJob, sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    text = "jane.0@example.com\r\n\n  jane.1@example.com \njane.0@example.com\n\t\njane.2@example.com"
    (tmp_path / "ids.txt").write_text(text)
    (tmp_path / "ids.txt.gz").write_bytes(gzip.compress((text + "\njane.3@example.com").encode()))
    run = run_job(SegmentDeleteUsersDataOperator, path=f"{tmp_path}/{name}", **ONLY)
    assert run.state == "success", run.error
    assert subjects(sandbox) == [people(3 if name == "ids.txt" else 4)]
    assert nobody_in(run_job, run)


def test_a_byte_order_mark_is_not_part_of_an_id(run_here: RunJob, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("u1\nu2\n", encoding="utf-8-sig")
    run = run_here(SegmentDeleteUsersDataOperator, path=f"{tmp_path}/ids.txt", **ONLY)
    assert run.state == "success", run.error
    assert subjects(sandbox) == [["u1", "u2"]]


def test_ids_in_a_list(run_job: RunJob, sandbox: Sandbox) -> None:
    run = run_job(SegmentDeleteUsersDataOperator, user_ids=["u1", " ", "", 7, " u1 ", "u2", "7"], **ONLY)
    assert run.state == "success", run.error
    assert subjects(sandbox) == [["u1", "7", "u2"]]


@pytest.mark.parametrize("how", ["output", "template"])
def test_ids_of_another_task(run_job: RunJob, sandbox: Sandbox, how: str) -> None:
    with DAG("tests", schedule=None):
        upstream = BaseOperator(task_id="upstream")
        user_ids = upstream.output if how == "output" else "{{ ti.xcom_pull('upstream') | tojson }}"
        operator = run_job.operator(SegmentDeleteUsersDataOperator, user_ids=user_ids, **ONLY)
    run = run_job.run(operator, xcoms={("upstream", "return_value"): people(2)})
    assert run.state == "success", run.error
    assert subjects(sandbox) == [people(2)]
    assert nobody_in(run_job, run)


@pytest.mark.parametrize("kind", [list, tuple])
def test_templates_among_the_ids_are_rendered(run_here: RunJob, sandbox: Sandbox, kind: Any) -> None:
    run = run_here(
        SegmentDeleteUsersDataOperator,
        user_ids=kind(["{{ 'jane' }}.0@example.com", "jane.1@example.com"]),
        **ONLY,
    )
    assert run.state == "success", run.error
    assert subjects(sandbox) == [people(2)]
    assert nobody_in(run_here, run)


@pytest.mark.parametrize("kind", [list, tuple])
@pytest.mark.parametrize("template", ["{{ params.missing.missing }}", "{{ 'a' }} and {{ '{{' }}", "{{ 1 +"])
def test_ids_beside_a_template_that_fails_are_not_shown(
    run_here: RunJob, sandbox: Sandbox, kind: Any, template: str
) -> None:
    """Nor before it is rendered, when Airflow stores the DAG."""
    operator = run_here.operator(
        SegmentDeleteUsersDataOperator, user_ids=kind([*people(2), template]), **ONLY
    )
    assert not any(person in str(operator.user_ids) for person in people(2))
    run = run_here.run(operator)
    assert run.state in ("failed", "up_for_retry")
    assert subjects(sandbox) == []
    assert nobody_in(run_here, run)


def test_an_id_that_looks_like_a_template_shows_no_other(run_job: RunJob, sandbox: Sandbox) -> None:
    with DAG("tests", schedule=None):
        upstream = BaseOperator(task_id="upstream")
        operator = run_job.operator(SegmentDeleteUsersDataOperator, user_ids=upstream.output, **ONLY)
    ids = [*people(2), "{{ jane.3@example.com"]
    run = run_job.run(operator, xcoms={("upstream", "return_value"): ids})
    assert (run.state, subjects(sandbox)) == ("failed", [])
    assert "id 3 is a template; nothing was sent" in str(run.error)
    assert nobody_in(run_job, run)


@pytest.mark.parametrize("wrong", [None, ["u2"], {"id": "u2"}], ids=str)
def test_what_is_not_an_id_is_refused_before_anything_is_sent(
    run_here: RunJob, sandbox: Sandbox, wrong: Any
) -> None:
    """Rows of a query, or a NULL in them: their text is not an id, so nobody would be deleted."""
    run = run_here(SegmentDeleteUsersDataOperator, user_ids=["u1", wrong], **ONLY)
    assert (run.state, subjects(sandbox)) == ("failed", []), "a retry would find the same"


@pytest.mark.parametrize("given", ["list", "file"])
def test_without_ids_there_is_nothing_to_do(
    run_job: RunJob, sandbox: Sandbox, tmp_path: Path, given: str
) -> None:
    (tmp_path / "ids.txt").write_text("\n \n")
    ids: dict[str, Any] = {"user_ids": [""]} if given == "list" else {"path": f"{tmp_path}/ids.txt"}
    run = run_job(SegmentDeleteUsersDataOperator, **ids, **ONLY)
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
    run = run_here(SegmentDeleteUsersDataOperator, **ids, **ONLY)
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
    run = run_job(SegmentDeleteUsersDataOperator, user_ids=people(2), **ONLY, **policy)
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
    run = run_job(SegmentDeleteUsersDataOperator, user_ids=people(5_001), **ONLY)
    assert run.state == "up_for_retry" and "1 FAILED, 1 FINISHED" in str(run.error)


@needs_state_store
def test_a_new_regulation_has_all_of_the_timeout(run_job: RunJob, sandbox: Sandbox) -> None:
    sandbox.scripts.add("regulation", status="FAILED", seconds=500, next=1)
    first = run_job(SegmentDeleteUsersDataOperator, user_ids=people(2), **ONLY)
    assert first.state == "up_for_retry", first.error
    sandbox.scripts.add("regulation", seconds=500)
    second = run_job(SegmentDeleteUsersDataOperator, after=first, user_ids=people(2), timeout=600, **ONLY)
    assert second.state == "success", second.error


def test_regulations_are_created_and_not_waited_for(run_job: RunJob, sandbox: Sandbox) -> None:
    sandbox.scripts.add("regulation", seconds=3600)
    run = run_job(SegmentDeleteUsersDataOperator, user_ids=people(5_001), wait_for_completion=False, **ONLY)
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
    run = run_here(SegmentDeleteUsersDataOperator, user_ids=people(5_001), **ONLY, **source)
    assert run.state == "success", run.error
    assert (fault.hits, sizes(sandbox)) == (1, [5_000, 1])
    assert [each["regulate_id"] for each in run.xcom] == [each["id"] for each in regulations(sandbox)]
    assert nobody_in(run_here, run)


def test_a_regulation_that_is_listed_a_moment_later_is_found(run_here: RunJob, sandbox: Sandbox) -> None:
    sandbox.faults.add("reset", when="after", path="/regulations", next=1)
    nothing = {"data": {"regulations": [], "pagination": {"current": "MA=="}}}
    late = sandbox.faults.add("status", status=200, body=nothing, path="/regulations", next=1)
    run = run_here(SegmentDeleteUsersDataOperator, user_ids=people(2), **ONLY)
    assert run.state == "success", run.error
    assert (late.hits, sizes(sandbox)) == (1, [2])


def test_a_regulation_that_never_arrived_is_sent_again(run_here: RunJob, sandbox: Sandbox) -> None:
    sandbox.faults.add("reset", path="/regulations", next=1)
    run = run_here(SegmentDeleteUsersDataOperator, user_ids=people(2), **ONLY)
    assert run.state == "success", run.error
    assert sizes(sandbox) == [2]


@pytest.mark.parametrize("remembered", [pytest.param(True, marks=needs_state_store), False])
def test_a_retry_sends_only_what_is_missing(run_job: RunJob, sandbox: Sandbox, remembered: bool) -> None:
    ids = people(10_001)
    fault = sandbox.faults.add("status", status=400, contains=ids[-1])
    first = run_job(SegmentDeleteUsersDataOperator, user_ids=ids, **ONLY)
    assert first.state == "up_for_retry" and "400" in str(first.error)
    assert "The first 10000 ids were sent" in first.log
    assert (fault.hits, sizes(sandbox)) == (1, [5_000, 5_000])
    sandbox.faults.clear()
    if not remembered:
        first.state_store = {}
    second = run_job(SegmentDeleteUsersDataOperator, after=first, user_ids=ids, **ONLY)
    assert second.state == "success", second.error
    assert sizes(sandbox) == [5_000, 5_000, 1]
    assert [each["regulate_id"] for each in second.xcom] == [each["id"] for each in regulations(sandbox)]
    assert nobody_in(run_job, first, second)


def test_other_regulations_are_not_mistaken_for_this_one(
    run_here: RunJob, api: Api, sandbox: Sandbox
) -> None:
    body = {"regulationType": "DELETE_ONLY", "subjectType": "USER_ID", "subjectIds": people(2)}
    sandbox.advance_clock(-400 * 86_400)
    api("POST", "/regulations", body)
    sandbox.advance_clock(400 * 86_400)
    api("POST", "/regulations", {**body, "regulationType": "SUPPRESS_ONLY"})
    api("POST", "/regulations", {**body, "subjectIds": people(3)})
    sandbox.faults.add("status", status=400, path="/regulations", next=1)
    first = run_here(SegmentDeleteUsersDataOperator, user_ids=people(2), **ONLY)
    second = run_here(SegmentDeleteUsersDataOperator, after=first, user_ids=people(2), **ONLY)
    assert second.state == "success", second.error
    assert sizes(sandbox) == [2, 2, 3, 2]
