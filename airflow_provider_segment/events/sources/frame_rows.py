"""Rows of a DataFrame of polars, and columns in the form in which rows of all readers agree."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, overload

from airflow_provider_segment.errors import SegmentEventError
from airflow_provider_segment.events.sources.polars_library import import_polars, polars_errors
from airflow_provider_segment.events.sources.tables import MalformedRow

MAX_DECIMAL_DIGITS = 38
DAYS = (-719_162, 2_932_896)
"""The first and the last day of Python's calendar, in days since 1970."""
UNITS = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
"""Of times, in a second."""
DAY_SECONDS = 86_400
NOT_IN_CALENDAR = "its year is before 1 or after 9999"


class FrameRows(Sequence[Any]):
    """The rows of a DataFrame as tuples.

    A row that Python cannot hold is a :class:`.MalformedRow`.

    :param frame: is kept as ``frame``, for those who work by columns
    """

    def __init__(self, frame: Any) -> None:
        self.frame = frame

    def __len__(self) -> int:
        return int(self.frame.height)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> FrameRows: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return FrameRows(self.frame[index])
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.faults.get(index) or self._row(index)

    def __iter__(self) -> Iterator[Any]:
        faults = self.faults
        if not faults:
            try:
                with polars_errors():
                    return iter(self.frame.rows())
            except (ArithmeticError, ValueError):
                pass  # a value inside a list or an object
        return (faults.get(index) or self._row(index) for index in range(len(self)))

    def _row(self, index: int) -> Any:
        try:
            with polars_errors():
                return self.frame.row(index)
        except (ArithmeticError, ValueError) as error:
            return self._fault(index, error)

    def _fault(self, index: int, error: Exception) -> SegmentEventError:
        for name in self.frame.columns:
            try:
                with polars_errors():
                    self.frame[name][index : index + 1].to_list()
            except (ArithmeticError, ValueError) as found:
                return MalformedRow(f"{name}: {found}", "")
        return MalformedRow(str(error), "")

    @cached_property
    def faults(self) -> dict[int, SegmentEventError]:
        """The rows with a date or a time that Python's calendar does not have."""
        import polars as pl

        found: dict[int, SegmentEventError] = {}
        for name, dtype in self.frame.schema.items():
            if dtype != pl.Date and not isinstance(dtype, pl.Datetime):
                continue
            first, last = DAYS
            if isinstance(dtype, pl.Datetime):
                units = DAY_SECONDS * UNITS[dtype.time_unit]
                first, last = first * units, (last + 1) * units - 1
            numbers = self.frame[name].to_physical()
            least, most = numbers.min(), numbers.max()
            if least is not None and (least < first or most > last):
                for index in ((numbers < first) | (numbers > last)).arg_true():
                    found.setdefault(index, MalformedRow(f"{name}: {NOT_IN_CALENDAR}", ""))
        return found


def plain_columns(schema: Mapping[str, Any], uuids: Collection[str] = ()) -> list[Any]:
    """Expressions that bring columns into the form in which other readers have them.

    Times with a zone are in UTC, nanoseconds are cut to microseconds, floats of 32 and 16 bits are the
    numbers that they are written as (0.1, not 0.10000000149011612), UUIDs are text, and extension types what
    they are stored as.

    :param uuids: columns of UUIDs, as bytes
    :raises ValueError: a column cannot be read, with its name
    """
    pl = import_polars()
    columns = []
    for name, dtype in schema.items():
        if _is_in(pl, dtype, lambda part: _is_too_long(pl, part)):
            raise ValueError(
                f"the column {name} cannot be read: it is {dtype}, and decimals may have up to "
                f"{MAX_DECIMAL_DIGITS} digits. Cast it when it is written, or leave it out of the mapping"
            )
        column = pl.selectors.by_name(name).as_expr()  # pl.col takes * and ^.*$ for patterns
        if isinstance(dtype, pl.BaseExtension):
            column = column.ext.storage()
        elif name in uuids and dtype == pl.Binary:
            column = column.bin.encode("hex").str.replace("^(.{8})(.{4})(.{4})(.{4})", "$1-$2-$3-$4-")
        elif not _is_in(pl, dtype, lambda part: isinstance(part, pl.BaseExtension)):
            for form in (_plain(pl, dtype, pl.String()), _plain(pl, dtype, pl.Float64())):
                if form != dtype:
                    column = column.cast(form)
        columns.append(column)
    return columns


def _is_too_long(pl: Any, dtype: Any) -> bool:
    return isinstance(dtype, pl.Decimal) and (dtype.precision or 0) > MAX_DECIMAL_DIGITS


def _is_in(pl: Any, dtype: Any, test: Callable[[Any], bool]) -> bool:
    """Whether a type, or one inside it, passes a test."""
    return test(dtype) or any(_is_in(pl, part, test) for part in _parts(pl, dtype))


def _parts(pl: Any, dtype: Any) -> list[Any]:
    if isinstance(dtype, (pl.List, pl.Array)):
        return [dtype.inner]
    if isinstance(dtype, pl.Struct):
        return [field.dtype for field in dtype.fields]
    if isinstance(dtype, pl.Map):
        return [dtype.key, dtype.value]
    return []


def _plain(pl: Any, dtype: Any, short_float: Any) -> Any:
    """The type with other types of floats, and other units and zones of times, in it.

    :param short_float: instead of a float of less than 64 bits
    """
    if dtype in (pl.Float32, pl.Float16):
        return short_float
    if isinstance(dtype, pl.Datetime):
        unit = "us" if dtype.time_unit == "ns" else dtype.time_unit
        return pl.Datetime(unit, "UTC" if dtype.time_zone else None)
    parts = [_plain(pl, part, short_float) for part in _parts(pl, dtype)]
    if isinstance(dtype, pl.List):
        return pl.List(*parts)
    if isinstance(dtype, pl.Array):
        return pl.Array(*parts, dtype.size)
    if isinstance(dtype, pl.Map):
        return pl.Map(*parts)
    if isinstance(dtype, pl.Struct):
        return pl.Struct(dict(zip((field.name for field in dtype.fields), parts, strict=True)))
    return dtype
