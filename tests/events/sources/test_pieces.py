"""Pieces of files: however a file is cut, they are the whole file, each item once."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import fastavro
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_segment.errors import SegmentInputError
from airflow_provider_segment.events.sources import byte_ranges, content, json_lines
from airflow_provider_segment.events.sources.files import FileSource, describe
from airflow_provider_segment.events.sources.parquet_footer import read_row_groups
from airflow_provider_segment.events.sources.pieces import BYTE, ROW, Piece, Unit
from airflow_provider_segment.events.sources.source import Overlong

pytestmark = pytest.mark.core

BOM = b"\xef\xbb\xbf"
ROWS = 3_000


def read(source: FileSource) -> list[Any]:
    """All items but blank lines."""
    return [kept(item) for block in source for item in block.items if item != b""]


def kept(item: Any) -> Any:
    """An item; of one that is too long, what does not depend on how short the blocks are."""
    return item._replace(start=item.start[:64]) if isinstance(item, Overlong) else item


def cut(file: Path, unit: Unit, cuts: Sequence[int]) -> list[Piece]:
    """Pieces of a file that are all of it."""
    edges = [0, *sorted(set(cuts) - {0}), None]
    return [Piece(file, unit, start or 0, end) for start, end in pairwise(edges)]


# By bytes

LINE = st.one_of(
    st.binary(max_size=120).map(lambda line: line.translate(None, b"\n\0")),
    st.integers(0, 10**60).map(lambda number: b'{"a":%d}' % number),
    st.just(b""),
)
SMALL = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """JSON Lines with all that may be wrong with them; the first tells what the file is."""
    end = draw(st.sampled_from([b"\n", b"\r\n"]))
    lines = [b'{"first":1}', *draw(st.lists(LINE, max_size=12))]
    return draw(st.sampled_from([b"", BOM])) + end.join(lines) + draw(st.sampled_from([b"", end]))


@pytest.fixture
def short_blocks() -> Iterator[None]:
    """Lines are too long from 64 bytes on, and blocks are as short."""
    with (
        patch.object(json_lines, "MAX_ITEM_BYTES", 64),
        patch.object(byte_ranges, "BLOCK_BYTES", 48),
        patch.object(content, "BLOCK_BYTES", 64),
    ):
        yield


@SMALL
@given(text=texts(), data=st.data())
def test_ranges_of_bytes_are_the_whole_text(
    tmp_path: Path, short_blocks: None, text: bytes, data: st.DataObject
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(text)
    whole = read(FileSource([file]))
    pieces = cut(file, BYTE, data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    assert read(FileSource(pieces, describe([file] * len(pieces)))) == whole
    assert [item for piece in pieces for item in read(FileSource([piece]))] == whole


@SMALL
@given(text=texts(), data=st.data())
def test_what_is_reached_and_what_is_not_are_the_whole_text(
    tmp_path: Path, short_blocks: None, text: bytes, data: st.DataObject
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(text)
    pieces = data.draw(st.sampled_from([[Piece(file)], cut(file, BYTE, [len(text) // 2])]))
    source = FileSource(pieces)
    items = [kept(item) for block in source for item in block.items]
    position = data.draw(st.floats(0, len(items) + 1) | st.integers(0, len(items) + 1))
    done = source.reached(position)
    found = read(FileSource(done))
    assert found == [item for item in items if item != b""][: len(found)]
    assert len(found) <= position
    whole = [piece for piece in done if piece in pieces]
    begun = [piece for piece in done if piece not in pieces]
    rest = [Piece(file, piece.unit, piece.end or 0, pieces[len(whole)].end) for piece in begun]
    rest += pieces[len(whole) + len(begun) :]
    assert found + read(FileSource(rest)) == [item for item in items if item != b""]
    assert source.reached(len(items)) == pieces


def test_a_long_text_is_reached_to_the_last_block(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    line = b'{"a":"%s"}\n' % (b"x" * 1_000)
    file.write_bytes(BOM + line * 5_000)
    source = FileSource([file])
    items = [item for block in source for item in block.items]
    assert source.reached(0) == []
    [piece] = source.reached(2_500)
    assert piece.unit == BYTE and 1_400 * len(line) < (piece.end or 0) <= 3 + 2_500 * len(line)
    assert len(read(FileSource([piece]))) == ((piece.end or 0) - 3) // len(line)
    assert source.reached(4_999.5)[0].end == 3 + 4_156 * len(line)
    assert source.reached(len(items)) == [Piece(file)] == source.reached(float("inf"))


def test_places_in_a_range_count_from_a_byte(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"a":1}\n{"a":2}\n{"a":3}\n')
    source = FileSource([Piece(file, BYTE, 3, 17)])
    assert read(source) == [b'{"a":2}', b'{"a":3}']
    assert source.place(2) == {"file": str(file), "line": 2, "from_byte": 8}
    file.write_bytes(b'\n{"a":1}\n')
    source = FileSource([Piece(file, BYTE, 1)])
    assert read(source) == [b'{"a":1}']
    assert source.place(1) == {"file": str(file), "line": 1, "from_byte": 1}
    file.write_bytes(BOM + b'{"a":1}\n{"a":2}\n')
    source = FileSource([Piece(file, BYTE, 0, 3)])
    assert read(source) == [b'{"a":1}']
    assert source.place(1) == {"file": str(file), "line": 1}


AVRO = {"type": "record", "name": "a", "fields": [{"name": "a", "type": "int"}]}


def avro(numbers: Sequence[int]) -> bytes:
    file = io.BytesIO()
    fastavro.writer(file, AVRO, [{"a": number} for number in numbers], codec="deflate")
    return file.getvalue()


def parquet(numbers: Sequence[int]) -> bytes:
    file = io.BytesIO()
    pl.DataFrame({"a": numbers, "b": [str(n) * 20 for n in numbers]}).write_parquet(file, row_group_size=500)
    return file.getvalue()


NUMBERS = range(ROWS)
JSON_LINES = b"".join(b'{"a":%d}\n\n' % number for number in NUMBERS)
FILES = {
    "a.jsonl.gz": gzip.compress(JSON_LINES),
    "a.json": json.dumps([{"a": number} for number in NUMBERS]).encode(),
    "b.json": b"".join(b'{\n"a":%d}' % number for number in NUMBERS),
    "a.csv": b"a,b\n" + b"".join(b'%d,"x\ny"\n' % number for number in NUMBERS),
    "a.avro": avro(NUMBERS),
    "a.parquet": parquet(NUMBERS),
}


@pytest.mark.parametrize("name", FILES)
def test_only_uncompressed_json_lines_are_cut_by_bytes(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(FILES[name])
    with pytest.raises(SegmentInputError, match=r"only uncompressed JSON Lines can be read from a byte"):
        next(iter(FileSource([Piece(file, BYTE, 0, 100)])))


# By rows


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from([*FILES, "a.jsonl"]),
    cuts=st.lists(st.integers(0, ROWS), max_size=4),
    end=st.integers(0, ROWS),
)
def test_ranges_of_rows_are_the_whole_file(tmp_path: Path, name: str, cuts: list[int], end: int) -> None:
    file = tmp_path / name
    file.write_bytes(FILES.get(name, JSON_LINES))
    whole = FileSource([file])
    items = read(whole)
    pieces = cut(file, ROW, cuts)
    source = FileSource(pieces)
    assert [repr(item) for item in read(source)] == [repr(item) for item in items]
    count = sum(len(block.items) for block in FileSource([file]))
    for position in (1, count // 3, count):
        assert source.place(position) == whole.place(position)
    done = source.reached(end)
    rest = Piece(file, ROW, done[-1].end or 0) if done else Piece(file)
    assert len(read(FileSource(done))) <= end
    if source.reached(count) != done:
        assert len(read(FileSource(done))) + len(read(FileSource([rest]))) == len(items)


def test_a_line_of_several_objects_is_one_row(tmp_path: Path, short_blocks: None) -> None:
    file = tmp_path / "a.jsonl.gz"
    lines = [b'{"a":1}', b'{"a":2}' * 40, b'{"a":3}']
    file.write_bytes(gzip.compress(b"\n".join(lines)))
    with patch.object(content, "BLOCK_BYTES", 50):
        whole = FileSource([file])
        items = read(whole)
        assert len(items) > 3
        found = [read(FileSource([piece])) for piece in cut(file, ROW, [1, 2])]
        assert found == [[items[0]], items[1:-1], [items[-1]]]
        assert [whole.reached(position)[0].end for position in range(1, len(items))] == [
            *[1] * (len(items) - 2),
            2,
        ]


@pytest.mark.parametrize("remote", [False, True])
def test_only_the_row_groups_of_the_range_are_read(
    tmp_path: Path, remote: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if remote:
        monkeypatch.setattr("airflow_provider_segment.events.sources.files.is_local", lambda file: False)
    file = tmp_path / "a.parquet"
    file.write_bytes(parquet(NUMBERS))
    with file.open("rb") as raw:
        groups = read_row_groups(raw)
    assert [(group.first, group.rows) for group in groups] == [(first, 500) for first in range(0, ROWS, 500)]
    damaged = bytearray(file.read_bytes())
    for group in groups[:4] + groups[6:]:
        damaged[group.start : group.end] = b"\xff" * (group.end - group.start)
    file.write_bytes(damaged)
    source = FileSource([Piece(file, ROW, 2_100, 2_900)])
    assert [row[0] for row in read(source)] == list(range(2_100, 2_900))
    assert source.place(1) == {"file": str(file), "row_number": 2_101}
    with pytest.raises(SegmentInputError):
        read(FileSource([Piece(file, ROW, 1_900, 2_900)]))


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.jsonl"])
@pytest.mark.parametrize(("start", "end"), [(1_000, 2_000), (2_000, None)])
def test_a_file_that_has_less_than_it_was_cut_for_is_an_error(
    tmp_path: Path, name: str, start: int, end: int | None
) -> None:
    file = tmp_path / name
    content = {"a.csv": b"a\n" + b"1\n" * 1_100, "a.parquet": parquet(range(1_100)), "a.jsonl": b"{}\n" * 400}
    file.write_bytes(content[name])
    unit = BYTE if name == "a.jsonl" else ROW
    with pytest.raises(SegmentInputError, match=r"it has 1,\d00 \w+, and should have at least 2,000"):
        read(FileSource([Piece(file, unit, start, end)]))


# What the source says of itself


def test_pieces_identify_an_input_and_have_a_size(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(JSON_LINES)
    inputs = [[Piece(file)], cut(file, BYTE, [100]), cut(file, BYTE, [200]), [Piece(file, BYTE, 100)]]
    sources = [FileSource(pieces, describe([piece.file for piece in pieces])) for pieces in inputs]
    assert len({repr(source.identity) for source in sources}) == len(inputs)
    size = len(JSON_LINES)
    assert [source.size for source in sources] == [size, size, size, size - 100]
    for source in sources:
        read(source)
        assert source.size is not None and 0 <= source.size - source.done < 20
        assert source.files == [file.as_uri()]


def test_a_file_that_was_changed_since_it_was_cut_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(JSON_LINES)
    [[_, _, version]] = describe([file])
    piece = Piece(file, BYTE, 0, 100, version)
    assert read(FileSource([piece], describe([file])))
    with file.open("ab") as stream:
        stream.write(b"{}\n")
    with pytest.raises(SegmentInputError, match=r"a\.jsonl was changed after it was cut into parts"):
        FileSource([piece], describe([file]))


def test_a_file_that_changes_while_a_piece_of_it_is_read_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(JSON_LINES)
    blocks = iter(FileSource(cut(file, BYTE, [100])[:1], describe([file])))
    next(blocks)
    file.write_bytes(JSON_LINES[:-20])
    with pytest.raises(SegmentInputError, match="changed while it was read"):
        list(blocks)
