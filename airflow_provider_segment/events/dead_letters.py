"""Rejected events, kept so that they can be corrected and sent again.

One JSON object per line: the event's place in the input, why it was rejected, and the event itself: as
``event``, or as ``raw`` text if it is not a JSON object. The file can be used as an input: correct each
``event`` in place (add one to each ``raw``) and send the file. Of an item too long to be kept, ``raw`` is
only the beginning, and ``bytes`` the length.

Of an event that a mapping made, the ``row`` is kept, with the ``column`` that is at fault and, if the mapping
makes several events of a row, which ``template`` made this one. Correct the row, and send the file with the
same mapping: only this event is made of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import inf
from typing import IO, Any, NamedTuple

import msgspec

from airflow_provider_segment.errors import (
    SegmentConfigurationError,
    SegmentEventError,
    SegmentReplacedError,
)
from airflow_provider_segment.events.check import Reason
from airflow_provider_segment.events.codec import Unreadable, encode, to_bytes
from airflow_provider_segment.events.mapping.cells import cell
from airflow_provider_segment.events.private_files import is_link, open_private
from airflow_provider_segment.events.sources.source import Overlong
from airflow_provider_segment.events.sources.tables import MalformedRow
from airflow_provider_segment.events.storage import File, is_local, local_path
from airflow_provider_segment.values import ValueRejected

LOGGED = 10
"""How many rejected events are also logged."""


class RejectedRow(NamedTuple):
    """A row of which a rejected event was made.

    :param row: as it was read: JSON text, or a dict
    :param template: the number of the template that made the event; None if there is only one
    """

    row: Any
    template: int | None


class Letter(msgspec.Struct):
    """A dead letter: a row, or an event, that was rejected and corrected.

    Rows of others may have a column of one of these names, but not all of them, with one of our reasons.
    """

    reason: Reason
    detail: str
    row: msgspec.Raw = msgspec.Raw()
    event: msgspec.Raw = msgspec.Raw()
    template: int | None = None


_decode_letter = msgspec.json.Decoder(Letter).decode


def letter_of(line: bytes) -> Letter | None:
    """The dead letter that a line is, if it is one."""
    if b'"reason"' not in line:
        return None
    try:
        letter = _decode_letter(line)
    except Unreadable:
        return None
    return letter if b"{" in (bytes(letter.row)[:1], bytes(letter.event)[:1]) else None


class DeadLetters:
    """Keeps rejected events.

    If the file cannot be written, sending continues; ``failure`` holds the reason. Only its owner can read a
    local file.

    :raises SegmentConfigurationError: on entry, the file is a symbolic link
    :param file: is overwritten; None to only log the first few
    :param keep_to: the letters of rows up to this one are kept, because this run does not read those again;
        infinite for all letters
    :param kept: how many letters that should be
    """

    def __init__(self, file: File | None, log: logging.Logger, *, keep_to: float = 0, kept: int = 0) -> None:
        self._file = file
        self._log = log
        self._keep_to = keep_to
        self._to_keep = kept
        self._stream: IO[bytes] | None = None
        self._count = 0
        self.failure: str | None = None

    def __enter__(self) -> DeadLetters:
        if self._file is not None:
            self._guarded(self._open)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        replaced = kind is not None and issubclass(kind, SegmentReplacedError)
        self._guarded(self._leave if replaced else self._close)

    def add(self, place: dict[str, Any], error: SegmentEventError, item: Any) -> None:
        """Keep a rejected event.

        :param place: the event's place in the input
        :param error: why it was rejected
        :param item: the event as it was read (bytes, str or dict) or sent (bytes), or its row
        """
        self._count += 1
        if self._count <= LOGGED:
            where = ", ".join(f"{name} {value}" for name, value in place.items())
            self._log.warning("Rejected (%s): %s", where, error)
        elif self._count == LOGGED + 1:
            self._log.warning("Further rejected events are counted, not logged")
        if self._stream is not None:
            letter = {**place, "reason": error.reason, "detail": error.detail}
            if error.column is not None:
                letter["column"] = error.column
            letter |= _content(item)
            self._guarded(lambda: self._write(encode(letter) + b"\n"))

    def _open(self) -> None:
        assert self._file is not None
        kept = self._letters_before() if self._keep_to else []
        if is_local(self._file):
            self._stream = open_private(local_path(self._file))
        else:
            with suppress(Exception):  # object stores have no folders; if one is needed, open() will fail
                self._file.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self._file.open("wb")
        assert self._stream is not None
        self._stream.writelines(kept)
        self._stream.flush()  # the file was emptied
        if (lost := self._to_keep - len(kept)) > 0:
            self.failure = (
                f"{lost:,} rows that an earlier try rejected are not in it, because that try was killed: "
                "clear the task to have all rows read again"
            )
            self._log.error("Rejected events are missing in %s: %s", self._file, self.failure)

    def flush(self) -> None:
        """Write what was added, as far as the storage can without closing the file."""
        if self._stream is not None:
            self._guarded(self._stream.flush)

    def _letters_before(self) -> list[bytes]:
        assert self._file is not None
        try:
            with self._file.open("rb") as stream:
                lines = stream.read().splitlines(keepends=True)
        except FileNotFoundError:
            return []
        if self._keep_to == inf:
            return [line for line in lines if line.endswith(b"\n")]  # the last one may be cut off
        return [line for line in lines if 0 < _row_number(line) <= self._keep_to]

    def _write(self, line: bytes) -> None:
        assert self._stream is not None
        self._stream.write(line)

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _leave(self) -> None:
        """Leave the file to the try that has replaced this one: an object store keeps what is closed last."""
        file: Any = getattr(self._stream, "_obj", self._stream)  # in the wrapper of Airflow's paths
        if not hasattr(file, "discard"):
            self._close()  # of a local file, that try has made another one
            return
        self._stream = None
        file.discard()
        with suppress(AttributeError):
            file.closed = True  # or fsspec closes it when it is collected

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


def _row_number(line: bytes) -> int:
    """The number of the row of a letter; 0 if it is none, or cut off."""
    try:
        return msgspec.json.decode(line, type=_Numbered).row_number
    except Unreadable:
        return 0


class _Numbered(msgspec.Struct):
    row_number: int = 0


def _content(item: Any) -> dict[str, Any]:
    if isinstance(item, RejectedRow):
        template = {"template": item.template} if item.template is not None else {}
        return template | _row(item.row)
    if isinstance(item, SegmentEventError):
        return {"raw": item.raw} if isinstance(item, MalformedRow) and item.raw else {}
    if isinstance(item, Overlong):
        return {"raw": item.start.decode(errors="replace"), "bytes": item.size}
    if isinstance(item, str):
        item = item.encode(errors="replace")
    if isinstance(item, bytes):
        if letter := letter_of(item):  # rejected again
            return {"row": letter.row} if bytes(letter.row) else {"event": letter.event}
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


def _row(row: Any) -> dict[str, Any]:
    if isinstance(row, (bytes, str)):
        content = _content(row)
        is_row = "event" in content and not (isinstance(row, bytes) and letter_of(row))
        return {"row": content["event"]} if is_row else content
    columns = row if isinstance(row, Mapping) else getattr(row, "_asdict", dict)()
    return {"row": {str(name): _shown(value) for name, value in columns.items()}}


def _shown(value: Any) -> Any:
    """A value of a row in the form in which the same mapping takes it again, or as it looks."""
    try:
        return msgspec.Raw(encode(cell(value)))
    except Exception:
        try:
            return repr(value)
        except Exception:  # a number of too many digits, for one
            return f"a {type(value).__name__}"
