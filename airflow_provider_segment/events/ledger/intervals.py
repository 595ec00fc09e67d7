"""Half-open intervals of an input, and what is left of one without others.

A point is a number of bytes or rows from 0, or the :class:`Bound` of a key. Texts are not compared: databases
have orders of their own, and a text that is out of place would leave rows out. Two intervals of texts are
only known to meet where their points are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple


class Bound(NamedTuple):
    """A point just before or just behind a key.

    :param key: the key
    :param behind: whether the key is before the point
    """

    key: Any
    behind: bool


class Interval(NamedTuple):
    """All from one point to another.

    :param start: None for the beginning of the input
    :param end: None for its end
    """

    start: Any = None
    end: Any = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        if None in (self.start, self.end) or not _comparable([self]):
            return bool(self.start is not None and self.start == self.end)
        return bool(self.start >= self.end)


WHOLE = Interval()


def subtract(wanted: Interval, others: Iterable[Interval]) -> list[Interval]:
    """What is in an interval and in no other, in order."""
    others = [other for other in others if not other.empty]
    if wanted.empty:
        return []
    if not _comparable([wanted, *others]):
        return _behind_those_that_meet(wanted, others)
    left = []
    start, end = wanted
    for other in sorted(others, key=lambda one: _low(one.start)):
        if _high(other.end) <= _low(start):
            continue
        if _low(other.start) >= _high(end):
            break
        if _low(start) < _low(other.start):
            left.append(Interval(start, other.start))
        if _high(other.end) >= _high(end):
            return left
        start = other.end
    return [*left, Interval(start, end)]


def subtract_all(wanted: Iterable[Interval], others: Sequence[Interval]) -> list[Interval]:
    """What is in one of some intervals and in none of the others."""
    return [left for one in wanted for left in subtract(one, others)]


def _low(start: Any) -> tuple[Any, ...]:
    return (0,) if start is None else (1, start)


def _high(end: Any) -> tuple[Any, ...]:
    return (2,) if end is None else (1, end)


def _comparable(intervals: Sequence[Interval]) -> bool:
    points = [point for one in intervals for point in one if point is not None]
    if any(isinstance(point, Bound) and isinstance(point.key, str) for point in points):
        return False
    try:
        sorted(points)
    except (TypeError, ArithmeticError):  # times with a zone and without one; NaN
        return False
    return True


def _behind_those_that_meet(wanted: Interval, others: Sequence[Interval]) -> list[Interval]:
    """What is behind those that begin where an interval does, and those that begin where they end."""
    if WHOLE in others:
        return []
    ends: dict[Any, list[Any]] = {}
    for other in others:
        ends.setdefault(other.start, []).append(other.end)
    reached = {wanted.start: None}  # in the order in which they were
    waiting = [wanted.start]
    while waiting:
        for end in ends.get(waiting.pop(), ()):
            if end is None or end == wanted.end:
                return []
            if end not in reached:
                reached[end] = None
                waiting.append(end)
    furthest = [point for point in reached if point not in ends] or list(reached)
    return [Interval(furthest[-1], wanted.end)]
