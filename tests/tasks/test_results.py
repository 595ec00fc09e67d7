"""Results of operators: lists that go to a file or through a filter, and errors that are no failure."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, ObjectStoragePath

from airflow_provider_segment import operators
from airflow_provider_segment.errors import SegmentOutputError, SegmentServerError
from airflow_provider_segment.events.whole_files import WholeFile
from airflow_provider_segment.operators import (
    SegmentCreateSourceOperator,
    SegmentDeleteSourceOperator,
    SegmentGetIngressSuccessMetricsFromDeliveryOverviewOperator,
    SegmentGetProfileEventsOperator,
    SegmentGetProfileTraitsOperator,
    SegmentGetSourceOperator,
    SegmentListCredentialConsumersOperator,
    SegmentListSourcesOperator,
    SegmentRequestOperator,
)
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.tasks.operation import SegmentOperator, SegmentPagedOperator
from tests.harness.scripted_api import TOKEN, Request, ScriptedAPI, pages
from tests.harness.task_runner import RunTask
from tests.tasks.test_operation import AIRFLOW_3

if AIRFLOW_3:
    from airflow.sdk.io import attach
else:
    from airflow.io.store import attach

pytestmark = pytest.mark.core

SOURCES = [
    {"id": f"s{n}", "slug": f"é{n}", "writeKeys": [f"key-number-{n:04}"], "note": f"of {TOKEN}"}
    for n in range(5)
]
HIDDEN = [{**each, "writeKeys": [f"•••{n:04}"], "note": "of ***"} for n, each in enumerate(SOURCES)]
PROFILE = "/v1/spaces/p/collections/users/profiles/user_id%3A1"


def profile_page(items: Any) -> Any:
    return lambda _: (
        200,
        {("traits" if isinstance(items, dict) else "data"): items, "cursor": {"has_more": False}},
    )


def answers(api: ScriptedAPI) -> None:
    consumers = {"warehouses": [{"id": "w"}], "sources": [{"id": "s"}, {"id": "t"}]}
    none = {"warehousesPagination": {"current": "x"}, "sourcesPagination": {"current": "x"}}
    counts = {"total": 3, "dataset": [{"count": 1}, {"count": 2}], "pagination": {"current": "x"}}
    api.answers |= {
        "GET /sources": pages("sources", SOURCES),
        "GET /credentials/c/consumers": {**consumers, **none},
        "GET /delivery-overview/successfully-received": counts,
        f"GET {PROFILE}/events": profile_page([{"event": "A"}, {"event": "B"}]),
        f"GET {PROFILE}/traits": profile_page({"a": 1, "b": None}),
    }


WINDOW = {"source_id": "s", "start_time": "2026-01-01", "end_time": "2026-01-02", "granularity": "DAY"}
OF_PROFILE = {"space_id": "p", "external_id": "user_id:1"}
KINDS: list[tuple[Any, dict[str, Any], list[Any], dict[str, Any]]] = [
    (SegmentListSourcesOperator, {"page_size": 2}, HIDDEN, {}),
    (SegmentListSourcesOperator, {"page_size": 2, "limit": 3}, HIDDEN[:3], {}),
    (SegmentListSourcesOperator, {"limit": 0}, [], {}),
    (SegmentRequestOperator, {"path": "/sources", "paginate": True, "page_size": 2}, HIDDEN, {}),
    (
        SegmentGetIngressSuccessMetricsFromDeliveryOverviewOperator,
        WINDOW,
        [{"count": 1}, {"count": 2}],
        {"total": 3},
    ),
    (
        SegmentListCredentialConsumersOperator,
        {"credential_id": "c"},
        [{"warehouses": {"id": "w"}}, {"sources": {"id": "s"}}, {"sources": {"id": "t"}}],
        {},
    ),
    (SegmentGetProfileEventsOperator, OF_PROFILE, [{"event": "A"}, {"event": "B"}], {}),
    (SegmentGetProfileTraitsOperator, OF_PROFILE, [{"a": 1}, {"b": None}], {}),
]
kinds = pytest.mark.parametrize(("cls", "given", "lines", "beside"), KINDS)


@kinds
@pytest.mark.parametrize("name", ["list.jsonl", "list.jsonl.gz"])
def test_a_list_goes_to_a_file(
    run_task: RunTask,
    scripted_api: ScriptedAPI,
    tmp_path: Path,
    cls: Any,
    given: dict[str, Any],
    lines: list[Any],
    beside: dict[str, Any],
    name: str,
) -> None:
    answers(scripted_api)
    file = tmp_path / name
    run = run_task(cls(task_id="t", to_path=f"{tmp_path}/{{{{ 'list' }}}}{name[4:]}", **given))
    assert run.xcom == {**beside, "path": str(file), "count": len(lines)}, run.error
    content = gzip.decompress(file.read_bytes()) if name.endswith(".gz") else file.read_bytes()
    assert content.endswith(b"\n") or not lines
    assert [json.loads(line) for line in content.splitlines()] == lines
    assert list(tmp_path.iterdir()) == [file]


@kinds
def test_a_filter_gets_the_result_without_its_secrets(
    run_task: RunTask,
    scripted_api: ScriptedAPI,
    cls: Any,
    given: dict[str, Any],
    lines: list[Any],
    beside: dict[str, Any],
) -> None:
    answers(scripted_api)
    plain = run_task(cls(task_id="t", **given)).xcom
    found: list[Any] = []
    run = run_task(cls(task_id="t", response_filter=lambda result: [found.append(result), 7][1], **given))
    assert run.xcom == 7
    assert found == [plain]


def test_a_filter_of_a_file_gets_each_page(
    run_task: RunTask, scripted_api: ScriptedAPI, tmp_path: Path
) -> None:
    answers(scripted_api)
    sizes: list[int] = []

    def slugs(page: list[Any]) -> list[Any]:
        sizes.append(len(page))
        return [
            {"slug": source["slug"], "key": source["writeKeys"]} for source in page if source["id"] != "s1"
        ]

    file = tmp_path / "f"
    run = run_task(
        SegmentListSourcesOperator(task_id="t", to_path=str(file), response_filter=slugs, page_size=2)
    )
    assert run.xcom == {"path": str(file), "count": 4}
    assert sizes == [2, 2, 1]
    assert json.loads(file.read_text().splitlines()[1]) == {"slug": "é2", "key": ["•••0002"]}


@pytest.mark.parametrize("wrong", [lambda page: {"a": 1}, lambda page: [{1, 2}], lambda page: [float("nan")]])
def test_a_filter_that_returns_no_lines(
    run_task: RunTask, scripted_api: ScriptedAPI, tmp_path: Path, wrong: Any
) -> None:
    answers(scripted_api)
    task = SegmentListSourcesOperator(task_id="t", to_path=str(tmp_path / "f"), response_filter=wrong)
    run = run_task(task)
    assert isinstance(run.error, AirflowFailException) and "response_filter" in str(run.error)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [500, 0], ids=["refused", "lost"])
def test_a_list_that_is_not_read_to_its_end_replaces_nothing(
    run_task: RunTask, scripted_api: ScriptedAPI, tmp_path: Path, status: int
) -> None:
    whole = pages("sources", SOURCES)

    def broken(request: Request) -> Any:
        return (status, {}) if "pagination.cursor" in request.query else whole(request)

    scripted_api.answers["GET /sources"] = broken
    (tmp_path / "f").write_text("of yesterday")
    run = run_task(
        SegmentListSourcesOperator(task_id="t", to_path=str(tmp_path / "f"), page_size=2, retries=1)
    )
    assert run.state == "up_for_retry"
    assert (tmp_path / "f").read_text() == "of yesterday"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_list_in_an_object_store(run_task: RunTask, scripted_api: ScriptedAPI, tmp_path: Path) -> None:
    attach("memory", fs=fsspec.filesystem("memory"))
    answers(scripted_api)
    path = f"memory://results-{tmp_path.name}/of/sources.jsonl"
    for _ in range(2):  # the second time it is there
        run = run_task(SegmentListSourcesOperator(task_id="t", to_path=path, page_size=2))
        assert run.xcom == {"path": path, "count": 5}, run.error
    folder = ObjectStoragePath(path).parent
    assert [each.name for each in folder.iterdir()] == ["sources.jsonl"]
    assert [json.loads(line) for line in ObjectStoragePath(path).read_bytes().splitlines()] == HIDDEN
    scripted_api.answers["GET /sources"] = (500, {})
    failed = run_task(SegmentListSourcesOperator(task_id="t", to_path=f"{path}.other"))
    assert isinstance(failed.error, SegmentServerError)
    assert [each.name for each in folder.iterdir()] == ["sources.jsonl"]


def test_a_storage_that_fails(
    run_task: RunTask, scripted_api: ScriptedAPI, monkeypatch: Any, tmp_path: Path
) -> None:
    """A full disk: no file, and a retry may find room."""
    answers(scripted_api)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("airflow_provider_segment.events.whole_files.os.replace", full)
    for given in ({}, {"raise_on_error": False}):
        run = run_task(SegmentListSourcesOperator(task_id="t", to_path=f"{tmp_path}/f", retries=1, **given))
        assert run.state == "up_for_retry" and isinstance(run.error, SegmentOutputError)
        assert "No space left" in str(run.error)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["", "/", "folder/", "no://x/y", "a\0b"])
def test_a_path_that_is_none(
    run_task: RunTask, scripted_api: ScriptedAPI, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    run = run_task(SegmentListSourcesOperator(task_id="t", to_path=path, raise_on_error=False))
    assert isinstance(run.error, AirflowFailException), run.error
    assert scripted_api.requests == [] and list(tmp_path.iterdir()) == []


def test_a_process_that_is_killed_leaves_no_file_of_that_name(tmp_path: Path) -> None:
    file = WholeFile(str(tmp_path / "f"))
    file.__enter__()
    file.write(b"half")
    (left,) = [each.name for each in tmp_path.iterdir()]
    assert left.startswith(".f.") and left.endswith(".part")
    file.__exit__(KeyboardInterrupt, None, None)
    assert list(tmp_path.iterdir()) == []


def test_a_long_list_takes_little_memory(
    run_task: RunTask, scripted_api: ScriptedAPI, tmp_path: Path
) -> None:
    count = 100_000
    blocks: list[int] = []

    def page(request: Request) -> Any:
        blocks.append(sys.getallocatedblocks())
        start = int(request.query.get("pagination.cursor", 0))
        end = start + int(request.query["pagination.count"])
        items = [{"id": f"s{n}", "slug": f"of {n}"} for n in range(start, end)]
        return {"sources": items, "pagination": {"next": str(end) if end < count else None}}

    scripted_api.answers["GET /sources"] = page
    run = run_task(SegmentListSourcesOperator(task_id="t", to_path=str(tmp_path / "f")))
    assert run.xcom["count"] == count, run.error
    with (tmp_path / "f").open("rb") as lines:
        assert sum(1 for _ in lines) == count
    # All items would be 300,000: a dict and two texts each.
    assert max(blocks) - blocks[1] < 50_000, blocks


def test_every_list_has_them() -> None:
    lists: list[Any] = [getattr(operators, name) for name in dir(operators)]
    lists = [cls for cls in lists if "limit" in getattr(cls, "fields", {}) and "page_size" in cls.fields]
    assert len(lists) > 60
    for cls in lists:
        assert issubclass(cls, (SegmentPagedOperator, SegmentRequestOperator)), cls
        assert "to_path" in cls.template_fields and "response_filter" in cls.fields
        assert "response_filter" not in cls.template_fields  # Airflow would call it


def test_a_dag_with_a_filter_is_serialized() -> None:
    if AIRFLOW_3:
        from airflow.serialization.serialized_objects import DagSerialization as Serialization
    else:
        from airflow.serialization.serialized_objects import SerializedDAG as Serialization

    def parse() -> str:
        def own(result: Any) -> Any:
            return result

        with DAG("filters", schedule=None) as dag:
            SegmentListSourcesOperator(task_id="plain", response_filter=own, to_path="{{ ds }}")
        return json.dumps(Serialization.to_dict(dag))

    document = parse()
    task = Serialization.from_dict(json.loads(document)).get_task("plain")
    assert task.to_path == "{{ ds }}"
    assert parse() == document  # else Airflow would see a new version of the DAG at each parse


# Errors as results


@pytest.mark.parametrize("raise_on_error", [True, False])
@pytest.mark.parametrize(
    "task",
    [
        lambda **given: SegmentGetSourceOperator(source_id="none", **given),
        lambda **given: SegmentDeleteSourceOperator(source_id="none", **given),
        lambda **given: SegmentRequestOperator(path="/sources/none", **given),
        lambda **given: operators.SegmentListConnectedWarehousesFromSourceOperator(source_id="none", **given),
        lambda **given: SegmentGetProfileEventsOperator(**OF_PROFILE, **given),
    ],
    ids=["get", "delete", "request", "list", "profile"],
)
def test_an_error_can_be_the_result(
    run_task: RunTask, segment_sandbox: Sandbox, task: Any, raise_on_error: bool
) -> None:
    run = run_task(task(task_id="t", raise_on_error="{{ params.it }}", params={"it": raise_on_error}))
    if raise_on_error:
        assert run.state == "failed"
        return
    assert run.state == "success", run.error
    assert run.xcom["success"] is False and run.xcom["status"] == 404
    assert run.xcom["error_type"] == "SegmentNotFoundError"
    assert "404" in run.xcom["error"] and run.xcom["request_id"] in run.xcom["error"]
    assert run.asset_events == []


def test_an_error_as_a_result_shows_no_secret(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    secret = "the-api-key-of-a-customer"
    answer = (400, {"errors": [{"message": f"{secret} and {TOKEN} are none", "field": secret}]})
    scripted_api.answers |= {"POST /sources": answer, "GET /sources": pages("sources", [])}
    run = run_task(
        SegmentCreateSourceOperator(
            task_id="t", slug="s", metadata_id="m", settings={"apiKey": secret}, raise_on_error=False
        )
    )
    assert run.xcom["status"] == 400
    assert secret not in str(run.xcom) and TOKEN not in str(run.xcom)


def test_what_is_wrong_before_a_request_fails_all_the_same(
    run_task: RunTask, segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(task: Any) -> bool:
        run = run_task(task)
        return run.state == "failed" and isinstance(run.error, AirflowFailException)

    given: dict[str, Any] = {"task_id": "t", "raise_on_error": False, "retries": 1}
    assert fails(SegmentGetSourceOperator(source_id="", **given))
    assert fails(SegmentListSourcesOperator(page_size=0, **given))
    assert fails(SegmentRequestOperator(path="no path", **given))
    assert fails(SegmentGetSourceOperator(source_id="a", **{**given, "raise_on_error": "perhaps"}))
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps({"conn_type": "segment"}))
    assert fails(SegmentGetSourceOperator(source_id="a", **given))
    assert segment_sandbox.requests == []


def test_every_declared_operator_has_it() -> None:
    for name in dir(operators):
        cls: Any = getattr(operators, name)
        if issubclass(cls, SegmentOperator):
            assert "raise_on_error" in cls.template_fields, cls
