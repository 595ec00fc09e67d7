"""Events from JSON Lines files."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from airflow_provider_segment.errors import SegmentInputError
from airflow_provider_segment.events.compression import Corrupt, decompressed
from airflow_provider_segment.events.sources.source import Block

BLOCK_BYTES = 1 << 20
MAX_LINE_BYTES = 16 << 20
"""A line longer than this is not JSON Lines; reading on would fill the memory."""

BOM = b"\xef\xbb\xbf"


class File(Protocol):
    """What is asked of a file: Airflow's ``ObjectStoragePath`` and ``pathlib.Path`` have it."""

    @property
    def name(self) -> str: ...

    @property
    def parent(self) -> Any: ...

    def open(self, mode: Any, /) -> Any: ...


def _uri(path: str) -> str:
    return path if "://" in path else Path(path).absolute().as_uri()


class FileSource:
    """Events from JSON Lines files, one after the other; names ending in ``.gz`` are decompressed.

    :param files: the files, in the order in which they are read
    :param size: bytes of all files, as stored
    """

    def __init__(self, files: Sequence[File], size: int | None = None) -> None:
        self._files = files
        self.files = [_uri(str(file)) for file in files]
        # A block of a local file is read faster than threads are switched.
        self.blocking = any(getattr(file, "protocol", "file") not in ("", "file") for file in files)
        self.size = size
        self.done = 0
        self._starts: list[int] = []

    def __iter__(self) -> Iterator[Block]:
        position = 0
        for file in self._files:
            self._starts.append(position)
            before = self.done
            try:
                with file.open("rb") as raw:
                    for lines in _lines(raw, compressed=file.name.endswith(".gz")):
                        yield Block(lines, position + 1)
                        position += len(lines)
                        self.done = before + raw.tell()
            except (OSError, ValueError, *Corrupt) as error:
                line = position - self._starts[-1]
                raise SegmentInputError(f"{file} cannot be read beyond line {line:,}: {error}") from error

    def place(self, position: int) -> dict[str, Any]:
        index = max(0, bisect_right(self._starts, position - 1) - 1)
        return {"file": str(self._files[index]), "line": position - self._starts[index]}


def _lines(raw: IO[bytes], *, compressed: bool) -> Iterator[list[bytes]]:
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
    """Blocks of a decompressing stream; what was decompressed before it breaks off is given first."""
    block = bytearray()
    try:
        # read1 gives what it has, where read would lose it in the exception of a truncated file.
        while piece := stream.read1(BLOCK_BYTES):
            block += piece
            if len(block) >= BLOCK_BYTES:
                yield bytes(block)
                block.clear()
    except Corrupt:
        yield bytes(block)
        raise
    yield bytes(block)
