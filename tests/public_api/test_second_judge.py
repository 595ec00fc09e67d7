"""The second judge: each operator, with input that is made from Segment's own document.

Valid input goes through the task runner into the sandbox; what reaches the wire is what was given, and is,
like the answer, as the document says. Wrong input reaches nothing, and the error names the argument, not the
value.
"""

from __future__ import annotations

import json
import pickle
import traceback
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime, timedelta, timezone
from typing import Any, get_args
from urllib.parse import parse_qsl, unquote

import pytest
from airflow.exceptions import AirflowException
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject, SearchStrategy

from airflow_provider_segment.declarative import NOT_GIVEN, REQUIRED
from airflow_provider_segment.errors import SegmentAPIError
from airflow_provider_segment.operation import SegmentOperator, wire_name
from airflow_provider_segment.sandbox.query import nested
from airflow_provider_segment.sandbox.resources import Collections
from tests.harness.task_runner import RunTask, TaskRun
from tests.public_api import overrides
from tests.public_api.journey import Journey, Overheard, document
from tests.public_api.test_journeys import creations
from tests.public_api.test_make_table import REFERENCE
from tests.public_api.wire import Exchange, Schema
from tests.test_operations import TABLE, annotation_of, operator_of

pytestmark = pytest.mark.skipif(not REFERENCE.exists(), reason="Segment's document is not here")

SECRET = "hush-hush"
OPTIONS: dict[str, Schema] = {
    "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    "page_size": {"type": "integer"},
    "missing_ok": {"type": "boolean"},
}
NOW = datetime.now(timezone.utc)
TIMES = [NOW - timedelta(hours=hours) for hours in (1, 2)]

# What leads somewhere in the sandbox, by the name of a field: a collection, or values.
PLACES = {
    "sourceId": "/sources",
    "destinationId": "/destinations",
    "destinationConfigId": "/destinations",
    "integrationId": "/destinations",
    "modelId": "/reverse-etl-models",
    "functionId": "/functions",
    "roleId": "/roles",
    "userIds": "/users",
}
VALUES: dict[str, list[Any]] = {
    "startTime": [time.isoformat() for time in TIMES],
    "endTime": [NOW.isoformat()],
    "period": [NOW.strftime("%Y-%m-01")],
    "emails": ["mina@example.com", "moritz@example.com"],
    "delay": [0, 1],
    "statusCode": [200, 400],
    "triggerUnexpectedError": [False],
    "metadataId": ["iUM16Md8P2", "5f7dd6d21ad74f3842b1fc47", "55d3d3aea3c"],
}
judged = settings(
    max_examples=5,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
WITHOUT_INPUT = {"get_workspace", "list_labels"}
every_operation = pytest.mark.parametrize("operation", TABLE)


# --- a furnished workspace -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def furniture(_overheard: Overheard) -> bytes:
    """Something of everything, to be put into the sandbox, time and again."""
    overheard = _overheard
    overheard.sandbox.reset()
    with pytest.MonkeyPatch.context() as patch, RunTask() as run_task:
        patch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(overheard.sandbox.connection))
        go = Journey(run_task, overheard)
        for name, arguments in creations(go).items():
            go(name, **arguments)
    return pickle.dumps(overheard.sandbox.state.collections)


class Known(Collections):
    """What is in the furnished workspace, to draw ids from."""

    def __repr__(self) -> str:
        return "..."  # a failing example should be readable


@pytest.fixture(scope="module")
def known(furniture: bytes) -> Known:
    return Known(pickle.loads(furniture))


Try = Callable[..., tuple[TaskRun, list[Exchange]]]


@pytest.fixture
def try_(run_task: RunTask, overheard: Overheard, furniture: bytes) -> Try:
    """Run an operator in the furnished workspace: what came of it, and what went over the wire."""

    def try_(operator: SegmentOperator, **which_try: Any) -> tuple[TaskRun, list[Exchange]]:
        overheard.sandbox.state.collections = pickle.loads(furniture)
        overheard.exchanges.clear()
        run = run_task(operator, **which_try)
        assert overheard.faults() == []
        return run, list(overheard.exchanges)

    return try_


# --- input from the document -----------------------------------------------------------------------------


def text(**options: Any) -> SearchStrategy[str]:
    """Any text, but for what Jinja makes something else of in an argument that is no template."""
    return st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\r\n{"), max_size=12, **options
    )


def anything() -> SearchStrategy[Any]:
    scalars = st.none() | st.booleans() | st.integers(-9, 99) | text()
    return scalars | st.lists(scalars, max_size=2) | st.dictionaries(text(), scalars, max_size=2)


class Input:
    """Input for an operator, by the schemas of the document."""

    def __init__(self, operation: str, known: Known) -> None:
        self.operation = operation
        self.operator = operator_of(operation)
        self.collections = known
        self.plain = document().plain

    def schemas(self) -> dict[str, Schema]:
        """A schema for each argument, by the argument's name."""
        schemas = dict(OPTIONS)
        if "if_exists" in self.operator.fields:
            schemas["if_exists"] = {"enum": list(get_args(annotation_of(self.operator, "if_exists")))}
        body = document().body(self.operation, self.operator.media_type, self.operator.envelope)
        parameters = document().operations[self.operation].parameters
        wire = body.get("properties", {}) | parameters["path"] | parameters["query"]
        names = {name: wire_name(name, field) for name, field in self.operator.fields.items()}
        schemas |= {name: wire[there] for name, there in names.items() if there in wire}
        for name, there in names.items():
            # What the document is known to be too loose about.
            if (self.operation, there) in overrides.TYPES:
                schemas[name] = {"enum": overrides.TYPES[self.operation, there][0]}
            elif (self.operation, there) in overrides.NOT_NULL:
                schemas[name] = schemas[name]["anyOf"][0]
        return {name: schemas[name] for name in self.operator.fields if name in schemas}

    @st.composite
    @staticmethod
    def valid(draw: Any, self: Input, one: str = "") -> dict[str, Any]:
        """All required arguments, this one, and some of the others."""
        given: dict[str, Any] = {}
        path = ""
        schemas = self.schemas()
        for part in self.operator.endpoint.split()[1].split("/")[1:]:
            value = part
            if part.startswith("{"):
                name = next(
                    name
                    for name, field in self.operator.fields.items()
                    if field.place == "path" and f"{{{wire_name(name, field)}}}" == part
                )
                there = self.collections.get(path.replace("/destination/", "/destinations/"), {})
                known = [unquote(id.rpartition("/")[2]) for id in there if id]
                value = given[name] = draw(
                    st.sampled_from(known) if known else self.value(schemas[name], part.strip("{}"), "path")
                )
            path += f"/{value}"
        for name, schema in schemas.items():
            field = self.operator.fields[name]
            if name not in given and (field.default is REQUIRED or name == one or draw(st.booleans())):
                given[name] = draw(self.value(schema, wire_name(name, field), field.place))
        return given

    def value(self, schema: Schema, name: str = "", place: str = "body") -> SearchStrategy[Any]:
        """A value that is as the schema says."""
        schema = self.plain(schema)
        if choices := schema.get("anyOf"):
            return st.one_of(*(self.value(choice, name, place) for choice in choices))
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        kind = schema.get("type")
        if kind == "array":
            # An empty list is no query at all.
            least = 1 if place == "query" else 0
            return st.lists(self.value(schema["items"], name, place), min_size=least, max_size=3)
        if kind == "object" and "properties" in schema:
            fields = {each: self.value(inner, each) for each, inner in schema["properties"].items()}
            required = {each: fields.pop(each) for each in schema.get("required", [])}
            return st.fixed_dictionaries(required, optional=fields)
        if kind == "object":
            inner = schema.get("additionalProperties")
            return st.dictionaries(
                text(), self.value(inner) if isinstance(inner, dict) else anything(), max_size=2
            )
        if name in VALUES and kind != "null":
            return st.sampled_from(VALUES[name])
        if name in PLACES and kind != "null":
            return st.sampled_from(list(self.collections[PLACES[name]]))
        if kind == "string" and place == "path":
            return text(min_size=1).filter(lambda value: value not in (".", ".."))
        return {
            "string": text(),
            "boolean": st.booleans(),
            "integer": st.integers(1, 9),
            "number": st.integers(1, 9),
            "null": st.none(),
            None: anything(),
        }[kind]

    @st.composite
    @staticmethod
    def wrong(draw: Any, self: Input) -> tuple[str, dict[str, Any]]:
        """Arguments of which one is wrong, itself or somewhere inside; and which."""
        schemas = self.schemas()
        name = draw(st.sampled_from([name for name in schemas if self.types(schemas[name])]))
        given = deepcopy(draw(Input.valid(self, name)))
        path, schema = draw(st.sampled_from(list(self.places(given[name], schemas[name]))))
        spoilt = draw(self.spoilt(schema, self.operator.fields[name].place == "path"))
        holder: Any = given
        for step in (steps := [name, *path])[:-1]:
            holder = holder[step]
        holder[steps[-1]] = spoilt
        return name, given

    def places(self, value: Any, schema: Schema) -> Iterator[tuple[list[Any], Schema]]:
        """The schemas of a value and of all inside it, each with the way to it."""
        schema = self.plain(schema)
        choices = [self.plain(each) for each in schema.get("anyOf", []) if each.get("type") != "null"]
        yield [], schema
        for choice in choices or [schema]:
            if isinstance(value, list) and "items" in choice:
                for index, item in enumerate(value):
                    yield from self.inside(index, item, choice["items"])
            if isinstance(value, dict):
                for name, inner in choice.get("properties", {}).items():
                    if name in value and (len(choices) < 2 or set(value) <= set(choice["properties"])):
                        yield from self.inside(name, value[name], inner)

    def inside(self, step: Any, value: Any, schema: Schema) -> Iterator[tuple[list[Any], Schema]]:
        for path, inner in self.places(value, schema):
            if self.types(inner):
                yield [step, *path], inner

    def types(self, schema: Schema) -> set[str]:
        """The JSON types that a schema allows; none where anything is allowed."""
        schema = self.plain(schema)
        if choices := [self.types(choice) for choice in schema.get("anyOf", [])]:
            return set().union(*choices) if all(choices) else set()
        return {"enum"} if "enum" in schema else set(filter(None, [schema.get("type")]))

    def spoilt(self, schema: Schema, in_path: bool) -> SearchStrategy[Any]:
        """A value that is not as the schema says, with something in it that must not be shown."""
        types = self.types(schema)

        wrong: list[Any] = []
        if "array" not in types:
            wrong.append([SECRET])
        if "object" not in types:
            wrong.append({SECRET: SECRET})
        if "string" not in types:
            wrong.append(SECRET)
        if "null" not in types and not in_path:
            wrong.append(None)
        if in_path:
            wrong += ["", ".", ".."]
        return st.sampled_from(wrong)


# --- judging ---------------------------------------------------------------------------------------------


def make(operator: type[SegmentOperator], given: dict[str, Any]) -> SegmentOperator:
    return operator(task_id="judged", **given)


def sent(operator: type[SegmentOperator], exchange: Exchange) -> dict[str, Any]:
    """What a request says, by the operator's arguments."""
    body = json.loads(exchange.body) if exchange.body else {}
    if operator.envelope:
        body = body[operator.envelope]
    template = operator.endpoint.split()[1].split("/")
    path = {
        part.strip("{}"): unquote(value)
        for part, value in zip(template, exchange.path.split("/"), strict=True)
        if part.startswith("{")
    }
    places = {"path": path, "body": body, "query": nested(parse_qsl(exchange.query, keep_blank_values=True))}
    return {
        name: places[field.place][wire_name(name, field)]
        for name, field in operator.fields.items()
        if field.place != "option" and wire_name(name, field) in places[field.place]
    }


def in_query(value: Any) -> Any:
    """A value as a query has it: text, without null and without what is empty."""
    if isinstance(value, dict):
        return {name: inner for name, each in value.items() if (inner := in_query(each)) is not None} or None
    if isinstance(value, list):
        return [in_query(each) for each in value] or None
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


@every_operation
@judged
@given(data=st.data())
def test_valid_input(try_: Try, known: Known, operation: str, data: DataObject) -> None:
    operator = operator_of(operation)
    given = data.draw(Input.valid(Input(operation, known)))
    # Some as they are, some as templates, which render to text.
    by_template = {
        name: f"{{{{ dag_run.conf[{name!r}]{'' if isinstance(value, str) else ' | tojson'} }}}}"
        for name, value in given.items()
        if value is not None and annotation_of(operator, name) is not Any and data.draw(st.booleans())
    }
    run, exchanges = try_(make(operator, given | by_template), conf=given)

    if run.state != "success":
        refused = isinstance(run.error, SegmentAPIError) and run.error.status < 500
        assert refused or "exists already" in str(run.error), repr(run.error)
    own = [exchange for exchange in exchanges if document().operation_of(exchange) == operation]
    if not own:
        assert exchanges  # a look-up, which led to something, or to an error
        return
    said = sent(operator, own[0])
    for name, value in given.items():
        place = operator.fields[name].place
        if place == "query":
            assert said.get(name) == in_query(value), name
        elif place != "option":
            assert said[name] == value, name


@pytest.mark.parametrize("operation", [name for name in TABLE if name not in WITHOUT_INPUT])
@judged
@given(data=st.data())
def test_wrong_input(try_: Try, known: Known, operation: str, data: DataObject) -> None:
    operator = operator_of(operation)
    name, given = data.draw(Input.wrong(Input(operation, known)))
    run, exchanges = try_(make(operator, given))

    assert exchanges == []
    assert run.state == "failed"
    assert run.error is not None
    error = "".join(traceback.format_exception(run.error))
    assert name in str(run.error) or wire_name(name, operator.fields[name]) in str(run.error)
    assert SECRET not in error


@every_operation
def test_missing_input(known: Known, operation: str) -> None:
    operator = operator_of(operation)
    required = {name: "x" for name, field in operator.fields.items() if field.default is REQUIRED}
    for name in required:
        others = {other: value for other, value in required.items() if other != name}
        with pytest.raises((TypeError, AirflowException), match=rf"missing.*\b{name}\b"):
            make(operator, others)
    # The document requires nothing else, or it is always sent.
    sent = {
        wire_name(name, field)
        for name, field in operator.fields.items()
        if field.place != "option" and field.default not in (NOT_GIVEN, None)
    }
    described = document().operations[operation]
    body = document().body(operation, operator.media_type, operator.envelope)
    assert {*described.parameters["path"], *described.required_query, *body.get("required", [])} <= sent
