"""The command line, in this process: what each command says, and its exit status."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from airflow_provider_segment.commands import COMMANDS, main
from airflow_provider_segment.commands.preview_flags import OF_SENDING, bulk_options
from airflow_provider_segment.events.options import OPTIONS
from airflow_provider_segment.sandbox import Sandbox

pytestmark = pytest.mark.core

GOOD = {"type": "track", "event": "Order Completed", "userId": "u1", "properties": {"total": 3}}
BAD = {"type": "track", "event": "Order Completed"}


class Ended(NamedTuple):
    """How a command ended."""

    status: Any
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Segment = Callable[..., Ended]


@pytest.fixture
def segment(capsys: pytest.CaptureFixture[str]) -> Segment:
    """Run a command: ``segment("check", "segment_default")``."""

    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(arguments)
        said = capsys.readouterr()
        return Ended(end.value.code, said.out, said.err)

    return run


@pytest.fixture
def events(tmp_path: Path) -> Callable[..., str]:
    def write(*items: Any) -> str:
        path = tmp_path / "events.jsonl"
        path.write_text("".join(f"{json.dumps(item)}\n" for item in items))
        return str(path)

    return write


# operations


def test_operators_are_listed(segment: Segment) -> None:
    found = segment("operations", "stop", "a source", "sending to a warehouse")
    assert (found.status, found.err) == (0, "")
    assert found.out.startswith(
        "SegmentRemoveSourceConnectionFromWarehouseOperator\n    Stop loading a source"
    )
    assert found.out.count("Operator\n") == 10


def test_the_number_of_operators(segment: Segment) -> None:
    assert segment("operations", "source", "--limit", "2").out.count("Operator\n") == 2
    wrong = segment("operations", "source", "--limit", "0")
    assert (wrong.status, wrong.err) == (1, "segment operations: --limit must be at least 1, not 0\n")


@pytest.mark.parametrize(
    "words", [("SegmentListSyncsFromWarehouseOperator",), ("list", "syncs of a", "warehouse", "--show")]
)
def test_an_operator_in_full(segment: Segment, words: tuple[str, ...]) -> None:
    out = segment("operations", *words).out
    for part in (
        "SegmentListSyncsFromWarehouseOperator (operator)\n",
        "Endpoint    GET /warehouses/{warehouseId}/syncs\n",
        "Rate limit  2 a minute\n",
        "from airflow_provider_segment.operators import SegmentListSyncsFromWarehouseOperator",
        "  warehouse_id: str (required)\n      Id of the warehouse.\n",
        "  limit: int | None (optional)\n      number of items to return at most",
        '      task_id="list_syncs_from_warehouse",\n',
    ):
        assert part in out


def test_what_waits_says_so(segment: Segment) -> None:
    assert "Waits       yes, also in the triggerer" in segment("operations", "SegmentAudienceSensor").out


def test_operators_for_programs(segment: Segment) -> None:
    many = segment("operations", "tracking plan", "--json", "--limit", "3").json
    assert list(many) == ["operations"]
    assert len(many["operations"]) == 3
    [one] = segment("operations", "get_tracking_plan", "--json").json["operations"]
    assert one["name"] == "SegmentGetTrackingPlanOperator"
    assert list(one) == [
        *("name", "module", "kind", "summary", "description", "arguments", "endpoint", "stability"),
        *("limit", "waits", "deferrable", "example"),
    ]
    assert list(one["arguments"][0]) == ["name", "type", "required", "default", "description"]


def test_nothing_is_found(segment: Segment) -> None:
    nothing = segment("operations", "xyzzyqwk")
    assert (nothing.status, nothing.out) == (1, "")
    assert "'xyzzyqwk'" in nothing.err
    nothing = segment("operations", "xyzzyqwk", "--json")
    assert (nothing.status, nothing.json) == (1, {"operations": []})


@pytest.mark.parametrize("columns", ["1", "40", "72", "500"])
def test_the_width_of_the_terminal(segment: Segment, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = segment("operations", "warehouse").out.splitlines()
    width = max(40, min(110, int(columns)))
    assert max(len(line) for line in lines if " " in line.strip()) < width
    assert "\x1b" not in "".join(lines)


# check


def test_a_connection_that_works(segment: Segment, segment_sandbox: Sandbox) -> None:
    checked = segment("check")
    assert (checked.status, checked.err) == (0, "")
    assert checked.out.splitlines() == [
        "Works.",
        f"-       Region: US (Oregon) at {segment_sandbox.url}",
        "ok      Public API token: works for workspace 'Sandbox'",
        "ok      write key: belongs to source 'sandbox'",
        "-       Profile API token: not checked: that needs a space",
    ]
    answer = segment("check", "segment_default", "--json").json
    assert (answer["connection"], answer["well"]) == ("segment_default", True)
    assert answer["findings"][1] == {
        "subject": "Public API token",
        "text": "works for workspace 'Sandbox'",
        "well": True,
    }


def test_a_wrong_token_is_not_shown(
    segment: Segment, segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {**segment_sandbox.connection, "password": "a-wrong-token"}
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps(wrong))
    for more in ((), ("--json",)):
        checked = segment("check", "other", *more)
        assert checked.status == 1
        assert "401" in checked.out
        for secret in ("a-wrong-token", segment_sandbox.write_key, segment_sandbox.token):
            assert secret not in checked.out + checked.err
    assert "failed  Public API token: " in segment("check", "other").out


def test_what_segment_says_does_not_control_the_terminal(segment: Segment, segment_sandbox: Sandbox) -> None:
    body = {"errors": [{"type": "forbidden", "message": "\x1b[2Jgone \u202e"}]}
    segment_sandbox.faults.add("status", path="/", status=403, body=body)
    out = segment("check").out
    assert "gone" in out
    assert "\x1b" not in out and "\u202e" not in out


@pytest.mark.parametrize("command", [("check",), ("check", "--json"), ("preview", "f.jsonl", "--conn")])
def test_an_unknown_connection(segment: Segment, command: tuple[str, ...]) -> None:
    checked = segment(*command, "nobody_knows")
    assert (checked.status, checked.out) == (1, "")
    assert checked.err == f"segment {command[0]}: The conn_id `nobody_knows` isn't defined\n"


@pytest.mark.parametrize("command", [("check",), ("preview", "f.jsonl", "--conn")])
def test_the_password_of_another_type_is_not_sent(
    segment: Segment, segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    other = {**segment_sandbox.connection, "conn_type": "postgres"}
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps(other))
    checked = segment(*command, "shop")
    assert (checked.status, checked.out) == (1, "")
    assert "'shop' is of type 'postgres', not 'segment'" in checked.err
    assert segment_sandbox.requests == []


def test_a_connection_that_is_wrong(segment: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"conn_type": "segment", "password": "token", "extra": {"region": "mars"}}
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps(fields))
    checked = segment("check", "other")
    assert checked.status == 1
    assert "failed  Connection: " in checked.out and "region" in checked.out


# preview


def test_all_events_would_be_sent(segment: Segment, events: Callable[..., str]) -> None:
    report = segment("preview", events(GOOD, GOOD | {"userId": "u2"}))
    assert (report.status, report.err) == (0, "")
    assert report.out.startswith("**Nothing was sent.** A send would deliver 2 events, in 1 batch")


def test_some_events_would_be_rejected(segment: Segment, events: Callable[..., str]) -> None:
    path = events(GOOD, BAD)
    assert segment("preview", path).status == 2
    report = segment("preview", path, "--json")
    assert (report.status, report.json["events"], report.json["rejected"]) == (2, 1, {"missing_id": 1})
    assert segment("preview", path, "--limit", "1").status == 0


def test_options_of_a_bulk_send(segment: Segment, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("id;user;total\n1;u1;3\n2;u2;4\n")
    (tmp_path / "mapping.yaml").write_text(
        'type: track\nevent: Order Completed\nuserId: "$user"\nproperties: {total: "$total"}\n'
    )
    report = segment(
        *("preview", str(tmp_path / "*.csv"), "--csv", '{"delimiter": ";"}', "--json"),
        *("--mapping", str(tmp_path / "mapping.yaml"), "--message-id-fields", "id, user"),
        *("--integrations", '{"All": false, "Amplitude": true}', "--max-events-per-second", "0.5"),
        *("--context", '{"ip": "0.0.0.0"}', "--nulls", "drop", "--max-events", "1"),
    )
    assert report.status == 0, report.err
    assert (report.json["rows"], report.json["events"], report.json["events_per_second"]) == (2, 2, 0.5)
    body = report.json["bodies"][0]
    assert '"Amplitude":true' in body and '"ip":"0.0.0.0"' in body
    assert any("1" in warning for warning in report.json["warnings"])


def test_a_tracking_plan(segment: Segment, events: Callable[..., str], tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    schema = {"type": "object", "properties": {"properties": {"required": ["currency"]}}}
    rule = {"type": "TRACK", "key": "Order Completed", "version": 1, "jsonSchema": schema}
    plan.write_text(json.dumps([rule]))
    for action, sent in (("report", 1), ("reject", 0)):
        report = segment(
            *("preview", events(GOOD), "--json"),
            *("--tracking-plan-path", str(plan), "--on-violation", action),
        )
        assert (report.status, report.json["events"]) == (2, sent), report.err
        assert sum(report.json["violations"].values()) == 1


def test_with_a_connection(segment: Segment, segment_sandbox: Sandbox, events: Callable[..., str]) -> None:
    report = segment("preview", events(GOOD), "--json", "--conn", "segment_default")
    assert (report.status, report.json["suppressed_users"]) == (0, 0)
    source = segment(
        *("preview", events(GOOD), "--json", "--conn", "segment_default"),
        *("--source-id", segment_sandbox.source_id),
    )
    assert source.json["destinations"] == []
    assert segment_sandbox.accepted == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.jsonl",), "nowhere.jsonl"),
        (("{events}", "--limit", "many"), "limit: "),
        (("{events}", "--mapping", "nowhere.yaml"), "--mapping: "),
        (("{events}", "--context", "{"), "context: "),
        (("{events}", "--naive-timezone", "Mars/Olympus"), "naive_timezone: "),
        (("{events}", "--source-id", "s"), "give --conn"),
        (("{events}", "--tracking-plan-id", "tp"), "tracking_plan_path"),
        (("{events}", "--format", "tape"), "format: "),
        (("s4://bucket/events.jsonl",), "s4"),
    ],
)
def test_errors(segment: Segment, events: Callable[..., str], arguments: tuple[str, ...], said: str) -> None:
    path = events(GOOD)
    ended = segment("preview", *(argument.replace("{events}", path) for argument in arguments))
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith("segment preview: ") and said in ended.err
    assert "Traceback" not in ended.err


# all of them


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_help(segment: Segment, command: Any) -> None:
    shown = segment(command.name, "--help")
    assert shown.status == 0
    for flag in command.flags():
        assert flag.help and not flag.help[0].islower() and not flag.help.endswith(".")
        assert flag.names[0] in shown.out or flag.more.get("metavar", "") in shown.out
    assert "Exit status" in " ".join(shown.out.split())


def test_every_option_of_a_bulk_send_is_accounted_for() -> None:
    parser = ArgumentParser()
    [preview] = [command for command in COMMANDS if command.name == "preview"]
    for flag in preview.flags():
        parser.add_argument(*flag.names, **flag.more)
    given = vars(parser.parse_args(["file"]))
    assert set(bulk_options()) | set(OF_SENDING) == OPTIONS.keys()
    assert set(bulk_options()) <= given.keys()


@pytest.mark.parametrize("arguments", [(), ("nothing",), ("operations",), ("preview",)])
def test_a_wrong_command_line(segment: Segment, arguments: tuple[str, ...]) -> None:
    wrong = segment(*arguments)
    assert (wrong.status, wrong.out) == (2, "")
    assert "usage: python -m airflow_provider_segment" in wrong.err
