"""What a run writes to its ledger, and when."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_segment.errors import SegmentReplacedError
from airflow_provider_segment.events.ledger import run
from airflow_provider_segment.events.ledger.ledger import LEDGER_SECONDS, Ledger
from airflow_provider_segment.events.ledger.path_store import PathLedgerStore
from airflow_provider_segment.events.ledger.run import LedgerOfRun
from airflow_provider_segment.events.reading import Checkpoint
from airflow_provider_segment.events.report import SendReport
from airflow_provider_segment.events.sources.files import FileSource
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from tests.events.test_send import make_events, write_lines
from tests.harness.fake_clock import FakeClock

pytestmark = pytest.mark.core

LOG = logging.getLogger(__name__)


def source(tmp_path: Path) -> FileSource:
    file = tmp_path / "a.jsonl"
    write_lines(file, make_events(10))
    return FileSource([file])


def at(position: int, rejected: int) -> Checkpoint:
    counts = {"position": position, "read": position, "rejected": {"missing_id": rejected}}
    return Checkpoint(position, {}, {"position": position}, counts)


@pytest.mark.parametrize("local", [True, False])
def test_in_an_object_store_what_is_behind_a_rejected_event_waits_for_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, local: bool
) -> None:
    """Its file is only there when it is closed: who is killed before has kept none."""
    monkeypatch.setattr(run, "is_local", lambda file: local)
    store = PathLedgerStore(str(tmp_path / "ledger"))
    rejects = str(tmp_path / "rejects.jsonl")
    ledger = LedgerOfRun(store, [], source(tmp_path), LOG, rejects_path=rejects, report=SendReport())
    before, behind = at(4, 0), at(8, 1)
    assert ledger.kept(before) == before
    assert ledger.kept(behind) == (behind if local else before)


def test_writes_are_seconds_apart_and_take_a_small_share_of_the_time(tmp_path: Path) -> None:
    clock = FakeClock()
    took = 0.0
    written = []

    class SlowStore(PathLedgerStore):
        def add(self, scope: str, entries: object) -> None:
            clock.sleep(took)
            written.append(clock.monotonic())

    reading = source(tmp_path)
    ledger = Ledger(SlowStore(str(tmp_path / "ledger")), "s", reading, LOG, clock)
    ledger.leave_out()
    list(reading)

    def seconds_between_writes() -> float:
        written.clear()
        while len(written) < 2:
            clock.sleep(0.5)
            ledger._recorded = ledger._recorded._replace(extents=0)  # there is always something new
            ledger.record(10, 10, 0)
        return written[1] - written[0]

    assert seconds_between_writes() == LEDGER_SECONDS
    took = 2.0
    assert seconds_between_writes() >= 40


@pytest.mark.parametrize(("said", "left"), [(SegmentReplacedError, 9), (RuntimeError, 0)])
def test_a_try_that_was_replaced_writes_nothing_more(
    segment_sandbox: Sandbox, tmp_path: Path, said: type[Exception], left: int
) -> None:
    """What it rejected is not in the file that the other try has opened."""
    file = write_lines(tmp_path / "a.jsonl", [b"{}", *make_events(9)])
    options: Any = {"ledger_path": str(tmp_path / "ledger"), "rejects_path": str(tmp_path / "rejects.jsonl")}

    def save(checkpoint: Any) -> None:
        raise said("of the store")

    with pytest.raises(said) if said is SegmentReplacedError else nullcontext():
        SegmentHook().send_events(path=file, save_checkpoint=save, **options)
    assert len(segment_sandbox.accepted) == 9
    assert SegmentHook().send_events(path=file, **options).sent == left
