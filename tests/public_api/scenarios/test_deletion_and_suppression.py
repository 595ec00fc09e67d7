"""Deletion and suppression of people."""

from __future__ import annotations

from tests.public_api.scenario import Scenario, ids


def test_deletion_and_suppression(go: Scenario) -> None:
    people = {"subject_type": "USER_ID", "subject_ids": ["u1", "u2"]}
    suppress = go("CreateWorkspaceRegulation", regulation_type="SUPPRESS_ONLY", **people)
    assert [each["subjectIds"] for each in go.lists("ListSuppressions", 2)] == [["u1"], ["u2"]]
    of_source = {"source_id": go.sandbox.source_id, "regulation_type": "DELETE_INTERNAL", **people}
    regulation = go("CreateSourceRegulation", **of_source).value
    go("CreateCloudSourceRegulation", collection="users", **of_source)

    one = {"regulate_id": suppress.operator.output}
    assert go("GetRegulation", **one).value["overallStatus"] == "RUNNING"
    go.sandbox.advance_clock(10)
    assert go("GetRegulation", **one).value["overallStatus"] == "FINISHED"
    assert ids(go.lists("ListWorkspaceRegulations"))[:2] == [suppress.value, regulation]
    found = go("ListWorkspaceRegulations", status="FINISHED", regulation_types=["SUPPRESS_ONLY"]).value
    assert ids(found) == [suppress.value]
    # Its answer names no cursor: there is one page.
    assert len(go("ListRegulationsFromSource", source_id=go.sandbox.source_id).value) == 2
    go("CreateWorkspaceRegulation", regulation_type="UNSUPPRESS", **people)
    assert go("ListSuppressions").value == []
    go.gone("GetRegulation", regulate_id="nowhere")
