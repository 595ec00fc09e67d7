"""What a file is, told from its first bytes, before what its lines are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from math import inf
from typing import IO, Any, NamedTuple

from airflow_provider_segment.events.compression import (
    BZIP2,
    GZIP,
    XZ,
    ZSTD,
    blocks_of,
    is_compressed,
    zstd_library,
)
from airflow_provider_segment.events.sources import avro_rows, csv_rows, parquet_footer, parquet_rows
from airflow_provider_segment.events.sources.byte_ranges import BLOCK_BYTES, lines_between
from airflow_provider_segment.events.sources.csv_dialect import COMMA, TAB, CsvDialect
from airflow_provider_segment.events.sources.json_lines import LineMarks, split_lines
from airflow_provider_segment.events.sources.json_objects import is_object, items_of, split_objects
from airflow_provider_segment.events.sources.pieces import BYTE, ROW, Unit
from airflow_provider_segment.events.sources.tables import Table, UnreadableFileError
from airflow_provider_segment.events.sources.text import UTF_16_BOMS

BOM = b"\xef\xbb\xbf"

JSON_LINES, CSV, TSV, PARQUET, AVRO = "jsonl", "csv", "tsv", "parquet", "avro"
FORMATS = {JSON_LINES: "JSON Lines", CSV: "CSV", TSV: "TSV", PARQUET: "Parquet", AVRO: "Avro"}
"""What ``format=`` can say of a file, and how that is called."""
BINARY = {parquet_footer.MAGIC: PARQUET, avro_rows.MAGIC: AVRO}
"""How files of the formats that are not text begin."""
DELIMITERS = {CSV: COMMA, TSV: TAB}
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
"""Endings that may stand behind those of the formats."""

CONVERT, UNPACK, DECOMPRESS = (
    "convert it to JSON Lines, CSV or Parquet",
    "unpack it, and give the files in it",
    "decompress it, or compress it with gzip",
)
TO_UTF_8 = "convert it to UTF-8"
HTML = ("HTML or XML", CONVERT)

NOT_TEXT: dict[bytes, tuple[str, str]] = {
    parquet_footer.MAGIC: ("Parquet that was compressed once more", "decompress it"),
    avro_rows.MAGIC: ("Avro that was compressed once more", "decompress it"),
    b"ORC": ("ORC", CONVERT),
    b"ARROW1": ("Arrow", CONVERT),
    b"SQLite format 3": ("an SQLite database", CONVERT),
    b"PK\x03\x04": ("a ZIP archive, or a workbook of Excel", "unpack it, or save it as CSV"),
    b"7z\xbc\xaf\x27\x1c": ("a 7-Zip archive", UNPACK),
    b"Rar!": ("a RAR archive", UNPACK),
    b"\x1f\x9d": ("compressed with compress", DECOMPRESS),
    b"LZIP": ("compressed with lzip", DECOMPRESS),
    b"\x04\x22\x4d\x18": ("compressed with LZ4", DECOMPRESS),
    b"\xff\x06\x00\x00sNaPpY": ("compressed with Snappy", DECOMPRESS),
    **dict.fromkeys((GZIP, BZIP2, XZ, ZSTD), ("compressed twice", DECOMPRESS)),
    b"\xff\xfe\x00\x00": ("UTF-32 text", TO_UTF_8),
    b"\x00\x00\xfe\xff": ("UTF-32 text", TO_UTF_8),
    b"\xff\xfe": ("UTF-16 text", TO_UTF_8),
    b"\xfe\xff": ("UTF-16 text", TO_UTF_8),
    **dict.fromkeys((b"{\x00", b"\x00{", b"[\x00", b"\x00["), ("UTF-16 text", TO_UTF_8)),
}
"""How files that are not text begin, what they are, and what to do with them. Longer beginnings first."""
TAR, TAR_AT = b"ustar", 257
MARKUP = (b"<!doctype", b"<html", b"<?xml")


class NotEventsError(UnreadableFileError):
    """The file is not what was expected.

    :param kind: what it is instead
    :param advice: what to do with it
    :param expected: what it was said to be, or might be
    """

    def __init__(self, kind: str, advice: str, expected: str = FORMATS[JSON_LINES]) -> None:
        super().__init__(f"it is {kind}, not {expected}: {advice}")


class CannotCutError(UnreadableFileError):
    """The file cannot be cut by bytes.

    :param kind: what it is
    """

    def __init__(self, kind: str) -> None:
        super().__init__(f"it is {kind}: only uncompressed JSON Lines can be read from a byte to another")


class Content(NamedTuple):
    """The items of a file without columns.

    :param unit: what their numbers count: ``line``, or ``item`` where there are no lines
    :param marks: where the lines are; grow while the blocks are read
    :param start: the byte of the file at which its first line begins; None if it cannot be cut by bytes
    :param counted_from: the byte of the file from which lines are counted
    """

    unit: str
    blocks: Iterator[list[Any]]
    marks: LineMarks
    start: int | None = None
    counted_from: int = 0

    @property
    def columns(self) -> None:
        """The items have no columns."""

    @property
    def rows(self) -> None:
        """How many there are is not known beforehand."""

    @property
    def cut_by(self) -> Unit:
        """What the file is best cut by."""
        return ROW if self.start is None else BYTE

    def place(self, number: int) -> dict[str, int]:
        """Where an item is: its line, or its number; with the byte from which lines are counted, if that is
        not the beginning."""
        place = {self.unit: self.row_of(number)}
        return {**place, "from_byte": self.counted_from} if self.counted_from else place

    def row_of(self, number: int) -> int:
        """The row that an item belongs to, both from 1: lines are rows."""
        return self.marks.line_of(number)

    def end_of(self, number: int, unit: Unit) -> int:
        """Where a range of the file may end that holds nothing but the items up to a number: behind the last
        of their rows; in bytes, behind the last of their lines that is remembered."""
        if unit == ROW:
            return self.row_of(number + 1) - 1
        lines = self.marks.end_of(number)
        return (self.start or 0) + lines if lines else 0


class Rows:
    """A range of the rows of a file, of which those before it are read, too. Items count from its beginning.

    :param content: all of the file
    :param start: of the range, from 0
    :param end: of the range; None for the end of the file
    """

    def __init__(self, content: Content | Table, start: int, end: int | None) -> None:
        self.columns = content.columns
        self.blocks = self._blocks()
        self.rows = None
        self.cut_by: Unit = ROW
        self._content = content
        self._start = start
        self._end = inf if end is None else end
        self._before = 0  # items before the range

    def _blocks(self) -> Iterator[Sequence[Any]]:
        row_of = self._content.row_of
        read = 0
        for items in self._content.blocks:
            numbers = range(read + 1, read + len(items) + 1)
            begin, end = (bisect_right(numbers, row, key=row_of) for row in (self._start, self._end))
            if begin:
                self._before = read + begin
            yield items[begin:end]  # also if there are none: whoever reads may have something else to do
            if end < len(items):
                return
            read += len(items)
        least = self._start if self._end == inf else self._end
        if (rows := row_of(read) if read else 0) < least:
            raise ValueError(f"it has {rows:,} rows, and should have at least {least:,}: it was changed")

    def place(self, number: int) -> dict[str, int]:
        """Where an item is in the file."""
        return self._content.place(self._before + number)

    def end_of(self, number: int, unit: Unit) -> int:
        """Where a range of the file may end that holds nothing but the items up to a number."""
        return self._content.end_of(self._before + number, unit)


class Said(NamedTuple):
    """What was said of the files of an input.

    :param format: one of ``FORMATS``; None for what their content or name says
    :param csv: how CSV is written; None if nothing was said of it
    :param needed: the columns that are needed; None for all
    """

    format: str | None = None
    csv: CsvDialect | None = None
    needed: Collection[str] | None = None


def read_content(
    raw: IO[bytes],
    *,
    name: str = "",
    local: bool = False,
    said: Said | None = None,
    unit: Unit | None = None,
    start: int = 0,
    end: int | None = None,
) -> Content | Table | Rows:
    """The items of an open file: lines, the objects of an array or of an arrangement without lines, or rows.

    :param raw: can seek, and is at its beginning
    :param name: of the file
    :param local: whether it is a file of this machine
    :param unit: what ``start`` and ``end`` count, see :class:`.Piece`; None to read all of it
    :raises UnreadableFileError: it holds neither JSON nor rows, or not what was said, or cannot be cut so
    """
    said = said or Said()
    rows = (start, end) if unit == ROW else None
    expected = said.format or (CSV if said.csv is not None else None)
    first = raw.read(len(ZSTD))  # as many bytes as those of the binary formats
    raw.seek(0)
    kind = BINARY.get(first)
    if kind and expected and expected != kind:
        raise NotEventsError(FORMATS[kind], "say nothing of its format", FORMATS[expected])
    if not kind and expected in (PARQUET, AVRO):
        raise UnreadableFileError(f"it is not {FORMATS[expected]}, though the format says so")
    if unit == BYTE:
        if kind:
            raise CannotCutError(FORMATS[kind])
        return _read_text(raw, name, said, (start, end))
    if kind == PARQUET:
        return parquet_rows.read_parquet(raw, local=local, needed=said.needed, rows=rows)
    content = avro_rows.read_avro(raw) if kind == AVRO else _read_text(raw, name, said)
    return content if rows is None else Rows(content, *rows)


def _read_text(
    raw: IO[bytes], name: str, said: Said, cut: tuple[int, int | None] | None = None
) -> Content | Table:
    """CSV or JSON.

    :param cut: the range of bytes that is wanted; None for all
    """
    start = raw.read(len(ZSTD))
    raw.seek(0)
    if start == ZSTD and not zstd_library():
        raise UnreadableFileError.without("zstd", "compressed with Zstandard")
    compressed = is_compressed(start)
    if compressed and cut:
        raise CannotCutError("compressed")
    expected = said.format or (CSV if said.csv is not None else None)
    named = _format_of(name)
    may_be_csv = expected in DELIMITERS or (named and expected is None)
    blocks = blocks_of(raw, csv_rows.BLOCK_BYTES if may_be_csv else BLOCK_BYTES)
    first = next(blocks, b"")
    if may_be_csv and (expected or not first.removeprefix(BOM).lstrip().startswith((b"{", b"[{", b"\x1e"))):
        if cut:
            raise CannotCutError(FORMATS[said.format or named or CSV])
        dialect = said.csv or CsvDialect()
        _refuse_what_is_no_csv(first, dialect)
        return csv_rows.read_csv(chain([first], blocks), dialect, DELIMITERS[said.format or named or CSV])
    _refuse_what_is_not_text(first)
    text = first.removeprefix(BOM)
    if _is_without_lines(text.lstrip()):
        if cut:
            raise CannotCutError("JSON that is not one object a line")
        return Content("item", split_objects(chain([text], blocks)), LineMarks())
    counted_from, lines = lines_between(raw, *cut) if cut else (0, chain([first], blocks))
    begin = counted_from
    if begin == 0:
        begin = len(first) - len(text)
        lines = chain([next(lines, b"").removeprefix(BOM)], lines)
    marks = LineMarks()
    return Content("line", split_lines(lines, marks), marks, None if compressed else begin, counted_from)


def _format_of(name: str) -> str | None:
    """CSV or TSV, by the ending of the name."""
    name = name.lower()
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    ending = name.rpartition(".")[2]
    return ending if ending in DELIMITERS else None


def _refuse_what_is_no_csv(start: bytes, dialect: CsvDialect) -> None:
    if dialect.encoding or start.startswith(UTF_16_BOMS):
        return
    _refuse_archives(start, FORMATS[CSV])
    if b"\0" in start[:1_000]:
        raise NotEventsError(
            "a binary file, or UTF-16", 'give csv={"encoding": "utf-16-le"} if it is', FORMATS[CSV]
        )
    if start.removeprefix(BOM).lstrip()[:10].lower().startswith(MARKUP):
        raise NotEventsError(*HTML, FORMATS[CSV])


def _refuse_archives(start: bytes, expected: str) -> None:
    binary = b"\0" in start[:1_000]
    for beginning, (kind, advice) in NOT_TEXT.items():
        # ORC may be the name of a column.
        if start.startswith(beginning) and (binary or not beginning.isalnum()):
            raise NotEventsError(kind, advice, expected)
    if start[TAR_AT:].startswith(TAR):
        raise NotEventsError("a tar archive", UNPACK, expected)


def _refuse_what_is_not_text(start: bytes) -> None:
    _refuse_archives(start, FORMATS[JSON_LINES])
    if b"\0" in start[:1_000]:
        raise NotEventsError("a binary file", CONVERT)
    lines = [line for line in map(bytes.strip, start.removeprefix(BOM).split(b"\n")) if line]
    if lines and not any(line[0] in b"{[\x1e" for line in lines):
        if lines[0].startswith(b"<"):
            raise NotEventsError(*HTML)
        raise NotEventsError(
            "text without JSON, such as CSV", f'if it is CSV, give format="csv"; otherwise {CONVERT}'
        )


def _is_without_lines(start: bytes) -> bool:
    if start[:1] in (b"[", b"\x1e"):
        return True
    lines = start.split(b"\n")
    if lines[0].strip()[:1] != b"{" or is_object(lines[0]):
        return False
    # A damaged line, or objects in another arrangement? Whichever makes more of the text whole objects.
    return _whole_bytes(items_of(start)) > _whole_bytes(lines)


def _whole_bytes(items: list[bytes]) -> int:
    return sum(len(item) for item in items if is_object(item))
