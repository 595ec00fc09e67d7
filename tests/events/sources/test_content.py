"""What a file is: told from what is in it, whatever its name says."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentInputError
from airflow_provider_segment.events import compression
from airflow_provider_segment.events.sources.content import FORMATS, read_content
from airflow_provider_segment.events.sources.files import FileSource
from airflow_provider_segment.events.sources.json_objects import is_object

pytestmark = pytest.mark.core

zstd: Any = compression.zstd_library()

EVENTS = [{"type": "track", "event": "x", "userId": str(n), "properties": {"n": [{}]}} for n in range(50)]
LINES = [json.dumps(event).encode() for event in EVENTS]

ARRANGEMENTS: dict[str, bytes] = {
    "lines": b"\n".join(LINES),
    "array": b"[%b]" % b",".join(LINES),
    "array, pretty-printed": json.dumps(EVENTS, indent=2).encode(),
    "concatenated": b"".join(LINES),
    "pretty-printed": b"\n".join(json.dumps(event, indent=2).encode() for event in EVENTS),
    "an array a line": b"[%b]\n[%b]" % (b",".join(LINES[:7]), b",".join(LINES[7:])),
    "byte order mark": b"\xef\xbb\xbf" + b"\n".join(LINES),
}
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd.compress,
}


def items(content: bytes) -> list[Any]:
    return [item for block in read_content(io.BytesIO(content)).blocks for item in block]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json", "a"])
@pytest.mark.parametrize("compress", COMPRESSIONS.values(), ids=COMPRESSIONS)
@pytest.mark.parametrize("content", ARRANGEMENTS.values(), ids=ARRANGEMENTS)
def test_what_can_be_read_is_read(
    tmp_path: Path, content: bytes, compress: Callable[[bytes], bytes], name: str
) -> None:
    file = tmp_path / name
    file.write_bytes(compress(content))
    source = FileSource([file])
    assert [json.loads(item) for block in source for item in block.items] == EVENTS
    assert next(iter(source.place(7))) == "file" and 7 in source.place(7).values()


def archive(kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as zipped:
            zipped.writestr("a.jsonl", ARRANGEMENTS["lines"])
    else:
        with tarfile.open(fileobj=buffer, mode=f"w:{kind}") as tarred:
            tarred.addfile(tarfile.TarInfo("a.jsonl"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (ARRANGEMENTS["lines"].decode().encode("utf-16"), "UTF-16"),
        (ARRANGEMENTS["lines"].decode().encode("utf-16-le"), "UTF-16"),
        (ARRANGEMENTS["array"].decode().encode("utf-16-be"), "UTF-16"),
        (ARRANGEMENTS["lines"].decode().encode("utf-32"), "UTF-32"),
        pytest.param(
            gzip.compress(gzip.compress(ARRANGEMENTS["lines"])), "compressed twice", id="gzip twice"
        ),
        (b"ORC\x00", "ORC"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "binary"),
        (archive("zip"), "ZIP"),
        (archive(""), "tar"),
        pytest.param(archive("gz"), "tar", id="tar.gz"),
        (b"user_id,event\n1,Order Completed\n", "CSV"),
        (b"<!DOCTYPE html>\n<html></html>", "HTML"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, content: bytes, kind: str) -> None:
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(content)
    with pytest.raises(SegmentInputError, match=rf"a\.jsonl\.gz cannot be read: it is .*{kind}.*: \w+"):
        list(FileSource([file]))


def test_without_a_library_for_zstandard_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for library in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, library, None)
    file = tmp_path / "a.jsonl"
    file.write_bytes(zstd.compress(ARRANGEMENTS["lines"]))
    with pytest.raises(
        SegmentInputError, match=r"Zstandard, .*: pip install 'airflow-provider-segment\[zstd\]'"
    ):
        list(FileSource([file]))


def test_a_format_is_known_or_the_nearest_is_named() -> None:
    with pytest.raises(
        SegmentConfigurationError, match=r"format: there is no 'parket': did you mean parquet\?"
    ):
        FileSource([], format="parket")
    with pytest.raises(SegmentConfigurationError, match="leave it out, or the format parquet"):
        FileSource([], format="parquet", csv={})
    for format in FORMATS:
        assert FileSource([], format=format).size is None


def test_what_is_said_of_the_files_identifies_them_too(tmp_path: Path) -> None:
    facts = [["a", 1, "x"]]
    assert FileSource([], facts).identity == facts
    said = [
        FileSource([], facts, format="csv"),
        FileSource([], facts, csv={}),
        FileSource([], facts, format="tsv"),
    ]
    assert len({str(source.identity) for source in said}) == 3


@pytest.mark.parametrize("format", [None, "jsonl"])
def test_dead_letters_are_lines_whatever_rows_are_in_them(tmp_path: Path, format: str | None) -> None:
    file = tmp_path / "rejects.jsonl"
    lines = [b'{"file":"a.csv","row_number":1,"reason":"invalid_value","row":{"a":"1"}}'] * 3
    file.write_bytes(b"\n".join([*lines, b""]))
    [block] = FileSource([file], format=format)
    assert block == (lines, 1, None)


@pytest.mark.parametrize("name", ["array", "concatenated", "pretty-printed"])
def test_a_damaged_first_object_does_not_hide_the_others(name: str) -> None:
    start, first = (b"[", b'{"a":NaN},') if name == "array" else (b"", b'{"a":NaN}')
    content = start + first + ARRANGEMENTS[name].removeprefix(start)
    assert [json.loads(item) for item in items(content)[1:]] == EVENTS


@pytest.mark.parametrize("first", [b'{"type":"track","event":"x","userId":"u1"', b'{"a":"', b"# comment"])
def test_a_damaged_first_line_is_one_line(first: bytes) -> None:
    assert items(b"\n".join([first, *LINES])) == [first, *LINES]


# Damage


def damaged(content: bytes, where: str) -> bytes:
    packed = gzip.compress(content)
    middle = len(packed) * 2 // 3
    return {
        "cut off": packed[:middle],
        "cut off in its last bytes": packed[:-9],
        "a wrong byte": packed[:middle] + bytes([packed[middle] ^ 0xFF]) + packed[middle + 1 :],
        "a wrong checksum": packed[:-8] + b"\0\0\0\0" + packed[-4:],
        "something behind it": packed + b"garbage",
    }[where]


@pytest.mark.parametrize("coder", ["isal", "standard library"])
@pytest.mark.parametrize("lines", [10, 100_000])
@pytest.mark.parametrize(
    "damage",
    ["cut off", "cut off in its last bytes", "a wrong byte", "a wrong checksum", "something behind it"],
)
def test_of_a_damaged_gzip_no_less_is_read_than_gzip_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, coder: str, damage: str, lines: int
) -> None:
    if coder == "standard library":
        monkeypatch.setattr(compression, "_coder", gzip)
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(damaged(b"".join(b'{"n":%d,"square":%d}\n' % (n, n * n) for n in range(lines)), damage))
    found: list[bytes] = []
    with pytest.raises(SegmentInputError, match=r"a\.jsonl\.gz cannot be read beyond line [\d,]+: \w"):
        for block in FileSource([file]):
            found += block.items
    gzip_gives = subprocess.run(["gzip", "-dc", file], capture_output=True).stdout.split(b"\n")[:-1]
    if damage == "a wrong byte":  # gzip goes on with what may be anything
        gzip_gives = list(takewhile(is_object, gzip_gives))
    assert found[: len(gzip_gives)] == gzip_gives
    if damage != "a wrong byte":
        assert found[:-1] == [b'{"n":%d,"square":%d}' % (n, n * n) for n in range(len(found) - 1)]


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "bzip2": bz2.compress,
    "xz": lambda content: lzma.compress(content, preset=0),
    "zstd": lambda content: zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: 1}),
}


@pytest.mark.parametrize("tool", PACKERS)
@pytest.mark.parametrize(
    "damage", ["cut off", "a wrong byte", "a wrong second stream", "something behind it"]
)
def test_of_what_else_is_damaged_no_less_is_read_than_its_tool_gives(
    tmp_path: Path, tool: str, damage: str
) -> None:
    packed = PACKERS[tool](b"".join(b'{"n":%d}\n' % n for n in range(300_000)))
    middle = len(packed) * 2 // 3
    file = tmp_path / "a.jsonl"
    file.write_bytes(
        {
            "cut off": packed[:middle],
            "a wrong byte": packed[:middle] + bytes([packed[middle] ^ 0xFF]) + packed[middle + 1 :],
            "a wrong second stream": packed + packed[:4] + b"\xff" + packed[5:],
            "something behind it": packed + b"garbage",
        }[damage]
    )
    found: list[bytes] = []
    with pytest.raises(SegmentInputError, match=r"cannot be read beyond line [\d,]+: \w"):
        for block in FileSource([file]):
            found += block.items
    gives = subprocess.run([tool, "-dc"], stdin=file.open("rb"), capture_output=True).stdout.split(b"\n")[:-1]
    if damage == "a wrong byte":  # bzip2 goes on with what has another checksum
        gives = list(takewhile(is_object, gives))[: len(found)]
    assert len(gives) > 10_000 and found[: len(gives)] == gives


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, zstd.compress])
@pytest.mark.parametrize("padding", [0, 8])
def test_a_compressed_file_may_have_several_streams_and_padding(
    compress: Callable[[bytes], bytes], padding: int
) -> None:
    streams = [compress(b"%b\n" % line) + bytes(padding) for line in LINES]
    assert items(b"".join(streams)) == LINES


# Properties


@given(
    events=st.lists(
        st.fixed_dictionaries({"type": st.just("page"), "userId": st.text('a{}"\\\n', min_size=1)}),
        min_size=1,
        max_size=20,
    ),
    arrange=st.sampled_from(["lines", "array", "concatenated", "pretty-printed"]),
    compress=st.sampled_from(list(COMPRESSIONS)),
)
def test_order_and_number_never_depend_on_the_form(
    events: list[dict[str, str]], arrange: str, compress: str
) -> None:
    texts = [
        json.dumps(event, indent=2 if arrange == "pretty-printed" else None).encode() for event in events
    ]
    content = (b"" if arrange == "concatenated" else b"," if arrange == "array" else b"\n").join(texts)
    content = b"[%b]" % content if arrange == "array" else content
    assert items(COMPRESSIONS[compress](content)) == texts


@given(st.binary(max_size=300))
def test_any_bytes_are_items_or_a_named_fault(content: bytes) -> None:
    try:
        assert all(item is not None for item in items(content))
    except (ValueError, *compression.Corrupt) as error:
        assert str(error)
