"""What was asked for, compared with what Segment shows.

Segment does not show everything as it was sent: it adds defaults to settings, masks secrets or leaves them
out, and shows an empty value as null, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from airflow_provider_segment.tasks.declarative import NOT_GIVEN

MASK = "•"
"""Segment shows a secret as dots, at most with its last characters."""

EMPTY: tuple[Any, ...] = (None, NOT_GIVEN, "", [], {})
LONGEST_SHOWN = 200  # characters


class Difference(NamedTuple):
    """A value that is not as it was asked for."""

    path: tuple[str, ...]
    """The argument, and the members inside it that lead to the value."""

    asked: Any
    there: Any
    """What Segment shows; ``NOT_GIVEN`` if it shows nothing."""

    @property
    def name(self) -> str:
        """As people write it: ``settings.apiKey``."""
        return ".".join(self.path)

    def describe(self, *, secret: bool) -> str:
        """Name and values, or the name alone."""
        if secret:
            return self.name
        there = "not set" if self.there in EMPTY else _shortened(self.there)
        return f"{self.name} is {there}, asked for {_shortened(self.asked)}"


def differences(path: tuple[str, ...], asked: Any, there: Any) -> Iterator[Difference]:
    """Each value that Segment does not show as asked. Of an object, only the members asked for count.

    :param path: of the value: the argument, and the members inside it
    """
    if isinstance(asked, dict) and not is_masked(there):
        shown = there if isinstance(there, dict) else {}
        for name, value in asked.items():
            yield from differences((*path, name), value, shown.get(name, NOT_GIVEN))
    elif not _same(asked, there, ordered=is_setting(path)):
        yield Difference(path, asked, there)


def outcome(difference: Difference, after: Any) -> Literal["taken", "unchanged", "other", "not shown"]:
    """What became of a difference.

    :param after: what Segment shows of the argument after the update
    """
    there = _at(after, difference.path[1:])
    if there is NOT_GIVEN or is_masked(there):
        return "not shown"
    if _alike(difference.asked, there, ordered=is_setting(difference.path)):
        return "taken"
    return "unchanged" if there == difference.there or _are_empty(there, difference.there) else "other"


def is_masked(value: Any) -> bool:
    """Whether it is a secret as Segment shows it."""
    return isinstance(value, str) and MASK in value


def is_setting(path: tuple[str, ...]) -> bool:
    """Whether a value is inside settings: their names, types and order are not Segment's own."""
    return any(name.lower().endswith("settings") for name in path)


def _same(asked: Any, there: Any, *, ordered: bool) -> bool:
    """Whether nothing needs to be sent for this value."""
    if asked in EMPTY:
        return there in EMPTY
    if isinstance(asked, str):
        return isinstance(there, str) and not is_masked(there) and _trimmed(asked) == _trimmed(there)
    if isinstance(asked, list):
        if not isinstance(there, list) or len(asked) != len(there):
            return False
        if not ordered and all(isinstance(item, str) for item in [*asked, *there]):
            return sorted(asked) == sorted(there)
        return all(_same_item(*pair) for pair in zip(asked, there, strict=True))
    return isinstance(asked, bool) == isinstance(there, bool) and bool(asked == there)


def _same_item(asked: Any, there: Any) -> bool:
    """An item of a list is replaced as a whole: what was not asked for must not be there either."""
    if isinstance(asked, dict) and isinstance(there, dict):
        return not any(differences((), asked, there)) and all(
            value in EMPTY for name, value in there.items() if name not in asked
        )
    return _same(asked, there, ordered=True)


def _alike(asked: Any, there: Any, *, ordered: bool) -> bool:
    """Whether it may be what was asked for, as Segment writes it: ``"5432"`` for 5432."""
    if isinstance(asked, dict):
        return isinstance(there, dict) and all(
            _alike(value, there.get(name, NOT_GIVEN), ordered=ordered) for name, value in asked.items()
        )
    if isinstance(asked, list) and isinstance(there, list) and len(asked) == len(there):
        if ordered:
            return all(_alike(*pair, ordered=True) for pair in zip(asked, there, strict=True))
        return all(any(_alike(one, other, ordered=False) for other in there) for one in asked)
    if asked is False or asked in EMPTY:
        return there is False or there in EMPTY
    return _trimmed(str(asked)).lower() == _trimmed(str(there)).lower()


def _are_empty(*values: Any) -> bool:
    return all(value in EMPTY for value in values)


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()).rstrip()


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if is_masked(value):
            return value
        value = value.get(name, NOT_GIVEN) if isinstance(value, dict) else NOT_GIVEN
    return value


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
