"""How well a ceiling is held over several senders, and what that costs.

python -m benchmarks.rate              # six inputs, four senders at once, 1,000 events/s; 5 minutes
python -m benchmarks.rate --only redis
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from itertools import accumulate
from multiprocessing import get_context
from statistics import median
from typing import Any

import pytest
from aiohttp import web

from airflow_provider_segment.events.rate import Ceiling, Limiter
from tests.harness.databases import started_mariadb, started_postgres, started_redis

SIZES = (20_000, 15_000, 10_000, 8_000, 7_000, 5_000)
SENDERS = 4
CEILING = 1_000.0
WINDOWS = (1.0, 5.0)


class Sink:
    """Accepts everything, and notes when how many events came."""

    def __init__(self) -> None:
        self.received: list[tuple[float, int]] = []
        self._ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        self._ready.wait()

    async def _serve(self) -> None:
        application = web.Application(client_max_size=1 << 20)
        application.router.add_post("/v1/batch", self._receive)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        self._ready.set()
        await asyncio.Event().wait()

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.received.append((time.monotonic(), body.count(b'"messageId"')))
        return web.json_response({"success": True})

    def most_within(self, seconds: float) -> int:
        """The most events in any window."""
        totals, first, most = [0, *accumulate(count for _, count in self.received)], 0, 0
        for number, (moment, _) in enumerate(self.received, 1):
            while self.received[first][0] < moment - seconds:
                first += 1
            most = max(most, totals[number] - totals[first])
        return most


class Timed:
    """A limiter, and how long each of its calls took."""

    def __init__(self, limiter: Limiter) -> None:
        self.name = limiter.name
        self.close = limiter.close
        self.calls: list[float] = []
        self._limiter = limiter

    def reserve(self, source: str, seconds: float) -> float:
        began = time.perf_counter()
        try:
            return self._limiter.reserve(source, seconds)
        finally:
            self.calls.append(time.perf_counter() - began)


def limiter_of(kind: str, address: str) -> Timed | None:
    from airflow_provider_segment.events.limiters.redis import RedisLimiter
    from airflow_provider_segment.events.limiters.sql import SqlLimiter

    if kind == "redis":
        import redis

        return Timed(RedisLimiter(lambda: redis.Redis.from_url(address)))
    if kind == "postgres":
        import psycopg

        return Timed(SqlLimiter(lambda: psycopg.connect(address)))
    if kind == "mariadb":
        import MySQLdb

        return Timed(SqlLimiter(lambda: MySQLdb.connect(unix_socket=address, user="root", database="tests")))
    return None


def send(job: tuple[str, str, str, int]) -> list[float]:
    """Send some events, in a process that sends several inputs; how long each call of the limiter took."""
    from airflow_provider_segment.sending import send_events

    kind, address, url, events = job
    limiter = limiter_of(kind, address)
    report = send_events(
        ({"type": "track", "event": "Order", "userId": f"u{number}"} for number in range(events)),
        write_key="key",
        base_url=url,
        max_events_per_second=CEILING,
        senders=SENDERS,
        limiter=limiter,
    )
    assert report.sent == events, report
    return limiter.calls if limiter else []


@contextlib.contextmanager
def server_of(kind: str) -> Iterator[str]:
    """The address of a server of that kind."""
    if kind == "redis":
        with started_redis() as redis:
            yield redis.url
    elif kind == "postgres":
        with started_postgres() as postgres:
            yield postgres.dsn
    elif kind == "mariadb":
        import MySQLdb  # noqa: F401  # without it, there is nothing to measure

        with started_mariadb() as mariadb:
            yield str(mariadb.socket)
    else:
        yield ""


def measure(kind: str) -> str:
    """A row of the table."""
    sink = Sink()
    with server_of(kind) as address, get_context("spawn").Pool(SENDERS) as pool:
        jobs = [(kind, address, sink.url, events) for events in SIZES]
        pool.map(send, [(kind, address, sink.url, 1)] * SENDERS * 2, chunksize=1)  # imports
        sink.received.clear()
        began = time.monotonic()
        calls = [call for some in pool.map(send, jobs, chunksize=1) for call in some]
        seconds = sink.received[-1][0] - began
    events = sum(count for _, count in sink.received)
    assert events == sum(SIZES), events
    bounds = Ceiling(CEILING).most_in_batch(SENDERS) * SENDERS
    most = [sink.most_within(window) for window in WINDOWS]
    within = [
        f"{found:,} ({CEILING * window + bounds:,.0f})" for window, found in zip(WINDOWS, most, strict=True)
    ]
    cost = f"{median(calls) * 1e3:.1f} ms, up to {max(calls) * 1e3:.0f}" if calls else "none"
    return f"| {kind} | {seconds:.1f} s ({events / seconds:,.0f}/s) | {' / '.join(within)} | {cost} |"


def main() -> None:
    kinds: Any = ("static", "redis", "postgres", "mariadb")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=kinds, action="append", help="one way to share the ceiling")
    chosen = parser.parse_args().only or kinds
    print(f"{sum(SIZES):,} events in {len(SIZES)} inputs, {SENDERS} at once, {CEILING:,.0f} events/s\n")
    print("| Shared by | Took | Most in 1 s / 5 s (bound) | A call |\n|---|--:|--:|--:|")
    for kind in chosen:
        try:
            print(measure(kind), flush=True)
        except (ImportError, pytest.skip.Exception) as missing:
            print(f"| {kind} | {missing} | | |", flush=True)


if __name__ == "__main__":
    main()
