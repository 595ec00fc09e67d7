"""The catalogue: everything is in it, with what its declaration says, and its examples are valid."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_segment import operators, sensors
from airflow_provider_segment.catalogue import Operation, operation_named, operations
from airflow_provider_segment.catalogue.declarations import class_of
from airflow_provider_segment.catalogue.types import text_of
from airflow_provider_segment.events.report import SendReport
from airflow_provider_segment.references import references_in
from airflow_provider_segment.tasks.declarative import Declarative
from airflow_provider_segment.version_compat import watches_assets

pytestmark = pytest.mark.core

REPORT = SendReport(
    source_id="SOURCE_ID", read=1, sent=1, started="2026-01-01T00:00:00Z", ended="2026-01-01T00:01:00Z"
).as_dict()
"""What a sender returned."""


def test_everything_is_in_it() -> None:
    names = set(operations())
    assert names >= {*dir(operators), *dir(sensors), "SqlToSegmentOperator", "SegmentNotifier"}
    assert {one.kind for one in operations().values()} == {
        "operator",
        "sensor",
        "transfer",
        "notifier",
        *(("trigger",) if watches_assets() else ()),
    }


def test_each_says_what_its_class_says() -> None:
    wrong = {name: found for name, one in operations().items() if (found := list(differences(one)))}
    assert wrong == {}


def differences(operation: Operation) -> Iterator[str]:
    """Where an operation is not as its class."""
    cls = class_of(operation)
    parameters = inspect.signature(cls.__init__).parameters
    for argument in operation.arguments:
        if not argument.description:
            yield f"{argument.name} has no description"
        if not argument.type or re.search("Annotated|ForwardRef|typing|Arg", argument.type):
            yield f"{argument.name} has the type {argument.type!r}"
        default = parameters[argument.name].default if argument.name in parameters else ...
        if default is not ... and argument.required != (default is inspect.Parameter.empty):
            yield f"{argument.name}: required is {argument.required}"
    if missing := getattr(cls, "fields", {}).keys() - {argument.name for argument in operation.arguments}:
        yield f"{missing} are missing"
    if not re.fullmatch(r"[A-Z][^\n]*", operation.summary) or ":param" in operation.description:
        yield operation.summary
    if operation.endpoint != getattr(cls, "endpoint", None):
        yield str(operation.endpoint)
    if json.loads(json.dumps(operation.as_dict()))["name"] != operation.name:
        yield "it is not JSON"


def test_each_example_can_be_pasted() -> None:
    """It is built as in a DAG file, and its arguments pass the operator's own check."""
    wrong = {}
    for name, operation in operations().items():
        try:
            build(operation)
        except Exception as error:
            wrong[name] = error
    assert wrong == {}


def build(operation: Operation) -> None:
    """Run the example of an operation."""
    scope = {"send": SimpleNamespace(output=[REPORT]), "parts": SimpleNamespace(output=[]), "vault": None}
    with DAG("pasted", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
        exec(compile(operation.example, operation.name, "exec"), scope)
    if operation.kind in ("operator", "sensor", "transfer"):
        [task] = dag.tasks
        assert type(task).__name__ == operation.name
        if isinstance(task, Declarative):
            know_names(task)
            task.arguments()
    else:
        assert not dag.tasks
    assert max(map(len, operation.example.splitlines())) < 110


def know_names(task: Any) -> None:
    """Have a task know the ids of what its arguments name, as if it had looked them up."""
    given = {name: getattr(task, name) for name in task.fields}
    found = [text for _, text in references_in(given, getattr(task, "endpoint", ""))]
    if found:
        task.references.known.update(dict.fromkeys(found, "id"))


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("SegmentListSyncsFromWarehouseOperator", "2 a minute"),
        ("SegmentCreateDownloadOperator", "120 a day"),
        ("SegmentListSourcesOperator", None),
    ],
)
def test_the_published_limit(name: str, limit: str | None) -> None:
    assert operations()[name].limit == limit


def test_what_waits() -> None:
    waiting = {name for name, one in operations().items() if one.waits}
    assert waiting >= {*dir(sensors), "SegmentRunReverseEtlSyncOperator", "SegmentDeleteUsersDataOperator"}
    assert "SegmentGetSourceOperator" not in waiting
    assert operations()["SegmentAudienceSensor"].deferrable
    assert operations()["SegmentCreateWriteKeyForSourceOperator"].stability == "alpha"


@pytest.mark.parametrize(
    "name",
    [
        *("SegmentGetSourceOperator", "GetSource", "get_source", " segment_get_source_operator "),
        "airflow_provider_segment.operators.SegmentGetSourceOperator",
    ],
)
def test_a_name_in_any_form(name: str) -> None:
    found = operation_named(name)
    assert found is not None
    assert found.name == "SegmentGetSourceOperator"


@pytest.mark.parametrize("words", ["", "group", "get source", "Get Source", "SegmentNothing", "_", "."])
def test_no_name(words: str) -> None:
    assert operation_named(words) is None


def test_shapes_are_shown() -> None:
    labels = {one.name: one for one in operations()["SegmentAddLabelsToSourceOperator"].arguments}
    assert labels["labels"].type == "list[{key: str, value: str, description?: str | None}]"
    assert labels["labels"].required
    assert labels["source_id"].description == "Id of the source."
    audience = operations()["SegmentGetAudienceOperator"]
    assert {one.name: one for one in audience.arguments}["id"].description == "Id of the audience."
    assert 'id=ref("audience", "shop/Big spenders")' in audience.example
    schedule = operations()["SegmentGetAudienceScheduleFromSpaceAndAudienceOperator"]
    assert 'schedule_id="SCHEDULE_ID"' in schedule.example
    assert text_of(dict[str, Any]) == "dict"


def test_nothing_heavy_is_imported() -> None:
    script = (
        "import sys; from airflow_provider_segment.catalogue import find_operations as find; find('source')\n"
        "heavy = ('polars', 'pyarrow', 'pyspark', 'duckdb', 'airflow_provider_segment.api.client')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip().endswith("[]")
