"""One try of a task on Airflow 3.3: the real task runner against an Execution API in memory, no database."""

from __future__ import annotations

import io
import json
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import httpx
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.api.client import Client
from airflow.sdk.api.datamodels._generated import TaskInstance
from airflow.sdk.execution_time.comms import DeferTask
from airflow.sdk.execution_time.supervisor import run_task_in_process
from airflow.sdk.log import configure_logging
from airflow.sdk.serde import deserialize, serialize

from tests.harness.task_runner import (
    DAG_ID,
    LOGICAL_DATE,
    Deferred,
    TaskRun,
    Try,
    params_untouched,
    write_whole,
)

LOG = io.StringIO()
# A task's process sends its log to its supervisor unmasked; this reads it at the same point.
configure_logging(log_level="DEBUG", output=LOG, sending_to_supervisor=True, colored_console_log=False)


@dataclass
class ExecutionAPI:
    """The part of Airflow's Execution API that a task instance needs."""

    task: BaseOperator
    which_try: Try
    rendered: dict[str, Any] = field(default_factory=dict)
    pushed: dict[str, Any] = field(default_factory=dict)
    store: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.xcoms: dict[tuple[Any, ...], Any] = {
            place: serialize(value) for place, value in self.which_try.xcoms.items()
        }
        self.store = dict(self.which_try.state_store or {})

    @property
    def max_tries(self) -> int:
        given = self.which_try.max_tries
        return self.task.retries if given is None else given

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        path = [
            unquote(part) for part in request.url.raw_path.decode().partition("?")[0].strip("/").split("/")
        ]
        match request.method, *path:
            case "PATCH", "task-instances", _, "run":
                return httpx.Response(200, json=self.run_context())
            case "PUT", "task-instances", _, "rtif":
                self.rendered |= body
            case "GET", "task-instances", _, "validate-inlets-and-outlets":
                return httpx.Response(200, json={"inactive_assets": []})
            case (("PATCH" | "PUT"), "task-instances", *_):
                pass  # its state, heartbeat, ...: the task runner's result says the same
            case "POST", "xcoms", _, _, task_id, key:
                self.xcoms[task_id, key] = body
                if task_id == self.task.task_id:
                    self.pushed[key] = deserialize(body)
            case "DELETE", "xcoms", _, _, task_id, key:
                self.xcoms.pop((task_id, key), None)
            case "HEAD", "xcoms", _, _, task_id, key:
                count = int((task_id, key) in self.xcoms)
                return httpx.Response(200, headers={"Content-Range": f"map_indexes {count}"})
            case "GET", "xcoms", _, _, task_id, key, *rest:
                index = int(request.url.params.get("map_index", -1))
                return self.xcom((task_id, key) if index < 0 else (task_id, key, index), rest)
            case "GET", "store", "ti", _, key:
                return found({"value": self.store[key]}) if key in self.store else NOT_FOUND
            case "PUT", "store", "ti", _, key:
                self.keep({**self.store, key: body["value"]})
            case "DELETE", "store", "ti", _, key:
                self.keep({name: value for name, value in self.store.items() if name != key})
            case "DELETE", "store", "ti", _:
                self.keep({})
            case "GET", "task-reschedules", _, "start_date":
                first = self.which_try.first_reschedule
                return found(first and first.isoformat())
            case "GET", ("connections" | "variables"), _:
                return NOT_FOUND
            case _:
                return httpx.Response(
                    501, json={"detail": f"not in this fake: {request.method} {request.url}"}
                )
        return httpx.Response(204)

    def keep(self, store: dict[str, Any]) -> None:
        self.store = store
        if self.which_try.state_store_file:
            write_whole(self.which_try.state_store_file, json.dumps(store))

    def xcom(self, place: tuple[Any, ...], rest: list[str]) -> httpx.Response:
        there = place in self.xcoms
        if rest == ["slice"]:
            return found([self.xcoms[place]] if there else [])
        if not there:
            return NOT_FOUND
        value = self.xcoms[place]
        return found(value if rest else {"key": place[1], "value": value})

    def run_context(self) -> dict[str, Any]:
        """What the scheduler knows about this try and its DAG run."""
        which_try = self.which_try
        date = which_try.logical_date
        return {
            "dag_run": {
                "dag_id": self.task.dag_id,
                "run_id": which_try.run_id,
                "logical_date": date and date.isoformat(),
                "data_interval_start": date and date.isoformat(),
                "data_interval_end": date and (date + timedelta(days=1)).isoformat(),
                "run_after": ((date or LOGICAL_DATE) + timedelta(days=1)).isoformat(),
                "start_date": (LOGICAL_DATE + timedelta(days=1)).isoformat(),
                "end_date": None,
                "run_type": "scheduled" if date else "manual",
                "state": "running",
                "conf": which_try.conf,
                "clear_number": which_try.clear_number,
                "consumed_asset_events": [],
                "partition_key": None,
            },
            "max_tries": self.max_tries,
            "task_reschedule_count": int(which_try.first_reschedule is not None),
            "next_method": which_try.resume and which_try.resume[0],
            "next_kwargs": which_try.resume and serialize(which_try.resume[1]),
            "should_retry": which_try.try_number <= self.max_tries,
        }


def found(body: Any) -> httpx.Response:
    return httpx.Response(200, json=body)


NOT_FOUND = httpx.Response(404, json={"detail": {"reason": "not_found", "message": "not found"}})


def run_try(operator: BaseOperator, which_try: Try) -> TaskRun:
    if not operator.has_dag():
        DAG(DAG_ID, schedule="@daily", start_date=LOGICAL_DATE).add_task(operator)
    api = ExecutionAPI(operator, which_try)
    task_instance = TaskInstance(
        id=uuid.uuid4(),
        task_id=operator.task_id,
        dag_id=operator.dag_id,
        run_id=which_try.run_id,
        try_number=which_try.try_number,
        map_index=which_try.map_index,
        dag_version_id=uuid.uuid4(),
    )
    LOG.seek(0)
    LOG.truncate()
    client = Client(base_url=None, token="", dry_run=True, transport=httpx.MockTransport(api))
    with client, params_untouched(operator):
        result = run_task_in_process(task_instance, operator, client=client)
    return TaskRun(
        state=result.state.value,
        error=result.error,
        xcoms=api.pushed,
        rendered=api.rendered,
        state_store=api.store,
        log=LOG.getvalue(),
        deferred=deferred_by(result.msg),
        asset_events=[
            (event["dest_asset_key"]["uri"], event["extra"])
            for event in getattr(result.msg, "outlet_events", None) or []
        ],
        partitions=[
            (event["dest_asset_key"]["uri"], event["partition_key"])
            for event in getattr(result.msg, "outlet_events", None) or []
            if "partition_key" in event
        ],
    )


def deferred_by(message: Any) -> Deferred | None:
    """What a task's last message hands to the triggerer, after a JSON round trip."""
    if not isinstance(message, DeferTask):
        return None
    kwargs = deserialize(json.loads(json.dumps(message.trigger_kwargs or {})))
    resumed = deserialize(json.loads(json.dumps(message.next_kwargs or {})))
    return Deferred(message.classpath, kwargs, message.next_method, message.trigger_timeout, resumed)
