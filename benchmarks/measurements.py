"""What the benchmarks of sending measure: runs that take turns, and what is said of them."""

from __future__ import annotations

import os
import platform
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import date
from importlib.metadata import distributions
from statistics import median
from typing import Generic, Protocol, TypeVar

from benchmarks.peers import Run

NEAR, FAR = 0, 80  # ms of round trip
LIMIT = "limit"


class Job(Protocol):
    """A peer sends so many events over such a round trip (ms)."""

    @property
    def peer(self) -> str: ...

    @property
    def events(self) -> int: ...

    @property
    def round_trip(self) -> int: ...


J = TypeVar("J", bound=Job)


class Measurements(Generic[J]):
    """The runs of each job, one a round.

    :param measure: a run of a job, and how many different events arrived
    """

    def __init__(self, measure: Callable[[J], tuple[Run, int]]) -> None:
        self.runs: dict[J, list[Run]] = defaultdict(list)
        self._measure = measure

    def add(self, job: J) -> None:
        """Run the job once more, and make sure that every event arrived once."""
        result, arrived = self._measure(job)
        expected = 0 if job.peer == LIMIT else job.events
        if (result.delivered, arrived) != (job.events, expected):
            sys.exit(f"{job}: {result.delivered:,} taken for delivered, {arrived:,} arrived")
        self.runs[job].append(result)

    def rate(self, job: J) -> float:
        """Median of the events per second."""
        return median(job.events / run.seconds for run in self.runs[job])

    def ratio(self, job: J, other: J) -> float:
        """Median of how many times faster than `other` it was in the same round."""
        return median(
            (job.events / mine.seconds) / (other.events / theirs.seconds)
            for mine, theirs in zip(self.runs[job], self.runs[other], strict=True)
        )

    def peak_mb(self, job: J) -> float:
        return median(run.peak_mb for run in self.runs[job])

    def added_mb(self, job: J) -> float:
        """Median of what the job added to the interpreter and its imports."""
        return median(run.peak_mb - run.idle_mb for run in self.runs[job])

    def fastest(self, peers: Collection[str], round_trip: int) -> J:
        """The fastest of these peers."""
        jobs = [job for job in self.runs if job.peer in peers and job.round_trip == round_trip]
        return max(jobs, key=self.rate)


def conditions(packages: Sequence[str]) -> str:
    """When, on what machine and with which versions of these packages it was measured."""
    installed = {dist.name.lower(): dist.version for dist in distributions()}
    versions = ", ".join(f"{name} {installed[name]}" for name in packages if name in installed)
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    return f"{date.today()}, {machine}, Python {platform.python_version()}, {versions}"
