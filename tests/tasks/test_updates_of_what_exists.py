"""`if_exists="update"`: every argument of every create, compared with what Segment shows."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment import operators
from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import REQUIRED
from tests.harness.scripted_api import Request, ScriptedAPI
from tests.harness.task_runner import RunTask, TaskRun
from tests.public_api.declarations import DECLARED
from tests.public_api.table import TABLE


@dataclass
class Case:
    """A resource that exists, the arguments it would be created with, and another value for each."""

    path: str  # of the list
    key: str  # of the list in its answer
    there: dict[str, Any]  # as Segment shows it: without secrets, with what it adds itself
    arguments: dict[str, Any]
    others: dict[str, Any]
    secret: dict[str, Any] = field(default_factory=dict)  # members of settings that Segment does not show


SETTINGS = {"host": "db", "port": 5432, "tables": ["b", "a"]}
SHOWN = {**SETTINGS, "schema": "added by Segment", "password": "••••••••hush"}
METADATA = {"id": "m", "options": [{"name": "host", "type": "string", "defaultValue": "localhost"}]}
SQL = {"query": "select 1\nfrom t", "query_identifier_column": "id"}

CASES: dict[str, Case] = {
    "AddActivationToAudience": Case(
        "/spaces/p/audiences/a/activations",
        "activations",
        {
            "id": "x7",
            "connectionId": "c",
            "activationType": "event",
            "activationName": "A",
            "enabled": True,
            "displayName": "D",
            "personalization": {"profile": {"properties": ["b", "a"]}, "entities": []},
            "destinationMapping": {"actionId": "act", "settings": {"event": "E", "added": 1}},
        },
        {
            "space_id": "p",
            "audience_id": "a",
            "connection_id": "c",
            "perform_resync": True,
            "activation_type": "event",
            "activation_name": "A",
            "enabled": True,
            "display_name": "D",
            "personalization": {"profile": {"properties": ["a", "b"]}},
            "destination_mapping": {"actionId": "act", "settings": {"event": "E"}},
        },
        {
            "activation_type": "other",
            "enabled": False,
            "display_name": None,
            "personalization": {"profile": {"properties": ["a"]}},
            "destination_mapping": {"actionId": "act", "settings": {"event": "F"}},
        },
    ),
    "AddDestinationToAudience": Case(
        "/spaces/p/audiences/a/destination-connections",
        "connections",
        {
            "id": "c",
            "destinationId": "x7",
            "idSyncConfiguration": [{"externalId": "email", "strategy": "s", "mapTo": None}],
            "connectionSettings": {"list": "L", "added": True},
        },
        {
            "space_id": "p",
            "audience_id": "a",
            "destination": {"id": "x7", "type": "t"},
            "id_sync_configuration": [{"externalId": "email", "strategy": "s"}],
            "connection_settings": {"list": "L"},
        },
        {
            "id_sync_configuration": [{"externalId": "email", "strategy": "s", "mapTo": "m"}],
            "connection_settings": {"list": "M"},
        },
    ),
    "CreateAudience": Case(
        "/spaces/p/audiences",
        "audiences",
        {
            "id": "x7",
            "name": "A",
            "enabled": True,
            "description": "",
            "definition": {"query": "q", "targetEntity": "account"},
            "audienceType": "LINKED",
            "options": {"filterByExternalIds": ["b", "a"], "backfillEventDataDays": 3},
        },
        {
            "space_id": "p",
            "name": "A",
            "enabled": True,
            "description": None,
            "definition": {"query": "q", "targetEntity": "account"},
            "audience_type": "LINKED",
            "options": {"filterByExternalIds": ["a", "b"]},
        },
        {
            "enabled": False,
            "description": "d",
            "definition": {"query": "r", "targetEntity": "account"},
            "definition.targetEntity": {"query": "q", "targetEntity": "user"},
            "audience_type": "USERS",
            "options": {"includeHistoricalData": True},
        },
    ),
    "CreateComputedTrait": Case(
        "/spaces/p/computed-traits",
        "computedTraits",
        {
            "id": "x7",
            "name": "A",
            "enabled": True,
            "description": "d",
            "definition": {"query": "q", "type": "USERS"},
            "options": {"includeHistoricalData": True, "backfillDurationDays": 5.0},
        },
        {
            "space_id": "p",
            "name": "A",
            "enabled": True,
            "description": "d",
            "definition": {"query": "q", "type": "USERS"},
            "options": {
                "includeHistoricalData": True,
                "backfillDurationDays": 5,
                "includeAnonymousUsers": False,
            },
        },
        {
            "enabled": False,
            "description": None,
            "definition": {"query": "q", "type": "ACCOUNTS"},
            "options": {"includeHistoricalData": False},
        },
    ),
    "CreateCredential": Case(
        "/credentials",
        "credentials",
        {"id": "x7", "name": "A", "settings": {"type": "T", **SHOWN}},
        {"name": "A", "settings": {"type": "T", **SETTINGS}},
        {"settings": {"type": "T", **SETTINGS, "host": "db2"}, "settings.type": {"type": "U"}},
        {"password": "hush"},
    ),
    "CreateDestination": Case(
        "/sources/s/connected-destinations",
        "destinations",
        {
            "id": "x7",
            "sourceId": "s",
            "metadata": METADATA,
            "name": "A",
            "enabled": True,
            "settings": SHOWN,
        },
        {"source_id": "s", "metadata_id": "m", "name": "A", "enabled": True, "settings": SETTINGS},
        {"enabled": False, "settings": {**SETTINGS, "host": "db2"}},
        {"password": "hush"},
    ),
    "CreateDestinationSubscription": Case(
        "/destinations/d/subscriptions",
        "subscriptions",
        {
            "id": "x7",
            "name": "A",
            "actionId": "act",
            "trigger": 'event = "x"',
            "enabled": True,
            "settings": {"event": "E", "added": 1, "keys": ["b", "a"]},
            "modelId": "m1",
        },
        {
            "destination_id": "d",
            "name": "A",
            "action_id": "act",
            "trigger": 'event = "x"',
            "enabled": True,
            "settings": {"event": "E", "keys": ["b", "a"]},
            "model_id": "m1",
        },
        {
            "action_id": "act2",
            "trigger": 'event = "y"',
            "enabled": False,
            "settings": {"event": "E", "keys": ["a", "b"]},  # the order of settings is not ours to judge
            "model_id": "m2",
        },
    ),
    "CreateFilterForDestination": Case(
        "/destination/d/filters",
        "filters",
        {
            "id": "x7",
            "sourceId": "s",
            "destinationId": "d",
            "title": "A",
            "if": "a",
            "actions": [{"type": "DROP", "fields": {}, "path": ""}],
            "enabled": True,
        },
        {
            "destination_id": "d",
            "source_id": "s",
            "title": "A",
            "if_": "a",
            "actions": [{"type": "DROP"}],
            "enabled": True,
            "description": "",
        },
        {"if_": "b", "actions": [{"type": "SAMPLE", "percent": 0.5}], "enabled": False, "description": "d"},
    ),
    "CreateFilterForSpace": Case(
        "/filters",
        "filters",
        {
            "id": "x7",
            "integrationId": "p",
            "name": "A",
            "enabled": True,
            "description": "d",
            "if": "a",
            "drop": False,
        },
        {
            "integration_id": "p",
            "name": "A",
            "enabled": True,
            "description": "d",
            "if_": "a",
            "drop": False,
        },
        {"enabled": False, "description": "e", "if_": "b", "drop": True},
    ),
    "CreateFunction": Case(
        "/functions",
        "functions",
        {
            "id": "x7",
            "resourceType": "SOURCE",
            "displayName": "A",
            "code": "a()\n",
            "description": "d",
            "logoUrl": "l",
            "settings": [],
        },
        {
            "resource_type": "SOURCE",
            "display_name": "A",
            "code": "a()",
            "description": "d",
            "logo_url": "l",
            "settings": [],
        },
        {
            "code": "b()",
            "description": "e",
            "logo_url": "m",
            "settings": [
                {
                    "name": "n",
                    "label": "l",
                    "description": "d",
                    "type": "STRING",
                    "required": True,
                    "sensitive": True,
                }
            ],
        },
    ),
    "CreateInsertFunctionInstance": Case(
        "/insert-function-instances",
        "instances",
        {
            "id": "x7",
            "integrationId": "d",
            "classId": "f",
            "name": "A",
            "enabled": False,
            "settings": SETTINGS,
            "encryptedSettings": {"password": "••••••••hush"},
        },
        {
            "function_id": "ifnd_f",
            "integration_id": "d",
            "name": "A",
            "enabled": False,
            "settings": SETTINGS,
        },
        {"enabled": True, "settings": {**SETTINGS, "host": "db2"}},
        {"password": "hush"},
    ),
    "CreateProfilesWarehouse": Case(
        "/spaces/p/profiles-warehouses",
        "profilesWarehouses",
        {
            "id": "x7",
            "metadata": METADATA,
            "enabled": True,
            "settings": {"name": "A", **SHOWN},
            "schemaName": "s",
        },
        {
            "space_id": "p",
            "metadata_id": "m",
            "name": "A",
            "enabled": True,
            "settings": SETTINGS,
            "schema_name": "s",
        },
        {"enabled": False, "settings": {**SETTINGS, "host": "db2"}},
        {"password": "hush"},
    ),
    "CreateReverseEtlModel": Case(
        "/reverse-etl-models",
        "models",
        {
            "id": "x7",
            "sourceId": "s",
            "name": "A",
            "description": "",
            "enabled": True,
            "query": "select 1  \r\nfrom t\n",
            "queryIdentifierColumn": "id",
        },
        {"source_id": "s", "name": "A", "description": "", "enabled": True, **SQL},
        {"description": "d", "enabled": False, "query": "select 2", "query_identifier_column": "key"},
    ),
    "CreateSource": Case(
        "/sources",
        "sources",
        {
            "id": "x7",
            "slug": "a",
            "name": "Renamed",
            "metadata": METADATA,
            "enabled": True,
            "settings": SHOWN,
            "writeKeys": [],
        },
        {
            "slug": "a",
            "metadata_id": "m",
            "enabled": True,
            "settings": SETTINGS,
            "disconnect_all_warehouses": True,
        },
        {"metadata_id": "n", "enabled": False, "settings": {**SETTINGS, "host": "db2"}},
        {"password": "hush"},
    ),
    "CreateTrackingPlan": Case(
        "/tracking-plans",
        "trackingPlans",
        {"id": "x7", "name": "A", "type": "LIVE", "description": "d", "slug": "a"},
        {"name": "A", "type": "LIVE", "description": "d"},
        {"description": "e"},
    ),
    "CreateTransformation": Case(
        "/transformations",
        "transformations",
        {
            "id": "x7",
            "sourceId": "s",
            "destinationMetadataId": "m",
            "name": "A",
            "enabled": True,
            "if": "a",
            "drop": False,
            "newEventName": "E",
            "propertyRenames": [{"oldName": "a", "newName": "b"}],
            "propertyValueTransformations": [],
            "allowProperties": ["b", "a"],
            "hashPropertiesConfiguration": {"algorithm": "sha256", "encoding": "HEX", "paths": ["b", "a"]},
        },
        {
            "source_id": "s",
            "destination_metadata_id": "m",
            "name": "A",
            "enabled": True,
            "if_": "a",
            "drop": False,
            "new_event_name": "E",
            "property_renames": [{"oldName": "a", "newName": "b"}],
            "property_value_transformations": None,
            "fql_defined_properties": [],
            "allow_properties": ["a", "b"],
            "hash_properties_configuration": {"algorithm": "sha256", "paths": ["a", "b"]},
        },
        {
            "destination_metadata_id": "n",
            "enabled": False,
            "if_": "b",
            "drop": True,
            "new_event_name": "F",
            "property_renames": [{"oldName": "a", "newName": "c"}],
            "property_value_transformations": [{"propertyPaths": ["a"], "propertyValue": "1"}],
            "fql_defined_properties": [{"fql": "a", "propertyName": "b"}],
            "allow_properties": ["a"],
            "hash_properties_configuration": {"algorithm": "sha512", "paths": ["a"]},
        },
    ),
    "CreateUserGroup": Case("/groups", "userGroups", {"id": "x7", "name": "A"}, {"name": "A"}, {}),
    "CreateWarehouse": Case(
        "/warehouses",
        "warehouses",
        {"id": "x7", "metadata": METADATA, "enabled": True, "settings": {"name": "A", **SHOWN}},
        {
            "metadata_id": "m",
            "name": "A",
            "enabled": True,
            "settings": SETTINGS,
            "disconnect_all_sources": True,
        },
        {"enabled": False, "settings": {**SETTINGS, "host": "db2"}},
        {"password": "hush"},
    ),
}


def operator_of(name: str) -> Any:
    return getattr(operators, f"Segment{name}Operator")


def updatable() -> Iterator[str]:
    for name in DECLARED:
        operator = getattr(operators, name)
        if issubclass(operator, SegmentCreateOperator) and hasattr(operator, "updated_by"):
            yield name.removeprefix("Segment").removesuffix("Operator")


def operation_of(operator: Any) -> Any:
    return next(entry for entry in TABLE.values() if entry["endpoint"] == operator.endpoint)


def body_of(operator: Any) -> set[str]:
    """The members of a body, as the facts of the API have them; below `settings` they are not Segment's."""
    names = {name for name, (place, *_) in operation_of(operator)["parameters"].items() if place == "body"}
    return {name.removeprefix("input.") for name in names}


def set_at_creation(name: str) -> set[str]:
    """The arguments, and members of them, that only the create has: from the facts, not the declarations."""
    operator = operator_of(name)
    arguments = {field.wire_name: argument for argument, field in operator.fields.items()}
    only = body_of(operator) - body_of(operator.updated_by)
    found = {
        re.sub(r"^\w+", lambda top: arguments[top[0]], wire)
        for wire in only
        if "[" not in wire and wire.rpartition(".")[0] not in only
    }
    if name == "CreateDestinationSubscription":
        found.remove("model_id")  # the update has it under another name
    if name == "CreateCredential":
        found.add("settings.type")  # by the documentation of the update
    return found


def changeable(name: str) -> set[str]:
    operator = operator_of(name)
    body = {argument for argument, field in operator.fields.items() if field.place == "body"}
    return body - set_at_creation(name)


# What identifies a resource, or what the list was asked for, never differs. An instruction is no state.
NEVER_DIFFERENT = {
    "AddActivationToAudience": {"activation_name", "perform_resync"},
    "AddDestinationToAudience": {"destination"},
    "CreateAudience": {"name"},
    "CreateComputedTrait": {"name"},
    "CreateCredential": {"name"},
    "CreateDestination": {"source_id", "metadata_id", "name"},
    "CreateDestinationSubscription": {"name"},
    "CreateFilterForDestination": {"source_id", "title"},
    "CreateFilterForSpace": {"integration_id", "name"},
    "CreateFunction": {"resource_type", "display_name"},
    "CreateInsertFunctionInstance": {"function_id", "integration_id", "name"},
    "CreateProfilesWarehouse": {"metadata_id", "name", "schema_name"},
    "CreateReverseEtlModel": {"source_id", "name"},
    "CreateSource": {"slug", "disconnect_all_warehouses"},
    "CreateTrackingPlan": {"name", "type"},
    "CreateTransformation": {"source_id", "name"},
    "CreateUserGroup": {"name"},
    "CreateWarehouse": {"metadata_id", "name", "disconnect_all_sources"},
}


@dataclass
class Existing:
    """A scripted API in which the resource of a case exists."""

    api: ScriptedAPI
    run_task: RunTask
    name: str
    ignores: set[str] = field(default_factory=set)  # members that updates take and do not change
    item: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        case = CASES[self.name]
        self.item = copy.deepcopy(case.there)
        hidden = ("code", "settings") if self.name == "CreateFunction" else ()
        self.api.answers["GET /"] = {"workspace": {"id": "w", "name": "Acme"}}
        self.api.answers[f"GET {case.path}"] = lambda _: {
            case.key: [{name: value for name, value in self.item.items() if name not in hidden}]
        }
        self.api.answers[f"GET {self.item_path}"] = lambda _: {operator.read_by.returns: self.item}
        operator = operator_of(self.name)
        self.api.answers[f"PATCH {self.item_path}"] = self.update

    @property
    def item_path(self) -> str:
        path = CASES[self.name].path.replace("/sources/s/connected-destinations", "/destinations")
        return f"{path}/x7"

    def update(self, request: Request) -> Any:
        operator = operator_of(self.name)
        body = request.body["input"] if operator.updated_by.envelope else request.body
        for name, value in copy.deepcopy(body).items():
            name = "modelId" if name == "reverseETLModelId" else name
            if name in self.ignores:
                continue
            merges = name in operator.merged and isinstance(value, dict)
            self.item[name] = {**self.item[name], **value} if merges else value
        if "password" in (self.item.get("settings") or ()):
            self.item["settings"]["password"] = "••••••••hush"
        returns = operator.updated_by.returns
        if returns is None:
            return {"destination": {"id": "x7"}, **{name: self.item[name] for name in body}}
        return {returns: "SUCCESS" if returns == "status" else self.item}

    def run(self, if_exists: str = "update", **changed: Any) -> TaskRun:
        arguments = {**CASES[self.name].arguments, **changed}
        return self.run_task(operator_of(self.name)(task_id="t", if_exists=if_exists, **arguments))

    @property
    def writes(self) -> list[Request]:
        return [request for request in self.api.requests if request.method != "GET"]


@pytest.fixture
def existing(run_task: RunTask, scripted_api: ScriptedAPI, name: str) -> Existing:
    return Existing(scripted_api, run_task, name)


def with_all(which: Any) -> Any:
    return pytest.mark.parametrize(
        ("name", "argument"),
        [(name, argument) for name in CASES for argument in sorted(which(name) - NEVER_DIFFERENT[name])],
    )


def test_every_create_is_here() -> None:
    assert set(CASES) == set(NEVER_DIFFERENT) == set(updatable())


@pytest.mark.parametrize("name", CASES)
def test_every_argument_is_here(name: str) -> None:
    others = CASES[name].others.keys()
    assert others == (changeable(name) | set_at_creation(name)) - NEVER_DIFFERENT[name]
    body = {argument for argument, field in operator_of(name).fields.items() if field.place == "body"}
    assert body <= CASES[name].arguments.keys()


@pytest.mark.core
@pytest.mark.parametrize("name", CASES)
def test_nothing_differs_and_nothing_is_sent(existing: Existing, name: str) -> None:
    run = existing.run()
    assert run.state == "success", run.error
    assert existing.writes == []
    assert run.xcom == operator_of(name)(task_id="t", **CASES[name].arguments).adopted(existing.item)


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_given_is_not_compared(existing: Existing, name: str) -> None:
    operator = operator_of(name)
    keys = {*operator.natural_key}
    given = {
        argument: value
        for argument, value in CASES[name].arguments.items()
        if operator.fields[argument].default is REQUIRED or argument in keys
    }
    run = existing.run_task(operator(task_id="t", if_exists="update", **given))
    assert run.state == "success", run.error
    assert existing.writes == []


@with_all(changeable)
def test_only_what_differs_is_sent(existing: Existing, name: str, argument: str) -> None:
    operator, case = operator_of(name), CASES[name]
    run = existing.run(**{argument: case.others[argument]})
    assert run.state == "success", run.error
    [request] = existing.writes
    sent = request.body["input"] if operator.updated_by.envelope else request.body
    fields = operator.updated_by.fields
    wire_name = "reverseETLModelId" if argument == "model_id" else operator.fields[argument].wire_name
    value = case.others[argument]
    if argument in operator.merged:
        value = {"host": "db2"}
    assert sent.pop(wire_name) == value
    if operator.replaces:
        kept = ("integrationId", "enabled", "name", "description", "if", "drop")
        assert sent == {other: case.there[other] for other in kept if other != wire_name}
        return
    required = {
        field.wire_name: case.arguments[name]
        for name, field in fields.items()
        if field.place == "body" and (field.default is REQUIRED or name in operator.instructions)
    }
    required.pop(wire_name, None)
    assert sent == required
    # Now that it is there, nothing differs any more.
    existing.api.requests.clear()
    assert existing.run(**{argument: case.others[argument]}).state == "success"
    assert existing.writes == []


@with_all(set_at_creation)
def test_what_is_set_at_creation_only(existing: Existing, name: str, argument: str) -> None:
    value = CASES[name].others[argument]
    run = existing.run(**{argument.partition(".")[0]: value})
    assert run.state == "failed"
    assert existing.writes == []
    error = str(run.error)
    assert isinstance(run.error, AirflowFailException)
    assert "can be set at creation only" in error
    assert argument in error
    assert "(id x7)" in error
    leaf = value[argument.partition(".")[2]] if "." in argument else value
    if isinstance(leaf, dict):
        [leaf] = leaf.values()
    assert (f"asked for {leaf!r}" in error) == (argument != "settings.type")  # settings may be secrets


@with_all(set_at_creation)
def test_skip_says_what_is_set_at_creation_only(existing: Existing, name: str, argument: str) -> None:
    run = existing.run("skip", **{argument.partition(".")[0]: CASES[name].others[argument]})
    assert run.state == "success", run.error
    assert f"It differs in what can be set at creation only: {argument}" in run.log
    assert existing.writes == []


@pytest.mark.parametrize("name", CASES)
def test_skip_is_silent_about_everything_else(existing: Existing, name: str) -> None:
    others = {argument: CASES[name].others.get(argument) for argument in changeable(name)}
    run = existing.run("skip", **{argument: value for argument, value in others.items() if value})
    assert run.state == "success", run.error
    assert "differs" not in run.log
    assert existing.writes == []


@with_all(changeable)
def test_an_update_that_changes_nothing_fails(existing: Existing, name: str, argument: str) -> None:
    existing.ignores = {operator_of(name).fields[argument].wire_name}
    run = existing.run(**{argument: CASES[name].others[argument]})
    assert run.state == "failed"
    assert len(existing.writes) == 1
    assert "Segment accepted the update of x7, but has not changed" in str(run.error)
    assert argument in str(run.error)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.secret])
def test_a_secret_is_sent_each_time_and_never_shown(existing: Existing, name: str) -> None:
    settings = {**CASES[name].arguments["settings"], **CASES[name].secret}
    for _ in range(2):
        run = existing.run(settings=settings)
        assert run.state == "success", run.error
    assert len(existing.writes) == 2
    operator = operator_of(name)
    expected = CASES[name].secret if operator.merged else settings
    assert existing.writes[0].body == {"settings": expected}
    existing.ignores = {"settings"}
    run = existing.run(settings={**settings, "host": "hush-hush"})
    assert "settings.host" in str(run.error)
    assert "hush-hush" not in str(run.error)


@pytest.mark.parametrize("name", ["CreateDestination"])
@pytest.mark.parametrize(("shown", "sent"), [("db", True), ("localhost", False), (None, False), ("", False)])
def test_a_setting_that_is_unset_has_the_default_of_the_catalog(
    existing: Existing, name: str, shown: Any, sent: bool
) -> None:
    existing.item["settings"] = {"host": shown}
    run = existing.run(settings={"host": None})
    assert bool(existing.writes) == sent
    assert run.state == "success", run.error


@pytest.mark.parametrize("name", ["CreateDestination"])
@pytest.mark.parametrize(
    ("asked", "kept"),
    [("5432", 5432), (True, "true"), ("Db ", "db"), ([1], ["1"])],
)
def test_a_value_in_a_form_of_segments_own_is_taken(
    existing: Existing, name: str, asked: Any, kept: Any
) -> None:
    existing.ignores = {"settings"}
    existing.item["settings"] = {"host": kept}
    run = existing.run(settings={"host": asked})
    assert run.state == "success", run.error


@pytest.mark.parametrize("name", ["CreateDestination"])
def test_a_value_that_segment_turns_into_another_is_told(existing: Existing, name: str) -> None:
    def rewrite(request: Request) -> Any:
        existing.item["settings"] = {"host": "db.example.com"}
        return {"destination": existing.item}

    existing.api.answers["PATCH /destinations/x7"] = rewrite
    run = existing.run(settings={"host": "db9"})
    assert run.state == "success", run.error
    assert "Segment keeps another value than was sent: settings.host" in run.log
