"""A stand-in for Segment that costs next to nothing and forgets nothing.

It answers every POST with 200 after a simulated round trip. Bodies are kept as they came and read only when
`GET /count` asks, after the clock has stopped: so every run can be checked, and none pays for it.

    python -m benchmarks.sink 80    # a round trip of 80 ms; prints its address
"""

from __future__ import annotations

import asyncio
import gzip
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
GZIP_MAGIC = b"\x1f\x8b"
MAX_HEAD = 1 << 16  # bytes


class Received(msgspec.Struct):
    """What a sink has received."""

    requests: int
    bytes: int
    events: int
    distinct: int


class Event(msgspec.Struct):
    timestamp: str


class Batch(msgspec.Struct):
    batch: list[Event]


def count(bodies: list[bytearray]) -> Received:
    """Count the events in `bodies`. No two events of the input share a timestamp, whatever its spelling."""
    decoder = msgspec.json.Decoder(Batch)
    events = 0
    instants: set[str] = set()
    for body in bodies:
        batch = decoder.decode(gzip.decompress(body) if body.startswith(GZIP_MAGIC) else body).batch
        events += len(batch)
        instants.update(event.timestamp[: len("2026-11-19T00:00:00.000")] for event in batch)
    return Received(len(bodies), sum(map(len, bodies)), events, len(instants))


def answer(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


SUCCESS = answer("200 OK", b'{"success": true}')


class Connection(asyncio.BufferedProtocol):
    """One client's connection. The socket reads straight into the body that is kept."""

    def __init__(self, bodies: list[bytearray], round_trip: float) -> None:
        self.bodies = bodies
        self.round_trip = round_trip  # seconds
        self.loop = asyncio.get_running_loop()
        self.head = bytearray(MAX_HEAD)
        self.await_head()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def await_head(self) -> None:
        self.buffer, self.filled = self.head, 0

    def get_buffer(self, sizehint: int) -> memoryview:
        return memoryview(self.buffer)[self.filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self.filled += nbytes
        if self.buffer is self.head:
            self.head_updated()
        elif self.filled == len(self.buffer):
            self.body_received()

    def head_updated(self) -> None:
        end = self.head.find(b"\r\n\r\n", 0, self.filled)
        if end < 0:
            return
        if self.head.startswith(b"GET /count "):
            self.transport.write(answer("200 OK", msgspec.json.encode(count(self.bodies))))
            self.await_head()
        elif length := CONTENT_LENGTH.search(self.head, 0, end):
            start = self.head[end + 4 : self.filled]
            self.buffer, self.filled = bytearray(int(length[1])), len(start)
            self.buffer[: self.filled] = start
            if self.filled == len(self.buffer):
                self.body_received()
        else:  # a chunked body: no peer sends one
            self.transport.write(answer("411 Length Required", b"{}"))
            self.transport.close()

    def body_received(self) -> None:
        self.bodies.append(self.buffer)
        self.await_head()
        if self.round_trip:
            self.loop.call_later(self.round_trip, self.transport.write, SUCCESS)
        else:
            self.transport.write(SUCCESS)


async def serve(round_trip: float) -> None:
    bodies: list[bytearray] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(bodies, round_trip), "127.0.0.1")
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await server.serve_forever()


@contextmanager
def sink(round_trip_ms: int = 0) -> Iterator[str]:
    """The address of a sink in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.sink", str(round_trip_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def received(url: str) -> Received:
    """What the sink at `url` has received."""
    with urllib.request.urlopen(f"{url}/count") as response:
        return msgspec.json.decode(response.read(), type=Received)


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]) / 1000))
