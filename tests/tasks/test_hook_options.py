"""``region``, ``log_requests`` and ``request_timeout``: every task has them, and all of its requests do."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment import operators, sensors
from airflow_provider_segment.api import client
from airflow_provider_segment.api.regions import Region
from airflow_provider_segment.api.settings import Settings
from airflow_provider_segment.decorators.segment_events import SegmentEventsDecoratedOperator
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.tasks.base import OF_THE_HOOK, SegmentTask
from airflow_provider_segment.tasks.declarative import REQUIRED, Arg, body
from airflow_provider_segment.tasks.operation import SegmentOperator
from airflow_provider_segment.transfers.sql_to_segment import SqlToSegmentOperator
from airflow_provider_segment.triggers.asset_watchers import SegmentWarehouseSyncedTrigger
from airflow_provider_segment.triggers.segment import SegmentTrigger
from airflow_provider_segment.waiting.any_resource import ResourceHas
from tests.harness.task_runner import RunTask
from tests.public_api.declarations import annotation_of
from tests.public_api.requests_of_operators import sample

pytestmark = pytest.mark.core

TASKS: list[Any] = [
    *(getattr(module, name) for module in (operators, sensors) for name in dir(module)),
    SqlToSegmentOperator,
    SegmentEventsDecoratedOperator,
]
WITHOUT_A_CONNECTION = {operators.SegmentPartitionEventsOperator, operators.SegmentGatherReportsOperator}
"""They send no request."""

REPORT = {
    "read": 1,
    "sent": 1,
    "unsent": 0,
    "started": "2026-01-02T03:04:05Z",
    "ended": "2026-01-02T03:04:05Z",
}
GIVEN: dict[Any, dict[str, Any]] = {
    SqlToSegmentOperator: {"sql_conn_id": "database", "sql": "select 1 as n"},
    SegmentEventsDecoratedOperator: {"python_callable": list},
    operators.SegmentBatchEventsOperator: {"events": []},
    operators.SegmentPreviewEventsOperator: {"events": []},
    operators.SegmentVerifyEventsOperator: {"reports": [REPORT], "source_id": "s"},
    operators.SegmentRotateWriteKeyOperator: {"hand_over": print},
    operators.SegmentDeleteUsersDataOperator: {"user_ids": ["u"]},
    operators.SegmentRequestOperator: {"path": "/sources"},
    sensors.SegmentResourceSensor: {"path": "/sources"},
    sensors.SegmentAudienceSensor: {"audience_id": "a"},
    sensors.SegmentReverseEtlSyncSensor: {"sync_id": "y"},
    sensors.SegmentDeliverySensor: {"expect": {"received": {"min": 1}}},
}


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings of each client that is made."""
    made: list[Settings] = []
    initialize = client._Client.__init__

    def noting(self: Any, settings: Settings, *arguments: Any) -> None:
        made.append(settings)
        initialize(self, settings, *arguments)

    monkeypatch.setattr(client._Client, "__init__", noting)
    return made


def some(cls: Any) -> dict[str, Any]:
    """The arguments that a task must have."""
    required = [name for name, field in cls.fields.items() if field.default is REQUIRED]
    given = GIVEN.get(cls, {})
    return {
        name: sample(annotation_of(cls, name), full=False) for name in required if name not in given
    } | given


def of_the_hook(settings: Settings) -> tuple[Any, ...]:
    return settings.region, settings.log_requests, settings.timeout


def test_all_clients_of_every_task_are_made_with_them(
    run_task: RunTask,
    segment_sandbox: Sandbox,
    clients: list[Settings],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DATABASE", f"sqlite:///{tmp_path}/x.db")
    segment_sandbox.faults.add("status", status=401)
    others: dict[str, Any] = {}
    for cls in TASKS:
        if cls in WITHOUT_A_CONNECTION:
            continue
        assert {*OF_THE_HOOK} <= {*cls.template_fields}, cls
        clients.clear()
        task = cls(
            task_id="t",
            region="{{ 'EU' }}",
            log_requests="{{ 1 == 1 }}",
            request_timeout="{{ 3 + 4 }}",
            params={},
            **some(cls),
        )
        run = run_task.to_end(task)
        if {*map(of_the_hook, clients)} != {("eu", True, 7.0)}:
            others[cls.__name__] = [*map(of_the_hook, clients)], run.error
    assert others == {}


def test_without_them_the_connections_count(
    run_task: RunTask,
    segment_sandbox: Sandbox,
    clients: list[Settings],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    of_the_connection = {"region": "eu", "log_requests": "true", "timeout": "12.5"}
    connection = {**segment_sandbox.connection}
    connection["extra"] = {**connection["extra"], **of_the_connection}
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(connection))
    for given, settings in (
        ({}, ("eu", True, 12.5)),
        ({"region": "{{ '' }}", "log_requests": None, "request_timeout": None}, ("eu", True, 12.5)),
        ({"region": "us", "log_requests": False, "request_timeout": "3"}, ("us", False, 3.0)),
    ):
        clients.clear()
        caplog.clear()
        task = waits(segment_sandbox, **given)
        run = run_task(task)
        run = run_task.resume(task, run)
        assert run.state == "success", run.error
        assert {*map(of_the_hook, clients)} == {settings}
        (level,) = [each.levelno for each in caplog.records if each.name == client.__name__]
        assert level == (logging.INFO if settings[1] else logging.DEBUG)


def waits(sandbox: Sandbox, **options: Any) -> sensors.SegmentResourceSensor:
    return sensors.SegmentResourceSensor(
        task_id="t", path=f"/sources/{sandbox.source_id}", deferrable=True, **options
    )


WRONG = [
    *({"region": value} for value in ("asia", 1, ["us"])),
    *({"log_requests": value} for value in ("perhaps", 7, {})),
    *({"request_timeout": value} for value in (0, -1, "soon", "nan", "inf", 86_401, True, [1])),
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_wrong_one_fails_before_anything_is_sent(
    run_task: RunTask, segment_sandbox: Sandbox, wrong: dict[str, Any]
) -> None:
    event = operators.SegmentTrackOperator(
        task_id="t", event="E", user_id="u", raise_on_error=False, retries=1, **wrong
    )
    for task in (waits(segment_sandbox, retries=1, **wrong), event):
        run = run_task(task)
        assert isinstance(run.error, AirflowFailException) and run.state == "failed"
        assert str(run.error).startswith(f"{type(task).__name__}: {next(iter(wrong))}")
    assert segment_sandbox.requests == []


def test_the_debug_mode_of_the_official_operator() -> None:
    def logged(**options: Any) -> Any:
        task = operators.SegmentTrackEventOperator(task_id="t", event="E", user_id="u", **options)
        return task.hook_options().log_requests

    assert logged() is None
    assert logged(segment_debug_mode="{{ true }}".strip("{ }")) is True
    assert logged(segment_debug_mode=True, log_requests=False) is False
    assert logged(log_requests=True) is True


def test_polls_are_shared_only_by_those_that_ask_alike(segment_sandbox: Sandbox) -> None:
    """In one triggerer: two tasks of one region share a client, the third has its own."""

    async def main() -> int:
        condition = ResourceHas(path="/sources", field="sources", any_value=True)
        regions: list[Region | None] = [None, None, "eu"]
        made = [
            SegmentTrigger.until(
                condition,
                timeout=600,
                segment_conn_id="segment_default",
                poll_interval=600.0,
                max_poll_failures=0,
                region=region,
            )
            for region in regions
        ]
        await asyncio.gather(*(anext(trigger.run()) for trigger in made))
        return len([each for each in segment_sandbox.requests if each["path"] == "/sources"])

    assert asyncio.run(main()) == 2


def test_watchers_share_a_stream_only_if_they_ask_alike() -> None:
    def key(**options: Any) -> Any:
        return SegmentWarehouseSyncedTrigger(warehouse_id="w", **options).shared_stream_key()

    assert key() == key()
    options = ({"region": "eu"}, {"log_requests": True}, {"request_timeout": 1.0})
    assert len({key(), *(key(**one) for one in options)}) == 4


def test_an_argument_of_the_hook_that_is_sent_is_no_declaration() -> None:
    with pytest.raises(TypeError, match="'region' is the hook's: give the argument another name"):

        class Wrong(SegmentOperator):
            endpoint = "POST /sources"
            region: Arg[str] = body()

    class Right(SegmentOperator):
        endpoint = "POST /sources"
        of_source: Arg[str] = body(name="region")

    assert Right.request({"of_source": "a"})[2] == {"json": {"region": "a"}}
    assert issubclass(Right, SegmentTask)
