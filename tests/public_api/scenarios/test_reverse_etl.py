"""Reverse ETL models and syncs, and dbt."""

from __future__ import annotations

from tests.public_api.scenario import Scenario, Step


def test_reverse_etl(go: Scenario) -> None:
    source = go.source()
    model, subscription = go.model(source), go.subscription(go.destination(source))
    one = {"model_id": model.id}
    assert go("GetReverseEtlModel", **one).value == model.value
    go.model(source, "A"), go.model(source, "B")
    assert [each["name"] for each in go.lists("ListReverseEtlModels")] == ["Customers", "A", "B"]
    assert go("UpdateReverseEtlModel", **one, query="select 2").value["query"] == "select 2"

    def sync() -> Step:
        ends = {"source_id": source.id, "subscription_id": subscription.id}
        return go("CreateReverseEtlManualSync", **one, **ends)

    first = sync()
    running = {**one, "sync_id": first.part("syncId")}
    assert go("GetReverseEtlSyncStatus", **running).value["syncStatus"] == "IN_PROGRESS"
    assert go("CancelReverseEtlSyncForModel", **running, reason_for_canceling=1).value["status"]
    assert "errorCode" in go("CancelReverseEtlSyncForModel", **running).value
    second, third = sync(), sync()
    go.sandbox.advance_clock(10)
    done = go("GetReverseEtlSyncStatus", **one, sync_id=second.part("syncId")).value
    assert (done["syncStatus"], done["loadPhase"]["errorCode"]) == ("SUCCESS", "")
    name = "ListReverseEtlSyncStatusesFromModelAndSubscriptionId"
    syncs = go.lists(name, **one, subscription_id=subscription.id)
    assert [each["syncId"] for each in syncs] == [step.value["syncId"] for step in (third, second, first)]

    go.deletes("DeleteReverseEtlModel", **one)
    go.gone("GetReverseEtlModel", **one)


def test_dbt(go: Scenario) -> None:
    source = go.source()
    assert go("CreateDbtModelSyncTrigger", source_id=source.id).value["sourceId"] == source.value["id"]
    go.gone("CreateDbtModelSyncTrigger", source_id="nowhere")
