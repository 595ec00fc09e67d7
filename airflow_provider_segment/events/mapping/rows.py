"""A mapping compiled for rows: a Python function, made once, from the values of a row to its events.

The function is generated, as those of ``dataclasses`` are: an object of the mapping is a dict display in it,
and a column an index. It is an order of magnitude faster than walking the mapping for each row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from itertools import count
from typing import Any, NamedTuple, TypeAlias, cast

import msgspec

from airflow_provider_segment.errors import SegmentEventError
from airflow_provider_segment.events.codec import encode
from airflow_provider_segment.events.mapping.cells import (
    AS_IT_IS,
    at_path,
    cell,
    conversion,
    converter_of,
    key_text,
)
from airflow_provider_segment.events.mapping.template import (
    Array,
    Column,
    Condition,
    Constant,
    EventMapping,
    Node,
    Rest,
    Template,
    columns_of,
)
from airflow_provider_segment.events.message_ids import IdOfEvent
from airflow_provider_segment.values import (
    ID_FIELDS,
    Moment,
    ValueRejected,
    id_of,
    json_event,
    json_value,
    shown,
)

TEXT_FIELDS = ("type", "event", "name", "category")
REST = "$*"
"""The name of a column that holds, as an object, what a row has besides the columns of the mapping."""


Made: TypeAlias = tuple[int, "bytes | SegmentEventError"]
"""An event's place in the mapping; and the event, or why it could not be made."""

WHOLE_ROW = -1
"""The place of what is wrong with a row as a whole."""

SAME_ID = "another event of the same row has this messageId, and Segment would keep only one of them"


class Compiling(NamedTuple):
    """What a mapping is compiled with.

    :param nulls: whether members that are null are kept, or dropped
    :param timestamp_may_be_null: whether events without one get a default
    :param naive_timezone: of times that have no zone; None to reject them where one is needed
    :param keys: the columns that identify an event
    :param id_of_event: derives the message id from their texts
    """

    nulls: str = "keep"
    timestamp_may_be_null: bool = False
    naive_timezone: str | None = None
    keys: tuple[str, ...] = ()
    id_of_event: IdOfEvent | None = None


class RowMapper:
    """The events of rows with these columns.

    :param columns: the names of the values of a row
    :raises KeyError: the mapping has a column that is not among them
    """

    def __init__(self, mapping: EventMapping, columns: Sequence[str], options: Compiling) -> None:
        self._index = {name: index for index, name in enumerate(columns)}
        named = {*mapping.names, REST}
        self._rest = [name for name in columns if name not in named]
        self._options = options
        self._keys = key_columns(mapping, options.keys)
        self._converted = sorted({self._index[name] for name in self._untyped(mapping)})
        self._conversions: dict[tuple[type, ...], list[tuple[int, Callable[[Any], Any]]]] = {}
        self.makers = [self._compile(place, template) for place, template in enumerate(mapping.templates)]
        brought = sum("messageId" in template.fields for template in mapping.templates)
        self._ids_may_repeat = brought > 1
        self._uses = [_uses(template, self._keys) for template in mapping.templates]

    def events(self, row: Sequence[Any], places: Sequence[int] | None = None) -> list[Made]:
        """The events of a row, each with its place in the mapping; none where a condition does not hold.

        :param places: of the templates that are used, if not all are
        """
        events: list[Made] = []
        ids: set[str] = set()
        cells: Sequence[Any] | None = None
        for place in range(len(self.makers)) if places is None else places:
            try:
                if cells is None:
                    cells = self.cells(row)
                event = self.makers[place](row, cells)
                if event is None:
                    continue
                if self._ids_may_repeat and (own_id := event.get("messageId")) is not None:
                    if own_id in ids:
                        raise SegmentEventError("same_message_id", SAME_ID)
                    ids.add(own_id)
                try:
                    events.append((place, encode(event)))
                except UnicodeEncodeError:  # half of a surrogate pair
                    events.append((place, encode(json_event(event))))
            except SegmentEventError as error:
                events.append((place, error))
            except Exception as error:  # one row must not end a run of millions
                events.append((place, self._fault(row, place, error)))
        return events

    def cells(self, row: Sequence[Any]) -> Sequence[Any]:
        """The values of a row as they are written where no type is asked for."""
        kinds = tuple(map(type, row))
        conversions = self._conversions.get(kinds)
        if conversions is None:
            conversions = self._conversions_of(kinds)
        if not conversions:
            return row
        cells = list(row)
        for index, convert in conversions:
            cells[index] = convert(cells[index])
        return cells

    def _conversions_of(self, kinds: tuple[type, ...]) -> list[tuple[int, Callable[[Any], Any]]]:
        if len(self._conversions) >= 1_000:  # nulls in many columns
            self._conversions.clear()
        self._conversions[kinds] = [
            (index, converter_of(cast("Any", kinds[index])))
            for index in self._converted
            if kinds[index] not in AS_IT_IS
        ]
        return self._conversions[kinds]

    def _untyped(self, mapping: EventMapping) -> set[str]:
        names = {column.name for column in mapping.columns() if column.kind is None and not column.path}
        if mapping.has_rest:
            names.update(self._rest)
            if REST in self._index:
                names.add(REST)
        return names

    def _fault(self, row: Sequence[Any], place: int, error: Exception) -> SegmentEventError:
        """Which column it was: only now that one failed."""
        for column, field in self._uses[place]:
            value = row[self._index[column.name]]
            try:
                self._value(column, field)(value)
            except Exception as found:
                reason = _REASONS.get(field, "invalid_value")
                return SegmentEventError(reason, f"{column.name}: {what_is_wrong(found)}", column.name)
        for name in self._rest:
            try:
                cell(row[self._index[name]])
            except Exception as found:
                return SegmentEventError("invalid_value", f"{name}: {what_is_wrong(found)}", name)
        return SegmentEventError("invalid_value", what_is_wrong(error))

    # The generated function: `row` has the values as they were read, `cells` as they are written.

    def _compile(self, place: int, template: Template) -> Callable[[Sequence[Any], Sequence[Any]], Any]:
        names: dict[str, Any] = {}
        number = count()

        def bind(value: Any) -> str:
            name = f"_{next(number)}"
            names[name] = value
            return name

        lines = ["def make(row, cells):"]
        for condition in template.when:
            lines.append(f"    if not ({self._condition(condition, bind)}): return None")
        members = ", ".join(
            f"{name!r}: {self._field(name, node, bind)}" for name, node in template.fields.items()
        )
        lines.append(f"    event = {{{members}}}")
        for name, node in template.fields.items():
            if isinstance(node, Column):
                lines.append(f"    if event[{name!r}] is None: del event[{name!r}]")
        if self._keys:
            if "messageId" in template.fields:
                lines.append("    if 'messageId' in event: return event")
            texts = [f"{bind(self._value(key, KEY))}(row[{self._index[key.name]}])" for key in self._keys]
            derive = bind(self._options.id_of_event)
            lines.append(f"    event['messageId'] = {derive}({place}, event, ({', '.join(texts)},))")
        lines.append("    return event")
        exec("\n".join(lines), names)
        made: Callable[[Sequence[Any], Sequence[Any]], Any] = names["make"]
        return made

    def _field(self, name: str, node: Node, bind: Callable[[Any], str]) -> str:
        if not isinstance(node, Column) or name not in (*ID_FIELDS, *TEXT_FIELDS, "timestamp"):
            return self._expression(node, bind)
        index = self._index[node.name]
        convert = bind(self._value(node, name))
        if name == "timestamp" or node.kind or node.path:
            return f"{convert}(row[{index}])"
        return f"(row[{index}] or None) if type(row[{index}]) is str else {convert}(row[{index}])"

    def _expression(self, node: Node, bind: Callable[[Any], str]) -> str:
        if isinstance(node, Constant):
            return bind(node.value)
        if isinstance(node, Column):
            index = self._index[node.name]
            if node.kind is None and not node.path:
                return f"cells[{index}]"
            return f"{bind(self._value(node, ''))}(row[{index}])"
        if isinstance(node, Rest):
            if REST in self._index:
                rest = f"cells[{self._index[REST]}]"
                return rest if self._options.nulls == "keep" else f"{bind(without_nulls)}({rest})"
            return self._object({name: f"cells[{self._index[name]}]" for name in self._rest}, bind)
        if isinstance(node, Array):
            return f"[{', '.join(self._expression(item, bind) for item in node.items)}]"
        members = {name: self._expression(member, bind) for name, member in node.members.items()}
        return self._object(members, bind)

    def _object(self, members: dict[str, str], bind: Callable[[Any], str]) -> str:
        display = f"{{{', '.join(f'{name!r}: {value}' for name, value in members.items())}}}"
        return display if self._options.nulls == "keep" else f"{bind(without_nulls)}({display})"

    def _condition(self, condition: Condition, bind: Callable[[Any], str]) -> str:
        column = condition.column
        convert = conversion(column, self._options.naive_timezone) if column.kind else None
        test = bind(_test(column, convert, condition.equals))
        return f"{'' if condition.expected else 'not '}{test}(row[{self._index[column.name]}])"

    def _value(self, column: Column, field: str) -> Callable[[Any], Any]:
        if field == KEY:
            return key_value(column, self._options)
        return field_value(column, field, self._options)


KEY = "messageId key"
"""Instead of a field's name: the column is a key."""
_REASONS = {"timestamp": "invalid_timestamp", KEY: "invalid_message_id"}


def field_value(column: Column, field: str, options: Compiling) -> Callable[[Any], Any]:
    """What is made of a column's value.

    :param field: of the event, if the column is one as a whole; otherwise empty
    """
    convert: Callable[[Any], Any] = conversion(column, options.naive_timezone)
    if field == "timestamp":
        convert = conversion(column._replace(kind="timestamp"), options.naive_timezone)
        if column.kind not in (None, "timestamp"):
            convert = _then(conversion(column, None), convert)
        if not options.timestamp_may_be_null:
            convert = _then(convert, _not_null)
    elif field in ID_FIELDS:
        convert = _then(convert, id_of) if column.kind else id_of
    elif field in TEXT_FIELDS:
        convert = _then(convert, name_of) if column.kind else name_of
    return _then(lambda value: at_path(value, column.path), convert) if column.path else convert


def key_value(column: Column, options: Compiling) -> Callable[[Any], str]:
    """The text of a column that is a key, by the type that the mapping gives it."""
    return _then(_typed_key(column, options), key_text) if column.kind else key_text


def _typed_key(column: Column, options: Compiling) -> Callable[[Any], Any]:
    """A typed column for :func:`.key_text`, which takes no floats, and text as it is."""
    if column.kind == "number":
        return _exact_number
    if column.kind == "timestamp":
        return _then(conversion(column, options.naive_timezone), _moment)
    return conversion(column, options.naive_timezone)


def _moment(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return msgspec.convert(value, Moment)
    except msgspec.ValidationError:
        raise ValueRejected(f"{shown(value)} is not a point in time") from None


def what_is_wrong(error: Exception) -> str:
    """What is said of a value that caused an error: never the text of an error that is not ours."""
    if isinstance(error, (ValueRejected, SegmentEventError)):
        return str(error)
    return f"the value cannot be used ({type(error).__name__})"


def _exact_number(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return Decimal(value.strip())
        except InvalidOperation:
            raise ValueRejected(f"{shown(value)} is not a number") from None
    return value


def key_columns(mapping: EventMapping, keys: Sequence[str]) -> list[Column]:
    """The columns that are keys, with the type that the mapping gives them.

    :raises ValueRejected: it gives one several types
    """
    found = []
    for name in keys:
        uses = (column for column in mapping.columns() if column.name == name and not column.path)
        typed = {column for column in uses if column.kind}
        if len(typed) > 1:
            raise ValueRejected(f"the mapping gives the key {name} several types: it has no single text")
        found.append(next(iter(typed), Column(name)))
    return found


def _not_null(moment: Any) -> Any:
    if moment is None:
        raise ValueRejected(
            "it is null, and the event would get the time at which it arrives: leave such rows out, or give "
            "a default timestamp"
        )
    return moment


def without_nulls(members: dict[str, Any]) -> dict[str, Any]:
    """The members that are not null."""
    return {name: value for name, value in members.items() if value is not None}


def _then(first: Callable[[Any], Any], second: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: second(first(value))


def name_of(value: Any) -> str | None:
    """The name of an event, or its type: text."""
    value = json_value(value)
    if value is None or isinstance(value, str):
        return value or None
    return id_of(value)


def _test(
    column: Column, convert: Callable[[Any], Any] | None, equals: tuple[Any] | None
) -> Callable[[Any], bool]:
    """Whether a column's value is null, or equals a constant."""

    def value_of(value: Any) -> Any:
        if column.path:
            value = at_path(value, column.path)
        return convert(value) if convert else value

    if equals is None:
        return lambda value: json_value(value_of(value)) is None if value is not None else True
    (constant,) = equals
    kind = bool if isinstance(constant, bool) else type(constant)

    def test(value: Any) -> bool:
        value = value_of(value)
        if type(value) is not kind:
            try:
                value = _comparable(value)
            except ValueRejected:
                return False
        return isinstance(value, bool) == isinstance(constant, bool) and bool(value == constant)

    return test


def _comparable(value: Any) -> Any:
    return msgspec.json.decode(encode(json_value(value)))


def _uses(template: Template, keys: Sequence[Column]) -> list[tuple[Column, str]]:
    """The columns of a template, each with the field that it is, if it is one."""
    uses: list[tuple[Column, str]] = []
    for name, node in template.fields.items():
        if isinstance(node, Column):
            uses.append((node, name))
        else:
            uses += [(column, "") for column in columns_of(node)]
    uses += [(condition.column, "") for condition in template.when]
    return uses + [(key, KEY) for key in keys]
