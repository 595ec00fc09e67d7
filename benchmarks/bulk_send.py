"""What it costs to send a file of events to Segment, from opening the file to the last acknowledgement.

    python -m benchmarks.bulk_send            # 3 rounds, some 12 minutes
    python -m benchmarks.bulk_send --quick    # one small round: does everything work?

The peers take turns, each run is a process of its own, and each is checked: every event arrived, once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.events import event_file
from benchmarks.measurements import FAR, LIMIT, NEAR, Measurements, conditions
from benchmarks.peers import PEERS, Run, run
from benchmarks.sink import received, sink

OFFICIAL = "analytics"
LOOPS = ("requests_loop", "httpx_loop")
PACKAGES = ("segment-analytics-python", "requests", "httpx", "httpx-aiohttp", "aiohttp", "msgspec", "isal")


class Sizes(NamedTuple):
    usual: int
    many: int  # does memory stay flat?
    few: int  # for the peer that would take minutes


FULL = Sizes(usual=200_000, many=1_000_000, few=20_000)
QUICK = Sizes(usual=20_000, many=60_000, few=4_000)


class Job(NamedTuple):
    """A peer sends so many events over such a round trip (ms)."""

    peer: str
    events: int
    round_trip: int


class Row(NamedTuple):
    """A line of the table: a peer near Segment, and far from it."""

    near: Job | None
    far: Job | None


def both(peer: str, events: int) -> Row:
    return Row(Job(peer, events, NEAR), Job(peer, events, FAR))


def table_rows(sizes: Sizes) -> list[Row]:
    usual, many, few = sizes
    return [
        Row(Job(OFFICIAL, usual, NEAR), Job(OFFICIAL, few, FAR)),
        Row(Job("analytics_near", usual, NEAR), None),
        Row(None, Job("analytics_far", usual, FAR)),
        *(both(loop, usual) for loop in LOOPS),
        both("ours", usual),
        both("ours_gzip", usual),
        Row(Job(LIMIT, usual, NEAR), None),
        both("ours", many),
        both("ours_gzip", many),
        Row(Job(LIMIT, many, NEAR), None),
    ]


def measure(job: Job) -> tuple[Run, int]:
    """A run of the job, and how many events arrived."""
    path = str(event_file(job.events))
    with sink(job.round_trip) as url:
        result = run(job.peer, path, url)
        got = received(url)
    if got.events != got.distinct:
        sys.exit(f"{job}: {got.events:,} events arrived, {got.distinct:,} of them distinct")
    rate = job.events / result.seconds
    print(f"{job.peer:24}{job.events:>10,} events{job.round_trip:>4} ms{rate:>10,.0f}/s", file=sys.stderr)
    return result, got.distinct


def table(sizes: Sizes, rows: list[Row], measured: Measurements[Job]) -> Iterator[str]:
    official = {job.round_trip: job for job in measured.runs if job.peer == OFFICIAL}

    def speed(job: Job | None) -> list[str]:
        if job is None:
            return ["", "", ""]
        fewer = f" ({job.events:,} events)" if job.events == sizes.few else ""
        return [
            f"{measured.rate(job):,.0f}{fewer}",
            f"{measured.ratio(job, official[job.round_trip]):.1f}",
            f"{measured.ratio(job, measured.fastest(LOOPS, job.round_trip)):.1f}",
        ]

    speeds = [f"| {trip} ms: events/s | to official | to best loop " for trip in (NEAR, FAR)]
    yield f"| {''.join(speeds)}| peak MB | of it the job's |"
    yield "|---|" + "--:|" * 8
    for near, far in rows:
        jobs = list(filter(None, (near, far)))
        more = f", {sizes.many:,} events" if jobs[0].events == sizes.many else ""
        peak = max(map(measured.peak_mb, jobs))
        added = max(map(measured.added_mb, jobs))
        cells = [PEERS[jobs[0].peer].label + more, *speed(near), *speed(far), f"{peak:.0f}", f"{added:.0f}"]
        yield f"| {' | '.join(cells)} |"


def findings(sizes: Sizes, measured: Measurements[Job]) -> Iterator[str]:
    for events in (sizes.usual, sizes.many):
        share = measured.ratio(Job("ours", events, NEAR), Job(LIMIT, events, NEAR))
        yield f"- This package reaches {share:.0%} of the limit ({events:,} events, {NEAR} ms)."
    for round_trip in (NEAR, FAR):
        usual, many = (measured.peak_mb(Job("ours", n, round_trip)) for n in (sizes.usual, sizes.many))
        yield (
            f"- {sizes.many:,} events take {many - usual:+.1f} MB of memory compared to {sizes.usual:,} "
            f"({round_trip} ms)."
        )


def losses(sizes: Sizes) -> Iterator[str]:
    for round_trip in (NEAR, FAR):
        job = Job("analytics_as_documented", sizes.usual, round_trip)
        lost = job.events - measure(job)[1]
        yield (
            f"- {PEERS[job.peer].label} loses {lost:,} of {job.events:,} events ({lost / job.events:.0%}) "
            f"without an error ({round_trip} ms)."
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="What it costs to send a file of events to Segment.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of few events")
    options = parser.parse_args()
    sizes, rounds = (QUICK, 1) if options.quick else (FULL, options.rounds)

    rows = table_rows(sizes)
    measured = Measurements(measure)
    for _ in range(rounds):
        for job in (job for row in rows for job in row if job):
            measured.add(job)
    lost = list(losses(sizes))

    print(f"`{' '.join(['python -m benchmarks.bulk_send', *sys.argv[1:]])}`: {conditions(PACKAGES)}.")
    print(f"{sizes.usual:,} events of about 600 bytes; medians of {rounds} round(s).\n")
    print(*table(sizes, rows, measured), "", *findings(sizes, measured), *lost, sep="\n")


if __name__ == "__main__":
    main()
