"""What a file is, told from its first bytes, before what its lines are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import IO, Any, NamedTuple

from airflow_provider_segment.events.compression import blocks_of
from airflow_provider_segment.events.sources.json_lines import split_lines
from airflow_provider_segment.events.sources.json_objects import is_object, items_of, split_objects

BLOCK_BYTES = 1 << 20
BOM = b"\xef\xbb\xbf"

CONVERT, UNPACK, DECOMPRESS = (
    "convert it to JSON Lines",
    "unpack it, and give the files in it",
    "decompress it, or compress it with gzip",
)
TO_UTF_8 = "convert it to UTF-8"

NOT_TEXT: dict[bytes, tuple[str, str]] = {
    b"PAR1": ("Parquet", CONVERT),
    b"Obj\x01": ("Avro", CONVERT),
    b"ORC": ("ORC", CONVERT),
    b"ARROW1": ("Arrow", CONVERT),
    b"SQLite format 3": ("an SQLite database", CONVERT),
    b"PK\x03\x04": ("a ZIP archive", UNPACK),
    b"7z\xbc\xaf\x27\x1c": ("a 7-Zip archive", UNPACK),
    b"Rar!": ("a RAR archive", UNPACK),
    b"\x1f\x9d": ("compressed with compress", DECOMPRESS),
    b"LZIP": ("compressed with lzip", DECOMPRESS),
    b"\x28\xb5\x2f\xfd": ("compressed with Zstandard", DECOMPRESS),
    b"\x04\x22\x4d\x18": ("compressed with LZ4", DECOMPRESS),
    b"\xff\x06\x00\x00sNaPpY": ("compressed with Snappy", DECOMPRESS),
    b"\x1f\x8b": ("compressed twice", DECOMPRESS),
    b"BZh": ("compressed twice", DECOMPRESS),
    b"\xfd7zXZ\x00": ("compressed twice", DECOMPRESS),
    b"\xff\xfe\x00\x00": ("UTF-32 text", TO_UTF_8),
    b"\x00\x00\xfe\xff": ("UTF-32 text", TO_UTF_8),
    b"\xff\xfe": ("UTF-16 text", TO_UTF_8),
    b"\xfe\xff": ("UTF-16 text", TO_UTF_8),
    **dict.fromkeys((b"{\x00", b"\x00{", b"[\x00", b"\x00["), ("UTF-16 text", TO_UTF_8)),
}
"""How files that are not text begin, what they are, and what to do with them. Longer beginnings first."""
TAR, TAR_AT = b"ustar", 257


class NotEventsError(ValueError):
    """The file holds no JSON.

    :param kind: what it is instead
    :param advice: what to do with it
    """

    def __init__(self, kind: str, advice: str) -> None:
        super().__init__(f"it is {kind}, not JSON Lines: {advice}")


class Content(NamedTuple):
    """The items of a file.

    :param unit: what their numbers count: ``line``, or ``item`` where there are no lines
    :param continued: the numbers of the items that are on the same line as the one before; grows while the
        blocks are read
    """

    unit: str
    blocks: Iterator[list[Any]]
    continued: Sequence[int] = ()

    def place(self, number: int) -> dict[str, int]:
        """Where an item is: its line, or its number."""
        return {self.unit: number - bisect_right(self.continued, number)}


def read_content(raw: IO[bytes]) -> Content:
    """The items of an open file: its lines, or the objects of an array or of an arrangement without lines.

    :param raw: can seek, and is at its beginning
    :raises NotEventsError: it holds no JSON
    """
    blocks = blocks_of(raw, BLOCK_BYTES)
    first = next(blocks, b"")
    _refuse_what_is_not_text(first)
    first = first.removeprefix(BOM)
    text = chain([first], blocks)
    if _is_without_lines(first.lstrip()):
        return Content("item", split_objects(text))
    continued: list[int] = []
    return Content("line", split_lines(text, continued), continued)


def _refuse_what_is_not_text(start: bytes) -> None:
    for beginning, (kind, advice) in NOT_TEXT.items():
        if start.startswith(beginning):
            raise NotEventsError(kind, advice)
    if start[TAR_AT:].startswith(TAR):
        raise NotEventsError("a tar archive", UNPACK)
    if b"\0" in start[:1_000]:
        raise NotEventsError("a binary file", CONVERT)
    lines = [line for line in map(bytes.strip, start.removeprefix(BOM).split(b"\n")) if line]
    if lines and not any(line[0] in b"{[\x1e" for line in lines):
        kind = "HTML or XML" if lines[0].startswith(b"<") else "text without JSON, such as CSV"
        raise NotEventsError(kind, CONVERT)


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
