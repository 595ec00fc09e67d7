"""Rows of CSV and TSV."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentInputError
from airflow_provider_segment.events.sources.csv_dialect import CsvDialect
from airflow_provider_segment.events.sources.csv_rows import LineNumbers, read_csv
from airflow_provider_segment.events.sources.files import FileSource
from airflow_provider_segment.events.sources.tables import MalformedRow, Table

pytestmark = pytest.mark.core


def table(content: bytes, *, block: int = 1 << 16, **options: Any) -> Table:
    blocks = (content[start : start + block] for start in range(0, len(content), block))
    return read_csv(blocks, CsvDialect.of(options))


def rows(content: bytes, **options: Any) -> list[Any]:
    """The rows; of those that cannot be read, what is wrong."""
    return [
        item.detail if isinstance(item, MalformedRow) else item
        for items in table(content, **options).blocks
        for item in items
    ]


def read(source: FileSource) -> list[Any]:
    return [item for block in source for item in block.items]


BLOCKS = pytest.mark.parametrize("block", [1, 2, 5, 1 << 16])


@BLOCKS
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,b\n1,2\n", [("1", "2")]),
        (b"a,b\n1,2", [("1", "2")]),
        (b"a,b\r\n1,2\r\n3,4\r\n", [("1", "2"), ("3", "4")]),
        (b"a,b\r1,2\r3,4\r", [("1", "2"), ("3", "4")]),
        (b"\xef\xbb\xbfa,b\n1,2\n", [("1", "2")]),
        (b"\n\na,b\n\n1,2\n\n", [("1", "2")]),
        (b'a,b\n"1\n""x"", y",2\n3,4\n', [('1\n"x", y', "2"), ("3", "4")]),
        (b'a,b\n"1\r\nx",2\r\n', [("1\r\nx", "2")]),
        (b"a,b\n01234,1e5\n true,\t\n", [("01234", "1e5"), (" true", "\t")]),
        (b'a,b\n,\n"",x\n', [(None, None), (None, "x")]),
        (b"a,b\n1,x\x0b\x0c\x1c\xc2\x85\xe2\x80\xa8y\n", [("1", "x\x0b\x0c\x1c\x85\u2028y")]),
        (b"a,b\n", []),
        (b"a,b", []),
    ],
)
def test_rows(content: bytes, expected: list[Any], block: int) -> None:
    assert rows(content, block=block) == expected
    assert table(content, block=block).columns == ("a", "b")


@pytest.mark.parametrize("content", [b"", b"\n\r\n", b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_rows(content: bytes) -> None:
    assert rows(content) == []


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        (b"a;b\n1;2,5\n", {"delimiter": ";"}, [("1", "2,5")]),
        (b"a,b\n'1,0',2\n", {"quotechar": "'"}, [("1,0", "2")]),
        (b'a,b\n5" pipe,"x\n', {"quotechar": None}, [('5" pipe', '"x')]),
        (b'a,b\n5" pipe,"x\n', {"quotechar": ""}, [('5" pipe', '"x')]),
        (b'a,b\n"1 \\"x\\"",2\n', {"escapechar": "\\"}, [('1 "x"', "2")]),
        ("a,b\nMünchen,€\n".encode("cp1252"), {"encoding": "cp1252"}, [("München", "€")]),
        ("a,b\nMünchen,2\n".encode("utf-16"), {"encoding": "utf-16"}, [("München", "2")]),
        ("a,b\nMünchen,2\n".encode("utf-16"), {}, [("München", "2")]),
        ("\ufeffa,b\nMünchen,2\n".encode("utf-16-be"), {}, [("München", "2")]),
        ("a,b\nMünchen,2\n".encode("utf-16-le"), {"encoding": "utf-16-le"}, [("München", "2")]),
        (b"1,2\n3,4\n", {"header": False, "columns": ["x", "y"]}, [("1", "2"), ("3", "4")]),
        (b"a,a\n3,4\n", {"header": True, "columns": ["x", "y"]}, [("3", "4")]),
    ],
)
def test_dialects(content: bytes, options: dict[str, Any], expected: list[Any]) -> None:
    assert rows(content, **options) == expected
    assert rows(content, block=3, **options) == expected
    assert table(content, **options).columns == tuple(options.get("columns", ("a", "b")))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"delimeter": ";"}, "'delimeter' is no option of CSV: did you mean delimiter?"),
        ({"delimiter": "||"}, "delimiter must be one character"),
        ({"delimiter": "\n"}, "delimiter must be one character"),
        ({"delimiter": None}, "delimiter must be one character"),
        ({"quotechar": 1}, "quotechar must be one character"),
        ({"delimiter": '"'}, "must differ"),
        ({"encoding": "utf8x"}, "not 'utf8x': did you mean utf8?"),
        ({"encoding": "rot13"}, "not 'rot13'"),
        ({"encoding": None}, "not None, such as utf-8"),
        ({"header": "yes"}, "header must be True or False"),
        ({"header": False}, "without a header, columns must name"),
        ({"columns": ["a"]}, "columns needs header"),
        ({"columns": "a", "header": True}, "columns must be a list"),
        ({"columns": [], "header": True}, "columns must be a list"),
        ({"columns": [1], "header": True}, "columns must be a list of names"),
        ({"columns": ["a", "b", "a"], "header": True}, "columns: 'a' is the name of several"),
        ({"columns": ["a", " "], "header": True}, "columns: the name of column 2 is empty"),
    ],
)
def test_an_option_without_meaning_is_named(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError) as error:
        CsvDialect.of(options)
    assert complaint in str(error.value)
    with pytest.raises(SegmentConfigurationError, match="csv: "):
        FileSource([], csv=options)


@pytest.mark.parametrize(
    ("header", "options", "complaint"),
    [
        (b"a,b,a,b", {}, "in its header, 'a', 'b' is the name of several columns"),
        (b"a,,b,", {}, "in its header, the name of column 2, 4 is empty"),
        (b"a;b;c", {}, 'its header is the single name \'a;b;c\': give csv={"delimiter": ";"}'),
        (b"a\tb", {}, r"""its header is the single name 'a\tb': give csv={"delimiter": "\t"}"""),
        (b'"a', {}, "its header cannot be read: unexpected end of data"),
        (b'"a"b', {}, "its header cannot be read: ',' expected"),
        (b"x" * (2 << 20), {}, "its header cannot be read: it has 2,097,153 characters"),
        (b"a,b", {"header": True, "columns": ["x"]}, "its header has 2 names, and columns 1"),
        (b"M\xfcnchen,b", {}, "its header is not utf-8"),
        (b'{"a":1}', {"encoding": "utf-8"}, "it is JSON, not CSV"),
    ],
)
def test_a_header_that_is_none_is_an_error(
    tmp_path: Path, header: bytes, options: dict[str, Any], complaint: str
) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(header + b"\n1,2\n")
    with pytest.raises(SegmentInputError) as error:
        read(FileSource([file], csv=options or None))
    assert f"a.csv cannot be read: {complaint}" in str(error.value)


def test_a_single_column_may_have_any_name_if_the_delimiter_is_said() -> None:
    assert rows(b"a;b\n1\n", delimiter=",") == [("1",)]


# Damage

GOOD = [f"{number},x{number},".encode() for number in range(30)]
DAMAGE: dict[bytes, str] = {
    b"1": "1 value for 3 columns",
    b"1,2,3,4": "4 values for 3 columns",
    b'1,"x,': "a quote is missing",
    b'"1,x,': "a quote is missing",
    b'1,"x "y" z",': "',' expected after '\"'",
    b"1,M\xfcnchen,": r"name: M\xfcnchen is not utf-8: give the encoding if it is another",
    b"1,\xc3,": "name: ",
}


@BLOCKS
@pytest.mark.parametrize("at", [0, 15, 30])
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_a_damaged_row_takes_no_other_with_it(damage: bytes, at: int, block: int, line_end: bytes) -> None:
    lines = [b"id,name,empty", *GOOD[:at], damage, *GOOD[at:]]
    read = table(line_end.join(lines) + line_end, block=block)
    found = list(chain.from_iterable(read.blocks))
    if b'"' in damage and at == 30:  # nothing behind it shows where it ends
        assert isinstance(found[at], MalformedRow)
    else:
        assert isinstance(found[at], MalformedRow) and DAMAGE[damage] in found[at].detail
    assert found[:at] + found[at + 1 :] == [(str(number), f"x{number}", None) for number in range(30)]
    assert found[at].raw == damage.decode("utf-8", "backslashreplace")
    assert read.place(at + 1) == {"row_number": at + 1, "line": at + 2}


def test_a_quote_that_never_closes_swallows_nothing(tmp_path: Path) -> None:
    lines = [f"{number},{'x' * 50},y" for number in range(60_000)]  # more than is kept of a row
    for before in (0, 100):
        file = tmp_path / "a.csv"
        file.write_text("\n".join(["a,b,c", *lines[:before], '1,"x,y', *lines]))
        found = read(FileSource([file]))
        assert isinstance(found[before], MalformedRow)
        assert len(found) == before + 60_001
        assert found[before + 1 :] == [tuple(line.split(",")) for line in lines]


def test_a_text_with_a_fault_is_one_row_and_its_lines_are_none() -> None:
    content = b'id,text\n1,"Dear all,\nthis is, and was,\na text" x\n2,y\n'
    [fault, good] = rows(content)
    assert fault == "',' expected after '\"', over 3 lines: is a quote missing?"
    assert good == ("2", "y")


def test_two_columns_of_a_text_that_was_cut_off_are_no_row() -> None:
    assert rows(b'id,text\n1,"Dear all, I write\nto you, dear,\nall') == [
        "unexpected end of data, over 3 lines: is a quote missing?"
    ]


def test_what_is_too_long_is_one_row_and_not_the_end() -> None:
    long = b"x" * (3 << 20)
    first, second, third, fourth = rows(b'a,b\n1,2\n%b\n3,"%b"\n4,"%b' % (long, long, long))
    assert (first, second) == (("1", "2"), "a line of 3,145,729 characters: is it CSV?")
    assert "3,145,7" in third and "3,145,7" in fourth


def test_a_value_of_half_a_megabyte_is_one() -> None:
    assert rows(b'a,b\n1,"%b"\n' % (b"x\n" * (1 << 18))) == [("1", "x\n" * (1 << 18))]


def test_many_rows_over_several_lines_are_read_one_by_one() -> None:
    content = b"a,b\n" + b'1,"x\ny"\n' * 40_000
    assert rows(content) == [("1", "x\ny")] * 40_000


@pytest.mark.parametrize("compress", [gzip.compress, bytes])
def test_a_file_that_is_cut_off_gives_its_whole_rows(tmp_path: Path, compress: Any) -> None:
    content = compress(b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(100_000)))
    file = tmp_path / "a.csv.gz"
    file.write_bytes(content[: len(content) // 2])
    found: list[Any] = []
    if compress is bytes:  # who knows whether the last row is whole?
        found = read(FileSource([file]))
    else:
        with pytest.raises(SegmentInputError, match=r"a\.csv\.gz cannot be read beyond row [\d,]+: "):
            for block in FileSource([file]):
                found += block.items
    assert len(found) > 30_000
    assert found[:-1] == [(str(n), str(n * n)) for n in range(len(found) - 1)]


def test_nul_is_a_character(tmp_path: Path) -> None:
    found = rows(b"a,b\n1,x\0y\n2,z\n")
    assert found in ([("1", "x\0y"), ("2", "z")], ["line contains NUL", ("2", "z")])  # before Python 3.11


# Which files are CSV


@pytest.mark.parametrize("name", ["a.csv", "a.CSV", "a.csv.gz", "a.b.csv.zst", "a.csv.bz2", "a.csv.xz"])
def test_a_name_may_say_that_it_is_csv(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(b"a,b\n1,2\n")
    assert read(FileSource([file])) == [("1", "2")]


def test_tsv_is_separated_by_tabs(tmp_path: Path) -> None:
    for name, options in (("a.tsv", {}), ("a.tsv", {"csv": {"quotechar": None}}), ("a", {"format": "tsv"})):
        file = tmp_path / name
        file.write_bytes(gzip.compress(b"a\tb\n1\t2,0\n"))
        assert read(FileSource([file], **options)) == [("1", "2,0")]


def test_other_names_need_the_format(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(SegmentInputError, match='if it is CSV, give format="csv"'):
        read(FileSource([file]))
    for options in ({"format": "csv"}, {"csv": {}}, {"csv": {"delimiter": ","}}):
        assert read(FileSource([file], **options)) == [("1", "2")]  # type: ignore[arg-type]


def test_json_lines_named_csv_are_json_lines(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b'{"a":1}\n{"a":2}\n')
    assert read(FileSource([file])) == [b'{"a":1}', b'{"a":2}']


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00", "a ZIP archive, or a workbook of Excel, not CSV: "),
        (b"<!DOCTYPE html>\n<html></html>", "HTML or XML, not CSV"),
        (b"\n <html></html>", "HTML or XML, not CSV"),
        (b"a,b\n1,\x00\x01\n", "a binary file, or UTF-16, not CSV"),
        ("a,b\n".encode("utf-16-le"), "a binary file, or UTF-16, not CSV"),
        (b"PAR1\x15\x04", "Parquet, not CSV: say nothing of its format"),
        pytest.param(gzip.compress(gzip.compress(b"a,b\n")), "compressed twice, not CSV", id="gzip twice"),
    ],
)
def test_what_is_no_csv_is_named(tmp_path: Path, content: bytes, kind: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(content)
    with pytest.raises(SegmentInputError) as error:
        read(FileSource([file], format="csv"))
    assert f"a.csv cannot be read: it is {kind}" in str(error.value)


def test_a_column_may_be_named_as_a_format(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"ORCID,b\n1,2\n")
    assert read(FileSource([file])) == [("1", "2")]


# Places


def test_rows_are_counted_over_all_files_and_placed_in_theirs(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.csv" for number in range(3)]
    for file in files:
        file.write_bytes(b'a,b\n1,"x\ny"\n\n2,3\n')
    source = FileSource(files)
    assert [(block.first, block.last, block.columns) for block in source] == [
        (1, 2, ("a", "b")),
        (3, 4, ("a", "b")),
        (5, 6, ("a", "b")),
    ]
    assert source.place(1) == {"file": str(files[0]), "row_number": 1, "line": 2}
    assert source.place(4) == {"file": str(files[1]), "row_number": 2, "line": 5}
    assert source.place(6) == {"file": str(files[2]), "row_number": 2, "line": 5}


@given(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=5), max_size=5))
def test_lines_are_known_however_rows_come(blocks: list[list[int]]) -> None:
    numbers = LineNumbers()
    expected: list[int] = []
    line = 0
    for gaps in blocks:
        starts = []
        for gap in gaps:
            line += gap
            starts.append(line)
        together = starts == list(range(starts[0], starts[0] + len(starts)))
        numbers.add(range(starts[0], starts[-1] + 1) if together else starts)
        expected += starts
    assert [numbers.of(row) for row in range(1, len(expected) + 1)] == expected


def test_lines_are_not_known_if_too_many_would_have_to_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_segment.events.sources.csv_rows.JUMPS_REMEMBERED", 3)
    numbers = LineNumbers()
    numbers.add([2, 4, 6, 8, 9])
    assert [numbers.of(row) for row in range(1, 6)] == [2, 4, None, None, None]


# Properties


@st.composite
def written(draw: st.DrawFn) -> tuple[bytes, dict[str, Any], list[tuple[str | None, ...]]]:
    """What csv.writer writes in some dialect, how that is said, and the rows."""
    line_end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    quotechar = draw(st.sampled_from(['"', "'"]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"]))
    # Not every line break is quoted by every version of csv.writer if it may choose.
    breaks = "\r\n" if quoting != csv.QUOTE_MINIMAL else "\n" if line_end != "\r" else "\r"
    value = st.text(st.sampled_from("ab \"',;\t|é€😀\ufeff\u2028" + breaks), max_size=6)
    width = draw(st.integers(1, 4))
    values = draw(st.lists(st.lists(value, min_size=width, max_size=width), max_size=12))
    text = io.StringIO(newline="")
    writer = csv.writer(
        text, delimiter=delimiter, quotechar=quotechar, quoting=quoting, lineterminator=line_end
    )
    writer.writerows([[f"c{number}" for number in range(width)], *values])
    options = {"delimiter": delimiter, "quotechar": quotechar, "encoding": encoding}
    expected = [tuple(value or None for value in row) for row in values]
    return text.getvalue().encode(encoding), options, expected


@given(written(), st.integers(1, 60))
def test_what_is_written_is_read(
    case: tuple[bytes, dict[str, Any], list[tuple[str | None, ...]]], block: int
) -> None:
    content, options, expected = case
    assert rows(content, block=block, **options) == expected


@given(
    st.lists(st.sampled_from(["1", ",", '"', "\n", "\r\n", "x", "\\", "é"]), max_size=60).map("".join),
    st.integers(1, 70),
    st.booleans(),
)
def test_whatever_the_text_is_blocks_make_no_difference(text: str, block: int, escape: bool) -> None:
    options = {"header": False, "columns": ["a", "b"], "escapechar": "\\" if escape else None}
    content = text.encode()
    assert rows(content, block=block, **options) == rows(content, **options)


@given(st.binary(max_size=200), st.sampled_from(["utf-8", "utf-16", "cp1252"]))
def test_any_bytes_are_rows_or_a_named_fault(content: bytes, encoding: str) -> None:
    for options in ({}, {"header": False, "columns": ["a", "b"]}):
        try:
            found: Iterable[Any] = rows(content, encoding=encoding, **options)
        except ValueError as error:
            assert str(error)
        else:
            assert all(isinstance(row, (tuple, str)) for row in found)
