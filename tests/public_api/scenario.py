"""Scenarios: operators run one after another, as tasks of one DAG, against a recorded sandbox.

At the end, every request and response is checked against the facts of the Public API.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from math import ceil
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_segment import operators
from airflow_provider_segment.errors import SegmentNotFoundError
from airflow_provider_segment.sandbox import Sandbox, server
from airflow_provider_segment.tasks.operation import SegmentOperator
from tests.harness.task_runner import LOGICAL_DATE, RunTask, TaskRun
from tests.public_api.wire import Document, Exchange, Recorder

AMPLITUDE, POSTGRES, HTTP_API = "5f7dd6d21ad74f3842b1fc47", "55d3d3aea3c", "iUM16Md8P2"
EVENTS = 'type = "track"'

# Faults that are accepted, and why.
ACCEPTED = {
    "list_functions: query resourceType $: 'INSERT_": "only two kinds are documented; a create asks for any, "
    "to find what a lost first try made, and tolerates a refusal",
}


@dataclass
class RecordedSandbox:
    """A sandbox and its recorded traffic."""

    sandbox: Sandbox
    recorder: Recorder

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[RecordedSandbox]:
        """Start one."""
        recorders: list[Recorder] = []
        create_app = server.create_app

        def record(*arguments: Any) -> Recorder:
            recorders.append(Recorder(create_app(*arguments)))
            return recorders[-1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(server, "create_app", record)
            sandbox = Sandbox()
        with sandbox:
            yield cls(sandbox, *recorders)

    @property
    def exchanges(self) -> list[Exchange]:
        return self.recorder.exchanges

    def faults(self) -> list[str]:
        """Where the traffic differs from the facts of the Public API."""
        document = Document.of_the_facts()
        public = [exchange for exchange in self.exchanges if not exchange.path.startswith("/v1/")]
        faults = [fault for exchange in public for fault in document.faults(exchange)]
        return [fault for fault in faults if not fault.startswith(tuple(ACCEPTED))]


@dataclass
class Step:
    """A task after its run."""

    operator: Any
    run: TaskRun

    @property
    def id(self) -> Any:
        """The id of its result, as a reference for a later task."""
        return self.operator.output["id"]

    @property
    def value(self) -> Any:
        """Its return value."""
        return self.run.xcom

    def part(self, *names: str | int) -> str:
        """A part of its result, as a template for a later task."""
        places = "".join(f"[{name!r}]" for name in names)
        return f"{{{{ ti.xcom_pull({self.operator.task_id!r}){places} }}}}"


@dataclass
class Scenario:
    """One DAG whose tasks run as they are added; each can read the XComs of those before it."""

    run_task: RunTask
    recorded: RecordedSandbox
    dag: DAG = field(default_factory=lambda: DAG("scenario", schedule="@daily", start_date=LOGICAL_DATE))
    xcoms: dict[tuple[str, str], Any] = field(default_factory=dict)

    @property
    def sandbox(self) -> Sandbox:
        return self.recorded.sandbox

    def __call__(self, name: str, /, **arguments: Any) -> Step:
        """Run an operator that must succeed; its name goes without `Segment` and `Operator`."""
        step = self.try_(name, **arguments)
        assert step.run.state == "success", f"{name}: {step.run.error!r}"
        for key, value in step.run.xcoms.items():
            self.xcoms[step.operator.task_id, key] = value
        return step

    def try_(self, name: str, /, **arguments: Any) -> Step:
        """Run an operator that may fail."""
        operator = self.operator(name, **arguments)
        return Step(operator, self.run_task(operator, xcoms=self.xcoms))

    def operator(self, name: str, /, **arguments: Any) -> SegmentOperator:
        """A new task of the DAG."""
        kind = getattr(operators, f"Segment{name}Operator")
        return kind(task_id=f"task_{len(self.dag.task_dict)}", dag=self.dag, **arguments)  # type: ignore[no-any-return]

    def lists(self, name: str, at_least: int = 3, /, **arguments: Any) -> list[Any]:
        """Run a list operator three times: with the default page size, in pages of two, and for one item."""
        items: list[Any] = self(name, **arguments).value
        assert len(items) >= at_least
        before = len(self.recorded.exchanges)
        assert self(name, page_size=2, **arguments).value == items
        assert len(self.recorded.exchanges) - before == max(ceil(len(items) / 2), 1)
        assert self(name, limit=1, **arguments).value == items[:1]
        return items

    def gone(self, name: str, /, **arguments: Any) -> None:
        """Run an operator that must fail because its target does not exist."""
        error = self.try_(name, **arguments).run.error
        assert isinstance(error, SegmentNotFoundError), f"{name}: {error!r}"

    def deletes(self, name: str, answer: Any = "SUCCESS", /, **arguments: Any) -> None:
        """Delete, then check that a second delete finds nothing."""
        assert self(name, **arguments).value == answer
        self.gone(name, **arguments)
        assert self(name, missing_ok=True, **arguments).value is None

    # --- common steps ----------------------------------------------------------------------------------

    def source(self, slug: str = "shop") -> Step:
        return self("CreateSource", slug=slug, metadata_id=HTTP_API)

    def warehouse(self, name: str = "DWH") -> Step:
        settings = {"hostname": "db", "port": "5432", "database": "d", "username": "u", "password": "hush"}
        return self("CreateWarehouse", metadata_id=POSTGRES, name=name, settings=settings)

    def destination(self, source: Step, name: str = "Amplitude") -> Step:
        settings = {"apiKey": "hush", "endpoint": "north_america"}
        arguments = {"source_id": source.id, "metadata_id": AMPLITUDE, "name": name, "settings": settings}
        return self("CreateDestination", **arguments)

    def subscription(self, destination: Step, name: str = "Events") -> Step:
        action = destination.part("metadata", "actions", 0, "id")
        arguments = {"name": name, "action_id": action, "trigger": EVENTS, "enabled": True}
        return self("CreateDestinationSubscription", destination_id=destination.id, **arguments)

    def model(self, source: Step, name: str = "Customers") -> Step:
        arguments = {"query": "select 1", "query_identifier_column": "id", "description": "", "enabled": True}
        return self("CreateReverseEtlModel", source_id=source.id, name=name, **arguments)

    def function(self, name: str = "Fun", resource_type: str = "SOURCE", **arguments: Any) -> Step:
        arguments = {"code": "1", "display_name": name, "resource_type": resource_type, **arguments}
        return self("CreateFunction", **arguments)

    def audience(self, name: str = "Buyers", audience_type: str = "USERS", query: str = "e >= 1") -> Step:
        definition = {"query": query} | ({"targetEntity": "account"} if audience_type == "LINKED" else {})
        arguments = {"name": name, "definition": definition, "audience_type": audience_type}
        return self("CreateAudience", space_id=self.sandbox.space_id, **arguments)

    def events(self) -> Step:
        """Send three events through the default source."""
        order = {"type": "track", "event": "Order Completed", "userId": "u1", "properties": {"price": 5}}
        person = {"type": "identify", "userId": "u1", "traits": {"plan": "free"}}
        return self("BatchEvents", events=[order, {**order, "userId": "u2"}, person])

    @property
    def now(self) -> datetime:
        """The sandbox's time."""
        return datetime.fromtimestamp(self.sandbox.state.clock.now(), timezone.utc)

    def hours(self) -> dict[str, str]:
        """The last hour, and the next minute."""
        start, end = self.now - timedelta(hours=1), self.now + timedelta(minutes=1)
        return {"start_time": start.isoformat(), "end_time": end.isoformat()}


def ids(items: list[Any]) -> list[str]:
    """The ids of what was listed."""
    return [item["id"] for item in items]


def creations(go: Scenario) -> dict[str, dict[str, Any]]:
    """Arguments for each operator that creates something, and the resources that they refer to."""
    space = {"space_id": go.sandbox.space_id}
    source = go.source()
    destination = go.destination(source)
    audience = {**space, "audience_id": go.audience().id}
    reference = {"id": destination.id, "type": "DESTINATION"}
    connection = go("AddDestinationToAudience", **audience, destination=reference)
    other = {"id": go.destination(source, "Other").id, "type": "DESTINATION"}
    insert = go.function("Insert", "INSERT_DESTINATION")
    ends = {"destination_id": destination.id, "source_id": source.id}
    hush = {"settings": {"password": "hush"}}
    what = {"perform_resync": False, "activation_type": "event", "activation_name": "n"}
    model = {"name": "n", "description": "", "enabled": True, "query": "q", "query_identifier_column": "id"}
    users = {"definition": {"query": "e"}, "audience_type": "USERS"}
    return {
        "AddActivationToAudience": {**audience, "connection_id": connection.part("connection", "id"), **what},
        "AddDestinationToAudience": {**audience, "destination": other},
        "CreateAudience": {**space, "name": "n", **users},
        "CreateComputedTrait": {**space, "name": "n", "definition": {"type": "USERS", "query": "q"}},
        "CreateCredential": {"name": "n", **hush},
        "CreateDestination": {"source_id": source.id, "metadata_id": AMPLITUDE, "name": "n", **hush},
        "CreateDestinationSubscription": {
            "destination_id": destination.id,
            "name": "n",
            "action_id": destination.part("metadata", "actions", 0, "id"),
            "trigger": EVENTS,
            "enabled": True,
        },
        "CreateFilterForDestination": {**ends, "if_": "a", "actions": [], "title": "n", "enabled": True},
        "CreateFilterForSpace": {"integration_id": go.sandbox.space_id, "name": "n", "if_": "a"},
        "CreateFunction": {"code": "1", "display_name": "n", "resource_type": "DESTINATION"},
        "CreateInsertFunctionInstance": {
            "function_id": insert.id,
            "integration_id": destination.id,
            "name": "n",
            **hush,
        },
        "CreateInvites": {"invites": [{"email": "new@example.com"}]},
        "CreateLabel": {"key": "k", "value": "v"},
        "CreateProfilesWarehouse": {**space, "metadata_id": POSTGRES, "name": "n", **hush},
        "CreateReverseEtlModel": {"source_id": source.id, **model},
        "CreateSource": {"slug": "n", "metadata_id": HTTP_API},
        "CreateTrackingPlan": {"name": "n", "type": "LIVE"},
        "CreateTransformation": {"source_id": source.id, "name": "n", "enabled": True, "if_": "a"},
        "CreateUserGroup": {"name": "n"},
        "CreateWarehouse": {"metadata_id": POSTGRES, "name": "n", **hush},
    }
