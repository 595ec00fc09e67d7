"""Whether a trigger, a condition in FQL, can match an event of which only type and name are known.

A condition is true, false, or unknown (None): the rest of the event may decide. What is not understood is
never taken for false. Source: https://www.twilio.com/docs/segment/api/config-api/fql
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate
from typing import Any

from airflow_provider_segment.audit.volume import Name

LONGEST = 10_000
"""Characters of a trigger that is read."""

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    | (?P<number>-?\d+(?:\.\d+)?(?![\w.]))
    | (?P<word>[A-Za-z_$][\w$]*(?:\.[\w$]+)*)
    | (?P<sign>!=|<=|>=|[=<>!(),])
    )""",
    re.VERBOSE,
)
_CONSTANTS = {"true": True, "false": False, "null": None}


class _Unknown:
    """A value that an event may have."""


UNKNOWN = _Unknown()


class Trigger:
    """A trigger that was understood.

    :raises ValueError: it was not
    """

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise ValueError(f"it has more than {LONGEST:,} characters")
        try:
            self._test = _Parser(text).whole()
        except RecursionError:
            raise ValueError("it is nested too deeply") from None

    def may_match(self, name: Name) -> bool:
        """Whether an event of a type and name may match. False is certain."""
        try:
            return self._test(name) is not False
        except RecursionError:
            return True


Test = Callable[[Name], Any]
"""True, False, or None for unknown."""
Value = Callable[[Name], Any]


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        place, text = 0, text.rstrip()
        while place < len(text):
            token = _TOKEN.match(text, place)
            if token is None or token.lastgroup is None:
                raise ValueError(f"{text[place : place + 20]!r} is not understood")
            self.tokens.append((token.lastgroup, token[token.lastgroup]))
            place = token.end()

    def whole(self) -> Test:
        test = self.either()
        if self.tokens:
            raise ValueError(f"{self.tokens[0][1]!r} is not understood there")
        return test

    def take(self, *words: str) -> str | None:
        """The next token if it is one of these; it is stepped over."""
        if self.tokens and self.tokens[0][0] in ("word", "sign") and self.tokens[0][1] in words:
            return self.tokens.pop(0)[1]
        return None

    def need(self, sign: str) -> None:
        if not self.take(sign):
            raise ValueError(f"{sign!r} is missing")

    def either(self) -> Test:
        tests = [self.both()]
        while self.take("or", "OR"):
            tests.append(self.both())
        return tests[0] if len(tests) == 1 else lambda name: _any(test(name) for test in tests)

    def both(self) -> Test:
        tests = [self.one()]
        while self.take("and", "AND"):
            tests.append(self.one())
        return tests[0] if len(tests) == 1 else lambda name: _all(test(name) for test in tests)

    def one(self) -> Test:
        if self.take("!"):
            test = self.one()
            return lambda name: _not(test(name))
        if self.take("("):
            test = self.either()
            self.need(")")
            return test
        left = self.value()
        sign = self.take("=", "!=", "<", "<=", ">", ">=")
        if sign is None:
            return lambda name: _truth(left(name))
        right = self.value()
        if sign in ("=", "!="):
            wanted = sign == "="
            return lambda name: _equal(left(name), right(name), wanted)
        return lambda name: None  # an order: never asked of types and names

    def value(self) -> Value:
        if not self.tokens:
            raise ValueError("it ends too early")
        kind, word = self.tokens.pop(0)
        if kind == "text":
            text = re.sub(r"\\(.)", r"\1", word[1:-1])
            return lambda name: text
        if kind == "number":
            number = float(word)
            return lambda name: number
        if kind == "sign" or word.lower() in ("and", "or", "not", "in"):
            raise ValueError(f"{word!r} is not understood there")
        if self.take("("):
            return self.called(word)
        if word in _CONSTANTS:
            constant = _CONSTANTS[word]
            return lambda name: constant
        return _PATHS.get(word, lambda name: UNKNOWN)

    def called(self, function: str) -> Value:
        arguments: list[Value] = [self.value()]
        while self.take(","):
            arguments.append(self.value())
        self.need(")")
        call = _FUNCTIONS.get((function, len(arguments)))
        if call is None:
            return lambda name: UNKNOWN
        return lambda name: _called(call, [argument(name) for argument in arguments])


def _event(name: Name) -> Any:
    """Track events have a name; of the other types none has this member."""
    kind, event = name
    if kind == "track" and event is not None:
        return event
    return UNKNOWN if kind in ("track", "") else None


_PATHS: dict[str, Value] = {"type": lambda name: name[0] or UNKNOWN, "event": _event}
_FUNCTIONS: dict[tuple[str, int], Callable[..., Any]] = {
    ("contains", 2): lambda text, part: part in text,
    ("match", 2): lambda text, pattern: _matches(text, pattern),
    ("lowercase", 1): lambda text: text.lower(),
}
"""The functions of texts. What others return is not known."""


def _matches(text: str, pattern: str) -> Any:
    """Whether a text matches a pattern with * and ?; escapes and sets are left open."""
    if re.search(r"[\[\]\\]", pattern):
        return UNKNOWN
    return re.fullmatch(translate(pattern), text, re.DOTALL) is not None


def _called(call: Callable[..., Any], values: list[Any]) -> Any:
    if any(value is None for value in values[:1]) and len(values) == 2:
        return False  # what is not there contains and matches nothing
    return call(*values) if all(isinstance(value, str) for value in values) else UNKNOWN


def _equal(left: Any, right: Any, wanted: bool) -> bool | None:
    if UNKNOWN in (left, right):
        return None
    if type(left) is not type(right) and None not in (left, right):
        return None  # whether FQL converts one is not known
    return (left == right) is wanted


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _any(values: Any) -> bool | None:
    found = list(values)
    return True if True in found else None if None in found else False


def _all(values: Any) -> bool | None:
    found = list(values)
    return False if False in found else None if None in found else True
