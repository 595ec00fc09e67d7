"""What an agent is offered: reads without secrets, and the writes that the DAG's author names."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("airflow.providers.common.ai", reason="the extra common-ai is not installed")

from jsonschema import Draft202012Validator

from airflow_provider_segment.catalogue import operations
from airflow_provider_segment.catalogue.declarations import class_of
from airflow_provider_segment.operators import (
    SegmentCreateSourceOperator,
    SegmentDeleteSourceOperator,
    SegmentGetCredentialOperator,
    SegmentListSuppressionsOperator,
    SegmentRequestOperator,
    SegmentRunReverseEtlSyncOperator,
    SegmentTrackOperator,
    SegmentUpdateSourceOperator,
)
from airflow_provider_segment.tasks.operation import SegmentOperator
from airflow_provider_segment.toolsets import SegmentToolset
from airflow_provider_segment.toolsets.offer import WITHHELD, Offer, is_read, operator_of
from airflow_provider_segment.toolsets.schemas import schema_of
from airflow_provider_segment.toolsets.tools import tools_for

REQUESTS = [each for operation in operations().values() if (each := operator_of(operation))]
READS = [each for each in REQUESTS if is_read(each)]
FIXED = {
    "segment_search",
    "segment_get",
    "segment_list",
    "segment_volume",
    "segment_delivery",
    "segment_explain_error",
}


def test_every_read_is_offered_or_withheld_for_a_reason() -> None:
    offer = Offer(())
    withheld = [each for each in READS if offer.tool_for(each) is None]
    assert [each for each in withheld if not offer.why_not(each).startswith("it ")] == []
    assert len(withheld) < len(READS) / 3
    for part in WITHHELD:
        assert [each for each in READS if part in each.__module__ or part in each.__name__], part


@pytest.mark.parametrize(
    "word", ["Credential", "Suppression", "Regulation", "Function", "LivePlugin", "Profile", "SampleValues"]
)
def test_what_is_withheld(word: str) -> None:
    """By the names of the operators; the warehouse that profiles are synced to holds none of them itself."""
    offered = {name for name in Offer(()).reads if word.lower() in name.replace("_", "")}
    assert offered <= {
        "list_profiles_warehouse_in_space",
        "list_selective_syncs_from_warehouse_and_space",
    }


def test_no_write_is_offered_unless_it_is_named() -> None:
    offer = Offer(())
    assert [each for each in REQUESTS if not is_read(each) and offer.tool_for(each)] == []
    assert set(tools_for(())) == FIXED
    assert [tool.name for tool in tools_for(()).values() if tool.writes] == []


def test_what_is_named_is_offered() -> None:
    allow = (SegmentUpdateSourceOperator, SegmentDeleteSourceOperator, SegmentGetCredentialOperator)
    tools = tools_for(allow)
    assert tools.keys() - FIXED == {"segment_update_source", "segment_delete_source"}
    assert [name for name, tool in tools.items() if tool.writes] == sorted(tools.keys() - FIXED, reverse=True)
    assert "get_credential" in tools["segment_get"].schema["properties"]["operation"]["enum"]
    also = tools_for((SegmentListSuppressionsOperator,))["segment_list"].schema["properties"]["operation"]
    assert "list_suppressions" in also["enum"]


class CreateShop(SegmentCreateSourceOperator):
    """Create the source of a shop."""


class Base(SegmentOperator):
    """An operator without an endpoint."""


def test_a_class_of_the_author_may_be_named() -> None:
    tool = tools_for((CreateShop,))["segment_create_shop"]
    assert tool.description == "Create the source of a shop."
    assert tool.schema["properties"].keys() == schema_of(SegmentCreateSourceOperator)["properties"].keys()


@pytest.mark.parametrize(
    "named",
    [
        "SegmentUpdateSourceOperator",
        SegmentUpdateSourceOperator(task_id="update", source_id="s"),
        SegmentRunReverseEtlSyncOperator,
        SegmentRequestOperator,
        SegmentTrackOperator,
        Base,
    ],
)
def test_what_cannot_be_a_tool_is_an_error_of_the_dag(named: Any) -> None:
    with pytest.raises(ValueError, match="allow takes classes of operators that are one request"):
        SegmentToolset(allow=(named,))


@pytest.mark.parametrize("operator", REQUESTS, ids=lambda operator: operator.operation_name())
def test_arguments_have_a_schema_with_descriptions(operator: Any) -> None:
    schema = schema_of(operator)
    Draft202012Validator.check_schema(schema)
    for name, property in schema["properties"].items():
        assert property["description"], name
        assert "title" not in property
    required = {
        name for name, field in operator.fields.items() if repr(field.default) == "<class 'inspect._empty'>"
    }
    assert set(schema.get("required", ())) == required
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("operator", REQUESTS, ids=lambda operator: operator.operation_name())
def test_files_connections_and_errors_are_not_the_agents(operator: Any) -> None:
    given = schema_of(operator)["properties"].keys()
    never = {"to_path", "response_filter", "segment_conn_id", "region", "raise_on_error", "page_size"}
    assert not given & never
    assert "if_exists" not in given, "a creation that is named would be an update that is not"
    assert not given & {"include_sample_values", "samples_count"}


def test_descriptions_are_those_of_the_declarations() -> None:
    [operation] = [one for one in operations().values() if class_of(one) is SegmentUpdateSourceOperator]
    said = {one.name: one.description for one in operation.arguments}
    properties = schema_of(SegmentUpdateSourceOperator)["properties"]
    assert properties["enabled"]["description"] == said["enabled"]
    assert properties["source_id"]["description"] == f"{said['source_id']} Or its name: ref:source:SOURCE"


@pytest.mark.parametrize("tool", sorted(FIXED))
def test_the_schemas_of_the_tools_are_valid_and_short(tool: str) -> None:
    schema = tools_for(())[tool].schema
    Draft202012Validator.check_schema(schema)
    assert len(str(schema)) < 9_000
    assert all(property["description"] for property in schema["properties"].values())
