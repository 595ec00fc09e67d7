"""A night of a shop's events, as found in a data lake: several files, with a few faulty events."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from benchmarks.events import NIGHT, SEED, make_event

DAY = NIGHT.date().isoformat()
FILES = ("web-1.jsonl", "web-2.jsonl", "web-3.jsonl", "mobile.jsonl.gz")
FAULTY = 6


def make_night(folder: Path, good: int, *, day: str = DAY) -> Path:
    """Write `good` valid events and the faulty ones to `folder`/<day>/: the same bytes on every machine."""
    night = folder / day
    night.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)
    faulty = faulty_events(rng)
    share = good // len(FILES)
    with ExitStack() as stack:
        files = [stack.enter_context(open_file(night / name)) for name in FILES]
        for number in range(good):
            file = files[min(number // share, len(FILES) - 1)] if share else files[0]
            write(file, encode(make_event(rng, number, good)))
            if number % (good // FAULTY or 1) == good // FAULTY // 2 and (line := next(faulty, None)):
                write(file, line)
        for line in faulty:
            write(files[0], line)
        # The program that wrote this file died in the middle of a line.
        files[-2].write(encode(make_event(rng, 0, good))[:200])
    return night


def faulty_events(rng: random.Random) -> Iterator[bytes]:
    """One event per kind of fault, except for the truncated line at the end of a file."""
    event = {**make_event(rng, 0, 1), "type": "track", "event": "Order Completed"}
    yield encode({name: value for name, value in event.items() if name not in ("userId", "anonymousId")})
    yield b"Traceback (most recent call last):"
    yield encode({name: value for name, value in event.items() if name != "event"})
    yield encode({**event, "timestamp": "2026-11-19T03:12:45.100"})  # no time zone
    yield encode({**event, "properties": {"html": "<p>much too much</p>" * 2_000}})


def encode(event: Any) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def write(file: IO[bytes], line: bytes) -> None:
    file.write(line + b"\n")


def open_file(path: Path) -> Any:
    if path.suffix == ".gz":
        return gzip.GzipFile(path, "wb", compresslevel=1, mtime=0)
    return path.open("wb")
