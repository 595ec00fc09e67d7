"""What is no declared operator, with answers that Segment does not document: waits, jobs, the hook, links."""

from __future__ import annotations

import json
from collections.abc import Generator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from airflow_provider_segment import operators
from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.errors import SegmentAnswerError, SegmentError
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.waiting import feeds
from airflow_provider_segment.waiting.any_resource import ResourceHas
from airflow_provider_segment.waiting.audiences import AudienceComputed, AudiencePreviewed
from airflow_provider_segment.waiting.delivery import Delivered
from airflow_provider_segment.waiting.regulations import AllRegulated, Regulated, regulations_since
from airflow_provider_segment.waiting.reverse_etl import ReverseEtlMappingSynced, ReverseEtlSynced
from airflow_provider_segment.waiting.volume import EventVolume
from airflow_provider_segment.waiting.warehouses import WarehouseConnected, WarehouseSynced
from airflow_provider_segment.waiting.watch import ask_all
from airflow_provider_segment.waiting.window import Window
from tests.harness.fuzzing import examples
from tests.harness.scripted_api import Request, ScriptedAPI
from tests.harness.task_runner import RunTask
from tests.public_api.answers import GONE, MAKESHIFT, NO_DOCUMENTS, answer_of, places, replaced
from tests.public_api.wire import Document, Exchange

NOW = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)
SINCE = NOW - timedelta(hours=1)
WINDOW = Window(start=SINCE, end=NOW, lag=60.0)
MOMENT = "2026-01-02T11:30:00Z"
TIMES = ("start", "end", "startedAt", "finishedAt", "updatedAt", "createdAt", "timestamp", "time")

WAITS: dict[str, Any] = {
    "volume": EventVolume(source_id="s", window=WINDOW, min_count=1),
    "delivery": Delivered(source_id="s", window=WINDOW, expect={"received": {"min_rate": 0.5}}),
    "warehouse": WarehouseSynced(warehouse_id="w", since=SINCE),
    "connection": WarehouseConnected(warehouse_id="w"),
    "sync": ReverseEtlSynced(model_id="m", sync_id="s"),
    "mapping": ReverseEtlMappingSynced(model_id="m", subscription_id="s", since=SINCE),
    "regulation": Regulated(regulate_id="r"),
    "regulations": AllRegulated(groups=[{"regulate_id": "r"}]),
    "audience": AudienceComputed(space_id="s", audience_id="a"),
    "preview": AudiencePreviewed(space_id="s", preview_id="p"),
    "gone": ResourceHas(path="/sources/s", field="source.name", exists=False),
    "any": ResourceHas(path="/sources/s", field="source.labels.0.key", value="x", any_value=False),
    "feed of a warehouse": feeds.WarehouseSyncs(warehouse_id="w"),
    "feed of a mapping": feeds.ReverseEtlSyncs(model_id="m", subscription_id="s"),
    "feed of an audience": feeds.AudienceUpdates(space_id="s", audience_id="a"),
    "feed of the volume": feeds.VolumeCrossings(source_id="s", count=1),
    "feed of the audit trail": feeds.AuditEvents(),
}


def questions(name: str) -> Generator[Any, Any, Any]:
    wait = WAITS[name]
    return wait.look(NOW, SINCE) if isinstance(wait, feeds.Feed) else wait.check(NOW)  # type: ignore[no-any-return]


def with_times(value: Any) -> Any:
    """A documented answer, with times that are times."""
    if isinstance(value, list):
        return [with_times(each) for each in value]
    if isinstance(value, dict):
        return {
            name: MOMENT if name in TIMES and isinstance(each, str) else with_times(each)
            for name, each in value.items()
        }
    return value


def right(request: Request) -> Any:
    operation = Document.of_the_facts().operation_of(Exchange(request.method, request.path, "", {}))
    assert operation, request.path
    return with_times(answer_of(operation, full=True))


class Answers(dict[str, Any]):
    """All requests are answered as documented, but for one place of one kind of answer."""

    def __init__(self, path: tuple[Any, ...] | None = None, value: Any = None, only: str = "") -> None:
        super().__init__()
        self.path, self.value, self.only = path, value, only

    def get(self, key: str, default: Any = None) -> Any:
        return self._answer

    def _answer(self, request: Request) -> Any:
        answer = right(request)
        if self.path is None or not f"{request.method} {request.path}".startswith(self.only):
            return 200, answer
        try:
            return 200, replaced(answer, self.path, self.value)
        except (KeyError, IndexError, TypeError):  # another answer, without that place
            return 200, answer


def wait_once(name: str) -> Any:
    with SegmentHook().get_conn() as client:
        return ask_all(questions(name), client)


@pytest.mark.parametrize("name", WAITS)
def test_a_documented_answer_is_read(scripted_api: ScriptedAPI, name: str) -> None:
    scripted_api.answers = Answers()
    assert wait_once(name) is not None
    assert scripted_api.requests


@pytest.mark.parametrize("name", WAITS)
def test_no_answer_of_segments(scripted_api: ScriptedAPI, name: str) -> None:
    for body in NO_DOCUMENTS:
        scripted_api.answers = Answers((), body)
        if name in ("gone", "any") and isinstance(body, dict) and body.get("data"):
            continue  # any object may be the data of any resource
        with pytest.raises(SegmentAnswerError, match="expected"):
            wait_once(name)


@examples(150)
@given(data=st.data())
def test_something_wrong_anywhere_in_an_answer(scripted_api: ScriptedAPI, data: DataObject) -> None:
    """A poll that fails, and counts as such; or one that says what was seen."""
    name = data.draw(st.sampled_from(list(WAITS)))
    scripted_api.requests.clear()
    scripted_api.answers = Answers()
    wait_once(name)
    request = data.draw(st.sampled_from(scripted_api.requests))
    path = data.draw(st.sampled_from(list(places(right(request)))))
    scripted_api.answers = Answers(path, data.draw(st.sampled_from([GONE, *MAKESHIFT])))
    try:
        wait_once(name)
    except SegmentAnswerError as error:
        assert "expected" in str(error)


JOBS: dict[str, dict[str, Any]] = {
    "RunReverseEtlSync": {"source_id": "s", "model_id": "m", "subscription_id": "n"},
    "RunAudience": {"space_id": "s", "audience_id": "a"},
    "PreviewAudience": {"space_id": "s", "definition": {"query": "x"}, "audience_type": "USERS"},
    "TriggerDbtSync": {"source_id": "s"},
    "DeployFunction": {"function_id": "sfnc_f"},
    "DeleteUsersData": {"regulation_type": "DELETE_ONLY", "user_ids": ["u"]},
    "RotateWriteKey": {"source_id": "s", "hand_over": lambda key, context: None, "grace": timedelta(0)},
    "GetProfileTraits": {"space_id": "s", "external_id": "user_id:1"},
    "GetProfileEvents": {"space_id": "s", "external_id": "user_id:1"},
    "GetProfileMetadata": {"space_id": "s", "external_id": "user_id:1"},
}


class AnyAnswers(dict[str, Any]):
    """Every request is answered with the same body; or those of one method are, the others as documented."""

    def __init__(self, body: Any, method: str = "") -> None:
        super().__init__()
        self.body, self.method = body, method

    def get(self, key: str, default: Any = None) -> Any:
        return self._answer

    def _answer(self, request: Request) -> Any:
        if request.path.startswith("/v1/") or self.method in ("", request.method):
            return 200, self.body
        return 200, right(request)


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("method", ["", "POST"])
def test_jobs_and_profiles(
    run_task: RunTask, scripted_api: ScriptedAPI, monkeypatch: pytest.MonkeyPatch, job: str, method: str
) -> None:
    """After a start whose answer cannot be read, it may have been started: nothing starts another."""
    if method and job.startswith("GetProfile"):
        pytest.skip("only reads")
    monkeypatch.setattr(Clock, "sleep", lambda clock, seconds: None)
    for body in NO_DOCUMENTS[list(JOBS).index(job) % 3 :: 3]:
        scripted_api.answers = AnyAnswers(body, method)
        scripted_api.requests.clear()
        operator = getattr(operators, f"Segment{job}Operator")
        arguments = {"wait_for_completion": False} if "wait_for_completion" in operator.fields else {}
        run = run_task(operator(task_id="t", retries=1, **JOBS[job], **arguments))
        assert isinstance(run.error, (SegmentError, AirflowFailException)), (body, run.error, run.xcom)
        writes = [sent for sent in scripted_api.requests if sent.method != "GET"]
        assert len(writes) <= (2 if job in ("RunReverseEtlSync", "DeleteUsersData") else 1), body
        if method and writes:
            assert "may have been carried out" in str(run.error), body


def test_regulations_that_cannot_be_read(scripted_api: ScriptedAPI) -> None:
    regulation = {"id": "r", "regulationType": "DELETE_ONLY", "subjectType": "USER_ID", "status": "RUNNING"}
    for wrong in ({}, {"subjects": [1], "createdAt": MOMENT}, {"subjects": ["u"], "createdAt": "soon"}):
        scripted_api.answers = {"GET /regulations": {"regulations": [{**regulation, **wrong}]}}
        with SegmentHook().get_conn() as client, pytest.raises(SegmentAnswerError):
            ask_all(regulations_since(SINCE, "/regulations"), client)


@pytest.mark.parametrize("body", NO_DOCUMENTS, ids=json.dumps)
def test_hook_and_link(
    run_task: RunTask, scripted_api: ScriptedAPI, monkeypatch: pytest.MonkeyPatch, body: Any
) -> None:
    """The hook's methods raise, the Test button says so, and a link fails no task."""
    scripted_api.answers = AnyAnswers(body)
    hook = SegmentHook()
    for call in (hook.get_write_keys, lambda id: list(hook.paginate("/sources", key="sources"))):
        with pytest.raises(SegmentAnswerError, match="expected"):
            call("s")
    with pytest.raises(SegmentAnswerError):
        list(hook.paginate("/sources"))
    well, message = hook.test_connection()
    assert not well and "expected" in message
    scripted_api.answers = Answers()
    link_only = {"GET /sources/s": body}

    class Mixed(Answers):
        def _answer(self, request: Request) -> Any:
            key = f"{request.method} {request.path}"
            return (200, link_only[key]) if key in link_only else super()._answer(request)

    scripted_api.answers = Mixed()
    monkeypatch.setattr(Clock, "sleep", lambda clock, seconds: None)
    operator = operators.SegmentRunReverseEtlSyncOperator(
        task_id="t", source_id="s", model_id="m", subscription_id="n", wait_for_completion=False
    )
    assert run_task(operator).state == "success"
