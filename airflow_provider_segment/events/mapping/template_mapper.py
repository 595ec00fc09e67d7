"""Makes events of rows by the templates of a mapping."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentEventError
from airflow_provider_segment.events.codec import Unreadable
from airflow_provider_segment.events.dead_letters import Letter, letter_of
from airflow_provider_segment.events.mapping.mapped import NO_KEYS, Mapped
from airflow_provider_segment.events.mapping.objects import ObjectRows, row_of
from airflow_provider_segment.events.mapping.rows import WHOLE_ROW, Compiling, Made, RowMapper, what_is_wrong
from airflow_provider_segment.events.mapping.template import (
    EventMapping,
    MappingError,
    mapping_of_columns,
    nearest,
)
from airflow_provider_segment.events.sources.source import Block
from airflow_provider_segment.values import ValueRejected

log = logging.getLogger(__name__)

LOOKED_AT = 1_000
"""Rows in whose keys the columns of a mapping are looked for."""


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
        self._json: ObjectRows | None = None

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
            log.warning(NO_KEYS)

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
            self._json = ObjectRows(mapping, self._options)
        mapper, tuple_of = self._json.mapper, self._json.tuple_of
        events = Mapped(block, several=len(mapper.makers) > 1)
        add_row = events.adder(mapper)
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
                    events.add(position, self._of_letter(letter))
                    continue
            events.add_parts(position, item, self._of_object)
        return events

    def _of_object(self, item: Any, places: Sequence[int] | None = None) -> list[Made]:
        """The events of a row that is looked at closely.

        :param places: of the templates that are used, if not all are
        """
        assert self._json is not None
        try:
            return self._json.mapper.events(self._json.tuple_of_dict(row_of(item)), places)
        except SegmentEventError as error:
            return [(WHOLE_ROW, error)]
        except Exception as error:  # one row must not end a run of millions
            return [(WHOLE_ROW, SegmentEventError("invalid_value", what_is_wrong(error)))]

    def _of_letter(self, letter: Letter) -> list[Made]:
        """What was rejected of the row of a dead letter."""
        assert self._json is not None
        if not bytes(letter.row):
            return [(0, bytes(letter.event))]
        row = bytes(letter.row)
        if letter.template is None:
            return self._of_object(row)
        place, templates = letter.template - 1, len(self._json.mapper.makers)
        if not 0 <= place < templates:
            said = f"the dead letter is of template {letter.template}, and the mapping has {templates}"
            return [(place, SegmentEventError("mapping_failed", said))]
        return [(place, event) for _, event in self._of_object(row, [place])]

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


def _map_rows(block: Block, mapper: RowMapper) -> Mapped:
    events = Mapped(block, several=len(mapper.makers) > 1)
    add_row = events.adder(mapper)
    for position, row in enumerate(block.items, block.first):
        if type(row) is not tuple and isinstance(row, SegmentEventError):
            events.add(position, [(WHOLE_ROW, row)])
        else:
            add_row(position, row)
    return events


def _of_columns(block: Block, made: list[list[bytes | None]]) -> Mapped:
    events = Mapped(block, several=len(made) > 1)
    if len(made) == 1:
        events.add_column(made[0])
        return events
    for position, row in enumerate(zip(*made, strict=True), block.first):
        events.add(position, [(place, event) for place, event in enumerate(row) if event is not None])
    return events
