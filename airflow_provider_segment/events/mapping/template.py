"""A mapping as somebody writes it, read and checked: events, with columns where a row's values belong.

A text that is ``$name`` as a whole is a column, ``${any name}`` too, and ``$*`` all columns that the mapping
does not name. ``$$`` is a dollar at the start of a text. An object with the key ``$`` is a column with more
said of it: its type (``as``), a path into it, the format and the zone of a time. All else is constant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, NamedTuple, TypeAlias

from airflow_provider_segment.values import ID_FIELDS, ValueRejected, json_value, shown

KINDS = ("number", "text", "boolean", "json", "timestamp", "base64")
"""The types that a column may be said to have."""

EPOCHS = {"unix_seconds": 1, "unix_milliseconds": 1_000, "unix_microseconds": 1_000_000}
"""Formats of times that are numbers: units since 1970 in a second."""

OBJECTS = ("properties", "traits", "context", "integrations")
"""The fields of an event that are objects."""

FIELDS = (
    "type",
    "event",
    "name",
    "category",
    *ID_FIELDS,
    "timestamp",
    *OBJECTS,
)
"""The fields of an event, in Segment's Spec."""

REQUIRED: dict[str, tuple[str, ...]] = {
    "track": ("event",),
    "identify": (),
    "page": (),
    "screen": (),
    "group": ("groupId",),
    "alias": ("userId", "previousId"),
}
"""The types of events, and what each needs besides a user."""

_WORD = re.compile(r"\$(\w+)|\$\{([^{}]+)\}")
_NAMED = {"$", "as", "path", "format", "timezone"}
_TESTS = {"equals", "is_null"}


class MappingError(ValueError):
    """A mapping that cannot be read.

    :param where: keys and indexes that lead to what is wrong
    """

    def __init__(self, complaint: str, *where: Any) -> None:
        super().__init__(f"{'.'.join(map(str, where))}: {complaint}" if where else complaint)
        self.complaint = complaint
        self.where = where


class Constant(NamedTuple):
    """The same in each event: a JSON value."""

    value: Any


class Column(NamedTuple):
    """The value of a column.

    :param kind: one of ``KINDS``; None for the value as it is
    :param path: keys and indexes into it
    :param format: of a time: of ``strptime``, or one of ``EPOCHS``
    :param timezone: of a time without one
    """

    name: str
    kind: str | None = None
    path: tuple[str | int, ...] = ()
    format: str | None = None
    timezone: str | None = None


class Rest(NamedTuple):
    """All columns that the mapping does not name, as an object."""


class Object(NamedTuple):
    """An object with a column in it."""

    members: dict[str, Node]


class Array(NamedTuple):
    """A list with a column in it."""

    items: tuple[Node, ...]


Node: TypeAlias = Constant | Column | Rest | Object | Array


class Condition(NamedTuple):
    """What must hold of a row: a column is null, or equals a constant; or not.

    :param equals: a constant in a tuple; None to ask for null
    """

    column: Column
    equals: tuple[Any] | None
    expected: bool


class Template(NamedTuple):
    """One event of a row.

    :param fields: of the event, by Segment's name
    :param when: all of it must hold
    """

    fields: dict[str, Node]
    when: tuple[Condition, ...] = ()


class EventMapping(NamedTuple):
    """The events of a row."""

    templates: tuple[Template, ...]

    def columns(self) -> list[Column]:
        """All uses of columns, conditions included."""
        found = [
            column
            for template in self.templates
            for node in (*template.fields.values(), *(condition.column for condition in template.when))
            for column in columns_of(node)
        ]
        return found

    @property
    def names(self) -> list[str]:
        """The names of the columns, each once, in the order of their use."""
        return list(dict.fromkeys(column.name for column in self.columns()))

    @property
    def has_rest(self) -> bool:
        """Whether ``$*`` is in it."""
        return any(_has_rest(node) for template in self.templates for node in template.fields.values())


def columns_of(node: Node) -> Iterator[Column]:
    """The uses of columns in a part of a mapping."""
    if isinstance(node, Column):
        yield node
    elif isinstance(node, Object):
        for member in node.members.values():
            yield from columns_of(member)
    elif isinstance(node, Array):
        for item in node.items:
            yield from columns_of(item)


def _has_rest(node: Node) -> bool:
    if isinstance(node, Object):
        return any(map(_has_rest, node.members.values()))
    return isinstance(node, Rest) or (isinstance(node, Array) and any(map(_has_rest, node.items)))


def read_mapping(written: Any, *, rendered: bool = True) -> EventMapping:
    """A mapping from what somebody wrote: a template of an event, or a list of them.

    :param rendered: False for what still has Jinja templates in it, which may become anything
    :raises MappingError: naming the place
    """
    several = isinstance(written, Sequence) and not isinstance(written, (str, bytes))
    templates = written if several else [written]
    if not templates:
        raise MappingError("it has no event")
    read = []
    for index, template in enumerate(templates):
        with _within(*([index] if several else [])):
            read.append(_template(template, rendered))
    return EventMapping(tuple(read))


def _template(written: Any, rendered: bool) -> Template:
    if not isinstance(written, Mapping):
        raise MappingError(f"an event is an object of its fields, not {shown(written)}")
    fields = {}
    when: tuple[Condition, ...] = ()
    for name, value in written.items():
        with _within(name):
            if name == "when":
                when = tuple(_conditions(value, rendered))
            elif name not in FIELDS:
                raise MappingError(f"no field of an event{nearest(str(name), [*FIELDS, 'when'])}")
            else:
                fields[name] = _node(value, rendered)
    _check_fields(fields, rendered)
    return Template(fields, when)


@contextmanager
def _within(*names: Any) -> Iterator[None]:
    """Add a place to what is raised."""
    try:
        yield
    except MappingError as error:
        raise MappingError(error.complaint, *names, *error.where) from None


def _check_fields(fields: dict[str, Node], rendered: bool) -> None:
    kind = fields.get("type")
    if kind is None:
        raise MappingError(f"it needs a type: {', '.join(REQUIRED)}, or a column of them")
    for name, node in fields.items():
        if name in OBJECTS:
            wrong = isinstance(node, Array) or (
                isinstance(node, Constant) and not isinstance(node.value, (dict, type(None)))
            )
            if wrong and not (not rendered and is_template(getattr(node, "value", None))):
                raise MappingError("must be an object, or a column of objects", name)
        elif isinstance(node, (Object, Array, Rest)) or (
            isinstance(node, Constant) and isinstance(node.value, (dict, list))
        ):
            raise MappingError("must be a column or a constant text", name)
    if isinstance(kind, Constant) and (rendered or not is_template(kind.value)):
        if kind.value not in REQUIRED:
            hint = nearest(str(kind.value), REQUIRED)
            raise MappingError(f"{shown(kind.value)} is no type of event{hint}", "type")
        for needed in REQUIRED[kind.value]:
            if needed not in fields:
                raise MappingError(f"a {kind.value} event needs {needed}")
    if "userId" not in fields and "anonymousId" not in fields:
        raise MappingError("it needs userId or anonymousId")


def is_template(value: Any) -> bool:
    """Whether it is a text that Jinja will render."""
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint at the name that was probably meant, or at those there are."""
    names = list(names)
    if close := get_close_matches(name, names, 1, 0.6):
        return f": did you mean {close[0]}?"
    by_case = {each.lower().replace("_", ""): each for each in names}
    if (same := by_case.get(name.lower().replace("_", ""))) is not None:
        return f": did you mean {same}?"
    some = ", ".join(names[:20])
    return f"; there are {some}{', ...' if len(names) > 20 else ''}" if names else ""


def _node(written: Any, rendered: bool) -> Node:
    if isinstance(written, str):
        return _text(written, rendered)
    if isinstance(written, Mapping):
        if "$" in written:
            return _named_column(written, rendered)
        members = {}
        for name, value in written.items():
            if not isinstance(name, str):
                raise MappingError(f"a key must be text, not {shown(name)}")
            with _within(name):
                members[name] = _node(value, rendered)
        constants = {name: node.value for name, node in members.items() if isinstance(node, Constant)}
        return Constant(constants) if len(constants) == len(members) else Object(members)
    if isinstance(written, (list, tuple)):
        items = []
        for index, value in enumerate(written):
            with _within(index):
                items.append(_node(value, rendered))
        values = [item.value for item in items if isinstance(item, Constant)]
        return Constant(values) if len(values) == len(items) else Array(tuple(items))
    try:
        return Constant(json_value(written))
    except ValueRejected as error:
        raise MappingError(str(error)) from None


def _text(written: str, rendered: bool) -> Node:
    if written.startswith("$$"):
        return Constant(written[1:])
    if written == "$*":
        return Rest()
    if not written.startswith("$") or (not rendered and is_template(written)):
        return Constant(written)
    if match := _WORD.fullmatch(written):
        return Column(match[1] or match[2])
    raise MappingError(
        f"{shown(written)} is no column: write $name, or ${{any name}} where the name is no word; text is "
        "not composed of columns, and $$ is a dollar"
    )


def _named_column(written: Mapping[Any, Any], rendered: bool) -> Column:
    for word in written:
        if word not in _NAMED:
            raise MappingError(f"unknown word{nearest(str(word), sorted(_NAMED))}", word)
    column, kind = written["$"], written.get("as")
    if not isinstance(column, str) or not column:
        raise MappingError(f"must be the name of a column, not {shown(column)}", "$")
    if kind is not None and kind not in KINDS and not (not rendered and is_template(kind)):
        raise MappingError(f"{shown(kind)} is no type{nearest(str(kind), KINDS)}", "as")
    for word in ("format", "timezone"):
        value = written.get(word)
        if value is None:
            continue
        if kind != "timestamp":
            raise MappingError('only a column "as": "timestamp" has one', word)
        if not isinstance(value, str):
            raise MappingError(f"must be text, not {shown(value)}", word)
    format = written.get("format")
    if format and "%" not in format and format not in EPOCHS and (rendered or not is_template(format)):
        with _within("format"):
            raise MappingError(
                f"{shown(format)} is no format of times: give codes of strptime, such as %d.%m.%Y, or "
                f"{', '.join(EPOCHS)}"
            )
    zone = written.get("timezone")
    if zone is not None and (rendered or not is_template(zone)):
        with _within("timezone"):
            check_zone(zone)
    return Column(column, kind, _path(written.get("path")), written.get("format"), zone)


def check_zone(name: str) -> str:
    """The name of a time zone.

    :raises MappingError: there is none of that name
    """
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise MappingError(f"{shown(name)} is no time zone, such as Europe/Berlin or UTC") from None
    return name


def _path(written: Any) -> tuple[str | int, ...]:
    if written is None:
        return ()
    steps = written.split(".") if isinstance(written, str) else written
    if not isinstance(steps, (list, tuple)) or not all(
        step != "" and isinstance(step, (str, int)) and not isinstance(step, bool) for step in steps
    ):
        raise MappingError('must be keys joined by dots, such as "customer.id", or a list of them', "path")
    return tuple(int(step) if isinstance(step, str) and step.isdecimal() else step for step in steps)


def _conditions(written: Any, rendered: bool, expected: bool = True) -> Iterator[Condition]:
    if isinstance(written, (list, tuple)):
        if not expected:
            raise MappingError("not takes one condition")
        for index, one in enumerate(written):
            with _within(index):
                yield from _conditions(one, rendered)
        return
    if not isinstance(written, Mapping):
        raise MappingError('must be a condition such as {"$": "status", "equals": "paid"}, or a list of them')
    if set(written) == {"not"}:
        with _within("not"):
            yield from _conditions(written["not"], rendered, not expected)
        return
    for word in written:
        if word not in _NAMED | _TESTS:
            raise MappingError(f"unknown word{nearest(str(word), sorted(_NAMED | _TESTS | {'not'}))}", word)
    tests = [word for word in written if word in _TESTS]
    if "$" not in written or len(tests) != 1:
        raise MappingError("needs a column ($), and either equals or is_null")
    column = _named_column({word: value for word, value in written.items() if word not in _TESTS}, rendered)
    value = written[tests[0]]
    if tests[0] == "is_null":
        if not isinstance(value, bool) and not (not rendered and is_template(value)):
            raise MappingError(f"must be true or false, not {shown(value)}", "is_null")
        yield Condition(column, None, expected == value)
    elif value is None:
        yield Condition(column, None, expected)
    elif isinstance(value, (dict, list, tuple)):
        raise MappingError("must be text, a number or a boolean", "equals")
    else:
        yield Condition(column, (json_value(value),), expected)


def mapping_of_columns(columns: Sequence[str]) -> EventMapping:
    """The mapping of columns that are named as fields are: ``userId``, ``user_id``, ``properties.total``.

    :raises MappingError: a column is no field, or there is no type or no user among them
    """
    fields: dict[str, Any] = {}
    for column in columns:
        first, *steps = column.split(".")
        field = _FIELD_OF.get(first, first)
        if field not in FIELDS or (steps and field not in OBJECTS):
            raise MappingError(
                f"the column {column!r} is no field of an event: name it as one, such as "
                f"properties.{column}, or give a mapping"
            )
        place = fields
        for step in [field, *steps][:-1]:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                raise MappingError(f"the column {column!r} is within another column")
        last = steps[-1] if steps else field
        if last in place:
            raise MappingError(f"two columns are {'.'.join([field, *steps])}")
        place[last] = Column(column)
    template = {name: _objects(value) for name, value in fields.items()}
    _check_fields(template, rendered=True)
    return EventMapping((Template(template),))


_FIELD_OF = {re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), field): field for field in FIELDS}


def _objects(value: Any) -> Node:
    if isinstance(value, dict):
        return Object({name: _objects(member) for name, member in value.items()})
    node: Node = value
    return node
