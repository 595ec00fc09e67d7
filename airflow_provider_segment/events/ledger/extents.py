"""What an input consists of, as a ledger knows it, whatever the parts that it was cut into."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from math import inf
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.ledger.intervals import (
    WHOLE,
    Bound,
    Interval,
    subtract,
    subtract_all,
)
from airflow_provider_segment.events.ledger.store import LedgerEntry, as_json
from airflow_provider_segment.events.sources.files import FileSource
from airflow_provider_segment.events.sources.pieces import BYTE, ROW, Piece
from airflow_provider_segment.events.sources.source import Source
from airflow_provider_segment.events.sources.sql import SqlSource
from airflow_provider_segment.events.sources.sql_pages import PagedSqlSource

Unit = Literal["byte", "row", "key", "all"]
ALL: Unit = "all"
"""The unit of an input that is wanted, or was delivered, as a whole."""


class Extent(NamedTuple):
    """An interval of an input.

    :param input: identifies the input
    :param name: the input, for people; without a password
    :param version: what changes with the content of a file; "" for a query
    :param unit: what the interval is of; ``ALL`` for the whole input
    :param interval: the interval
    :param size: of a file, in bytes
    """

    input: str
    name: str
    version: str
    unit: Unit
    interval: Interval = WHOLE
    size: int = 0

    def entry(self, interval: Interval, sent: int = 0, rejected: int = 0) -> LedgerEntry:
        """That an interval of it was delivered."""
        points = as_json(interval.start), as_json(interval.end)
        return LedgerEntry(self.input, self.name, self.version, self.unit, *points, sent, rejected)


class Extents(Protocol):
    """The extents of a source, in the order in which it reads them."""

    def wanted(self) -> list[Extent]:
        """What the source is to read."""
        ...

    def read_only(self, extents: Sequence[Extent]) -> None:
        """Have the source read only these; before it reads."""
        ...

    def reached(self, position: float) -> list[Extent]:
        """What is done with if everything up to a position is: extents, and the beginning of the last one."""
        ...


def extents_of(source: Source) -> Extents:
    """The extents of a source.

    :raises SegmentConfigurationError: a ledger cannot tell such inputs from each other
    """
    if isinstance(source, FileSource):
        return _FileExtents(source)
    if isinstance(source, PagedSqlSource):
        return _KeyExtents(source)
    if isinstance(source, SqlSource):
        return _QueryExtents(source)
    raise SegmentConfigurationError("a ledger is for files and queries: give a path, or leave it out")


def digest(parts: Any) -> str:
    """Identifies what these parts are of; the same in every process."""
    return blake2b(msgspec.json.encode(parts, enc_hook=repr), digest_size=16).hexdigest()


_PASSWORD = re.compile(r"(?<=://)([^/@:]*):[^/@]*@")


class _FileExtents:
    def __init__(self, source: FileSource) -> None:
        self._source = source
        self._files = {}
        extents = []
        for piece, uri, (_, size, fingerprint) in source.described():
            name = _PASSWORD.sub(r"\1@", uri)
            version = f"{size}-{fingerprint}"
            extent = Extent(
                digest(["file", name, source.read_as]),
                name,
                version if len(version) <= 100 else digest(version),
                piece.unit or ALL,
                _interval(piece, size),
                size,
            )
            self._files[extent.input] = piece.file
            extents.append(extent)
        self._extents = extents

    def wanted(self) -> list[Extent]:
        return self._extents

    def read_only(self, extents: Sequence[Extent]) -> None:
        self._extents = list(extents)
        self._source.read_only([self._piece(extent) for extent in extents])

    def _piece(self, extent: Extent) -> Piece:
        file, unit = self._files[extent.input], extent.unit
        if unit not in (BYTE, ROW):
            return Piece(file)
        return Piece(file, unit, *extent.interval)

    def reached(self, position: float) -> list[Extent]:
        return [
            extent._replace(unit=piece.unit or ALL, interval=_interval(piece, extent.size))
            for extent, piece in zip(self._extents, self._source.reached(position), strict=False)
        ]


def _interval(piece: Piece, size: int) -> Interval:
    end = piece.end
    # However a file was cut, its end is its end.
    return Interval(piece.start, None if piece.unit == BYTE and end is not None and end >= size else end)


class _KeyExtents:
    def __init__(self, source: PagedSqlSource) -> None:
        self._source = source
        about = digest(["keys", source.asked])
        self._extents = [
            Extent(about, f"{source.conn_id} {about}", "", "key", interval) for interval in source.ranges
        ]

    def wanted(self) -> list[Extent]:
        return self._extents

    def read_only(self, extents: Sequence[Extent]) -> None:
        self._extents = list(extents)
        self._source.ranges = [extent.interval for extent in extents]

    def reached(self, position: float) -> list[Extent]:
        return [
            extent._replace(interval=interval)
            for extent, interval in zip(self._extents, self._source.reached(position), strict=False)
        ]


class _QueryExtents:
    """A query that is read at once: nothing is known to be done with before its end."""

    def __init__(self, source: SqlSource) -> None:
        self._source = source
        about = digest(["query", source.asked])
        self._extents = [Extent(about, f"{source.conn_id} {about}", "", ALL)]

    def wanted(self) -> list[Extent]:
        return self._extents

    def read_only(self, extents: Sequence[Extent]) -> None:
        self._extents = list(extents)
        self._source.nothing = not extents

    def reached(self, position: float) -> list[Extent]:
        return self._extents if position == inf else []


def left_of(extent: Extent, entries: Iterable[LedgerEntry]) -> list[Extent]:
    """What is left of an extent without what was delivered of the same version of its input.

    :param entries: may be of other inputs, too
    """
    delivered = _delivered(extent, entries)
    if ALL in delivered or any(
        not subtract(_WHOLE[unit], (one.interval for one in ones)) for unit, ones in delivered.items()
    ):
        return []
    # What was delivered by bytes says nothing of rows.
    for unit in (extent.unit, *(delivered if extent.unit == ALL else ())):
        left = subtract(extent.interval, (one.interval for one in delivered.get(unit, ())))
        if left != [extent.interval]:
            return [extent._replace(unit=unit, interval=interval) for interval in left]
    return [extent]


def delivered_of(extent: Extent, entries: Iterable[LedgerEntry]) -> tuple[int, int]:
    """How many events of an extent were sent before, and rejected; estimated where it was cut otherwise."""
    left = [extent.interval]
    sent = rejected = 0.0
    for unit, ones in _delivered(extent, entries).items():
        if unit not in (extent.unit, ALL) and extent.unit != ALL:
            continue
        for one in ones:
            before, left = left, subtract_all(left, [one.interval])
            if before != left:
                part = _length(before, extent.size) - _length(left, extent.size)
                share = min(1.0, part / (_length([one.interval], extent.size) or inf) or 1.0)
                sent += one.sent * share
                rejected += one.rejected * share
    return round(sent), round(rejected)


_WHOLE: dict[str, Interval] = {BYTE: Interval(0), ROW: Interval(0), "key": WHOLE}


def _delivered(extent: Extent, entries: Iterable[LedgerEntry]) -> dict[Any, list[LedgerEntry]]:
    """The entries of the same version of the same input, by unit."""
    found: dict[Any, list[LedgerEntry]] = {}
    for entry in entries:
        if (entry.input, entry.version) == (extent.input, extent.version):
            found.setdefault(entry.unit, []).append(entry)
    return found


def _length(intervals: Iterable[Interval], size: int) -> float:
    """The length of intervals of numbers; an open end is that of the file."""
    length = 0
    for start, end in intervals:
        if isinstance(start, Bound) or isinstance(end, Bound):
            return 0
        length += max(0, (size if end is None else end) - (start or 0))
    return length
