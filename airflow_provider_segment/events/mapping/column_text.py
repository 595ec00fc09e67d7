"""JSON text of whole columns, put together of constants and expressions of polars.

The text is that of the row function, byte for byte, because the id of an event without keys follows its
bytes: that is why it is not polars that writes the JSON.

How a column is written depends on what is seen in a chunk of rows. Only where there are nulls, quotes or long
numbers are there expressions for them. A chunk with something that the row function rejects, or whose text
might differ, is left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, TypeAlias

from airflow_provider_segment.events.codec import encode
from airflow_provider_segment.events.sources.polars_library import import_polars

Expression: TypeAlias = Any
"""An Expr of polars, which is not imported at module level."""

Seen: TypeAlias = "frozenset[Hashable]"
"""What is seen in a chunk."""


class NotInColumnsError(Exception):
    """Only the row function can do it."""


class Text(NamedTuple):
    """JSON text of each row.

    :param parts: constants and expressions, which follow each other
    :param may_be_null: whether an expression is null where the value is null; otherwise none is ever null
    """

    parts: tuple[str | Expression, ...]
    may_be_null: bool = False

    def quoted(self) -> Text:
        """The same as a JSON text."""
        return self._replace(parts=('"', *self.parts, '"'))

    def joined(self) -> Expression:
        """All of it in one expression."""
        pl = import_polars()
        parts: list[Any] = []
        for part in self.parts:
            if isinstance(part, str) and parts and isinstance(parts[-1], str):
                parts[-1] += part
            else:
                parts.append(part)
        expressions = [pl.lit(part) if isinstance(part, str) else part for part in parts]
        return expressions[0] if len(expressions) == 1 else pl.concat_str(expressions)

    def or_null(self) -> tuple[str | Expression, ...]:
        """The parts of the same text, with ``null`` where the value is null."""
        return (self.joined().fill_null("null"),) if self.may_be_null else self.parts


Writer: TypeAlias = Callable[[Seen], Text]
"""How something is written, by what is seen in a chunk."""


def constant(value: Any) -> Writer:
    """How a JSON value is written that is the same in each row."""
    text = Text((encode(value).decode(),))
    return lambda seen: text


class Member(NamedTuple):
    """A member of an object.

    :param optional: whether it is left out where its value is null
    """

    name: str
    text: Text
    optional: bool = False


def object_text(members: Sequence[Member]) -> Text:
    """The text of an object."""
    left_out = [member.optional and member.text.may_be_null for member in members]
    # A comma follows the members before the first one that is always there, and precedes those after it.
    anchor = left_out.index(False) if False in left_out else -1
    parts: list[str | Expression] = []
    for index, (name, text, _) in enumerate(members):
        key = f"{',' if index > anchor else ''}{encode(name).decode()}:"
        comma = "," if index < anchor else ""
        if left_out[index]:
            parts.append(Text((key, *text.parts, comma)).joined().fill_null(""))
        else:
            parts += [key, *text.or_null(), comma]
    if members and anchor < 0:
        parts = [Text(tuple(parts)).joined().str.strip_prefix(",")]
    return Text(("{", *parts, "}"))


class Source(NamedTuple):
    """Values that are written.

    :param place: identifies them
    :param values: of the rows, or of the items of a list
    :param all: the same without the lists around them: what is asked of a chunk is asked of these
    :param dtype: their type
    """

    place: Hashable
    values: Expression
    all: Expression
    dtype: Any

    def each(self, change: Callable[[Expression], Expression], dtype: Any) -> Source:
        """The same values, changed."""
        return Source(self.place, change(self.values), change(self.all), dtype)

    def part(self, name: Hashable, take: Callable[[Expression], Expression], dtype: Any) -> Source:
        """What is taken of each value."""
        return Source((self.place, name), take(self.values), take(self.all), dtype)


class Facts:
    """What is asked of a chunk, all at once, before it is written."""

    def __init__(self) -> None:
        self._questions: dict[Hashable, Expression] = {}
        self._tests: dict[Hashable, Callable[[Any], Any]] = {}
        self._refused: set[Hashable] = set()

    def ask(
        self, what: str, source: Source, answer: Expression, test: Callable[[Any], Any] = bool
    ) -> Hashable:
        """Ask something of values, and get the fact that is then seen if it is so.

        :param answer: a scalar
        :param test: whether it means yes
        """
        fact = (what, source.place)
        self._questions[fact] = answer
        self._tests[fact] = test
        return fact

    def refuse(self, *facts: Hashable) -> None:
        """Leave a chunk in which they are seen to the row function."""
        self._refused.update(facts)

    def seen(self, frame: Any) -> Seen | None:
        """What is seen in a chunk; None if it is left to the row function."""
        questions = [answer.alias(str(number)) for number, answer in enumerate(self._questions.values())]
        answers = frame.select(questions).row(0) if questions else ()
        tests = zip(self._tests.items(), answers, strict=True)
        seen = frozenset(fact for (fact, test), answer in tests if test(answer))
        return None if seen & self._refused else seen
