"""The inconsistencies of Segment's API, one test each."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_segment import operators
from tests.harness.scripted_api import Request, ScriptedAPI, going_round, pages
from tests.harness.task_runner import RunTask

HAS_STORE = version("apache-airflow") >= "3.3"


def test_two_lists_with_two_cursors(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    warehouses, sources = [{"id": str(n)} for n in range(5)], [{"id": str(n)} for n in range(3)]

    def consumers(request: Request) -> dict[str, Any]:
        return {
            **pages("warehouses", warehouses, "warehousesPagination")(request),
            **pages("sources", sources, "sourcesPagination")(request),
        }

    scripted_api.answers["GET /credentials/c/consumers"] = consumers
    run = run_task(
        operators.SegmentListCredentialConsumersOperator(task_id="t", credential_id="c", page_size=2)
    )
    assert run.xcom == {"warehouses": warehouses, "sources": sources}
    assert len(scripted_api.requests) == 3 + 2


@pytest.mark.parametrize("key", ["warehouses", "sources"])
def test_two_lists_of_which_one_would_never_end(
    run_task: RunTask, scripted_api: ScriptedAPI, key: str
) -> None:
    endless = going_round(key, ["A", "B", "A"], f"{key}Pagination")

    def consumers(request: Request) -> dict[str, Any]:
        data: dict[str, Any] = {"warehouses": [], "sources": []}
        data |= {f"{each}Pagination": {"current": "x"} for each in list(data)}
        return data | (endless(request) if f"{key}Pagination.count" in request.query else {})

    scripted_api.answers["GET /credentials/c/consumers"] = consumers
    run = run_task(operators.SegmentListCredentialConsumersOperator(task_id="t", credential_id="c"))
    assert run.state == "failed"
    assert "seen before" in str(run.error)


def test_count_and_cursor_by_themselves_that_would_never_end(
    run_task: RunTask, scripted_api: ScriptedAPI
) -> None:
    path = "/reverse-etl-models/m/subscriptionId/s/syncs"
    scripted_api.answers[f"GET {path}"] = going_round("syncStatuses", ["A", "B", "A"])
    run = run_task(
        operators.SegmentListReverseEtlSyncStatusesFromModelAndSubscriptionIdOperator(
            task_id="t", model_id="m", subscription_id="s"
        )
    )
    assert run.state == "failed"
    assert "seen before" in str(run.error)


def test_count_and_cursor_by_themselves(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    syncs = [{"syncId": str(n)} for n in range(250)]
    path = "/reverse-etl-models/m/subscriptionId/s/syncs"
    scripted_api.answers[f"GET {path}"] = pages("syncStatuses", syncs, "")
    operator = operators.SegmentListReverseEtlSyncStatusesFromModelAndSubscriptionIdOperator(
        task_id="t", model_id="m", subscription_id="s"
    )
    assert run_task(operator).xcom == syncs
    assert [request.query for request in scripted_api.requests] == [
        {"count": "100"},
        {"count": "100", "cursor": "100"},
        {"count": "100", "cursor": "200"},
    ]


def test_cursors_that_are_numbers(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    filters = [{"id": str(n)} for n in range(25)]

    def numbered(request: Request) -> dict[str, Any]:
        data = pages("filters", filters)(request)
        cursor = data["pagination"]["next"]
        return {**data, "pagination": {"current": 0, "next": cursor and int(cursor)}}

    scripted_api.answers["GET /filters"] = numbered
    run = run_task(operators.SegmentListFiltersForSpaceOperator(task_id="t", integration_id="i"))
    assert run.xcom == filters
    assert {request.query["pagination.count"] for request in scripted_api.requests} == {"10"}
    assert {request.query["integrationId"] for request in scripted_api.requests} == {"i"}


def test_list_that_is_null(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["GET /filters"] = {"filters": None, "pagination": None}
    run = run_task(operators.SegmentListFiltersForSpaceOperator(task_id="t", integration_id="i"))
    assert run.xcom == []


def test_audiences_come_in_small_pages(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["GET /spaces/p/audiences"] = pages("audiences", [{"id": "a"}])
    operator = operators.SegmentListAudiencesOperator(
        task_id="t", space_id="p", search={"type": "NAME", "query": "big"}, include="schedules"
    )
    assert run_task(operator).state == "success"
    assert scripted_api.last.query == {
        "pagination.count": "200",
        "search.type": "NAME",
        "search.query": "big",
        "include": "schedules",
    }


def test_pages_of_a_list_that_is_not_alone(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    """The totals beside the list are kept; arrays and objects in the query are written with dots."""
    dataset = [{"eventName": str(n)} for n in range(5)]
    scripted_api.answers["GET /delivery-overview/failed-delivery"] = lambda request: {
        "total": 9,
        **pages("dataset", dataset)(request),
    }
    operator = operators.SegmentGetEgressFailedMetricsFromDeliveryOverviewOperator(
        task_id="t",
        source_id="s",
        destination_config_id="d",
        start_time="a",
        end_time="b",
        granularity="DAY",
        group_by=["eventName", "eventType"],
        filter={"eventName": ["x", "y"], "discardReason": None},
        page_size=3,
    )
    run = run_task(operator)
    assert run.xcom == {"total": 9, "dataset": dataset}
    assert scripted_api.requests[0].query == {
        "sourceId": "s",
        "destinationConfigId": "d",
        "startTime": "a",
        "endTime": "b",
        "granularity": "DAY",
        "groupBy.0": "eventName",
        "groupBy.1": "eventType",
        "filter.eventName.0": "x",
        "filter.eventName.1": "y",
        "pagination.count": "3",
    }
    assert scripted_api.requests[0].headers["accept"] == "application/vnd.segment.v1beta+json"


def test_events_volume_without_events(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["GET /events/volume"] = {"path": "p", "query": {}, "result": []}
    operator = operators.SegmentGetEventsVolumeFromWorkspaceOperator(
        task_id="t", granularity="HOUR", start_time="a", end_time="b", source_id=["s"]
    )
    assert run_task(operator).xcom["result"] == []
    assert scripted_api.last.query["sourceId.0"] == "s"


def test_list_without_pages_is_not_asked_for_pages(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["GET /labels"] = {"labels": [{"key": "k", "value": "v"}]}
    assert run_task(operators.SegmentListLabelsOperator(task_id="t")).xcom == [{"key": "k", "value": "v"}]
    assert scripted_api.last.query == {}


def test_paged_list_whose_answer_names_no_cursor(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["GET /regulations/sources/s"] = {"regulations": [{"id": "r"}]}
    operator = operators.SegmentListRegulationsFromSourceOperator(
        task_id="t", source_id="s", regulation_types=["DELETE_ONLY"], status="RUNNING"
    )
    assert run_task(operator).xcom == [{"id": "r"}]
    assert scripted_api.last.query["regulationTypes.0"] == "DELETE_ONLY"


@pytest.mark.parametrize(
    ("operator", "arguments", "asked", "query"),
    [
        ("DeleteUsers", {"user_ids": ["a", "b"]}, "/users", {"userIds.0": "a", "userIds.1": "b"}),
        ("DeleteInvites", {"emails": ["a@b.c"]}, "/invites", {"emails.0": "a@b.c"}),
        (
            "RemoveUsersFromUserGroup",
            {"user_group_id": "g", "emails": ["a@b.c"]},
            "/group/g/users",
            {"emails.0": "a@b.c"},
        ),
        (
            "RemoveSourceFromTrackingPlan",
            {"tracking_plan_id": "p", "source_id": "s"},
            "/tracking-plans/p/sources",
            {"sourceId": "s"},
        ),
    ],
)
def test_delete_names_its_objects_in_the_query(
    run_task: RunTask,
    scripted_api: ScriptedAPI,
    operator: str,
    arguments: dict[str, Any],
    asked: str,
    query: dict[str, str],
) -> None:
    scripted_api.answers[f"DELETE {asked}"] = {"status": "SUCCESS"}
    run = run_task(getattr(operators, f"Segment{operator}Operator")(task_id="t", **arguments))
    assert run.xcom == "SUCCESS"
    assert scripted_api.last.query == query
    assert scripted_api.last.body is None


@pytest.mark.parametrize(
    ("operator", "arguments", "path"),
    [
        ("CreateFunctionDeployment", {"function_id": "sfn_1"}, "/functions/sfn_1/deploy"),
        ("ForceExecuteAudienceRun", {"space_id": "p", "audience_id": "a"}, "/spaces/p/audiences/a/runs"),
        (
            "AddConnectionFromSourceToWarehouse",
            {"warehouse_id": "w", "source_id": "s"},
            "/warehouses/w/connected-sources/s",
        ),
    ],
)
def test_write_without_a_body(
    run_task: RunTask, scripted_api: ScriptedAPI, operator: str, arguments: dict[str, Any], path: str
) -> None:
    scripted_api.answers[f"POST {path}"] = {
        "status": "CONNECTED",
        "run": {"id": "r"},
        "functionDeployment": {},
    }
    run = run_task(getattr(operators, f"Segment{operator}Operator")(task_id="t", **arguments))
    assert run.state == "success", run.error
    assert scripted_api.last.body is None
    assert "content-type" not in scripted_api.last.headers


def test_write_whose_body_is_empty(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["POST /reverse-etl-models/m/syncs/s/cancel"] = {
        "modelId": "m",
        "syncId": "s",
        "status": "CANCELLING",
    }
    operator = operators.SegmentCancelReverseEtlSyncForModelOperator(task_id="t", model_id="m", sync_id="s")
    assert run_task(operator).xcom == {"modelId": "m", "syncId": "s", "status": "CANCELLING"}
    assert scripted_api.last.body == {}
    assert scripted_api.last.headers["content-type"] == "application/vnd.segment.v1alpha+json"


def test_body_in_an_envelope(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["PATCH /destinations/d/subscriptions/s"] = {"subscription": {"id": "s"}}
    operator = operators.SegmentUpdateSubscriptionForDestinationOperator(
        task_id="t", destination_id="d", id="s", enabled=False, reverse_etl_model_id="m"
    )
    run = run_task(operator)
    assert run.xcom == {"id": "s"}
    assert scripted_api.last.body == {"input": {"enabled": False, "reverseETLModelId": "m"}}
    assert "(id s): PATCH /destinations/d/subscriptions/s with enabled, reverseETLModelId, " in run.log


def test_parameter_that_is_a_python_keyword(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["PATCH /transformations/t1"] = {"transformation": {"id": "t1"}}
    run_task(
        operators.SegmentUpdateTransformationOperator(task_id="t", transformation_id="t1", if_="event = 'x'")
    )
    assert scripted_api.last.body == {"if": "event = 'x'"}


@pytest.mark.parametrize("name", ["forwarding_violations_to", "forwarding_blocked_events_to"])
def test_setting_that_refuses_null(run_task: RunTask, scripted_api: ScriptedAPI, name: str) -> None:
    operator = operators.SegmentUpdateSchemaSettingsInSourceOperator(
        task_id="t", source_id="s", **{name: None}
    )
    assert f"{name}: Input should be a valid string" in str(run_task(operator).error)
    assert scripted_api.requests == []


def rules(count: int) -> list[dict[str, Any]]:
    return [
        {"type": "TRACK", "key": f"Event {n}", "version": 1, "jsonSchema": {"n": n}} for n in range(count)
    ]


@pytest.fixture
def plan(scripted_api: ScriptedAPI) -> ScriptedAPI:
    for method in ("PATCH", "DELETE"):
        scripted_api.answers[f"{method} /tracking-plans/p/rules"] = {"status": "SUCCESS"}
    return scripted_api


def sent(scripted_api: ScriptedAPI) -> list[tuple[str, int]]:
    return [(request.method, len(request.body["rules"])) for request in scripted_api.requests]


def test_rules_are_updated_200_at_a_time(run_task: RunTask, plan: ScriptedAPI) -> None:
    operator = operators.SegmentUpdateRulesInTrackingPlanOperator(
        task_id="t", tracking_plan_id="p", rules=rules(450)
    )
    assert run_task(operator).xcom == "SUCCESS"
    assert sent(plan) == [("PATCH", 200), ("PATCH", 200), ("PATCH", 50)]


def test_rules_are_removed_in_short_queries(run_task: RunTask, plan: ScriptedAPI) -> None:
    keys = [{"type": "TRACK", "key": f"Event {n}", "version": 1} for n in range(120)]
    operator = operators.SegmentRemoveRulesFromTrackingPlanOperator(
        task_id="t", tracking_plan_id="p", rules=keys
    )
    assert run_task(operator).xcom == "SUCCESS"
    assert [len(request.query) // 3 for request in plan.requests] == [50, 50, 20]
    assert plan.last.query["rules.19.key"] == "Event 119"
    assert plan.last.query["rules.19.version"] == "1"


@pytest.mark.skipif(not HAS_STORE, reason="before Airflow 3.3 nothing is kept from try to try")
def test_write_key_is_not_made_twice(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    keys = ["old_key_0001"]

    def make_and_lose(request: Request) -> tuple[int, Any]:
        keys.append("new_key_0002")
        return 0, None

    scripted_api.answers["GET /sources/s"] = lambda request: {
        "source": {"id": "s", "writeKeys": keys},
        "trackingPlanId": None,
    }
    scripted_api.answers["POST /sources/s/writekey"] = make_and_lose
    operator = operators.SegmentCreateWriteKeyForSourceOperator(task_id="t", source_id="s", retries=1)
    first = run_task(operator)
    assert first.state == "up_for_retry"
    second = run_task(operator, try_number=2, state_store=first.state_store)
    assert second.xcom["writeKeys"] == ["•••0001", "•••0002"]
    assert scripted_api.asked.count("POST /sources/s/writekey") == 1


@pytest.mark.core
@pytest.mark.parametrize("mapped", [False, True])
def test_write_key_to_remove_is_not_shown(run_task: RunTask, scripted_api: ScriptedAPI, mapped: bool) -> None:
    """Not in the rendered template, nor in an error."""
    arguments = {
        "task_id": "t",
        "source_id": "s",
        "write_key": "{{ params.half }}_5678",
        "params": {"half": "wk_1234"},
    }
    remove: Any
    with DAG("keys", schedule=None):
        if mapped:
            source_id = arguments.pop("source_id")
            remove = operators.SegmentRemoveWriteKeyFromSourceOperator.partial(**arguments).expand(
                source_id=[source_id]
            )
        else:
            remove = operators.SegmentRemoveWriteKeyFromSourceOperator(**arguments)
    run = run_task(remove, map_index=0 if mapped else -1)
    assert scripted_api.last.path == "/sources/s/writekey/wk_1234_5678"
    assert run.state == "failed"
    assert "wk_1234_5678" not in str(run.error)
    assert run.rendered["write_key"] == "***"


def test_functions_with_raw_newlines_in_their_code(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    """Segment's JSON is not always valid; the client reads it anyway, and so does the operator."""
    scripted_api.answers["GET /functions/f"] = {"function": {"id": "f", "code": "a\nb"}}
    assert run_task(operators.SegmentGetFunctionOperator(task_id="t", function_id="f")).xcom["code"] == "a\nb"


@pytest.mark.parametrize("part", ["key", "value"])
def test_label_in_the_path(run_task: RunTask, scripted_api: ScriptedAPI, part: str) -> None:
    scripted_api.answers["DELETE /labels/team%2Fa/b%20c"] = {"status": "SUCCESS"}
    run = run_task(operators.SegmentDeleteLabelOperator(task_id="t", key="team/a", value="b c"))
    assert run.xcom == "SUCCESS"
    run = run_task(
        operators.SegmentDeleteLabelOperator(task_id="t", **{"key": "k", "value": "v", part: ".."})
    )
    assert run.state == "failed"


@pytest.mark.core
def test_secrets_among_settings_are_not_shown(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    """Not even if Airflow does not recognise their names as secret; what is not secret stays readable."""
    settings = {
        "privateKey": "{{ params.pem }}",
        "nested": {"bearerToken": "tok_1234"},
        "database": "analytics",
    }
    operator = operators.SegmentCreateValidationInWarehouseOperator(
        task_id="t", metadata_id="m", settings=settings, params={"pem": "pem_1234"}
    )
    run = run_task(operator)
    assert scripted_api.last.body["settings"]["privateKey"] == "pem_1234"
    assert run.rendered["settings"] == {
        "privateKey": "***",
        "nested": {"bearerToken": "***"},
        "database": "analytics",
    }


@pytest.mark.parametrize(("kept", "state"), [("m2", "success"), ("m1", "failed"), (None, "failed")])
def test_model_of_a_subscription_that_does_not_change(
    run_task: RunTask, scripted_api: ScriptedAPI, kept: str | None, state: str
) -> None:
    answer = {"subscription": {"id": "s", "modelId": kept}}
    scripted_api.answers["PATCH /destinations/d/subscriptions/s"] = answer
    run = run_task(
        operators.SegmentUpdateSubscriptionForDestinationOperator(
            task_id="t", destination_id="d", id="s", reverse_etl_model_id="m2"
        )
    )
    assert run.state == state
    if state == "failed":
        assert f"its model is {kept!r}, asked for 'm2'" in str(run.error)


def test_value_that_an_update_does_not_change_is_told(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    shown = {"id": "d", "enabled": True, "settings": {"a": "old", "apiKey": "••••abcd", "b": "1"}}
    scripted_api.answers["PATCH /destinations/d"] = {"destination": shown}
    settings = {"a": "hush", "apiKey": "hush", "b": 1, "unknown": 2}
    run = run_task(
        operators.SegmentUpdateDestinationOperator(
            task_id="t", destination_id="d", enabled=True, settings=settings
        )
    )
    assert run.xcom == shown
    assert "Segment accepted the update, but shows another value of settings.a " in run.log
