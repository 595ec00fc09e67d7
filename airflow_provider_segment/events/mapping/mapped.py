"""The events of a block of rows, with their positions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from math import ceil
from typing import Any, Protocol

from airflow_provider_segment.errors import SegmentEventError
from airflow_provider_segment.events.codec import encode
from airflow_provider_segment.events.dead_letters import RejectedRow
from airflow_provider_segment.events.mapping.objects import rows_of
from airflow_provider_segment.events.mapping.rows import WHOLE_ROW, Made, RowMapper
from airflow_provider_segment.events.sources.source import Block, Overlong

NO_KEYS = (
    "Without message_id_fields, the id of an event follows all of its content. A retry is safe; but if the "
    "same rows are read from another format, with another mapping or with another value in any column, "
    "Segment counts them once more. Name the columns that identify a row"
)


class Mapped:
    """The events of a block of rows.

    :param block: the rows
    :param several: whether a row may make more than one event
    """

    def __init__(self, block: Block, *, several: bool) -> None:
        self.items: list[Any] = []
        """The events as JSON bytes, and what is wrong with those that could not be made."""
        self.rows = 0
        self.skipped = 0
        """Rows without an event."""
        self.last = block.last
        self._block = block
        self._positions: list[float] = []  # of the items
        self._places: list[int] | None = [] if several else None  # of the items in the mapping
        self._parts: dict[float, Any] = {}  # rows by the position of their event, if an item holds several

    def add_column(self, events: Sequence[bytes | None]) -> None:
        """Add the events of all rows of the block, one or none of each."""
        made = [index for index, event in enumerate(events, self._block.first) if event is not None]
        self.rows += len(events)
        self.skipped += len(events) - len(made)
        self._positions += made
        self.items += filter(None, events)

    def adder(self, mapper: RowMapper) -> Callable[[float, Any], None]:
        """A function that adds the events of the row at a position."""
        if len(mapper.makers) > 1:
            return lambda position, row: self.add(position, mapper.events(row))
        (make,) = mapper.makers
        cells, add_item, add_position = mapper.cells, self.items.append, self._positions.append

        def add_row(position: float, row: Any) -> None:  # the same as add(), and faster
            try:
                event = make(row, cells(row))
                item = None if event is None else encode(event)
            except Exception:  # the other way finds out what it is
                self.add(position, mapper.events(row))
                return
            self.rows += 1
            if item is None:
                self.skipped += 1
            else:
                add_item(item)
                add_position(position)

        return add_row

    def add(self, position: float, events: Sequence[Made], row: Any = None, part: float = 1) -> None:
        """Add the events of a row.

        :param position: of the row
        :param events: each with its place in the mapping
        :param row: if it is only a part of the item at its position
        :param part: the part of the item that it is
        """
        self.rows += 1
        if not events:
            self.skipped += 1
        for number, (place, event) in enumerate(events, 1):
            self.items.append(event)
            where = position if number == len(events) else position - part + part * number / len(events)
            self._positions.append(where)
            if self._places is not None:
                self._places.append(place)
            if row is not None:
                self._parts[where] = row

    def add_parts(self, position: float, item: Any, events_of: Callable[[Any], Sequence[Made]]) -> None:
        """Add the events of an item that may hold several rows."""
        found = rows_of(item)
        for number, row in enumerate(found, 1):
            part = row if len(found) > 1 else None
            self.add(position - 1 + number / len(found), events_of(row), part, 1 / len(found))

    def placed(self) -> Iterable[tuple[float, Any]]:
        """The items with their positions."""
        return zip(self._positions, self.items, strict=True)

    def kept(self, position: float, item: Any) -> Any:
        """What a dead letter keeps of a rejected item: the row that it was made of."""
        row = self._parts.get(position, self._block.items[ceil(position) - self._block.first])
        if isinstance(row, (SegmentEventError, Overlong)):
            return row
        place = self._places[bisect_left(self._positions, position)] if self._places else WHOLE_ROW
        template = None if place == WHOLE_ROW else place + 1
        if self._block.columns is not None:
            row = dict(zip(self._block.columns, row, strict=False))
        return RejectedRow(row, template)


class Mapper(Protocol):
    """Makes events of the rows of a block."""

    def __call__(self, block: Block) -> Block | Mapped: ...
