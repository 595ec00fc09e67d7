"""A bulk send under any combination of what networks, clocks, storage and Airflow do to it.

Whatever happens, the run ends, its report adds up, no event is lost without being named, and none arrives
twice; and a second run, with what the first one left behind, completes it.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from airflow_provider_segment.api import retries
from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.errors import SegmentError
from airflow_provider_segment.events import backfill, lease, rate, send
from airflow_provider_segment.events.report import SendReport
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sandbox.faults import Exchange, Fault, disconnected
from tests.events.test_interruptions import Interruption, sending_threads
from tests.harness.fuzzing import examples

pytestmark = [pytest.mark.core, pytest.mark.usefixtures("masks_of_this_test")]

BATCH = 20
FORKED = -1
"""The number of the event that a forked process sends."""


# --- faults that only this test needs --------------------------------------------------------------------


class Endless(Response):
    """The beginning of a body of 500 MB: `piece` after `piece`, with `seconds` between them."""

    def __init__(self, piece: bytes, seconds: float) -> None:
        super().__init__(media_type="application/json")
        self.piece, self.seconds = piece, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"500000000"), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        gone = asyncio.create_task(disconnected(receive))
        for _ in range(500_000_000 // len(self.piece)):
            await send({"type": "http.response.body", "body": self.piece, "more_body": True})
            await asyncio.wait([gone], timeout=self.seconds)
            if gone.done():
                return


class Huge(Fault, tag="huge"):
    """An answer of 500 MB."""

    def distorted(self, answer: Response, exchange: Exchange) -> Response:
        return Endless(b" " * 1_000_000, 0)


class Drip(Fault, tag="drip"):
    """An answer of which a byte comes now and then."""

    def distorted(self, answer: Response, exchange: Exchange) -> Response:
        return Endless(b" ", 0.02)


class Moment(Fault, tag="moment"):
    """Not a fault of a request: has something happen when a request comes."""

    at: int

    def strikes(self, api: str, path: str, body: bytes) -> bool:
        self.seen += 1
        if self.seen == self.at:
            HAPPENING.pop()()
        return False

    async def answer(self, exchange: Exchange) -> Response:
        return await exchange.answer()


HAPPENING: list[Callable[[], None]] = []
"""What a `Moment` has happen."""


# --- a plan ----------------------------------------------------------------------------------------------

WAITS = [
    None,
    0.01,
    "0",
    "-5",
    "NaN",
    "1e400",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
]
COUNTS: dict[str, Any] = {"next": st.integers(1, 4)}
FAULTS = st.one_of(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["reset", "truncated", "not_json", "huge"]),
            "when": st.sampled_from(["before", "after"]),
            **COUNTS,
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("status"),
            "status": st.sampled_from([429, 408, 500, 503, 501]),
            "when": st.sampled_from(["before", "after"]),
            "retry_after": st.sampled_from(WAITS),
            **COUNTS,
        }
    ),
    # These say that Segment did not take the events.
    st.fixed_dictionaries({"kind": st.just("status"), "status": st.sampled_from([400, 401, 413]), **COUNTS}),
    st.fixed_dictionaries({"kind": st.just("reset"), "rate": st.sampled_from([0.3, 1.0])}),
    st.fixed_dictionaries(
        {"kind": st.just("drip"), "when": st.sampled_from(["before", "after"]), "next": st.just(1)}
    ),
    # These happen only where there are tokens.
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["tokens_revoked", "token_expired", "wrong_region"]),
            "api": st.sampled_from(["tracking", "oauth"]),
            **COUNTS,
        }
    ),
    st.fixed_dictionaries({"kind": st.just("clock_skew"), "seconds": st.sampled_from([-90, 7200]), **COUNTS}),
)


@dataclass
class Plan:
    """What is sent, and what happens meanwhile."""

    events: int
    bad: set[int]  # lack what an event needs
    evil: set[int]  # Segment refuses each batch that holds one
    source: str  # list, iterator, failing iterator, file, gzip, cut gzip
    faults: list[dict[str, Any]]
    happens: str  # "", alarm, stop, fork, clock
    at: int  # at which request
    clock: float  # days
    letters: str  # "", file, folder, full
    saving: str  # "", works, fails, fails at first
    compress: bool
    concurrency: int
    retries: int
    refused: bool  # nobody listens in the first run
    oauth: bool  # the source enforces it


PLANS = st.builds(
    Plan,
    events=st.integers(0, 150),
    bad=st.sets(st.integers(0, 150), max_size=3),
    evil=st.sets(st.integers(0, 150), max_size=2),
    source=st.sampled_from(["list", "iterator", "failing iterator", "file", "gzip", "cut gzip"]),
    faults=st.lists(FAULTS, max_size=3),
    happens=st.sampled_from(["", "alarm", "stop", "fork", "clock"]),
    at=st.integers(1, 6),
    clock=st.sampled_from([-40_000.0, -1.0, 1.0, 40_000.0]),
    letters=st.sampled_from(["", "file", "file", "folder", "full"]),
    saving=st.sampled_from(["", "works", "works", "fails", "fails at first"]),
    compress=st.booleans(),
    concurrency=st.integers(1, 4),
    retries=st.integers(0, 3),
    refused=st.sampled_from([False] * 7 + [True]),
    oauth=st.booleans(),
)


class Night:
    """The input of a plan, and the run of it."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan, self.folder = plan, folder
        self.reports: list[SendReport] = []
        self.checkpoint: dict[str, Any] | None = None
        self.saves = 0
        self.moved = timedelta()
        self.events = [self.event(n) for n in range(plan.events)]
        self.children: list[int] = []
        self.app: dict[str, str] = {}

    def event(self, n: int) -> dict[str, Any]:
        event: dict[str, Any] = {
            "type": "track",
            "userId": "u",
            "event": "Counted",
            "properties": {"n": n, "x": "x" * 500},
        }
        if n in self.plan.bad:
            del event["userId"]
        elif n in self.plan.evil:
            event["properties"]["evil"] = True
        return event

    def connection(self, sandbox: Sandbox) -> dict[str, Any]:
        """The connection of the plan."""
        return sandbox.connection_with(self.app) if self.plan.oauth else sandbox.connection

    def input(self) -> dict[str, Any]:
        """The argument for the input; a file is written once, and read again by the second run."""
        kind = self.plan.source
        if kind == "list":
            return {"events": self.events}
        if "iterator" in kind:
            return {"events": self.iterator(fails=kind.startswith("failing"))}
        path = self.folder / ("a.jsonl" if kind == "file" else "a.jsonl.gz")
        if not path.exists():
            content = b"".join(
                json.dumps(event, separators=(",", ":")).encode() + b"\n" for event in self.events
            )
            packed = content if kind == "file" else gzip.compress(content)
            path.write_bytes(packed[: len(packed) * 2 // 3] if kind == "cut gzip" else packed)
        return {"path": str(path)}

    def iterator(self, *, fails: bool) -> Iterator[Any]:
        yield from self.events[: len(self.events) * 2 // 3]
        if fails:
            raise OSError("the database is gone")
        yield from self.events[len(self.events) * 2 // 3 :]

    @property
    def rejects(self) -> str | None:
        places: dict[str, Any] = {
            "": None,
            "file": self.folder / "rejects.jsonl",
            "folder": self.folder,
            "full": "/dev/full",
        }
        place = places[self.plan.letters]
        return str(place) if place else None

    def save(self, checkpoint: dict[str, Any]) -> None:
        self.saves += 1
        if self.plan.saving == "fails" or (self.plan.saving == "fails at first" and self.saves == 1):
            raise OSError("the metadata database is gone")
        self.checkpoint = json.loads(json.dumps(checkpoint))

    def run(self, hook: SegmentHook) -> BaseException | None:
        """Send; why it ended early, if it did."""
        try:
            hook.send_events(
                **self.input(),
                rejects_path=self.rejects,
                checkpoint=self.checkpoint,
                save_checkpoint=self.save if self.plan.saving else None,
                gzip=self.plan.compress,
                concurrency=self.plan.concurrency,
            )
        except (SegmentError, OSError, Interruption) as error:
            return error
        return None

    def happen(self, hook: SegmentHook) -> Callable[[], None]:
        return {
            "alarm": lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM),
            "stop": hook.stop_sending,
            "fork": lambda: self.fork(hook),
            "clock": lambda: setattr(self, "moved", timedelta(days=self.plan.clock)),
        }[self.plan.happens]

    def fork(self, hook: SegmentHook) -> None:
        """A child that uses the same hook, and goes."""
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # Python warns of forks beside threads: that is what is tried here
            child = os.fork()
        if child:
            self.children.append(child)
            return
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(300)  # a child that hangs ends, too
            hook.stop_sending()
            hook.track("Forked", {"n": FORKED}, user_id="u")
        finally:
            os._exit(0)

    def letters(self) -> list[int]:
        """The rejected events that were kept, by number."""
        file = self.folder / "rejects.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [json.loads(line)["event"]["properties"]["n"] for line in lines]

    def assert_all_is_told(self, arrived: Counter[int]) -> None:
        """What was read is at Segment, kept, or counted as rejected or as unsent."""
        report = self.reports[-1]
        assert set(arrived.values()) <= {1}, f"twice: {arrived}"
        assert report.read == report.sent + report.rejected_total + report.unsent
        assert 0 <= report.unsent <= report.read <= self.plan.events
        assert report.sent <= len(arrived), "what was not there was called sent"
        there = set(arrived)
        if self.plan.letters == "file":
            assert not report.rejects_failure
            kept = self.letters()
            assert len(kept) == report.rejected_total == len(set(kept))
            assert not there & set(kept)
            there |= set(kept)
            missing = set(range(report.read)) - there
        else:
            missing = set(range(report.rejected_total, report.read - len(there)))
        assert len(missing) <= report.unsent, f"lost: {missing}"


@pytest.fixture
def night(
    segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Plan, Path], Night]]:
    """Prepares the run of a plan in an empty sandbox. Nobody waits long for anything."""
    current: list[Night] = []
    true_now = Clock.now
    app = segment_sandbox.create_oauth_app()
    registered = segment_sandbox.state.oauth.app(app["app_id"])

    class Watched(SendReport):
        def __init__(self, **values: Any) -> None:
            super().__init__(**values)
            current[-1].reports.append(self)

    monkeypatch.setattr(backfill, "SendReport", Watched)
    monkeypatch.setattr(rate, "MAX_BATCH_EVENTS", BATCH)
    monkeypatch.setattr(send, "REFUSED_WHOLE", BATCH // 2)
    monkeypatch.setattr(lease, "CHECKPOINT_SECONDS", 0.005)
    monkeypatch.setattr(send, "STOP_SECONDS", 600)
    monkeypatch.setattr(backfill, "END_SECONDS", 600)
    monkeypatch.setattr(retries, "BACKOFF_FIRST", 0.001)
    monkeypatch.setattr(retries, "BACKOFF_MAX", 0.005)
    monkeypatch.setattr(retries, "SERVER_WAIT_MIN", 0.005)
    monkeypatch.setattr(retries, "SERVER_WAIT_MAX", 0.01)

    def now(clock: Clock) -> datetime:
        return true_now(clock) + (current[-1].moved if current else timedelta())

    monkeypatch.setattr(Clock, "now", now)

    def prepare(plan: Plan, folder: Path) -> Night:
        segment_sandbox.reset()
        segment_sandbox.state.oauth.apps[registered.id] = registered
        segment_sandbox.enforce_oauth(segment_sandbox.source_id, plan.oauth)
        current[:] = [Night(plan, folder)]
        current[-1].app = app
        return current[-1]

    yield prepare


def arrived(sandbox: Sandbox) -> Counter[int]:
    numbers = Counter(event["properties"]["n"] for event in sandbox.accepted)
    assert numbers.pop(FORKED, 0) <= 1
    return numbers


@examples(40)
@given(plan=PLANS)
def test_whatever_happens(
    segment_sandbox: Sandbox,
    night: Any,
    refusing: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    plan: Plan,
) -> None:
    it: Night = night(plan, tmp_path_factory.mktemp("night"))
    poison: dict[str, Any] = {"kind": "status", "status": 400, "contains": '"evil":true'}
    for fault in [poison, *plan.faults]:  # whatever else happens to it, Segment never takes an evil event
        segment_sandbox.faults.add(**fault)
    connection = {**it.connection(segment_sandbox), **({"host": refusing} if plan.refused else {})}
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(connection))
    hook = SegmentHook(retries=plan.retries, timeout=0.3)
    HAPPENING[:] = [it.happen(hook)] if plan.happens else []
    if plan.happens:
        segment_sandbox.faults._faults.insert(0, Moment(at=plan.at))

    ended: BaseException | None = Interruption()
    armed = True

    def alarm(*_: object) -> None:
        if armed:
            raise Interruption

    before = signal.signal(signal.SIGALRM, alarm)
    try:
        with suppress(Interruption):  # it may come when the run has ended
            ended = it.run(hook)
        armed = False
    finally:
        signal.signal(signal.SIGALRM, before)
        for child in it.children:
            os.waitpid(child, 0)

    assert not sending_threads()
    it.assert_all_is_told(arrived(segment_sandbox))
    if ended is None:
        assert it.reports[-1].unsent == 0

    # What a retry finds.
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(it.connection(segment_sandbox)))
    segment_sandbox.faults.clear()
    segment_sandbox.faults.add(**poison)
    it.plan.happens = ""
    again = it.run(SegmentHook())
    it.assert_all_is_told(arrived(segment_sandbox))
    assert it.reports[-1].unsent == 0
    assert (again is not None) == (plan.source in ("failing iterator", "cut gzip")), again
    if plan.source != "cut gzip":
        readable = plan.events * 2 // 3 if again else plan.events
        assert it.reports[-1].read == readable
