"""JSON Lines: one event per line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from airflow_provider_segment.events.compression import Corrupt, decompressed

BLOCK_BYTES = 1 << 20
MAX_LINE_BYTES = 16 << 20
"""A line longer than this is not JSON Lines; reading on would fill the memory."""

BOM = b"\xef\xbb\xbf"


def read_json_lines(raw: IO[bytes], *, compressed: bool) -> Iterator[list[bytes]]:
    """The lines of a file, without surrounding whitespace, including blank ones.

    :raises ValueError: a line is longer than ``MAX_LINE_BYTES``
    """
    rest = b""
    first = True
    for block in _blocks(decompressed(raw)) if compressed else iter(lambda: raw.read(BLOCK_BYTES), b""):
        lines = (rest + block).split(b"\n")
        if first:
            lines[0] = lines[0].removeprefix(BOM)
            first = False
        rest = lines.pop()
        if len(rest) > MAX_LINE_BYTES:
            raise ValueError(f"the next line is longer than {MAX_LINE_BYTES:,} bytes: is this JSON Lines?")
        yield [line.strip() for line in lines]
    if rest:
        yield [rest.strip()]


def _blocks(stream: Any) -> Iterator[bytes]:
    """Blocks of a decompressing stream; if it is corrupt, what was decompressed before is yielded first."""
    block = bytearray()
    try:
        # read1 returns what it has; read would lose that when a truncated file raises.
        while piece := stream.read1(BLOCK_BYTES):
            block += piece
            if len(block) >= BLOCK_BYTES:
                yield bytes(block)
                block.clear()
    except Corrupt:
        yield bytes(block)
        raise
    yield bytes(block)
