"""What became of events that were sent: each loss is found, named and counted, and none is invented."""

from __future__ import annotations

import json
import random
import re
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, Asset

from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.operators.verification import SegmentVerifyEventsOperator
from airflow_provider_segment.references import ref
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.verification.comparison import Limits, Sent
from airflow_provider_segment.verification.counts import SendVerified
from airflow_provider_segment.waiting.condition import Ask
from tests.harness.sandbox_api import AMPLITUDE, Api, create_warehouse, start_sync
from tests.harness.task_runner import RunTask, TaskRun

if TYPE_CHECKING:
    from tests.harness.databases import Postgres

pytest_plugins = ["tests.harness.databases"]
pytestmark = [pytest.mark.core, pytest.mark.usefixtures("simulated_time")]

PAID, SEEN, CART, LIVE = "Order Paid", "Product Seen", "Cart Filled", "Live Event"
NAMES = {"paid": PAID, "seen": SEEN, "cart": CART, "live": LIVE}


def event(name: str, number: int, **fields: Any) -> dict[str, Any]:
    if name == "identify":
        return {"type": "identify", "userId": f"user-{number}", "traits": {"n": number}, **fields}
    return {"type": "track", "event": name, "userId": f"user-{number}", "properties": {"n": number}, **fields}


def events(**counts: int) -> list[dict[str, Any]]:
    """So many events of each name."""
    return [event(NAMES.get(name, name), n) for name, count in counts.items() for n in range(count)]


class Workspace:
    """The sandbox, with what there is beside its source."""

    deferrable = False

    def __init__(self, run_task: RunTask, sandbox: Sandbox, api: Api) -> None:
        self.run_task = run_task
        self.sandbox = sandbox
        self.api = api

    def send(self, items: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
        """Send to the source; the report."""
        report = SegmentHook().send_events(items, source_id=self.sandbox.source_id, **options)
        return report.as_dict()

    def send_into_the_void(self, items: list[dict[str, Any]]) -> dict[str, Any]:
        """Send with a write key that nobody has, which Segment does not say; the report."""
        return SegmentHook("wrong_key").send_events(items).as_dict()

    def others(self, count: int, name: str = LIVE) -> None:
        """What others send to the same source: their ids are their own."""
        now = self.sandbox.state.clock.now()
        batch = [event(name, n, messageId=f"{name}-{n}-{now}") for n in range(count)]
        for first in range(0, count, 500):
            body = {"batch": batch[first : first + 500]}
            answer = self.api.http.post("/v1/batch", json=body, auth=(self.sandbox.write_key, ""))
            assert answer.status_code == 200, answer.text

    def destination(self, name: str = "Amplitude", **fields: Any) -> str:
        body = {"sourceId": self.sandbox.source_id, "metadataId": AMPLITUDE, "settings": {}, "name": name}
        return self.api.id("/destinations", body | {"enabled": True} | fields)

    def filter(self, destination: str, name: str) -> None:
        """Have a destination drop the events of a name."""
        body = {
            "sourceId": self.sandbox.source_id,
            "if": f'event = "{name}"',
            "actions": [{"type": "DROP"}],
            "title": "A filter",
            "enabled": True,
        }
        self.api("POST", f"/destination/{destination}/filters", body)

    def block_all_but(self, *planned: str) -> None:
        """A tracking plan that blocks the other track events."""
        source = self.sandbox.source_id
        plan = self.api.id("/tracking-plans", {"name": "Plan", "type": "LIVE"})
        rules = [{"type": "TRACK", "key": name, "version": 1, "jsonSchema": {}} for name in planned]
        self.api("PUT", f"/tracking-plans/{plan}/rules", {"rules": rules})
        self.api("POST", f"/tracking-plans/{plan}/sources", {"sourceId": source})
        self.api("PATCH", f"/sources/{source}/settings", {"track": {"allowUnplannedEvents": False}})

    def operator(self, reports: Any, **arguments: Any) -> SegmentVerifyEventsOperator:
        given = {"task_id": "verify", "deferrable": self.deferrable, "retries": 2, **arguments}
        return SegmentVerifyEventsOperator(reports=reports, **given)

    def verify(self, reports: Any, **arguments: Any) -> TaskRun:
        return self.run_task.to_end(self.operator(reports, **arguments))


@pytest.fixture
def here(run_task: RunTask, sandbox: Sandbox, api: Api, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Verified in the worker."""
    wrong = {**sandbox.connection, "extra": {**sandbox.connection["extra"], "secret_write_key": "unknown"}}
    monkeypatch.setenv("AIRFLOW_CONN_WRONG_KEY", json.dumps(wrong))
    return Workspace(run_task, sandbox, api)


@pytest.fixture
def there(here: Workspace) -> Workspace:
    """Verified in the triggerer."""
    here.deferrable = True
    return here


@pytest.fixture(params=["here", "there"])
def workspace(request: pytest.FixtureRequest) -> Workspace:
    """Verified in both."""
    chosen: Workspace = request.getfixturevalue(request.param)
    return chosen


def steps_of(run: TaskRun) -> dict[str, dict[str, Any]]:
    result = next(run.xcoms[key] for key in ("return_value", "missing", "unknown") if key in run.xcoms)
    return {step["step"]: step for source in result["sources"] for step in source["steps"]}


def missing_of(run: TaskRun) -> dict[str, int]:
    """How many events are missing, by step."""
    return {name: step["missing"] for name, step in steps_of(run).items() if step["finding"] == "missing"}


def unknown_of(run: TaskRun) -> set[str]:
    return {name for name, step in steps_of(run).items() if step["finding"] == "unknown"}


def test_names_instead_of_ids(workspace: Workspace) -> None:
    destination = workspace.destination("Amplitude")
    warehouse = create_warehouse(workspace.sandbox)
    start_sync(workspace.sandbox, warehouse)
    report = SegmentHook().send_events(events(paid=30)).as_dict()
    assert report["source_id"] is None
    workspace.sandbox.advance_clock(3_600)
    start_sync(workspace.sandbox, warehouse)
    run = workspace.verify(
        report,
        source_id=ref("source", "sandbox"),
        destination_ids=[ref("destination", "sandbox/Amplitude")],
        warehouse_id=ref("warehouse", "w"),
    )
    assert run.state == "success", run.error
    assert [each["source_id"] for each in run.xcom["sources"]] == [workspace.sandbox.source_id]
    steps = steps_of(run)
    assert [steps[name]["found"] for name in ("received", f"delivered to {destination}")] == [30, 30]
    assert steps["sync to the warehouse"]["finding"] == "ok"


# --- what is certain ---------------------------------------------------------------------------------------


def test_what_has_arrived_is_a_partition(workspace: Workspace) -> None:
    night = Asset(uri="segment://nights/shop")
    report = workspace.send(events(paid=3))
    run = workspace.verify([report], outlets=[night], partition_key="2026-11-19")
    assert run.state == "success", run.error
    assert [extra["finding"] for _, extra in run.asset_events] == ["ok"]
    assert run.partitions == ([(night.uri, "2026-11-19")] if version("apache-airflow") >= "3.2" else [])


def test_a_clean_send_is_verified(workspace: Workspace) -> None:
    destination = workspace.destination()
    report = workspace.send(events(paid=700, seen=40, identify=3))
    run = workspace.verify(report)
    assert run.state == "success", run.error
    assert (run.xcom["finding"], run.xcom["missing"]) == ("ok", 0)
    assert {name: step["found"] for name, step in steps_of(run).items()} == {
        "read": 743,
        "rejected before sending": 0,
        "sent": 743,
        "received": 743,
        "refused at ingest": 0,
        "filtered at source": 0,
        "delivered to Amplitude": 743,
        "failed at Amplitude": 0,
        "filtered at Amplitude": 0,
    }
    assert "Everything arrived" in run.xcoms["note"]
    assert workspace.verify(report, destination_ids=[destination]).state == "success"


@pytest.mark.parametrize("seed", range(10))
def test_each_loss_is_found_and_counted(workspace: Workspace, seed: int) -> None:
    rng = random.Random(f"{seed}{workspace.deferrable}")
    chance = lambda: rng.random() < 0.5  # noqa: E731
    counts = {name: rng.randint(1, 300) for name in (PAID, SEEN, CART)} | {"identify": rng.randint(0, 50)}
    void = Counter({name: rng.randint(1, counts[name]) for name in (PAID, SEEN) if chance()})
    blocked = rng.choice([SEEN, CART]) if chance() else None
    failing, filtered = rng.sample([PAID, SEEN, CART], 2)
    repeated = rng.randint(1, 20) if chance() else 0
    expected: dict[str, int] = {}

    destination = workspace.destination()
    if blocked:
        workspace.block_all_but(*({PAID, SEEN, CART, LIVE} - {blocked}))
    if not chance():
        failing = None
    else:
        workspace.sandbox.scripts.add("delivery", destination_id=destination, event_name=failing)
    if not chance():
        filtered = None
    else:
        workspace.filter(destination, filtered)
    lively = chance()
    if lively:
        workspace.others(rng.randint(1, 400))
        workspace.sandbox.advance_clock(rng.randint(0, 3_000))

    lost = [event(name, n) for name, count in void.items() for n in range(count)]
    kept = [event(name, n) for name, count in counts.items() for n in range(void[name], count)]
    twice = [event(PAID, 1_000 + n, messageId=f"own-{n % repeated}") for n in range(2 * repeated)]
    rng.shuffle(kept)
    reports = [workspace.send(kept + twice)]
    if lively:
        workspace.others(rng.randint(1, 400))
    if lost:
        reports.append(workspace.send_into_the_void(lost))
        expected["received"] = len(lost)
    left = Counter(counts) - void
    left[PAID] += repeated
    if blocked and left[blocked]:
        expected["filtered at source"] = left.pop(blocked)
    if failing and left[failing]:
        expected[f"failed at {destination}"] = left[failing]
    if filtered and left[filtered]:
        expected[f"filtered at {destination}"] = left[filtered]
    assert sum(report["duplicates"] for report in reports) == repeated

    run = workspace.verify(reports, source_id=workspace.sandbox.source_id, destination_ids=[destination])
    assert missing_of(run) == expected
    assert unknown_of(run) == set()
    assert run.state == ("failed" if expected else "success")
    if expected:
        assert isinstance(run.error, AirflowFailException)
        for step, count in expected.items():
            assert f"{count:,} events missing at '{step}'" in str(run.error)
        assert run.xcoms["missing"]["missing"] == sum(expected.values())
        assert "Events are missing" in run.xcoms["note"]


def test_a_second_send_within_a_day_is_said_to_be_one(here: Workspace) -> None:
    here.send(events(paid=30))
    here.sandbox.advance_clock(7_200)
    run = here.verify(here.send(events(paid=30)), destination_ids=[])
    assert missing_of(run) == {"received": 30}
    assert "30 with these names came in the 24 hours before" in str(run.error)


def test_the_names_of_what_is_lost_are_told(here: Workspace) -> None:
    here.block_all_but(SEEN)
    run = here.verify(here.send(events(paid=30, seen=10)), destination_ids=[])
    assert steps_of(run)["filtered at source"]["detail"] == f"30 track '{PAID}'"
    assert f"| filtered at source | 0 | 30 | 30 | **missing** | 30 track '{PAID}' |" in run.xcoms["note"]


def test_what_is_refused_at_ingest_is_told(here: Workspace) -> None:
    """Our checks are as strict as Segment is known to be; a rule that it adds shows here."""
    report = here.send(events(paid=30))
    dropped, accepted = here.sandbox.state.dropped, here.sandbox.state.accepted
    for stored in accepted[20:]:
        stored.reason = "a_new_rule"
        dropped.append(stored)
    del accepted[20:]
    run = here.verify(report, destination_ids=[])
    assert missing_of(run) == {"refused at ingest": 10}


def test_several_sources_are_told_apart(here: Workspace) -> None:
    body = {"slug": "other", "enabled": True, "metadataId": "iUM16Md8P2"}
    other_id = here.api.id("/sources", body, status=201)
    first = here.send(events(paid=30))
    second = SegmentHook().send_events(events(paid=20), source_id=other_id).as_dict()
    run = here.verify([first, second], destination_ids=[])
    assert run.state == "success", run.error
    assert [(each["source_id"], each["finding"]) for each in run.xcom["sources"]] == [
        (here.sandbox.source_id, "ok"),
        (other_id, "ok"),
    ]


def test_counts_that_come_late_are_waited_for(workspace: Workspace) -> None:
    workspace.sandbox.scripts.add("volume", lag=400)
    run = workspace.verify(workspace.send(events(paid=30)), destination_ids=[])
    assert run.state == "success", run.error


def test_a_loss_is_final_when_the_lag_has_passed(here: Workspace) -> None:
    report = here.send_into_the_void(events(paid=30))
    start = here.sandbox.state.clock.now()
    run = here.verify(report, source_id=here.sandbox.source_id, destination_ids=[], lag=900)
    assert missing_of(run) == {"received": 30}
    assert 900 <= here.sandbox.state.clock.now() - start < 1_300


def test_deliveries_are_waited_for_until_the_timeout(here: Workspace) -> None:
    """Segment retries for hours."""
    destination = here.destination(enabled=False)
    report = here.send(events(paid=30))
    start = here.sandbox.state.clock.now()
    run = here.verify(report, destination_ids=[destination], timeout=7_200)
    assert missing_of(run) == {f"delivered to {destination}": 30}
    assert 7_200 <= here.sandbox.state.clock.now() - start < 7_500


@pytest.mark.parametrize(
    ("tolerance", "state"),
    [
        ({"max_missing": 9}, "failed"),
        ({"max_missing": 10}, "success"),
        ({"max_missing_share": 0.09}, "failed"),
        ({"max_missing_share": 0.1}, "success"),
    ],
)
def test_what_is_tolerated(here: Workspace, tolerance: dict[str, Any], state: str) -> None:
    reports = [here.send(events(paid=90)), here.send_into_the_void([event(PAID, 100 + n) for n in range(10)])]
    run = here.verify(reports, source_id=here.sandbox.source_id, destination_ids=[], **tolerance)
    assert run.state == state
    assert steps_of(run)["received"]["missing"] == 10


def test_what_others_send_later_does_not_stand_in_for_what_is_lost() -> None:
    """All 30 deliveries were lost without a trace; an hour later others sent 30 events of the same name."""
    start = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
    sent = Sent(
        source_id="s",
        start=start,
        end=start + timedelta(minutes=3),
        read=30,
        rejected=0,
        sent=30,
        unsent=0,
        duplicates=0,
        left_out=0,
        brought=0,
        names={f"track {PAID}": 30},
    )
    now = start + timedelta(hours=2)
    condition = SendVerified(
        sends=[sent],
        until=now,
        final_after=600,
        limits=Limits(missing=0, share=0, filtered=False),
        destination_ids=["d"],
    )

    def answer(ask: Ask) -> dict[str, Any]:
        first, last = (datetime.fromisoformat(ask.query[name]) for name in ("startTime", "endTime"))
        sends = [start + timedelta(minutes=1)] if "volume" in ask.path else []
        if "volume" in ask.path or "successful-delivery" in ask.path:
            sends.append(start + timedelta(hours=1))
        total = 30 * sum(first <= moment < last for moment in sends)
        groups = [{"eventType": "track", "eventName": PAID, "total": total}] if total else []
        return {"result" if "volume" in ask.path else "dataset": groups, "pagination": {"current": "x"}}

    questions, given = condition.check(now), None
    while True:
        try:
            given = answer(questions.send(given))
        except StopIteration as end:
            [source] = end.value.result["sources"]
            break
    findings = {step["step"]: step["finding"] for step in source["steps"]}
    assert findings["received"] == "ok"
    assert findings["delivered to d"] == "unknown"


def test_destinations_of_the_same_name_are_told_apart(here: Workspace) -> None:
    failing, fine = here.destination("CRM"), here.destination("CRM")
    here.sandbox.scripts.add("delivery", destination_id=failing)
    run = here.verify(here.send(events(paid=30)), destination_ids=None)
    assert run.state == "failed", "whichever of them is looked at last"
    here.api("DELETE", f"/destinations/{fine}")
    assert here.verify(here.send(events(seen=30))).state == "failed"


def test_a_warehouse_that_is_no_database_fails_before_the_wait(
    here: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = here.send(events(paid=30))
    arguments = {"warehouse_conn_id": "segment_default", "warehouse_schema": "s"}
    run = here.verify(report, **arguments)
    assert (run.state, type(run.error)) == ("failed", AirflowFailException)
    assert not any("/events/volume" in request["path"] for request in here.sandbox.requests)


def test_filters_may_be_intended(here: Workspace) -> None:
    destination = here.destination()
    here.filter(destination, SEEN)
    report = here.send(events(paid=30, seen=10))
    run = here.verify(report, on_filtered="accept")
    assert run.state == "success", run.error
    assert steps_of(run)["filtered at Amplitude"]["missing"] == 10


# --- what is not -------------------------------------------------------------------------------------------


def test_traffic_of_others_with_other_names_disturbs_nothing(here: Workspace) -> None:
    here.others(500)
    here.sandbox.advance_clock(300)
    report = here.send(events(paid=30))
    here.others(500)
    assert here.verify(report, destination_ids=[]).state == "success"


@pytest.mark.parametrize("when", ["before", "beside"])
def test_others_with_the_same_names_make_it_unknown(workspace: Workspace, when: str) -> None:
    if when == "before":
        workspace.others(5, PAID)
        workspace.sandbox.advance_clock(240)
    report = workspace.send(events(paid=30))
    if when == "beside":
        workspace.others(5, PAID)
    run = workspace.verify(report, destination_ids=[])
    assert run.state == "skipped"
    assert unknown_of(run) == {"received"} and missing_of(run) == {}
    assert "cannot be known" in run.xcoms["note"]
    assert workspace.verify(report, destination_ids=[], on_unknown="fail").state == "failed"
    assert workspace.verify(report, destination_ids=[], on_unknown="accept").state == "success"


def test_at_least_so_many_are_missing(here: Workspace) -> None:
    here.others(1, PAID)
    here.sandbox.advance_clock(240)
    reports = [here.send(events(seen=10)), here.send_into_the_void(events(paid=100))]
    here.others(40, PAID)
    run = here.verify(reports, source_id=here.sandbox.source_id, destination_ids=[])
    assert missing_of(run) == {"received": 60}
    assert "at least" in str(run.error)


def test_whose_events_failed_may_be_unknown(here: Workspace) -> None:
    destination = here.destination()
    here.others(5, PAID)
    here.sandbox.advance_clock(240)
    report = here.send(events(paid=30, seen=10))
    here.sandbox.scripts.add("delivery", destination_id=destination, event_name=PAID)
    run = here.verify(report, destination_ids=[destination])
    assert missing_of(run) == {"failed at " + destination: 30}, "none of that name was delivered"


@pytest.mark.parametrize("status", [401, 403, 404, 422])
@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("/events/volume", {"received", "delivered to Amplitude"}),
        ("/delivery-overview/failed-on-ingest", {"refused at ingest"}),
        ("/delivery-overview/successful-delivery", {"delivered to Amplitude"}),
        ("/sources/", {"destinations"}),
    ],
)
def test_a_number_that_is_not_to_be_had_is_unknown(
    here: Workspace, path: str, steps: set[str], status: int
) -> None:
    here.destination()
    report = here.send(events(paid=30))
    here.sandbox.faults.add("status", status=status, api="public", path=path)
    run = here.verify(report)
    assert run.state == "skipped"
    assert unknown_of(run) == steps and missing_of(run) == {}
    assert any(str(status) in steps_of(run)[step]["detail"] for step in steps)


def test_a_destination_that_gets_nothing_is_unknown_unless_it_is_named(here: Workspace) -> None:
    destination = here.destination()
    here.filter(destination, PAID)
    report = here.send(events(paid=30))
    assert unknown_of(here.verify(report)) == {"delivered to Amplitude"}
    run = here.verify(report, destination_ids=[destination])
    assert missing_of(run) == {f"filtered at {destination}": 30}


@pytest.mark.parametrize(
    ("days", "unknown"), [(3, set()), (29, set()), (31, {"refused at ingest", "filtered at source"})]
)
def test_segment_counts_old_sends_by_the_hour_and_forgets_them(
    here: Workspace, days: int, unknown: set[str]
) -> None:
    report = here.send(events(paid=30))
    here.sandbox.advance_clock(days * 86_400)
    run = here.verify(report, destination_ids=[])
    assert (unknown_of(run), missing_of(run)) == (unknown, {})


# --- the warehouse -----------------------------------------------------------------------------------------

COLUMNS = "(id varchar(100), received_at {type}, event varchar(100), event_text varchar(100))"


class Warehouse:
    """Where Segment loads events; here the test does."""

    schema: str
    moments: str
    """The type of a time."""
    marks: str
    """The placeholders of a row."""
    connection: dict[str, Any]

    def execute(self, statement: str, rows: list[tuple[Any, ...]] | None = None) -> None:
        raise NotImplementedError

    def load(self, sandbox: Sandbox, lose: int = 0) -> None:
        """Load what was received, except the first so many track events of this package."""
        for table in ("tracks", "identifies"):
            self.execute(f"drop table if exists {self.schema}.{table}")
            self.execute(f"create table {self.schema}.{table} {COLUMNS.format(type=self.moments)}")
        tracks, identifies = [], []
        for one in sandbox.accepted:
            received = one["receivedAt"].replace("T", " ").replace("Z", "+00:00")
            row = (one["messageId"], received, one.get("event", "").lower(), one.get("event"))
            if one["type"] == "identify":
                identifies.append(row)
            elif lose and one["messageId"].startswith("airflow-"):
                lose -= 1
            else:
                tracks.append(row)
        for table, rows in (("tracks", tracks), ("identifies", identifies)):
            self.execute(f"insert into {self.schema}.{table} values {self.marks}", rows)


class SQLiteWarehouse(Warehouse):
    schema, moments, marks = "main", "text", "(?, ?, ?, ?)"

    def __init__(self, file: Path) -> None:
        self.file = file
        self.connection = {"conn_type": "sqlite", "host": str(file)}

    def execute(self, statement: str, rows: list[tuple[Any, ...]] | None = None) -> None:
        with closing(sqlite3.connect(self.file)) as connection, connection:
            connection.executemany(statement, rows) if rows is not None else connection.execute(statement)


class PostgresWarehouse(Warehouse):
    schema, moments, marks = "my_source", "timestamptz", "(%s, %s, %s, %s)"

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.connection = server.airflow_connection
        self.execute("drop schema if exists my_source cascade; create schema my_source")

    def execute(self, statement: str, rows: list[tuple[Any, ...]] | None = None) -> None:
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.executemany(statement, rows) if rows is not None else cursor.execute(statement)


@pytest.fixture(params=["sqlite", "postgres"])
def lake(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    warehouse: Warehouse
    if request.param == "sqlite":
        warehouse = SQLiteWarehouse(tmp_path / "warehouse.db")
    else:
        pytest.importorskip("airflow.providers.postgres")
        warehouse = PostgresWarehouse(request.getfixturevalue("postgres"))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(warehouse.connection))
    return warehouse


def rows_in(warehouse: Warehouse) -> dict[str, Any]:
    return {"destination_ids": [], "warehouse_conn_id": "warehouse", "warehouse_schema": warehouse.schema}


def test_the_ids_in_the_warehouse_tell_what_counts_cannot(here: Workspace, lake: Warehouse) -> None:
    here.others(5, PAID)
    here.sandbox.advance_clock(240)
    report = here.send(events(paid=300, identify=20))
    here.others(50, PAID)
    lake.load(here.sandbox)
    run = here.verify(report, **rows_in(lake))
    assert run.state == "success", run.error
    assert unknown_of(run) == {"received"}, "and yet it is proven"
    assert steps_of(run)["rows in the warehouse"]["found"] == 320

    lost = random.Random(1).randint(1, 49)
    lake.load(here.sandbox, lose=lost)
    run = here.verify(report, **rows_in(lake), timeout=600)
    assert missing_of(run) == {"rows in the warehouse": lost}, "though others' rows make up for them"


def test_rows_with_ids_that_the_events_brought(here: Workspace, lake: Warehouse) -> None:
    items = [event(PAID, n, messageId=f"own-{n}") for n in range(30)] + events(seen=20)
    report = here.send(items)
    lake.load(here.sandbox)
    received = here.sandbox.state.clock.now()
    assert here.verify(report, **rows_in(lake)).state == "success"
    here.sandbox.advance_clock(received - here.sandbox.state.clock.now())
    here.others(10, PAID)
    lake.load(here.sandbox)
    run = here.verify(report, **rows_in(lake))
    assert unknown_of(run) == {"received", "rows in the warehouse"}
    lake.load(here.sandbox, lose=7)
    assert missing_of(here.verify(report, **rows_in(lake), timeout=600)) == {"rows in the warehouse": 7}


def test_another_send_at_the_same_time_makes_rows_unknown(here: Workspace, lake: Warehouse) -> None:
    report = here.send(events(paid=30))
    other = here.send([event(PAID, 100 + n) for n in range(10)])
    lake.load(here.sandbox)
    assert unknown_of(here.verify(report, **rows_in(lake))) == {"received", "rows in the warehouse"}
    assert here.verify([report, other], **rows_in(lake)).state == "success"


def test_rows_that_come_late_are_waited_for(there: Workspace, lake: Warehouse) -> None:
    report = there.send(events(paid=30))
    operator = there.operator(report, **rows_in(lake))
    run = there.run_task(operator)
    run = there.run_task.resume(operator, run)
    assert run.state == "deferred", "there is no table yet"
    lake.load(there.sandbox, lose=1)
    run = there.run_task.resume(operator, run)
    assert run.state == "deferred", "a row is missing"
    lake.load(there.sandbox)
    run = there.run_task.resume(operator, run)
    assert run.state == "success", run.error


def test_a_warehouse_that_is_behind(workspace: Workspace, lake: Warehouse) -> None:
    id = create_warehouse(workspace.sandbox)
    lake.load(workspace.sandbox)
    report = workspace.send(events(paid=30))
    start_sync(workspace.sandbox, id)
    run = workspace.verify(report, **rows_in(lake), warehouse_id=id, timeout=3_000)
    assert missing_of(run) == {"sync to the warehouse": 0, "rows in the warehouse": 30}
    start_sync(workspace.sandbox, id)
    run = workspace.verify(report, **rows_in(lake), warehouse_id=id)
    assert missing_of(run) == {"rows in the warehouse": 30}, "final: a sync that began later has succeeded"
    lake.load(workspace.sandbox)
    assert workspace.verify(report, **rows_in(lake), warehouse_id=id).state == "success"


def test_without_a_connection_only_the_sync_is_known(here: Workspace) -> None:
    id = create_warehouse(here.sandbox)
    report = here.send(events(paid=30))
    here.sandbox.advance_clock(600)
    start_sync(here.sandbox, id)
    run = here.verify(report, destination_ids=[], warehouse_id=id)
    assert run.state == "success", run.error
    assert "has succeeded" in steps_of(run)["sync to the warehouse"]["detail"]


def test_a_table_that_cannot_be_read_is_unknown(here: Workspace, lake: Warehouse) -> None:
    report = here.send(events(paid=30))
    run = here.verify(report, **{**rows_in(lake), "warehouse_schema": "nowhere"}, timeout=600)
    assert run.state == "skipped"
    assert "nowhere" in steps_of(run)["rows in the warehouse"]["detail"]


def test_no_credential_is_in_what_the_warehouse_says(
    here: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some drivers repeat their connection string; here the password is a word that the error has anyway."""
    lake = SQLiteWarehouse(tmp_path / "warehouse.db")
    monkeypatch.setenv(
        "AIRFLOW_CONN_WAREHOUSE", json.dumps({**lake.connection, "extra": {"password": "nowhere"}})
    )
    report = here.send(events(paid=30))
    run = here.verify(report, **{**rows_in(lake), "warehouse_schema": "nowhere"}, timeout=600)
    assert "***.tracks" in steps_of(run)["rows in the warehouse"]["detail"]
    assert "nowhere" not in json.dumps(run.xcoms)


NOTHING = {"read": 0, "sent": 0, "unsent": 0, "source_id": "s"}

# --- arguments ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reports", "arguments", "complaint"),
    [
        ([], {}, "there is none"),
        ([{"read": 1, "sent": 1, "unsent": 0}], {}, "number 0 names no source"),
        ([{"read": 1, "sent": 1, "unsent": 0}], {"source_id": "s"}, "does not say when"),
        ([NOTHING, None], {}, "number 1 is missing"),
        ([{"verdict": "?"}], {}, "number 0 is not the report of a sender"),
        ([NOTHING], {"warehouse_conn_id": "w"}, "belong together"),
        (
            [NOTHING],
            {"warehouse_conn_id": "w", "warehouse_schema": "x; drop table y"},
            "names joined by dots",
        ),
        ([NOTHING], {"max_missing": -1}, "max_missing"),
        ([NOTHING], {"destination_ids": [""]}, "destination_ids"),
        ([NOTHING], {"warehouse_id": ""}, "warehouse_id"),
        ([{"read": 1, "sent": 1, "unsent": 0}], {"source_id": ""}, "names no source"),
    ],
)
def test_wrong_arguments_fail_at_once(here: Workspace, reports: Any, arguments: Any, complaint: str) -> None:
    run = here.verify(reports, **arguments)
    assert run.state == "failed"
    assert isinstance(run.error, AirflowFailException)
    assert complaint in str(run.error)
    assert not here.sandbox.requests


class Lazy(Sequence[Any]):
    """As Airflow hands over what a mapped task returned."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: Any) -> Any:
        return self.items[index]


def test_the_reports_of_a_mapped_task(here: Workspace) -> None:
    reports = Lazy([here.send(events(paid=30)), here.send(events(seen=5))])
    run = here.verify(reports, destination_ids=[])
    assert run.state == "success", run.error
    assert steps_of(run)["received"]["expected"] == 35


def test_parts_that_count_different_names_one_by_one(here: Workspace) -> None:
    """A name that one part lists may be among the other names of another part."""
    many = here.send([event(f"Name {n}", n) for n in range(60)])
    few = here.send([event("Name 55", 1_000 + n) for n in range(5)])
    run = here.verify([many, few], destination_ids=[])
    assert run.state == "success", run.error
    assert steps_of(run)["received"]["expected"] == 65


def test_a_name_breaks_no_table(here: Workspace) -> None:
    report = here.send_into_the_void([event("a|b \\| `c`\nd", n) for n in range(3)])
    run = here.verify(report, source_id=here.sandbox.source_id, destination_ids=[])
    [row] = [line for line in run.xcoms["note"].splitlines() if line.startswith("| received")]
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == 7, row


def test_a_backfill_as_in_the_guide(
    there: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from example_dags import verified_backfill

    lake = SQLiteWarehouse(tmp_path / "warehouse.db")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(lake.connection))
    file = tmp_path / "night.jsonl"
    file.write_text("".join(f"{json.dumps(one)}\n" for one in events(paid=300, identify=20)))
    there.destination("Amplitude")
    warehouse = create_warehouse(there.sandbox)
    conf = {
        "events": str(file),
        "source": "sandbox",
        "destination": "Amplitude",
        "warehouse": "w",
        "schema": "main",
    }
    sent = there.run_task(verified_backfill.send, conf=conf)
    assert sent.state == "success", sent.error
    there.sandbox.advance_clock(3_600)
    start_sync(there.sandbox, warehouse)
    lake.load(there.sandbox)
    xcoms = {("send", "return_value"): sent.xcom}
    run = there.run_task.to_end(verified_backfill.verify, conf=conf, xcoms=xcoms)
    assert run.state == "success", run.error
    assert run.xcom["finding"] == "ok"
    assert steps_of(run)["rows in the warehouse"]["found"] == 320


def test_nothing_sent_is_nothing_missing(here: Workspace) -> None:
    for report in (here.send([]), NOTHING):
        run = here.verify(report)
        assert run.state == "success", run.error


def test_events_that_were_not_sent_are_missing(here: Workspace) -> None:
    report = {**here.send(events(paid=30)), "read": 35, "unsent": 5}
    run = here.verify(report, destination_ids=[])
    assert missing_of(run) == {"sent": 5}


def test_a_report_without_names_is_compared_with_all_traffic(here: Workspace) -> None:
    report = here.send(events(paid=30, identify=2))
    del report["event_names"]
    received = here.sandbox.state.clock.now()
    assert here.verify(report, destination_ids=[]).state == "success"
    here.sandbox.advance_clock(received - here.sandbox.state.clock.now())
    here.others(1)
    assert here.verify(report, destination_ids=[]).state == "skipped"
