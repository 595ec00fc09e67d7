"""Counts the events of a run whose message id another one had."""

from __future__ import annotations

from array import array
from tempfile import TemporaryFile
from typing import IO

from airflow_provider_segment.events.message_ids import PREFIX

PARTS = 256
"""The hashes are compared one part at a time: a set of all those of a huge run would fill the memory."""
_BETWEEN = "\0"
IN_MEMORY = 1_000_000
"""How many hashes are kept in memory; further ones go to a temporary file."""


class MessageIds:
    """The message ids that the events of a run brought, as 8 bytes each, to tell how many are different.

    Segment keeps one of the events that have the same id, and counts one. Ids derived from whole events are
    not among them: to compare those of millions of events would cost a tenth of the run.
    """

    def __init__(self) -> None:
        self.brought = 0
        """How many of them this package did not derive."""
        self._new: list[str] = []
        self._parts = [array("q") for _ in range(PARTS)]
        self._in_memory = 0
        self._room = IN_MEMORY
        self._file: IO[bytes] | None = None
        self._written: list[list[tuple[int, int]]] = [[] for _ in range(PARTS)]  # start and bytes
        self.add = self._new.append  # called for each event
        """Add an id."""

    def fold(self) -> None:
        """Reduce the ids added since the last time to their hashes."""
        if not self._new:
            return
        # Told apart all at once: there may be millions.
        derived = _BETWEEN.join(("", *self._new)).count(_BETWEEN + PREFIX)
        self.brought += len(self._new) - derived
        add = [part.append for part in self._parts]
        for one in map(hash, self._new):
            add[one % PARTS](one)
        self._in_memory += len(self._new)
        self._new.clear()
        if self._in_memory > self._room:
            try:
                self._spill()
            except OSError:  # no room on the disk
                self._room = self._in_memory * 2

    def _spill(self) -> None:
        if self._file is None:
            self._file = TemporaryFile()  # noqa: SIM115  (deleted with this object)
        start = self._file.seek(0, 2)
        written = [part.tobytes() for part in self._parts]
        self._file.write(b"".join(written))
        self._file.flush()
        for places, content in zip(self._written, written, strict=True):
            places.append((start, len(content)))
            start += len(content)
        for part in self._parts:
            del part[:]
        self._in_memory = 0

    def repeated(self) -> int:
        """How many of the ids were added before."""
        self.fold()
        repeated = 0
        for part, places in zip(self._parts, self._written, strict=True):
            everything = array("q", part)
            for start, size in places:
                assert self._file is not None
                self._file.seek(start)
                everything.frombytes(self._file.read(size))
            repeated += len(everything) - len(set(everything))
        return repeated
