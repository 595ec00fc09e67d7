"""Columns become the same events as row by row, byte for byte, and only what is unusual goes by rows."""

from __future__ import annotations

import inspect
import math
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_provider_segment.errors import SegmentEventError
from airflow_provider_segment.events.mapping.columns import KEPT_VARIANTS, ColumnPlan, compile_columns
from airflow_provider_segment.events.mapping.rows import Compiling, RowMapper, key_columns
from airflow_provider_segment.events.mapping.template import read_mapping
from airflow_provider_segment.events.message_ids import IdOfEvent
from airflow_provider_segment.events.sources.frame_rows import FrameRows, plain_columns
from airflow_provider_segment.values import ValueRejected
from tests.harness.fuzzing import examples

pytestmark = pytest.mark.core

DAY = 86_400
YEAR_1, YEAR_10000 = -719_162, 2_932_897
"""Their first days, in days since 1970."""


class Kind(NamedTuple):
    """A type of columns.

    :param stored: a type that values of Python are first stored as
    :param usual: what columns hold
    :param odd: what they hold now and then, and what is left to the row function
    """

    dtype: Any
    stored: Any
    usual: st.SearchStrategy[Any]
    odd: st.SearchStrategy[Any] = st.nothing()

    def __repr__(self) -> str:
        return str(self.dtype)


def whole(dtype: Any, bits: int, *, signed: bool) -> Kind:
    least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    edges = [edge for edge in (0, 1, -1, 2**53, 2**53 + 1, -(2**53) - 1) if least <= edge <= most]
    return Kind(dtype, dtype, st.integers(least, most) | st.sampled_from([*edges, least, most]))


def time_in(unit: str, zone: str | None) -> Kind:
    day = DAY * {"ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    first, last = (-(2**63) + 1, 2**63 - 1) if unit == "ns" else (YEAR_1 * day, YEAR_10000 * day - 1)
    usual = st.integers(first, last) | st.integers(0, 20_000).map(lambda days: days * day)
    usual |= st.integers(0, 2 * 10**9).map(lambda seconds: seconds * day // DAY)
    return Kind(
        pl.Datetime(unit, zone),  # type: ignore[arg-type]
        pl.Int64,
        usual | st.sampled_from([first, last, 0, -1]),
        st.sampled_from([first - 1, last + 1] if unit != "ns" else [0]),
    )


def duration_in(unit: str) -> Kind:
    second = {"ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    step = 1_000 if unit == "ns" else 1
    most = 2**53 * second // 10**6 // step
    usual = st.integers(-most, most).map(lambda units: units * step)
    usual |= st.integers(-(10**6), 10**6).map(lambda seconds: seconds * second)
    return Kind(pl.Duration(unit), pl.Int64, usual, st.sampled_from([2**62, 1, -(2**62), -1_501]))  # type: ignore[arg-type]


def decimal_of(precision: int, scale: int) -> Kind:
    def text(digits: int) -> str:
        sign, digits = ("-" if digits < 0 else ""), abs(digits)
        whole, fraction = divmod(digits, 10**scale)
        return f"{sign}{whole}.{fraction:0{scale}}" if scale else f"{sign}{whole}"

    most = 10**precision - 1
    digits = st.integers(-most, most) | st.integers(-min(most, 10**6), min(most, 10**6))
    digits |= st.integers(0, precision - 1).map(lambda power: 10**power)
    return Kind(pl.Decimal(precision, scale), pl.String, digits.map(text))


TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
TEXTS |= st.sampled_from(["", "0", "01", "-0", "1.50", "1e3", "true", "a" * 20, "$", ","])
TEXTS |= st.sampled_from(['"', "\\", "\x00", "\n", "\x7f", "\u2028", "\U0001f389", '{"_":"x"}'])
TEXTS |= st.sampled_from(["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678Z", "2026-01-02 03:04:05 UTC"])
FLOATS = st.floats() | st.integers(-(10**6), 10**6).map(lambda hundredths: hundredths / 100)
FLOATS |= st.sampled_from([0.0, -0.0, 1e15, 1e16, 1e-5, 1e-6, 1e-7, 1e22, 2.0**53, 5e-324])

KINDS = {
    "boolean": Kind(pl.Boolean(), pl.Boolean, st.booleans()),
    "int8": whole(pl.Int8(), 8, signed=True),
    "int16": whole(pl.Int16(), 16, signed=True),
    "int32": whole(pl.Int32(), 32, signed=True),
    "int64": whole(pl.Int64(), 64, signed=True),
    "int128": whole(pl.Int128(), 128, signed=True),
    "uint8": whole(pl.UInt8(), 8, signed=False),
    "uint16": whole(pl.UInt16(), 16, signed=False),
    "uint32": whole(pl.UInt32(), 32, signed=False),
    "uint64": whole(pl.UInt64(), 64, signed=False),
    "uint128": whole(pl.UInt128(), 128, signed=False),
    "float16": Kind(pl.Float16(), pl.Float64, FLOATS),
    "float32": Kind(pl.Float32(), pl.Float64, FLOATS),
    "float64": Kind(pl.Float64(), pl.Float64, FLOATS),
    "price": decimal_of(12, 2),
    "whole decimal": decimal_of(20, 0),
    "long decimal": decimal_of(38, 10),
    "fraction": decimal_of(38, 38),
    "string": Kind(pl.String(), pl.String, TEXTS),
    "categorical": Kind(pl.Categorical(), pl.String, TEXTS),
    "enum": Kind(pl.Enum(["a", "", 'b"']), pl.String, st.sampled_from(["a", "", 'b"'])),
    "binary": Kind(pl.Binary(), pl.Binary, st.binary(max_size=5)),
    "date": Kind(
        pl.Date(),
        pl.Int32,
        st.integers(YEAR_1, YEAR_10000 - 1) | st.integers(0, 40_000),
        st.sampled_from([YEAR_1 - 1, YEAR_10000]),
    ),
    "time": Kind(
        pl.Time(),
        pl.Int64,
        st.integers(0, DAY * 10**9 - 1) | st.integers(0, DAY - 1).map(lambda s: s * 10**9),
    ),
    "null": Kind(pl.Null(), pl.Null, st.none()),
    **{
        f"datetime {unit} {zone}": time_in(unit, zone)
        for unit in ("ms", "us", "ns")
        for zone in (None, "UTC", "Europe/Berlin")
    },
    **{f"duration {unit}": duration_in(unit) for unit in ("ms", "us", "ns")},
}
"""Types that are no lists and no structs."""

REFUSED = {"Object", "Unknown", "Map", "Extension", "BaseExtension"}
"""Types of polars whose tables are mapped row by row."""


def list_of(kind: Kind) -> Kind:
    items = st.none() | kind.usual
    return Kind(
        pl.List(kind.dtype),
        pl.List(kind.stored),
        st.lists(items, max_size=3),
        st.lists(kind.odd, min_size=1, max_size=1),
    )


def array_of(kind: Kind) -> Kind:
    items = st.none() | kind.usual
    return Kind(pl.Array(kind.dtype, 2), pl.Array(kind.stored, 2), st.lists(items, min_size=2, max_size=2))


def struct_of(kinds: list[Kind]) -> Kind:
    names = ["a", "", 'b"', "$x"][: len(kinds)]
    return Kind(
        pl.Struct(dict(zip(names, (kind.dtype for kind in kinds), strict=True))),
        pl.Struct(dict(zip(names, (kind.stored for kind in kinds), strict=True))),
        st.fixed_dictionaries(
            {name: st.none() | kind.usual for name, kind in zip(names, kinds, strict=True)}
        ),
    )


TABLE = {
    **KINDS,
    "list": list_of(KINDS["string"]),
    "array": array_of(KINDS["int64"]),
    "struct": struct_of([KINDS["price"], KINDS["string"]]),
}


def nested(inner: st.SearchStrategy[Kind]) -> st.SearchStrategy[Kind]:
    return inner.map(list_of) | inner.map(array_of) | st.lists(inner, min_size=1, max_size=3).map(struct_of)


# Not with 128 bits: polars cannot always make structs of them.
SMALL_KINDS = st.sampled_from([kind for name, kind in KINDS.items() if "128" not in name])
ANY_KIND = st.sampled_from(list(KINDS.values())) | st.recursive(SMALL_KINDS, nested, max_leaves=4)


def column(kind: Kind, values: list[Any]) -> pl.Series:
    series = pl.Series(values, dtype=kind.stored)
    return series if series.dtype == kind.dtype else series.cast(kind.dtype)


def frame_of(columns: dict[str, pl.Series]) -> pl.DataFrame:
    """A table as sources give it."""
    frame = pl.DataFrame(list(columns.values()), schema=list(columns))
    return frame.select(plain_columns(frame.schema))


Events = list[list[bytes | SegmentEventError | None]]


def by_rows(mapping: Any, frame: pl.DataFrame, options: Compiling) -> Events:
    mapper = RowMapper(read_mapping(mapping), frame.columns, options)
    events: Events = [[None] * frame.height for _ in mapper.makers]
    for number, row in enumerate(FrameRows(frame)):
        made = [(0, row)] if isinstance(row, SegmentEventError) else mapper.events(row)
        for place, event in made:
            events[place][number] = event
    return events


def by_columns(mapping: Any, frame: pl.DataFrame, options: Compiling) -> list[list[bytes | None]] | None:
    plan = compile_columns(read_mapping(mapping), frame.schema, options)
    return plan.apply(frame) if plan else None


def compiling(*keys: str, timestamp_may_be_null: bool = True, **more: Any) -> Compiling:
    return Compiling("keep", timestamp_may_be_null, None, keys, IdOfEvent("write key"))._replace(**more)


def agree(mapping: Any, frame: pl.DataFrame, options: Compiling) -> bool:
    """Whether the mapping was done in columns; then it is the same."""
    made = by_columns(mapping, frame, options)
    if made is not None:
        assert made == by_rows(mapping, frame, options)
    return made is not None


# Each type, wherever it can stand


class Use(NamedTuple):
    """How a mapping uses the column x.

    :param members: of the mapping
    """

    members: dict[str, Any]
    options: Compiling = compiling()


def typed(kind: str, **more: Any) -> dict[str, Any]:
    return {"$": "x", "as": kind, **more}


USES = {
    "inside": Use({"properties": {"a": 1, "x": "$x", "list": ["$x", 2]}}),
    "dropped if null": Use({"traits": {"x": "$x", "y": ["$x"], "z": {"x": "$x"}}}, compiling(nulls="drop")),
    "dropped or not": Use({"traits": {"x": "$x", "y": None, "z": 1, "w": "$x"}}, compiling(nulls="drop")),
    "the rest": Use({"properties": "$*"}),
    "object": Use({"properties": "$x"}),
    "null": Use({"when": {"$": "x", "is_null": True}}),
    "not null": Use({"when": {"not": {"$": "x", "is_null": True}}}),
    "as json": Use({"properties": {"x": typed("json")}}),
    "as text": Use({"properties": {"x": typed("text")}}),
    "as number": Use({"properties": {"x": typed("number")}}),
    "as boolean": Use({"properties": {"x": typed("boolean")}}),
    "as base64": Use({"properties": {"x": typed("base64")}}),
    "as timestamp": Use({"properties": {"x": typed("timestamp")}}),
    "timestamp": Use({"timestamp": "$x"}),
    "local timestamp": Use({"timestamp": typed("timestamp", timezone="Europe/Berlin")}),
    "naive timestamp": Use({"timestamp": "$x"}, compiling(naive_timezone="America/New_York")),
    "seconds": Use({"timestamp": typed("timestamp", format="unix_seconds")}),
    "milliseconds": Use({"context": {"x": typed("timestamp", format="unix_milliseconds")}}),
    "id": Use({"userId": "$x"}),
    "id as text": Use({"anonymousId": typed("text")}),
    "name": Use({"event": "$x"}),
    "type": Use({"type": "$x"}),
    "key": Use({}, compiling("x")),
    "text key": Use({"properties": {"x": typed("text")}}, compiling("x")),
    "number key": Use({"context": {"x": typed("number")}}, compiling("x")),
    "timestamp key": Use({"context": {"x": typed("timestamp")}}, compiling("x", naive_timezone="UTC")),
    "own id": Use({"messageId": "$x"}, compiling("x")),
    "first item": Use({"properties": {"x": {"$": "x", "path": "0"}}}),
    "field": Use({"properties": {"x": {"$": "x", "path": "a"}}}),
    **{
        f"equals {value!r}": Use({"when": {"$": "x", "equals": value}})
        for value in (1, 1.5, 0, True, "a", "", "1970-01-01")
    },
}

TEXT = {"string", "categorical", "enum"}
WHOLE = {name for name in KINDS if "int" in name}
DECIMALS = {"price", "whole decimal", "long decimal", "fraction"}
FLOAT_KINDS = {"float16", "float32", "float64"}
INSTANTS = {name for name in KINDS if name.startswith("datetime") and not name.endswith("None")}
NAIVE = {name for name in KINDS if name.endswith("None")}
DURATIONS = {name for name in KINDS if name.startswith("duration")}
NESTED = {"list", "array", "struct"}
ALL = {*TABLE} - {"binary"}
SCALARS = ALL - NESTED
EPOCHS = WHOLE - {"int128", "uint64", "uint128"} | {"null"}
NUMBERS = WHOLE | DECIMALS | FLOAT_KINDS

IN_COLUMNS = {
    **dict.fromkeys(["inside", "dropped if null", "dropped or not", "the rest", "object"], ALL),
    **dict.fromkeys(["null", "not null"], ALL),
    "as json": ALL - TEXT,
    "as text": SCALARS,
    "as number": NUMBERS | TEXT | DURATIONS | {"null"},
    "as boolean": WHOLE | TEXT | {"boolean", "null"},
    "as base64": TEXT | {"binary", "null"},
    **dict.fromkeys(["timestamp", "as timestamp"], INSTANTS | TEXT | {"null"}),
    **dict.fromkeys(["local timestamp", "naive timestamp"], INSTANTS | NAIVE | TEXT | {"date", "null"}),
    **dict.fromkeys(["seconds", "milliseconds"], EPOCHS),
    "id": NUMBERS | TEXT | {"null"},
    "id as text": SCALARS,
    **dict.fromkeys(["name", "type"], WHOLE | TEXT),
    "key": WHOLE | DECIMALS | TEXT | INSTANTS | {"date"},
    "text key": SCALARS - {"null"},
    "number key": WHOLE | DECIMALS,
    "timestamp key": INSTANTS | NAIVE | {"date", "null"},
    "own id": NUMBERS | TEXT | {"null"},
    **dict.fromkeys(["first item", "field"], {*TABLE} - TEXT),
    **{use: NUMBERS | TEXT | {"boolean", "date", "null"} for use in USES if use.startswith("equals")},
}
"""The types that are not left to the row function, by use."""


def mapping_of(use: str) -> dict[str, Any]:
    return {"type": "track", "event": "e", "userId": "u", **USES[use].members}


@pytest.mark.parametrize("use", USES)
def test_which_types_are_mapped_in_columns(use: str) -> None:
    mapping, options = read_mapping(mapping_of(use)), USES[use].options
    frames = {name: frame_of({"x": column(kind, [])}) for name, kind in TABLE.items()}
    done = {name for name, frame in frames.items() if compile_columns(mapping, frame.schema, options)}
    assert done == IN_COLUMNS[use]


@pytest.mark.parametrize("name", TABLE)
@examples(5)
@given(data=st.data())
def test_each_type_wherever_it_can_stand(name: str, data: st.DataObject) -> None:
    """All values at once, and each alone: what is seen of one must not change the others."""
    kind = TABLE[name]
    values = data.draw(st.lists(st.none() | kind.usual | kind.odd, max_size=8))
    frame = frame_of({"x": column(kind, values)})
    for use, (_, options) in USES.items():
        plan = compile_columns(read_mapping(mapping_of(use)), frame.schema, options)
        if plan is None:
            continue
        [expected] = by_rows(mapping_of(use), frame, options)
        for start, count in [(0, frame.height), *((row, 1) for row in range(frame.height))]:
            made = plan.apply(frame.slice(start, count))
            assert made in (None, [expected[start : start + count]])


def test_every_type_of_polars_is_in_the_table() -> None:
    """A new version of polars may bring types of which nobody knows yet what they become."""
    types = {
        name for name, value in vars(pl).items() if inspect.isclass(value) and issubclass(value, pl.DataType)
    }
    known = {type(kind.dtype).__name__ for kind in TABLE.values()}
    assert types == known | REFUSED | {"DataType", "Utf8"}


@pytest.mark.parametrize("dtype", [pl.Object(), pl.Map(pl.String(), pl.Int64()), pl.List(pl.Object())])
def test_tables_with_other_types_are_mapped_row_by_row(dtype: Any) -> None:
    mapping = read_mapping({"type": "page", "userId": "$id"})
    assert compile_columns(mapping, {"id": pl.String()}, compiling())
    assert compile_columns(mapping, {"id": pl.String(), "x": dtype}, compiling()) is None


# Any mapping of any table

NAMES = ["a", "b", "c d", 'q"', "$x", "1"]


class Table(NamedTuple):
    """A table, and the types of its columns."""

    frame: pl.DataFrame
    kinds: dict[str, Kind]


@st.composite
def tables(draw: st.DrawFn, kinds: st.SearchStrategy[Kind], *, odd: bool) -> Table:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
    columns = {name: draw(kinds) for name in names}
    height = draw(st.integers(0, 6))
    series = {}
    for name, kind in columns.items():
        values = st.none() | kind.usual
        if odd and draw(st.integers(0, 9)) == 0:
            values |= kind.odd
        series[name] = column(kind, draw(st.lists(values, min_size=height, max_size=height)))
    return Table(frame_of(series), columns)


def written(name: str) -> str:
    return f"${{{name}}}"


CONSTANTS: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 1, -1.5, "", "text", "$$x", 'q"', [], {}, {"a": None}]
)


def nodes(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Members of an event's objects."""
    return st.recursive(
        leaves | CONSTANTS,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(TEXTS.filter("$".__ne__), inner, max_size=3)
        ),
        max_leaves=8,
    )


@st.composite
def mappings(draw: st.DrawFn, names: list[str]) -> list[dict[str, Any]]:
    """Mappings that may do anything with these columns."""
    column = st.sampled_from(names)
    kind = st.sampled_from(["number", "text", "boolean", "json", "base64", "timestamp"])
    path = st.sampled_from(["a", "0", "a.b", "$x", "1.a"])
    plain = column.map(written)
    typed = st.builds(lambda name, kind: {"$": name, "as": kind}, column, kind)
    within = st.builds(lambda name, path: {"$": name, "path": path}, column, path)
    leaf = plain | plain | plain | typed | within
    objects = st.dictionaries(TEXTS.filter("$".__ne__), nodes(leaf), max_size=4) | st.just("$*") | plain
    test = st.builds(lambda name, test: {"$": name, **test}, column, st.sampled_from(TESTS))
    template = st.fixed_dictionaries(
        {"type": st.sampled_from(["page", "identify", "screen"]) | plain, "userId": leaf},
        optional={
            "anonymousId": leaf | st.just("anonymous"),
            "messageId": leaf,
            "timestamp": leaf,
            "name": leaf,
            "properties": objects,
            "context": objects,
            "when": test | test.map(lambda test: {"not": test}) | st.lists(test, min_size=1, max_size=2),
        },
    )
    templates = draw(st.lists(template, min_size=1, max_size=3))
    return [dict(draw(st.permutations(list(each.items())))) for each in templates]


TESTS: list[dict[str, Any]] = [{"is_null": True}, {"is_null": False}]
TESTS += [{"equals": value} for value in ("a", "", 1, 0, 1.5, True, False, "1970-01-01")]


@given(data=st.data())
def test_any_mapping_of_any_table(data: st.DataObject) -> None:
    table = data.draw(tables(ANY_KIND, odd=True))
    names = list(table.kinds)
    mapping = data.draw(mappings(names))
    keys = data.draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
    options = compiling(
        *keys,
        timestamp_may_be_null=data.draw(st.booleans()),
        nulls=data.draw(st.sampled_from(["keep", "drop"])),
        naive_timezone=data.draw(st.sampled_from([None, "UTC", "Europe/Berlin"])),
    )
    read = read_mapping(mapping)
    assume(all(name in names for name in read.names))
    try:
        key_columns(read, keys)
    except ValueRejected:
        assume(False)
    made = by_columns(mapping, table.frame, options)
    assert made is None or made == by_rows(mapping, table.frame, options)


WITHOUT_BINARY = st.sampled_from([kind for name, kind in KINDS.items() if name != "binary"])
PLAIN_KIND = st.recursive(
    WITHOUT_BINARY.filter(lambda kind: "128" not in str(kind.dtype)), nested, max_leaves=4
)
IDS = ["int32", "int64", "uint64", "int128", "string", "categorical", "enum", "whole decimal", "null"]
KEYS = ["int8", "int64", "uint64", "whole decimal", "date", "datetime us UTC", "datetime ns Europe/Berlin"]


@given(data=st.data())
def test_usual_data_is_mapped_in_columns(data: st.DataObject) -> None:
    """Nulls, quotes, long numbers and the like included: only what is said to be odd goes by rows."""
    kinds = {name: data.draw(PLAIN_KIND) for name in ("x", "y", "z")}
    kinds["id"] = KINDS[data.draw(st.sampled_from(IDS))]
    kinds["text"] = KINDS[data.draw(st.sampled_from(sorted(TEXT)))]
    kinds["moment"] = KINDS[data.draw(st.sampled_from(sorted(INSTANTS)))]
    kinds["key"] = KINDS[data.draw(st.sampled_from(KEYS))]
    height = data.draw(st.integers(1, 6))
    columns = {}
    for name, kind in kinds.items():
        values = kind.usual if name == "key" else st.none() | kind.usual
        columns[name] = column(kind, data.draw(st.lists(values, min_size=height, max_size=height)))
    leaf = st.sampled_from(["$x", "$y", "$z", "$id", "$text", "$moment", {"$": "moment", "as": "text"}])
    objects = st.dictionaries(TEXTS.filter("$".__ne__), nodes(leaf), max_size=4)
    test = st.sampled_from([{"$": name, "is_null": True} for name in kinds])
    test |= st.sampled_from([{"$": "text", "equals": text} for text in ("a", "", "true")])
    template = st.fixed_dictionaries(
        {"type": st.just("track"), "event": st.sampled_from(["$text", "Seen"]), "userId": st.just("$id")},
        optional={
            "anonymousId": st.just("$text"),
            "timestamp": st.just("$moment"),
            "properties": objects | st.just("$*"),
            "context": objects | st.just("$x"),
            "when": test | test.map(lambda test: {"not": test}),
        },
    )
    mapping = [
        dict(data.draw(st.permutations(list(each.items()))))
        for each in data.draw(st.lists(template, min_size=1, max_size=2))
    ]
    options = compiling(
        *data.draw(st.sampled_from([(), ("key",)])), nulls=data.draw(st.sampled_from(["keep", "drop"]))
    )
    assert agree(mapping, frame_of(columns), options)


# What is left to the row function


def microseconds(text: str) -> int:
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1)) // timedelta(microseconds=1)


MIDSUMMER = microseconds("2026-06-21T12:00:00")


@pytest.mark.parametrize(
    ("use", "name", "usual", "odd"),
    [
        ("inside", "date", 0, YEAR_10000),
        ("inside", "datetime us UTC", 0, YEAR_1 * DAY * 10**6 - 1),
        ("inside", "duration us", 1, 2**53 + 1),
        ("inside", "duration ns", 1_000, 1_001),
        ("as text", "float64", 1e22, math.nan),
        ("as number", "string", "1.50", "01"),
        ("as number", "string", "123456789012345", "1234567890123456"),
        ("as boolean", "int64", 1, 2),
        ("as boolean", "string", "true", "yes"),
        ("timestamp", "string", "2026-01-02T03:04:05Z", "2026-01-02 03:04:05Z"),
        ("timestamp", "string", "2026-01-02T03:04:05.123456Z", ""),
        ("local timestamp", "datetime us None", MIDSUMMER, microseconds("2026-10-25T12:00:00")),
        ("local timestamp", "datetime us None", MIDSUMMER, microseconds("2100-01-01")),
        ("local timestamp", "date", 0, -1),
        ("seconds", "int64", 1_767_323_045, 2**40),
        ("id", "price", "100.00", "1.50"),
        ("id", "float64", 2.0**53 - 1, 2.0**53),
        ("id", "float64", -0.0, 1.5),
        ("key", "string", "a", ""),
        ("key", "string", "a", None),
        ("key", "int64", 2**60, None),
        ("own id", "string", 'a"', ""),
    ],
)
def test_one_odd_value_leaves_its_chunk_to_the_row_function(
    use: str, name: str, usual: Any, odd: Any
) -> None:
    frame = frame_of({"x": column(KINDS[name], [usual, usual, odd, usual])})
    mapping, options = read_mapping(mapping_of(use)), USES[use].options
    plan = ColumnPlan(mapping, frame.schema, options)
    assert plan.apply(frame) is None
    [expected] = by_rows(mapping_of(use), frame, options)
    assert plan.apply(frame.slice(0, 2)) == [expected[:2]] and plan.apply(frame.slice(3)) == [expected[3:]]


def test_an_event_without_a_timestamp_is_left_to_the_row_function_unless_there_is_a_default() -> None:
    frame = frame_of({"x": column(KINDS["datetime us UTC"], [0, None])})
    mapping = mapping_of("timestamp")
    assert agree(mapping, frame, compiling())
    assert not agree(mapping, frame, compiling(timestamp_may_be_null=False))
    assert agree(mapping, frame.head(1), compiling(timestamp_may_be_null=False))


def test_an_id_follows_a_type_that_is_null() -> None:
    frame = frame_of({"x": pl.Series(["page", None]), "id": pl.Series([1, 2])})
    assert agree({"type": "$x", "userId": "$id"}, frame, compiling("id"))


@pytest.mark.parametrize("dtype", [pl.Date(), pl.List(pl.Date()), pl.Struct({"a": pl.Date()})])
def test_what_rows_cannot_hold_counts_in_columns_that_are_not_mapped(dtype: Any) -> None:
    days = pl.Series([0, YEAR_10000], dtype=pl.Int32)
    other = (
        days.cast(pl.Date())
        if dtype == pl.Date
        else days.reshape((2, 1)).arr.to_list().cast(pl.List(pl.Date))
    )
    if isinstance(dtype, pl.Struct):
        other = pl.DataFrame({"a": days.cast(pl.Date())}).to_struct()
    frame = frame_of({"x": pl.Series(["a", "b"]), "other": other})
    assert frame.schema["other"] == dtype
    assert agree(mapping_of("id"), frame.head(1), compiling())
    assert by_columns(mapping_of("id"), frame, compiling()) is None


@given(data=st.data())
def test_local_times_of_any_zone(data: st.DataObject) -> None:
    zone = data.draw(st.sampled_from(sorted(available_timezones())))
    last = microseconds("2099-12-31T23:59:59.999999")
    times = st.integers(0, last) | st.integers(0, last // 3_600_000_000).map(
        lambda hour: hour * 3_600_000_000
    )
    values = data.draw(st.lists(times, min_size=1, max_size=8))
    frame = frame_of({"x": column(KINDS["datetime us None"], values)})
    mapping = {"type": "page", "userId": "u", "timestamp": {"$": "x", "as": "timestamp", "timezone": zone}}
    plan = ColumnPlan(read_mapping(mapping), frame.schema, compiling())
    [expected] = by_rows(mapping, frame, compiling())
    for row, value in enumerate(values):
        midnight = datetime(1970, 1, 1, tzinfo=ZoneInfo(zone)) + timedelta(value // (DAY * 10**6))
        is_usual_day = midnight.utcoffset() == (midnight + timedelta(1)).utcoffset()
        assert plan.apply(frame.slice(row, 1)) == ([[expected[row]]] if is_usual_day else None)


# Plans


@pytest.mark.parametrize("height", [0, 1, 3])
def test_events_without_a_column(height: int) -> None:
    frame = frame_of({"x": pl.Series(["a"] * height, dtype=pl.String)})
    mapping = [
        {"type": "page", "userId": "u", "properties": {"a": [1]}},
        {"type": "identify", "userId": "u", "when": {"$": "x", "equals": 1}},
    ]
    assert agree(mapping, frame, compiling())
    assert agree(mapping, frame, compiling("x"))


def test_names_that_are_patterns_in_polars() -> None:
    names = ["*", "^.*$", "$0", "messageId", "a"]
    frame = pl.DataFrame({name: [name] for name in names})
    mapping = {"type": "page", "userId": "${*}", "properties": "$*", "traits": {"x": "${^.*$}"}}
    assert agree(mapping, frame, compiling("^.*$"))
    structs = pl.DataFrame({"x": [{"*": 1, "a": 2}]})
    assert by_columns(mapping_of("inside"), structs, compiling()) is None, "they would be all fields"


def test_a_plan_keeps_few_expressions_however_odd_the_data() -> None:
    frame = pl.DataFrame({str(number): ["", None] for number in range(8)})
    members = {name: f"${{{name}}}" for name in frame.columns}
    plan = ColumnPlan(
        read_mapping({"type": "page", "userId": "u", "properties": members}), frame.schema, compiling()
    )
    for nulls in range(256):
        chunk = frame.select(pl.nth(number).slice(nulls >> number & 1, 1) for number in range(8))
        [[event]] = plan.apply(chunk) or [[None]]
        assert event is not None and event.count(b"null") == nulls.bit_count()
        assert len(plan._variants) <= KEPT_VARIANTS
