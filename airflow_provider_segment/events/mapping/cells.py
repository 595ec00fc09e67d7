"""What the value of a column becomes in an event, and the conversions that a mapping may ask for.

A value becomes what :mod:`airflow_provider_segment.values` says, and three kinds become what all readers of
the same data can agree on: a time with a zone is written in UTC, a whole number that a float cannot hold is
text, and so it is in objects and lists.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import lru_cache, partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from airflow_provider_segment.events.mapping.template import EPOCHS, Column
from airflow_provider_segment.values import (
    DIGITS_IN_FLOAT,
    EXACT_IN_FLOAT,
    ValueRejected,
    json_value,
    object_key,
    shown,
    timestamp_text,
    well_formed,
)

AS_IT_IS = frozenset({str, float, bool, type(None), date, time, UUID, msgspec.Raw})
"""Types of values that need no conversion."""


def cell(value: Any) -> Any:
    """A value as it is written into an event.

    :raises ValueRejected: it has no single meaning there
    """
    kind = type(value)
    return value if kind in AS_IT_IS else converter_of(kind)(value)  # type: ignore[arg-type]


@lru_cache(1_000)
def converter_of(kind: Any) -> Callable[[Any], Any]:
    """The conversion of the values of a type that is not in ``AS_IT_IS``.

    :param kind: the type
    """
    if kind is int:
        return _whole_number
    if issubclass(kind, datetime) and kind.__name__ != "NaTType":
        return _moment
    if issubclass(kind, dict):
        return _object
    if kind in (list, tuple):
        return _list
    return _other


def _whole_number(value: int) -> int | str:
    return value if -EXACT_IN_FLOAT <= value <= EXACT_IN_FLOAT else str(value)


def _moment(value: Any) -> datetime:
    if type(value) is datetime and value.tzinfo is timezone.utc:
        return value
    moment: Any = value
    if hasattr(moment, "to_pydatetime"):  # pandas has nanoseconds
        if moment.tzinfo is not None:  # an hour that a clock shows twice cannot be rounded there
            moment = moment.tz_convert("UTC")
        moment = moment.floor("us").to_pydatetime()
    return moment if moment.tzinfo is None else in_utc(moment)


def in_utc(value: datetime) -> datetime:
    """The same moment in UTC.

    :raises ValueRejected: it is before the year 1 or after 9999 there
    """
    try:
        moment = value.astimezone(timezone.utc)
    except OverflowError:
        raise ValueRejected(f"{shown(value)} is before the year 1, or after 9999, in UTC") from None
    # A subclass, such as pendulum's, is written in other forms.
    return moment if type(moment) is datetime else datetime.combine(moment.date(), moment.timetz())


def _object(value: dict[Any, Any]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, member in value.items():
        name = key if type(key) is str else object_key(key)
        if name in members:
            raise ValueRejected(f"two keys are written {shown(name)}")
        try:
            members[name] = cell(member)
        except ValueRejected as error:
            raise ValueRejected(error.complaint, name, *error.path) from None
    return members


def _list(value: list[Any] | tuple[Any, ...]) -> list[Any]:
    items = []
    for index, item in enumerate(value):
        try:
            items.append(cell(item))
        except ValueRejected as error:
            raise ValueRejected(error.complaint, index, *error.path) from None
    return items


def _other(value: Any) -> Any:
    converted = json_value(value)
    return converted if type(converted) in AS_IT_IS else cell(converted)


# The types that a mapping may name


def conversion(column: Column, naive_timezone: str | None) -> Callable[[Any], Any]:
    """The conversion that a mapping asks for: a function of the value as it was read.

    :param naive_timezone: the zone of times that have none
    """
    if column.kind == "timestamp":
        return partial(as_timestamp, format=column.format, zone=_zone(column.timezone or naive_timezone))
    return _CONVERSIONS[column.kind] if column.kind else cell


def _zone(name: str | None) -> ZoneInfo | None:
    return ZoneInfo(name) if name else None


def at_path(value: Any, path: tuple[str | int, ...]) -> Any:
    """What is at a path into a value: an object, a list, or JSON text of one; None if there is nothing."""
    for step in path:
        if isinstance(value, str):
            value = as_json(value)
        if isinstance(value, dict):
            value = value.get(step, value.get(str(step)))
        elif isinstance(value, (list, tuple)) and isinstance(step, int):
            value = value[step] if -len(value) <= step < len(value) else None
        else:
            return None
    return value


def as_number(value: Any) -> Any:
    """A number of text: exact if a float can hold it, otherwise text of digits."""
    if value is None or type(value) is float:
        return value
    if type(value) is str and len(value) <= DIGITS_IN_FLOAT and _USUAL.fullmatch(value):
        return msgspec.Raw(value.encode())  # JSON as it is
    if isinstance(value, bool):
        raise ValueRejected(f"{shown(value)} is not a number")
    if not isinstance(value, str):
        value = cell(value)
        if isinstance(value, (int, float, str, msgspec.Raw, type(None))):
            return value
        raise ValueRejected(f"{shown(value)} is not a number")
    text = value.strip()
    if not text:
        return None
    if _INTEGER.fullmatch(text):
        return _whole_number(int(text)) if len(text) <= LONGEST_NUMBER else _no_number(value)
    if not _NUMBER.fullmatch(text) or len(text) > LONGEST_NUMBER:
        return _no_number(value)
    try:
        return json_value(Decimal(text))
    except InvalidOperation:
        return _no_number(value)


def _no_number(value: Any) -> Any:
    raise ValueRejected(f"{shown(value)} is not a number")


_USUAL = re.compile(r"-?[1-9]\d*(?:\.\d+)?|0(?:\.\d+)?", re.ASCII)
LONGEST_NUMBER = 400
"""Characters of a number: more are no number that anybody reads."""
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)


def as_text(value: Any) -> str | None:
    """The text of a single value."""
    if value is None:
        return None
    if type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        if not value.is_finite():
            return None
        if abs(value.adjusted()) > LONGEST_NUMBER:
            _no_number(value)
        return format(value, "f")
    value = cell(value)
    if isinstance(value, (dict, list)):
        raise ValueRejected(f"{shown(value)} is not a single value")
    if isinstance(value, str):
        return value
    text = msgspec.json.encode(value).decode()
    return None if text == "null" else text.strip('"')


_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0"})


def as_boolean(value: Any) -> bool | None:
    """True or false of a boolean, of 1 and 0, and of the words for them."""
    if value is None or (isinstance(value, str) and not value):
        return None
    word = value.strip().lower() if isinstance(value, str) else (as_text(value) or "").removesuffix(".0")
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueRejected(f"{shown(value)} is neither true nor false")


def as_json(value: Any) -> Any:
    """The content of JSON text; what is no text is taken as it is."""
    if not isinstance(value, str):
        return cell(value)
    if not value.strip():
        return None
    try:
        return cell(msgspec.json.decode(value.encode()))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise ValueRejected(f"{shown(value)} is not JSON") from None


def as_base64(value: Any) -> str | None:
    """Bytes in base64; text is taken for base64 already."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    raise ValueRejected(f"{shown(value)} is not bytes")


def as_timestamp(value: Any, *, format: str | None = None, zone: ZoneInfo | None = None) -> Any:
    """A point in time: an aware datetime in UTC, or text that Segment reads.

    :param format: of text: that of ``strptime``, or one of ``EPOCHS``
    :param zone: of a time that has none. Of two times that a clock shows twice, the first
    """
    if value is None or (isinstance(value, str) and not value):
        return None
    if type(value) is datetime and value.tzinfo is timezone.utc and not format:
        return value
    if format in EPOCHS:
        return _since_1970(value, EPOCHS[format])
    if isinstance(value, str):
        if format:
            return _parsed(value, format, zone)
        if value[10:11] == "T" and value[-1] == "Z" and len(value) <= len("2026-01-02T03:04:05.123456Z"):
            return value  # the checker reads it anyway
        return _of_text(value, zone)
    if not isinstance(value, date):
        value = json_value(value)
        return _of_text(value, zone) if isinstance(value, str) else timestamp_text(value)
    if not isinstance(value, datetime):
        if zone is None:
            raise ValueRejected(f"{shown(value)} is a date: give naive_timezone to send its midnight there")
        value = datetime.combine(value, time())
    converted = cell(value)
    return _with_zone(converted, zone) if isinstance(converted, datetime) else converted


def _of_text(text: str, zone: ZoneInfo | None) -> str | datetime | None:
    if naive := _naive(text.strip()):
        return _with_zone(naive, zone)
    return timestamp_text(text)


def _naive(text: str) -> datetime | None:
    if not _WITHOUT_ZONE.fullmatch(text):
        return None
    digits, _, fraction = text.replace(",", ".").partition(".")
    try:
        moment = datetime.fromisoformat(digits)
    except ValueError:
        return None
    return moment.replace(microsecond=int(fraction[:6].ljust(6, "0"))) if fraction else moment


_WITHOUT_ZONE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?", re.ASCII)


def _with_zone(moment: datetime, zone: ZoneInfo | None) -> datetime:
    if moment.tzinfo is None:
        if zone is None:
            raise ValueRejected(f"{shown(moment.isoformat())} has no time zone: give naive_timezone")
        moment = moment.replace(tzinfo=zone)
    return in_utc(moment)


def _parsed(text: str, format: str, zone: ZoneInfo | None) -> datetime:
    try:
        moment = datetime.strptime(text.strip(), format)
    except ValueError:
        raise ValueRejected(f"{shown(text)} is not a time of the format {format}") from None
    return _with_zone(moment, zone)


def _since_1970(value: Any, units: int) -> datetime:
    try:
        number = Decimal(str(as_text(value)).strip())
        if number.adjusted() > LONGEST_EPOCH:
            raise ValueError
        return EPOCH + timedelta(microseconds=int(number * (1_000_000 // units)))
    except (ArithmeticError, ValueError, OverflowError):
        raise ValueRejected(f"{shown(value)} is not a number of units since 1970") from None


LONGEST_EPOCH = 20
"""Digits of a number of units since 1970."""
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "number": as_number,
    "text": as_text,
    "boolean": as_boolean,
    "json": as_json,
    "base64": as_base64,
}


# Keys of message ids


def key_text(value: Any) -> str:
    """The text of a key, the same however the row was read.

    :raises ValueRejected: it is no key: null, a float, a boolean, bytes, a time without a zone
    """
    if type(value) is str:
        if not value:
            raise ValueRejected("it is empty, so no messageId can be derived from it")
        if not value.isascii() and well_formed(value) is not value:
            raise ValueRejected(f"{shown(value)} has half of an emoji (a surrogate)")
        return value
    if isinstance(value, bool) or value is None:
        raise ValueRejected(f"{'null' if value is None else 'a boolean'} is no key for a messageId")
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Decimal):
        if value.is_finite() and value == value.to_integral_value() and value.adjusted() < LONGEST_NUMBER:
            return str(int(value))
        raise ValueRejected(f"{shown(value)} is not a whole number, so no messageId can be derived from it")
    if isinstance(value, datetime):
        moment = cell(value)
        if isinstance(moment, datetime) and moment.tzinfo:
            return utc_text(moment)
        raise ValueRejected(f"{shown(value)} is a time without a zone: no messageId can be derived from it")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        raise ValueRejected(
            f"{shown(value)} is a float, so no messageId can be derived from it, because other readers may "
            "read another number: cast it to an integer or to text"
        )
    if isinstance(value, Enum):
        return key_text(value.value)
    if getattr(getattr(value, "dtype", None), "kind", "") in ("i", "u", "U"):  # numpy's numbers and texts
        return key_text(value.item())
    raise ValueRejected(f"a {type(value).__name__} is no key for a messageId")


def utc_text(moment: datetime) -> str:
    """A moment as it is written in events."""
    return msgspec.json.encode(moment).decode().strip('"')
