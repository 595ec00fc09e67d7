"""Events from files, in any storage."""

from __future__ import annotations

import logging
import os
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from glob import has_magic
from itertools import takewhile
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import astuple

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentInputError
from airflow_provider_segment.events.compression import Corrupt
from airflow_provider_segment.events.mapping.template import nearest
from airflow_provider_segment.events.parts import Part
from airflow_provider_segment.events.sources.content import (
    DELIMITERS,
    FORMATS,
    PARQUET,
    Content,
    Rows,
    Said,
    read_content,
)
from airflow_provider_segment.events.sources.csv_dialect import CsvDialect
from airflow_provider_segment.events.sources.parquet_footer import MAGIC
from airflow_provider_segment.events.sources.pieces import BYTE, ROW, Piece
from airflow_provider_segment.events.sources.source import Block
from airflow_provider_segment.events.sources.tables import Table, UnreadableFileError
from airflow_provider_segment.events.storage import File, is_local, local_path, storage_path

if TYPE_CHECKING:
    from upath import UPath

log = logging.getLogger(__name__)

TAGS = ("ETag", "etag", "generation", "mtime", "last_modified", "LastModified")
"""What storages say of a file that changes with its content, the best first."""
HEAD_BYTES = 1 << 16
"""The first bytes of a file that grew are compared with what they were: was it appended to, or rewritten?"""


class FileSource:
    """Events or rows from files, or pieces of files, one after the other.

    A file that is appended to while it is read is no error; one that changes otherwise is.

    :param pieces: what is read, in this order: pieces, or files, which are read whole
    :param facts: what :func:`describe` returns for their files; None if they cannot change
    :param format: what all of them are: one of ``content.FORMATS``. By default their content tells, and for
        CSV their names
    :param csv: how CSV is written: the fields of :class:`.CsvDialect`
    :param needed: the columns that are needed, where a format can leave out others; None for all
    :raises SegmentConfigurationError: the format or an option of CSV is unknown
    :raises SegmentInputError: a file is not the one any more that was cut
    """

    def __init__(
        self,
        pieces: Sequence[Piece | File],
        facts: list[list[Any]] | None = None,
        *,
        format: str | None = None,
        csv: Mapping[str, Any] | None = None,
        needed: Collection[str] | None = None,
    ) -> None:
        self._said = _said(format, csv, needed)
        self.read_as = [format, csv]
        """What was said of the files."""
        self._set_pieces([piece if isinstance(piece, Piece) else Piece(piece) for piece in pieces], facts)
        _check_versions(self._pieces, facts)
        files = [piece.file for piece in self._pieces]
        # A block of a local file is read faster than threads are switched; Parquet has threads of its own.
        self.blocking = any(not is_local(file) for file in files) or (
            bool(files) and _is_parquet(files[0], format)
        )
        ranges = [[piece.unit, piece.start, piece.end] for piece in self._pieces]
        self.identity: Any = facts if not format and not csv else [facts, format, csv]
        if any(piece.unit for piece in self._pieces):
            self.identity = [self.identity, ranges]
        self.done = 0
        self._starts: list[int] = []
        self._contents: list[Content | Table | Rows] = []
        self._position = 0
        self._ended = False

    def _set_pieces(self, pieces: list[Piece], facts: list[list[Any]] | None) -> None:
        self._pieces, self._facts = pieces, facts
        self.files = list(dict.fromkeys(_uri(str(piece.file)) for piece in pieces))
        self.size = _size(pieces, facts)

    def described(self) -> list[tuple[Piece, str, list[Any]]]:
        """Each piece, the URI of its file, and what :func:`describe` said of that."""
        files: list[Any] = [piece.file for piece in self._pieces]
        uris = [_uri(str(file)) for file in files]
        return list(zip(self._pieces, uris, self._facts or describe(files), strict=True))

    def read_only(self, pieces: Sequence[Piece]) -> None:
        """Read these pieces instead, of the same files; before anything is read."""
        facts = {str(piece.file): fact for piece, _, fact in self.described()}
        self._set_pieces(list(pieces), [facts[str(piece.file)] for piece in pieces])

    def __iter__(self) -> Iterator[Block]:
        for index, (file, unit, start, end, _) in enumerate(self._pieces):
            self._starts.append(self._position)
            before = self.done
            try:
                with file.open("rb") as raw:
                    head = raw.read(HEAD_BYTES)
                    size = raw.seek(0, os.SEEK_END)
                    raw.seek(0)
                    content = read_content(
                        raw,
                        name=file.name,
                        local=is_local(file),
                        said=self._said,
                        unit=unit,
                        start=start,
                        end=end,
                    )
                    self._contents.append(content)
                    start, end = (start, min(end or size, size)) if unit == BYTE else (0, size)
                    for items in content.blocks:
                        yield Block(items, self._position + 1, content.columns)
                        self._position += len(items)
                        read = self._position - self._starts[-1]
                        at = min(end, raw.tell()) - start
                        self.done = before + (size * read // content.rows if content.rows else at)
            except UnreadableFileError as error:
                raise SegmentInputError(f"{file} cannot be read: {error}") from None
            except SegmentConfigurationError as error:
                raise SegmentConfigurationError(f"{file}: {error}") from None
            except (ValueError, *Corrupt) as error:
                raise SegmentInputError(f"{file} cannot be read beyond {self._last()}: {error}") from error
            if self._facts:
                _check_unchanged(file, self._facts[index], head)
        self._ended = True

    def _last(self) -> str:
        number = self._position - self._starts[-1]
        started = len(self._contents) == len(self._starts)
        place = self._contents[-1].place(number) if started else {"line": 0}
        unit, where = next(iter(place.items()))
        return f"{unit.removesuffix('_number')} {where:,}"

    def place(self, position: int) -> dict[str, Any]:
        index = max(0, bisect_right(self._starts, position - 1) - 1)
        return {
            "file": str(self._pieces[index].file),
            **self._contents[index].place(position - self._starts[index]),
        }

    def reached(self, position: float) -> list[Piece]:
        """What is done with if everything up to a position is: pieces, and the beginning of the last one.

        That is cut by bytes if it is uncompressed JSON Lines, where a block of text was read, otherwise by
        rows.
        """
        position = min(position, self._position)
        starts = [*self._starts, self._position] if self._ended else self._starts
        index = max(0, bisect_right(starts, position) - 1)
        done = self._pieces[:index]
        if index < len(self._contents):
            piece, content = self._pieces[index], self._contents[index]
            unit = piece.unit or content.cut_by
            end = content.end_of(floor(position) - starts[index], unit)
            if end > piece.start:
                done.append(piece._replace(unit=unit, end=end))
        return done


def _said(format: str | None, csv: Mapping[str, Any] | None, needed: Collection[str] | None) -> Said:
    if format is not None and format not in FORMATS:
        raise SegmentConfigurationError(f"format: there is no {format!r}{nearest(format, FORMATS)}")
    if csv is not None and format is not None and format not in DELIMITERS:
        raise SegmentConfigurationError(f"csv is about CSV and TSV: leave it out, or the format {format}")
    try:
        dialect = None if csv is None else CsvDialect.of(csv)
    except ValueError as error:
        raise SegmentConfigurationError(f"csv: {error}") from None
    return Said(format, dialect, needed)


def _check_versions(pieces: Sequence[Piece], facts: list[list[Any]] | None) -> None:
    for piece, (_, _, now) in zip(pieces, facts or (), strict=False):
        if piece.version not in (None, now):
            raise SegmentInputError(
                f"{piece.file} was changed after it was cut into parts, and nothing was sent of it. Cut it "
                "again when it is complete"
            )


def _size(pieces: Sequence[Piece], facts: list[list[Any]] | None) -> int | None:
    """How many bytes are read; None if that is not known."""
    if not facts or any(piece.unit == ROW for piece in pieces):
        return None
    return sum(
        (size if piece.end is None else piece.end) - piece.start
        for piece, (_, size, _) in zip(pieces, facts, strict=False)
    )


def _is_parquet(file: File, format: str | None) -> bool:
    if format is not None:
        return format == PARQUET
    with suppress(OSError), file.open("rb") as raw:
        return bool(raw.read(len(MAGIC)) == MAGIC)
    return False


def _check_unchanged(file: Any, before: list[Any], head: bytes) -> None:
    """Compare a file that was read to its end with what it was at the start.

    :param before: what :func:`describe` said of it
    :param head: its first bytes
    :raises SegmentInputError: it is not the same file, and not a longer one
    """
    _, size_before, _ = before
    try:
        if not is_local(file):
            file.fs.invalidate_cache()
        [after] = describe([file])
        if after == before:
            return
        _, size, _ = after
        with file.open("rb") as raw:
            same_head = raw.read(len(head)) == head
    except OSError as error:
        raise SegmentInputError(f"{file} was removed or replaced while it was read: {error}") from error
    if size > size_before and same_head:
        log.warning(
            "%s grew from %s to %s bytes while it was read; what was appended may not have been sent",
            file,
            f"{size_before:,}",
            f"{size:,}",
        )
        return
    raise SegmentInputError(
        f"{file} changed while it was read: it had {size_before:,} bytes at the start, and has {size:,} now. "
        "Some of its events may be missing: run the task again when the file is complete"
    )


def _uri(path: str) -> str:
    return path if "://" in path else Path(path).absolute().as_uri()


def list_files(
    path: str | Sequence[str],
    *,
    rejects_path: str | None = None,
    folders: bool = False,
    may_be_none: bool = False,
) -> list[UPath]:
    """The files of a path or glob, or of several; those of a glob sorted by name. Each file once.

    :param rejects_path: will be written, so it is left out if it matches a glob
    :param folders: whether a path may also be a folder, whose files are those at any depth, but for names
        that begin with ``.`` or ``_``
    :param may_be_none: whether there may be no file
    :raises SegmentConfigurationError: a path is the rejects_path, or no file, or one of a table that has more
        than files
    :raises SegmentInputError: there is no file
    """
    rejects = _location(storage_path(rejects_path)) if rejects_path else None
    paths = [path] if isinstance(path, str) else path
    if not paths:
        raise SegmentConfigurationError("path is an empty list")
    files: dict[tuple[str, str], UPath] = {}
    for one in paths:
        found = _files_of(one, rejects, folders=folders)
        if not found and not may_be_none:
            raise SegmentInputError(f"no file matches {one}")
        for file in found:
            files.setdefault(_location(file), file)
    return list(files.values())


def _files_of(path: str, rejects: tuple[str, str] | None, *, folders: bool) -> list[UPath]:
    several = has_magic(path)
    if several:
        parts = path.split("/")
        fixed = list(takewhile(lambda part: not has_magic(part), parts))
        folder = storage_path("/".join(fixed) or ("/" if path.startswith("/") else "."))
        found = sorted(folder.glob("/".join(parts[len(fixed) :])), key=str)
    else:
        found = [storage_path(path)]
        if _location(found[0]) == rejects:
            raise SegmentConfigurationError(f"{path} is also the rejects_path, and would be overwritten")
        if folders and found[0].is_dir() and not table_kind(found[0]):
            several, found = True, _below(found[0])
    files = []
    for file in found:
        if _location(file) == rejects:
            continue
        if file.is_file():
            files.append(file)
        elif several and not file.is_dir():
            log.warning("%s is left out: it is not a regular file, or leads to none", file)
    if not files and not several and found[0].exists():
        raise SegmentConfigurationError(f"{path} is {_kind(found[0])}")
    if several and (tables := _tables_of(files)):
        raise SegmentConfigurationError(f"{path} matches files of {tables}")
    return files


def _below(folder: UPath) -> list[UPath]:
    """What is in a folder at any depth, but for what is hidden or marks that a job has ended."""
    depth = len(folder.parts)
    found = sorted(folder.glob("**/*"), key=str)
    return [one for one in found if not any(name.startswith((".", "_")) for name in one.parts[depth:])]


def open_pieces(part: Part, *, rejects_path: str | None = None) -> list[Piece]:
    """What a part has of files.

    :raises SegmentConfigurationError: the part is one of a query, or a file is the ``rejects_path``
    :raises SegmentInputError: a file is not there
    """
    if part.pieces is None:
        raise SegmentConfigurationError(
            f"part {part.name} is a range of a query: it is sent by SqlToSegmentOperator"
        )
    rejects = _location(storage_path(rejects_path)) if rejects_path else None
    pieces = []
    for path, unit, start, end, version in map(astuple, part.pieces):
        file = storage_path(path)  # no glob, whatever is in its name
        if _location(file) == rejects:
            raise SegmentConfigurationError(f"{path} is also the rejects_path, and would be overwritten")
        if not file.is_file():
            raise SegmentInputError(f"{path}, of the part {part.name}, is not there, or is no file")
        pieces.append(Piece(file, unit, start, end, version))
    return pieces


def _tables_of(files: list[UPath]) -> str | None:
    """The table to which the first Parquet file among these belongs, and what to do."""
    parquet = next((file for file in files if file.name.endswith(".parquet")), None)
    folders = parquet.parents if parquet is not None else []
    return next((kind for folder in folders if (kind := table_kind(folder))), None)


def table_kind(folder: UPath) -> str | None:
    """What a folder is that holds a table of Delta Lake or Iceberg, and what to do; None for others."""
    kind = None
    with suppress(PermissionError):  # a storage may show only the folder of the files
        if (folder / "_delta_log").is_dir():
            kind = "a Delta table"
        elif next(iter((folder / "metadata").glob("*.metadata.json")), None):
            kind = "an Iceberg table"
    if kind is None:
        return None
    return (
        f"{kind}, {folder}, whose files also hold rows that it no longer has. Read it by SQL, through Trino, "
        "Spark or DuckDB, with SqlToSegmentOperator; or give a list of the Parquet files of one version, if "
        "none of their rows was deleted"
    )


def _kind(file: UPath) -> str:
    """What a path is that is not a file."""
    if file.is_dir():
        return table_kind(file) or f"a folder: give its files, as in {file}/*.jsonl"
    return "not a regular file but a pipe, a socket or a device: give a file"


def _location(file: UPath) -> tuple[str, str]:
    """Equal for two paths to the same file."""
    if is_local(file):
        return "file", os.path.realpath(local_path(file))
    return file.protocol, file.path


def describe(files: Sequence[Any]) -> list[list[Any]]:
    """What shows whether the files are unchanged: path, size, and the storage's fingerprint of each."""
    return [[str(file), *_fingerprint(file)] for file in files]


def _fingerprint(file: UPath) -> tuple[int, str]:
    if is_local(file):
        # The library's fingerprint also depends on the file's permissions and links.
        status = os.stat(local_path(file))
        return status.st_size, f"{status.st_ino}-{status.st_mtime_ns}"
    info = file.fs.info(file.path)
    tag = next((str(info[name]).strip('"') for name in TAGS if info.get(name)), None)
    # The library's own fingerprint also depends on whether the file was listed or looked up.
    return info.get("size") or 0, tag or file.fs.ukey(file.path)
