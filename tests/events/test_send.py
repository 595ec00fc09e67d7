"""Sending, from an input to its report, over HTTP to the sandbox, without and with failures."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path
from typing import Any

import httpx
import pendulum
import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.api import retries
from airflow_provider_segment.api.client import AsyncSegmentClient
from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.api.settings import Settings
from airflow_provider_segment.errors import (
    SegmentAuthenticationError,
    SegmentBadRequestError,
    SegmentConfigurationError,
    SegmentEventError,
    SegmentInputError,
    SegmentServerError,
    SegmentStoppedError,
)
from airflow_provider_segment.events import backfill, lease, send
from airflow_provider_segment.events.check import Checker
from airflow_provider_segment.events.dead_letters import DeadLetters
from airflow_provider_segment.events.limits import MAX_BATCH_BYTES, MAX_EVENT_BYTES
from airflow_provider_segment.events.mapping.rows import Compiling
from airflow_provider_segment.events.mapping.template_mapper import TemplateMapper
from airflow_provider_segment.events.report import SendReport
from airflow_provider_segment.events.send import Sending
from airflow_provider_segment.events.sources.items import ItemSource
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from tests.harness.fake_clock import NOON, FakeClock
from tests.harness.fuzzing import examples

pytestmark = pytest.mark.core


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without waiting."""
    monkeypatch.setattr(retries, "BACKOFF_FIRST", 0.001)
    monkeypatch.setattr(retries, "BACKOFF_MAX", 0.005)
    monkeypatch.setattr(retries, "SERVER_WAIT_MIN", 0.005)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine: batches in flight arrive before a run ends."""
    monkeypatch.setattr(send, "STOP_SECONDS", 600)
    monkeypatch.setattr(backfill, "END_SECONDS", 600)


@pytest.fixture
def hook(caplog: pytest.LogCaptureFixture) -> SegmentHook:
    """A hook that logs where caplog listens, on every version of Airflow."""
    caplog.set_level(logging.INFO)
    hook = SegmentHook(retries=2)
    hook._log = logging.getLogger("tests.hook")
    return hook


def make_events(count: int, size: int = 0) -> list[dict[str, Any]]:
    return [
        {"type": "track", "event": "Counted", "userId": "u", "properties": {"n": n, "x": "x" * size}}
        for n in range(count)
    ]


def write_lines(path: Path, lines: list[Any]) -> str:
    texts = (line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    path.write_bytes(b"".join(text + b"\n" for text in texts))
    return str(path)


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def numbers(sandbox: Sandbox) -> list[int]:
    """The events that the sandbox holds, by number, sorted."""
    return sorted(event["properties"]["n"] for event in sandbox.accepted)


def assert_adds_up(report: SendReport) -> None:
    assert report.read == report.sent + sum(report.rejected.values())
    assert report.unsent == 0
    assert report.event_names.total() == report.sent


# Without failures


def test_a_file_arrives_completely(segment_sandbox: Sandbox, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", make_events(5_000, size=300))
    report = SegmentHook().send_events(path=path)
    assert numbers(segment_sandbox) == list(range(5_000))
    assert (report.read, report.sent, report.retries) == (5_000, 5_000, 0)
    assert report.first == {"file": path, "line": 1} and report.last == {"file": path, "line": 5_000}
    batches = [request for request in segment_sandbox.requests if request["path"] == "/v1/batch"]
    assert len(batches) == report.batches
    assert segment_sandbox.summary["bytes"] == report.bytes
    assert all(request["events"] <= 2_500 for request in batches)
    assert report.bytes / report.batches > MAX_BATCH_BYTES * 0.8, "batches are well filled"
    assert segment_sandbox.summary["dropped"] == {}


def test_gzip_sends_the_same(segment_sandbox: Sandbox) -> None:
    report = SegmentHook().send_events(make_events(3_000), gzip=True)
    assert numbers(segment_sandbox) == list(range(3_000))
    assert {request["headers"].get("Content-Encoding") for request in segment_sandbox.requests} == {"gzip"}
    assert report.sent == 3_000


def test_an_iterable_of_dicts_and_texts(segment_sandbox: Sandbox) -> None:
    texts = (json.dumps(event) for event in make_events(10))
    mixed = [text if n % 3 else text.encode() if n % 2 else json.loads(text) for n, text in enumerate(texts)]
    assert SegmentHook().send_events(iter(mixed)).sent == 10
    assert numbers(segment_sandbox) == list(range(10))


def test_an_empty_input_gives_an_empty_report(segment_sandbox: Sandbox, tmp_path: Path) -> None:
    report = SegmentHook().send_events(path=write_lines(tmp_path / "a.jsonl", [b"", b"  "]))
    assert (report.read, report.sent, report.first) == (0, 0, {"file": str(tmp_path / "a.jsonl"), "line": 1})
    assert SegmentHook().send_events([]).as_dict()["first"] is None
    assert not segment_sandbox.requests


def test_sending_again_creates_no_duplicates(segment_sandbox: Sandbox) -> None:
    for _ in range(2):
        assert SegmentHook().send_events(make_events(100)).sent == 100
    assert numbers(segment_sandbox) == list(range(100))
    assert segment_sandbox.summary["dropped"] == {"duplicate": 100}


def test_every_batch_has_its_time_and_library(
    segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Clock, "now", lambda clock: NOON)
    SegmentHook().send_events(make_events(1))
    (event,) = segment_sandbox.accepted
    assert event["context"]["library"]["name"] == "airflow-provider-segment"
    (request,) = segment_sandbox.requests
    assert request["sentAt"] == "2026-03-10T12:10:10.000Z"
    assert request["headers"]["User-Agent"].startswith("airflow-provider-segment/")


def test_a_source_s_write_key_can_be_looked_up(segment_sandbox: Sandbox) -> None:
    hook = SegmentHook()
    created = hook.request(
        "POST", "/sources", json={"slug": "other", "enabled": True, "metadataId": "IqDTy1TpoU"}
    ).data["source"]
    hook.send_events(make_events(3), source_id=created["id"])
    assert {event["projectId"] for event in segment_sandbox.accepted} == {created["id"]}


def test_a_rate_limit(tmp_path: Path) -> None:
    clock = FakeClock()
    sent_at: list[tuple[float, int]] = []

    def respond(request: httpx.Request) -> httpx.Response:
        sent_at.append((clock.monotonic(), len(json.loads(request.content)["batch"])))
        return httpx.Response(200, json={"success": True})

    async def run() -> SendReport:
        transport = httpx.MockTransport(respond)
        async with AsyncSegmentClient(Settings(write_key="k"), transport=transport, clock=clock) as client:
            letters = DeadLetters(None, logging.getLogger())
            source = ItemSource(make_events(1_000))
            sending = Sending(
                source,
                Checker("k"),
                client,
                letters,
                mapper=TemplateMapper(None, Compiling()),
                log=logging.getLogger(),
                max_events_per_second=200,
            )
            return await sending.run()

    assert asyncio.run(run()).sent == 1_000
    assert [count for _, count in sent_at] == [20] * 50, "a batch is small against the rate"
    for sent, (moment, _) in zip(accumulate(count for _, count in sent_at), sent_at, strict=True):
        assert moment == pytest.approx(sent / 200), "neither the first one nor any other is early"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({}, "either events, path or part"),
        ({"events": [], "path": "x"}, "either events, path or part"),
        ({"events": "a.jsonl"}, "events: .*not str"),
        ({"events": {"type": "track"}}, "events: .*not dict"),
        ({"events": 7}, "events: .*not int"),
        ({"events": [], "concurency": 3}, "concurency"),
        ({"events": 7, "gzip": "perhaps", "concurrency": 0}, "concurrency: .*events: .*gzip: "),
    ],
)
def test_invalid_arguments(segment_sandbox: Sandbox, arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SegmentConfigurationError, match=complaint):
        SegmentHook().send_events(**arguments)
    assert not segment_sandbox.requests


# Rejected events


BAD: list[Any] = [
    {"type": "track", "event": "x"},
    b"not json",
    b'{"type":"track","event":"x","userId":"u","prop',
    [1, 2],
    {"type": "page", "userId": "u", "timestamp": "2026-01-02"},
    {"type": "page", "userId": "u", "properties": {"x": "x" * MAX_EVENT_BYTES}},
]


def test_rejected_events_are_kept_with_place_and_reason_and_can_be_sent_again(
    segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    good = make_events(20)
    path = write_lines(tmp_path / "a.jsonl", [*good[:10], *BAD, *good[10:]])
    rejects = tmp_path / "deep" / "rejects.jsonl"
    report = SegmentHook().send_events(path=path, rejects_path=str(rejects))
    assert_adds_up(report)
    assert report.rejected == Counter(
        {"missing_id": 1, "not_json": 2, "not_an_object": 1, "invalid_timestamp": 1, "too_large": 1}
    )
    letters = read_lines(rejects)
    assert [letter["line"] for letter in letters] == [11, 12, 13, 14, 15, 16]
    assert {letter["file"] for letter in letters} == {path}
    assert letters[0]["event"] == BAD[0] and letters[1]["raw"] == "not json"

    for letter in letters:
        letter["event"] = {
            "type": "track",
            "event": "Mended",
            "userId": "u",
            "properties": {"n": letter["line"] * 100},
        }
    mended = write_lines(tmp_path / "mended.jsonl", letters)
    assert SegmentHook().send_events(path=mended).sent == len(BAD)
    assert numbers(segment_sandbox) == [*range(20), *range(1100, 1700, 100)]


def test_a_line_of_several_objects_is_several_events(segment_sandbox: Sandbox, tmp_path: Path) -> None:
    lines = [json.dumps(event).encode() for event in make_events(5_000)]
    bad = b'{"type":"track","event":"x"}'
    path = write_lines(
        tmp_path / "a.jsonl",
        [lines[0], b"".join(lines[1:3_000]) + bad, b"[%b]" % b",".join(lines[3_000:4_999]), b"no", lines[-1]],
    )
    rejects = tmp_path / "rejects.jsonl"
    report = SegmentHook().send_events(path=path, rejects_path=str(rejects))
    assert numbers(segment_sandbox) == list(range(5_000))
    assert (report.read, report.rejected) == (5_002, {"missing_id": 1, "not_json": 1})
    assert_adds_up(report)
    assert [letter["line"] for letter in read_lines(rejects)] == [2, 4]
    assert report.last == {"file": path, "line": 5}


def test_dead_letters_are_one_line_each_however_they_were_read(
    segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"type": "track", "event": "x"}] * 3, indent=2))
    rejects = tmp_path / "rejects.jsonl"
    SegmentHook().send_events(path=str(tmp_path / "a.json"), rejects_path=str(rejects))
    assert [letter["item"] for letter in read_lines(rejects)] == [1, 2, 3]


def test_without_a_path_the_first_rejects_are_logged(
    segment_sandbox: Sandbox, hook: SegmentHook, caplog: pytest.LogCaptureFixture
) -> None:
    report = hook.send_events([{"type": "track"}] * 50)
    assert report.rejected["missing_field"] == 50
    lines = [line for line in caplog.text.splitlines() if "Rejected (" in line]
    assert len(lines) == 10 and "item 1" in lines[0]


def test_the_rejects_of_an_earlier_run_are_not_read_as_input(
    segment_sandbox: Sandbox, tmp_path: Path
) -> None:
    write_lines(tmp_path / "a.jsonl", [*make_events(3), {"type": "track"}])
    rejects = str(tmp_path / "rejects.jsonl")
    for _ in range(2):
        report = SegmentHook().send_events(path=f"{tmp_path}/*.jsonl", rejects_path=rejects)
        assert (report.read, len(read_lines(tmp_path / "rejects.jsonl"))) == (4, 1)


def test_rejects_never_overwrite_the_input(
    segment_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_lines(tmp_path / "a.jsonl", make_events(3))
    (tmp_path / "link").symlink_to(tmp_path)
    spellings = [path, f"file://{path}", f"{tmp_path}/x/../a.jsonl", f"{tmp_path}/link/a.jsonl"]
    if version("apache-airflow") >= "3":
        spellings.append("a.jsonl")  # Airflow 2 makes every path absolute
    for same in spellings:
        with pytest.raises(SegmentConfigurationError, match="rejects_path"):
            SegmentHook().send_events(path=path, rejects_path=same)
    assert len(read_lines(tmp_path / "a.jsonl")) == 3


def test_texts_are_taken_as_they_come_from_an_open_file(segment_sandbox: Sandbox, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [*make_events(2), b"", b'{"type":"track"}'])
    rejects = tmp_path / "rejects.jsonl"
    with open(path) as lines:
        report = SegmentHook().send_events(lines, rejects_path=str(rejects))
    assert (report.read, report.sent) == (3, 2)
    assert read_lines(rejects)[0]["event"] == {"type": "track"}


@pytest.mark.parametrize(
    "odd", ["\ud800", b"\xff", 7, None, {"type": "page", "userId": "\ud800"}, {"type": object()}, [1]]
)
def test_one_odd_item_rejects_only_itself(segment_sandbox: Sandbox, odd: Any) -> None:
    report = SegmentHook().send_events([*make_events(3), odd], save_checkpoint=lambda _: None)
    assert (report.sent, report.rejected_total) == (3, 1)


@pytest.mark.parametrize("options", [{"context": {"a": 1}}, {"message_id_fields": ["userId"]}])
def test_a_number_that_python_cannot_hold_rejects_only_its_event(
    segment_sandbox: Sandbox, options: dict[str, Any]
) -> None:
    line = b'{"type":"page","userId":"u","context":{},"properties":{"x":1e999}}'
    report = SegmentHook().send_events([*make_events(3), line], **options)
    assert (report.sent, report.rejected) == (3, {"not_json": 1})


@pytest.mark.parametrize("kind", ["a folder", "no permission for a folder", "disk full"])
def test_dead_letters_that_cannot_be_written_do_not_stop_the_events(
    segment_sandbox: Sandbox, tmp_path: Path, kind: str
) -> None:
    rejects = {
        "a folder": str(tmp_path),
        "no permission for a folder": "/proc/rejects/rejects.jsonl",
        "disk full": "/dev/full",
    }[kind]
    report = SegmentHook().send_events([*make_events(50), *BAD], rejects_path=rejects)
    assert_adds_up(report)
    assert report.rejects_failure
    assert numbers(segment_sandbox) == list(range(50))


def test_letters_of_an_earlier_try_are_kept_and_those_that_are_lost_are_told(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    path.write_text('{"row_number": 3}\n{"row_number": 9}\n{"row_numb')
    error = SegmentEventError("not_json", "of this try")
    with DeadLetters(ObjectStoragePath(str(path)), logging.getLogger(), keep_to=5, kept=2) as letters:
        assert read_lines(path) == [{"row_number": 3}], "they are there again, whatever comes"
        letters.add({"row_number": 7}, error, {"a": 1})
    assert letters.failure and "1 rows that an earlier try rejected" in letters.failure
    assert [letter["row_number"] for letter in read_lines(path)] == [3, 7], "those of this try are kept"


def test_a_failure_without_a_message_is_still_a_failure(
    segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def time_out(*_: Any) -> None:
        raise TimeoutError  # as fsspec raises it

    monkeypatch.setattr(DeadLetters, "_write", time_out)
    report = SegmentHook().send_events([*make_events(5), *BAD], rejects_path=str(tmp_path / "rejects.jsonl"))
    assert report.rejects_failure == "TimeoutError"


def test_what_a_known_format_skips_is_told(
    segment_sandbox: Sandbox, hook: SegmentHook, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    deletion = {"type": "delete", "userId": "u", "timestamp": "2024-03-01T10:00:00Z"}
    path = write_lines(tmp_path / "a.jsonl", [deletion] * 3)
    assert hook.send_events(path=path, format="segment_archive").sent == 0
    assert "Skipped: 3 delete" in caplog.text


def test_a_rejected_dict_is_kept_as_an_event(segment_sandbox: Sandbox, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.jsonl"
    event = {"type": "track", "event": "E", "timestamp": pendulum.datetime(2026, 1, 2)}
    SegmentHook().send_events([event], rejects_path=str(rejects))
    [letter] = map(json.loads, rejects.read_text().splitlines())
    assert letter["event"] == {**event, "timestamp": "2026-01-02T00:00:00+00:00"}


# With failures


def test_the_network_resets_every_tenth_request(segment_sandbox: Sandbox) -> None:
    segment_sandbox.faults.add("reset", when="after", rate=0.1)
    segment_sandbox.faults.add("reset", when="before", rate=0.1)
    segment_sandbox.faults.add("truncated", when="after", rate=0.1)
    segment_sandbox.faults.add("not_json", rate=0.1)
    report = SegmentHook().send_events(make_events(10_000, size=2_000), concurrency=8)
    assert_adds_up(report)
    assert report.retries > 5
    assert numbers(segment_sandbox) == list(range(10_000))
    assert segment_sandbox.summary["duplicates"] > 0, "answers were lost after the events were taken"


def test_many_429s(segment_sandbox: Sandbox) -> None:
    segment_sandbox.faults.add("status", status=429, retry_after=0.01, rate=0.5)
    report = SegmentHook().send_events(make_events(3_000, size=2_000), concurrency=16)
    assert_adds_up(report)
    assert numbers(segment_sandbox) == list(range(3_000))
    assert segment_sandbox.summary["duplicates"] == 0


def test_a_server_that_fails_occasionally(segment_sandbox: Sandbox) -> None:
    for status in (500, 502, 503):
        segment_sandbox.faults.add("status", status=status, rate=0.3)
    report = SegmentHook().send_events(make_events(2_000, size=2_000), gzip=True)
    assert_adds_up(report)
    assert numbers(segment_sandbox) == list(range(2_000))


@pytest.mark.parametrize("status", [400, 413])
@pytest.mark.parametrize("poisonous", [{0}, {999}, {3, 4, 500}, {0, 1, 2, 3, 4, 5, 6, 7, 8}])
def test_refused_events_are_isolated(
    segment_sandbox: Sandbox, tmp_path: Path, status: int, poisonous: set[int]
) -> None:
    events = make_events(1_000, size=100)
    for n in poisonous:
        events[n]["properties"]["evil"] = True
    segment_sandbox.faults.add("status", status=status, contains='"evil":true')
    rejects = tmp_path / "rejects.jsonl"
    path = write_lines(
        tmp_path / "a.jsonl", [json.dumps(event, separators=(",", ":")).encode() for event in events]
    )
    report = SegmentHook().send_events(path=path, rejects_path=str(rejects))
    assert_adds_up(report)
    assert report.rejected == {"refused": len(poisonous)}
    assert numbers(segment_sandbox) == sorted(set(range(1_000)) - poisonous)
    assert {letter["event"]["properties"]["n"] for letter in read_lines(rejects)} == poisonous
    assert {letter["line"] - 1 for letter in read_lines(rejects)} == poisonous


def test_when_every_event_is_refused_the_fault_is_not_in_the_events(segment_sandbox: Sandbox) -> None:
    segment_sandbox.faults.add("status", status=400, api="tracking")
    with pytest.raises(SegmentBadRequestError):
        SegmentHook().send_events(make_events(5_000, size=4_000), concurrency=4)
    assert len(segment_sandbox.requests) < 500, "found out by one batch of some hundred events, not by all"


def test_refused_events_at_the_start_do_not_block_the_valid_ones(segment_sandbox: Sandbox) -> None:
    events = make_events(1_000)
    for event in events[:120]:
        event["evil"] = True
    segment_sandbox.faults.add("status", status=400, contains='"evil":true')
    report = SegmentHook().send_events(events)
    assert_adds_up(report)
    assert report.rejected == {"refused": 120} and report.sent == 880


def test_a_few_events_that_are_all_refused_are_rejected(segment_sandbox: Sandbox) -> None:
    segment_sandbox.faults.add("status", status=400, api="tracking")
    report = SegmentHook().send_events(make_events(send.REFUSED_WHOLE - 1))
    assert report.rejected == {"refused": send.REFUSED_WHOLE - 1}


def test_a_wrong_write_key_stops_immediately(
    segment_sandbox: Sandbox, hook: SegmentHook, caplog: pytest.LogCaptureFixture
) -> None:
    segment_sandbox.faults.add("status", status=401, api="tracking")
    with pytest.raises(SegmentAuthenticationError, match="region"):
        hook.send_events(make_events(5_000), concurrency=4)
    assert "Sending ended early" in caplog.text and "NOT sent" in caplog.text


def test_a_server_that_stays_down_ends_the_run_with_a_report(
    segment_sandbox: Sandbox, hook: SegmentHook, caplog: pytest.LogCaptureFixture
) -> None:
    path_events = make_events(2_000, size=2_000)
    segment_sandbox.faults.add("status", status=503, contains='"n":1500,')
    with pytest.raises(SegmentServerError):
        hook.send_events(path_events, concurrency=1)
    held = set(numbers(segment_sandbox))
    assert held and 1_500 not in held
    assert f"{len(held):,} sent" in caplog.text


def test_a_truncated_input_is_sent_as_far_as_it_can_be_read(
    segment_sandbox: Sandbox, tmp_path: Path, hook: SegmentHook, caplog: pytest.LogCaptureFixture
) -> None:
    write_lines(tmp_path / "1.jsonl", make_events(100))
    (tmp_path / "2.jsonl.gz").write_bytes(b"\x1f\x8b broken")
    with pytest.raises(SegmentInputError, match=r"2\.jsonl\.gz"):
        hook.send_events(path=f"{tmp_path}/*")
    assert numbers(segment_sandbox) == list(range(100))
    assert "100 events read; 100 sent" in caplog.text


def test_an_iterable_that_raises_is_sent_up_to_the_error(segment_sandbox: Sandbox) -> None:
    def events() -> Any:
        yield from make_events(1_000)
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError, match="database"):
        SegmentHook().send_events(events())
    assert numbers(segment_sandbox) == list(range(1_000))


def test_after_a_stop_batches_in_flight_arrive(
    segment_sandbox: Sandbox, hook: SegmentHook, caplog: pytest.LogCaptureFixture
) -> None:
    on_its_way: Any = segment_sandbox.faults.add("held", contains='"late":true')

    def events() -> Any:
        for event in make_events(3_000, size=5_000):
            if event["properties"]["n"] == 2_000:  # two full batches are on their way: about 97 events each
                while on_its_way.hits < 2:
                    time.sleep(0.01)
                hook.stop_sending()
                on_its_way.released = 2
            yield event if event["properties"]["n"] < 1_800 else {**event, "late": True}

    with pytest.raises(SegmentStoppedError):
        hook.send_events(events(), concurrency=2)
    held = numbers(segment_sandbox)
    assert on_its_way.hits == 2
    assert 1_800 < len(held) < 2_000
    assert f"{len(held):,} sent" in caplog.text


# Checkpoints


@pytest.fixture
def lines_with_faults(segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """5,000 events: number 7 is refused, number 3,000 ends a run without retries after many checkpoints."""
    monkeypatch.setattr(lease, "CHECKPOINT_SECONDS", 0)  # at each turn of the event loop
    events = make_events(5_000, size=1_000)
    events[7]["evil"] = True
    segment_sandbox.faults.add("status", status=400, contains='"evil":true')
    segment_sandbox.faults.add("status", status=503, contains='"n":3000,')
    return [json.dumps(event, separators=(",", ":")).encode() for event in events]


def test_a_second_run_sends_only_what_comes_after_the_checkpoint(
    segment_sandbox: Sandbox, tmp_path: Path, lines_with_faults: list[bytes]
) -> None:
    lines = lines_with_faults
    path = write_lines(tmp_path / "a.jsonl", [*lines[:100], b"bad", *lines[100:]])
    rejects = tmp_path / "rejects.jsonl"
    saved: list[dict[str, Any]] = []
    with pytest.raises(SegmentServerError):
        SegmentHook(retries=0).send_events(
            path=path, rejects_path=str(rejects), concurrency=3, save_checkpoint=saved.append
        )
    segment_sandbox.faults.clear()
    before = len(segment_sandbox.accepted)
    duplicates = segment_sandbox.summary["duplicates"]
    assert saved and json.loads(json.dumps(saved[-1])) == saved[-1]

    report = SegmentHook().send_events(
        path=path, rejects_path=str(rejects), checkpoint=saved[-1], save_checkpoint=saved.append
    )
    assert_adds_up(report)
    assert report.sent == 4_999 and report.sent_before > 1_000
    assert report.rejected == {"not_json": 1, "refused": 1}
    assert [letter["line"] for letter in read_lines(rejects)] == [8, 101]
    assert numbers(segment_sandbox) == [n for n in range(5_000) if n != 7]
    resent = segment_sandbox.summary["duplicates"] - duplicates
    assert resent == before - report.sent_before, "only batches that were on their way are sent again"


def test_a_checkpoint_may_lie_within_a_line(
    segment_sandbox: Sandbox, tmp_path: Path, lines_with_faults: list[bytes]
) -> None:
    lines = lines_with_faults
    path = write_lines(tmp_path / "a.jsonl", [lines[0], b"".join(lines[1:4_999]), lines[-1]])
    rejects = tmp_path / "rejects.jsonl"
    saved: list[dict[str, Any]] = []
    with pytest.raises(SegmentServerError):
        SegmentHook(retries=0).send_events(path=path, concurrency=3, save_checkpoint=saved.append)
    segment_sandbox.faults.clear()
    before = len(segment_sandbox.accepted)
    duplicates = segment_sandbox.summary["duplicates"]
    report = SegmentHook().send_events(
        path=path,
        rejects_path=str(rejects),
        checkpoint=json.loads(json.dumps(saved[-1])),
        save_checkpoint=saved.append,
    )
    assert_adds_up(report)
    assert (report.sent, report.rejected) == (4_999, {"refused": 1})
    assert report.sent_before > 1_000
    assert [letter["line"] for letter in read_lines(rejects)] == [2]
    assert numbers(segment_sandbox) == [n for n in range(5_000) if n != 7]
    assert segment_sandbox.summary["duplicates"] - duplicates == before - report.sent_before


@pytest.mark.parametrize("change", ["input", "options", "region"])
def test_a_checkpoint_of_another_backfill_is_ignored(
    segment_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = write_lines(tmp_path / "a.jsonl", make_events(10))
    saved: list[dict[str, Any]] = []
    SegmentHook().send_events(path=path, save_checkpoint=saved.append)
    options: dict[str, Any] = {}
    if change == "input":
        write_lines(tmp_path / "a.jsonl", make_events(12))
    elif change == "options":
        options = {"context": {"x": 1}}
    else:
        monkeypatch.setenv(
            "AIRFLOW_CONN_SEGMENT_DEFAULT",
            json.dumps({**segment_sandbox.connection, "host": f"{segment_sandbox.url}/"}),
        )
    report = SegmentHook().send_events(path=path, checkpoint=saved[-1], save_checkpoint=print, **options)
    same = change == "region"  # the same host, spelled differently
    assert report.sent_before == (10 if same else 0) and report.sent in (10, 12)
    other = {**saved[-1], "identity": "of another host"}
    assert SegmentHook().send_events(path=path, checkpoint=other, save_checkpoint=print).sent_before == 0
    assert SegmentHook().send_events(path=path, checkpoint={}, save_checkpoint=print).sent_before == 0


# Properties


@examples(25)
@given(
    kinds=st.lists(st.sampled_from(["good", "good", "good", "evil", "bad", "blank", "large"]), max_size=60),
    concurrency=st.integers(1, 5),
    fault=st.sampled_from([None, "reset", "truncated", "not_json"]),
    as_file=st.booleans(),
)
def test_every_event_is_sent_once_or_rejected_once(
    segment_sandbox: Sandbox,
    tmp_path: Path,
    kinds: list[str],
    concurrency: int,
    fault: Any,
    as_file: bool,
) -> None:
    segment_sandbox.reset()
    segment_sandbox.faults.add("status", status=400, contains='"evil":true')
    if fault:
        segment_sandbox.faults.add(fault, when="after", rate=0.3)
    lines: list[bytes] = []
    for n, kind in enumerate(kinds):
        event = make_events(n + 1, size=25_000 if kind == "large" else 0)[n]
        lines.append(
            {
                "bad": b'{"type":"track","event":"x"}',
                "blank": b"",
                "evil": json.dumps({**event, "evil": True}, separators=(",", ":")).encode(),
            }.get(kind, json.dumps(event).encode())
        )
    rejects = tmp_path / "rejects.jsonl"
    arguments: dict[str, Any] = (
        {"path": write_lines(tmp_path / "a.jsonl", lines)} if as_file else {"events": lines}
    )
    report = SegmentHook().send_events(concurrency=concurrency, rejects_path=str(rejects), **arguments)
    expected = [n for n, kind in enumerate(kinds) if kind in ("good", "large")]
    assert numbers(segment_sandbox) == expected
    assert report.sent == len(expected)
    assert report.rejected == Counter(refused=kinds.count("evil"), missing_id=kinds.count("bad"))
    assert_adds_up(report)
    places = [letter.get("line") or letter["item"] for letter in read_lines(rejects)]
    assert sorted(places) == [n + 1 for n, kind in enumerate(kinds) if kind in ("evil", "bad")]


def test_the_report_is_small_and_plain() -> None:
    report = SendReport(read=10, sent=7, rejected=Counter(not_json=2), seconds=2.0)
    shown = report.as_dict()
    assert json.loads(json.dumps(shown)) == shown
    assert (shown["unsent"], shown["events_per_second"]) == (1, 3.5)
    assert "1 NOT sent" in str(report)


def test_progress_is_logged(
    segment_sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    hook: SegmentHook,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(send, "PROGRESS_SECONDS", 0)  # at each turn of the event loop
    hook.send_events(make_events(100, size=20_000), concurrency=1)
    lines = [line for line in caplog.text.splitlines() if "of the input read" in line]
    assert len(lines) >= 2
    assert "100% of the input read" in lines[-1]
