"""The body of an answer: unpacked while it arrives, and never more of it than Segment sends."""

from __future__ import annotations

import zlib
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

import httpx

from airflow_provider_segment.api.documents import read
from airflow_provider_segment.api.regions import Server

if TYPE_CHECKING:
    from airflow_provider_segment.api.calls import AnswerFormat

MAX_BYTES: dict[Server, int] = {
    "public": 64 << 20,
    "profile": 64 << 20,
    "tracking": 64 << 10,
    "oauth": 64 << 10,
}
"""Bytes of an answer, unpacked. Its largest are lists: 200 destinations, each with all fields of its actions,
are some 20 MB. The Tracking API and the authorization server answer with a line."""
MAX_FILE_BYTES = 8 << 30
"""Bytes of an answer that goes to a file. What it may take of the time is the request's."""
MAX_ERROR_BYTES = 1 << 20
"""Bytes of an answer with an error."""

UNPACKED_AT_ONCE = 1 << 20
"""Bytes: a small piece may be a very large one, packed."""

ENCODING = "gzip"
"""The compression that is asked for, and the only one that is unpacked: zlib can stop at a size."""


class Body:
    """Takes the body of a response in pieces.

    :param api: the API that answers
    :param to_file: keep a successful answer in a temporary file, not in memory
    """

    def __init__(self, api: Server, response: httpx.Response, *, to_file: bool = False) -> None:
        self.fault: str | None = None
        """Why the body cannot be read; None if nothing is wrong so far."""
        self._file: IO[bytes] | None = None
        if to_file and response.is_success:
            self._file = TemporaryFile()  # noqa: SIM115  # is closed by whoever reads it
        most = MAX_FILE_BYTES if self._file else MAX_BYTES[api]
        self._left = self._limit = most if response.is_success else MAX_ERROR_BYTES
        self._parts: list[bytes] = []
        self._begun = False
        self._charset = response.charset_encoding or "utf-8"
        self._unpacker: Any = None
        encoding = response.headers.get("content-encoding", "").strip().lower()
        if encoding in ("gzip", "x-gzip"):
            self._unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        elif encoding not in ("", "identity"):
            self.fault = f"it is compressed by {encoding[:20]!r}, which was not asked for"

    def add(self, piece: bytes) -> bool:
        """Take the next piece.

        :returns: whether more may follow; if not, the rest is not to be read
        """
        self._begun = self._begun or bool(piece)
        while self.fault is None and piece:
            piece, rest = self._unpacked(piece) if self._unpacker else (piece, b"")
            if len(piece) > self._left:
                self.fault = f"it is larger than {self._limit:,} bytes"
            elif self.fault is None:
                self._left -= len(piece)
                self._keep(piece)
            piece = rest
        return self.fault is None

    def _unpacked(self, piece: bytes) -> tuple[bytes, bytes]:
        """The beginning of a packed piece, unpacked, and the rest of it."""
        try:
            # One byte more than is left tells an answer that is too large.
            return (
                self._unpacker.decompress(piece, min(self._left + 1, UNPACKED_AT_ONCE)),
                self._unpacker.unconsumed_tail,
            )
        except zlib.error:
            self.fault = "it is no gzip, though it says so"
            return b"", b""

    def _keep(self, piece: bytes) -> None:
        if self._file is None:
            self._parts.append(piece)
            return
        try:
            self._file.write(piece)
        except OSError as error:
            self.fault = f"it cannot be kept in a temporary file: {error.strerror}"

    def read(self, format: AnswerFormat) -> Any:
        """The body: a JSON document, a text, or the temporary file, open at its start.

        :raises ValueError: it cannot be read as that; says why
        """
        if self.fault is None and self._unpacker and self._begun and not self._unpacker.eof:
            self.fault = "its gzip is cut off"
        if self.fault is not None:
            raise ValueError(self.fault)
        if format == "bytes" and self._file is not None:
            self._file.seek(0)
            return self._file
        content = b"".join(self._parts)
        if format == "json":
            return read(content)
        try:
            return content.decode(self._charset, "replace")
        except LookupError:  # there is no such encoding
            return content.decode(errors="replace")
