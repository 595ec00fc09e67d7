"""What files of rows have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from airflow_provider_segment.errors import SegmentEventError
from airflow_provider_segment.events.sources.pieces import ROW, Unit

RAW_CHARACTERS = 1_000
"""How much of the text of a malformed row is kept."""


class UnreadableFileError(ValueError):
    """Nothing of the file can be read."""

    @classmethod
    def without(cls, extra: str, kind: str) -> UnreadableFileError:
        """The library that an extra of this package brings is not installed."""
        return cls(f"it is {kind}, and reading that needs: pip install 'airflow-provider-segment[{extra}]'")


class MalformedRow(SegmentEventError):
    """A row that cannot be read. The others of its file can.

    :param detail: what is wrong with it
    :param raw: its text, as far as it is kept
    """

    def __init__(self, detail: str, raw: str) -> None:
        super().__init__("malformed_row", detail)
        self.raw = raw


class Table(NamedTuple):
    """The rows of a file.

    :param columns: the names of their values
    :param blocks: tuples, and a :class:`.SegmentEventError` for each row that cannot be read
    :param rows: how many there are, if that is known beforehand
    :param line_of: the line at which a row begins, if the file has lines; None if it is no longer known
    :param before: how many rows of the file are before the first one
    """

    columns: tuple[str, ...]
    blocks: Iterator[Sequence[Any]]
    rows: int | None = None
    line_of: Callable[[int], int | None] | None = None
    before: int = 0

    @property
    def cut_by(self) -> Unit:
        """What the file is best cut by."""
        return ROW

    def place(self, number: int) -> dict[str, int]:
        """Where a row is in the file: its number, and its line."""
        line = self.line_of(number) if self.line_of else None
        number = self.row_of(number)
        return {"row_number": number} if line is None else {"row_number": number, "line": line}

    def row_of(self, number: int) -> int:
        """The number of a row in the file, from 1."""
        return self.before + number

    def end_of(self, number: int, unit: Unit) -> int:
        """Where a range of the file ends that ends with a row."""
        return self.row_of(number)
