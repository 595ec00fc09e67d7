"""The stage between a source and the check: rows become events.

Rows are tuples with the names of their columns, JSON texts, dicts, or named tuples. Each event has the
position of its row; those of one row follow each other within it.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from math import ceil
from typing import Any, Protocol

import msgspec

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentEventError
from airflow_provider_segment.events.codec import Unreadable, compact, encode, to_bytes
from airflow_provider_segment.events.dead_letters import RejectedRow
from airflow_provider_segment.events.mapping.rows import REST, SAME_ID, Compiling, Made, RowMapper, key_value
from airflow_provider_segment.events.mapping.template import (
    Array,
    Column,
    EventMapping,
    MappingError,
    Node,
    Object,
    Rest,
    mapping_of_columns,
    nearest,
)
from airflow_provider_segment.events.sources.json_objects import objects_in
from airflow_provider_segment.events.sources.source import Block, Overlong
from airflow_provider_segment.values import DIGITS_IN_FLOAT, ValueRejected, shown, shown_text

log = logging.getLogger(__name__)

RowFunction = Callable[[Any], Any]
"""From a row, as a dict, to an event, a list of events, or None to skip it."""

FAULTS = (ValueRejected, SegmentEventError, UnicodeEncodeError)
"""What making an event of a row raises if the row is at fault."""

LOOKED_AT = 1_000
"""Rows in whose keys the columns of a mapping are looked for."""


class Mapped:
    """The events of a block of rows.

    :param block: the rows
    :param items: the events as JSON bytes, and what is wrong with those that could not be made
    :param positions: of the items
    :param places: of the items in the mapping; None if it makes one event
    :param skipped: rows without an event
    :param parts: rows by the position of their event, where an item of the block holds several
    """

    def __init__(
        self,
        block: Block,
        items: Sequence[Any],
        positions: Sequence[float],
        places: Sequence[int] | None,
        skipped: int,
        parts: Mapping[float, Any],
        rows: int,
    ) -> None:
        self.items = items
        self.rows = rows
        self.skipped = skipped
        self.last = block.last
        self._block = block
        self._positions = positions
        self._places = places
        self._parts = parts

    def placed(self) -> Iterable[tuple[float, Any]]:
        """The items with their positions."""
        return zip(self._positions, self.items, strict=True)

    def kept(self, position: float, item: Any) -> Any:
        """What a dead letter keeps of a rejected item: the row that it was made of."""
        row = self._parts.get(position, self._block.items[ceil(position) - self._block.first])
        if isinstance(row, (SegmentEventError, Overlong)):
            return row
        place = self._places[bisect_left(self._positions, position)] + 1 if self._places else None
        if self._block.columns is not None:
            row = dict(zip(self._block.columns, row, strict=False))
        return RejectedRow(row, place)


class Mapper(Protocol):
    """Makes events of the rows of a block."""

    def __call__(self, block: Block) -> Block | Mapped: ...


class _Events:
    """Collects the events of a block's rows."""

    def __init__(self, block: Block, *, several: bool) -> None:
        self._block = block
        self._items: list[Any] = []
        self._positions: list[float] = []
        self._places: list[int] | None = [] if several else None
        self._skipped = self._rows = 0
        self._parts: dict[float, Any] = {}

    def adder(self, mapper: RowMapper) -> Callable[[float, Any], None]:
        """A function that adds the events of the row at a position."""
        if len(mapper.makers) > 1:
            return lambda position, row: self.add(position, mapper.events(row))
        (make,) = mapper.makers
        cells, add_item, add_position = mapper.cells, self._items.append, self._positions.append

        def add_row(position: float, row: Any) -> None:  # the same as add(), and faster
            try:
                event = make(row, cells(row))
                item = None if event is None else encode(event)
            except FAULTS:  # the other way finds out what it is
                self.add(position, mapper.events(row))
                return
            self._rows += 1
            if item is None:
                self._skipped += 1
            else:
                add_item(item)
                add_position(position)

        return add_row

    def add(
        self, position: float, events: Sequence[tuple[int, Any]], row: Any = None, part: float = 1
    ) -> None:
        """Add the events of a row.

        :param position: of the row
        :param events: each with its place in the mapping
        :param row: if it is only a part of the item at its position
        :param part: the part of the item that it is
        """
        self._rows += 1
        if not events:
            self._skipped += 1
        for number, (place, event) in enumerate(events, 1):
            self._items.append(event)
            where = position if number == len(events) else position - part + part * number / len(events)
            self._positions.append(where)
            if self._places is not None:
                self._places.append(place)
            if row is not None:
                self._parts[where] = row

    def mapped(self) -> Mapped:
        return Mapped(
            self._block,
            self._items,
            self._positions,
            self._places,
            self._skipped,
            self._parts,
            self._rows,
        )


class _Letter(msgspec.Struct):
    """A dead letter: a row, or an event, that was rejected and corrected."""

    reason: str
    row: msgspec.Raw = msgspec.Raw()
    event: msgspec.Raw = msgspec.Raw()
    template: int | None = None


_decode_letter = msgspec.json.Decoder(_Letter).decode
_decode_row = msgspec.json.Decoder(dict[str, Any]).decode
_decode_raw_row = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def letter_of(line: bytes) -> _Letter | None:
    """The dead letter that a line is, if it is one."""
    if b'"reason"' not in line:
        return None
    try:
        letter = _decode_letter(line)
    except Unreadable:
        return None
    return letter if bytes(letter.row) or bytes(letter.event) else None


def row_of(item: Any) -> dict[str, Any]:
    """A row as a dict.

    :param item: JSON bytes or text, a mapping or a named tuple
    :raises SegmentEventError: it is none
    """
    if isinstance(item, SegmentEventError):
        raise item
    if isinstance(item, str):
        item = item.encode(errors="backslashreplace")
    if isinstance(item, bytes):
        try:
            return _decode_row(item)
        except msgspec.ValidationError:
            raise SegmentEventError(
                "not_an_object", f"a row is a JSON object, not {shown(item[:40].decode(errors='replace'))}"
            ) from None
        except Unreadable as error:
            try:
                return _decode_row(compact(item))  # NaN, or half of a surrogate pair
            except (ValueError, RecursionError, msgspec.MsgspecError):
                raise SegmentEventError("not_json", str(error)) from None
    if isinstance(item, Mapping):
        return item if type(item) is dict else dict(item)
    if isinstance(item, tuple) and hasattr(item, "_asdict"):
        return item._asdict()  # type: ignore[no-any-return]
    if isinstance(item, Overlong):
        to_bytes(item)
    raise SegmentEventError("not_an_object", f"a row is a dict or a named tuple, not {type(item).__name__}")


def rows_of(item: Any) -> list[Any]:
    """The rows of an item: of a line that holds several objects, or an array of them, each."""
    try:
        return [row_of(item)]
    except SegmentEventError as error:
        may_be_several = type(item) is bytes and error.reason in ("not_json", "not_an_object")
        return (may_be_several and objects_in(item)) or [error]


class TemplateMapper:
    """Makes events by a mapping.

    :param mapping: None for columns that are named as the fields of events are
    :param identified: whether the events get message ids from named columns or fields
    """

    def __init__(self, mapping: EventMapping | None, options: Compiling, *, identified: bool = True) -> None:
        self._identified = identified
        self._mapping = mapping
        self._options = options
        self._mappers: dict[tuple[str, ...], RowMapper] = {}
        self._plans: dict[Any, Any] = {}
        self._looked = False
        self._json: _JsonRows | None = None

    def __call__(self, block: Block) -> Block | Mapped:
        """The events of a block of rows; without a mapping, items that are no rows of a table are events.

        :raises SegmentConfigurationError: the rows lack a column of the mapping
        """
        if block.columns is not None:
            return self._tables(block, block.columns)
        return block if self._mapping is None else self._objects(block, self._mapping)

    def _tables(self, block: Block, columns: tuple[str, ...]) -> Mapped:
        mapper = self._mappers.get(columns)
        if mapper is None:
            mapper = self._mappers[columns] = self._compile(columns)
        frame = getattr(block.items, "frame", None)
        if frame is not None and (made := self._by_columns(frame, columns)) is not None:
            return _of_columns(block, made)
        return _map_rows(block, mapper)

    def _by_columns(self, frame: Any, columns: tuple[str, ...]) -> list[list[bytes | None]] | None:
        from airflow_provider_segment.events.mapping.columns import compile_columns

        key = tuple(frame.schema.items())
        if key not in self._plans:
            mapping = self._mapping or mapping_of_columns(columns)
            self._plans[key] = compile_columns(mapping, frame.schema, self._options)
        plan = self._plans[key]
        made: list[list[bytes | None]] | None = plan.apply(frame) if plan else None
        return made

    def _warn_of_ids(self, mapping: EventMapping) -> None:
        """Warn, once, of ids that change with the reader."""
        named = all("messageId" in template.fields for template in mapping.templates)
        if not self._identified and not named:
            self._identified = True
            log.warning(
                "Without message_id_fields, the id of an event follows all of its content. A retry is safe; "
                "but if the same rows are read from another format, with another mapping or with another "
                "value in any column, Segment counts them once more. Name the columns that identify a row"
            )

    def _compile(self, columns: tuple[str, ...]) -> RowMapper:
        try:
            mapping = self._mapping or mapping_of_columns(columns)
            self._warn_of_ids(mapping)
            names = [*mapping.names, *self._options.keys]
            for name in names:
                if name not in columns:
                    hint = nearest(name, columns)
                    raise SegmentConfigurationError(f"the rows have no column {name!r}{hint}")
            return RowMapper(mapping, columns, self._options)
        except (MappingError, ValueRejected) as error:
            raise SegmentConfigurationError(str(error)) from None

    def _objects(self, block: Block, mapping: EventMapping) -> Mapped:
        if not self._looked:
            self._looked = True
            self._warn_of_ids(mapping)
            self._look_for_columns(block, mapping)
        if self._json is None:
            self._json = _JsonRows(mapping, self._options)
        mapper = self._json.mapper
        every = range(len(mapper.makers))
        events = _Events(block, several=len(every) > 1)
        tuple_of, add_row = self._json.tuple_of, events.adder(mapper)
        for position, item in enumerate(block.items, block.first):
            if not item and isinstance(item, (bytes, str)):
                continue  # a blank line
            if type(item) is bytes:
                try:
                    row = tuple_of(item)
                except Unreadable:
                    row = None
                if row is not None:
                    add_row(position, row)
                    continue
                if letter := letter_of(item):
                    events.add(position, self._of_letter(letter, mapper, every))
                    continue
            self._add_odd(events, position, item, mapper, every)
        return events.mapped()

    def _add_odd(
        self, events: _Events, position: float, item: Any, mapper: RowMapper, every: Sequence[int]
    ) -> None:
        assert self._json is not None
        found = rows_of(item)
        for number, one in enumerate(found, 1):
            where = position - 1 + number / len(found)
            part = one if len(found) > 1 else None
            try:
                made = mapper.events(self._json.tuple_of_dict(row_of(one)), every)
            except SegmentEventError as error:
                made = [(0, error)]
            except ValueRejected as error:
                made = [(0, SegmentEventError("invalid_value", str(error)))]
            events.add(where, made, part, 1 / len(found))

    def _of_letter(self, letter: _Letter, mapper: RowMapper, every: Sequence[int]) -> list[Made]:
        assert self._json is not None
        if not bytes(letter.row):
            return [(0, bytes(letter.event))]
        place = (letter.template or 1) - 1
        places = every if letter.template is None or place not in every else [place]
        try:
            return mapper.events(self._json.tuple_of_dict(row_of(bytes(letter.row))), places)
        except SegmentEventError as error:
            return [(place, error)]

    def _look_for_columns(self, block: Block, mapping: EventMapping) -> None:
        """Objects may lack a key; but a column that none has may be misspelt."""
        seen: set[str] = set()
        for item in islice(block.items, LOOKED_AT):
            letter = letter_of(item) if type(item) is bytes else None
            try:
                if letter is None:
                    seen.update(row_of(item))
                elif bytes(letter.row):
                    seen.update(row_of(bytes(letter.row)))
            except SegmentEventError:
                continue
        wanted = dict.fromkeys([*mapping.names, *self._options.keys])
        if not seen:
            return
        for name in wanted:
            if name in seen:
                continue
            unused = sorted(seen - wanted.keys())
            if get_close_matches(name, unused, 1, 0.8) or name.lower() in map(str.lower, unused):
                raise SegmentConfigurationError(f"the rows have no column {name!r}{nearest(name, unused)}")
            log.warning(
                "None of the first rows has a column %r, which the mapping names: it counts as null", name
            )


class _JsonRows:
    """Rows that are objects, as tuples: the columns of the mapping, and the rest if it is asked for."""

    def __init__(self, mapping: EventMapping, options: Compiling) -> None:
        names = list(dict.fromkeys([*mapping.names, *options.keys]))
        self._names = names
        self._has_rest = mapping.has_rest
        columns = [*names, REST] if self._has_rest else names
        self.mapper = RowMapper(mapping, columns, options)
        copied = set() if options.nulls == "drop" else _only_inside(mapping) - set(options.keys)
        self._decode_copied = _decoder(names, copied)
        self._decode = _decoder(names, set())

    def tuple_of(self, line: bytes) -> tuple[Any, ...] | None:
        """The row of a line; None if it must be looked at more closely."""
        if b'"reason"' in line:
            return None
        if self._has_rest:
            return self.tuple_of_dict(_decode_row(line))
        if not line.isascii():
            line.decode()
        # A long number may be one that has to become text.
        has_long_number = _LONG_NUMBER in line.translate(_DIGITS_ALIKE)
        row = self._decode(line) if has_long_number else self._decode_copied(line)
        return msgspec.structs.astuple(row)

    def tuple_of_dict(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """The same of a dict."""
        values = map(row.get, self._names)
        if not self._has_rest:
            return tuple(values)
        return (*values, {name: value for name, value in row.items() if name not in self._names})


_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"0" * 9)
_LONG_NUMBER = b"0" * (DIGITS_IN_FLOAT + 1)


def _decoder(names: Sequence[str], copied: set[str]) -> Callable[[bytes], Any]:
    """Decodes the columns of these names.

    :param copied: those that go into events as they are written: not decoded, and many times as fast
    """
    fields = [
        (f"column_{number}", msgspec.Raw if name in copied else Any, _NULL if name in copied else None)
        for number, name in enumerate(names)
    ]
    rename = {f"column_{number}": name for number, name in enumerate(names)}
    return msgspec.json.Decoder(msgspec.defstruct("Row", fields, rename=rename, gc=False)).decode


_NULL = msgspec.Raw(b"null")


def _only_inside(mapping: EventMapping) -> set[str]:
    """The columns that are only used as they are, within objects and lists."""
    inside: set[str] = set()
    elsewhere: set[str] = set()

    def walk(node: Node, *, top: bool) -> None:
        if isinstance(node, Column):
            (elsewhere if top or node.kind or node.path else inside).add(node.name)
        elif isinstance(node, Object):
            for member in node.members.values():
                walk(member, top=False)
        elif isinstance(node, Array):
            for item in node.items:
                walk(item, top=False)

    for template in mapping.templates:
        for node in template.fields.values():
            walk(node, top=not isinstance(node, (Object, Array, Rest)))
        elsewhere.update(condition.column.name for condition in template.when)
    return inside - elsewhere


def _map_rows(block: Block, mapper: RowMapper) -> Mapped:
    events = _Events(block, several=len(mapper.makers) > 1)
    add_row = events.adder(mapper)
    for position, row in enumerate(block.items, block.first):
        if type(row) is not tuple and isinstance(row, SegmentEventError):
            events.add(position, [(0, row)])
        else:
            add_row(position, row)
    return events.mapped()


def _of_columns(block: Block, made: list[list[bytes | None]]) -> Mapped:
    events = _Events(block, several=len(made) > 1)
    for position, row in enumerate(zip(*made, strict=True), block.first):
        events.add(position, [(place, event) for place, event in enumerate(row) if event is not None])
    return events.mapped()


class FunctionMapper:
    """Makes events by a function of each row, a dict: it returns an event, a list of them, or None.

    What it raises rejects the row.
    """

    def __init__(self, function: RowFunction, options: Compiling) -> None:
        self._function = function
        self._options = options
        self._keys = [(name, key_value(Column(name), options)) for name in options.keys]

    def __call__(self, block: Block) -> Mapped:
        """The events of a block of rows."""
        events = _Events(block, several=True)
        for position, item in enumerate(block.items, block.first):
            if not item and isinstance(item, (bytes, str)):
                continue
            letter = letter_of(item) if type(item) is bytes else None
            if letter is not None and not bytes(letter.row):
                events.add(position, [(0, bytes(letter.event))])
                continue
            if letter is not None:
                made = self._events(bytes(letter.row))
                events.add(position, [one for one in made if letter.template in (None, one[0] + 1)])
                continue
            if block.columns is not None and not isinstance(item, SegmentEventError):
                events.add(position, self._events(dict(zip(block.columns, item, strict=True))))
                continue
            found = rows_of(item)
            for number, one in enumerate(found, 1):
                where = position - 1 + number / len(found)
                events.add(where, self._events(one), one if len(found) > 1 else None, 1 / len(found))
        return events.mapped()

    def _events(self, item: Any) -> list[Made]:
        try:
            row = row_of(item)
            made = self._function(row)
        except SegmentEventError as error:
            return [(0, error)]
        except Exception as error:  # the user's code: one row must not end a run of millions
            return [(0, SegmentEventError("mapping_failed", f"{type(error).__name__}: {shown_text(error)}"))]
        if made is None:
            return []
        several = made if isinstance(made, (list, tuple)) else [made]
        ids: set[Any] = set()
        return [(place, self._event(event, place, row, ids)) for place, event in enumerate(several)]

    def _event(
        self, event: Any, place: int, row: Mapping[str, Any], ids: set[Any]
    ) -> bytes | SegmentEventError:
        """An event as JSON, or what is wrong with it.

        :param ids: those of the events of the same row before it
        """
        try:
            own_id = event.get("messageId") if isinstance(event, Mapping) else None
            if isinstance(own_id, str):
                if own_id in ids:
                    raise SegmentEventError("same_message_id", SAME_ID)
                ids.add(own_id)
            if self._keys and isinstance(event, Mapping) and not event.get("messageId"):
                assert self._options.id_of_event is not None
                texts = [self._key(name, text_of, row) for name, text_of in self._keys]
                event = {"type": None, **event}
                event["messageId"] = self._options.id_of_event(place, event, texts)
            return to_bytes(event)
        except SegmentEventError as error:
            return error
        except ValueRejected as error:
            return SegmentEventError("invalid_value", str(error))

    @staticmethod
    def _key(name: str, text_of: Callable[[Any], str], row: Mapping[str, Any]) -> str:
        try:
            return text_of(row.get(name))
        except ValueRejected as error:
            raise SegmentEventError("invalid_message_id", f"{name}: {error}", name) from None
