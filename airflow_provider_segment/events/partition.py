"""Cuts an input into parts that are about equally large: nothing is lost, and nothing is in two of them.

The same input is cut into the same parts. Parts go on where the one before ends, in the order of the input.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentInputError
from airflow_provider_segment.events.key_json import key_to_json
from airflow_provider_segment.events.parts import FilePiece, KeyRange, Part
from airflow_provider_segment.events.sources.content import read_content
from airflow_provider_segment.events.sources.files import describe
from airflow_provider_segment.events.sources.parquet_footer import MAGIC, read_row_groups
from airflow_provider_segment.events.sources.pieces import BYTE, ROW, Unit
from airflow_provider_segment.events.sources.sql_quantiles import KeyQuantiles
from airflow_provider_segment.events.sources.tables import UnreadableFileError

if TYPE_CHECKING:
    from upath import UPath

TOLERANCE = 0.1
"""As a share of a part: if a file ends as near as this to where a part should end, the file is not cut."""


class Cut(NamedTuple):
    """A place in a list of files.

    :param file: number of the file
    :param at: where in it, counted in ``unit``; 0 is before it
    """

    file: int
    at: int = 0
    unit: Unit | None = None


def partition_files(files: Sequence[UPath], most: int, least_bytes: int) -> list[Part]:
    """Parts of files: balanced by bytes.

    Uncompressed JSON Lines are cut at any byte, and Parquet between its row groups; others stay whole.

    :param most: the maximum number of parts
    :param least_bytes: of a part
    """
    facts = describe(files)
    cutter = _Cutter(files, [size for _, size, _ in facts])
    ideals, size = _ideals(cutter.total, most, least_bytes)
    cuts = [Cut(0)]
    for ideal in ideals:
        cut = cutter.nearest(ideal, TOLERANCE * size)
        if cuts[-1] < cut < Cut(len(files)):
            cuts.append(cut)
    stem = stem_of(common_name([path for path, _, _ in facts]))
    return [
        Part(_name(stem, number), pieces=_between(facts, start, end))
        for number, (start, end) in enumerate(pairwise([*cuts, Cut(len(files))]))
    ]


def partition_rows(quantiles: KeyQuantiles, most: int, least_rows: int) -> list[Part]:
    """Parts of the rows of a query: ranges of its column, balanced by rows. Rows with one key stay together.

    :param most: the maximum number of parts
    :param least_rows: of a part
    :returns: nothing if there are no rows
    :raises SegmentConfigurationError: the column is of a type that cannot be compared everywhere alike
    """
    rows = [row for block in quantiles for row in block.items]
    total = quantiles.nulls + (rows[0][2] if rows else 0)
    if not total:
        return []
    # Rows without a key are before all others: the range without a start has them.
    places = {quantiles.nulls + before: key for key, before, _ in rows if before}
    starts = sorted(places)
    ideals, _ = _ideals(total, most, least_rows)
    edges = sorted({_nearest(starts, ideal) for ideal in ideals} if starts else ())
    column = quantiles.column
    try:
        keys = [None, *(key_to_json(places[edge]) for edge in edges), None]
    except TypeError as error:
        raise SegmentConfigurationError(f"partition_column {error}") from None
    return [
        Part(_name(stem_of(column), number), range=KeyRange(column, start, end))
        for number, (start, end) in enumerate(pairwise(keys))
    ]


class _Cutter:
    """Finds places where a list of files can be cut. Only files that should be cut are looked into."""

    def __init__(self, files: Sequence[UPath], sizes: Sequence[int]) -> None:
        self._files = files
        self._starts = [0, *accumulate(sizes)]
        self.total = self._starts[-1]
        self._places: dict[int, dict[int, Cut] | None] = {}

    def nearest(self, byte: int, tolerance: float) -> Cut:
        """The place that is nearest to a byte of all files together.

        :param tolerance: bytes; the end of a file that is as near as that will do
        """
        file = bisect_right(self._starts, byte) - 1
        start, end = self._starts[file : file + 2]
        edges = {start: Cut(file), end: Cut(file + 1)}
        edge = _nearest(sorted(edges), byte)
        if abs(edge - byte) <= tolerance:
            return edges[edge]
        if file not in self._places:
            self._places[file] = _places_in(self._files[file], file)
        places = self._places[file]
        if places is None:
            return Cut(file, byte - start, BYTE)
        edges |= {start + at: cut for at, cut in places.items()}
        return edges[_nearest(sorted(edges), byte)]


def _places_in(file: UPath, number: int) -> dict[int, Cut] | None:
    """Where a file can be cut, by the bytes before; None for anywhere."""
    try:
        with file.open("rb") as raw:
            if raw.read(len(MAGIC)) == MAGIC:
                groups = [group for group in read_row_groups(raw) if group.rows]
                return {group.start: Cut(number, group.first, ROW) for group in groups[1:]}
            raw.seek(0)
            read_content(raw, name=file.name, unit=BYTE, start=0, end=0)
            return None
    except UnreadableFileError:  # if it is no input at all, whoever reads it will say so
        return {}
    except ValueError as error:
        raise SegmentInputError(f"{file} cannot be read: {error}") from None


def _ideals(total: int, most: int, least: int) -> tuple[list[int], float]:
    """Where parts of the same size would begin, without the first, and that size."""
    count = max(1, min(most, total // least))
    return [total * number // count for number in range(1, count)], total / count


def _nearest(places: Sequence[int], wanted: int) -> int:
    """The place that is nearest to one, of some in order."""
    index = bisect_left(places, wanted)
    return min(places[max(0, index - 1) : index + 1], key=lambda place: abs(place - wanted))


def _between(facts: Sequence[Sequence[Any]], start: Cut, end: Cut) -> list[FilePiece]:
    pieces = []
    for number in range(start.file, end.file + bool(end.at)):
        path, _, version = facts[number]
        begin = start.at if number == start.file else 0
        until = end.at if number == end.file else None
        if not begin and until is None:
            pieces.append(FilePiece(path))
        else:
            pieces.append(FilePiece(path, start.unit if begin else end.unit, begin, until, version))
    return pieces


def common_name(paths: Sequence[str]) -> str:
    """The name of a file without its endings, or of the folder that several are in."""
    if len(paths) == 1:
        return paths[0].rpartition("/")[2].partition(".")[0]
    common = ""
    for name, *others in zip(*(path.split("/")[:-1] for path in paths), strict=False):
        if set(others) != {name}:
            break
        common = name
    return common


def stem_of(name: str) -> str:
    """A short beginning of names, which can also be in a path."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-")[:40] or "part"


def _name(stem: str, number: int) -> str:
    return f"{stem}-{number:04d}"
