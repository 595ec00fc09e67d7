"""The provider inside a real Airflow: scheduler, worker processes, API server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_segment.operators.events import CHECKPOINT
from airflow_provider_segment.sandbox import Sandbox
from example_dags.demo.night import DAY, FAULTY, FILES, make_night
from tests.running_airflow.example_runs import unpause

if TYPE_CHECKING:
    from example_dags.demo.throwaway_airflow import ThrowawayAirflow

pytestmark = pytest.mark.airflow

SECRETS = (Sandbox.token, Sandbox.write_key, Sandbox.profile_token)


def test_the_example_dag_sends_a_night_twice_and_doubles_nothing(
    airflow: ThrowawayAirflow, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    make_night(tmp_path, 3_000)
    conf = {"events": str(tmp_path), "day": DAY}
    unpause(airflow, "nightly_backfill")
    for _ in range(2):
        run = airflow.run_dag("nightly_backfill", conf=conf)
        run_id = run["dag_run_id"]
        assert run["state"] == "success", airflow.task_log("nightly_backfill", run_id, "send_events")

        report = airflow.xcom("nightly_backfill", run_id, "send_events")
        assert (report["read"], report["sent"]) == (3_000 + FAULTY, 3_000)
        assert len(segment_sandbox.accepted) == 3_000
        told = airflow.xcom("nightly_backfill", run_id, "notify")
        assert told.startswith("3,000 of 3,006 events are in Segment; 6 set aside in")

    assert set(segment_sandbox.summary["dropped"]) == {"duplicate"}
    [inputs, outputs] = lineage_of("nightly_backfill.send_events", airflow.home)
    assert inputs == [("file", f"{tmp_path}/{DAY}/{name}") for name in sorted(FILES)]
    assert outputs == [("segment", "connections/segment_default")]
    letters = read_lines(tmp_path / "rejected" / f"{DAY}.jsonl")
    assert {letter["reason"] for letter in letters} == {
        "missing_id",
        "not_json",
        "missing_field",
        "invalid_timestamp",
        "too_large",
    }


def test_a_worker_killed_halfway_is_retried_and_each_event_arrives_once(
    airflow: ThrowawayAirflow, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    night = make_night(tmp_path, 6_000)
    dag_id = "backfill_retried_at_once"
    conf = {"path": f"{night}/*.jsonl*", "rejects_path": str(tmp_path / "rejected.jsonl")}
    held: Any = segment_sandbox.faults.add("held", api="tracking", released=3)

    run_id = airflow.trigger_dag(dag_id, conf=conf)
    airflow.wait_for_task(dag_id, run_id, "send_events", "running")
    place = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/send_events/state-store"
    airflow.wait_for("a batch whose answer is held", lambda: held.hits > held.released)
    airflow.wait_for("a checkpoint", lambda: CHECKPOINT in json.dumps(airflow.get(place)))
    airflow.kill_task(dag_id, run_id, "send_events")
    delivered = segment_sandbox.summary["accepted"]
    segment_sandbox.faults.clear()
    held.released = held.hits
    run = airflow.wait_for_run(dag_id, run_id)

    assert delivered < 6_000
    assert run["state"] == "success", airflow.task_log(dag_id, run_id, "send_events", 2)
    assert airflow.task(dag_id, run_id, "send_events")["try_number"] == 2
    report = airflow.xcom(dag_id, run_id, "send_events")
    assert (report["read"], report["sent"]) == (6_000 + FAULTY, 6_000)
    assert 0 < report["sent_before"] <= delivered
    sent = [event["anonymousId"] for event in segment_sandbox.accepted]
    assert len(sent) == len(set(sent)) == 6_000
    # Sent twice is what came after the checkpoint: at least the batch whose answer was held.
    assert segment_sandbox.summary["duplicates"] == delivered - report["sent_before"] > 0
    assert len(read_lines(tmp_path / "rejected.jsonl")) == FAULTY


def test_neither_logs_nor_task_instances_show_a_secret(
    airflow: ThrowawayAirflow, segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    make_night(tmp_path, 100)
    run = airflow.run_dag("nightly_backfill", conf={"events": str(tmp_path), "day": DAY})
    run_id = run["dag_run_id"]
    shown = [
        airflow.task_log("nightly_backfill", run_id, "send_events"),
        json.dumps(airflow.task("nightly_backfill", run_id, "send_events")),
        airflow.log.read_text(errors="replace"),
    ]
    assert "100 sent" in shown[0]
    assert [secret for secret in SECRETS for text in shown if secret in text] == []


def test_secrets_of_a_connection_cannot_be_read_back(airflow: ThrowawayAirflow) -> None:
    extra = {"region": "us", "secret_write_key": "WRITE-KEY-9f3", "profile_api_token": "PROFILE-TOKEN-9f3"}
    made = airflow.add_connection(
        "segment_secrets", conn_type="segment", password="PUBLIC-TOKEN-9f3", extra=extra
    )
    answers = [made, airflow.get_connection("segment_secrets"), airflow.get("connections")]
    for answer in answers:
        assert "segment_secrets" in str(answer)
        assert "9f3" not in str(answer)
    assert '"region": "us"' in answers[1]["extra"]


def test_the_test_button_names_the_workspace(airflow: ThrowawayAirflow, segment_sandbox: Sandbox) -> None:
    answer = airflow.test_connection("segment_new", **segment_sandbox.connection)
    assert answer["status"] is True
    assert "workspace 'Sandbox'" in answer["message"]
    assert not any(secret in answer["message"] for secret in SECRETS)

    wrong = airflow.test_connection(
        "segment_new", **{**segment_sandbox.connection, "password": "wrong-token"}
    )
    assert wrong["status"] is False
    assert "wrong-token" not in wrong["message"]


def test_the_test_button_of_the_list_works_where_a_port_is_stored(
    airflow: ThrowawayAirflow, segment_sandbox: Sandbox
) -> None:
    airflow.add_connection("segment_button", **segment_sandbox.connection, port=0)
    shown = airflow.get_connection("segment_button")
    # What the button sends: what it was shown, secrets masked, with empty strings and a 0 for nulls.
    asked = {
        name: shown[name] or "" for name in ("conn_type", "description", "host", "login", "schema", "extra")
    }
    answer = airflow.post(
        "connections/test", {**asked, "connection_id": "segment_button", "password": "***", "port": 0}
    )
    assert answer["status"] is True, answer["message"]


def lineage_of(job: str, home: Path) -> list[list[tuple[str, str]]]:
    """Inputs and outputs of the latest run of a task, as Airflow told OpenLineage."""
    told = [json.loads(file.read_text()) for file in sorted(home.glob("lineage*"))]
    [*_, last] = [each for each in told if each["eventType"] == "COMPLETE" and each["job"]["name"] == job]
    return [[(one["namespace"], one["name"]) for one in last[name]] for name in ("inputs", "outputs")]


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
