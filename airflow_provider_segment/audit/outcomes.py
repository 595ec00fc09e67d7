"""What a check yields: what hurts, and what it could not look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import msgspec

from airflow_provider_segment.errors import REFUSALS, SegmentAnswerError, SegmentRequestError

T = TypeVar("T")

GIVE_UP_AFTER = 3
"""If the first so many things are refused, or so many in a row fail, the rest is not asked for."""


class Thing(NamedTuple):
    """What a finding is about.

    :param type: ``source``, ``destination``, ``mapping``, ...
    """

    type: str
    id: str
    name: str

    def as_dict(self) -> dict[str, str]:
        """As in a report."""
        return self._asdict()


class Finding(NamedTuple):
    """Something that hurts.

    :param kind: one of :data:`airflow_provider_segment.audit.kinds.KINDS`
    :param facts: numbers, names, times; plain JSON
    """

    kind: str
    what: Thing
    facts: dict[str, Any]


class NotChecked(NamedTuple):
    """Something that could not be looked at: no finding there does not mean that all is well.

    :param what: in words
    """

    what: str
    because: str


Outcomes = Iterator[Finding | NotChecked]


@contextmanager
def as_documented(path: str) -> Iterator[None]:
    """Take a value of an answer that is not what it should be, such as a time that is none, for its fault.

    :raises SegmentAnswerError: instead of what reading the value raised
    """
    try:
        yield
    except (ValueError, msgspec.ValidationError) as error:
        detail = f"a value is not as expected ({type(error).__name__})"
        raise SegmentAnswerError("GET", path, 200, detail) from error


def each(things: Sequence[T], called: Callable[[T], str], look: Callable[[T], Outcomes]) -> Outcomes:
    """Look at one thing after the other. What cannot be read is told of, and the others are looked at.

    :param called: what a thing is called
    """
    failed = in_a_row = 0
    for number, thing in enumerate(things, 1):
        try:
            yield from look(thing)
            in_a_row = 0
        except SegmentRequestError as error:
            failed += 1
            # A refusal comes at once. Any other failure took minutes of retries.
            in_a_row = 0 if isinstance(error, REFUSALS) else in_a_row + 1
            yield NotChecked(called(thing), str(error))
        left = len(things) - number
        if left and (failed == number == GIVE_UP_AFTER or in_a_row == GIVE_UP_AFTER):
            yield NotChecked(f"{left:,} more", f"{GIVE_UP_AFTER} in a row could not be read")
            return
