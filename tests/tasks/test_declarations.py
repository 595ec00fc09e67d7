"""What is wrong in a declaration is a TypeError when the class is made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from pydantic import ValidationError
from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment import operators, sensors
from airflow_provider_segment.tasks.base import SegmentBaseOperator
from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import (
    NOT_GIVEN,
    REQUIRED,
    Arg,
    Declarative,
    Field,
    body,
    option,
    path,
    query,
)
from airflow_provider_segment.tasks.operation import (
    SegmentDeleteOperator,
    SegmentListOperator,
    SegmentOperator,
)
from airflow_provider_segment.tasks.sensor import SegmentSensor
from tests.harness.scripted_api import ScriptedAPI
from tests.harness.task_runner import RunTask

if TYPE_CHECKING:
    from decimal import Decimal

pytestmark = pytest.mark.core


class Tree(TypedDict):
    kind: Literal["Decimal", "it's"]
    branches: NotRequired[list[Tree]]


class WithUnknown(TypedDict):
    amount: Decimal


class Things(SegmentListOperator):
    endpoint = "GET /things"
    returns = "things"


OURS = "airflow_provider_segment"


def declare(*bases: type, **members: Any) -> type:
    """A class as its body would make it; annotations are given with ``types``."""
    types = members.pop("types", {})
    return type("Wrong", bases, {"__annotations__": types, "__module__": __name__, **members})


class Parts(SegmentListOperator):
    endpoint = "GET /things/{thingId}/parts"
    returns = "parts"

    thing_id: Arg[str] = path()


class GetThing(SegmentOperator):
    endpoint = "GET /things/{thingId}"
    returns = "thing"

    thing_id: Arg[str] = path()


class Replace(SegmentOperator):
    endpoint = "PUT /things"


class Touch(SegmentOperator):
    endpoint = "PATCH /things/{thingId}"
    returns = "status"

    thing_id: Arg[str] = path()


class Renamed(SegmentOperator):
    endpoint = "POST /things/{thingId}"

    thing_id: Arg[str] = path()
    dry: Arg[bool] = query(name="dryRun", default=False)
    name: Arg[str]


GET, POST, THING = (
    {"endpoint": endpoint} for endpoint in ("GET /things", "POST /things", "GET /things/{thingId}")
)
CREATE = {**POST, "natural_key": ("if_exists",), "listed_by": Things}


@pytest.mark.parametrize(
    ("bases", "members", "complaint"),
    [
        # Types
        (SegmentOperator, {"types": {"a": "Arg[Decimal]"}}, "the type of 'a', Arg.Decimal.*'Decimal' is not"),
        (
            SegmentOperator,
            {"types": {"a": "Arg[dict[str, Decimal]]"}, "a": NOT_GIVEN},
            "under `if TYPE_CHECKING:`",
        ),
        (SegmentOperator, {"types": {"a": "Arg['Decimal']"}}, "the type of 'a'"),
        (SegmentOperator, {"types": {"a": Arg["Decimal"]}}, "the type of 'a'"),  # type: ignore[name-defined]
        (SegmentOperator, {"types": {"a": "Arg[list[WithUnknown]]"}}, "the type of 'a'.*'Decimal' is not"),
        (SegmentSensor, {"types": {"a": "Decimal"}}, "the type of 'a'"),
        (SegmentBaseOperator, {"types": {"a": "Arg[Decimal]"}}, "the type of 'a'"),
        (SegmentOperator, {"a": query()}, "a has no type"),
        # The request
        (SegmentOperator, {"endpoint": "GET /things/{thingId}"}, "no argument for thingId.*path()"),
        (
            SegmentOperator,
            {"endpoint": "GET /a/{a}", "types": {"a": "Arg[str]"}, "a": query()},
            "no argument for a",
        ),
        (
            SegmentOperator,
            {**GET, "types": {"thing_id": "Arg[str]"}, "thing_id": path()},
            "no placeholder for thingId",
        ),
        (SegmentOperator, {**GET, "types": {"name": "Arg[str]"}}, "a GET has no body: declare name"),
        (SegmentOperator, {**GET, "types": {"name": "Arg[str]"}, "name": "x"}, "a GET has no body"),
        (
            SegmentOperator,
            {**GET, "types": {"name": "Arg[str]"}, "name": body(default=1)},
            "a GET has no body",
        ),
        (Things, {"types": {"name": "Arg[str]"}}, "a GET has no body"),
        (
            SegmentDeleteOperator,
            {"endpoint": "DELETE /things", "types": {"name": "Arg[str]"}},
            "a DELETE has no body",
        ),
        (
            SegmentOperator,
            {**POST, "types": {"thing_id": "Arg[str]", "id": "Arg[str]"}, "id": body(name="thingId")},
            "2 arguments have the name 'thingId' in the body",
        ),
        (SegmentOperator, {"endpoint": "things"}, "endpoint must be a method and a path"),
        (SegmentOperator, {"endpoint": "FETCH /things"}, "endpoint must be a method and a path"),
        (SegmentOperator, {"endpoint": "GET things"}, "endpoint must be a method and a path"),
        (SegmentOperator, {"endpoint": "GET  /things"}, "endpoint must be a method and a path"),
        (SegmentOperator, {"endpoint": None, "returns": 1}, "returns must be the name of a member"),
        (SegmentOperator, {**POST, "envelope": "thing"}, "envelope must be"),
        (
            SegmentOperator,
            {**THING, "types": {"thing_id": "Arg[str]"}, "thing_id": path(default=NOT_GIVEN)},
            "the default of thing_id is no part of a path",
        ),
        (Renamed, {"types": {"thing_id": "Arg[str]"}, "thing_id": ""}, "the default of thing_id is no part"),
        (SegmentDeleteOperator, {**GET}, "it works with DELETE, not with 'GET /things'"),
        (SegmentCreateOperator, {**GET}, "it works with POST, not with 'GET /things'"),
        # Places
        (
            SegmentOperator,
            {**GET, "types": {"a": "Arg[str]"}, "a": Field("header")},
            "a has the place 'header'; possible here: body, option, path, query",
        ),
        (
            SegmentBaseOperator,
            {"types": {"a": "Arg[str]"}, "a": body()},
            "a has the place 'body'; possible here: option",
        ),
        (SegmentSensor, {"types": {"a": "Arg[str]"}, "a": path()}, "a has the place 'path'"),
        (SegmentSensor, {"types": {"a": "Arg[str]"}, "a": query(default=1)}, "a has the place 'query'"),
        (SegmentOperator, {**GET, "default_place": "boddy"}, "default_place must be one of path, query"),
        # Attributes
        (SegmentOperator, {**GET, "returns": ["things"]}, "returns must be the name of a member"),
        (SegmentListOperator, {**GET}, "returns or items must be the name of the list"),
        (SegmentListOperator, {**GET, "items": ["things"]}, "returns or items must be the name of the list"),
        (SegmentListOperator, {**POST, "returns": "things"}, "it works with GET, not with 'POST /things'"),
        (SegmentOperator, {**GET, "secrets": ("password",)}, "secrets names what is no argument: password"),
        (SegmentOperator, {**GET, "secrets": ("segment_conn_id")}, "secrets must be a tuple"),
        (SegmentSensor, {"secrets": ("password",)}, "secrets names what is no argument: password"),
        (
            SegmentCreateOperator,
            {**POST, "types": {"name": "Arg[str]"}, "natural_key": ("nam",), "listed_by": Things},
            "natural_key names what is no argument: nam",
        ),
        (
            SegmentCreateOperator,
            {**POST, "types": {"name": "Arg[str]"}, "natural_key": "name", "listed_by": Things},
            "natural_key must be a tuple",
        ),
        (SegmentCreateOperator, {**POST, "listed_by": Things}, "natural_key is missing"),
        (SegmentCreateOperator, {**POST, "natural_key": ("if_exists",)}, "listed_by is missing"),
        (SegmentCreateOperator, {**CREATE, "listed_by": "Things"}, "listed_by must be an operator"),
        (SegmentCreateOperator, {**CREATE, "listed_by": Renamed}, "listed_by must be an operator"),
        (SegmentCreateOperator, {**CREATE, "listed_by": GetThing}, "listed_by must be an operator"),
        (SegmentCreateOperator, {**CREATE, "listed_by": Parts}, "listed_by needs the arguments thing_id"),
        (
            SegmentCreateOperator,
            {**CREATE, "types": {"thing_id": "Arg[str]"}, "thing_id": NOT_GIVEN, "listed_by": Parts},
            "listed_by needs the arguments thing_id",
        ),
        (SegmentCreateOperator, {**CREATE}, "updated_by is missing: declare it, or if_exists without"),
        (SegmentCreateOperator, {**CREATE, "updated_by": Things}, "updated_by must be an operator that"),
        (
            SegmentCreateOperator,
            {**CREATE, "updated_by": Replace},
            "updated_by must need one argument .* and needs none",
        ),
        (
            SegmentCreateOperator,
            {**CREATE, "updated_by": Renamed},
            "updated_by must need one argument .* and needs thing_id, name",
        ),
        (
            SegmentCreateOperator,
            {**CREATE, "updated_by": Touch},
            "read_by is missing: the answer to an update is only a status",
        ),
        (
            SegmentCreateOperator,
            {**CREATE, "updated_by": Touch, "read_by": GetThing, "update_names": {"a": "b"}},
            "update_names names what updated_by lacks: b",
        ),
        (SegmentCreateOperator, {**CREATE, "merged": ("a",)}, "merged names what is no argument: a"),
        (SegmentCreateOperator, {**CREATE, "instructions": ("a",)}, "instructions names what is no argument"),
    ],
)
def test_wrong_declaration(bases: type, members: dict[str, Any], complaint: str) -> None:
    with pytest.raises(TypeError, match=f"Wrong: .*{complaint}"):
        declare(bases, **members)


def wrong_defaults(cls: Any) -> list[str]:
    """Arguments whose default does not fit their type. To check it takes too long where DAGs are parsed."""
    defaults = {
        name: field.default
        for name, field in cls.fields.items()
        if field.default not in (REQUIRED, NOT_GIVEN)
    }
    try:
        cls._checker(tuple(cls.fields)).validate_python(defaults)
    except ValidationError as error:
        return [str(one["loc"][0]) for one in error.errors() if one["type"] != "missing"]
    return []


@pytest.mark.parametrize(("module", "least"), [(operators, 201), (sensors, 8)])
def test_defaults_fit_their_types(module: Any, least: int) -> None:
    declared = [cls for name in dir(module) if hasattr(cls := getattr(module, name), "_checker")]
    assert len(declared) >= least
    assert {cls.__name__: wrong for cls in declared if (wrong := wrong_defaults(cls))} == {}


def test_declarations_of_this_package() -> None:
    """They are not checked at import."""
    checked = set()
    classes: list[Any] = [Declarative]
    for module in (operators, sensors):
        assert [getattr(module, name) for name in dir(module)]  # imports them all
    while classes:
        cls = classes.pop()
        classes += cls.__subclasses__()
        if cls is not Declarative and cls.__module__.startswith(f"{OURS}."):
            cls.check_declaration()
            checked.add(cls)
    assert len(checked) > 235


def test_a_wrong_declaration_in_this_package_is_found() -> None:
    wrong = declare(SegmentOperator, __module__=OURS, endpoint="GET /{a}", types={"b": "Unknown"})
    with pytest.raises(TypeError, match="the type of 'b', Unknown, cannot be evaluated"):
        wrong.check_declaration()  # type: ignore[attr-defined]
    wrong = declare(SegmentOperator, __module__=OURS, endpoint="GET /{a}")
    with pytest.raises(TypeError, match="no argument for a in"):
        wrong.check_declaration()  # type: ignore[attr-defined]


def test_a_default_that_does_not_fit_is_found() -> None:
    types = {"a": "Arg[int]", "b": "Arg[int]", "c": "Arg[int]", "d": "Arg[int | None]"}
    cls = declare(SegmentOperator, **POST, types=types, a="abc", b=NOT_GIVEN, d=None)
    assert wrong_defaults(cls) == ["a"]


def test_all_faults_of_a_class_are_named_at_once() -> None:
    with pytest.raises(TypeError, match=r"returns must be.*no argument for a in"):
        declare(SegmentOperator, endpoint="GET /{a}", returns=1)


def test_a_shape_that_failed_fails_again() -> None:
    for _ in range(2):
        with pytest.raises(TypeError, match="'Decimal' is not"):
            declare(SegmentOperator, types={"a": "Arg[WithUnknown]"})


class Plant(SegmentOperator):
    """Texts in a type are no names; quoted types are."""

    endpoint = "POST /trees"

    tree: Arg[Tree]
    quoted: Arg[list[Tree]] = NOT_GIVEN
    remark: Annotated[str, "a Decimal number"] = NOT_GIVEN
    sort: Arg[Literal["Decimal", "]", "a]b"]] = NOT_GIVEN
    note: ClassVar[str] = "no argument"


def test_types_that_can_be_evaluated(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["POST /trees"] = {"tree": {}}
    tree = {"kind": "it's", "branches": [{"kind": "Decimal"}]}
    run = run_task(Plant(task_id="t", tree=tree, quoted=[tree], sort="a]b"))
    assert run.state == "success", run.error
    assert scripted_api.last.body == {"tree": tree, "quoted": [tree], "sort": "a]b"}
    run = run_task(Plant(task_id="t", tree=tree, quoted=[{"kind": "x"}]))
    assert run.state == "failed" and "quoted.0.kind" in str(run.error)


class Measured(TypedDict):
    days: NotRequired[list[int]]


class Numbers(SegmentBaseOperator):
    count: Arg[int | None] = None
    seconds: Arg[float] = 1.0
    any_id: Arg[str | int | None] = None
    moment: Arg[str | datetime | None] = None
    grace: timedelta = timedelta(hours=1)
    rates: Arg[dict[str, dict[str, float]]] = {}
    measured: Arg[list[Measured]] = []
    switch: Arg[bool] = False
    anything: Arg[dict[str, Any]] = {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("count", "seconds", "moment", "grace") for value in (True, False)),
        *((name, value) for name in ("count", "seconds") for value in ("true", "false")),
        ("any_id", True),
        ("rates", {"a": {"b": True}}),
        ("rates", '{"a": {"b": true}}'),
        ("measured", [{"days": [1, True]}]),
        ("count", 8.5),
        ("count", "8.5"),
    ],
)
def test_a_bool_is_no_number_and_a_fraction_no_whole_one(name: str, value: Any) -> None:
    with pytest.raises(AirflowFailException, match=f"Numbers: {name}"):
        Numbers(task_id="t", **{name: value}).arguments()


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("count", "8", 8),
        ("seconds", "8", 8.0),
        ("any_id", "true", "true"),
        ("rates", '{"a": {"b": 1}}', {"a": {"b": 1.0}}),
        ("measured", [{"days": ["1"]}], [{"days": [1]}]),
        ("switch", "true", True),
        ("switch", True, True),
        ("anything", {"a": [True, 1]}, {"a": [True, 1]}),
    ],
)
def test_texts_are_numbers_and_bools_are_bools(name: str, value: Any, taken: Any) -> None:
    assert Numbers(task_id="t", **{name: value}).arguments()[name] == taken


class Job(SegmentBaseOperator):
    source_id: Arg[str]
    grace: timedelta = timedelta(hours=1)
    rows: Arg[list[int]] = []
    filters: Arg[dict[str, Any]] = option(default={})


class Sensor(SegmentSensor):
    source_id: Arg[str]


class Shorter(Things):
    page_size: Arg[int] = 5


class RenamedAgain(Renamed):
    thing_id: Arg[str] = "t1"
    dry: Arg[bool] = True


def test_the_default_place_is_a_fact_of_the_base() -> None:
    assert {field.place for field in Job.fields.values()} == {"option"}
    assert {field.place for field in Sensor.fields.values()} == {"option"}
    assert Renamed.fields["name"].place == "body"


def test_an_argument_declared_again_keeps_its_place(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    assert Shorter.fields["page_size"].place == "option"
    scripted_api.answers["POST /things/t1"] = {"thing": {}}
    run = run_task(RenamedAgain(task_id="t", name="x"))
    assert run.state == "success", run.error
    assert (scripted_api.last.query, scripted_api.last.body) == ({"dryRun": "true"}, {"name": "x"})


def test_mutable_defaults_are_not_shared() -> None:
    one, other = Job(task_id="one", source_id="s"), Job(task_id="other", source_id="s")
    one.rows.append(1)
    one.filters["a"] = 1
    assert (other.rows, other.filters) == ([], {})
    assert Job(task_id="third", source_id="s").rows == []
