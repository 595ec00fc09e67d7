"""gzip with the fastest library installed: isal (extra ``gzip``), otherwise the standard library."""

from __future__ import annotations

import gzip
import zlib
from typing import IO, Any

try:
    from isal import igzip, isal_zlib

    _coder: Any = igzip
    _errors: tuple[Any, ...] = (isal_zlib.IsalError,)
except ImportError:
    _coder = gzip
    _errors = ()

FASTEST_LEVEL = 1

Corrupt: tuple[Any, ...] = (EOFError, gzip.BadGzipFile, zlib.error, *_errors)
"""What reading a corrupt or truncated file raises."""


def compress(data: bytes) -> bytes:
    """One gzip member, at the fastest level: the network is seldom the bottleneck."""
    member: bytes = _coder.compress(data, compresslevel=FASTEST_LEVEL)
    return member


def decompressed(stream: IO[bytes]) -> Any:
    """The decompressed content of a gzip stream, as a stream."""
    return _coder.open(stream, "rb")
