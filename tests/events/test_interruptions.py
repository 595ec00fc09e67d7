"""A backfill ends whenever it is interrupted: no thread continues to send.

An interruption is raised at every single line that the main thread runs, and by a signal at a chosen event.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import airflow_provider_segment
from airflow_provider_segment.errors import SegmentAuthenticationError, SegmentStoppedError
from airflow_provider_segment.events import backfill
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from tests.events.test_send import hook, make_events, numbers, patient

__all__ = ["hook", "patient"]  # fixtures

pytestmark = pytest.mark.core

PACKAGE = Path(airflow_provider_segment.__file__).parent
SWEPT = {
    str(PACKAGE / name)
    for name in ("hooks/segment.py", "events/backfill.py", "events/stop.py", "events/threads.py")
}
"""The files whose lines are interrupted: all in which the main thread starts, awaits and stops the other."""
SWEPT_AT_THEIR_END = {
    threading.Thread.start.__code__,
    Future.cancel.__code__,
    Future.result.__code__,
    wait.__code__,
}
"""They complete, but their caller is not informed. Their own lines are not interrupted: Python
does not release a global lock of its threads when that happens, and then no thread can start any more."""


class Interruption(BaseException):
    """Raised at any moment, like Airflow's timeout and Ctrl-C."""


def interrupt_at(line: int, run: Callable[[], Any], waiting: threading.Event) -> bool:
    """Run, and raise an Interruption at the n-th line of the main thread; whether there were so many lines.

    :param waiting: set when the main thread waits for the other
    """
    left = line
    fired = False

    def interrupt_on(moment: str) -> Callable[[FrameType, str, Any], Any]:
        def trace(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal left, fired
            if event == moment and not fired:
                if left == 0:
                    fired = True
                    sys.settrace(None)
                    raise Interruption
                left -= 1
            return trace

        return trace

    def on_call(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code is wait.__code__:
            waiting.set()
        if frame.f_code in SWEPT_AT_THEIR_END:
            return interrupt_on("return")
        return interrupt_on("line") if frame.f_code.co_filename in SWEPT else None

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        run()
    except Interruption:
        assert fired
    finally:
        sys.settrace(before)
    return fired


def sending_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "segment-send" and thread.is_alive()]


def test_an_interruption_at_any_line_of_the_main_thread_ends_the_run(
    segment_sandbox: Sandbox, hook: SegmentHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "END_SECONDS", 0.01)  # the source blocks the thread on purpose
    hook.send_events(make_events(1))  # so that everything is imported
    interrupted_early = 0
    for line in count():
        segment_sandbox.reset()
        waiting, gate = threading.Event(), threading.Event()

        def events(waiting: threading.Event = waiting, gate: threading.Event = gate) -> Iterator[Any]:
            # Nothing is sent before the main thread waits, or has been interrupted.
            while not (waiting.is_set() or gate.is_set()):
                gate.wait(0.001)
            yield from make_events(50)

        fired = interrupt_at(line, lambda events=events: hook.send_events(events()), waiting)
        gate.set()
        for thread in sending_threads():
            thread.join(600)
        assert not sending_threads(), f"line {line}: it goes on"
        if fired and not waiting.is_set():
            interrupted_early += 1
            assert not segment_sandbox.accepted, f"line {line}: it sent after the interruption"
        if not fired:
            break
    assert interrupted_early > 20, "the beginning was swept"
    assert hook.send_events(make_events(7)).sent == 7, "and the hook can go on"


def test_an_interruption_while_events_are_sent_ends_the_run_with_a_report(
    segment_sandbox: Sandbox, hook: SegmentHook, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupt(*_: Any) -> None:
        raise Interruption

    def endless() -> Iterator[Any]:
        for n in count():
            if n == 5_000:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
            yield from make_events(1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(Interruption):
            hook.send_events(endless())
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not sending_threads()
    assert "Sending ended early" in caplog.text and "NOT sent" in caplog.text


def test_a_signal_that_wakes_nobody_ends_the_run(segment_sandbox: Sandbox, hook: SegmentHook) -> None:
    """As one that comes just before the main thread begins to wait."""

    def interrupt(*_: Any) -> None:
        raise Interruption

    def silent() -> Iterator[Any]:
        yield from make_events(10)
        _thread.interrupt_main(signal.SIGUSR1)
        released.wait(600)

    released = threading.Event()
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(Interruption):
            hook.send_events(silent())
        assert not released.is_set()
    finally:
        signal.signal(signal.SIGUSR1, before)
        released.set()


def test_a_stop_before_the_beginning_sends_nothing(
    segment_sandbox: Sandbox, hook: SegmentHook, caplog: pytest.LogCaptureFixture
) -> None:
    hook.stop_sending()
    with pytest.raises(SegmentStoppedError):
        hook.send_events(make_events(10))
    assert not segment_sandbox.requests
    assert "0 events read" in caplog.text
    assert hook.send_events(make_events(10)).sent == 10, "it was for that run"
    assert numbers(segment_sandbox) == list(range(10))


def test_a_stop_while_the_input_ends(segment_sandbox: Sandbox, hook: SegmentHook) -> None:
    def events() -> Iterator[Any]:
        yield from make_events(10)
        hook.stop_sending()

    with pytest.raises(SegmentStoppedError):
        hook.send_events(events())
    assert not sending_threads()


@pytest.mark.parametrize("method", ["send_events", "preview_events"])
def test_a_stop_while_the_input_is_silent(segment_sandbox: Sandbox, hook: SegmentHook, method: str) -> None:
    released = threading.Event()

    def silent() -> Iterator[Any]:
        yield from make_events(10)
        hook.stop_sending()
        released.wait(600)

    with pytest.raises(SegmentStoppedError):
        getattr(hook, method)(silent())
    assert not released.is_set()
    released.set()


def test_a_stop_while_the_mapping_waits(segment_sandbox: Sandbox, hook: SegmentHook) -> None:
    released = threading.Event()

    def look_up(row: dict[str, Any]) -> dict[str, Any]:
        if row["n"] == 5:
            hook.stop_sending()
            released.wait(600)
        return {"type": "page", "userId": "u"}

    with pytest.raises(SegmentStoppedError):
        hook.send_events([{"n": n} for n in range(10)], mapping=look_up)
    assert not released.is_set()
    released.set()


def test_a_refusal_ends_the_run_while_the_input_is_silent(
    segment_sandbox: Sandbox, hook: SegmentHook, caplog: pytest.LogCaptureFixture
) -> None:
    segment_sandbox.faults.add("status", status=401)
    released = threading.Event()

    def silent() -> Iterator[Any]:
        yield from make_events(10)
        assert not released.wait(600), "only the refusal ends the run"

    with pytest.raises(SegmentAuthenticationError):
        hook.send_events(silent())
    assert not released.is_set()
    released.set()
    assert "Sending ended early" in caplog.text


@pytest.mark.parametrize("item", [{"type": "track"}, b""], ids=["rejected", "blank"])
def test_a_stop_while_nothing_can_be_sent(
    segment_sandbox: Sandbox, hook: SegmentHook, caplog: pytest.LogCaptureFixture, item: Any
) -> None:
    taken = 0

    def useless() -> Iterator[Any]:
        nonlocal taken
        for taken in range(500_000):
            if taken == 5_000:
                hook.stop_sending()
            yield item

    with pytest.raises(SegmentStoppedError):
        hook.send_events(useless())
    assert taken < 20_000, "it read on"
    assert not sending_threads()
    assert "Sending ended early" in caplog.text
