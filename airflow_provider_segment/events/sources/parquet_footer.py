"""What the end of a Parquet file says that polars does not: its rows, its UUIDs, and what polars cannot read.

A footer is written in Thrift's compact protocol. The row groups in it are read only by who asks for them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from math import inf
from typing import IO, Any, NamedTuple, TypeVar

T = TypeVar("T")

MAGIC = b"PAR1"
ENCRYPTED = b"PARE"
MAX_FOOTER_BYTES = 1 << 28

# The numbers of the fields: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
SCHEMA, ROWS, GROUPS = 2, 3, 4
NAME, CHILDREN, CONVERTED_TYPE, LOGICAL_TYPE = 4, 5, 6, 10
UUID = 14
"""Of the logical types."""
INTERVAL = 21
"""Of the converted types."""
CHUNKS, GROUP_ROWS = 1, 3
"""Of a row group."""
CHUNK = 3
"""Of a column chunk: what is known of it."""
CHUNK_BYTES, DATA_START, DICTIONARY_START = 7, 9, 11


class Footer(NamedTuple):
    """What is read of a footer.

    :param rows: how many there are
    :param uuids: columns of UUIDs
    :param intervals: columns of intervals, or with intervals in them
    """

    rows: int
    uuids: frozenset[str]
    intervals: frozenset[str]


class RowGroup(NamedTuple):
    """A group of rows, which are beside each other in the file.

    :param first: number of its first row, from 0
    :param rows: how many there are
    :param start: where its bytes begin in the file
    :param end: where they end
    """

    first: int
    rows: int
    start: int
    end: int


def read_footer(raw: IO[bytes]) -> Footer:
    """The footer of an open file.

    :raises ValueError: it is damaged, missing or encrypted
    """
    return _understood(_footer_bytes(raw), ROWS, _footer)


def read_row_groups(raw: IO[bytes]) -> list[RowGroup]:
    """The row groups of an open file, in their order.

    :raises ValueError: its footer is damaged, missing or encrypted
    """
    return _understood(_footer_bytes(raw), GROUPS, _row_groups)


def _footer_bytes(raw: IO[bytes]) -> bytes:
    size = raw.seek(0, os.SEEK_END)
    raw.seek(max(0, size - 8))
    end = raw.read(8)
    if end[4:] == ENCRYPTED:
        raise ValueError("its Parquet footer is encrypted")
    length = int.from_bytes(end[:4], "little")
    if end[4:] != MAGIC or length > min(size - 12, MAX_FOOTER_BYTES):
        raise ValueError("it is Parquet that is cut off: the footer at its end is missing")
    raw.seek(size - 8 - length)
    return raw.read(length)


def _understood(footer: bytes, last: int, read: Callable[[dict[int, Any]], T]) -> T:
    try:
        return read(_Compact(footer).struct(last=last))
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        raise ValueError("its Parquet footer is damaged") from None


def _footer(fields: dict[int, Any]) -> Footer:
    columns = _columns(fields[SCHEMA])
    return Footer(
        fields[ROWS],
        frozenset(name for name, parts in columns.items() if UUID in parts[0].get(LOGICAL_TYPE, {})),
        frozenset(
            name
            for name, parts in columns.items()
            if any(part.get(CONVERTED_TYPE) == INTERVAL for part in parts)
        ),
    )


def _row_groups(fields: dict[int, Any]) -> list[RowGroup]:
    groups = []
    first = 0
    for group in fields[GROUPS]:
        chunks = [chunk[CHUNK] for chunk in group[CHUNKS]]
        starts = [min(chunk[DATA_START], chunk.get(DICTIONARY_START) or inf) for chunk in chunks]
        ends = [start + chunk[CHUNK_BYTES] for start, chunk in zip(starts, chunks, strict=True)]
        groups.append(RowGroup(first, group[GROUP_ROWS], int(min(starts)), int(max(ends))))
        first += group[GROUP_ROWS]
    return groups


def _columns(elements: list[dict[int, Any]]) -> dict[str, list[dict[int, Any]]]:
    """The elements of each column: the schema is a tree in depth-first order."""
    columns = {}
    end = 1
    for _ in range(elements[0][CHILDREN]):
        begin = end
        missing = 1
        while missing:
            missing += elements[end].get(CHILDREN, 0) - 1
            end += 1
        columns[elements[begin][NAME].decode()] = elements[begin:end]
    return columns


class _Compact:
    """Decodes Thrift's compact protocol: structs become dicts by the numbers of their fields."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def struct(self, last: int | None = None) -> dict[int, Any]:
        """A struct; only to the field ``last``, if it is given."""
        fields: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) and number != last:
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            kind = head & 15
            fields[number] = kind == 1 if kind in (1, 2) else self._value(kind)
        return fields

    def _value(self, kind: int) -> Any:
        if kind in (1, 2, 3):  # in a list, a boolean is a byte
            return self._byte()
        if kind in (4, 5, 6):
            return self._zigzag()
        if kind == 7:
            return self._bytes(8)
        if kind == 8:
            return self._bytes(self._varint())
        if kind in (9, 10):
            head = self._byte()
            size = head >> 4 if head >> 4 < 15 else self._varint()
            return [self._value(head & 15) for _ in range(size)]
        if kind == 12:
            return self.struct()
        raise ValueError("no such type")

    def _byte(self) -> int:
        byte = self._data[self._at]
        self._at += 1
        return byte

    def _bytes(self, size: int) -> bytes:
        if size > len(self._data) - self._at:
            raise ValueError("cut off")
        self._at += size
        return self._data[self._at - size : self._at]

    def _varint(self) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 127) << shift
            if byte < 128:
                return number
            shift += 7

    def _zigzag(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)
