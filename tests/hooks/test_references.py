"""Names instead of ids: each kind, in each argument that holds its id."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, BaseOperator

from airflow_provider_segment import operators, sensors
from airflow_provider_segment.errors import SegmentConfigurationError, SegmentNotFoundError
from airflow_provider_segment.hooks.references import References
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.references import KINDS, kinds_for, read, ref
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.transfers.sql_to_segment import SqlToSegmentOperator
from tests.harness.sandbox_api import AMPLITUDE, POSTGRES_WAREHOUSE, WEBHOOKS, Api, ago, create
from tests.harness.task_runner import RunTask

pytestmark = pytest.mark.core

TASKS: list[Any] = [
    *(getattr(module, name) for module in (operators, sensors) for name in dir(module)),
    SqlToSegmentOperator,
]

NO_NAME = {
    "collection_id": "Customer Insights names it itself",
    "connection_id": "of an audience with a destination; only its id is known",
    "external_id": "of a profile",
    "id of /audiences/previews/{id}": "previews are not listed",
    "preview_id": "previews are not listed",
    "regulate_id": "regulations have no name",
    "schedule_id": "schedules have no name",
    "sync_id": "syncs have no name",
    "version_id": "versions have no name",
    **dict.fromkeys(
        ("anonymous_id", "group_id", "message_id", "message_ids", "previous_id", "subject_ids"),
        "of people and events, not of Segment's resources",
    ),
    "user_id": "in an event: of a person",
    "user_ids": "of people whose data is deleted",
}
"""Arguments that are ids of what has no name, and why."""


def test_each_id_of_an_argument_may_be_a_name_or_has_none() -> None:
    unknown = set()
    for task in TASKS:
        endpoint = getattr(task, "endpoint", "")
        for name in getattr(task, "fields", {}):
            if not re.search(r"(^|_)ids?$", name) or name.endswith("conn_id"):
                continue
            excepted = name in NO_NAME or any(
                one.startswith(f"{name} of ") and one.partition(" of ")[2] in endpoint for one in NO_NAME
            )
            if not kinds_for(name, endpoint) and not excepted:
                unknown.add((task.__name__, name))
    assert not unknown


def test_each_declaration_is_of_an_argument_that_exists() -> None:
    taken = {(name, getattr(task, "endpoint", "")) for task in TASKS for name in getattr(task, "fields", {})}
    in_bodies = {"role_id"}
    for kind, declared in KINDS.items():
        for one in declared.takes:
            argument, _, part = one.partition(" of ")
            assert argument in in_bodies or any(
                name == argument and part in endpoint for name, endpoint in taken
            ), (kind, one)


SOURCE = {"metadataId": "iUM16Md8P2", "enabled": True, "settings": {}}
MODEL = {"description": "", "enabled": True, "query": "x", "queryIdentifierColumn": "id"}


def new(path: str, body: dict[str, Any]) -> str:
    return str(create(path, **body))


@pytest.fixture
def names(sandbox: Sandbox, api: Api) -> dict[str, tuple[Any, str]]:
    """A reference to one thing of each kind, and its id; where possible there is another of the same name."""
    made: dict[str, tuple[Any, str]] = {}
    for shop in ("web", "shop"):
        source = new("/sources", {**SOURCE, "slug": shop})
        made["source"] = ref("source", shop), source
        of_source = {"sourceId": source, "settings": {}, "name": "Clicks/Views"}
        webhook = new("/destinations", {**of_source, "metadataId": WEBHOOKS})
        destination = new("/destinations", {**of_source, "metadataId": AMPLITUDE})
        of_destination = ref("destination", shop, "Clicks/Views", type="actions-amplitude")
        metadata = api("GET", f"/destinations/{destination}")["destination"]["metadata"]
        of_destination = ref("destination", shop, "Clicks/Views", type=metadata["slug"])
        made["destination"] = of_destination, destination
        made["destination_metadata"] = ref("destination_metadata", metadata["slug"]), AMPLITUDE
        action = metadata["actions"][0]
        made["destination_action"] = ref("destination_action", metadata["slug"], action["slug"]), action["id"]
        for at in (webhook, destination):
            (other, *_) = api("GET", f"/destinations/{at}")["destination"]["metadata"]["actions"]
            body = {"name": "Orders", "enabled": True, "actionId": other["id"], "trigger": 'type = "track"'}
            mapping = new(f"/destinations/{at}/subscriptions", body)
            body = {
                "sourceId": source,
                "title": "No tests",
                "if": "all",
                "enabled": True,
                "actions": [{"type": "DROP"}],
            }
            filter_id = new(f"/destination/{at}/filters", body)
        made["subscription"] = ref("subscription", of_destination, "Orders"), mapping
        made["destination_filter"] = ref("destination_filter", of_destination, "No tests"), filter_id
        model = new("/reverse-etl-models", {**MODEL, "sourceId": source, "name": "Churn"})
        made["reverse_etl_model"] = ref("reverse_etl_model", f"{shop}/Churn"), model
        rule = {"name": "Renamed", "sourceId": source, "enabled": True, "if": "all", "newEventName": "x"}
        made["transformation"] = ref("transformation", shop, "Renamed"), new("/transformations", rule)
    for name in ("Shop", "Lake/1"):
        settings = {"settings": {"name": name}, "metadataId": POSTGRES_WAREHOUSE}
        made["warehouse"] = ref("warehouse", name), new("/warehouses", settings)
        of_space = f"/spaces/{sandbox.space_id}"
        made["profiles_warehouse"] = (
            ref("profiles_warehouse", "{}", name),
            new(f"{of_space}/profiles-warehouses", {**settings, "schemaName": "p"}),
        )
        made["tracking_plan"] = (
            ref("tracking_plan", name),
            new("/tracking-plans", {"name": name, "type": "LIVE"}),
        )
        function = {"code": "1", "displayName": name, "resourceType": "DESTINATION"}
        made["function"] = ref("function", name, type="DESTINATION"), new("/functions", function)
        inserted = new("/functions", {**function, "resourceType": "INSERT_DESTINATION"})
        instance = {
            "integrationId": "d",
            "name": "Hash",
            "enabled": True,
            "settings": {},
            "functionId": inserted,
        }
        made["insert_function_instance"] = (
            ref("insert_function_instance", ref("function", name, type="INSERT_DESTINATION"), "Hash"),
            new("/insert-function-instances", instance),
        )
        credential = {"name": name, "settings": {"type": "Snowflake"}}
        made["credential"] = ref("credential", name), new("/credentials", credential)
        of_filter = {"integrationId": sandbox.space_id, "name": name, "if": "true"}
        made["space_filter"] = ref("space_filter", "{}", name), new("/filters", of_filter)
        made["user_group"] = ref("user_group", name), new("/groups", {"name": name})
        audience = {"name": name, "definition": {"query": "x"}, "audienceType": "USERS"}
        made["audience"] = ref("audience", "{}", name), new(f"{of_space}/audiences", audience)
        of_audience = f"{of_space}/audiences/{made['audience'][1]}"
        to = {"destination": {"id": destination, "type": "x"}}
        at = api("POST", f"{of_audience}/destination-connections", to)["connection"]["id"]
        activation = {"performResync": False, "activationType": "t", "activationName": "n"}
        made["activation"] = (
            ref("activation", "{}", name, "n"),
            new(f"{of_audience}/destination-connections/{at}/activations", activation),
        )
        trait = {"name": name, "enabled": True, "definition": {"query": "x", "type": "USERS"}}
        made["computed_trait"] = ref("computed_trait", "{}", name), new(f"{of_space}/computed-traits", trait)
    space = api("GET", f"/spaces/{sandbox.space_id}")["space"]
    made["space"] = ref("space", space["slug"]), space["id"]
    for kind, (reference, id) in made.items():
        made[kind] = reference.replace("{}", space["slug"]), id
    user, role = api("GET", "/users")["users"][-1], api("GET", "/roles")["roles"][-1]
    made["user"], made["role"] = (
        (ref("user", user["email"]), user["id"]),
        (ref("role", role["name"]), role["id"]),
    )
    for kind, key in (("source", "sourcesCatalog"), ("warehouse", "warehousesCatalog")):
        item = api("GET", f"/catalog/{kind}s")[key][-1]
        made[f"{kind}_metadata"] = ref(f"{kind}_metadata", item["slug"]), item["id"]
    return made


def lists(sandbox: Sandbox, path: str = "/sources") -> int:
    """How often a list was read."""
    return len([one for one in sandbox.requests if (one["method"], one["path"]) == ("GET", path)])


def test_each_kind(sandbox: Sandbox, names: dict[str, tuple[Any, str]]) -> None:
    assert set(names) == set(KINDS)
    references, before = References(SegmentHook()), lists(sandbox)
    assert {kind: references.id_of(reference) for kind, (reference, _) in names.items()} == {
        kind: id for kind, (_, id) in names.items()
    }
    assert lists(sandbox) == before + 1
    for kind, (reference, _) in names.items():
        unknown = reference.removesuffix("".join(re.findall(r"[?]type=[^/?]*$", reference))) + "x"
        with pytest.raises(SegmentConfigurationError, match=f"there is no {kind} .*There is '"):
            references.id_of(unknown)


def test_an_ambiguous_name_lists_what_it_may_be(names: dict[str, tuple[Any, str]]) -> None:
    references = References(SegmentHook())
    with pytest.raises(SegmentConfigurationError) as caught:
        references.id_of(ref("destination", "shop", "Clicks/Views"))
    assert names["destination"][1] in str(caught.value)
    for slug in ("actions-amplitude", "actions-webhook"):
        assert slug in str(caught.value)
    assert "2 are named 'Clicks/Views'" in str(caught.value)
    assert "add type=" in str(caught.value)
    with pytest.raises(SegmentConfigurationError, match="2 are named 'Shop'"):
        references.id_of(ref("function", "Shop"))
    with pytest.raises(SegmentConfigurationError, match="is no destination of the type 'x', but of"):
        references.id_of(ref("destination", "shop", "Clicks/Views", type="x"))
    with pytest.raises(SegmentConfigurationError, match="but 'shop': upper and lower case count"):
        references.id_of(ref("source", "Shop"))


@pytest.mark.parametrize("native", [False, True])
def test_a_task_takes_names_in_templates(
    run_task: RunTask, names: dict[str, tuple[Any, str]], sandbox: Sandbox, native: bool
) -> None:
    with DAG(
        "tests",
        schedule=None,
        render_template_as_native_obj=native,
        params=cast("Any", {"shop": "shop", "id": "ref:source:shop"}),
    ):
        by_name = operators.SegmentGetSourceOperator(
            task_id="a", source_id=ref("source", "{{ params.shop }}")
        )
        by_param = operators.SegmentGetSourceOperator(task_id="b", source_id="{{ params.id }}")
    for task in (by_name, by_param):
        run = run_task(task)
        assert run.xcom["source"]["id"] == names["source"][1], run.log
        assert run.rendered["source_id"] == "ref:source:shop"


def test_names_in_bodies(
    run_task: RunTask, names: dict[str, tuple[Any, str]], sandbox: Sandbox, api: Api
) -> None:
    group, source = names["user_group"][1], names["source"][1]
    before = lists(sandbox)
    run = run_task(
        operators.SegmentReplacePermissionsForUserGroupOperator(
            task_id="a",
            user_group_id=names["user_group"][0],
            permissions=[
                {"roleId": names["role"][0], "resources": [{"type": "SOURCE", "id": ref("source", shop)}]}
                for shop in ("shop", "web", "shop")
            ],
        )
    )
    assert run.state == "success", run.log
    [first, *_] = api("GET", f"/groups/{group}")["userGroup"]["permissions"]
    assert (first["roleId"], first["resources"][0]["id"]) == (names["role"][1], source)
    assert lists(sandbox) == before + 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"source_id": "ref:source:nowhere"}, "there is no source 'nowhere'. There is"),
        (
            {"source_id": "ref:warehouse:Till"},  # none that was made here: that is an error of the DAG
            r"source_id takes ref\('source', ...\), not ref:warehouse:Till",
        ),
        ({"source_id": "ref:sauce:Shop"}, "nothing of the kind 'sauce' has a name"),
        ({"source_id": "ref:source:"}, "a source is named as"),
    ],
)
def test_a_wrong_name_is_final(
    run_task: RunTask, names: dict[str, tuple[Any, str]], sandbox: Sandbox, arguments: Any, said: str
) -> None:
    run = run_task(operators.SegmentDeleteSourceOperator(task_id="a", retries=3, **arguments))
    assert run.state == "failed"
    assert isinstance(run.error, AirflowFailException)
    assert re.search(said, str(run.error))
    assert not [one for one in sandbox.requests if one["method"] == "DELETE"]


def test_a_misplaced_reference_is_an_error_of_the_dag() -> None:
    with pytest.raises(SegmentConfigurationError, match=r"source_id takes ref\('source', ...\)"):
        operators.SegmentGetSourceOperator(task_id="a", source_id=ref("warehouse", "Shop"))
    with pytest.raises(SegmentConfigurationError, match="name takes no reference"):
        operators.SegmentUpdateSourceOperator(task_id="a", source_id="s", name=ref("source", "shop"))
    with pytest.raises(ValueError, match="nothing of the kind 'shop' has a name"):
        ref("shop", "source")
    with pytest.raises(ValueError, match="a destination is named as"):
        ref("destination", "Amplitude")


@pytest.mark.parametrize("mode", [{}, {"mode": "reschedule"}, {"deferrable": True}])
def test_a_sensor_looks_names_up_once(
    run_task: RunTask, sandbox: Sandbox, names: dict[str, tuple[Any, str]], mode: dict[str, Any]
) -> None:
    sensor = sensors.SegmentEventVolumeSensor(
        task_id="wait",
        source_id=ref("source", "shop"),
        min_count=0,
        start="2026-01-01T00:00:00Z",
        poke_interval=0,
        timeout=600,
        **mode,
    )
    before = lists(sandbox)
    run = run_task.to_end(sensor)
    assert run.state == "success", run.log
    assert lists(sandbox) == before + 1


def test_ids_that_airflow_forgets_during_the_wait_are_looked_up_again(
    run_task: RunTask, sandbox: Sandbox, names: dict[str, tuple[Any, str]]
) -> None:
    """As the ``dag.test()`` of Airflow 2 does."""

    def new_sensor() -> sensors.SegmentEventVolumeSensor:
        return sensors.SegmentEventVolumeSensor(
            task_id="wait",
            source_id=ref("source", "shop"),
            min_count=0,
            start="2026-01-01T00:00:00Z",
            timeout=600,
            deferrable=True,
        )

    before = lists(sandbox)
    run = run_task(new_sensor())
    assert run.deferred and run.deferred.next_kwargs["ids"]
    run.deferred.next_kwargs = {}
    resumed = run_task.resume(new_sensor(), run)
    assert resumed.state == "success", resumed.log
    assert lists(sandbox) == before + 2


def test_a_rescheduled_sensor_keeps_the_ids(
    run_task: RunTask, sandbox: Sandbox, names: dict[str, tuple[Any, str]]
) -> None:
    sensor = sensors.SegmentEventVolumeSensor(
        task_id="wait",
        source_id=ref("source", "shop"),
        min_count=9,
        start=ago(hours=1),
        mode="reschedule",
        poke_interval=0,
        timeout=600,
    )
    before = lists(sandbox)
    run = run_task(sensor)
    assert run.state == "up_for_reschedule", run.log
    if run.state_store:  # Airflow 3.3 and later
        run = run_task(sensor, state_store=run.state_store)
        assert run.state == "up_for_reschedule", run.log
        assert lists(sandbox) == before + 1


def test_events_go_to_a_source_by_name(
    run_task: RunTask, sandbox: Sandbox, names: dict[str, tuple[Any, str]]
) -> None:
    event = {"type": "track", "event": "Order", "userId": "ref:source:shop"}
    run = run_task(
        operators.SegmentBatchEventsOperator(task_id="a", source_id=ref("source", "shop"), events=[event])
    )
    assert run.state == "success", run.log
    assert run.xcom["source_id"] == names["source"][1]


def test_parts_of_files_go_to_a_source_by_name(
    run_task: RunTask, sandbox: Sandbox, names: dict[str, tuple[Any, str]], tmp_path: Path
) -> None:
    events = [json.dumps({"type": "page", "userId": f"u{n}"}) for n in range(40)]
    (tmp_path / "a.jsonl").write_text("\n".join(events))
    cut = operators.SegmentPartitionEventsOperator(
        task_id="parts", path=str(tmp_path / "*.jsonl"), max_parts=2, min_part_bytes=1
    )
    parts = run_task(cut).xcom
    assert len(parts) == 2
    with DAG("tests", schedule=None):
        found = BaseOperator(task_id="parts").output
        arguments: Any = {"task_id": "send", "source_id": ref("source", "shop")}
        mapped = operators.SegmentBatchEventsOperator.partial(**arguments).expand(part=found)
        gather = operators.SegmentGatherReportsOperator(task_id="gather", parts=found, reports=mapped.output)
    xcoms: dict[Any, Any] = {("parts", "return_value"): parts}
    for index, part in enumerate(parts):
        run = run_task(operators.SegmentBatchEventsOperator(**arguments, part=part))
        assert run.state == "success", run.log
        xcoms["send", "return_value", index] = run.xcom
    report = run_task(gather, xcoms=xcoms).xcom
    assert (report["sent"], report["source_id"]) == (40, names["source"][1])
    assert {each.delivery.source_id for each in sandbox.state.accepted} == {names["source"][1]}


def test_rows_go_to_a_source_by_name(
    run_task: RunTask,
    sandbox: Sandbox,
    names: dict[str, tuple[Any, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where the name is needed before the query is rendered, because the watermark is of a source."""
    pytest.importorskip("airflow.providers.sqlite")
    with closing(sqlite3.connect(tmp_path / "shop.sqlite")) as database:
        database.execute("create table visits as select 'u1' as visitor, 7 as number")
        database.commit()
    connection = {"conn_type": "sqlite", "host": str(tmp_path / "shop.sqlite")}
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps(connection))
    given: Any = {
        "task_id": "send",
        "sql_conn_id": "shop",
        "mapping": {"type": "page", "userId": "$visitor"},
        "message_id_fields": ["number"],
        "source_id": ref("source", "{{ params.shop }}"),
    }
    load = {
        "watermark": "number",
        "initial_watermark": 0,
        "sql": "select * from visits where number > {{ watermark }}",
        "ledger_path": str(tmp_path / "ledger"),
    }
    before = lists(sandbox)
    for number, (how, sent) in enumerate([({"sql": "select * from visits"}, 1), (load, 1), (load, 0)], 1):
        with DAG("tests", schedule=None, params=cast("Any", {"shop": "shop"})):
            operator = SqlToSegmentOperator(**given, **how)
        run = run_task(operator)
        assert run.state == "success", run.log
        assert (run.xcom["source_id"], run.xcom["sent"]) == (names["source"][1], sent)
        assert lists(sandbox) == before + number


def test_parts_of_a_path_are_names(
    run_task: RunTask, sandbox: Sandbox, names: dict[str, tuple[Any, str]]
) -> None:
    def request(**arguments: Any) -> Any:
        return run_task(operators.SegmentRequestOperator(task_id="a", **arguments))

    in_path = {"source_id": ref("source", "shop")}
    run = request(path="/sources/{source_id}", path_params=in_path)
    assert run.xcom["source"]["id"] == names["source"][1], run.log
    run = request(path="/sources/{id}", path_params={"id": ref("source", "shop")})
    assert run.xcom["source"]["id"] == names["source"][1], run.log
    run = request(path="/spaces/{spaceId}", path_params={"spaceId": ref("source", "shop")})
    assert run.state == "failed"
    assert "path_params.spaceId takes ref('space', ...)" in str(run.error)


def test_the_hook_takes_ids(sandbox: Sandbox, names: dict[str, tuple[Any, str]]) -> None:
    """It finds nothing under a reference, and says so before it sends anything."""
    hook, source = SegmentHook(), ref("source", "shop")
    events = [{"type": "page", "userId": "u1"}]
    for method, arguments in {
        hook.get_write_key: {"source_id": source},
        hook.send_events: {"events": events, "source_id": source},
        hook.preview_events: {"events": events, "source_id": source},
    }.items():
        with pytest.raises(SegmentNotFoundError, match="ref%3Asource%3Ashop"):
            method(**arguments)
    with pytest.raises(SegmentNotFoundError, match="ref%3Atracking_plan%3AShop"):
        hook.send_events(events=events, tracking_plan_id=ref("tracking_plan", "Shop"))
    assert sandbox.accepted == []
    assert References(hook).id_of(source) == names["source"][1]


def test_names_are_text() -> None:
    assert type(ref("source", "shop")) is str, "else Airflow's DAG processor cannot send the DAG"
    for reference, read_as in {
        ref("destination", "shop/Clicks/Views"): ["shop", "Clicks/Views"],
        ref("destination", "a/b", "100%25?"): ["a/b", "100%25?"],
        ref("tracking_plan", "A/B 5%20"): ["A/B 5%20"],
        ref("destination", "a%2Fb/c"): ["a/b", "c"],
    }.items():
        assert [one.name for one in read(str(reference))[1]] == read_as
    assert ref("source", "{{ params.a / 2 }}") == "ref:source:{{ params.a / 2 }}"


def test_the_page_lists_each_kind() -> None:
    page = (Path(__file__).parents[2] / "docs" / "names.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    assert {kind: [parent, key, type] for kind, parent, key, type in rows} == {
        kind: [f"`{one.parent}`" if one.parent else "", f"`{one.key}`", f"`{one.type}`" if one.type else ""]
        for kind, one in KINDS.items()
    }
