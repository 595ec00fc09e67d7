"""Events from files, in any storage that Airflow's ``ObjectStoragePath`` supports."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from glob import has_magic
from itertools import takewhile
from pathlib import Path
from typing import IO, Any, Protocol

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentInputError
from airflow_provider_segment.events.compression import Corrupt
from airflow_provider_segment.events.sources.json_lines import read_json_lines
from airflow_provider_segment.events.sources.source import Block


class Reader(Protocol):
    """Reads a format: items, block by block, from an open file."""

    def __call__(self, raw: IO[bytes], /, *, compressed: bool) -> Iterator[list[Any]]: ...


FORMATS: dict[str, Reader] = {
    ".jsonl": read_json_lines,
}
"""Formats by file extension, ignoring ``.gz``. Any other file is read as JSON Lines."""


class File(Protocol):
    """What is needed of a file: Airflow's ``ObjectStoragePath`` and ``pathlib.Path`` provide it."""

    @property
    def name(self) -> str: ...

    @property
    def parent(self) -> Any: ...

    def open(self, mode: Any, /) -> Any: ...


class FileSource:
    """Events from files, one after the other; names ending in ``.gz`` are decompressed.

    :param files: the files, in the order in which they are read
    :param facts: what :func:`describe` returns for them
    """

    def __init__(self, files: Sequence[File], facts: list[list[Any]] | None = None) -> None:
        self._files = files
        self.files = [_uri(str(file)) for file in files]
        # A block of a local file is read faster than threads are switched.
        self.blocking = any(getattr(file, "protocol", "file") not in ("", "file") for file in files)
        self.identity = facts
        self.size = sum(size for _, size, _ in facts) if facts else None
        self.done = 0
        self._starts: list[int] = []

    def __iter__(self) -> Iterator[Block]:
        position = 0
        for file in self._files:
            self._starts.append(position)
            before = self.done
            try:
                with file.open("rb") as raw:
                    for items in _reader(file.name)(raw, compressed=file.name.endswith(".gz")):
                        yield Block(items, position + 1)
                        position += len(items)
                        self.done = before + raw.tell()
            except (OSError, ValueError, *Corrupt) as error:
                line = position - self._starts[-1]
                raise SegmentInputError(f"{file} cannot be read beyond line {line:,}: {error}") from error

    def place(self, position: int) -> dict[str, Any]:
        index = max(0, bisect_right(self._starts, position - 1) - 1)
        return {"file": str(self._files[index]), "line": position - self._starts[index]}


def _reader(name: str) -> Reader:
    suffix = Path(name.removesuffix(".gz")).suffix
    return FORMATS.get(suffix, read_json_lines)


def _uri(path: str) -> str:
    return path if "://" in path else Path(path).absolute().as_uri()


def list_files(path: str, *, rejects_path: str | None = None) -> list[ObjectStoragePath]:
    """The files of a path or glob, sorted by name.

    :param rejects_path: will be written, so it is left out if it matches the glob
    :raises SegmentConfigurationError: the path is the rejects_path
    :raises SegmentInputError: there is no file
    """
    rejects = _location(ObjectStoragePath(rejects_path)) if rejects_path else None
    if has_magic(path):
        parts = path.split("/")
        fixed = list(takewhile(lambda part: not has_magic(part), parts))
        folder = ObjectStoragePath("/".join(fixed) or ("/" if path.startswith("/") else "."))
        found = sorted(folder.glob("/".join(parts[len(fixed) :])), key=str)
    else:
        found = [ObjectStoragePath(path)]
        if _location(found[0]) == rejects:
            raise SegmentConfigurationError(f"{path} is also the rejects_path, and would be overwritten")
    files = [file for file in found if _location(file) != rejects and file.is_file()]
    if not files:
        raise SegmentInputError(f"no file matches {path}")
    return files


def _location(file: ObjectStoragePath) -> tuple[str, str]:
    """Equal for two paths to the same file."""
    if file.protocol in ("", "file"):
        return "file", os.path.realpath(file.path)
    return file.protocol, file.path


def describe(files: list[ObjectStoragePath]) -> list[list[Any]]:
    """What shows whether the files are unchanged: path, size, and the storage's fingerprint of each."""
    return [[str(file), file.fs.size(file.path), file.fs.ukey(file.path)] for file in files]
