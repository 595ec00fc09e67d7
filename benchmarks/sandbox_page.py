"""What does an open page of the sandbox cost those who send?

python -m benchmarks.sandbox_page                # 1,000,000 events, then 7 rounds; some 2 minutes
python -m benchmarks.sandbox_page --events 100000 --rounds 3

The sandbox is a process of its own, which is sent so many events first. In each round the same number of
events is sent twice, with the page closed and open; the order changes from round to round. The page is open
in Chromium if that and playwright are installed (group `browser`). Otherwise a process asks what it asks.

The exit code is 1 if sends are more than 5 % slower, or if any answer takes a second.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import httpx

from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sending import send_events
from benchmarks.measurements import conditions

SLOWER, SECONDS = 1.05, 1.0
"""What is promised."""

ASKED = ("overview", "workspace?kind=source", "events?limit=100")
"""What the page asks every second while events come."""

ANSWERS = {
    "the page's every second": ASKED,
    "a text that nothing has": ("events?text=nothing-has-this",),
    "a user": ("events?user=u7",),
    "the rejects": ("events?outcome=rejected",),
    "an event by its id": ("event?message_id={id}",),
    "failed requests": ("requests?failed=true",),
    "the workspace": ("workspace",),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000, help="before the rounds")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sent", type=int, default=400_000, help="events of each send of a round")
    options = parser.parse_args()
    with running_sandbox() as (url, sandbox_id):
        numbers = iter(range(sys.maxsize))

        def send(count: int) -> Cost:
            events = [event(next(numbers)) for _ in range(count)]
            started, cpu = time.perf_counter(), cpu_seconds(sandbox_id)
            report = send_events(
                events, write_key=Sandbox.write_key, base_url=url, message_id_fields=["properties.n"]
            )
            assert report.sent == count
            return Cost(time.perf_counter() - started, cpu_seconds(sandbox_id) - cpu)

        send(options.events)
        print(conditions(["httpx", "uvicorn", "starlette", "playwright"]))
        slow = [*answer_times(url), *page_times(url)]
        costs = list(measured(url, send, options.rounds, options.sent))
    ratio = median(shown.seconds / closed.seconds for closed, shown in costs)
    cpu = median(shown.cpu / closed.cpu for closed, shown in costs)
    print(
        f"With the page open a send takes {ratio:.3f} times as long as with it closed, and the sandbox needs"
    )
    print(f"{cpu:.3f} times as much CPU time")
    sys.exit(1 if slow or ratio > SLOWER else 0)


def event(n: int) -> dict[str, Any]:
    names = ("Order Completed", "Cart Viewed", "Product Added")
    return {
        "type": "track",
        "event": names[n % 3],
        "userId": f"u{n % 5_000}",
        "properties": {"n": n, "currency": "EUR", "coupon": "none"},
    }


@contextmanager
def running_sandbox() -> Iterator[tuple[str, int]]:
    """A sandbox; its URL, and the id of its process."""
    command = [sys.executable, "-m", "airflow_provider_segment.sandbox", "--port", "0", "--keep-mb", "8000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().rpartition(" ")[2].strip(), process.pid
        finally:
            process.kill()


def answer_times(url: str) -> list[str]:
    """Print how long answers take; those that take too long."""
    slow = []
    with httpx.Client(base_url=f"{url}/_sandbox/", timeout=600) as http:
        id = http.get("accepted?limit=1").json()["items"][0]["messageId"]
        for name, paths in ANSWERS.items():
            seconds = max(timed(http, path.format(id=id)) for path in paths for _ in range(3))
            print(f"{seconds * 1000:8.1f} ms  {name}")
            slow += [name] * (seconds > SECONDS)
    return slow


def timed(http: httpx.Client, path: str) -> float:
    started = time.perf_counter()
    assert http.get(path).status_code == 200
    return time.perf_counter() - started


def page_times(url: str) -> list[str]:
    """Print how long a browser takes to show the page with the first events."""
    with in_browser() as browser:
        if browser is None:
            return []
        page = browser.new_page()
        started = time.perf_counter()
        page.goto(url)
        page.locator("#list a.row").first.wait_for()
        seconds = time.perf_counter() - started
    print(f"{seconds * 1000:8.1f} ms  the page in a browser, from its address to the first event")
    return ["page"] * (seconds > SECONDS)


class Cost(NamedTuple):
    """What a send took, and the sandbox's CPU time in it."""

    seconds: float
    cpu: float


def cpu_seconds(process_id: int) -> float:
    user, system = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def measured(url: str, send: Callable[[int], Cost], rounds: int, count: int) -> Iterator[tuple[Cost, Cost]]:
    """What a send costs with the page closed and open, in each round."""
    for number in range(rounds):
        costs = {}
        for is_open in (True, False) if number % 2 else (False, True):
            with open_page(url) if is_open else nullcontext():
                costs[is_open] = send(count)
        closed, shown = costs[False], costs[True]
        print(f"round {number + 1}: {count / closed.seconds:9,.0f} events/s closed, ", end="")
        print(f"{count / shown.seconds:9,.0f} open; CPU {closed.cpu:.2f} s, {shown.cpu:.2f} s")
        yield closed, shown


@contextmanager
def in_browser() -> Iterator[Any]:
    """Chromium; None if it is not installed."""
    executable = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        executable = None
    if executable is None:
        yield None
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def open_page(url: str) -> Iterator[None]:
    """The page is open, and has settled."""
    with in_browser() as browser:
        if browser is not None:
            page = browser.new_page()
            page.goto(url)
            page.locator("#list a.row").first.wait_for()
            yield
            return
        asking = multiprocessing.get_context("spawn").Process(target=ask, args=(url,), daemon=True)
        asking.start()
        time.sleep(1)
        yield
        asking.kill()
        asking.join()


def ask(url: str) -> None:
    with httpx.Client(base_url=f"{url}/_sandbox/", timeout=600) as http:
        while True:
            for path in ASKED:
                http.get(path)
            time.sleep(1)


if __name__ == "__main__":
    main()
