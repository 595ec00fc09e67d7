"""How far an incremental load got: the highest value of a column of the rows that were delivered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from math import ceil
from typing import Any
from uuid import UUID

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentInputError
from airflow_provider_segment.events.key_json import key_from_json, key_to_json
from airflow_provider_segment.events.ledger.extents import digest
from airflow_provider_segment.events.ledger.store import LedgerEntry, LedgerStore
from airflow_provider_segment.events.mapping.template import nearest
from airflow_provider_segment.events.sources.source import Block, Source
from airflow_provider_segment.events.sources.sql_values import Unusable


class Watermark:
    """The mark of one load, in a ledger. It never moves backwards, whoever else moves it.

    :param store: the ledger
    :param destination: where the events go: host and write key
    :param load: names the load
    """

    def __init__(self, store: LedgerStore, destination: Sequence[str], load: Sequence[str]) -> None:
        self._store = store
        self._scope = digest(["watermark", *destination])
        self._name = " ".join(load)
        self._input = digest(load)

    def read(self) -> Any:
        """The mark; None before the first load has ended.

        :raises SegmentInputError: the ledger cannot be read
        :raises SegmentConfigurationError: the column has become one of another type
        """
        try:
            entries = self._store.read(self._scope, [self._input])
        except Exception as error:  # each storage and each driver raises its own errors
            raise SegmentInputError(
                f"the watermark cannot be read, and nothing was sent: {error or type(error).__name__}"
            ) from error
        return highest([key_from_json(entry.end) for entry in entries])

    def move(self, before: Any, mark: Any) -> None:
        """Move the mark.

        :param before: where it was
        :raises Exception: the ledger could not be written
        """
        points = None if before is None else key_to_json(before), key_to_json(mark)
        self._store.add(self._scope, [LedgerEntry(self._input, self._name, "", "mark", *points)])


def highest(values: Sequence[Any]) -> Any:
    """The highest of some values of a column; None if there is none.

    :raises SegmentConfigurationError: they are of different types
    """
    try:
        return max(values, default=None)
    except (TypeError, ArithmeticError):  # NaN has no order, either
        kinds = sorted({type(value).__name__ for value in values})
        raise SegmentConfigurationError(
            f"watermark: values of the types {', '.join(kinds)} have no order, or times with and without a "
            "zone, or NaN. If the column was changed, begin anew: another ledger and an initial_watermark"
        ) from None


def with_overlap(mark: Any, overlap: timedelta | float | None) -> Any:
    """A mark moved back by an overlap.

    :param overlap: seconds or a duration for times, a number for numbers
    :raises SegmentConfigurationError: the mark is text
    """
    if not overlap:
        return mark
    number = overlap.total_seconds() if isinstance(overlap, timedelta) else overlap
    if isinstance(mark, datetime):
        return mark - timedelta(seconds=number)
    if isinstance(mark, date):
        return mark - timedelta(days=ceil(number / timedelta(days=1).total_seconds()))
    if isinstance(mark, Decimal):
        return mark - Decimal(str(number))
    if isinstance(mark, int):
        return mark - ceil(number)
    raise SegmentConfigurationError(
        f"overlap: a watermark that is text ({mark}) cannot be moved back: have the query do it"
    )


def shown(mark: Any) -> Any:
    """A mark as plain JSON, for people: as text, or a whole number."""
    return mark if mark is None or isinstance(mark, int) else str(mark)


def _in_utc(mark: Any) -> Any:
    """A mark as it is kept: a time with a zone, which the database's session chose, in UTC."""
    return mark.astimezone(timezone.utc) if isinstance(mark, datetime) and mark.tzinfo else mark


class MarkedSource:
    """Rows, of which the highest value of a column is noted.

    :param column: its name
    :raises SegmentConfigurationError: on iteration: there is no such column, or its values are no marks
    """

    size: int | None  # these are the source's
    done: int
    blocking: bool
    files: list[str]
    identity: Any

    def __init__(self, source: Source, column: str) -> None:
        self.highest: Any = None
        """The highest value so far; None if all were null."""
        self._source = source
        self._column = column

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def __iter__(self) -> Iterator[Block]:
        for block in self._source:
            self._note(block)
            yield block

    def place(self, position: int) -> dict[str, Any]:
        """A position in readable form."""
        return self._source.place(position)

    def _note(self, block: Block) -> None:
        columns = block.columns or ()
        if self._column not in columns:
            hint = nearest(self._column, columns)
            raise SegmentConfigurationError(f"watermark: the rows have no column {self._column!r}{hint}")
        index = columns.index(self._column)
        values = [value for row in block.items if (value := row[index]) is not None]
        found = highest([value for value in values if not isinstance(value, Unusable)])
        if found is None:
            return
        if isinstance(found, UUID):
            raise SegmentConfigurationError("watermark: UUIDs have no order of time")
        try:
            key_to_json(found)
        except TypeError as error:
            raise SegmentConfigurationError(f"watermark {error}") from None
        found = _in_utc(found)
        self.highest = found if self.highest is None else highest([self.highest, found])


class MarkedPages(MarkedSource):
    """The same of rows that are read in the order of that column: a retry reads only the last ones."""

    def resume(self, mark: Mapping[str, Any]) -> None:
        """Start behind a mark, up to which an earlier try delivered the rows."""
        self._source.resume(mark)  # type: ignore[attr-defined]
        self.highest = _in_utc(key_from_json(mark["key"]))
