"""What Airflow's database holds of this package: class paths, and the names and types of their fields.

Airflow stores them with each deferred task, each asset watcher and each DAG. Whoever upgrades the package
while tasks are deferred has rows of the old version: these must work with the new one.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from airflow.triggers.base import BaseTrigger

import airflow_provider_segment
from airflow_provider_segment.errors import SegmentConfigurationError, SegmentPollError
from airflow_provider_segment.provider_info import get_provider_info
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sensors import SegmentResourceSensor
from airflow_provider_segment.tasks.base import SegmentTask
from airflow_provider_segment.tasks.links import SegmentLink
from airflow_provider_segment.triggers.asset_watchers import SegmentWarehouseSyncedTrigger
from airflow_provider_segment.waiting.condition import Condition, Verdict, thaw
from tests.harness.task_runner import RunTask

pytestmark = pytest.mark.core

WHY = (
    "Airflow's database stores this path and these fields with deferred tasks and asset watchers. After an "
    "upgrade that moves or renames one of them, every task that is deferred at that moment is orphaned. Keep "
    "the old name working, or say in the changelog that tasks must not be deferred during the upgrade; only "
    "then change this list."
)
MOMENT = "2026-01-02T03:04:05Z"
WINDOW = {"start": MOMENT, "end": "2026-01-03T03:04:05Z", "lag": 60.0}

CONDITIONS: dict[str, dict[str, Any]] = {
    "airflow_provider_segment.verification.counts.SendVerified": {
        "sends": [
            {
                "source_id": "s",
                "start": MOMENT,
                "end": "2026-01-02T04:04:00Z",
                "read": 5,
                "rejected": 1,
                "sent": 3,
                "unsent": 1,
                "duplicates": 1,
                "left_out": 1,
                "brought": 2,
                "names": {"track E": 3},
            }
        ],
        "until": MOMENT,
        "final_after": 600.0,
        "limits": {"missing": 1, "share": 0.5, "filtered": True},
        "destination_ids": ["d"],
        "warehouse_id": "w",
    },
    "airflow_provider_segment.waiting.any_resource.ResourceHas": {
        "path": "/sources/a",
        "query": {"a": 1},
        "field": "source.enabled",
        "value": True,
        "any_value": False,
        "exists": True,
    },
    "airflow_provider_segment.waiting.audiences.AudienceComputed": {
        "space_id": "s",
        "audience_id": "a",
        "not_before": MOMENT,
    },
    "airflow_provider_segment.waiting.audiences.AudiencePreviewed": {"space_id": "s", "preview_id": "p"},
    "airflow_provider_segment.waiting.condition.Later": {"moment": MOMENT, "result": ["a"]},
    "airflow_provider_segment.waiting.delivery.Delivered": {
        "source_id": "s",
        "window": WINDOW,
        "expect": {"received": {"min": 1.0, "max": 2.0}, "delivered": {"min_rate": 0.5, "max_rate": 1.0}},
        "destination_id": "d",
        "event_name": "E",
        "event_type": "track",
    },
    "airflow_provider_segment.waiting.regulations.AllRegulated": {
        "groups": [{"regulate_id": "r", "first": 1, "last": 5000}],
        "on_unsupported": "accept",
        "on_partial": "fail",
    },
    "airflow_provider_segment.waiting.regulations.Regulated": {
        "regulate_id": "r",
        "on_unsupported": "fail",
        "on_partial": "accept",
    },
    "airflow_provider_segment.waiting.reverse_etl.ReverseEtlMappingSynced": {
        "model_id": "m",
        "subscription_id": "s",
        "since": MOMENT,
        "on_partial": "accept",
    },
    "airflow_provider_segment.waiting.reverse_etl.ReverseEtlSynced": {
        "model_id": "m",
        "sync_id": "s",
        "on_partial": "fail",
    },
    "airflow_provider_segment.waiting.volume.EventVolume": {
        "source_id": "s",
        "window": WINDOW,
        "event_name": "E",
        "event_type": "track",
        "min_count": 1,
        "max_count": 2,
    },
    "airflow_provider_segment.waiting.warehouses.WarehouseConnected": {"warehouse_id": "w"},
    "airflow_provider_segment.waiting.warehouses.WarehouseSynced": {
        "warehouse_id": "w",
        "since": MOMENT,
        "source_ids": ["s"],
        "on_partial": "wait",
        "on_failed": "fail",
    },
}

HOOK = {"region": "eu", "log_requests": True, "request_timeout": 5.0}
WATCHER = {"segment_conn_id": "segment_default", "poll_interval": 60.0, **HOOK}
TRIGGERS: dict[str, dict[str, Any]] = {
    "airflow_provider_segment.triggers.asset_watchers.SegmentAudienceUpdatedTrigger": {
        "space_id": "s",
        "audience_id": "a",
        **WATCHER,
    },
    "airflow_provider_segment.triggers.asset_watchers.SegmentAuditEventTrigger": {
        "resource_type": "SOURCE",
        "resource_id": "s",
        "event_types": ["Source Modified"],
        **WATCHER,
    },
    "airflow_provider_segment.triggers.asset_watchers.SegmentEventVolumeTrigger": {
        "source_id": "s",
        "count": 5,
        "event_name": "E",
        "event_type": "track",
        **WATCHER,
    },
    "airflow_provider_segment.triggers.asset_watchers.SegmentReverseEtlSyncedTrigger": {
        "model_id": "m",
        "subscription_id": "s",
        "outcomes": ["success"],
        **WATCHER,
    },
    "airflow_provider_segment.triggers.asset_watchers.SegmentWarehouseSyncedTrigger": {
        "warehouse_id": "w",
        "source_id": "s",
        "outcomes": ["success"],
        **WATCHER,
    },
    "airflow_provider_segment.triggers.segment.SegmentTrigger": {
        "condition": "airflow_provider_segment.waiting.warehouses.WarehouseConnected",
        "facts": {"warehouse_id": "w"},
        "segment_conn_id": "segment_default",
        "poll_interval": 30.0,
        "max_poll_failures": 30,
        "timeout": 60.0,
        "deadline": "2026-01-02T03:04:05+00:00",
        "on_kill_request": {"method": "POST", "path": "/a", "json": {}, "media_type": None},
        "execution_deadline": "2026-01-02T04:04:05+00:00",
        **HOOK,
    },
}
SINCE: dict[str, dict[str, Any]] = {
    "airflow_provider_segment.triggers.segment.SegmentTrigger": {
        "execution_deadline": None,
        **dict.fromkeys(HOOK),
    }
}
"""Arguments that rows of an earlier version lack, and what they are then. Others stay without them: Airflow
tells the triggers of assets apart by their arguments."""


def concrete(base: type) -> Iterator[type]:
    """The package's subclasses of a base that can be instantiated, in whatever module they are."""
    for module in pkgutil.walk_packages(airflow_provider_segment.__path__, "airflow_provider_segment."):
        if module.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith(("pyspark", "airflow.providers.common.ai")):
                raise  # those no condition needs
    found, bases = set(), [base]
    while bases:
        below = bases.pop().__subclasses__()
        bases += below
        found |= {cls for cls in below if cls.__module__.startswith("airflow_provider_segment.")}
    yield from sorted(found, key=path_of)


def path_of(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def named(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        pytest.fail(f"{path} is gone. {WHY}")


def test_every_condition_is_in_the_list() -> None:
    decided = [cls for cls in concrete(Condition) if "check" in vars(cls)]
    assert [path_of(cls) for cls in decided] == sorted(CONDITIONS), WHY


def test_every_trigger_is_in_the_list() -> None:
    made = [cls for cls in concrete(BaseTrigger) if not inspect.isabstract(cls)]
    assert [path_of(cls) for cls in made] == sorted(TRIGGERS), WHY


@pytest.mark.parametrize("path", CONDITIONS, ids=lambda path: path.rpartition(".")[2])
def test_a_stored_condition_can_be_restored(path: str) -> None:
    facts = json.loads(json.dumps(CONDITIONS[path]))
    fields = [field.name for field in msgspec.structs.fields(named(path))]
    assert sorted(fields) == sorted(facts), WHY
    assert thaw(path, facts).freeze() == (path, CONDITIONS[path]), WHY


@pytest.mark.parametrize("path", TRIGGERS, ids=lambda path: path.rpartition(".")[2])
def test_a_stored_trigger_can_be_restored(path: str) -> None:
    arguments = json.loads(json.dumps(TRIGGERS[path]))
    assert named(path)(**arguments).serialize() == (path, TRIGGERS[path]), WHY


@pytest.mark.parametrize("path", TRIGGERS, ids=lambda path: path.rpartition(".")[2])
def test_a_trigger_of_an_earlier_version_can_be_restored(path: str) -> None:
    since = SINCE.get(path, {})
    arguments = {name: value for name, value in TRIGGERS[path].items() if name not in {*since, *HOOK}}
    assert named(path)(**arguments).serialize() == (path, {**arguments, **since}), WHY


def test_the_method_that_resumes_a_task_is_stored(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    deferred = run_task(SegmentResourceSensor(task_id="t", path="/sources/a", deferrable=True)).deferred
    assert deferred and deferred.next_method == "resume", WHY
    deferring = [cls for cls in concrete(SegmentTask) if "deferrable" in inspect.signature(cls).parameters]
    assert len(deferring) > 10
    for cls in deferring:
        assert callable(getattr(cls, "resume", None)), f"{path_of(cls)}: {WHY}"


def test_the_key_of_a_watchers_progress_is_stored() -> None:
    """Under another key a watcher would forget which events it has emitted."""
    how: dict[str, Any] = {"poll_interval": 5.0, "log_requests": True, "request_timeout": 5.0}
    for options in ({}, how):
        watcher = SegmentWarehouseSyncedTrigger(warehouse_id="w", **options)
        assert watcher._key() == "segment_emitted_5246c206d57a5cd7", WHY
    other = SegmentWarehouseSyncedTrigger(warehouse_id="w", region="eu")
    assert other._key() != "segment_emitted_5246c206d57a5cd7"


def test_the_link_of_a_task_is_stored() -> None:
    path = "airflow_provider_segment.tasks.links.SegmentLink"
    assert path_of(SegmentLink) == path, WHY
    assert get_provider_info()["extra-links"] == [path], WHY
    assert (SegmentLink.name, SegmentLink.xcom_key) == ("Segment", "segment_link"), WHY


# --- rows of another version -------------------------------------------------------------------------------


class Mine(Condition, frozen=True, kw_only=True):
    """A user's own condition."""

    def check(self, now: Any) -> Any:
        return Verdict("done", "fine")
        yield


LATER = "airflow_provider_segment.waiting.condition.Later"
OF_ANOTHER_VERSION = {
    "no such module": ("airflow_provider_segment.waiting.gone.Later", {}),
    "no such class": ("airflow_provider_segment.waiting.condition.Gone", {}),
    "no path": ("Later", {}),
    "null": (None, {}),
    "a nested path": (f"{LATER}.Inner", {}),
    "no condition": ("airflow_provider_segment.waiting.condition.Verdict", {}),
    "no class": ("os.system", {}),
    "a missing field": (LATER, {"result": 1}),
    "an unknown field": (LATER, {"moment": MOMENT, "result": 1, "event_name": "E"}),
    "another type": (LATER, {"moment": "soon"}),
    "an unknown field within": (
        "airflow_provider_segment.waiting.volume.EventVolume",
        {"source_id": "s", "window": {**WINDOW, "zone": "UTC"}},
    ),
}


@pytest.mark.parametrize(("path", "facts"), OF_ANOTHER_VERSION.values(), ids=OF_ANOTHER_VERSION)
def test_a_row_of_another_version_ends_the_wait_with_a_clear_error(
    run_task: RunTask, segment_sandbox: Sandbox, path: str | None, facts: dict[str, Any]
) -> None:
    sensor = SegmentResourceSensor(task_id="t", path="/sources/a", deferrable=True, retries=1)
    run = run_task(sensor)
    assert run.deferred
    run.deferred.kwargs |= {"condition": path, "facts": facts}
    payload = run.deferred.fire()["event"]
    assert payload["status"] == "error"
    assert str(path) in payload["message"]
    assert (
        "Clear the task" in payload["message"] and airflow_provider_segment.__version__ in payload["message"]
    )
    run = run_task.resume(sensor, run, payload)
    assert run.state == "up_for_retry"  # the retry stores a condition of this version
    assert isinstance(run.error, SegmentPollError) and str(path) in str(run.error)


def test_a_condition_of_a_users_own_can_be_restored() -> None:
    mine = Mine()
    assert thaw(*mine.freeze()) == mine
    with pytest.raises(SegmentConfigurationError, match="Mine"):
        thaw(mine.freeze()[0], {"more": 1})
