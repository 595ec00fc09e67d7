"""Inputs: files in every form that exports have, and iterables."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.errors import SegmentInputError
from airflow_provider_segment.events import compression
from airflow_provider_segment.events.sources import json_lines
from airflow_provider_segment.events.sources.files import FileSource, list_files
from airflow_provider_segment.events.sources.items import ItemSource
from airflow_provider_segment.events.sources.source import Source

pytestmark = pytest.mark.core


def read(source: Source) -> list[tuple[int, Any]]:
    """The items that are not blank lines, with their positions."""
    return [
        (position, item)
        for block in source
        for position, item in enumerate(block.items, block.first)
        if item != b""
    ]


def items(*files: Path) -> list[bytes]:
    return [item for _, item in read(FileSource(files))]


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"a":1}\n{"b":2}\n', [(1, b'{"a":1}'), (2, b'{"b":2}')]),
        (b'{"a":1}\n{"b":2}', [(1, b'{"a":1}'), (2, b'{"b":2}')]),
        (b'{"a":1}\r\n{"b":2}\r\n', [(1, b'{"a":1}'), (2, b'{"b":2}')]),
        (b'\xef\xbb\xbf{"a":1}\n', [(1, b'{"a":1}')]),
        (b'\n  \n\t{"a":1} \n\n', [(3, b'{"a":1}')]),
        (b'{"a":1}\n{"b":', [(1, b'{"a":1}'), (2, b'{"b":')]),
        (b"", []),
        (b"\n\n", []),
    ],
)
def test_lines(tmp_path: Path, name: str, content: bytes, expected: list[tuple[int, bytes]]) -> None:
    assert read(FileSource([write(tmp_path / name, content)])) == expected


@given(
    lines=st.lists(st.binary(max_size=60).map(lambda line: line.replace(b"\n", b" ").strip()), max_size=40),
    block=st.integers(1, 50),
)
def test_blocks_never_split_a_line(
    lines: list[bytes], block: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    expected = [line for line in lines if line]
    if expected and expected[0].startswith(json_lines.BOM):
        return
    for name in ("a.jsonl", "a.jsonl.gz"):
        file = write(tmp_path_factory.mktemp("lines") / name, b"\n".join(lines))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(json_lines, "BLOCK_BYTES", block)
            assert items(file) == expected


def test_places_name_the_file_and_its_line(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{number}.jsonl", b"{}\n" * number) for number in (1, 2, 3)]
    source = FileSource(files, [[str(file), file.stat().st_size, ""] for file in files])
    assert len(read(source)) == 6
    assert source.place(1) == {"file": str(files[0]), "line": 1}
    assert source.place(2) == {"file": str(files[1]), "line": 1}
    assert source.place(3) == {"file": str(files[1]), "line": 2}
    assert source.place(6) == {"file": str(files[2]), "line": 3}
    assert source.done == source.size


@pytest.mark.parametrize("coder", ["isal", "standard library"])
@pytest.mark.parametrize("lines", [10, 200_000])
def test_a_truncated_gzip_is_read_as_far_as_possible_and_then_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, coder: str, lines: int
) -> None:
    if coder == "standard library":
        monkeypatch.setattr(compression, "_coder", gzip)
    file = write(tmp_path / "a.jsonl.gz", b"".join(b'{"n":%d}\n' % n for n in range(lines)))
    file.write_bytes(file.read_bytes()[:-9])
    source = FileSource([file])
    found: list[bytes] = []
    with pytest.raises(SegmentInputError, match=r"a\.jsonl\.gz cannot be read beyond line"):
        for block in source:
            found.extend(block.items)
    # How much of the rest a decoder returns is up to the decoder; what it returns is not lost.
    assert len(found) > lines / 2 or lines == 10
    assert found == [b'{"n":%d}' % n for n in range(len(found))]


def test_a_file_that_is_not_gzip_at_all(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(b"{}\n")
    with pytest.raises(SegmentInputError, match="line 0"):
        read(FileSource([file]))


def test_a_gzip_of_several_members(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress(b"1\n") + gzip.compress(b"2\n"))
    assert items(file) == [b"1", b"2"]


def test_an_endless_line_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "MAX_LINE_BYTES", 1 << 20)
    file = write(tmp_path / "a.jsonl", b"{}\n" + b"x" * (5 << 20))
    with pytest.raises(SegmentInputError, match="longer than"):
        read(FileSource([file]))


def test_items_from_any_iterable() -> None:
    source = ItemSource({"n": n} for n in range(2_500))
    assert source.size is None
    found = read(source)
    assert found[0] == (1, {"n": 0}) and found[-1] == (2_500, {"n": 2_499})
    assert source.place(7) == {"item": 7}
    assert ItemSource([{}, {}]).size == 2


# Files of a path


def test_a_glob_is_sorted_and_leaves_the_rejects_out(tmp_path: Path) -> None:
    for name in ("b/2.jsonl", "a/1.jsonl.gz", "a/rejects.jsonl", "a/x.csv", "a/dir.jsonl/y"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    for prefix in ("", "file://"):
        found = list_files(
            f"{prefix}{tmp_path}/*/*.jsonl*", rejects_path=f"{prefix}{tmp_path}/a/rejects.jsonl"
        )
        assert [file.path for file in found] == [f"{tmp_path}/a/1.jsonl.gz", f"{tmp_path}/b/2.jsonl"]


@pytest.mark.parametrize("name", ["missing.jsonl", "*.jsonl", "*/x.jsonl"])
def test_no_file_is_an_error_not_an_empty_input(tmp_path: Path, name: str) -> None:
    with pytest.raises(SegmentInputError, match="no file matches"):
        list_files(f"{tmp_path}/{name}")
