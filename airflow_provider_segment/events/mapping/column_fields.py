"""Columns that a mapping gives a type or a path, that are a field of an event or a key, or that it tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_segment.events.mapping.column_cells import CellWriters
from airflow_provider_segment.events.mapping.column_text import (
    Expression,
    Facts,
    NotInColumnsError,
    Source,
    Text,
    Writer,
)
from airflow_provider_segment.events.mapping.template import EPOCHS, Column
from airflow_provider_segment.events.sources.frame_rows import DAY_SECONDS, DAYS, UNITS
from airflow_provider_segment.values import DIGITS_IN_FLOAT, EXACT_IN_FLOAT

NUMBER = r"^(?:-?[1-9][0-9]*|0)(?:\.[0-9]+)?$"
"""Text that is a number in JSON, and is written as it is if it is short."""

UTC_CHARACTERS = len("2026-01-02T03:04:05.123456Z")

OFFSETS_FROM = date(1970, 1, 1)
OFFSETS_TO = date(2100, 1, 1)
"""Between these days, local times are converted."""


class FieldWriters(CellWriters):
    """Also makes writers of what is more than a value inside an object.

    :param naive_timezone: of times without a zone, where one is needed
    """

    def __init__(self, facts: Facts, naive_timezone: str | None) -> None:
        super().__init__(facts)
        self._naive_timezone = naive_timezone

    def _refuse(self, what: str, source: Source, answer: Expression) -> None:
        self._facts.refuse(self._facts.ask(what, source, answer))

    def at(self, source: Source, path: tuple[str | int, ...]) -> Source:
        """What is at a path into the values of rows.

        :raises NotInColumnsError: the way leads through text, which may be JSON
        """
        pl = self._pl
        for step in path:
            source = self.plain(source)
            dtype = source.dtype
            if dtype == pl.String or (isinstance(dtype, pl.List) and isinstance(step, int) and step < 0):
                raise NotInColumnsError(path)
            if isinstance(dtype, pl.Struct):
                fields = dict(self.fields(source))
                source = fields.get(str(step), _nothing(pl))
            elif isinstance(dtype, pl.List) and isinstance(step, int):
                source = source.part(step, partial(_item, step), dtype.inner)
            else:
                source = _nothing(pl)
        return source

    # The types that a mapping may name

    def converted(self, source: Source, column: Column) -> Writer:
        """How values are written as the type that a mapping names."""
        source = self.plain(source)
        if column.kind is None or source.dtype == self._pl.Null:
            return self.cell(source)
        if column.kind == "timestamp":
            return self.timestamp(source, column)
        convert: Callable[[Source], Writer] = {
            "number": self._as_number,
            "text": self._as_text,
            "boolean": self._as_boolean,
            "json": self._as_json,
            "base64": self._as_base64,
        }[column.kind]
        return convert(source)

    def _as_number(self, source: Source) -> Writer:
        pl = self._pl
        if source.dtype.is_numeric() or isinstance(source.dtype, pl.Duration):
            return self.cell(source)
        if source.dtype != pl.String:
            raise NotInColumnsError(source.dtype)
        short = source.all.str.contains(NUMBER) & (source.all.str.len_bytes() <= DIGITS_IN_FLOAT)
        self._refuse("no short number", source, short.not_().any())
        return self._parts(source, source.values)

    def _as_text(self, source: Source) -> Writer:
        pl = self._pl
        dtype = source.dtype
        if dtype in (pl.String, pl.Date, pl.Time) or isinstance(dtype, pl.Datetime):
            return self.cell(source)
        if dtype.is_integer() or dtype == pl.Boolean or isinstance(dtype, pl.Decimal):
            return self._parts(source, '"', source.values.cast(pl.String), '"')
        if dtype == pl.Float64:
            self._refuse("not finite", source, source.all.is_finite().not_().any())
        elif not isinstance(dtype, pl.Duration):
            raise NotInColumnsError(dtype)
        write = self.cell(source)
        return lambda seen: write(seen).quoted()

    def _as_boolean(self, source: Source) -> Writer:
        pl = self._pl
        if source.dtype == pl.Boolean:
            return self.cell(source)
        if source.dtype.is_integer():
            self._refuse("no boolean", source, source.all.is_between(0, 1).not_().any())
            return self._parts(source, (source.values == 1).cast(pl.String))
        if source.dtype == pl.String:
            self._refuse("no boolean", source, source.all.is_in(["true", "false"]).not_().any())
            return self._parts(source, source.values)
        raise NotInColumnsError(source.dtype)

    def _as_json(self, source: Source) -> Writer:
        if source.dtype == self._pl.String:
            raise NotInColumnsError(source.dtype)
        return self.cell(source)

    def _as_base64(self, source: Source) -> Writer:
        if source.dtype == self._pl.Binary:
            return self._parts(source, '"', source.values.bin.encode("base64"), '"')
        if source.dtype == self._pl.String:
            return self.cell(source)
        raise NotInColumnsError(source.dtype)

    def timestamp(self, source: Source, column: Column) -> Writer:
        """How values are written that are a point in time."""
        pl = self._pl
        source = self.plain(source)
        dtype = source.dtype
        zone = column.timezone or self._naive_timezone
        if column.kind not in (None, "timestamp"):
            raise NotInColumnsError(column.kind)
        if dtype == pl.Null:
            return self.cell(source)
        if column.format in EPOCHS:
            return self._since_1970(source, EPOCHS[column.format])
        if dtype == pl.String and not column.format:
            # What does not end in Z is read, and written in another form.
            in_utc = source.all.str.slice(10, 1) == "T"
            in_utc &= source.all.str.ends_with("Z") & (source.all.str.len_chars() <= UTC_CHARACTERS)
            self._refuse("not in UTC", source, in_utc.not_().any())
            return self.cell(source)
        if isinstance(dtype, pl.Datetime) and dtype.time_zone:
            return self.cell(source)
        if zone and (dtype == pl.Date or (isinstance(dtype, pl.Datetime) and dtype.time_unit != "ns")):
            return self._local(source, zone)
        raise NotInColumnsError(dtype)

    def _since_1970(self, source: Source, units: int) -> Writer:
        pl = self._pl
        if not source.dtype.is_integer() or source.dtype in (pl.UInt64, pl.Int128, pl.UInt128):
            raise NotInColumnsError(source.dtype)
        first, last = DAYS[0] * DAY_SECONDS * units, (DAYS[1] + 1) * DAY_SECONDS * units - 1
        inside = source.all.cast(pl.Int64).is_between(first, last)
        self._refuse(f"outside in {units}", source, inside.not_().any())
        times = (source.values.cast(pl.Int64) * (UNITS["us"] // units)).cast(pl.Datetime("us"))
        return self.moment(source, times, "Z")

    def _local(self, source: Source, zone: str) -> Writer:
        """Local times: Python's zones are used, because those of polars may be of another year."""
        pl = self._pl
        known = _offsets(zone)
        offsets = pl.lit(pl.Series(known, dtype=pl.Int64))

        def in_utc(values: Expression) -> Expression:
            times = values.cast(pl.Datetime("us"))
            day = times.dt.date().to_physical()
            offset = offsets.gather(pl.when(day.is_between(0, len(known) - 1)).then(day))
            return (times.to_physical() - offset).cast(pl.Datetime("us"))

        unknown = source.all.is_not_null() & in_utc(source.all).is_null()
        self._refuse(f"no offset in {zone}", source, unknown.any())
        return self.moment(source, in_utc(source.values), "Z")

    # Fields of events, and keys

    def id(self, source: Source, column: Column) -> Writer:
        """How ids are written: text; null where an event has none."""
        pl = self._pl
        source = self.plain(source)
        dtype = source.dtype
        if column.kind not in (None, "text"):
            raise NotInColumnsError(column.kind)
        if dtype == pl.String:
            return self._filled(source)
        if dtype == pl.Null:
            return self.cell(source)
        if column.kind == "text":
            return self._as_text(source)
        if dtype.is_integer():
            return self._parts(source, '"', source.values.cast(pl.String), '"')
        if isinstance(dtype, pl.Decimal):
            self._refuse("fraction", source, (source.all.to_physical() % 10**dtype.scale != 0).any())
            return self._parts(source, '"', self.digits(source), '"')
        if dtype == pl.Float64:
            whole = source.all.cast(pl.Int64, strict=False).cast(pl.Float64) == source.all
            whole &= source.all.abs() < EXACT_IN_FLOAT
            self._refuse("not whole", source, whole.fill_null(source.all.is_null()).not_().any())
            return self._parts(source, '"', source.values.cast(pl.Int64, strict=False).cast(pl.String), '"')
        raise NotInColumnsError(dtype)

    def _filled(self, source: Source) -> Writer:
        """How text is written: null where it is empty."""
        pl = self._pl
        empty = self._facts.ask("empty", source, (source.all == "").any())
        write = self.cell(source)
        write_filled = self.cell(source._replace(values=pl.when(source.values != "").then(source.values)))
        return lambda seen: Text(write_filled(seen).parts, True) if empty in seen else write(seen)

    def name(self, source: Source, column: Column) -> Writer:
        """How the name of an event is written, or its type: text; null where it has none."""
        dtype = self.plain(source).dtype
        if column.kind is None and not (dtype == self._pl.String or dtype.is_integer()):
            raise NotInColumnsError(dtype)
        return self.id(source, column)

    def require(self, source: Source) -> None:
        """Leave chunks to the row function where values are null or empty."""
        source = self.plain(source)
        self._facts.refuse(self.null(source))
        if source.dtype == self._pl.String:
            self._refuse("empty", source, (source.all == "").any())

    def key(self, source: Source, column: Column) -> Writer:
        """How the text of a key is written: of all readers the same."""
        pl = self._pl
        source = self.plain(source)
        dtype = source.dtype
        self.require(source)
        if column.kind == "timestamp" and dtype != pl.String:
            return self.timestamp(source, column)
        if column.kind == "text":
            return self._as_text(source)
        is_number = dtype.is_integer() or isinstance(dtype, pl.Decimal)
        if column.kind == "number" and is_number:
            return self.id(source, Column(column.name))
        if column.kind is None and (is_number or dtype == pl.String):
            return self.id(source, column)
        if column.kind is None and (
            dtype == pl.Date or (isinstance(dtype, pl.Datetime) and dtype.time_zone is not None)
        ):
            return self.cell(source)
        raise NotInColumnsError(column)

    # Conditions

    def test(self, source: Source, column: Column, equals: tuple[Any] | None) -> Expression:
        """Whether values are null, or equal a constant."""
        if column.kind:
            raise NotInColumnsError(column.kind)
        source = self.plain(source)
        self.cell(source)  # of other types, the row function rejects the row
        if equals is None:
            return source.values.is_null()
        return self._equals(source, equals[0]).fill_null(False)

    def _equals(self, source: Source, constant: Any) -> Expression:
        pl = self._pl
        values, dtype = source.values, source.dtype
        if type(constant) not in (str, bool, int, float) or isinstance(dtype, (pl.Struct, pl.List)):
            raise NotInColumnsError(constant)
        is_number = type(constant) in (int, float)
        if is_number and not abs(constant) <= EXACT_IN_FLOAT:
            raise NotInColumnsError(constant)
        if dtype == pl.String and type(constant) is str:
            return values == constant
        if dtype == pl.Date and type(constant) is str:
            return values.cast(pl.String) == constant
        if dtype == pl.Boolean and type(constant) is bool:
            return values == constant
        if dtype == pl.Float64 and is_number:
            return values == float(constant)
        if dtype.is_integer() and is_number:
            if constant != int(constant):
                return pl.lit(False)
            return values.cast(pl.Int128, strict=False) == pl.lit(int(constant), dtype=pl.Int128)
        if isinstance(dtype, pl.Decimal) and type(constant) is not bool:
            self._facts.refuse(self.long_decimal(source))
            if not is_number:
                return pl.lit(False)
            return self.digits(source) == format((Decimal(repr(constant)) + 0).normalize(), "f")
        if dtype in (pl.Null, pl.String, pl.Date, pl.Boolean) or dtype.is_numeric():
            return pl.lit(False)
        raise NotInColumnsError(dtype)


def _item(index: int, lists: Expression) -> Expression:
    return lists.list.get(index, null_on_oob=True)


def _nothing(pl: Any) -> Source:
    return Source("nothing", pl.lit(None), pl.lit(None), pl.Null())


@lru_cache(8)
def _offsets(zone: str) -> list[int | None]:
    """Microseconds that local time is ahead of UTC, by days; None if that changes on the day."""
    days = range(OFFSETS_FROM.toordinal(), OFFSETS_TO.toordinal() + 1)
    place = ZoneInfo(zone)
    offsets = [
        datetime.combine(date.fromordinal(day), time(), place).utcoffset() // timedelta(microseconds=1)  # type: ignore[operator]
        for day in days
    ]
    return [offset if offset == next_day else None for offset, next_day in pairwise(offsets)]
