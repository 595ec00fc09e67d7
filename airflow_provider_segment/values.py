"""What a value becomes in an event: it passes, is converted if it has one meaning, or is rejected.

There are two steps. :func:`json_value` makes JSON of what people have in dicts: values of Python, numpy,
pandas and others. Then :func:`id_text` and :func:`timestamp_text` give the ids and the timestamp of an event
their form, whether it came as a dict or as a line of a file. docs/values.md shows the outcome of both.

Foreign types are recognised by their names: nothing is imported for them.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any
from uuid import UUID

import msgspec

ID_FIELDS = ("userId", "anonymousId", "groupId", "previousId", "messageId")

SHOWN_CHARACTERS = 100
"""How much of a value an error shows."""

EXACT_IN_FLOAT = 2**53
"""From here on, a float stands for more than one whole number."""

DIGITS_IN_FLOAT = 15
"""Significant digits that no float loses. A Decimal with more of them becomes text instead of a number."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""What msgspec takes for a point in time: RFC 3339."""


class ValueRejected(ValueError):
    """A value that has no single meaning in an event.

    :param complaint: what is wrong with it
    :param path: keys and indexes that lead to it
    """

    def __init__(self, complaint: str, *path: Any) -> None:
        super().__init__(f"{'.'.join(map(shown_text, path))}: {complaint}" if path else complaint)
        self.complaint = complaint
        self.path = path


def shown(value: Any) -> str:
    """A value as an error shows it: cut."""
    try:
        return shown_text(repr(value))
    except Exception:  # a number of too many digits, for one
        return f"a {type(value).__name__}"


def shown_text(text: object) -> str:
    """Text as an error shows it: cut, and without halves of surrogate pairs."""
    text = str(text)
    cut = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."
    return cut.encode("utf-8", "backslashreplace").decode()


# The first step: JSON values of Python values


def is_plain(container: dict[Any, Any] | list[Any]) -> bool:
    """Whether everything in it is of types that msgspec writes as they should be written.

    Much faster than converting, so it is asked first.
    """
    if type(container) is dict:
        for key in container:
            if type(key) is not str:
                return False
        values: Iterable[Any] = container.values()
    else:
        values = container
    for value in values:
        kind = type(value)
        if kind not in _SCALARS and (kind not in _CONTAINERS or not is_plain(value)):
            return False
    return True


_SCALARS = frozenset({str, int, float, bool, type(None), datetime, date, time, UUID})
_CONTAINERS = frozenset({dict, list})
_AS_IT_IS = _SCALARS - {str}


def json_value(value: Any) -> Any:
    """A value as one that can be written as JSON.

    :raises ValueRejected: it has no single meaning there
    """
    # Not type(value): the proxies in Airflow's templates give their class as that of what they stand for.
    return value if type(value) in _AS_IT_IS else _conversion(value.__class__)(value)


def json_event(event: Any) -> Any:
    """The same of a whole event, whose ids must not lose anything.

    :raises ValueRejected: a value has no single meaning
    """
    if isinstance(event, Mapping):
        for name in ID_FIELDS:
            try:
                _lose_nothing(event.get(name))
            except ValueRejected as error:
                raise ValueRejected(error.complaint, name) from None
    return json_value(event)


def id_of(value: Any) -> str | None:
    """The id that a Python value is; None if it is null or empty text.

    :raises ValueRejected: it is none
    """
    if type(value) is int:
        return str(value)
    _lose_nothing(value)
    return id_text(msgspec.json.decode(msgspec.json.encode(json_value(value))))


def _lose_nothing(value: Any) -> None:
    """Refuse an id whose conversion would change it.

    :raises ValueRejected: it would
    """
    if isinstance(value, str):
        try:
            value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            raise ValueRejected(f"{shown(value)} has half of an emoji (a surrogate)") from None
    elif isinstance(value, Decimal) and value.is_finite() and value != value.to_integral_value():
        raise ValueRejected(f"{shown(value)} is not a whole number: give the id as text")


def _is(*kinds: type) -> Callable[[type], bool]:
    return lambda kind: issubclass(kind, kinds)


def _from(package: str, *names: str) -> Callable[[type], bool]:
    """Recognises a type of another package, or a subclass of one."""

    def applies(kind: type) -> bool:
        return any(
            base.__module__.partition(".")[0] == package and base.__name__ in names for base in kind.__mro__
        )

    return applies


def _null(value: Any) -> None:
    return None


def _number(value: Any) -> Any:
    written = str(value)
    if len(written) <= DIGITS_IN_FLOAT and written[-1].isdecimal() and "E" not in written:
        # The usual case, four times as fast: a few digits, and perhaps a point.
        digits = written.rstrip("0").rstrip(".") if "." in written else written
        return msgspec.Raw(digits.encode() if digits != "-0" else b"0")
    if not value.is_finite():
        return None
    if not math.isfinite(float(value)):
        raise ValueRejected(f"{shown(value)} is larger than any number that Segment can read")
    digits = format(value, "f")
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    if len(digits.replace(".", "").lstrip("-0").rstrip("0")) > DIGITS_IN_FLOAT:
        return digits
    return msgspec.Raw(digits.encode() if digits != "-0" else b"0")


def _text(value: Any) -> str:
    return well_formed(str(value))


def well_formed(text: str) -> str:
    """Text that can be written in UTF-8: pairs of surrogates joined, halves of them replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _duration(value: Any) -> float:
    # Not total_seconds(): pandas and pendulum count what they do not have in common with timedelta.
    seconds = timedelta(value.days, value.seconds, value.microseconds).total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


def _numpy_time(value: Any) -> Any:
    # To microseconds: Segment reads no more, and neither do other readers of the same data.
    return None if str(value) == "NaT" else str(value)[: len("2026-01-02T03:04:05.123456")]


def _numpy_duration(value: Any) -> Any:
    return None if str(value) == "NaT" else json_value(value.astype("timedelta64[us]").item())


def _numpy_scalar(value: Any) -> Any:
    plain = value.item()
    return json_value(plain) if type(plain) is not type(value) else _reject(value)


def _array(value: Any) -> Any:
    # Not tolist(): it turns times into numbers.
    return _list(value) if value.ndim else json_value(value[()])


def _list(values: Iterable[Any]) -> list[Any]:
    items = []
    for index, value in enumerate(values):
        try:
            items.append(json_value(value))
        except ValueRejected as error:
            raise ValueRejected(error.complaint, index, *error.path) from None
    return items


def _set(values: Iterable[Any]) -> list[Any]:
    # In one order: that of a set differs between processes, and a message id may be derived from it.
    return sorted(_list(values), key=lambda value: (type(value).__name__, msgspec.json.encode(value)))


def _object(value: Mapping[Any, Any]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, member in value.items():
        name = object_key(key)
        if name in members:
            raise ValueRejected(f"two keys are written {shown(name)}")
        try:
            members[name] = json_value(member)
        except ValueRejected as error:
            raise ValueRejected(error.complaint, name, *error.path) from None
    return members


def object_key(key: Any) -> str:
    """The key of an object that a Python value is.

    :raises ValueRejected: it is none
    """
    if type(key) is str:
        return well_formed(key)
    try:
        text = id_of(key)
    except ValueRejected:
        text = None
    if text is None:
        raise ValueRejected(f"the key {shown(key)} is neither text nor a whole number")
    return text


def _fields(value: Any) -> dict[str, Any]:
    kind = type(value)
    if dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
    elif hasattr(kind, "__attrs_attrs__"):
        names = [field.name for field in kind.__attrs_attrs__]
    else:
        names = list(kind.__struct_fields__)
    return _object({name: getattr(value, name) for name in names})


def _has_fields(kind: type) -> bool:
    return any(
        hasattr(kind, name) for name in ("__dataclass_fields__", "__attrs_attrs__", "__struct_fields__")
    )


def _reject_bytes(value: Any) -> Any:
    raise ValueRejected(
        f"{type(value).__name__} may stand for text in some encoding or for data: decode them, or encode "
        "them as base64 yourself"
    )


def _reject(value: Any) -> Any:
    raise ValueRejected(
        f"{type(value).__name__} has no meaning in JSON: convert it, for instance by str() or list()"
    )


CONVERSIONS: tuple[tuple[Callable[[type], bool], Callable[[Any], Any]], ...] = (
    (_is(type(None)), _null),
    (_from("pandas", "NaTType", "NAType"), _null),
    (_is(msgspec.Raw), lambda value: value),
    (_is(Enum), lambda value: json_value(value.value)),
    (_is(str), _text),
    (_is(int), int),
    (_is(float), float),  # NaN and infinity are written as null
    (_is(Decimal), _number),
    (_is(date, time), lambda value: value.isoformat()),
    (_is(timedelta), _duration),
    (_is(UUID), str),
    (_is(bytes, bytearray, memoryview), _reject_bytes),
    (_from("numpy", "datetime64"), _numpy_time),
    (_from("numpy", "timedelta64"), _numpy_duration),
    (_from("numpy", "generic"), _numpy_scalar),
    (_from("numpy", "ndarray"), _array),
    (_from("pyarrow", "Scalar"), lambda value: json_value(value.as_py())),
    (_is(Mapping), _object),
    (_is(Set), _set),
    (_is(Sequence), _list),
    (_has_fields, _fields),
)
"""Which types are converted, and how: the first that applies. All others are rejected."""


@lru_cache(1_000)
def _conversion(kind: type) -> Callable[[Any], Any]:
    return next((convert for applies, convert in CONVERSIONS if applies(kind)), _reject)


# The second step: ids and timestamps, from JSON values


def id_text(value: Any) -> str | None:
    """An id: text as it is, a whole number as its digits, null and empty text as none.

    :param value: a JSON value
    :raises ValueRejected: it is something else
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        if not value.is_integer():
            raise ValueRejected(f"{shown(value)} is not a whole number: give the id as text")
        if abs(value) >= EXACT_IN_FLOAT:
            raise ValueRejected(f"{shown(value)} may stand for several whole numbers: give the id as text")
        return str(int(value))
    raise ValueRejected(f"{shown(value)} is neither text nor a whole number")


def timestamp_text(value: Any) -> str | None:
    """A timestamp in the form of RFC 3339, which Segment reads, if it has one meaning; null as none.

    :param value: a JSON value
    :raises ValueRejected: it is not a point in time
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueRejected(f"{shown(value)} is not text in the form of ISO 8601")
    text = str(value).strip()
    if _NUMBER.fullmatch(text):
        raise ValueRejected(
            f"{shown(value)} may be in seconds or in milliseconds: give ISO 8601 with a time zone"
        )
    for form in (text, _rfc3339(text)):
        with suppress(msgspec.ValidationError):
            msgspec.convert(form, Moment)
            return form
    if _WITHOUT_ZONE.fullmatch(text):
        raise ValueRejected(f"{shown(value)} has no time zone: add one, such as Z for UTC")
    raise ValueRejected(f"{shown(value)} is not a time in ISO 8601, such as 2026-01-02T03:04:05Z")


def _rfc3339(text: str) -> str:
    """The same time as RFC 3339 writes it, from what databases and languages write; other text unchanged."""
    if match := _WITH_ZONE.fullmatch(text):
        year, month, day, hour, minute, second, fraction, sign, hours, minutes = match.groups()
        seconds = f"{second or '00'}{'.' + fraction if fraction else ''}"
        zone = f"{sign}{hours}:{minutes or '00'}" if sign else "+00:00"
        return f"{year}-{month}-{day}T{hour}:{minute or '00'}:{seconds}{zone}"
    if _IN_MAIL.fullmatch(text):
        with suppress(ValueError):
            return parsedate_to_datetime(text).isoformat()
    return text


_TIME = r"(\d{4})-?(\d\d)-?(\d\d)[T ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?)?"
_WITHOUT_ZONE = re.compile(_TIME, re.IGNORECASE)
_WITH_ZONE = re.compile(
    # Go writes "+0000 UTC", Java "Z[UTC]" and "+01:00[Europe/Berlin]".
    _TIME + r" ?(?:Z|UTC|GMT|([+-])(\d\d)(?::?(\d\d))?(?: UTC(?<=0000 UTC))?)(?:\[[\w/+-]+\])?",
    re.IGNORECASE,
)
_IN_MAIL = re.compile(r"\w{3}, \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d (?:GMT|UTC|[+-]\d{4})")
_NUMBER = re.compile(r"[+-]?[\d.]+(?:e[+-]?\d+)?", re.IGNORECASE)
