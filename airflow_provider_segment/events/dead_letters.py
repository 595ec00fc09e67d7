"""Rejected events, kept so that they can be corrected and sent again.

One JSON object per line: the event's place in the input, why it was rejected, and the event itself: as
``event``, or as ``raw`` text if it is not a JSON object. The file can be used as an input: correct each
``event`` in place (add one to each ``raw``) and send the file. Of an item too long to be kept, ``raw`` is
only the beginning, and ``bytes`` the length.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

import msgspec

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentEventError
from airflow_provider_segment.events.codec import Unreadable, encode, to_bytes
from airflow_provider_segment.events.private_files import is_link, open_private
from airflow_provider_segment.events.sources.files import File, is_local
from airflow_provider_segment.events.sources.source import Overlong
from airflow_provider_segment.values import ValueRejected

LOGGED = 10
"""How many rejected events are also logged."""


class DeadLetters:
    """Keeps rejected events.

    If the file cannot be written, sending continues; ``failure`` holds the reason. Only its owner can read a
    local file.

    :raises SegmentConfigurationError: on entry, the file is a symbolic link
    :param file: is overwritten; None to only log the first few
    """

    def __init__(self, file: File | None, log: logging.Logger) -> None:
        self._file = file
        self._log = log
        self._stream: IO[bytes] | None = None
        self._count = 0
        self.failure: str | None = None

    def __enter__(self) -> DeadLetters:
        if self._file is not None:
            self._guarded(self._open)
        return self

    def __exit__(self, *_: object) -> None:
        self._guarded(self._close)

    def add(self, place: dict[str, Any], reason: str, detail: str, item: Any) -> None:
        """Keep a rejected event.

        :param place: the event's place in the input
        :param item: the event as it was read (bytes, str or dict) or sent (bytes)
        """
        self._count += 1
        if self._count <= LOGGED:
            where = ", ".join(f"{name} {value}" for name, value in place.items())
            self._log.warning("Rejected (%s): %s: %s", where, reason, detail)
        elif self._count == LOGGED + 1:
            self._log.warning("Further rejected events are counted, not logged")
        if self._stream is not None:
            letter = {**place, "reason": reason, "detail": detail, **_content(item)}
            self._guarded(lambda: self._write(encode(letter) + b"\n"))

    def _open(self) -> None:
        assert self._file is not None
        if is_local(self._file):
            self._stream = open_private(self._file.path)
            return
        with suppress(Exception):  # object stores have no folders; if one is needed, open() will fail
            self._file.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self._file.open("wb")

    def _write(self, line: bytes) -> None:
        assert self._stream is not None
        self._stream.write(line)

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # each storage library raises its own errors
            if is_link(error):
                raise SegmentConfigurationError(
                    f"rejects_path {self._file} is a symbolic link, which is not followed: rejected events "
                    "are data of people. Give the path of the file itself; nothing was sent"
                ) from None
            reason = str(error) or type(error).__name__
            self.failure = self.failure or reason
            self._stream = None
            self._log.error("Rejected events cannot be written to %s: %s", self._file, reason)


def _content(item: Any) -> dict[str, Any]:
    if isinstance(item, Overlong):
        return {"raw": item.start.decode(errors="replace"), "bytes": item.size}
    if isinstance(item, str):
        item = item.encode(errors="replace")
    if isinstance(item, bytes):
        try:
            if isinstance(msgspec.json.decode(item), dict):
                # On one line, although it may have been read from several.
                return {"event": msgspec.Raw(msgspec.json.format(item, indent=-1))}
        except Unreadable:
            pass
        return {"raw": item.decode(errors="replace")}
    if isinstance(item, dict):
        with suppress(SegmentEventError, ValueRejected):
            return {"event": msgspec.Raw(to_bytes(item))}
    return {"raw": repr(item)}
