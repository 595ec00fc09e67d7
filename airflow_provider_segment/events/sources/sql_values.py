"""What the texts in which databases send dates, times and intervals become.

The drivers' own conversions fail on what Python has no value for, such as PostgreSQL's ``infinity`` or a year
before 1, and take all rows that were fetched with it along; or they make something else of it without a word.
Here it becomes an :class:`Unusable`, of which only the rows that a mapping uses it of are rejected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, NoReturn, TypeVar

from airflow_provider_segment.values import ValueRejected, shown

T = TypeVar("T")


class Unusable(Mapping[str, Any]):
    """A value of a database that an event cannot have.

    It is a mapping so that whoever is about to write it asks for its members, and learns what is wrong. A
    dead letter shows its text.

    :param text: as the database sent it
    :param complaint: what is wrong with it
    """

    def __init__(self, text: str, complaint: str) -> None:
        self._text = text
        self._complaint = complaint

    def __repr__(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, name: str) -> NoReturn:
        raise ValueRejected(self._complaint)

    def __iter__(self) -> Iterator[str]:
        raise ValueRejected(self._complaint)

    def __len__(self) -> NoReturn:
        raise ValueRejected(self._complaint)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


def unusable(complaint: str) -> Callable[[str], Unusable]:
    """The conversion of a type of which no value can be used."""
    return lambda text: Unusable(text, complaint)


def moment(text: str) -> datetime | Unusable | None:
    """A timestamp, with or without a zone."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return _odd(text, datetime.fromisoformat)


def moment_in_utc(text: str) -> datetime | Unusable | None:
    """A timestamp that is in UTC, and does not say so."""
    found = moment(text)
    return found.replace(tzinfo=timezone.utc) if isinstance(found, datetime) else found


def day(text: str) -> date | Unusable | None:
    """A date."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return _odd(text, date.fromisoformat)


def _odd(text: str, read: Callable[[str], T]) -> T | Unusable | None:
    if text in ("infinity", "-infinity") or text.startswith("0000-00-00"):
        return None
    with suppress(ValueError):
        return read(_in_full(text))
    return Unusable(text, f"{shown(text)} is no date of the calendar between the years 1 and 9999")


def clock_time(text: str) -> time | str:
    """A time of day; 24:00 stays text, because Python has none, or makes it 00:00."""
    try:
        return text if text.startswith("24") else time.fromisoformat(_in_full(text))
    except ValueError:
        return text


def _in_full(text: str) -> str:
    """A time with six digits of a second, and minutes in its offset: Python 3.10 reads no other."""
    match = _TIME.search(text)
    if match is None:
        return text
    fraction, hours, minutes = match.groups()
    digits = f".{fraction:0<6}" if fraction else ""
    return f"{text[: match.start()]}{match[0][:8]}{digits}{f'{hours}:{minutes or 0:0>2}' if hours else ''}"


_TIME = re.compile(r"\d\d:\d\d:\d\d(?:\.(\d{1,6}))?(?:([+-]\d\d)(?::?(\d\d(?::\d\d)?))?)?$")


def interval(text: str) -> timedelta | Unusable | None:
    """An interval of PostgreSQL, in its default style."""
    if text in ("infinity", "-infinity"):
        return None
    match = _INTERVAL.fullmatch(text)
    if match is None:
        return Unusable(text, f"{shown(text)} is no interval in PostgreSQL's default style")
    months, days, sign, hours, minutes, seconds = match.groups()
    if months:
        return Unusable(text, f"{shown(text)} has months, which have no fixed length: cast it in the query")
    within_day = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    if seconds:
        whole, _, fraction = seconds.partition(".")
        within_day += timedelta(seconds=int(whole), microseconds=int(fraction.ljust(6, "0")))
    try:
        return timedelta(days=int(days or 0)) + (-within_day if sign == "-" else within_day)
    except OverflowError:
        return Unusable(text, f"{shown(text)} is longer than any duration that Python has")


_INTERVAL = re.compile(
    r"((?:[+-]?\d+ (?:years?|mons?) ?)*)(?:([+-]?\d+) days? ?)?(?:([+-]?)(\d+):(\d\d):(\d\d(?:\.\d{1,6})?))?"
)
