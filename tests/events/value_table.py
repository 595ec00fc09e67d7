"""What each kind of value becomes in an event: docs/values.md is made of this table, and the tests prove it.

Values are Python expressions, evaluated in ``NAMES``, and what they become is JSON.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import math
import types
import uuid
from collections import namedtuple
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any, NamedTuple

REJECTED = "rejected"
LEFT_OUT = "left out"


class Row(NamedTuple):
    """A value, and what it becomes.

    :param inside: anywhere below the top level: in ``properties``, ``traits``, ``context``, ``integrations``
    :param as_id: as ``userId``, ``anonymousId``, ``groupId``, ``previousId``, ``messageId``
    :param as_timestamp: as ``timestamp``
    """

    value: str
    inside: str
    as_id: str = REJECTED
    as_timestamp: str = REJECTED


class Group(NamedTuple):
    """Rows of one kind, with what must be said of them."""

    title: str
    about: str
    rows: list[Row]


PYTHON = [
    Group(
        "Nothing",
        "Null at the top level is the same as nothing. Not a number, and infinity, are not in JSON: they "
        "become null, as in JavaScript and in pandas.",
        [
            Row("None", "null", LEFT_OUT, LEFT_OUT),
            Row("math.nan", "null", LEFT_OUT, LEFT_OUT),
            Row("-math.inf", "null", LEFT_OUT, LEFT_OUT),
            Row("Decimal('NaN')", "null", LEFT_OUT, LEFT_OUT),
            Row("pd.NA", "null", LEFT_OUT, LEFT_OUT),
            Row("pd.NaT", "null", LEFT_OUT, LEFT_OUT),
            Row("np.float64('nan')", "null", LEFT_OUT, LEFT_OUT),
            Row("np.datetime64('NaT')", "null", LEFT_OUT, LEFT_OUT),
        ],
    ),
    Group(
        "Numbers",
        "An id is text: a whole number becomes its digits. From 2^53 on a float stands for several whole "
        "numbers, so that it can be no id. A number is no timestamp: it may be in seconds or in "
        "milliseconds. A Decimal becomes a number if it has at most 15 significant digits, and text with "
        "more, because no reader of JSON would keep them.",
        [
            Row("55520", "55520", '"55520"'),
            Row("0", "0", '"0"'),
            Row("10**22", "10000000000000000000000", '"10000000000000000000000"'),
            Row("55520.0", "55520.0", '"55520"'),
            Row("-0.0", "-0.0", '"0"'),
            Row("1.5", "1.5"),
            Row("1e21", "1e21"),
            Row("2.0**53", "9007199254740992.0"),
            Row("Decimal('9.50')", "9.5"),
            Row("Decimal('55520.00')", "55520", '"55520"'),
            Row("Decimal('1E+2')", "100", '"100"'),
            Row("Decimal('1234567890.1234567890')", '"1234567890.123456789"'),
            Row("Decimal('1E+400')", REJECTED),
            Row("np.int64(55520)", "55520", '"55520"'),
            Row("np.float64(55520.0)", "55520.0", '"55520"'),
            Row("np.float32(0.5)", "0.5"),
            Row("1j", REJECTED),
            Row("True", "true"),
            Row("np.bool_(True)", "true"),
        ],
    ),
    Group(
        "Text and bytes",
        "Text that was cut in the middle of an emoji has half of a surrogate pair at its end, which UTF-8 "
        "cannot write. Inside it becomes U+FFFD; in an id, which would no longer be the same, it is "
        "rejected. Bytes may be text in some encoding, or data: decode or encode them yourself.",
        [
            Row("'u1'", '"u1"', '"u1"'),
            Row("''", '""', LEFT_OUT),
            Row("'55520.0'", '"55520.0"', '"55520.0"'),
            Row("'\\ud83d\\ude00'", '"\\ud83d\\ude00"', '"\\ud83d\\ude00"'),
            Row("'cut \\ud83d'", '"cut \\ufffd"'),
            Row("np.str_('u1')", '"u1"', '"u1"'),
            Row("UUID(int=5)", *['"00000000-0000-0000-0000-000000000005"'] * 2),
            Row("Plan.FREE", '"free"', '"free"'),
            Row("Level.ONE", "1", '"1"'),
            Row("b'u1'", REJECTED),
            Row("bytearray(b'u1')", REJECTED),
            Row("memoryview(b'u1')", REJECTED),
            Row("np.bytes_(b'u1')", REJECTED),
        ],
    ),
    Group(
        "Times",
        "A timestamp needs a time zone, or it is no point in time. A duration is a number of seconds.",
        [
            Row("datetime(2026, 1, 2, 3, tzinfo=timezone.utc)", *['"2026-01-02T03:00:00Z"'] * 3),
            Row(
                "datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))",
                *['"2026-01-02T03:00:00+02:00"'] * 3,
            ),
            Row("datetime(2026, 1, 2, 3)", *['"2026-01-02T03:00:00"'] * 2),
            Row("pendulum.datetime(2026, 1, 2, 3)", *['"2026-01-02T03:00:00+00:00"'] * 3),
            Row("pd.Timestamp('2026-01-02T03:04:05+01:00')", *['"2026-01-02T03:04:05+01:00"'] * 3),
            Row("pd.Timestamp('2026-01-02T03:04:05')", *['"2026-01-02T03:04:05"'] * 2),
            Row("np.datetime64('2026-01-02T03:04:05')", *['"2026-01-02T03:04:05"'] * 2),
            Row("date(2026, 1, 2)", *['"2026-01-02"'] * 2),
            Row("time(3, 4, 5)", *['"03:04:05"'] * 2),
            Row("timedelta(hours=1)", "3600", '"3600"'),
            Row("timedelta(milliseconds=1500)", "1.5"),
            Row("pd.Timedelta('1h')", "3600", '"3600"'),
            Row("np.timedelta64(5, 's')", "5", '"5"'),
            Row("pendulum.duration(hours=1)", "3600", '"3600"'),
        ],
    ),
    Group(
        "Lists and objects",
        "A set is written in one order, because a message id may be derived from it. What can be read "
        "only once, or is a table, has no single meaning: make a list or a dict of it.",
        [
            Row("[1, None]", "[1,null]"),
            Row("(1, Decimal('0.5'))", "[1,0.5]"),
            Row("Point(1, 2)", "[1,2]"),
            Row("{'b', 'a', 1}", '[1,"a","b"]'),
            Row("frozenset([1])", "[1]"),
            Row("deque([1])", "[1]"),
            Row("range(3)", "[0,1,2]"),
            Row("np.array([[1], [2]])", "[[1],[2]]"),
            Row("np.array(['2026-01-02'], dtype='M8[D]')", '["2026-01-02"]'),
            Row("{'a': {'b': Decimal('0.5')}}", '{"a":{"b":0.5}}'),
            Row("OrderedDict(a=1)", '{"a":1}'),
            Row("MappingProxyType({'a': 1})", '{"a":1}'),
            Row("Price(5)", '{"amount":5}'),
            Row("(x for x in [1])", REJECTED),
            Row("iter([1])", REJECTED),
            Row("pd.Series([1])", REJECTED),
            Row("pd.DataFrame({'a': [1]})", REJECTED),
            Row("object()", REJECTED),
            Row("ObjectId()", REJECTED),
            Row("len", REJECTED),
            Row("itself()", REJECTED),
        ],
    ),
    Group(
        "Keys",
        "A key is text, or becomes text as an id does.",
        [
            Row("{1: 'a'}", '{"1":"a"}'),
            Row("{2.0: 'a'}", '{"2":"a"}'),
            Row("{Plan.FREE: 'a'}", '{"free":"a"}'),
            Row("{date(2026, 1, 2): 'a'}", '{"2026-01-02":"a"}'),
            Row("{1.5: 'a'}", REJECTED),
            Row("{True: 'a'}", REJECTED),
            Row("{None: 'a'}", REJECTED),
            Row("{b'a': 'a'}", REJECTED),
            Row("{('a', 'b'): 'a'}", REJECTED),
            Row("{1: 'a', '1': 'b'}", REJECTED),
        ],
    ),
]


class Cell(NamedTuple):
    """A value of a column, and what a mapping makes of it.

    :param inside: below the top level
    :param as_key: the text of a key in ``message_id_fields``
    """

    value: str
    inside: str
    as_key: str = REJECTED


CELLS = [
    Cell("None", "null"),
    Cell("True", "true"),
    Cell("7", "7", "7"),
    Cell("2**53", "9007199254740992", "9007199254740992"),
    Cell("2**53 + 1", '"9007199254740993"', "9007199254740993"),
    Cell("-(2**64)", '"-18446744073709551616"', "-18446744073709551616"),
    Cell("7.0", "7.0"),
    Cell("math.nan", "null"),
    Cell("np.int64(7)", "7", "7"),
    Cell("np.float32(0.5)", "0.5"),
    Cell("Decimal('7.00')", "7", "7"),
    Cell("Decimal('9.50')", "9.5"),
    Cell("Decimal('1E+2')", "100", "100"),
    Cell("Decimal('NaN')", "null"),
    Cell("Decimal('12345678901234.567')", '"12345678901234.567"'),
    Cell("Decimal('1E+400')", REJECTED),
    Cell("'u1'", '"u1"', "u1"),
    Cell("'01234'", '"01234"', "01234"),
    Cell("''", '""'),
    Cell("'cut \\ud83d'", '"cut \ufffd"'),
    Cell(
        "UUID('0000000A-0000-0000-0000-000000000005')",
        *['"0000000a-0000-0000-0000-000000000005"', "0000000a-0000-0000-0000-000000000005"],
    ),
    Cell("b'x'", REJECTED),
    Cell("memoryview(b'x')", REJECTED),
    Cell("date(2026, 1, 2)", '"2026-01-02"', "2026-01-02"),
    Cell("time(3, 4, 5)", '"03:04:05"'),
    Cell("datetime(2026, 1, 2, 3, tzinfo=timezone.utc)", *['"2026-01-02T03:00:00Z"', "2026-01-02T03:00:00Z"]),
    Cell(
        "datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=timezone(timedelta(hours=2)))",
        *['"2026-01-02T01:04:05.000678Z"', "2026-01-02T01:04:05.000678Z"],
    ),
    Cell("datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2)))", REJECTED),
    Cell("datetime(2026, 1, 2, 3)", '"2026-01-02T03:00:00"'),
    Cell(
        "pd.Timestamp('2026-01-02T03:04:05.123456789+01:00')",
        *['"2026-01-02T02:04:05.123456Z"', "2026-01-02T02:04:05.123456Z"],
    ),
    Cell("pendulum.datetime(2026, 1, 2, 3)", *['"2026-01-02T03:00:00Z"', "2026-01-02T03:00:00Z"]),
    Cell("np.datetime64('2026-01-02T03:04:05.123456789')", '"2026-01-02T03:04:05.123456"'),
    Cell("pd.NaT", "null"),
    Cell("timedelta(hours=26)", "93600"),
    Cell("[1, None, 2**60]", '[1,null,"1152921504606846976"]'),
    Cell("{'a': datetime(2026, 1, 2, tzinfo=timezone.utc), 1: 'b'}", '{"a":"2026-01-02T00:00:00Z","1":"b"}'),
    Cell("{None: 1}", REJECTED),
    Cell("Point(1, 2)", "[1,2]"),
    Cell("Plan.FREE", '"free"', "free"),
    Cell("object()", REJECTED),
]
"""Values of columns, as databases and files have them."""

CONVERSIONS = {
    "number": [
        ("'01234'", "1234"),
        ("' 9.50 '", "9.5"),
        ("'1e3'", "1000"),
        ("'-0'", "0"),
        ("'9007199254740993'", '"9007199254740993"'),
        ("''", "null"),
        ("None", "null"),
        ("7", "7"),
        ("Decimal('7.10')", "7.1"),
        ("'1,5'", REJECTED),
        ("'NaN'", REJECTED),
        ("'0x10'", REJECTED),
        ("'\u0661'", REJECTED),
        ("'1e400'", REJECTED),
        ("'9' * 500", REJECTED),
        ("True", REJECTED),
        ("[1]", REJECTED),
    ],
    "text": [
        ("7", '"7"'),
        ("2**60", '"1152921504606846976"'),
        ("1.5", '"1.5"'),
        ("Decimal('7.10')", '"7.10"'),
        ("True", '"true"'),
        ("date(2026, 1, 2)", '"2026-01-02"'),
        ("datetime(2026, 1, 2, tzinfo=timezone.utc)", '"2026-01-02T00:00:00Z"'),
        ("''", '""'),
        ("None", "null"),
        ("math.nan", "null"),
        ("{'a': 1}", REJECTED),
        ("b'x'", REJECTED),
    ],
    "boolean": [
        ("True", "true"),
        ("1", "true"),
        ("0", "false"),
        ("1.0", "true"),
        ("Decimal('0')", "false"),
        ("'T'", "true"),
        ("'no'", "false"),
        ("''", "null"),
        ("None", "null"),
        ("2", REJECTED),
        ("'maybe'", REJECTED),
        ("[]", REJECTED),
    ],
    "json": [
        ("'{\"a\": [1, 2]}'", '{"a":[1,2]}'),
        ("'5'", "5"),
        ("'null'", "null"),
        ("''", "null"),
        ("{'a': 1}", '{"a":1}'),
        ("'{'", REJECTED),
        ("'[' * 5_000", REJECTED),
        ("b'{}'", REJECTED),
    ],
    "timestamp": [
        ("'2026-01-02T03:04:05Z'", '"2026-01-02T03:04:05Z"'),
        ("'2026-01-02 03:04:05 UTC'", '"2026-01-02T03:04:05+00:00"'),
        ("datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))", '"2026-01-02T01:00:00Z"'),
        ("''", "null"),
        ("None", "null"),
        ("'2026-01-02 03:04:05'", REJECTED),
        ("datetime(2026, 1, 2)", REJECTED),
        ("date(2026, 1, 2)", REJECTED),
        ("1767323045", REJECTED),
        ("'yesterday'", REJECTED),
    ],
    "base64": [
        ("b'x'", '"eA=="'),
        ("memoryview(b'x')", '"eA=="'),
        ("'eA=='", '"eA=="'),
        ("None", "null"),
        ("7", REJECTED),
    ],
}
"""What ``as`` makes of values."""

LINES = [
    Group(
        "Lines of a file",
        "At the top level of a line the same holds. Below it, a line is sent byte for byte, unless its "
        "event has to be repaired: then the numbers stay as they are written. So what follows passes "
        "unseen there, if it is JSON: numbers of any size, the same key twice, and whatever a timestamp "
        "or an id inside `properties` looks like. `NaN`, `Infinity` and halves of emojis, which are not "
        "JSON, are repaired.",
        [
            Row("55520.0", "55520.0", '"55520"'),
            Row("1.50", "1.50"),
            Row("1e21", "1e21"),
            Row("1e400", "1e400"),
            Row("12345678901234567890.5", "12345678901234567890.5"),
            Row("true", "true"),
            Row("null", "null", LEFT_OUT, LEFT_OUT),
            Row("NaN", "null", LEFT_OUT, LEFT_OUT),
            Row("-Infinity", "null", LEFT_OUT, LEFT_OUT),
            Row('""', '""', LEFT_OUT),
            Row('"cut \\ud83d"', '"cut \ufffd"'),
            Row('"cut \\uD83D, and \\ud83d\\ude00"', '"cut \ufffd, and \U0001f600"'),
            Row('{"a":1,"a":2}', '{"a":1,"a":2}'),
            Row("nan", REJECTED),
            Row("01", REJECTED),
            Row("'a'", REJECTED),
        ],
    )
]

TIMESTAMPS = [
    ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
    ("2026-01-02T03:04:05.123456789+01:00", "2026-01-02T03:04:05.123456789+01:00"),
    ("2026-01-02 03:04:05Z", "2026-01-02 03:04:05Z"),
    ("2026-01-02 03:04:05 UTC", "2026-01-02T03:04:05+00:00"),
    ("2026-01-02 03:04:05.678901 UTC", "2026-01-02T03:04:05.678901+00:00"),
    ("2026-01-02 03:04:05.678 +0000", "2026-01-02T03:04:05.678+00:00"),
    ("2026-01-02 03:04:05.678 -0530", "2026-01-02T03:04:05.678-05:30"),
    ("2026-01-02 03:04:05.678 Z", "2026-01-02T03:04:05.678+00:00"),
    ("2026-01-02 03:04:05.678+00", "2026-01-02T03:04:05.678+00:00"),
    ("2026-01-02T03:04:05,5Z", "2026-01-02T03:04:05.5+00:00"),
    ("2026-01-02T03:04Z", "2026-01-02T03:04:00+00:00"),
    ("20260102T030405Z", "2026-01-02T03:04:05+00:00"),
    ("2026-01-02 03:04:05 GMT", "2026-01-02T03:04:05+00:00"),
    ("2026-01-02 03:04:05 +0000 UTC", "2026-01-02T03:04:05+00:00"),
    ("2026-01-02T03:04:05+01:00[Europe/Berlin]", "2026-01-02T03:04:05+01:00"),
    ("Fri, 02 Jan 2026 03:04:05 +0000", "2026-01-02T03:04:05+00:00"),
    (" 2026-01-02T03:04:05Z ", "2026-01-02T03:04:05Z"),
    ("2026-01-02T03:04:05", REJECTED),
    ("2026-01-02 03:04:05", REJECTED),
    ("2026-01-02", REJECTED),
    ("2026-01-02 03:04:05 EST", REJECTED),
    ("2026-01-02 03:04:05 +0200 UTC", REJECTED),
    ("2026-13-02T03:04:05Z", REJECTED),
    ("01/02/2026 03:04:05 UTC", REJECTED),
    ("1767323045", REJECTED),
    ("1767323045123", REJECTED),
    ("yesterday", REJECTED),
    ("", REJECTED),
]
"""Texts as a timestamp."""


Point = namedtuple("Point", "x y")


class Plan(Enum):
    FREE = "free"


class Level(IntEnum):
    ONE = 1


@dataclass
class Price:
    amount: int


class ObjectId:
    """A type of a database's library."""


def itself() -> dict[str, Any]:
    """A dict that contains itself."""
    value: dict[str, Any] = {}
    value["a"] = value
    return value


def names() -> dict[str, Any]:
    """What the expressions name. pandas is imported for the tests only, not for the page."""
    import numpy
    import pandas
    import pendulum

    modules = (collections, datetime, decimal, types, uuid)
    return {
        **{name: value for module in modules for name, value in vars(module).items()},
        **globals(),
        "math": math,
        "datetime": datetime.datetime,
        "np": numpy,
        "pd": pandas,
        "pendulum": pendulum,
    }
