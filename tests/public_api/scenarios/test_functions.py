"""Functions, their versions, deployments and instances."""

from __future__ import annotations

from tests.public_api.scenario import Scenario, Step


def test_functions(go: Scenario) -> None:
    function = go.function()
    one = {"function_id": function.id}
    assert go("GetFunction", **one).value["code"] == "1"
    for name in ("A", "B"):
        go.function(name)
    go.function("C", "DESTINATION")
    listed = go.lists("ListFunctions", resource_type="SOURCE")
    assert [each["displayName"] for each in listed] == ["Fun", "A", "B"]
    assert go("UpdateFunction", **one, code="2").value["code"] == "2"

    versions = go.lists("ListFunctionVersions", 2, **one)
    assert [each["code"] for each in versions] == ["1", "2"]
    old = {**one, "version_id": versions[0]["id"]}
    assert go("GetFunctionVersion", **old).value == versions[0]
    assert go("RestoreFunctionVersion", **old).value["code"] == "1"
    assert len(go.lists("ListFunctionVersions", **one)) == 3

    source = go("CreateSource", slug="fun", metadata_id=function.part("catalogId"))
    instance = f"sfn_{source.part('id')}"
    assert go("CreateFunctionDeployment", function_id=instance).value == {"status": "SUCCESS"}
    assert go("GetFunction", **one).value["isLatestVersion"] is True
    go("DeleteSource", source_id=source.id)
    go.deletes("DeleteFunction", **one)
    go.gone("GetFunction", **one)


def test_insert_functions(go: Scenario) -> None:
    secret = {"name": "key", "label": "", "description": "", "type": "STRING"}
    setting = {**secret, "required": True, "sensitive": True}
    function = go.function(resource_type="INSERT_DESTINATION", settings=[setting])
    destination = go.destination(go.source())

    def create(name: str) -> Step:
        ends = {"function_id": function.id, "integration_id": destination.id}
        return go("CreateInsertFunctionInstance", name=name, **ends, settings={"key": "hush", "a": 1})

    instance = create("Insert")
    one = {"instance_id": instance.id}
    assert go("GetInsertFunctionInstance", **one).value == instance.value
    assert "hush" not in str(instance.value)
    create("A"), create("B")
    listed = go.lists("ListInsertFunctionInstances", function_id=function.id)
    assert [each["name"] for each in listed] == ["Insert", "A", "B"]
    updated = go("UpdateInsertFunctionInstance", **one, enabled=True, settings={"a": 2}).value
    assert (updated["enabled"], updated["settings"]) == (True, {"a": 2})
    go.deletes("DeleteInsertFunctionInstance", **one)
    go.gone("GetInsertFunctionInstance", **one)
