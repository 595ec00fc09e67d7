"""Inputs: files in every form that exports have, and iterables."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.events.sources.files import FileSource, describe
from airflow_provider_segment.events.sources.items import ItemSource
from airflow_provider_segment.events.sources.json_lines import split_lines
from airflow_provider_segment.events.sources.source import Overlong, Source

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
def test_blocks_never_split_a_line(lines: list[bytes], block: int) -> None:
    expected = [line for line in lines if line]
    text = b"\n".join(lines)
    blocks = [text[start : start + block] for start in range(0, len(text), block)]
    assert [line for some in split_lines(blocks) for line in some if line] == expected


def test_places_name_the_file_and_its_line(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{number}.jsonl", b"{}\n" * number) for number in (1, 2, 3)]
    stored = [ObjectStoragePath(str(file)) for file in files]
    source = FileSource(stored, describe(stored))
    assert len(read(source)) == 6
    assert source.place(1) == {"file": str(files[0]), "line": 1}
    assert source.place(2) == {"file": str(files[1]), "line": 1}
    assert source.place(3) == {"file": str(files[1]), "line": 2}
    assert source.place(6) == {"file": str(files[2]), "line": 3}
    assert source.done == source.size


def test_a_gzip_of_several_members(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress(b'{"a":1}\n') + gzip.compress(b'{"a":2}\n'))
    assert items(file) == [b'{"a":1}', b'{"a":2}']


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_line_that_is_too_long_is_one_item_and_not_the_end(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / name, b'{"a":1}\n' + b"x" * (40 << 20) + b'\n{"a":2}\n' + b"y" * (2 << 20))
    first, second, third, fourth = read(FileSource([file]))
    assert (first, third) == ((1, b'{"a":1}'), (3, b'{"a":2}'))
    assert second == (2, Overlong(b"x" * 1_000, 40 << 20))
    assert fourth == (4, Overlong(b"y" * 1_000, 2 << 20))


def test_a_long_line_of_several_objects_comes_in_pieces_with_its_own_line_number(tmp_path: Path) -> None:
    several = b'{"a":"%b"}' % (b"2" * 1_000) * 3_500
    file = write(tmp_path / "a.jsonl", b'{"a":1}\n%b\n{"a":3}\n' % several)
    source = FileSource([file])
    found = read(source)
    assert found[0] == (1, b'{"a":1}') and found[-1] == (len(found), b'{"a":3}')
    assert len(found) > 3
    assert b"".join(piece for _, piece in found[1:-1]) == several
    assert [source.place(position)["line"] for position, _ in found] == [1, *[2] * (len(found) - 2), 3]


def test_items_from_any_iterable() -> None:
    source = ItemSource({"n": n} for n in range(2_500))
    assert source.size is None
    found = read(source)
    assert found[0] == (1, {"n": 0}) and found[-1] == (2_500, {"n": 2_499})
    assert source.place(7) == {"item": 7}
    assert ItemSource([{}, {}]).size == 2
