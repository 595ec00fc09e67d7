"""Columns as they are written where no type is asked for: what :func:`.cell` makes of a value."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import partial

from airflow_provider_segment.events.mapping.column_text import (
    Expression,
    Facts,
    Member,
    NotInColumnsError,
    Seen,
    Source,
    Text,
    Writer,
    object_text,
)
from airflow_provider_segment.events.sources.frame_rows import DAY_SECONDS, DAYS, UNITS
from airflow_provider_segment.events.sources.polars_library import import_polars
from airflow_provider_segment.values import DIGITS_IN_FLOAT, EXACT_IN_FLOAT

SPECIAL = bytes(range(0x20)) + b'"\\'
"""What is escaped in JSON."""

WITH_EXPONENT = 1e16
"""From here on, floats are written with an exponent, and polars writes a plus in it."""


class CellWriters:
    """Makes writers, and asks of a chunk what they have to know.

    Columns must have passed :meth:`check_readable`.
    """

    def __init__(self, facts: Facts) -> None:
        self._pl = import_polars()
        self._facts = facts

    def cell(self, source: Source) -> Writer:
        """How values are written.

        :raises NotInColumnsError: only the row function can write this type
        """
        pl = self._pl
        source = self.plain(source)
        dtype = source.dtype
        if dtype.is_integer():
            return self._integer(source)
        write = {
            pl.Null: self._nothing,
            pl.String: self._string,
            pl.Boolean: self._written,
            pl.Float64: self._float,
            pl.Decimal: self._decimal,
            pl.Date: self._date,
            pl.Time: self._time,
            pl.Datetime: self._datetime,
            pl.Duration: self._duration,
            pl.Struct: self._struct,
            pl.List: self._list,
        }.get(dtype.base_type())
        if write is None:
            raise NotInColumnsError(dtype)
        return write(source)

    def plain(self, source: Source) -> Source:
        """The same values in one of fewer types."""
        pl = self._pl
        if isinstance(source.dtype, (pl.Categorical, pl.Enum)):
            return source.each(lambda values: values.cast(pl.String), pl.String())
        if isinstance(source.dtype, pl.Array):
            return source.each(lambda values: values.arr.to_list(), pl.List(source.dtype.inner))
        return source

    def null(self, source: Source) -> Hashable:
        """The fact that there are nulls."""
        return self._facts.ask("null", source, source.all.null_count())

    def _nothing(self, source: Source) -> Writer:
        text = Text((source.values.cast(self._pl.String),), may_be_null=True)
        return lambda seen: text

    def _written(self, source: Source) -> Writer:
        """As polars writes them."""
        return self._parts(source, source.values.cast(self._pl.String))

    def _parts(self, source: Source, *parts: str | Expression) -> Writer:
        null = self.null(source)
        return lambda seen: Text(parts, null in seen)

    def _string(self, source: Source) -> Writer:
        pl = self._pl
        null = self.null(source)
        special = self._facts.ask("special", source, source.all.str.join("").cast(pl.Binary), _has_special)
        values = source.values
        # Only polars escapes fast; it writes {"_":"..."}.
        escaped = pl.struct(values.alias("_")).struct.json_encode().str.strip_prefix('{"_":')
        escaped = pl.when(values.is_not_null()).then(escaped.str.strip_suffix("}"))
        return lambda seen: Text((escaped,) if special in seen else ('"', values, '"'), null in seen)

    def _integer(self, source: Source) -> Writer:
        pl = self._pl
        if source.dtype in (pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32):
            return self._written(source)
        null = self.null(source)
        most = pl.lit(EXACT_IN_FLOAT, dtype=source.dtype)

        def is_long(values: Expression) -> Expression:
            return (values > most) | (values < -most) if source.dtype.is_signed_integer() else values > most

        long = self._facts.ask("long", source, is_long(source.all).any())
        text = source.values.cast(pl.String)
        exact = pl.when(is_long(source.values)).then(Text((text,)).quoted().joined()).otherwise(text)
        return lambda seen: Text((exact if long in seen else text,), null in seen)

    def _float(self, source: Source) -> Writer:
        pl = self._pl
        null = self.null(source)
        odd = self._facts.ask("odd", source, (source.all.abs() < WITH_EXPONENT).not_().any())
        values = source.values
        text = values.cast(pl.String)
        exact = pl.when(values.is_finite()).then(text.str.replace("e+", "e", literal=True))
        exact = exact.when(values.is_not_null()).then(pl.lit("null"))
        return lambda seen: Text((exact if odd in seen else text,), null in seen)

    def _decimal(self, source: Source) -> Writer:
        pl = self._pl
        null, long = self.null(source), self.long_decimal(source)
        number = self.digits(source)
        significant = number.str.replace(".", "", literal=True)
        significant = significant.str.strip_chars_start("-0").str.strip_chars_end("0")
        exact = pl.when(significant.str.len_bytes() > DIGITS_IN_FLOAT)
        exact = exact.then(Text((number,)).quoted().joined()).otherwise(number)
        return lambda seen: Text((exact if long in seen else number,), null in seen)

    def long_decimal(self, source: Source) -> Hashable:
        """The fact that there are decimals of more digits than a float keeps."""
        most = 10**DIGITS_IN_FLOAT
        short = source.all.to_physical().is_between(-most, most, closed="none")
        return self._facts.ask("long", source, short.not_().any())

    def digits(self, source: Source) -> Expression:
        """Decimals without zeros at the end."""
        text = source.values.cast(self._pl.String)
        return text.str.strip_chars_end("0").str.strip_chars_end(".") if source.dtype.scale else text

    def _date(self, source: Source) -> Writer:
        return self._parts(source, '"', source.values.cast(self._pl.String), '"')

    def _time(self, source: Source) -> Writer:
        text = source.values.dt.to_string("%T%.6f").str.strip_suffix(".000000")
        return self._parts(source, '"', text, '"')

    def _datetime(self, source: Source) -> Writer:
        if source.dtype.time_unit == "ns":
            raise NotInColumnsError(source.dtype)
        return self.moment(source, source.values, "Z" if source.dtype.time_zone else "")

    def moment(self, source: Source, times: Expression, zone: str) -> Writer:
        """How times are written.

        :param source: what they were made of
        :param zone: is written behind them
        """
        text = times.dt.cast_time_unit("us").dt.replace_time_zone(None).dt.to_string("iso:strict")
        return self._parts(source, '"', text.str.strip_suffix(".000000"), f'{zone}"')

    def _duration(self, source: Source) -> Writer:
        pl = self._pl
        if source.dtype.time_unit == "ns":
            cut = (source.all.to_physical() % 1_000 != 0).any()
            self._facts.refuse(self._facts.ask("nanoseconds", source, cut))
        # Not by a division: polars multiplies by 0.000001, which no float is.
        microseconds = source.values.dt.total_microseconds().cast(pl.String)
        seconds = Text((microseconds, "e-6")).joined().cast(pl.Float64)
        return self._parts(source, seconds.cast(pl.String).str.strip_suffix(".0"))

    def _struct(self, source: Source) -> Writer:
        pl = self._pl
        null = self.null(source)
        writers = [(name, self.cell(field)) for name, field in self.fields(source)]
        if not writers:
            raise NotInColumnsError(source.dtype)

        def write(seen: Seen) -> Text:
            text = object_text([Member(name, writer(seen)) for name, writer in writers])
            if null not in seen:
                return text
            return Text((pl.when(source.values.is_not_null()).then(text.joined()),), may_be_null=True)

        return write

    def fields(self, source: Source) -> Iterator[tuple[str, Source]]:
        """The fields of structs.

        :raises NotInColumnsError: polars would take a name for a pattern
        """
        for field in source.dtype.fields:
            name = field.name
            if name == "*" or (name.startswith("^") and name.endswith("$")):
                raise NotInColumnsError(name)
            yield name, source.part(name, partial(_field, name), field.dtype)

    def _list(self, source: Source) -> Writer:
        null = self.null(source)
        writer = self.cell(self._items(source))

        def write(seen: Seen) -> Text:
            item = Text(writer(seen).or_null()).joined()
            return Text(("[", source.values.list.eval(item).list.join(","), "]"), null in seen)

        return write

    def _items(self, source: Source) -> Source:
        return Source((source.place, "[]"), self._pl.element(), source.all.explode(), source.dtype.inner)

    def check_readable(self, source: Source) -> None:
        """Leave chunks with values that Python cannot hold to the row function, which rejects their rows.

        :raises NotInColumnsError: it is not known what it does with this type
        """
        pl = self._pl
        source = self.plain(source)
        dtype = source.dtype
        if isinstance(dtype, pl.List):
            self.check_readable(self._items(source))
        elif isinstance(dtype, pl.Struct):
            for _, field in self.fields(source):
                self.check_readable(field)
        elif dtype == pl.Date:
            self._refuse_outside(source, *DAYS)
        elif isinstance(dtype, pl.Datetime):
            if dtype.time_zone not in (None, "UTC"):
                raise NotInColumnsError(dtype)
            if dtype.time_unit != "ns":  # what 64 bits hold of those is in the calendar
                day = DAY_SECONDS * UNITS[dtype.time_unit]
                self._refuse_outside(source, DAYS[0] * day, (DAYS[1] + 1) * day - 1)
        elif isinstance(dtype, pl.Duration):
            most = EXACT_IN_FLOAT * UNITS[dtype.time_unit] // UNITS["us"]
            self._refuse_outside(source, -most, most)
        elif not (dtype.is_numeric() or dtype in (pl.Null, pl.String, pl.Binary, pl.Boolean, pl.Time)):
            raise NotInColumnsError(dtype)

    def _refuse_outside(self, source: Source, first: int, last: int) -> None:
        inside = source.all.to_physical().is_between(first, last)
        self._facts.refuse(self._facts.ask("outside", source, inside.not_().any()))


def _field(name: str, structs: Expression) -> Expression:
    return structs.struct.field(name)


def _has_special(text: bytes | None) -> bool:
    return text is not None and len(text.translate(None, SPECIAL)) < len(text)
