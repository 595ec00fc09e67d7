"""The toolset in the hands of pydantic-ai's agent, with a scripted model, against the sandbox."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

pytest.importorskip("airflow.providers.common.ai", reason="the extra common-ai is not installed")

from pydantic_ai import Agent, DeferredToolRequests
from pydantic_ai.exceptions import UnexpectedModelBehavior

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentServerError
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.operators import (
    SegmentCreateDestinationOperator,
    SegmentCreateLabelOperator,
    SegmentDeleteSourceOperator,
    SegmentGetCredentialOperator,
    SegmentListCredentialsOperator,
    SegmentListFunctionsOperator,
    SegmentUpdateSourceOperator,
)
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.toolsets import SegmentToolset, writes
from airflow_provider_segment.toolsets.answers import LONGEST, bounded, guarded
from tests.harness.sandbox_api import AMPLITUDE, POSTGRES_WAREHOUSE, create, send
from tests.harness.task_runner import RunTask
from tests.toolsets.scripts import RETRIES, Call, Conversation, ScriptedAgent, call, model_of, told

pytestmark = pytest.mark.usefixtures("masks_of_this_test")

KEY = "amplitude-key-0123456789"


def today(sandbox: Sandbox) -> dict[str, str]:
    """The arguments for a window around now."""
    now = datetime.now(timezone.utc)
    start, end = now - timedelta(hours=2), now + timedelta(hours=1)
    return {"start_time": start.isoformat(), "end_time": end.isoformat(), "granularity": "HOUR"}


def test_a_search_says_which_tool_runs_what(segment_sandbox: Sandbox) -> None:
    toolset = SegmentToolset(allow=(SegmentUpdateSourceOperator,))
    found = call(toolset, "segment_search", words="switch a source off", limit=10)
    assert len(found) == 10
    facts = {each["operation"]: each for each in found}
    assert found[0]["tool"] == "segment_update_source"
    assert found[0]["arguments"]["source_id"].startswith("str (required). Id of the source.")
    assert facts["get_source"]["tool"] == "segment_get"
    assert facts["delete_source"]["tool"] is None
    assert facts["delete_source"]["why"] == (
        "it changes the workspace, and the author of this DAG has not allowed it"
    )


def test_a_search_names_what_is_a_task_of_its_own(segment_sandbox: Sandbox) -> None:
    found = call(SegmentToolset(), "segment_search", words="SegmentRunReverseEtlSyncOperator")
    assert found[0]["operation"] == "SegmentRunReverseEtlSyncOperator"
    assert (found[0]["tool"], found[0]["why"]) == (
        None,
        "it is more than one request: a DAG runs it, as a task",
    )


def test_one_thing_by_its_id_and_by_its_name(segment_sandbox: Sandbox) -> None:
    for id in (segment_sandbox.source_id, "ref:source:sandbox"):
        answer = call(SegmentToolset(), "segment_get", operation="get_source", source_id=id)
        assert answer["source"]["slug"] == "sandbox"
    assert call(SegmentToolset(), "segment_get", operation="get_workspace")["slug"] == "sandbox"


def test_a_list_has_fifty_items_or_as_many_as_are_asked_for(segment_sandbox: Sandbox) -> None:
    for number in range(60):
        create("/labels", label={"key": "team", "value": f"t{number}"})
        create("/sources", slug=f"shop-{number}", metadataId="iUM16Md8P2", enabled=True)
    toolset = SegmentToolset()

    def count(**arguments: Any) -> tuple[int, bool]:
        answer = call(toolset, "segment_list", **arguments)
        return len(answer["items"]), answer["more"]

    assert count(operation="list_sources") == (50, True)
    assert count(operation="list_sources", limit=61) == (61, False)
    assert count(operation="list_sources", limit=60) == (60, True)
    assert count(operation="list_sources", limit=100_000) == (61, False)
    assert count(operation="list_labels", limit=10) == (10, True)  # one request returns all of them


def test_a_long_list_is_read_to_its_end(segment_sandbox: Sandbox) -> None:
    for number in range(200):
        create("/sources", slug=f"shop-{number}", metadataId="iUM16Md8P2", enabled=True)
    toolset = SegmentToolset()
    read: list[Any] = []
    more = True
    while more:
        answer = call(toolset, "segment_list", operation="list_sources", limit=200, offset=len(read))
        assert len(json.dumps(answer)) <= LONGEST
        assert all(isinstance(item, dict) for item in answer["items"]), "none was left out in silence"
        read += answer["items"]
        more = answer["more"]
    assert len({source["slug"] for source in read}) == len(read) == 201
    beyond = call(toolset, "segment_list", operation="list_sources", offset=500)
    assert beyond == {"items": [], "more": False}


@pytest.mark.parametrize("operation", ["list_users", "list_invites", "list_audit_events"])
def test_who_works_there_is_not_told(segment_sandbox: Sandbox, operation: str) -> None:
    talk = Conversation(SegmentToolset(), ("segment_list", {"operation": operation}))
    assert f"{operation} is not offered: it returns data about people" in talk.answers[0]


def test_an_error_is_not_longer_than_an_answer(segment_sandbox: Sandbox) -> None:
    long: list[dict[str, Any]] = [
        {"operation": "x" * 60_000},
        {"operation": "get_source", "source_id": "ref:source:" + "y" * 60_000},
    ]
    for arguments in long:
        talk = Conversation(SegmentToolset(), ("segment_get", arguments))
        assert len(talk.answers[0]) < 10_000


def test_a_tool_is_not_replaced() -> None:
    class SegmentSearchOperator(SegmentUpdateSourceOperator):
        """Another search."""

    with pytest.raises(ValueError, match="there is a tool segment_search already"):
        SegmentToolset(allow=(SegmentSearchOperator,))


def test_events_are_counted_when_they_arrive_and_where_they_end(segment_sandbox: Sandbox) -> None:
    send(segment_sandbox, {"event": "Order Completed"}, {"event": "Order Completed"})
    toolset, window = SegmentToolset(), today(segment_sandbox)
    volume = call(toolset, "segment_volume", **window, source_id=["ref:source:sandbox"])
    assert sum(each["total"] for each in volume["result"]) == 2
    stages = call(toolset, "segment_delivery", **window, source_id="ref:source:sandbox")
    assert {stage: counts["total"] for stage, counts in stages.items()} == {
        "received": 2,
        "failed_on_ingest": 0,
        "filtered_at_source": 0,
    }


def test_events_are_counted_at_a_destination(segment_sandbox: Sandbox, destination: str) -> None:
    stages = call(
        SegmentToolset(),
        "segment_delivery",
        **today(segment_sandbox),
        source_id=segment_sandbox.source_id,
        destination_id=destination,
    )
    assert [*stages][3:] == ["filtered_at_destination", "delivered", "failed_delivery"]


def test_a_named_write_is_made(segment_sandbox: Sandbox) -> None:
    toolset = SegmentToolset(allow=(SegmentUpdateSourceOperator, SegmentCreateLabelOperator))
    answer = call(toolset, "segment_update_source", source_id="ref:source:sandbox", enabled=False)
    assert answer["enabled"] is False
    found = SegmentHook().request("GET", f"/sources/{segment_sandbox.source_id}").data
    assert found["source"]["enabled"] is False
    call(toolset, "segment_create_label", key="team", value="shop")
    [label] = SegmentHook().request("GET", "/labels").data["labels"]
    assert label["value"] == "shop"


@pytest.mark.parametrize("how", [{}, {"if_exists": "update"}])
def test_a_named_creation_changes_nothing_that_is_there(segment_sandbox: Sandbox, how: Any) -> None:
    toolset = SegmentToolset(allow=(SegmentCreateDestinationOperator,))
    given = {"source_id": segment_sandbox.source_id, "metadata_id": AMPLITUDE, "settings": {}, "name": "A"}
    made = call(toolset, "segment_create_destination", **given, enabled=True)
    refused = str(call(toolset, "segment_create_destination", **given, enabled=False, **how))
    assert ("if_exists" if how else f"exists already (id {made['id']})") in refused
    found = SegmentHook().request("GET", f"/destinations/{made['id']}").data
    assert found["destination"]["enabled"] is True


@pytest.mark.parametrize("operator", [SegmentDeleteSourceOperator, None])
def test_a_deletion_is_made_only_if_it_is_named(segment_sandbox: Sandbox, operator: Any) -> None:
    toolset = SegmentToolset(allow=(operator,) if operator else ())
    call(toolset, "segment_delete_source", source_id=segment_sandbox.source_id)
    left = SegmentHook().request("GET", "/sources").data["sources"]
    assert len(left) == (0 if operator else 1)


def test_no_secret_reaches_the_model(segment_sandbox: Sandbox) -> None:
    """Not even with all that returns secrets named."""
    database = {
        "host": "db.example.com",
        "port": 5432,
        "username": "segment",
        "password": "db-password-1",
        "extraOptions": "sslrootcert=/etc/never-shown.pem",
    }
    source = create("/sources", slug="other", metadataId="iUM16Md8P2", enabled=True)
    create("/warehouses", metadataId=POSTGRES_WAREHOUSE, settings=database)
    create("/functions", code="const s = 1", displayName="F", resourceType="DESTINATION")
    credential = create("/credentials", name="C", settings={"type": "Snowflake", "token": "snow-token-12345"})
    keys = SegmentHook().request("GET", f"/sources/{source}").data["source"]["writeKeys"]
    assert keys
    toolset = SegmentToolset(
        allow=(
            SegmentCreateDestinationOperator,
            SegmentGetCredentialOperator,
            SegmentListCredentialsOperator,
            SegmentListFunctionsOperator,
        )
    )
    reads: list[Call] = [
        ("segment_list", {"operation": name})
        for name in ("list_sources", "list_destinations", "list_warehouses", "list_credentials")
    ]
    talk = Conversation(
        toolset,
        *reads,
        ("segment_get", {"operation": "get_source", "source_id": source}),
        ("segment_get", {"operation": "get_credential", "credential_id": credential}),
        ("segment_list", {"operation": "list_functions", "resource_type": "DESTINATION"}),
        ("segment_get", {"operation": "get_source", "source_id": "no-such-source"}),
    )
    assert "db.example.com" in talk.transcript  # they are the true answers
    secrets = [segment_sandbox.token, segment_sandbox.write_key, "db-password-1", "never-shown", "snow-token"]
    assert [secret for secret in (*secrets, *keys) if secret in talk.transcript] == []
    assert [key for key in keys if key[-4:] in json.dumps(talk.answers[0])] == []


def test_a_secret_that_the_model_sends_does_not_come_back(segment_sandbox: Sandbox) -> None:
    toolset = SegmentToolset(allow=(SegmentCreateDestinationOperator,))
    given = {"source_id": "ref:source:sandbox", "metadata_id": AMPLITUDE, "settings": {"apiKey": KEY}}
    talk = Conversation(toolset, ("segment_create_destination", given))
    [made] = talk.answers
    assert made["sourceId"] == segment_sandbox.source_id
    assert KEY not in json.dumps(made)


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("segment_get", {"operation": "get_sorce"}, "near are get_source, "),
        (
            "segment_get",
            {"operation": "GetSource", "source_id": "s"},
            "write get_source instead of GetSource",
        ),
        ("segment_get", {"operation": "list_sources"}, "list_sources belongs to the tool segment_list"),
        ("segment_list", {"operation": "get_events_volume_from_workspace"}, "to the tool segment_volume"),
        ("segment_get", {"operation": "update_source"}, "belongs to the tool segment_update_source"),
        (
            "segment_get",
            {"operation": "delete_source"},
            "it changes the workspace, and the author of this DAG",
        ),
        ("segment_get", {"operation": "get_credential"}, "is not offered: it is about credentials, and"),
        ("segment_get", {"operation": "get_source"}, "get_source: source_id: Field required"),
        ("segment_get", {"operation": "get_source", "space_id": "s"}, "has no argument 'space_id'; it takes"),
        ("segment_get", {"source_id": "s"}, "operation"),
        ("segment_get", {"operation": "get_source", "source_id": "ref:source:shop"}, "There is 'sandbox'"),
        ("segment_get", {"operation": "get_source", "source_id": "ref:space:s"}, "takes ref('source', ...)"),
        ("segment_update_source", {"source_id": "s", "fuel": 1}, "fuel"),
        ("segment_update_source", {"source_id": "s", "enabled": {}}, "enabled"),
        ("segment_volume", {"granularity": "YEAR", "start_time": "a", "end_time": "b"}, "'DAY', 'HOUR' or"),
        ("segment_search", {}, "words"),
    ],
)
def test_what_the_model_can_correct_goes_back_to_it(
    segment_sandbox: Sandbox, tool: str, arguments: dict[str, Any], said: str
) -> None:
    toolset = SegmentToolset(allow=(SegmentUpdateSourceOperator,))
    assert said in str(call(toolset, tool, **arguments))
    with pytest.raises(UnexpectedModelBehavior, match="retries"):
        Conversation(toolset, *[(tool, arguments)] * (RETRIES + 5))


def test_a_person_is_asked_about_valid_writes_only(segment_sandbox: Sandbox) -> None:
    calls: list[Call] = [
        ("segment_get", {"operation": "get_workspace"}),
        ("segment_update_source", {"source_id": "ref:space:shop", "enabled": False}),
        ("segment_update_source", {"source_id": "ref:source:sandbox", "enabled": False}),
    ]
    toolset = SegmentToolset(allow=(SegmentUpdateSourceOperator,)).approval_required(writes)
    agent = Agent(
        model_of(lambda told: calls[len(told)]), toolsets=[toolset], output_type=[str, DeferredToolRequests]
    )
    result = agent.run_sync("go")
    [asked] = result.output.approvals
    assert asked.args_as_dict() == calls[2][1]
    [workspace, wrong] = told(result.all_messages())
    assert workspace["slug"] == "sandbox"
    assert "takes ref('source', ...)" in str(wrong)
    assert SegmentHook().request("GET", "/sources").data["sources"][0]["enabled"]


def test_a_refusal_goes_back_with_advice_and_is_not_counted(segment_sandbox: Sandbox) -> None:
    refused: Call = ("segment_get", {"operation": "get_source", "source_id": "no-such-source"})
    talk = Conversation(SegmentToolset(), *[refused] * (RETRIES + 5))
    assert "404" in talk.answers[0] and "Check the id" in talk.answers[0]


def test_a_token_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_EMPTY", json.dumps({"conn_type": "segment"}))
    calls: list[Call] = [("segment_list", {"operation": "list_sources"})] * (RETRIES + 5)
    told = Conversation(SegmentToolset("segment_empty"), *calls).answers
    assert "lacks a Public API token (its password)" in told[-1]


def test_a_write_whose_outcome_is_unknown_is_told_as_such(segment_sandbox: Sandbox) -> None:
    segment_sandbox.faults.add(
        "status", api="public", path="/labels", contains="team", status=500, when="after"
    )
    toolset = SegmentToolset(allow=(SegmentCreateLabelOperator,))
    told = call(toolset, "segment_create_label", key="team", value="shop")
    assert "may have been carried out: look before you try again" in told
    assert len(SegmentHook().request("GET", "/labels").data["labels"]) == 1


def test_the_run_fails_where_segment_does_not_answer_a_read(
    segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {**segment_sandbox.connection}
    connection["extra"] = {**connection["extra"], "retries": 0}
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_IMPATIENT", json.dumps(connection))
    segment_sandbox.faults.add("status", api="public", status=503)
    with pytest.raises(SegmentServerError):
        call(SegmentToolset("segment_impatient"), "segment_list", operation="list_sources")


def test_the_run_fails_where_the_connection_is_invalid(
    segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {**segment_sandbox.connection, "extra": {"region": "mars"}}
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_MARS", json.dumps(connection))
    with pytest.raises(SegmentConfigurationError, match="region"):
        call(SegmentToolset("segment_mars"), "segment_list", operation="list_sources")


def test_a_template_of_the_models_is_text(segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SECRET", "of-airflow")
    toolset = SegmentToolset(allow=(SegmentUpdateSourceOperator,))
    given = {"source_id": segment_sandbox.source_id, "name": "{{ var.value.secret }}"}
    assert call(toolset, "segment_update_source", **given)["name"] == "{{ var.value.secret }}"


def test_all_that_is_inside_of_a_secret_is_hidden() -> None:
    settings = {"secretKey": {"value": "hunter", "more": [{"name": "x"}]}, "region": {"value": "frankfurt"}}
    assert guarded({"settings": settings}) == {
        "settings": {
            "secretKey": {"value": "***", "more": [{"name": "***"}]},
            "region": {"value": "frankfurt"},
        }
    }


@pytest.mark.parametrize(
    "answer",
    [
        "x" * 50_000,
        [{"id": number, "text": "y" * 300} for number in range(1_000)],
        {str(number): "z" * 100 for number in range(5_000)},
        {"deep": [{"list": [list(range(500)) for _ in range(100)]}]},
    ],
)
def test_long_answers_are_cut_and_say_so(answer: Any) -> None:
    text = json.dumps(bounded(answer), ensure_ascii=False)
    assert len(text) <= LONGEST + 2_000  # a note, and the quotes of JSON in JSON
    assert " more" in text


def test_short_answers_are_whole() -> None:
    answer = {"items": [{"id": number} for number in range(200)], "text": "x" * 2_000}
    assert bounded(answer) == answer


class Reads(ScriptedAgent):
    """Gets the workspace."""

    @staticmethod
    def script(told: Sequence[Any]) -> Call | str:
        return str(told[0]["slug"]) if told else ("segment_get", {"operation": "get_workspace"})


def test_a_task_with_a_template_for_its_connection(
    run_task: RunTask, segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_EU", json.dumps(segment_sandbox.connection))
    monkeypatch.delenv("AIRFLOW_CONN_SEGMENT_DEFAULT")
    toolset = SegmentToolset("segment_{{ params.region }}")
    agent = Reads(
        task_id="agent",
        prompt="Which workspace?",
        llm_conn_id="none",
        toolsets=[toolset],
        params={"region": "eu"},
    )
    run = run_task(agent)
    assert (run.state, run.xcom) == ("success", "sandbox"), run.error
    assert toolset.segment_conn_id == "segment_{{ params.region }}"
