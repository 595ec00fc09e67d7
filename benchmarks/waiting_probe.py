"""How late the triggerer's event loop comes to what is due, and why: a trigger that sleeps, and its task."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

NAP = 0.01
WORTH_NOTING = 0.02


class Gap(NamedTuple):
    """A sleep that took longer than it should have; all in seconds.

    `cpu`: what the loop's thread computed in it. `starved`: how long the thread could have run, but the
    kernel gave its core to others.
    """

    at: float  # its end, since 1970
    late: float
    cpu: float
    starved: float

    @property
    def blocked(self) -> float:
        """For how long whatever ran in the loop held it up: computing, or waiting for anything but a core."""
        return max(0.0, self.late - self.starved)


def starved() -> float:
    """Seconds for which this thread has waited for a core so far."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


def note(path: str, gap: Gap) -> None:
    with open(path, "ab") as file:
        file.write(msgspec.json.encode(gap) + b"\n")


def noted(path: Path) -> list[Gap]:
    return [msgspec.json.decode(line, type=Gap) for line in path.read_bytes().splitlines()]


class LoopProbe(BaseTrigger):
    """Writes down each gap, for as long as the triggerer runs.

    :param path: a file, to which they are appended
    """

    def __init__(self, path: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.path = path

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "benchmarks.waiting_probe.LoopProbe", {"path": self.path}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while True:
            before = time.monotonic(), time.thread_time(), starved()
            await asyncio.sleep(NAP)
            took, cpu, waited = (
                now - then
                for now, then in zip((time.monotonic(), time.thread_time(), starved()), before, strict=True)
            )
            if took - NAP > WORTH_NOTING:
                note(self.path, Gap(time.time(), took - NAP, cpu, waited))
        yield TriggerEvent(None)  # never, but a trigger is a generator


class Probe(BaseOperator):
    """Has the triggerer run a `LoopProbe`, and never ends."""

    def __init__(self, *, path: str, **options: Any) -> None:
        super().__init__(**options)
        self.path = path

    def execute(self, context: Any) -> None:
        self.defer(trigger=LoopProbe(self.path), method_name="execute")
