"""What it costs to send a table to Segment: from opening its source to the last acknowledgement.

    python -m benchmarks.tables                     # 3 rounds, some 40 minutes
    python -m benchmarks.tables --only csv parquet  # these sources
    python -m benchmarks.tables --large             # also ten times as many rows, for their memory: 20 GB
    python -m benchmarks.tables --quick             # one small round: does everything work?

The peers take turns, each run is a process of its own, and each is checked: every event arrived, once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

from benchmarks.measurements import FAR, LIMIT, NEAR, Measurements, conditions
from benchmarks.peers import WARM_UP, Run
from benchmarks.sink import received, sink
from benchmarks.table_files import table_file
from benchmarks.table_peers import run
from benchmarks.table_server import NoServerError, Orders, order_tables

OFFICIAL, OURS = "analytics", "ours"
FRAMES = ("pandas", "pyarrow")
LOOPS = ("python", *FRAMES, "dlt")
ENGINES = ("polars", "duckdb", "server")
SEQUENTIAL = (OFFICIAL, *LOOPS, *ENGINES)
"""They wait for each answer before they send the next batch."""

MAPPED_JSON, CSV, PARQUET, EVENTS, POSTGRES = "json", "csv", "parquet", "events", "postgres"


class Source(NamedTuple):
    """A kind of source.

    :param label: what it is
    :param reader: what `python` reads it with
    :param peers: that can read it
    """

    label: str
    reader: str
    peers: tuple[str, ...]


SOURCES = {
    EVENTS: Source(
        "Segment-shaped JSON lines, not mapped", "json", ("python", "pandas", "dlt", "polars", "duckdb")
    ),
    MAPPED_JSON: Source("JSON lines, mapped", "json", ("python", *FRAMES, "dlt", "polars", "duckdb")),
    CSV: Source("CSV, mapped", "csv", ("python", *FRAMES, "dlt", "polars", "duckdb")),
    PARQUET: Source("Parquet, mapped", "", (*FRAMES, "dlt", "polars", "duckdb")),
    POSTGRES: Source("PostgreSQL, mapped", "psycopg", ("python", "pandas", "dlt", "polars", "server")),
}

PACKAGES = (
    *("segment-analytics-python", "requests", "httpx", "httpx-aiohttp", "aiohttp", "msgspec"),
    *("pandas", "pyarrow", "polars", "duckdb", "dlt", "psycopg", "sqlalchemy"),
)


class Sizes(NamedTuple):
    usual: int
    loops: int  # for those that make each event in Python
    far: int  # for those that wait for each answer
    few: int  # for the official library, far away
    many: int  # does memory stay flat?


FULL = Sizes(usual=1_000_000, loops=200_000, far=50_000, few=10_000, many=10_000_000)
QUICK = Sizes(usual=20_000, loops=5_000, far=2_000, few=1_000, many=60_000)


class Job(NamedTuple):
    """A peer sends so many rows of a source over such a round trip (ms)."""

    source: str
    peer: str
    events: int
    round_trip: int


def jobs_of(source: str, sizes: Sizes) -> list[Job]:
    counts = {OFFICIAL: {NEAR: sizes.loops, FAR: sizes.few}}
    for peer in SOURCES[source].peers:
        counts[peer] = {NEAR: sizes.loops if peer in LOOPS else sizes.usual, FAR: sizes.far}
    counts |= {OURS: {NEAR: sizes.usual, FAR: sizes.usual}, LIMIT: {NEAR: sizes.usual}}
    return [Job(source, peer, count, trip) for peer, trips in counts.items() for trip, count in trips.items()]


Address = Callable[[str, int], str]


def measure(address: Address, job: Job) -> tuple[Run, int]:
    """A run of the job, and how many events arrived."""
    few, all_of_it = address(job.source, WARM_UP), address(job.source, job.events)
    with sink(job.round_trip) as url:
        result = run(job.peer, job.source, all_of_it, few, url)
        got = received(url)
    if got.events != got.distinct:
        sys.exit(f"{job}: {got.events:,} events arrived, {got.distinct:,} of them distinct")
    rate, peak = job.events / result.seconds, result.peak_mb
    name = f"{job.source} {job.peer}"
    print(
        f"{name:24}{job.events:>11,} events{job.round_trip:>4} ms{rate:>11,.0f}/s{peak:>6.0f} MB",
        file=sys.stderr,
    )
    return result, got.distinct


def label(job: Job) -> str:
    reader = SOURCES[job.source].reader
    return {
        OFFICIAL: "segment-analytics-python, defaults",
        "python": f"loop: {reader}, requests",
        "pandas": "loop: pandas, requests",
        "pyarrow": "loop: pyarrow, requests",
        "dlt": "dlt, custom destination with requests",
        "polars": "loop: polars makes the JSON, httpx",
        "duckdb": "loop: duckdb makes the JSON, httpx",
        "server": "loop: the server makes the JSON, httpx",
        OURS: "this package",
        LIMIT: "this package, not sending: the limit",
    }[job.peer]


class Results:
    """What was measured of one source."""

    def __init__(self, source: str, sizes: Sizes, jobs: Sequence[Job], measured: Measurements[Job]) -> None:
        self.source = source
        self.sizes = sizes
        self.measured = measured
        self._jobs = [job for job in jobs if job.source == source]

    def peers(self) -> list[str]:
        return list(dict.fromkeys(job.peer for job in self._jobs))

    def job(self, peer: str, round_trip: int) -> Job | None:
        """The usual job of a peer."""
        found = (job for job in self._jobs if (job.peer, job.round_trip) == (peer, round_trip))
        return next(found, None)

    def large(self) -> Job | None:
        return next((job for job in self._jobs if job.events == self.sizes.many), None)

    def times(self, peer: str, round_trip: int) -> float | None:
        """How many times faster than a peer this package is."""
        ours, theirs = self.job(OURS, round_trip), self.job(peer, round_trip)
        return self.measured.ratio(ours, theirs) if ours and theirs else None

    def least(self, peers: Sequence[str], round_trip: int) -> tuple[float, str]:
        """How many times faster than the fastest of these peers this package is, and which one that is."""
        ratios = ((self.times(peer, round_trip), peer) for peer in peers)
        return min((ratio, peer) for ratio, peer in ratios if ratio is not None)

    def table(self) -> Iterator[str]:
        speeds = [f"| {trip} ms: events/s | this package: times " for trip in (NEAR, FAR)]
        yield f"| {SOURCES[self.source].label} {''.join(speeds)}| peak MB | of it the job's |"
        yield "|---|" + "--:|" * 6
        for peer in self.peers():
            yield self._row(peer)
        if large := self.large():
            cells = [
                f"this package, {large.events:,} rows",
                *self._speed(large),
                "",
                "",
                *self._memory([large]),
            ]
            yield f"| {' | '.join(cells)} |"

    def _row(self, peer: str) -> str:
        jobs = [self.job(peer, trip) for trip in (NEAR, FAR)]
        done = [job for job in jobs if job]
        cells = [label(done[0]), *(cell for job in jobs for cell in self._speed(job)), *self._memory(done)]
        return f"| {' | '.join(cells)} |"

    def _speed(self, job: Job | None) -> list[str]:
        if job is None:
            return ["", ""]
        times = self.times(job.peer, job.round_trip)
        return [
            f"{self.measured.rate(job):,.0f}",
            "" if times is None or job.peer == OURS else f"{times:.2f}" if times < 10 else f"{times:.0f}",
        ]

    def _memory(self, jobs: Sequence[Job]) -> list[str]:
        return [f"{max(map(of, jobs)):.0f}" for of in (self.measured.peak_mb, self.measured.added_mb)]


class Goal(NamedTuple):
    """A goal, and what was reached."""

    text: str
    reached: float
    wanted: float
    shown: str

    def line(self) -> str:
        return f"- {'met' if self.reached >= self.wanted else 'MISSED'}: {self.text}: {self.shown}"


def goals_of(results: Results) -> Iterator[Goal]:
    name = SOURCES[results.source].label

    def faster(wanted: float, than: str, peers: Sequence[str], round_trip: int) -> Goal:
        ratio, peer = results.least(peers, round_trip)
        text = f"{name}: {wanted:g} times {than} at {round_trip} ms"
        return Goal(text, ratio, wanted, f"{ratio:.2f} ({peer})")

    yield faster(10, "the official library", [OFFICIAL], NEAR)
    yield faster(2, "the pandas and pyarrow loops", FRAMES, NEAR)
    yield faster(10, "every sequential loop over requests", (OFFICIAL, *LOOPS), FAR)
    yield faster(10, "every sequential loop, those of the engines too,", SEQUENTIAL, FAR)
    for round_trip in (NEAR, FAR):
        yield faster(1, "the loops of the engines", ENGINES, round_trip)
    share = results.times(LIMIT, NEAR)
    assert share is not None
    if wanted := {EVENTS: 0.75, POSTGRES: 0.8}.get(results.source):
        yield Goal(f"{name}: share of the limit", share, wanted, f"{share:.0%} (goal {wanted:.0%})")
    else:
        yield Goal(f"{name}: share of the limit (no goal)", share, 0, f"{share:.0%}")
    if large := results.large():
        usual = results.job(OURS, NEAR)
        assert usual is not None
        more = results.measured.peak_mb(large) - results.measured.peak_mb(usual)
        text = f"{name}: {large.events:,} rows within 50 MB of {usual.events:,}"
        yield Goal(text, -more, -50, f"{more:+.1f} MB")


def goals(all_results: dict[str, Results]) -> Iterator[Goal]:
    for results in all_results.values():
        yield from goals_of(results)
    if {PARQUET, MAPPED_JSON} <= all_results.keys():
        parquet, lines = (all_results[source].job(OURS, NEAR) for source in (PARQUET, MAPPED_JSON))
        assert parquet and lines
        ratio = all_results[PARQUET].measured.ratio(parquet, lines)
        yield Goal("mapped Parquet not below mapped JSON lines at 0 ms", ratio, 1, f"{ratio:.2f} times")


def main() -> None:
    parser = argparse.ArgumentParser(description="What it costs to send a table to Segment.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of few rows")
    parser.add_argument("--large", action="store_true", help="also ten times as many rows, for their memory")
    parser.add_argument("--only", nargs="+", choices=SOURCES, default=list(SOURCES), help="these sources")
    options = parser.parse_args()
    sizes, rounds = (QUICK, 1) if options.quick else (FULL, options.rounds)
    sources = list(options.only)

    with ExitStack() as stack:
        tables: Orders | None = None
        if POSTGRES in sources:
            try:
                tables = stack.enter_context(order_tables())
            except NoServerError as reason:
                sources.remove(POSTGRES)
                print(f"PostgreSQL is left out: {reason}", file=sys.stderr)

        def address(source: str, count: int) -> str:
            return tables.address(count) if tables and source == POSTGRES else str(table_file(source, count))

        jobs = [job for source in sources for job in jobs_of(source, sizes)]
        large = [Job(source, OURS, sizes.many, NEAR) for source in sources] if options.large else []
        measured = Measurements[Job](partial(measure, address))
        for _ in range(rounds):
            for job in jobs:
                measured.add(job)
        for job in large:  # once: only their memory counts
            measured.add(job)

    print(f"`{' '.join(['python -m benchmarks.tables', *sys.argv[1:]])}`: {conditions(PACKAGES)}.")
    print(
        f"{sizes.usual:,} rows, events of about 360 bytes; the loops that make each event in Python send "
        f"{sizes.loops:,}, and those that wait for each answer {sizes.far:,} over {FAR} ms (the official "
        f"library {sizes.few:,}). Medians of {rounds} round(s); ratios within a round."
    )
    all_results = {source: Results(source, sizes, [*jobs, *large], measured) for source in sources}
    for results in all_results.values():
        print("", *results.table(), sep="\n")
    print("", *(goal.line() for goal in goals(all_results)), sep="\n")


if __name__ == "__main__":
    main()
