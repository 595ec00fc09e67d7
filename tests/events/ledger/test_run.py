"""What a run writes to its ledger, and when."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from airflow_provider_segment.events.ledger import run
from airflow_provider_segment.events.ledger.ledger import LEDGER_SECONDS, Ledger
from airflow_provider_segment.events.ledger.path_store import PathLedgerStore
from airflow_provider_segment.events.ledger.run import LedgerOfRun
from airflow_provider_segment.events.reading import Checkpoint
from airflow_provider_segment.events.report import SendReport
from airflow_provider_segment.events.sources.files import FileSource
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
