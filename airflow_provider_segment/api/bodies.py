"""The body of an answer: unpacked while it arrives, and never more of it than Segment sends."""

from __future__ import annotations

import zlib
from typing import Any

import httpx

from airflow_provider_segment.api.documents import read
from airflow_provider_segment.api.regions import Api

MAX_BYTES: dict[Api, int] = {"public": 64 << 20, "profile": 64 << 20, "tracking": 64 << 10}
"""Bytes of an answer, unpacked. Its largest are lists: 200 destinations, each with all fields of its actions,
are some 20 MB. The Tracking API answers with a line."""
MAX_ERROR_BYTES = 1 << 20
"""Bytes of an answer with an error."""

ENCODING = "gzip"
"""The compression that is asked for, and the only one that is unpacked: zlib can stop at a size."""


class Body:
    """Takes the body of a response in pieces.

    :param api: the API that answers
    """

    def __init__(self, api: Api, response: httpx.Response) -> None:
        self.fault: str | None = None
        """Why the body cannot be read; None if nothing is wrong so far."""
        self._left = MAX_BYTES[api] if response.is_success else MAX_ERROR_BYTES
        self._limit = self._left
        self._parts: list[bytes] = []
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
        if self.fault is None and self._unpacker:
            try:
                # One byte more than is left tells an answer that is too large.
                piece = self._unpacker.decompress(piece, self._left + 1)
            except zlib.error:
                self.fault = "it is no gzip, though it says so"
        if self.fault is None and len(piece) > self._left:
            self.fault = f"it is larger than {self._limit:,} bytes"
        if self.fault is None:
            self._left -= len(piece)
            self._parts.append(piece)
        return self.fault is None

    def document(self) -> Any:
        """The JSON document in the body.

        :raises ValueError: it cannot be read as JSON; says why
        """
        if self.fault is None and self._unpacker and self._parts and not self._unpacker.eof:
            self.fault = "its gzip is cut off"
        if self.fault is not None:
            raise ValueError(self.fault)
        return read(b"".join(self._parts))
