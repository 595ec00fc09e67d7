"""Rows of Parquet files."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import sys
import tempfile
from collections import namedtuple
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentInputError
from airflow_provider_segment.events.sources import parquet_rows
from airflow_provider_segment.events.sources.files import FileSource, describe
from airflow_provider_segment.events.sources.frame_rows import FrameRows
from airflow_provider_segment.events.sources.parquet_footer import Footer, read_footer
from airflow_provider_segment.events.sources.parquet_rows import BLOCK_ROWS, read_parquet
from airflow_provider_segment.events.sources.tables import MalformedRow, UnreadableFileError
from tests.events.sources import parquet_files

pytestmark = pytest.mark.core

ROWS = 20_000


def numbers(rows: int = ROWS) -> pl.DataFrame:
    return pl.DataFrame({"n": range(rows), "text": [f"{n * n}" for n in range(rows)]})


def write(path: Path, frame: pl.DataFrame | bytes, **options: Any) -> Path:
    if isinstance(frame, bytes):
        path.write_bytes(frame)
    else:
        frame.write_parquet(path, **options)
    return path


def read(source: FileSource) -> list[Any]:
    return [item for block in source for item in block.items]


@pytest.mark.parametrize("group", [1_000, 7_000, ROWS])
@pytest.mark.parametrize("compression", ["uncompressed", "zstd", "snappy"])
def test_rows_come_in_order_in_blocks(tmp_path: Path, group: int, compression: str) -> None:
    file = write(tmp_path / "a", numbers(), row_group_size=group, compression=compression)
    source = FileSource([file])
    assert source.blocking
    blocks = list(source)
    assert all(type(block.items) is FrameRows and block.columns == ("n", "text") for block in blocks)
    assert [item for block in blocks for item in block.items] == numbers().rows()
    assert [block.first for block in blocks] == [1, BLOCK_ROWS + 1, 2 * BLOCK_ROWS + 1]
    assert source.done == file.stat().st_size
    assert source.place(ROWS) == {"file": str(file), "row_number": ROWS}


def test_a_file_without_rows_has_none(tmp_path: Path) -> None:
    assert read(FileSource([write(tmp_path / "a", numbers(0))])) == []


def test_only_what_is_needed_is_read(tmp_path: Path) -> None:
    file = write(tmp_path / "a", numbers())
    [first, *_] = FileSource([file], needed={"text"})
    assert first.columns == ("text",) and first.items[3] == ("9",)
    assert len(read(FileSource([file], needed=[]))) == ROWS  # a mapping of constants still has a row's number
    with pytest.raises(
        SegmentConfigurationError, match=r"a: the rows have no column 'txt': did you mean text\?"
    ):
        read(FileSource([file], needed={"txt"}))


def test_a_name_with_magic_is_the_name_of_one_file(tmp_path: Path) -> None:
    folder = tmp_path / "day=2025-01-01" / "[a]*"
    folder.mkdir(parents=True)
    file = write(folder / "b?.parquet", numbers(3))
    write(folder / "bb.parquet", numbers(4))
    [block] = FileSource([file])
    assert block.columns == ("n", "text") and len(block.items) == 3


# What the types of a file become

BERLIN = pl.Datetime("us", "Europe/Berlin")
MOMENT = datetime(2025, 7, 1, 12, 0, 0, 123_456)
VALUES: dict[str, tuple[Any, Any, Any]] = {
    "int8": (pl.Int8, -1, -1),
    "uint64": (pl.UInt64, 2**64 - 1, 2**64 - 1),
    "int128": (pl.Int128, 2**100, 2**100),
    "float32": (pl.Float32, 0.1, 0.1),
    "float16": (pl.Float16, 1.5, 1.5),
    "float64": (pl.Float64, 0.1, 0.1),
    "decimal": (pl.Decimal(38, 2), Decimal("1.10"), Decimal("1.10")),
    "boolean": (pl.Boolean, True, True),
    "string": (pl.String, "ä\0😀", "ä\0😀"),
    "binary": (pl.Binary, b"\xff\0", b"\xff\0"),
    "date": (pl.Date, date(2025, 1, 2), date(2025, 1, 2)),
    "naive": (pl.Datetime("ms"), MOMENT.replace(microsecond=123_000), MOMENT.replace(microsecond=123_000)),
    "ns": (pl.Datetime("ns"), MOMENT, MOMENT),
    "zone": (
        BERLIN,
        MOMENT.replace(tzinfo=timezone(timedelta(hours=2))),
        MOMENT.replace(hour=10, tzinfo=timezone.utc),
    ),
    "time": (pl.Time, time(1, 2, 3, 4), time(1, 2, 3, 4)),
    "duration": (pl.Duration("us"), timedelta(days=1, microseconds=1), timedelta(days=1, microseconds=1)),
    "list": (pl.List(pl.Float32), [0.1, None], [0.1, None]),
    "array": (pl.Array(pl.Int64, 2), [1, 2], [1, 2]),
    "struct": (
        pl.Struct({"at": pl.List(BERLIN), "n": pl.Float32}),
        {"at": [MOMENT.replace(tzinfo=timezone.utc)], "n": 0.1},
        {"at": [MOMENT.replace(tzinfo=timezone.utc)], "n": 0.1},
    ),
    "categorical": (pl.Categorical, "a", "a"),
    "enum": (pl.Enum(["a", "b"]), "b", "b"),
    "null": (pl.Null, None, None),
}


@pytest.mark.parametrize("name", VALUES)
def test_types(tmp_path: Path, name: str) -> None:
    kind, value, expected = VALUES[name]
    file = write(tmp_path / "a", pl.DataFrame({"a": [value, None]}, schema={"a": kind}))
    (found,), (null,) = read(FileSource([file]))
    assert (found, type(found)) == (expected, type(expected))
    assert null is None
    if isinstance(found, datetime):
        assert found.utcoffset() in (None, timedelta(0))


def test_nanoseconds_are_cut_not_rounded(tmp_path: Path) -> None:
    frame = pl.DataFrame({"at": pl.Series([1_999, -1]).cast(pl.Datetime("ns"))})
    file = write(tmp_path / "a", frame)
    assert read(FileSource([file])) == [
        (datetime(1970, 1, 1, 0, 0, 0, 1),),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999),),
    ]


def test_uuids_are_text_and_json_is_text(tmp_path: Path) -> None:
    file = write(tmp_path / "a", parquet_files.UUIDS)
    assert read(FileSource([file])) == [(1, "30313233-3435-3637-3839-616263646566")]
    file = write(tmp_path / "a", parquet_files.JSON)
    [block] = FileSource([file])
    assert list(block.items) == [(1, '{"a":1}')]
    assert block.items.frame.schema["settings"] == pl.String  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (parquet_files.LONG_DECIMAL, "cannot be read: the column total cannot be read: it is Decimal"),
        (parquet_files.INTERVAL, "cannot be read: the column lasts is an interval, which polars cannot read"),
        (parquet_files.NOT_UTF_8, "cannot be read beyond row 0: the column name has text that is not UTF-8"),
        (parquet_files.UNKNOWN_ZONE, "cannot be read: unable to parse time zone: 'Mars/Phobos'"),
    ],
)
def test_what_polars_cannot_read_is_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    file = write(tmp_path / "a", content)
    with pytest.raises(SegmentInputError) as error:
        read(FileSource([file]))
    assert complaint in str(error.value) and "unwrap" not in str(error.value)


def test_what_polars_cannot_read_may_be_left_out(tmp_path: Path) -> None:
    for content, name, count in ((parquet_files.LONG_DECIMAL, "n", 1), (parquet_files.NOT_UTF_8, "city", 3)):
        file = write(tmp_path / "a", content)
        assert len(read(FileSource([file], needed={name}))) == count


DATES = pl.Series([20_000, 2**31 - 1, -(10**6), None]).cast(pl.Int32).cast(pl.Date)
TIMES = pl.Series([0, 1, 2, 2**60])


@pytest.mark.parametrize("unit", ["ms", "us"])
def test_a_date_out_of_the_calendar_rejects_its_row(tmp_path: Path, unit: Any) -> None:
    frame = pl.DataFrame({"n": range(4), "day": DATES, "at": TIMES.cast(pl.Datetime(unit))})
    [block] = FileSource([write(tmp_path / "a", frame)])
    for rows in (list(block.items), [block.items[n] for n in range(4)]):
        assert rows[0] == (0, date(2024, 10, 4), datetime(1970, 1, 1))
        assert [str(row) for row in rows[1:]] == [
            "malformed_row: day: its year is before 1 or after 9999",
            "malformed_row: day: its year is before 1 or after 9999",
            "malformed_row: at: its year is before 1 or after 9999",
        ]


def test_so_does_one_inside_a_value() -> None:
    frame = pl.DataFrame({"n": range(4), "days": [[day] for day in DATES.to_physical()]})
    rows = FrameRows(frame.cast({"days": pl.List(pl.Date)}))
    first, second, third, fourth = rows
    assert (first, fourth) == ((0, [date(2024, 10, 4)]), (3, [None]))
    for row in (second, third, rows[1], rows[-2]):
        assert isinstance(row, MalformedRow) and row.detail.startswith("days: ")


def test_rows_of_a_frame_are_a_sequence() -> None:
    rows = FrameRows(numbers(5))
    assert len(rows) == 5 and rows[1] == (1, "1") and rows[-1] == (4, "16")
    assert list(rows[1:3]) == [(1, "1"), (2, "4")]
    for index in (5, -6):
        with pytest.raises(IndexError):
            rows[index]


# Damage


@pytest.mark.parametrize("damage", ["a page", "the footer", "its length", "cut off"])
def test_a_damaged_file_is_read_up_to_the_damage(tmp_path: Path, damage: str) -> None:
    frame = pl.DataFrame({"n": range(200_000), "text": [f"{n * 7919 % 99991}" for n in range(200_000)]})
    file = write(tmp_path / "a", frame, row_group_size=10_000, compression="zstd")
    content = bytearray(file.read_bytes())
    middle = len(content) * 2 // 3
    if damage == "a page":
        content[middle : middle + 20_000] = bytes(20_000)
    elif damage == "the footer":
        content[-60:-50] = b"\xff" * 10
    elif damage == "its length":
        content[-8:-4] = b"\xff" * 4
    else:
        del content[middle:]
    file.write_bytes(content)
    found: list[Any] = []
    with pytest.raises(SegmentInputError) as error:
        for block in FileSource([file]):
            found += block.items
    assert str(error.value).startswith(f"{file} cannot be read")
    assert found == frame.rows()[: len(found)]
    assert bool(found) == (damage == "a page")


@given(st.integers(0, len(parquet_files.UUIDS) - 1))
def test_a_file_that_is_cut_off_never_reaches_polars(size: int) -> None:
    # Of which some damage ends the process.
    with pytest.raises(UnreadableFileError, match="is Parquet that is cut off"):
        read_parquet(io.BytesIO(parquet_files.UUIDS[:size]))


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", numbers(100_000), row_group_size=10_000)
    stored = [ObjectStoragePath(str(file))]
    blocks = iter(FileSource(stored, describe(stored)))
    rows = list(next(blocks).items)
    other = write(tmp_path / "b", numbers(50_000))
    os.replace(other, file)
    with pytest.raises(SegmentInputError, match="changed while it was read"):
        for block in blocks:
            rows += block.items
    assert rows == numbers(100_000).rows()  # all of the file that it was


def test_a_file_that_shrinks_while_it_is_read_ends_no_process(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", numbers(300_000), row_group_size=1_000, compression="uncompressed")
    stored = [ObjectStoragePath(str(file))]
    blocks = iter(FileSource(stored, describe(stored)))
    next(blocks)
    os.truncate(file, 1_000)
    with pytest.raises(SegmentInputError):
        list(blocks)


# The footer


def test_the_footer_says_what_polars_does_not() -> None:
    assert read_footer(io.BytesIO(parquet_files.UUIDS)) == Footer(1, frozenset({"id"}), frozenset())
    assert read_footer(io.BytesIO(parquet_files.INTERVAL)) == Footer(1, frozenset(), frozenset({"lasts"}))


def test_the_footer_of_nested_columns(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [{"x": [1], "y": {"z": 1}}] * 3, "b": [[[1]]] * 3, "c": [1] * 3})
    with write(tmp_path / "a", frame).open("rb") as file:
        assert read_footer(file) == Footer(3, frozenset(), frozenset())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"PAR1", "cut off"),
        (b"PAR1\x15\x04", "cut off"),
        (parquet_files.UUIDS[:-4], "cut off"),
        (parquet_files.UUIDS[:-4] + b"PARE", "footer is encrypted"),
        (b"PAR1" + b"\xff" * 200 + b"\xc8\0\0\0PAR1", "footer is damaged"),
        (b"PAR1\0\0\0\0PAR1", "footer is damaged"),
    ],
)
def test_a_footer_that_cannot_be_read_is_named(content: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_footer(io.BytesIO(content))


@given(st.binary(max_size=60))
def test_any_footer_is_read_or_named(footer: bytes) -> None:
    content = b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"
    try:
        assert isinstance(read_footer(io.BytesIO(content)), Footer)
    except ValueError as error:
        assert str(error) == "its Parquet footer is damaged"


# Files of other machines


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder whose files are read as if they were in another storage."""
    monkeypatch.setattr("airflow_provider_segment.events.sources.files.is_local", lambda file: False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    yield tmp_path
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_copy_is_read_that_has_no_name(remote: Path) -> None:
    file = write(remote / "a", numbers(), row_group_size=1_000)
    blocks = iter(FileSource([file]))
    found = list(next(blocks).items)
    assert list((remote / "temporary").iterdir()) == []
    file.unlink()
    for block in blocks:
        found += block.items
    assert found == numbers().rows()


def test_a_reader_that_stops_closes_its_copy(remote: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies: list[Any] = []
    make = tempfile.TemporaryFile

    def made() -> Any:
        copies.append(make())
        return copies[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", made)
    blocks = iter(FileSource([write(remote / "a", numbers(), row_group_size=1_000)]))
    next(blocks)
    [copy] = copies
    assert not copy.closed
    blocks.close()  # type: ignore[attr-defined]
    assert copy.closed


def test_a_disk_without_room_is_named(remote: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(remote / "a", numbers())
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(100, 90, 10))
    with pytest.raises(SegmentInputError) as error:
        read(FileSource([file]))
    size = f"{file.stat().st_size:,}"
    assert f"{size} bytes of it must be copied to {remote}/temporary, where 10 are free" in str(error.value)


# polars


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    file = write(tmp_path / "a", b"PAR1\x15\x04\x15\x00")
    with pytest.raises(
        SegmentInputError, match=r"it is Parquet, .*: pip install 'airflow-provider-segment\[parquet\]'"
    ):
        read(FileSource([file]))


@pytest.mark.parametrize("before", [None, 1_234])
def test_the_settings_of_polars_stay_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int | None
) -> None:
    monkeypatch.setenv(parquet_rows.CHUNK_SIZE, "restored at the end of the test")
    pl.Config.set_streaming_chunk_size(before)
    file = write(tmp_path / "a", numbers())
    for _ in FileSource([file]):
        assert os.environ.get(parquet_rows.CHUNK_SIZE) == (str(before) if before else None)
    assert len(read(FileSource([file]))) == ROWS


def test_what_is_said_must_be_so(tmp_path: Path) -> None:
    for content, format, complaint in (
        (parquet_files.UUIDS, "csv", "it is Parquet, not CSV: say nothing of its format"),
        (b'{"a":1}\n', "parquet", "it is not Parquet, though the format says so"),
    ):
        file = write(tmp_path / "a", content)
        with pytest.raises(SegmentInputError, match=complaint):
            read(FileSource([file], format=format))


def test_a_compressed_parquet_file_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet.gz", gzip.compress(parquet_files.UUIDS))
    with pytest.raises(SegmentInputError, match=r"Parquet that was compressed once more, .*: decompress it"):
        read(FileSource([file]))
