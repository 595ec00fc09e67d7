"""FQL, Segment's language of conditions on an event: `type = "track" and properties.price > 10`.

What the sandbox reads: paths, strings, numbers, true, false, null, `= != < <= > >=`, `and`, `or`, `!`, round
brackets, and the functions below.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

TOKEN = re.compile(
    r"""\s*(?:("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(-?\d+(?:\.\d+)?)|([\w$][\w.$-]*)|(!=|<=|>=|[=<>!(),]))"""
)

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
TYPES: dict[type, str] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    list: "array",
    type(None): "null",
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "contains": lambda text, part: part in (text or ""),
    "match": lambda text, pattern: isinstance(text, str) and fnmatchcase(text, pattern),
    "lowercase": lambda text: text.lower() if isinstance(text, str) else text,
    "length": lambda value: len(value or ""),
    "typeof": lambda value: TYPES.get(type(value), "object"),
}
WORDS = {"true": True, "false": False, "null": None}


def matches(condition: str, event: dict[str, Any]) -> bool:
    """Whether the event meets the condition.

    :raises ValueError: the condition cannot be parsed
    """
    parser = Parser(condition, event)
    value = parser.either()
    if parser.tokens:
        raise ValueError(f"FQL ends before {parser.tokens[0][1]!r}.")
    return bool(value)


class Parser:
    """Parses and evaluates in one pass."""

    def __init__(self, condition: str, event: dict[str, Any]) -> None:
        self.event = event
        self.tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(condition.rstrip()):
            token = TOKEN.match(condition, place)
            if token is None:
                raise ValueError(f"FQL is not understood at {condition[place:]!r}.")
            kind = ("text", "number", "name", "sign")[(token.lastindex or 1) - 1]
            self.tokens.append((kind, token[token.lastindex or 0]))
            place = token.end()

    def next(self) -> tuple[str, str]:
        if not self.tokens:
            raise ValueError("FQL ends too early.")
        return self.tokens.pop(0)

    def take(self, word: str) -> bool:
        """Whether this word comes next; if so, step over it."""
        if self.tokens and self.tokens[0][0] in ("name", "sign") and self.tokens[0][1].lower() == word:
            self.tokens.pop(0)
            return True
        return False

    def need(self, sign: str) -> None:
        if not self.take(sign):
            raise ValueError(f"FQL misses {sign!r}.")

    def either(self) -> Any:
        value = self.both()
        while self.take("or"):
            other = self.both()
            value = value or other
        return value

    def both(self) -> Any:
        value = self.compared()
        while self.take("and"):
            other = self.compared()
            value = value and other
        return value

    def compared(self) -> Any:
        if self.take("!"):
            return not self.compared()
        value = self.value()
        for sign, compare in COMPARISONS.items():
            if self.take(sign):
                try:
                    return compare(value, self.value())
                except TypeError:
                    return False
        return value

    def value(self) -> Any:
        if self.take("("):
            value = self.either()
            self.need(")")
            return value
        kind, word = self.next()
        if kind == "text":
            return re.sub(r"\\(.)", r"\1", word[1:-1])
        if kind == "number":
            return float(word)
        if kind == "sign":
            raise ValueError(f"FQL has {word!r} where a value belongs.")
        if self.take("("):
            return self.called(word)
        return WORDS[word] if word in WORDS else self.at(word)

    def called(self, name: str) -> Any:
        if name not in FUNCTIONS:
            raise ValueError(f"FQL has no function {name!r} that the sandbox knows.")
        arguments = [self.either()]
        while self.take(","):
            arguments.append(self.either())
        self.need(")")
        try:
            return FUNCTIONS[name](*arguments)
        except TypeError as failure:
            raise ValueError(f"FQL calls {name} wrongly: {failure}") from None

    def at(self, path: str) -> Any:
        value: Any = self.event
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value
