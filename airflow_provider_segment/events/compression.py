"""Compressed data, written as gzip and read as gzip, bzip2, xz or Zstandard, whichever it is.

gzip is handled by the fastest library installed: isal (extra ``gzip``), otherwise the standard library.
Zstandard is read by the standard library from Python 3.14 on, before by its backport (extra ``zstd``).
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import IO, Any

try:
    from isal import igzip, isal_zlib

    _coder: Any = igzip
    _errors: tuple[Any, ...] = (isal_zlib.IsalError,)
except ImportError:
    _coder = gzip
    _errors = ()

FASTEST_LEVEL = 1

Corrupt: tuple[Any, ...] = (EOFError, OSError, lzma.LZMAError, zlib.error, *_errors)
"""What reading a corrupt or truncated file raises; gzip and bzip2 raise an OSError, too."""

GZIP, BZIP2, XZ, ZSTD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"
"""How the files begin."""
GZIP_FORMAT = 31
"""zlib's number for gzip."""
PIECE_BYTES = 1 << 16
PADDING = b"\0"
"""May stand behind a stream."""


def compress(data: bytes) -> bytes:
    """One gzip member, at the fastest level: the network is seldom the bottleneck."""
    member: bytes = _coder.compress(data, compresslevel=FASTEST_LEVEL)
    return member


def is_compressed(start: bytes) -> bool:
    """Whether a file that begins so is compressed in a way that is read."""
    return start.startswith((GZIP, BZIP2, XZ, ZSTD))


def blocks_of(raw: IO[bytes], size: int) -> Iterator[bytes]:
    """The content of an open file, decompressed if it is compressed, whatever its name is.

    Zstandard is left as it is if there is no library for it.

    :param raw: can seek, and is at its beginning
    :param size: bytes of a block
    :raises Exception: one of ``Corrupt``; all that could be decompressed was yielded before
    """
    start = raw.read(max(map(len, (GZIP, BZIP2, XZ, ZSTD))))
    raw.seek(0)
    if start.startswith(GZIP):
        return _gzip_blocks(raw, size)
    if start.startswith(BZIP2):
        return _stream_blocks(raw, size, bz2.BZ2Decompressor)
    if start.startswith(XZ):
        return _stream_blocks(raw, size, lzma.LZMADecompressor)
    if start.startswith(ZSTD) and (zstd := zstd_library()):
        return _stream_blocks(raw, size, partial(_ZstdDecoder, zstd))
    return iter(lambda: raw.read(size), b"")


def zstd_library() -> Any:
    """The module that reads Zstandard; None if none is installed."""
    for name in ("compression.zstd", "backports.zstd"):
        with suppress(ImportError):
            return import_module(name)
    return None


class _ZstdDecoder:
    """A decoder of Zstandard, whose errors are among ``Corrupt``, although its library is imported late."""

    def __init__(self, library: Any) -> None:
        self._decoder = library.ZstdDecompressor()
        self._error = library.ZstdError

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decoder, name)

    def decompress(self, data: bytes, most: int) -> bytes:
        try:
            piece: bytes = self._decoder.decompress(data, most)
        except self._error as error:
            raise OSError(str(error)) from error
        return piece


def _gzip_blocks(raw: IO[bytes], size: int) -> Iterator[bytes]:
    given = 0
    try:
        stream = _coder.open(raw, "rb")
        # read1 returns what it has; read would lose that when a truncated file raises.
        for block in _blocks(iter(lambda: stream.read1(size), b""), size):
            yield block
            given += len(block)
    except Corrupt:
        # Each decoder drops what it decoded in the call in which it met the damage: the fast one up to a
        # megabyte, the standard library's some kilobytes, except for a wrong end.
        for decode in (_standard, _byte_by_byte):
            raw.seek(0)
            rest = b"".join(decode(raw, given))
            given += len(rest)
            if rest:
                yield rest
        raise


def _standard(raw: IO[bytes], start: int) -> Iterator[bytes]:
    stream = gzip.GzipFile(fileobj=raw)
    with suppress(*Corrupt):
        while piece := stream.read1(PIECE_BYTES):
            yield piece[start:]
            start -= min(start, len(piece))


def _byte_by_byte(raw: IO[bytes], start: int) -> Iterator[bytes]:
    decoder = zlib.decompressobj(GZIP_FORMAT)
    data = b""
    with suppress(zlib.error):
        while data := data or raw.read(PIECE_BYTES):
            piece = decoder.decompress(data, min(max(start, 1), PIECE_BYTES))
            yield piece[start:]
            start -= min(start, len(piece))
            data = decoder.unconsumed_tail
            if decoder.eof:
                data = decoder.unused_data
                decoder = zlib.decompressobj(GZIP_FORMAT)


def _stream_blocks(raw: IO[bytes], size: int, new_decoder: Callable[[], Any]) -> Iterator[bytes]:
    given = 0
    try:
        for block in _blocks(_decoded(raw, new_decoder), size):
            yield block
            given += len(block)
    except Corrupt:
        # A decoder drops what it decoded in the call in which it met the damage.
        raw.seek(0)
        rest = bytearray()
        with suppress(*Corrupt):
            for piece in _decoded(raw, new_decoder, given, most=1):
                rest += piece
        if rest:
            yield bytes(rest)
        raise


def _decoded(
    raw: IO[bytes], new_decoder: Callable[[], Any], start: int = 0, *, most: int = PIECE_BYTES
) -> Iterator[bytes]:
    """The content of all streams of a file, from ``start``, in pieces of at most ``most`` bytes.

    The standard library's files take anything behind a stream that they cannot read for the end.
    """
    data = raw.read(PIECE_BYTES)
    while data:
        decoder = new_decoder()
        while not decoder.eof:
            if decoder.needs_input and not (data := data or raw.read(PIECE_BYTES)):
                raise EOFError("Compressed file ended before the end-of-stream marker was reached")
            piece = decoder.decompress(data, min(start, PIECE_BYTES) or most)
            data = b""
            yield piece[start:]
            start -= min(start, len(piece))
        data = decoder.unused_data.lstrip(PADDING)
        while not data and (more := raw.read(PIECE_BYTES)):
            data = more.lstrip(PADDING)


def _blocks(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Blocks of the pieces of a text; if it is corrupt, what was decompressed before is yielded first."""
    block = bytearray()
    try:
        for piece in pieces:
            block += piece
            if len(block) >= size:
                yield bytes(block)
                block.clear()
    except Corrupt:
        if block:
            yield bytes(block)
        raise
    if block:
        yield bytes(block)
