"""Files that are there as a whole, or not at all."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex
from typing import IO, Any, TypeVar

from airflow_provider_segment.api.documents import write
from airflow_provider_segment.errors import SegmentConfigurationError, SegmentOutputError
from airflow_provider_segment.events.private_files import open_private
from airflow_provider_segment.events.storage import File, is_local, local_path, storage_path

T = TypeVar("T")


class WholeFile:
    """Writes a file under another name beside it, ``.NAME.RANDOM.part``, and renames it when it is whole.

    After an error there is no such file, and what had the name before is still there. A process that is
    killed leaves the other one. An object store copies it to rename it. Only its owner can read a local file.

    :param path: in any storage that Airflow's ``ObjectStoragePath`` supports; is overwritten
    :raises SegmentConfigurationError: on entry, it is no path of a file that can be written
    :raises SegmentOutputError: the storage does not take it
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._stream: Any = None

    def __enter__(self) -> WholeFile:
        try:
            self._file: Any = storage_path(self._path)
            if not self._file.name or self._path.endswith("/"):
                raise ValueError("it has no name of a file")
            self._part = self._file.parent / f".{self._file.name}.{token_hex(4)}.part"
            self._stream = _open(self._part)
        except SegmentConfigurationError:
            raise
        except Exception as error:
            # Of a storage elsewhere an OSError may be that of a moment.
            local = is_local(getattr(self, "_file", None))  # type: ignore[arg-type]
            final = local or not isinstance(error, OSError)
            raise (SegmentConfigurationError if final else SegmentOutputError)(self._fault(error)) from None
        return self

    def write(self, content: bytes) -> None:
        """Write the next piece."""
        self._guarded(lambda: self._stream.write(content))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._guarded(self._close)
                self._guarded(self._rename)
                return
        except BaseException:
            self._discard()
            raise
        self._discard()

    def _close(self) -> None:
        self._stream.close()

    def _rename(self) -> None:
        if is_local(self._file):
            os.replace(local_path(self._part), local_path(self._file))
        else:
            self._file.fs.mv(self._part.path, self._file.path)

    def _discard(self) -> None:
        for action in (self._close, self._stream.close, self._part.unlink):
            with suppress(Exception):
                action()

    def _guarded(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except Exception as error:  # each storage library raises its own errors
            raise SegmentOutputError(self._fault(error)) from error

    def _fault(self, error: Exception) -> str:
        return f"{self._path} cannot be written: {str(error) or type(error).__name__}"


class JsonLines(WholeFile):
    """Writes documents, one a line; compressed if the name ends with ``.gz``."""

    def __enter__(self) -> JsonLines:
        super().__enter__()
        self._packed: Any = None
        if self._path.endswith(".gz"):
            self._packed = gzip.GzipFile(filename="", mode="wb", fileobj=self._stream, mtime=0)
        return self

    def add(self, document: Any) -> None:
        """Write the next document.

        :raises ValueError: it is no JSON; says where
        """
        line = write(document) + b"\n"
        self._guarded(lambda: (self._packed or self._stream).write(line))

    def _close(self) -> None:
        if self._packed is not None:
            self._packed.close()
        super()._close()


def _open(file: File) -> IO[bytes]:
    if is_local(file):
        return open_private(local_path(file))
    with suppress(Exception):  # object stores have no folders; if one is needed, open() will fail
        file.parent.mkdir(parents=True, exist_ok=True)
    stream: IO[bytes] = file.open("wb")
    return stream
