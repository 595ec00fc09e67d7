"""The guides: their code runs, what they name exists, and the pages of operators are fresh."""

from __future__ import annotations

import json
import re
import runpy
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG
from pydantic import ValidationError

from airflow_provider_segment import operators
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.lazy import classes_of_modules
from airflow_provider_segment.references import ref
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Declarative
from airflow_provider_segment.triggers.asset_watchers import SegmentWarehouseSyncedTrigger
from tests.harness.ids import ids_given, triggers_of
from tests.harness.sandbox_api import POSTGRES, POSTGRES_WAREHOUSE, WEBHOOKS, create
from tests.harness.task_runner import RunTask

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
WITHOUT_AIRFLOW = ("sending_without_airflow.md", "spark.md")
"""Pages whose code is for other processes; their own tests run it."""
CODE = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
NEEDS = {
    r"^from airflow.sdk import": pytest.mark.skipif(
        version("apache-airflow") < "3", reason="shows what Airflow 2 has not"
    ),
    r"^from airflow_provider_segment.toolsets import": pytest.mark.skipif(
        find_spec("pydantic_ai") is None, reason="the extra common-ai is not installed"
    ),
}
"""What code needs that imports something."""
BLOCKS = [
    pytest.param(
        code,
        id=f"{page.relative_to(ROOT)}-{number}",
        marks=[mark for line, mark in NEEDS.items() if re.search(line, code, re.MULTILINE)],
    )
    for page in PAGES
    if page.name not in WITHOUT_AIRFLOW
    for number, code in enumerate(CODE.findall(page.read_text()), 1)
]
YESTERDAY = datetime.now(timezone.utc) - timedelta(days=1)
EXAMPLES = [
    block for block in BLOCKS if str(block.id).startswith("docs/") and "with DAG(" not in str(block.values[0])
]
ALL_OPERATORS = {name for names in classes_of_modules(operators.__name__).values() for name in names}


def is_final(value: Any) -> bool:
    """Whether a value is what the operator will get: no template, no other task's output."""
    if isinstance(value, dict):
        return all(map(is_final, value.values()))
    if isinstance(value, list):
        return all(map(is_final, value))
    return "{{" not in value if isinstance(value, str) else not hasattr(value, "operator")


def documented(code: str, **params: str) -> DAG:
    """The DAG of a piece of code in the documentation."""
    with DAG("documented", schedule=None, start_date=datetime(2026, 1, 1), params=params) as dag:
        exec(compile(code, "documentation", "exec"), {"__name__": "documentation"})
    return dag


@pytest.mark.core
@pytest.mark.parametrize("code", BLOCKS)
def test_the_code_runs(code: str, segment_sandbox: Sandbox) -> None:
    """As when Airflow parses a DAG file; and the arguments, but for templates, are what Segment takes."""
    dag = documented(code)
    assert [
        wrong for task in dag.tasks if isinstance(task, Declarative) for wrong in wrong_arguments(task)
    ] == []


@pytest.mark.parametrize("code", BLOCKS)
def test_the_code_has_names_instead_of_ids(code: str) -> None:
    assert [(task.task_id, each) for task in documented(code).tasks for each in ids_given(task)] == []


def test_an_id_in_the_documentation_would_be_found() -> None:
    dag = documented(
        """
from airflow_provider_segment.operators import (
    SegmentAddDestinationToAudienceOperator,
    SegmentCreateSourceOperator,
    SegmentGetSourceOperator,
    SegmentRequestOperator,
)
from airflow_provider_segment.references import ref

source = SegmentCreateSourceOperator(task_id="source", slug="shop", metadata_id="iUM16Md8P2")
SegmentGetSourceOperator(task_id="param", source_id="{{ params.source_id }}")
SegmentGetSourceOperator(task_id="name", source_id=ref("source", "shop"))
SegmentGetSourceOperator(task_id="output", source_id=source.output["id"])
SegmentGetSourceOperator(task_id="pulled", source_id="{{ ti.xcom_pull('source')['id'] }}")
SegmentGetSourceOperator.partial(task_id="mapped").expand(source_id=["rh5BDZp6QDHvXFCkibm1pR"])
SegmentGetSourceOperator.partial(task_id="list").expand_kwargs([{"source_id": "rh5BDZp6QDHvXFCkibm1pR"}])
SegmentRequestOperator(task_id="path", path="/spaces/{id}", path_params={"id": "spa_sandboxSpace0001"})
SegmentAddDestinationToAudienceOperator(
    task_id="body",
    space_id=ref("space", "shop"),
    audience_id=ref("audience", "shop/Buyers"),
    destination={"id": "5GFhvtz8fha42Cm5B85vd4", "type": "destination"},
)
"""
    )
    assert {task.task_id: ids for task in dag.tasks if (ids := ids_given(task))} == {
        "source": ["metadata_id: iUM16Md8P2"],
        "param": ["source_id: {{ params.source_id }}"],
        "mapped": ["source_id.0: rh5BDZp6QDHvXFCkibm1pR"],
        "list": ["source_id: rh5BDZp6QDHvXFCkibm1pR"],
        "path": ["path_params.id: spa_sandboxSpace0001"],
        "body": ["destination.id: 5GFhvtz8fha42Cm5B85vd4"],
    }


@pytest.mark.skipif(version("apache-airflow") < "3", reason="Airflow 2 has no watchers")
def test_an_id_of_an_asset_watcher_would_be_found() -> None:
    from airflow.sdk import Asset, AssetWatcher

    given = ["rh5BDZp6QDHvXFCkibm1pR", ref("warehouse", "Shop")]
    watchers = [
        AssetWatcher(name="synced", trigger=SegmentWarehouseSyncedTrigger(warehouse_id=each))
        for each in given
    ]
    dag = DAG("watching", schedule=Asset("segment://warehouses/Shop", watchers=watchers))
    assert [ids_given(trigger) for trigger in triggers_of(dag)] == [
        ["warehouse_id: rh5BDZp6QDHvXFCkibm1pR"],
        [],
    ]


@pytest.fixture
def params(segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """What the guides' code refers to: the workspace of a shop, a connection and a Variable."""
    database = {
        "host": "db",
        "port": 5432,
        "schema": "segment",
        "login": "segment",
        "password": "db-password",
    }
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_WAREHOUSE", json.dumps({"conn_type": "postgres", **database}))
    monkeypatch.setenv("AIRFLOW_VAR_AMPLITUDE_API_KEY", "amplitude-key")
    hook, shop = SegmentHook(), segment_sandbox.source_id
    for job in ("regulation", "reverse_etl_sync"):
        segment_sandbox.scripts.add(job, seconds=0)  # the examples wait for these

    hook.request("PATCH", f"/sources/{shop}", json={"slug": "shop"})
    segment_sandbox.state.collections["/spaces"][segment_sandbox.space_id]["slug"] = "shop"  # only by hand
    create("/warehouses", metadataId=POSTGRES_WAREHOUSE, settings={**database, "name": "Shop"})
    create("/destinations", sourceId=shop, metadataId="60f9d0d048950c356be2e4da", settings={}, name="Braze")
    lake = create("/sources", slug="lake", enabled=True, metadataId=POSTGRES, settings={})
    webhook = create("/destinations", sourceId=lake, metadataId=WEBHOOKS, settings={}, name="Webhook")
    [send] = hook.request("GET", f"/destinations/{webhook}").data["destination"]["metadata"]["actions"]
    model = create(
        "/reverse-etl-models",
        sourceId=lake,
        name="Customers",
        description="",
        enabled=True,
        query="SELECT * FROM customers",
        queryIdentifierColumn="id",
    )
    mapping = {
        "name": "New customers",
        "actionId": send["id"],
        "trigger": 'event = "new"',
        "enabled": True,
        "modelId": model,
    }
    create(f"/destinations/{webhook}/subscriptions", **mapping)
    hook.request("POST", "/labels", json={"label": {"key": "team", "value": "shop"}})
    profile = (segment_sandbox.space_id, "users", "user_id:u1")
    segment_sandbox.profiles[profile] = {"traits": {"email": "jane@example.com"}, "events": []}
    return {
        "country": "de",
        "on": "true",
        "user_id": "u1",
        "folder": str(tmp_path),
    }


@pytest.mark.core
@pytest.mark.parametrize("code", EXAMPLES)
def test_the_example_works(run_task: RunTask, params: dict[str, str], code: str) -> None:
    """Each task through Airflow's task runner, against the sandbox."""
    xcoms: dict[tuple[str, str], Any] = {}
    for task in documented(code, **params).topological_sort():
        if isinstance(task, Declarative):
            run = run_task.to_end(task, xcoms=xcoms, logical_date=YESTERDAY)
            assert run.state == "success", (task.task_id, run.error)
            xcoms |= {(task.task_id, key): value for key, value in run.xcoms.items()}
    assert xcoms


def wrong_arguments(operator: Any) -> list[Any]:
    """What the check at run time would say, of all that it could know now."""
    given = {name: getattr(operator, name) for name in operator.fields}
    final = {name: value for name, value in given.items() if value is not NOT_GIVEN and is_final(value)}
    try:
        operator._checker(tuple(operator.fields)).validate_python(final)
    except ValidationError as error:
        later = given.keys() - final.keys()
        return [(operator.task_id, each) for each in error.errors() if each["loc"][0] not in later]
    return []


def test_a_wrong_argument_in_the_documentation_would_be_found() -> None:
    from airflow_provider_segment.operators import SegmentCreateTrackingPlanOperator

    def wrong(**arguments: Any) -> list[Any]:
        return wrong_arguments(SegmentCreateTrackingPlanOperator(task_id="plan", **arguments))

    assert wrong(name="{{ params.name }}", type="LIVE") == []
    [(task_id, error)] = wrong(name="{{ params.name }}", type="ALIVE")
    assert (task_id, error["loc"][0]) == ("plan", "type")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_operator_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"\bSegment\w+Operator\b", page.read_text()))
    assert named <= ALL_OPERATORS


def test_the_pages_of_operators_are_fresh() -> None:
    """Else: make docs."""
    made = runpy.run_path(str(DOCS / "make_operator_pages.py"))["pages"]()
    assert made == {
        str(page.relative_to(DOCS)): page.read_text()
        for page in [DOCS / "operators.md", *(DOCS / "operators").iterdir()]
    }
    listed = set(re.findall(r"^- \[`(\w+)`\]", made["operators.md"], re.MULTILINE))
    described = {name for page in made.values() for name in re.findall(r"^## (\w+)$", page, re.MULTILINE)}
    assert described >= listed >= ALL_OPERATORS


def test_the_page_of_errors_is_fresh() -> None:
    """Else: make docs."""
    made = runpy.run_path(str(DOCS / "make_error_page.py"))["page"]()
    assert (DOCS / "errors.md").read_text() == made


def test_llms_txt_is_fresh() -> None:
    """Else: make docs."""
    made = runpy.run_path(str(DOCS / "make_llms_txt.py"))["text"]()
    assert (DOCS / "llms.txt").read_text() == made
    assert set(re.findall(r"^- (\w+): ", made, re.MULTILINE)) >= ALL_OPERATORS
    linked = re.findall(r"^- \[.+?\]\((.+?)\): ", made, re.MULTILINE)
    assert {page.name for page in DOCS.glob("*.md")} <= set(linked)
    assert all((DOCS / target).exists() for target in linked)


def test_the_index_leads_to_every_guide() -> None:
    index = (DOCS / "README.md").read_text()
    assert [
        page.name for page in DOCS.glob("*.md") if page.name != "README.md" and f"({page.name})" not in index
    ] == []


def test_every_example_dag_is_quoted() -> None:
    text = "".join(page.read_text() for page in PAGES)
    for file in (ROOT / "example_dags").glob("[!_]*.py"):
        assert f"<!-- example_dags/{file.name}: {file.stem} -->" in text


def test_the_tests_of_refusals_exist() -> None:
    tests = list((ROOT / "tests").rglob("test_*.py"))
    known = {file.name for file in tests}
    for file in tests:
        known.update(re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE))
    named = re.findall(r"`(test_\w+(?:\.py)?)`", (DOCS / "refusals.md").read_text())
    assert named and [name for name in named if name not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_parts_of_other_pages_lead_somewhere(page: Path) -> None:
    for target, part in re.findall(r"\]\(([\w/.]+\.md)#([^)\s]+)\)", page.read_text()):
        headings = re.findall(r"^#+ (.*)$", (page.parent / target).read_text(), re.MULTILINE)
        names = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
        assert part in names, target
