"""A mapping compiled for whole columns of polars: the events of many rows at once.

It does what :class:`.RowMapper` does, and only that which is known to be the same, byte for byte. The rest is
left to it: of some types and conversions everything, and otherwise the chunks of rows with a value that is
out of the ordinary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_segment.events.mapping.column_fields import FieldWriters
from airflow_provider_segment.events.mapping.column_text import (
    Expression,
    Facts,
    Member,
    NotInColumnsError,
    Seen,
    Source,
    Text,
    Writer,
    constant,
    object_text,
)
from airflow_provider_segment.events.mapping.rows import REST, TEXT_FIELDS, Compiling, key_columns
from airflow_provider_segment.events.mapping.template import (
    Array,
    Column,
    Constant,
    EventMapping,
    Node,
    Rest,
    Template,
)
from airflow_provider_segment.events.message_ids import IDENTITY
from airflow_provider_segment.events.sources.polars_library import import_polars
from airflow_provider_segment.values import ID_FIELDS

KEPT_VARIANTS = 100
"""How many expressions are kept, by what was seen: more are very odd data."""


def compile_columns(
    mapping: EventMapping, schema: Mapping[str, Any], options: Compiling
) -> ColumnPlan | None:
    """A mapping for frames of this schema, read as :func:`.plain_columns` says; None if rows must be mapped.

    :raises KeyError: the mapping has a column that is not in the schema
    """
    try:
        return ColumnPlan(mapping, schema, options)
    except NotInColumnsError:
        return None


class ColumnPlan:
    """The events of frames with this schema.

    :raises NotInColumnsError: only the row function can make them
    """

    def __init__(self, mapping: EventMapping, schema: Mapping[str, Any], options: Compiling) -> None:
        pl = import_polars()
        own_ids = [template for template in mapping.templates if "messageId" in template.fields]
        if REST in schema or len(own_ids) > 1:
            raise NotInColumnsError
        self._options = options
        self._facts = Facts()
        self._writers = FieldWriters(self._facts, options.naive_timezone)
        self._sources = {
            name: Source(name, pl.nth(index), pl.nth(index), dtype)
            for index, (name, dtype) in enumerate(schema.items())
        }
        for source in self._sources.values():
            self._writers.check_readable(source)
        named = set(mapping.names)
        self._rest = [name for name in schema if name not in named]
        self._keys = key_columns(mapping, options.keys)
        self._identities: dict[int, Writer] = {}
        self._events = [self._event(place, template) for place, template in enumerate(mapping.templates)]
        self._conditions = [self._condition(template) for template in mapping.templates]
        self._id_column = max(schema, key=len, default="")  # with a digit it is the name of no column
        self._variants: dict[Seen, tuple[list[Expression], list[Expression]]] = {}

    def apply(self, frame: Any) -> list[list[bytes | None]] | None:
        """For each template the events of the rows, None where its condition does not hold.

        None instead of all of them if these rows have something for the row function.
        """
        seen = self._facts.seen(frame)
        if seen is None:
            return None
        if seen not in self._variants:
            if len(self._variants) >= KEPT_VARIANTS:
                self._variants.clear()
            self._variants[seen] = self._expressions(seen)
        identities, events = self._variants[seen]
        if identities:
            frame = frame.hstack(self._ids(frame, identities))
        return _lists(frame, events)

    def _expressions(self, seen: Seen) -> tuple[list[Expression], list[Expression]]:
        """What is selected: what the message ids follow, and then the events."""
        pl = import_polars()
        identities = [write(seen).joined() for write in self._identities.values()]
        ids = {place: pl.nth(len(self._sources) + number) for number, place in enumerate(self._identities)}
        events = []
        for place, fields in enumerate(self._events):
            members = [Member(name, write(seen), optional) for name, write, optional in fields]
            if place in ids:
                members.append(Member("messageId", Text((ids[place],)).quoted()))
            event = object_text(members).joined()
            condition = self._conditions[place]
            events.append(event if condition is None else pl.when(condition).then(event))
        return identities, events

    def _ids(self, frame: Any, identities: list[Expression]) -> list[Any]:
        pl = import_polars()
        assert self._options.id_of_event is not None
        id_of = self._options.id_of_event.of_json
        return [
            pl.Series(f"{self._id_column}{number}", list(map(id_of, texts)), dtype=pl.String)
            for number, texts in enumerate(_lists(frame, identities))
        ]

    def _event(self, place: int, template: Template) -> list[tuple[str, Writer, bool]]:
        """The fields of an event: names, values, and whether they are left out where the value is null."""
        fields = {name: self._field(name, node) for name, node in template.fields.items()}
        if self._keys:
            own_id = template.fields.get("messageId")
            if own_id is None:
                self._identities[place] = self._identity(place, fields)
            elif isinstance(own_id, Column):
                self._writers.require(self._source(own_id))
        return [(name, write, isinstance(template.fields[name], Column)) for name, write in fields.items()]

    def _identity(self, place: int, fields: Mapping[str, Writer]) -> Writer:
        """The JSON that the id of an event is derived from."""
        writers = [fields.get(name, constant(None)) for name in IDENTITY]
        writers += [self._writers.key(self._sources[key.name], key) for key in self._keys]

        def write(seen: Seen) -> Text:
            parts = [part for write in writers for part in (",", *write(seen).or_null())]
            return Text((f"[{place}", *parts, "]"))

        return write

    def _source(self, column: Column) -> Source:
        return self._writers.at(self._sources[column.name], column.path)

    def _field(self, name: str, node: Node) -> Writer:
        if isinstance(node, Column):
            if name == "timestamp":
                if not self._options.timestamp_may_be_null:
                    self._writers.require(self._source(node))
                return self._writers.timestamp(self._source(node), node)
            if name in ID_FIELDS:
                return self._writers.id(self._source(node), node)
            if name in TEXT_FIELDS:
                return self._writers.name(self._source(node), node)
        return self._node(node)

    def _node(self, node: Node) -> Writer:
        if isinstance(node, Constant):
            return constant(node.value)
        if isinstance(node, Column):
            return self._writers.converted(self._source(node), node)
        if isinstance(node, Array):
            items = [self._node(item) for item in node.items]

            def write(seen: Seen) -> Text:
                parts = [part for item in items for part in (",", *item(seen).or_null())]
                return Text(("[", *parts[1:], "]"))

            return write
        if isinstance(node, Rest):
            return self._object({name: Column(name) for name in self._rest})
        return self._object(node.members)

    def _object(self, nodes: Mapping[str, Node]) -> Writer:
        drop = self._options.nulls == "drop"
        writers = [
            (name, self._node(node))
            for name, node in nodes.items()
            if not (drop and isinstance(node, Constant) and node.value is None)
        ]
        return lambda seen: object_text([Member(name, write(seen), drop) for name, write in writers])

    def _condition(self, template: Template) -> Expression | None:
        """Where an event is made; None for everywhere."""
        conditions = []
        for condition in template.when:
            test = self._writers.test(self._source(condition.column), condition.column, condition.equals)
            conditions.append(test if condition.expected else test.not_())
        return import_polars().all_horizontal(conditions) if conditions else None


def _lists(frame: Any, expressions: Sequence[Expression]) -> list[list[Any]]:
    """What is selected, as bytes."""
    binary = import_polars().Binary
    selected = frame.select(
        expression.cast(binary).alias(str(number)) for number, expression in enumerate(expressions)
    )
    repeated = 1 if selected.height == frame.height else frame.height  # constants
    return [column.to_list() * repeated for column in selected]
