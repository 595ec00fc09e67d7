"""Events from files, in any storage that Airflow's ``ObjectStoragePath`` supports."""

from __future__ import annotations

import logging
import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from glob import has_magic
from itertools import takewhile
from pathlib import Path
from typing import Any, Protocol

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentInputError
from airflow_provider_segment.events.compression import Corrupt
from airflow_provider_segment.events.sources.content import Content, NotEventsError, read_content
from airflow_provider_segment.events.sources.source import Block

log = logging.getLogger(__name__)

HEAD_BYTES = 1 << 16
"""The first bytes of a file that grew are compared with what they were: was it appended to, or rewritten?"""


class File(Protocol):
    """What is needed of a file: Airflow's ``ObjectStoragePath`` and ``pathlib.Path`` provide it."""

    @property
    def name(self) -> str: ...

    @property
    def parent(self) -> Any: ...

    @property
    def path(self) -> str: ...

    def open(self, mode: Any, /) -> Any: ...


class FileSource:
    """Events from files, one after the other.

    A file that is appended to while it is read is no error; one that changes otherwise is.

    :param files: the files, in the order in which they are read
    :param facts: what :func:`describe` returns for them; None if they cannot change
    """

    def __init__(self, files: Sequence[File], facts: list[list[Any]] | None = None) -> None:
        self._files = files
        self.files = [_uri(str(file)) for file in files]
        # A block of a local file is read faster than threads are switched.
        self.blocking = any(not is_local(file) for file in files)
        self.identity = facts
        self.size = sum(size for _, size, _ in facts) if facts else None
        self.done = 0
        self._starts: list[int] = []
        self._contents: list[Content] = []

    def __iter__(self) -> Iterator[Block]:
        position = 0
        for index, file in enumerate(self._files):
            self._starts.append(position)
            before = self.done
            try:
                with file.open("rb") as raw:
                    head = raw.read(HEAD_BYTES)
                    raw.seek(0)
                    content = read_content(raw)
                    self._contents.append(content)
                    for items in content.blocks:
                        yield Block(items, position + 1)
                        position += len(items)
                        self.done = before + raw.tell()
            except NotEventsError as error:
                raise SegmentInputError(f"{file} cannot be read: {error}") from None
            except (ValueError, *Corrupt) as error:
                raise SegmentInputError(
                    f"{file} cannot be read beyond {self._last(position)}: {error}"
                ) from error
            if self.identity:
                _check_unchanged(file, self.identity[index], head)

    def _last(self, position: int) -> str:
        number = position - self._starts[-1]
        started = len(self._contents) == len(self._starts)
        [(unit, where)] = self._contents[-1].place(number).items() if started else [("line", 0)]
        return f"{unit} {where:,}"

    def place(self, position: int) -> dict[str, Any]:
        index = max(0, bisect_right(self._starts, position - 1) - 1)
        return {
            "file": str(self._files[index]),
            **self._contents[index].place(position - self._starts[index]),
        }


def _check_unchanged(file: Any, before: list[Any], head: bytes) -> None:
    """Compare a file that was read to its end with what it was at the start.

    :param before: what :func:`describe` said of it
    :param head: its first bytes
    :raises SegmentInputError: it is not the same file, and not a longer one
    """
    _, size_before, _ = before
    try:
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
    files = []
    for file in found:
        if _location(file) == rejects:
            continue
        if file.is_file():
            files.append(file)
        elif has_magic(path) and not file.is_dir():
            log.warning("%s is left out: it is not a regular file, or leads to none", file)
    if not files:
        if not has_magic(path) and found[0].exists():
            raise SegmentConfigurationError(f"{path} is {_kind(found[0])}")
        raise SegmentInputError(f"no file matches {path}")
    return files


def _kind(file: ObjectStoragePath) -> str:
    """What a path is that is not a file."""
    if file.is_dir():
        return f"a folder: give its files, as in {file}/*.jsonl"
    return "not a regular file but a pipe, a socket or a device: give a file"


def is_local(file: File) -> bool:
    """Whether it is a file of this machine."""
    return getattr(file, "protocol", "file") in ("", "file", "local")


def _location(file: ObjectStoragePath) -> tuple[str, str]:
    """Equal for two paths to the same file."""
    if is_local(file):
        return "file", os.path.realpath(file.path)
    return file.protocol, file.path


def describe(files: list[ObjectStoragePath]) -> list[list[Any]]:
    """What shows whether the files are unchanged: path, size, and the storage's fingerprint of each."""
    return [[str(file), *_fingerprint(file)] for file in files]


def _fingerprint(file: ObjectStoragePath) -> tuple[int, str]:
    if is_local(file):
        # The library's fingerprint also depends on the file's permissions and links.
        status = os.stat(file.path)
        return status.st_size, f"{status.st_ino}-{status.st_mtime_ns}"
    return file.fs.size(file.path) or 0, file.fs.ukey(file.path)
