"""The raw request, and the Profile API."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment import operators
from tests.harness.scripted_api import PROFILE_TOKEN, TOKEN, Request, ScriptedAPI, pages
from tests.harness.task_runner import RunTask

PROFILE = "/v1/spaces/p/collections/users/profiles/email%3Ajane%40example.com"


@pytest.mark.core
def test_request(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["POST /new/thing"] = {"thing": {"id": "x", "writeKeys": ["abcdefgh"]}}
    operator = operators.SegmentRequestOperator(
        task_id="t",
        method="POST",
        path="/new/{{ 'thing' }}",
        query={"deep": {"er": ["{{ ds }}"]}},
        json={"a": [None, "{{ ds }}"]},
        media_type="application/vnd.segment.v1alpha+json",
        response_filter=lambda data: data["thing"],
    )
    run = run_task(operator)
    assert run.state == "success", run.error
    assert run.xcom == {"id": "x", "writeKeys": ["•••efgh"]}
    assert scripted_api.last.query == {"deep.er.0": "2026-01-02"}
    assert scripted_api.last.body == {"a": [None, "2026-01-02"]}
    assert scripted_api.last.headers["accept"] == "application/vnd.segment.v1alpha+json"
    assert scripted_api.last.headers["authorization"] == f"Bearer {TOKEN}"


def test_request_without_a_body(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["GET /thing"] = {"thing": 1}
    assert run_task(operators.SegmentRequestOperator(task_id="t", path="/thing")).xcom == {"thing": 1}
    assert "content-type" not in scripted_api.last.headers


def test_request_of_all_pages(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["GET /things"] = pages("things", [{"n": n} for n in range(500)])
    operator = operators.SegmentRequestOperator(task_id="t", path="/things", paginate=True, limit=450)
    assert run_task(operator).xcom == [{"n": n} for n in range(450)]
    assert len(scripted_api.requests) == 3


@pytest.mark.parametrize("given", [{"method": "POST"}, {"api": "profile"}, {"json": {}}])
def test_requests_that_have_no_pages(
    run_task: RunTask, scripted_api: ScriptedAPI, given: dict[str, Any]
) -> None:
    run = run_task(operators.SegmentRequestOperator(task_id="t", path="/things", paginate=True, **given))
    assert "only lists of the Public API have pages" in str(run.error)
    assert scripted_api.requests == []


@pytest.mark.parametrize(
    "path", ["//evil.example/x", "https://evil.example/x", "@evil.example/x", ".evil.example", ""]
)
def test_request_cannot_leave_the_host(run_task: RunTask, scripted_api: ScriptedAPI, path: str) -> None:
    run = run_task(operators.SegmentRequestOperator(task_id="t", path=path))
    assert run.state == "failed"
    assert "a path must start with a single slash" in str(run.error)
    assert scripted_api.requests == []


def test_strange_path_stays_on_the_host(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    run_task(operators.SegmentRequestOperator(task_id="t", path="/@evil.example/x"))
    assert len(scripted_api.requests) == 1


@pytest.mark.parametrize("path", ["/\\evil.example/x", "/../x", "/x#y", "/x?y=1"])
def test_path_that_leads_elsewhere_is_not_asked(
    run_task: RunTask, scripted_api: ScriptedAPI, path: str
) -> None:
    assert run_task(operators.SegmentRequestOperator(task_id="t", path=path)).state == "failed"
    assert scripted_api.requests == []


def profile_pages(key: str, items: list[Any]) -> Any:
    def page(request: Request) -> tuple[int, Any]:
        start, limit = int(request.query.get("next", 0)), int(request.query["limit"])
        part: Any = items[start : start + limit]
        more = start + limit < len(items)
        cursor = {"has_more": more, "next": str(start + limit) if more else "", "limit": limit}
        return 200, {key: dict(part) if key == "traits" else part, "cursor": cursor}

    return page


@pytest.mark.core
def test_traits(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    traits = [(f"trait_{n}", n) for n in range(250)]
    scripted_api.answers[f"GET {PROFILE}/traits"] = profile_pages("traits", traits)
    operator = operators.SegmentGetProfileTraitsOperator(
        task_id="t",
        space_id="p",
        external_id="email:{{ params.who }}",
        params={"who": "jane@example.com"},
        include=["a", "b"],
        trait_class="audience",
    )
    run = run_task(operator)
    assert run.xcom == dict(traits)
    assert scripted_api.requests[0].query == {"include": "a,b", "class": "audience", "limit": "100"}
    assert [request.query.get("next") for request in scripted_api.requests] == [None, "100", "200"]
    assert (
        scripted_api.last.headers["authorization"]
        == f"Basic {b64encode(f'{PROFILE_TOKEN}:'.encode()).decode()}"
    )


@pytest.mark.parametrize("part", ["Events", "ExternalIds", "Links"])
@pytest.mark.parametrize("limit", [None, 0, 3, 7])
def test_lists_of_a_profile(
    run_task: RunTask, scripted_api: ScriptedAPI, part: str, limit: int | None
) -> None:
    items = [{"n": n} for n in range(7)]
    path = {"Events": "events", "ExternalIds": "external_ids", "Links": "links"}[part]
    scripted_api.answers[f"GET {PROFILE}/{path}"] = profile_pages("data", items)
    operator = getattr(operators, f"SegmentGetProfile{part}Operator")(
        task_id="t", space_id="p", external_id="email:jane@example.com", limit=limit, page_size=2
    )
    assert run_task(operator).xcom == (items if limit is None else items[:limit])


def test_limits_that_make_no_sense(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    run = run_task(
        operators.SegmentGetProfileEventsOperator(
            task_id="t", space_id="p", external_id="email:jane@example.com", page_size=0, retries=1
        )
    )
    assert run.state == "failed" and "page_size must be at least" in str(run.error)
    assert scripted_api.requests == []


@pytest.mark.parametrize(
    ("part", "path", "key"),
    [
        ("Traits", "traits", "traits"),
        ("Events", "events", "data"),
        ("ExternalIds", "external_ids", "data"),
        ("Links", "links", "data"),
    ],
)
def test_pages_of_a_profile_that_would_never_end(
    run_task: RunTask, scripted_api: ScriptedAPI, part: str, path: str, key: str
) -> None:
    cursors = iter(["A", "B", "A"])

    def page(_: Request) -> tuple[int, Any]:
        cursor = next(cursors, None)
        items: Any = {"a": 1} if key == "traits" else [{"a": 1}]
        return 200, {key: items, "cursor": {"has_more": cursor is not None, "next": cursor or ""}}

    scripted_api.answers[f"GET {PROFILE}/{path}"] = page
    operator = getattr(operators, f"SegmentGetProfile{part}Operator")(
        task_id="t", space_id="p", external_id="email:jane@example.com"
    )
    run = run_task(operator)
    assert run.state == "failed"
    assert "seen before" in str(run.error)


def test_metadata_of_an_account(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["GET /v1/spaces/p/collections/accounts/profiles/group_id%3A1/metadata"] = (
        200,
        {"metadata": {"a": 1}},
    )
    operator = operators.SegmentGetProfileMetadataOperator(
        task_id="t", space_id="p", external_id="group_id:1", collection="accounts"
    )
    assert run_task(operator).xcom == {"a": 1}


def test_unknown_profile(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    operator = operators.SegmentGetProfileTraitsOperator(task_id="t", space_id="p", external_id="user_id:1")
    run = run_task(operator)
    assert run.state == "failed"
    assert "404" in str(run.error)


@pytest.mark.parametrize(
    "task",
    [
        lambda: operators.SegmentRequestOperator(task_id="t", path="/a b"),
        lambda: operators.SegmentUpdateSourceOperator(task_id="t", source_id="x" * 70_000, name="n"),
        lambda: operators.SegmentUpdateSourceOperator(task_id="t", source_id="s", settings={"a": {1, 2}}),
        lambda: operators.SegmentUpdateSourceOperator(
            task_id="t", source_id="s", settings='{"a":' * 1_000 + "1" + "}" * 1_000
        ),
    ],
    ids=range(4),
)
def test_what_is_wrong_before_a_request_fails_without_a_retry(
    run_task: RunTask, scripted_api: ScriptedAPI, task: Any
) -> None:
    run = run_task(task())
    assert run.state == "failed" and isinstance(run.error, AirflowFailException), run.error
    assert scripted_api.requests == []
