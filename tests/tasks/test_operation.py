"""A declared operator behaves like one written by hand, on both Airflow versions."""

from __future__ import annotations

import copy
import inspect
import json
from importlib.metadata import version
from typing import Any, Literal

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowException, BaseOperator
from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, option, path, query
from airflow_provider_segment.tasks.operation import (
    SegmentDeleteOperator,
    SegmentListOperator,
    SegmentOperator,
)
from tests.harness.scripted_api import ScriptedAPI, going_round, pages
from tests.harness.task_runner import RunTask

pytestmark = pytest.mark.core

AIRFLOW_3 = version("apache-airflow") >= "3"
WRONG_CALL = TypeError if AIRFLOW_3 else AirflowException


class Part(TypedDict):
    type: Literal["A", "B"]
    count: NotRequired[int | None]


class Change(SegmentOperator):
    """Change a thing."""

    endpoint = "PATCH /things/{thingId}"
    returns = "thing"

    thing_id: Arg[str] = path()
    force: Arg[bool | None] = query(default=None)
    name: Arg[str | None] = NOT_GIVEN
    enabled: Arg[bool] = NOT_GIVEN
    color: Arg[Literal["RED", "BLUE"]] = NOT_GIVEN
    settings: Arg[dict[str, Any] | None] = NOT_GIVEN
    parts: Arg[list[Part]] = NOT_GIVEN
    tags: Arg[list[str]] = NOT_GIVEN


class Remove(SegmentDeleteOperator):
    """Remove a thing."""

    endpoint = "DELETE /things/{thingId}"

    thing_id: Arg[str] = path()


class List(SegmentListOperator):
    """List things."""

    endpoint = "GET /things"
    returns = "things"


@pytest.fixture(autouse=True)
def things(scripted_api: ScriptedAPI) -> ScriptedAPI:
    scripted_api.answers["PATCH /things/t1"] = lambda request: {"thing": {"id": "t1", **(request.body or {})}}
    return scripted_api


def test_request_and_answer(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    """What is not given is not sent; None is sent as null."""
    run = run_task(Change(task_id="t", thing_id="t1", name=None, settings={"a": 1}, force=True))
    assert run.state == "success", run.error
    assert (scripted_api.last.method, scripted_api.last.path) == ("PATCH", "/things/t1")
    assert scripted_api.last.body == {"name": None, "settings": {"a": 1}}
    assert scripted_api.last.query == {"force": "true"}
    assert scripted_api.last.headers["accept"] == "application/vnd.segment.v1+json"
    assert run.xcom == {"id": "t1", "name": None, "settings": {"a": 1}}


def test_index_of_the_output_is_the_id(run_task: RunTask) -> None:
    first = Change(task_id="first", thing_id="t1")
    assert run_task(first).xcoms["id"] == "t1"
    second = Change(task_id="second", thing_id=first.output["id"], dag=first.dag)
    assert first.task_id in second.upstream_task_ids
    run = run_task(second, xcoms={("first", "id"): "t1"})
    assert run.state == "success", run.error


def test_write_is_logged_without_its_values(run_task: RunTask) -> None:
    run = run_task(Change(task_id="t", thing_id="t1", name="a new name", settings={"apiKey": "s3cret"}))
    [line] = [line for line in run.log.splitlines() if "PATCH /things/t1 with" in line]
    assert "Changed a new name (id t1): PATCH /things/t1 with force, name, settings, " in line
    assert "request id request-1" in line
    assert "s3cret" not in line


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"enabled": "{{ params.on }}"}, {"enabled": True}),
        ({"enabled": "{{ not params.on }}"}, {"enabled": False}),
        ({"name": "{{ run_id[:9] }}"}, {"name": "scheduled"}),
        ({"settings": {"deep": [{"of": "{{ ds }}"}]}}, {"settings": {"deep": [{"of": "2026-01-02"}]}}),
        ({"settings": "{{ params | tojson }}"}, {"settings": {"on": True}}),
        ({"tags": '["a", "b"]'}, {"tags": ["a", "b"]}),
        ({"color": "{{ 'RED' }}"}, {"color": "RED"}),
        (
            {"parts": [{"type": "A", "count": "{{ 3 }}", "new": 1}]},
            {"parts": [{"type": "A", "count": 3, "new": 1}]},
        ),
    ],
)
def test_rendered_values_become_what_the_api_wants(
    run_task: RunTask, scripted_api: ScriptedAPI, given: dict[str, Any], sent: dict[str, Any]
) -> None:
    run = run_task(Change(task_id="t", thing_id="t1", params={"on": True}, **given))
    assert run.state == "success", run.error
    assert scripted_api.last.body == sent


def test_native_rendering(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    """An id that is all digits is rendered to a number; the API wants text."""
    scripted_api.answers["PATCH /things/42"] = {"thing": {}}
    with DAG("native", render_template_as_native_obj=True, schedule=None):
        change = Change(
            task_id="t",
            thing_id="{{ params.id }}",
            tags="{{ [1, 'b'] }}",
            params={"id": "42"},
            enabled="{{ 1 == 1 }}",
        )
    run = run_task(change)
    assert run.state == "success", run.error
    assert scripted_api.last.path == "/things/42"
    assert scripted_api.last.body == {"tags": ["1", "b"], "enabled": True}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"enabled": "maybe"}, "enabled: Input should be a valid boolean"),
        ({"enabled": None}, "enabled: Input should be a valid boolean"),
        ({"color": "GREEN"}, "color: Input should be 'RED' or 'BLUE'"),
        ({"settings": "s3cret"}, "settings: Input should be a valid dictionary"),
        ({"parts": [{"type": "A"}, {"count": 1}]}, "parts.1.type: Field required"),
        ({"parts": [{"type": "C"}]}, "parts.0.type: Input should be 'A' or 'B'"),
        ({"thing_id": None}, "thing_id: Input should be a valid string"),
        ({"thing_id": ""}, "thing_id must not be ''"),
        ({"thing_id": ".."}, "thing_id must not be '..'"),
    ],
)
def test_wrong_value_is_named_and_nothing_is_sent(
    run_task: RunTask, scripted_api: ScriptedAPI, given: dict[str, Any], complaint: str
) -> None:
    run = run_task(Change(**{"task_id": "t", "thing_id": "t1", **given}))
    assert run.state == "failed"
    assert complaint in str(run.error)
    assert "s3cret" not in str(run.error)
    assert scripted_api.requests == []


def test_wrong_values_are_named_all_at_once_and_not_retried(run_task: RunTask) -> None:
    run = run_task(Change(task_id="t", thing_id="t1", enabled="maybe", color="GREEN", retries=3))
    assert run.state == "failed"
    assert "color: " in str(run.error) and "enabled: " in str(run.error)


def test_path_parts_are_encoded(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["PATCH /things/Order%20Completed%2F1"] = {"thing": {}}
    run = run_task(Change(task_id="t", thing_id="Order Completed/1"))
    assert run.state == "success", run.error


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "missing keyword argument 'thing_id'"),
        ({"thing_id": "t1", "colour": "RED"}, "colour"),
    ],
)
def test_wrong_call(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(WRONG_CALL, match=complaint):
        Change(task_id="t", **given)


def test_positional_argument() -> None:
    with pytest.raises(WRONG_CALL, match="keyword arguments"):
        Change("t1", task_id="t")


def test_default_args(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    with DAG("defaults", schedule=None, default_args={"thing_id": "t1", "color": "BLUE", "retries": 7}):
        change = Change(task_id="t", name="x")
    assert change.retries == 7
    assert run_task(change).state == "success"
    assert scripted_api.last.body == {"name": "x", "color": "BLUE"}


@pytest.mark.parametrize("how", ["expand", "expand_kwargs"])
def test_mapped(run_task: RunTask, scripted_api: ScriptedAPI, how: str) -> None:
    with DAG("mapped", schedule=None):
        partial = Change.partial(task_id="t", thing_id="t1", enabled="{{ 1 == 1 }}")
        names = ["a", "{{ ds }}"]
        if how == "expand":
            mapped = partial.expand(name=names)
        else:
            mapped = partial.expand_kwargs([{"name": name} for name in names])
    run = run_task(mapped, map_index=1)
    assert run.state == "success", run.error
    assert scripted_api.last.body == {"name": "2026-01-02", "enabled": True}


@pytest.mark.parametrize("call", ["partial", "expand"])
def test_mapped_with_an_unknown_argument(call: str) -> None:
    with DAG("mapped", schedule=None), pytest.raises(TypeError, match="colour"):
        if call == "partial":
            Change.partial(task_id="t", colour="RED").expand(thing_id=["t1"])
        else:
            Change.partial(task_id="t").expand(colour=["RED"])


def test_every_argument_is_a_template_field() -> None:
    assert set(Change.template_fields) == {*Change.fields}
    assert {"segment_conn_id", "thing_id", "settings"} <= set(Change.template_fields)


def test_connection_is_templated(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    run = run_task(Change(task_id="t", thing_id="t1", segment_conn_id="{{ 'segment' }}_default"))
    assert run.state == "success", run.error
    assert run.rendered["segment_conn_id"] == "segment_default"


def test_serialized_and_back() -> None:
    if AIRFLOW_3:
        from airflow.serialization.serialized_objects import DagSerialization as Serialization
    else:
        from airflow.serialization.serialized_objects import SerializedDAG as Serialization

    def parse() -> str:
        with DAG("serialized", schedule=None) as dag:
            Change(task_id="t", thing_id="{{ ds }}", settings={"a": ["{{ ds }}"]}, name=None)
        return json.dumps(Serialization.to_dict(dag))

    document = parse()
    task = Serialization.from_dict(json.loads(document)).get_task("t")
    assert task.thing_id == "{{ ds }}"
    assert task.settings == {"a": ["{{ ds }}"]}
    assert task.enabled == "not given"
    assert parse() == document  # else Airflow would see a new version of the DAG at each parse


def test_copied() -> None:
    change = copy.deepcopy(Change(task_id="t", thing_id="t1", settings={"a": 1}))
    assert change.settings == {"a": 1}
    assert change.name is NOT_GIVEN
    given = {name: value for name, value in change.arguments().items() if value is not None}
    assert given.items() >= {"thing_id": "t1", "settings": {"a": 1}}.items() and "name" not in given


class Bare(Change):
    pass


class WithOneMore(Change):
    size: Arg[int] = NOT_GIVEN


class WithAnotherDefault(Change):
    name: Arg[str | None] = "unnamed"


class WithItsOwnConstructor(Change):
    def __init__(self, *, team: str, **kwargs: Any) -> None:
        super().__init__(name=f"by {team}", **kwargs)
        self.team = team


class BelowThat(WithItsOwnConstructor):
    size: Arg[int] = NOT_GIVEN


@pytest.mark.parametrize(
    ("operator", "given", "body"),
    [
        (Bare, {"name": "x"}, {"name": "x"}),
        (WithOneMore, {"size": "3"}, {"size": 3}),
        (WithAnotherDefault, {}, {"name": "unnamed"}),
        (WithItsOwnConstructor, {"team": "us"}, {"name": "by us"}),
        (BelowThat, {"team": "us", "size": 3}, {"name": "by us", "size": 3}),
    ],
)
def test_subclass(
    run_task: RunTask,
    scripted_api: ScriptedAPI,
    operator: type[Change],
    given: dict[str, Any],
    body: dict[str, Any],
) -> None:
    run = run_task(operator(task_id="t", thing_id="t1", **given))
    assert run.state == "success", run.error
    assert scripted_api.last.body == body
    with DAG("mapped", schedule=None):
        mapped = operator.partial(task_id="t", **given).expand(thing_id=["t0", "t1"])
    run = run_task(mapped, map_index=1)
    assert run.state == "success", run.error
    assert scripted_api.last.body == body


def test_signature_and_help() -> None:
    signature = inspect.signature(Change)
    kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
    assert list(kinds) == [*Change.fields, "kwargs"]
    assert {*kinds.values()} == {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}
    assert signature.parameters["thing_id"].default is inspect.Parameter.empty
    assert str(signature.parameters["name"]) == "name: 'Arg[str | None]' = not given"


@pytest.mark.parametrize(
    "name", ["pool", "owner", "output", "queue", "params", "media_type", "hook", "dag_id"]
)
def test_name_that_airflow_needs_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        type("Clash", (SegmentOperator,), {"__annotations__": {name: "Arg[str]"}, "endpoint": "POST /"})


def test_sensor_can_be_declared(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    from airflow.providers.common.compat.sdk import BaseSensorOperator

    from airflow_provider_segment.tasks.declarative import Declarative

    class Waits(Declarative, BaseSensorOperator):
        count: Arg[int] = option()

        def poke(self, context: Any) -> bool:
            return self.arguments()["count"] == 3

    run = run_task(Waits(task_id="t", count="{{ 3 }}", timeout=1, poke_interval=0.01))
    assert run.state == "success", run.error
    with pytest.raises(TypeError, match="timeout"):
        type("Clash", (Declarative, BaseSensorOperator), {"__annotations__": {"timeout": "Arg[int]"}})


@pytest.mark.parametrize("missing_ok", [False, True, "{{ false }}", "{{ true }}"])
def test_delete_what_is_not_there(run_task: RunTask, missing_ok: Any) -> None:
    run = run_task(Remove(task_id="t", thing_id="gone", missing_ok=missing_ok))
    assert run.state == ("success" if "rue" in str(missing_ok) else "failed")
    assert run.xcom is None


def test_delete(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["DELETE /things/t1"] = {"status": "SUCCESS"}
    run = run_task(Remove(task_id="t", thing_id="t1"))
    assert run.xcom == "SUCCESS"
    assert scripted_api.last.body is None


@pytest.mark.parametrize(
    ("given", "found", "counts"),
    [
        ({}, 2500, ["1000", "1000", "1000"]),
        ({"limit": 1200}, 1200, ["1000", "200"]),
        ({"limit": "{{ 3 }}", "page_size": 2}, 3, ["2", "1"]),
        ({"limit": 0}, 0, []),
    ],
)
def test_list_follows_the_pages(
    run_task: RunTask, scripted_api: ScriptedAPI, given: dict[str, Any], found: int, counts: list[str]
) -> None:
    things = [{"id": str(number)} for number in range(2500)]
    scripted_api.answers["GET /things"] = pages("things", things)
    run = run_task(List(task_id="t", **given))
    assert run.state == "success", run.error
    assert run.xcom == things[:found]
    assert [request.query["pagination.count"] for request in scripted_api.requests] == counts


@pytest.mark.parametrize("given", [{"limit": -1}, {"page_size": 0}, {"page_size": "{{ 0 }}"}])
def test_limits_that_make_no_sense(
    run_task: RunTask, scripted_api: ScriptedAPI, given: dict[str, Any]
) -> None:
    run = run_task(List(task_id="t", retries=1, **given))
    assert run.state == "failed" and f"{next(iter(given))} must be at least" in str(run.error)
    assert scripted_api.requests == []


def test_list_that_would_never_end(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["GET /things"] = going_round("things", ["A", "B", "A"])
    run = run_task(List(task_id="t"))
    assert run.state == "failed"
    assert "seen before" in str(run.error)
    assert len(scripted_api.requests) == 3


def test_write_keys_stay_out_of_xcom(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["GET /things"] = {
        "things": [{"writeKeys": ["abcdefgh1234"], "in": {"writeKeys": ["ijklmnop5678"]}}]
    }
    run = run_task(List(task_id="t"))
    assert run.xcom == [{"writeKeys": ["•••1234"], "in": {"writeKeys": ["•••5678"]}}]


def test_execute_by_hand(scripted_api: ScriptedAPI) -> None:
    change = Change(task_id="t", thing_id="t1", allow_nested_operators=True)
    assert isinstance(change, BaseOperator)
    assert change.execute({}) == {"id": "t1"}
