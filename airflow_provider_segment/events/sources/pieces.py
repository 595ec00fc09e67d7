"""Pieces of files, so that several tasks can read one input: half-open ranges of its bytes or rows."""

from __future__ import annotations

from typing import Literal, NamedTuple

from airflow_provider_segment.events.storage import File

Unit = Literal["byte", "row"]
BYTE: Unit = "byte"
"""Of uncompressed JSON Lines only. A line belongs to the range that its first byte lies in."""
ROW: Unit = "row"
"""The items of a file, from 0: rows, lines, or the objects of an array."""


class Piece(NamedTuple):
    """A file, or a range of what is in it. However a file is cut, its pieces together are the whole file.

    :param file: the file
    :param unit: what ``start`` and ``end`` count; None for the whole file
    :param start: where the range begins, from 0
    :param end: where the next range begins; None for the end of the file
    :param version: the storage's fingerprint of the file when it was cut; None if it does not matter
    """

    file: File
    unit: Unit | None = None
    start: int = 0
    end: int | None = None
    version: str | None = None
