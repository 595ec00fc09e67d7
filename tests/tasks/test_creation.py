"""Creating without doubling: natural keys, and retries after a lost answer."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import httpx
import pytest

from airflow_provider_segment import operators
from airflow_provider_segment.tasks.creation import SENT
from airflow_provider_segment.tasks.memory import KEY
from tests.harness.scripted_api import Request, ScriptedAPI, pages
from tests.harness.task_runner import RunTask, TaskRun

HAS_STORE = version("apache-airflow") >= "3.3"
LOST = (0, None)


@pytest.fixture
def create(run_task: RunTask, scripted_api: ScriptedAPI) -> Callable[..., TaskRun]:
    """Create the source `shop`, where the workspace has the sources `scripted_api.answers` was given."""

    def create(if_exists: str = "fail", **which_try: Any) -> TaskRun:
        operator = operators.SegmentCreateSourceOperator(
            task_id="t", slug="shop", metadata_id="m", settings={"a": 1}, if_exists=if_exists, retries=2
        )
        return run_task(operator, **which_try)

    scripted_api.answers["GET /sources"] = pages("sources", [{"id": "s0", "slug": "other", "writeKeys": []}])
    scripted_api.answers["POST /sources"] = lambda request: (
        201,
        {"data": {"source": {"id": "s1", **request.body}}},
    )
    scripted_api.answers["PATCH /sources/s7"] = lambda request: {"source": {"id": "s7", **request.body}}
    return create


def there_is_one(scripted_api: ScriptedAPI) -> None:
    sources = [{"id": f"s{number}", "slug": f"n{number}", "writeKeys": []} for number in range(1500)]
    sources[1200] = {"id": "s7", "slug": "shop", "metadata": {"id": "m"}, "enabled": False, "writeKeys": []}
    scripted_api.answers["GET /sources"] = pages("sources", sources)


@pytest.mark.core
@pytest.mark.parametrize("if_exists", ["fail", "skip", "update"])
def test_new(create: Callable[..., TaskRun], scripted_api: ScriptedAPI, if_exists: str) -> None:
    run = create(if_exists)
    assert run.state == "success", run.error
    assert run.xcom["id"] == "s1"
    assert scripted_api.asked == ["GET /sources", "POST /sources"]
    assert scripted_api.last.body == {
        "slug": "shop",
        "enabled": True,
        "metadataId": "m",
        "settings": {"a": 1},
        "disconnectAllWarehouses": True,
    }


@pytest.mark.core
def test_existing_fails_without_a_retry(create: Callable[..., TaskRun], scripted_api: ScriptedAPI) -> None:
    there_is_one(scripted_api)
    run = create("fail")
    assert run.state == "failed"
    assert "same slug exists already (id s7)" in str(run.error)
    assert scripted_api.asked == ["GET /sources", "GET /sources"]


@pytest.mark.core
def test_existing_is_adopted(create: Callable[..., TaskRun], scripted_api: ScriptedAPI) -> None:
    there_is_one(scripted_api)
    run = create("skip")
    assert run.xcom["id"] == run.xcoms["id"] == "s7"
    assert "POST /sources" not in scripted_api.asked


@pytest.mark.core
def test_existing_is_updated(create: Callable[..., TaskRun], scripted_api: ScriptedAPI) -> None:
    there_is_one(scripted_api)
    run = create("update")
    assert run.xcom["id"] == "s7"
    assert scripted_api.asked[-1] == "PATCH /sources/s7"
    assert scripted_api.last.body == {"enabled": True, "settings": {"a": 1}}


@pytest.mark.core
def test_retry_adopts_what_its_lost_first_try_created(
    create: Callable[..., TaskRun], scripted_api: ScriptedAPI
) -> None:
    def lose(request: Request) -> tuple[int, Any]:
        there_is_one(scripted_api)
        return LOST

    scripted_api.answers["POST /sources"] = lose
    first = create()
    assert first.state == "up_for_retry"
    second = create(try_number=2, state_store=first.state_store)
    assert second.state == "success", second.error
    assert second.xcom["id"] == "s7"
    assert scripted_api.asked.count("POST /sources") == 1


@pytest.mark.skipif(not HAS_STORE, reason="before Airflow 3.3 nothing is kept from try to try")
def test_retry_does_not_adopt_what_was_there_before(
    create: Callable[..., TaskRun], scripted_api: ScriptedAPI
) -> None:
    scripted_api.answers["GET /sources"] = (500, {})
    first = create()
    assert first.state == "up_for_retry"
    there_is_one(scripted_api)
    second = create(try_number=2, state_store=first.state_store)
    assert second.state == "failed"


@pytest.mark.skipif(not HAS_STORE, reason="before Airflow 3.3 nothing is kept from try to try")
@pytest.mark.parametrize(
    ("answer", "kept"), [((422, {"errors": []}), {}), ((500, {"errors": []}), {SENT: True})]
)
def test_refused_create_is_not_ours(
    create: Callable[..., TaskRun], scripted_api: ScriptedAPI, answer: Any, kept: dict[str, Any]
) -> None:
    scripted_api.answers["POST /sources"] = answer
    assert create().state_store[KEY]["notes"] == kept


@pytest.mark.skipif(not HAS_STORE, reason="before Airflow 3.3 nothing is kept from try to try")
def test_create_that_never_reached_segment_is_not_ours(
    create: Callable[..., TaskRun], scripted_api: ScriptedAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected = httpx.HTTPTransport.handle_request

    def refuse(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            raise httpx.ConnectError("refused")
        return connected(transport, request)

    with monkeypatch.context() as network:
        network.setattr(httpx.HTTPTransport, "handle_request", refuse)
        first = create()
    assert first.state == "up_for_retry"
    assert first.state_store[KEY]["notes"] == {}
    there_is_one(scripted_api)
    second = create(try_number=2, state_store=first.state_store)
    assert "exists already (id s7)" in str(second.error)


FOUND = {"id": "x7", "enabled": True}
WAREHOUSE = {**FOUND, "metadata": {"id": "m"}, "settings": {"name": "DWH"}}

# operator, arguments, the list, its key, what is there, what is not the same
NATURAL_KEYS: list[tuple[str, dict[str, Any], str, str, dict[str, Any], dict[str, Any]]] = [
    (
        "Warehouse",
        {"metadata_id": "m", "name": "DWH", "settings": {}},
        "/warehouses",
        "warehouses",
        WAREHOUSE,
        {"metadata": {"id": "other"}},
    ),
    (
        "Warehouse",
        {"metadata_id": "m", "settings": {"name": "DWH"}},
        "/warehouses",
        "warehouses",
        WAREHOUSE,
        {"settings": {"name": "DWH 2"}},
    ),
    (
        "Destination",
        {"source_id": "s", "metadata_id": "m", "name": "A", "settings": {}},
        "/sources/s/connected-destinations",
        "destinations",
        {**FOUND, "metadata": {"id": "m"}, "name": "A"},
        {"name": "B"},
    ),
    (
        "Destination",
        {"source_id": "s", "metadata_id": "m", "settings": {}},
        "/sources/s/connected-destinations",
        "destinations",
        {**FOUND, "metadata": {"id": "m"}, "name": "A"},
        {"metadata": {"id": "n"}},
    ),
    (
        "DestinationSubscription",
        {"destination_id": "d", "name": "A", "action_id": "a", "trigger": "t", "enabled": True},
        "/destinations/d/subscriptions",
        "subscriptions",
        {**FOUND, "name": "A"},
        {"name": "B"},
    ),
    (
        "FilterForDestination",
        {
            "destination_id": "d",
            "source_id": "s",
            "title": "A",
            "if_": "t",
            "actions": [{"type": "DROP"}],
            "enabled": True,
        },
        "/destination/d/filters",
        "filters",
        {**FOUND, "sourceId": "s", "title": "A"},
        {"title": "B"},
    ),
    (
        "FilterForSpace",
        {"integration_id": "i", "name": "A", "if_": "t"},
        "/filters",
        "filters",
        {**FOUND, "name": "A"},
        {"name": "B"},
    ),
    (
        "Function",
        {"code": "c", "display_name": "A", "resource_type": "SOURCE"},
        "/functions",
        "functions",
        {**FOUND, "resourceType": "SOURCE", "displayName": "A"},
        {"displayName": "A2"},
    ),
    (
        "Function",
        {"code": "c", "display_name": "A", "resource_type": "DESTINATION"},
        "/functions",
        "functions",
        {**FOUND, "resourceType": "DESTINATION", "displayName": "A (Acme)"},
        {"displayName": "A (Other)"},
    ),
    (
        "InsertFunctionInstance",
        {"function_id": "f", "integration_id": "i", "name": "A", "settings": {}},
        "/insert-function-instances",
        "instances",
        {**FOUND, "integrationId": "i", "name": "A"},
        {"integrationId": "j"},
    ),
    ("UserGroup", {"name": "A"}, "/groups", "userGroups", {**FOUND, "name": "A"}, {"name": "B"}),
    ("Label", {"key": "k", "value": "v"}, "/labels", "labels", {"key": "k", "value": "v"}, {"value": "w"}),
    (
        "Credential",
        {"name": "A", "settings": {}},
        "/credentials",
        "credentials",
        {**FOUND, "name": "A"},
        {"name": "B"},
    ),
    (
        "Audience",
        {"space_id": "p", "name": "A", "definition": {"query": "q"}, "audience_type": "USERS"},
        "/spaces/p/audiences",
        "audiences",
        {**FOUND, "name": "A"},
        {"name": "B"},
    ),
    (
        "ComputedTrait",
        {"space_id": "p", "name": "A", "definition": {"query": "q", "type": "USERS"}},
        "/spaces/p/computed-traits",
        "computedTraits",
        {**FOUND, "name": "A"},
        {"name": "B"},
    ),
    (
        "ReverseEtlModel",
        {
            "source_id": "s",
            "name": "A",
            "description": "",
            "enabled": True,
            "query": "q",
            "query_identifier_column": "c",
        },
        "/reverse-etl-models",
        "models",
        {**FOUND, "sourceId": "s", "name": "A"},
        {"sourceId": "t"},
    ),
    (
        "ProfilesWarehouse",
        {"space_id": "p", "metadata_id": "m", "name": "DWH", "settings": {}},
        "/spaces/p/profiles-warehouses",
        "profilesWarehouses",
        {**WAREHOUSE, "schemaName": "s"},
        {"metadata": {"id": "n"}},
    ),
    (
        "TrackingPlan",
        {"name": "A", "type": "LIVE"},
        "/tracking-plans",
        "trackingPlans",
        {**FOUND, "name": "A", "type": "LIVE"},
        {"type": "TEMPLATE"},
    ),
    (
        "Transformation",
        {"source_id": "s", "name": "A", "enabled": True, "if_": "t"},
        "/transformations",
        "transformations",
        {**FOUND, "sourceId": "s", "name": "A"},
        {"name": "B"},
    ),
]


@pytest.mark.parametrize("case", NATURAL_KEYS, ids=lambda case: case[0])
def test_natural_key(run_task: RunTask, scripted_api: ScriptedAPI, case: Any) -> None:
    """What is the same is adopted; what differs in the key is not."""
    name, arguments, path, key, there, other = case
    operator = getattr(operators, f"SegmentCreate{name}Operator")
    scripted_api.answers["GET /"] = {"workspace": {"id": "w", "name": "Acme"}}

    scripted_api.answers[f"GET {path}"] = {key: [{**there, **other}, there]}
    run = run_task(operator(task_id="t", if_exists="skip", **arguments))
    assert run.xcom == there
    assert "POST" not in {request.method for request in scripted_api.requests}

    scripted_api.answers[f"GET {path}"] = {key: [{**there, **other}]}
    run = run_task(operator(task_id="t", if_exists="skip", **arguments))
    assert scripted_api.last.method == "POST"


def test_label_cannot_be_updated(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    run = run_task(operators.SegmentCreateLabelOperator(task_id="t", key="k", value="v", if_exists="update"))
    assert "if_exists: Input should be 'fail' or 'skip'" in str(run.error)
    assert scripted_api.requests == []


def test_label_with_another_description_is_told(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["GET /labels"] = {"labels": [{"key": "k", "value": "v", "description": "old"}]}
    label = {"key": "k", "value": "v", "description": "new"}
    run = run_task(operators.SegmentCreateLabelOperator(task_id="t", if_exists="skip", **label))
    assert run.xcom["description"] == "old"
    assert "differs in what can be set at creation only: description is 'old', asked for 'new'" in run.log


def test_activation(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["GET /spaces/p/audiences/a/activations"] = {
        "activations": [
            {"id": "x1", "connectionId": "c2", "activationName": "A"},
            {"id": "x2", "connectionId": "c1", "activationName": "A"},
        ]
    }
    arguments = {"space_id": "p", "audience_id": "a", "connection_id": "c1", "perform_resync": False}
    operator = operators.SegmentAddActivationToAudienceOperator(
        task_id="t", activation_type="t", activation_name="A", if_exists="skip", **arguments
    )
    assert run_task(operator).xcom["id"] == "x2"


@pytest.mark.parametrize("if_exists", ["skip", "update"])
def test_audience_is_connected_to_a_destination_once(
    run_task: RunTask, scripted_api: ScriptedAPI, if_exists: str
) -> None:
    path = "/spaces/p/audiences/a/destination-connections"
    scripted_api.answers[f"GET {path}"] = {
        "connections": [
            {"id": "c1", "destinationId": "d1", "idSyncConfiguration": []},
            {"id": "c2", "destinationId": "d2"},
        ]
    }
    run = run_task(
        operators.SegmentAddDestinationToAudienceOperator(
            task_id="t",
            space_id="p",
            audience_id="a",
            destination={"id": "d1", "type": "t"},
            if_exists=if_exists,
        )
    )
    assert run.xcom["connection"] == {"id": "c1"}
    assert scripted_api.asked == [f"GET {path}"]


INVITES = [{"email": "new@example.com"}, {"email": "Invited@example.com"}, {"email": "user@example.com"}]


@pytest.fixture
def people(scripted_api: ScriptedAPI) -> ScriptedAPI:
    scripted_api.answers["GET /invites"] = {"invites": ["invited@example.com"]}
    scripted_api.answers["GET /users"] = {"users": [{"id": "u", "email": "user@example.com"}]}
    scripted_api.answers["POST /invites"] = lambda request: (
        201,
        {"data": {"emails": [i["email"] for i in request.body["invites"]]}},
    )
    return scripted_api


@pytest.mark.parametrize(("if_exists", "try_number"), [("skip", 1), ("fail", 1), ("fail", 2)])
def test_nobody_is_invited_twice(
    run_task: RunTask, people: ScriptedAPI, if_exists: str, try_number: int
) -> None:
    operator = operators.SegmentCreateInvitesOperator(task_id="t", invites=INVITES, if_exists=if_exists)
    noted = {"state_store": {KEY: {"of": [0, 0, 0], "notes": {SENT: True}}}}
    run = run_task(
        operator,
        try_number=try_number,
        **(noted if HAS_STORE and try_number > 1 else {}),
    )
    if (if_exists, try_number) == ("fail", 1):
        assert "Invited@example.com, user@example.com" in str(run.error)
        assert "POST /invites" not in people.asked
    else:
        assert people.last.body == {"invites": [{"email": "new@example.com"}]}
        assert run.xcom == [invite["email"] for invite in INVITES]


@pytest.mark.parametrize(("kind", "created"), [("INSERT_SOURCE", True), ("DESTINATION", False)])
def test_function_of_a_kind_that_segment_does_not_list(
    run_task: RunTask, scripted_api: ScriptedAPI, kind: str, created: bool
) -> None:
    scripted_api.answers["GET /functions"] = (
        422,
        {"errors": [{"type": "input-validation", "field": "resourceType"}]},
    )
    scripted_api.answers["POST /functions"] = {"function": {"id": "f"}}
    run = run_task(
        operators.SegmentCreateFunctionOperator(task_id="t", code="c", display_name="A", resource_type=kind)
    )
    assert ("POST /functions" in scripted_api.asked) == created == (run.state == "success")
    assert ("Not looked up" in run.log) == created
