"""Operators with an OAuth app instead of a Public API token, to a source that enforces OAuth."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_segment.errors import SegmentAuthenticationError
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.operators.events import SegmentBatchEventsOperator, SegmentTrackOperator
from airflow_provider_segment.operators.sources import SegmentCreateSourceOperator, SegmentListSourcesOperator
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sending import send_events
from airflow_provider_segment.sensors.warehouses import SegmentWarehouseSyncSensor
from airflow_provider_segment.testing.simulated_time import simulate_time
from tests.events.test_send import make_events, numbers, read_lines, write_lines
from tests.harness.task_runner import RunTask, TaskRun
from tests.secrets.test_places import places

pytestmark = [pytest.mark.core, pytest.mark.usefixtures("masks_of_this_test")]

Connect = Callable[..., dict[str, str]]


@pytest.fixture
def connect(segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Make an OAuth app and a connection that has nothing else but the write key."""

    def make(app: dict[str, Any] | None = None, **extra: Any) -> dict[str, str]:
        made = segment_sandbox.create_oauth_app(**(app or {}))
        segment_sandbox.enforce_oauth(segment_sandbox.source_id)
        fields = segment_sandbox.connection_with(made)
        fields["extra"] |= extra
        monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(fields))
        return made

    return make


def assert_nothing_shown(run: TaskRun, app: dict[str, str], sandbox: Sandbox) -> None:
    shown = "".join(places(run, None).values())
    for secret in (*app["private_key"].splitlines()[1:-1], *sandbox.state.oauth.tokens):
        assert secret not in shown


def test_single_events_and_the_public_api(
    run_task: RunTask, segment_sandbox: Sandbox, connect: Connect
) -> None:
    app = connect()
    tracked = run_task(SegmentTrackOperator(task_id="t", event="E", user_id="u", properties={"a": 1}))
    listed = run_task(SegmentListSourcesOperator(task_id="l"))
    assert (tracked.state, listed.state) == ("success", "success")
    assert [event["event"] for event in segment_sandbox.accepted] == ["E"]
    assert [source["slug"] for source in listed.xcom] == ["sandbox"]
    for run in (tracked, listed):
        assert_nothing_shown(run, app, segment_sandbox)


def test_a_backfill_whose_tokens_end_again_and_again(
    run_task: RunTask, segment_sandbox: Sandbox, connect: Connect, tmp_path: Path
) -> None:
    app = connect()
    path = write_lines(tmp_path / "a.jsonl", make_events(20_000, size=1_000))
    for kind, number in (("tokens_revoked", 3), ("token_expired", 17), ("wrong_region", 29)):
        # At a batch in the middle, once each: the batch is refused, and goes again with the next token.
        segment_sandbox.faults.add(kind, api="tracking", contains=f'"n": {number * 500},', next=1)
    run = run_task(SegmentBatchEventsOperator(task_id="send", path=path, concurrency=4))
    assert run.state == "success"
    assert numbers(segment_sandbox) == list(range(20_000))
    assert segment_sandbox.summary["duplicates"] == 0, "what was refused was not taken"
    refused = [each for each in segment_sandbox.requests if each["status"] == 401]
    assert len(refused) >= 3
    assert segment_sandbox.oauth_apps[0]["granted"] == 4
    assert_nothing_shown(run, app, segment_sandbox)


def test_a_backfill_outlives_its_tokens(
    run_task: RunTask,
    segment_sandbox: Sandbox,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    simulate_time(monkeypatch, segment_sandbox)  # each request takes 20 ms of it
    connect({"expires_in": 1})
    path = write_lines(tmp_path / "a.jsonl", make_events(20_000, size=4_000))
    run = run_task(SegmentBatchEventsOperator(task_id="send", path=path, concurrency=2))
    assert run.state == "success"
    assert numbers(segment_sandbox) == list(range(20_000))
    assert segment_sandbox.summary["duplicates"] == 0
    assert segment_sandbox.oauth_apps[0]["granted"] > 3
    assert not [each for each in segment_sandbox.requests if each["status"] == 401], "renewed in time"


def test_a_backfill_that_gets_no_token_sends_and_rejects_nothing(
    run_task: RunTask, segment_sandbox: Sandbox, connect: Connect, tmp_path: Path
) -> None:
    app = connect({"scopes": ["public_api:read_write"]})
    path = write_lines(tmp_path / "a.jsonl", make_events(5_000))
    run = run_task(
        SegmentBatchEventsOperator(task_id="send", path=path, rejects_path=str(tmp_path / "rejects.jsonl"))
    )
    assert isinstance(run.error, SegmentAuthenticationError)
    assert "invalid_scope" in str(run.error) and "OAuth app id" in str(run.error)
    assert not segment_sandbox.accepted and not read_lines(tmp_path / "rejects.jsonl")
    assert_nothing_shown(run, app, segment_sandbox)


def test_the_source_may_be_named_instead_of_a_write_key(
    run_task: RunTask, segment_sandbox: Sandbox, connect: Connect
) -> None:
    connect(secret_write_key=None)
    run = run_task(
        SegmentBatchEventsOperator(
            task_id="send", events=make_events(10), source_id=segment_sandbox.source_id
        )
    )
    assert run.state == "success"
    assert numbers(segment_sandbox) == list(range(10))


def test_a_task_that_creates_and_a_trigger_that_waits(
    run_task: RunTask,
    segment_sandbox: Sandbox,
    connect: Connect,
    warehouse: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    simulate_time(monkeypatch, segment_sandbox)
    app = connect()
    created = run_task(
        SegmentCreateSourceOperator(task_id="c", slug="shop", enabled=True, metadata_id="IqDTy1TpoU")
    )
    assert created.state == "success", created.error
    segment_sandbox.scripts.add("warehouse_sync", now=True, seconds=30)
    waited = run_task.to_end(
        SegmentWarehouseSyncSensor(task_id="w", warehouse_id=warehouse, deferrable=True, poke_interval=10)
    )
    assert waited.state == "success", waited.error
    assert_nothing_shown(waited, app, segment_sandbox)


def test_the_test_button_says_which_credential_works(
    segment_sandbox: Sandbox, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect()
    well, said = SegmentHook().test_connection()
    assert well, said
    assert "OAuth tracking_api:write: token granted" in said
    assert "OAuth public_api:read_write: works for workspace 'Sandbox'" in said
    assert "write key: belongs to source 'sandbox'" in said


@pytest.mark.parametrize("scope", ["tracking_api:write", "public_api:read_write"])
def test_an_app_for_one_api_is_well(segment_sandbox: Sandbox, connect: Connect, scope: str) -> None:
    connect({"scopes": [scope]})
    well, said = SegmentHook().test_connection()
    assert well, said
    other = {"tracking_api:write", "public_api:read_write"} - {scope}
    assert f"OAuth {other.pop()}: Check the OAuth app id" in said
    assert "POST /token: Segment answered 400: invalid_scope" in said


def test_a_wrong_key_is_not_well(segment_sandbox: Sandbox, connect: Connect) -> None:
    app = connect(oauth_key_id="another")
    well, said = SegmentHook().test_connection()
    assert not well
    assert said.count("invalid_client") == 2
    assert not any(line in said for line in app["private_key"].splitlines()[1:-1])


def test_a_revoked_key_is_noticed_though_a_token_is_there(segment_sandbox: Sandbox, connect: Connect) -> None:
    app = connect()
    SegmentHook().track("E", user_id="u")
    segment_sandbox.revoke_oauth_key(app["app_id"], app["key_id"])
    well, said = SegmentHook().test_connection()
    assert not well, said


@pytest.mark.parametrize("form", ["lines", "spaces", "file"])
def test_the_key_as_pasted_and_as_a_file(
    segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, connect: Connect, form: str
) -> None:
    app = connect()
    pem = app["private_key"]
    file = tmp_path / "key.pem"
    file.write_text(pem)
    given = {"lines": pem, "spaces": pem.replace("\n", " "), "file": str(file)}[form]
    fields = json.loads(json.dumps(segment_sandbox.connection))
    fields["extra"] |= {
        "oauth_app_id": app["app_id"],
        "oauth_key_id": app["key_id"],
        "oauth_private_key": given,
    }
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(fields))
    SegmentHook().track("E", user_id="u")
    assert len(segment_sandbox.accepted) == 1


def test_without_airflow(segment_sandbox: Sandbox, connect: Connect) -> None:
    app = connect()
    report = send_events(
        make_events(100),
        write_key=segment_sandbox.write_key,
        base_url=segment_sandbox.url,
        **{f"oauth_{name}": value for name, value in app.items()},
    )
    assert report.sent == 100
    assert numbers(segment_sandbox) == list(range(100))


@pytest.mark.parametrize("scopes", [["tracking_api:write", "public_api:read_write"], ["tracking_api:write"]])
def test_a_preview_looks_up_what_the_app_may_see(
    segment_sandbox: Sandbox, connect: Connect, scopes: list[str]
) -> None:
    connect({"scopes": scopes})
    report = SegmentHook().preview_events(make_events(3))
    looked_up = "/suppressions" in [each["path"] for each in segment_sandbox.requests]
    assert looked_up == (len(scopes) == 2)
    assert report.read == 3
