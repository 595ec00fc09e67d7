"""Sources, their labels, live plugins and transformations."""

from __future__ import annotations

import pytest

from tests.public_api.scenario import EVENTS, Scenario, Step, ids

core = pytest.mark.core


@core
def test_sources(go: Scenario) -> None:
    source = go.source()
    assert go("GetSource", source_id=source.id).value["source"]["slug"] == "shop"
    others = [go.source(f"shop-{number}") for number in range(3)]
    assert ids(go.lists("ListSources"))[1:] == [step.value["id"] for step in (source, *others)]

    updated = go("UpdateSource", source_id=source.id, name="Shop", enabled="{{ 1 == 2 }}").value
    assert (updated["name"], updated["enabled"], updated["slug"]) == ("Shop", False, "shop")
    unset = {"settings": {"websiteUrl": "x", "apiHost": None}}
    go("UpdateSource", source_id=source.id, settings={"apiHost": "h"})
    assert go("UpdateSource", source_id=source.id, **unset).value["settings"] == {"websiteUrl": "x"}

    label = {"key": "team", "value": "a b/c"}
    go("CreateLabel", **label)
    assert go("AddLabelsToSource", source_id=source.id, labels=[label]).value == [label]
    assert go("ReplaceLabelsInSource", source_id=source.id, labels=[]).value == []

    go("UpdateSchemaSettingsInSource", source_id=source.id, track={"allowUnplannedEvents": False})
    settings = go("ListSchemaSettingsInSource", source_id=source.id).value["settings"]
    assert settings["track"]["allowUnplannedEvents"] is False
    assert settings["track"]["allowEventOnViolations"] is True

    (old,) = go.sandbox.state.collections["/sources"][source.value["id"]]["writeKeys"]
    shown = go("CreateWriteKeyForSource", source_id=source.id).value["writeKeys"]
    assert [len(shown), shown[0]] == [2, f"•••{old[-4:]}"]
    go.deletes("RemoveWriteKeyFromSource", source_id=source.id, write_key=old)
    assert len(go("GetSource", source_id=source.id).value["source"]["writeKeys"]) == 1

    go.deletes("DeleteSource", source_id=source.id)
    go.gone("GetSource", source_id=source.id)
    go.gone("UpdateSource", source_id=source.id, name="x")


def test_labels(go: Scenario) -> None:
    labels = [{"key": "team", "value": value, "description": "d"} for value in ("ä/ö", "b c", "100%")]
    for label in labels:
        assert go("CreateLabel", **label).value == label
    assert go("ListLabels").value == labels
    assert go("CreateLabel", **labels[0], if_exists="skip").value == labels[0]
    go.deletes("DeleteLabel", key="team", value="ä/ö")
    assert go("ListLabels").value == labels[1:]


def test_live_plugins(go: Scenario) -> None:
    source = go.source()
    assert go("CreateLivePlugin", source_id=source.id, code="1").value["version"] == 1
    assert go("CreateLivePlugin", source_id=source.id, code="2").value["version"] == 2
    assert go("GetLatestFromLivePlugins", source_id=source.id).value["code"] == "2"
    go.deletes("DeleteLivePluginCode", source_id=source.id)
    go.gone("GetLatestFromLivePlugins", source_id=source.id)


def test_transformations(go: Scenario) -> None:
    source = go.source()

    def create(name: str) -> Step:
        rename = [{"oldName": "a", "newName": "b"}]
        arguments = {"source_id": source.id, "enabled": True, "if_": EVENTS, "property_renames": rename}
        return go("CreateTransformation", name=name, **arguments)

    transformation = create("Rename")
    one = {"transformation_id": transformation.id}
    assert go("GetTransformation", **one).value == transformation.value
    create("A"), create("B")
    assert [each["name"] for each in go.lists("ListTransformations")] == ["Rename", "A", "B"]
    updated = go("UpdateTransformation", **one, name="Drop", drop=True).value
    assert (updated["name"], updated["drop"], updated["if"]) == ("Drop", True, EVENTS)
    go.deletes("DeleteTransformation", **one)
    go.gone("GetTransformation", **one)
