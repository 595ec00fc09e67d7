"""Files by their path, in the storages of this machine's Airflow, or without one.

The only module of ``events/`` that knows Airflow: where it is installed, a path is its ``ObjectStoragePath``,
which takes credentials from connections.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_segment.errors import SegmentConfigurationError

if TYPE_CHECKING:
    from upath import UPath

LOCAL = ("", "file", "local")
"""The protocols of files of this machine."""


class File(Protocol):
    """What is needed of a file: ``ObjectStoragePath``, ``UPath`` and ``pathlib.Path`` provide it."""

    @property
    def name(self) -> str: ...

    @property
    def parent(self) -> Any: ...

    def open(self, mode: Any, /) -> Any: ...


def storage_path(text: str) -> UPath:
    """The file, folder or object that a path names.

    Without Airflow it is a ``UPath``, and for this machine's files, for which no library is needed, a
    ``pathlib.Path``.

    :param text: a path of this machine, or a URI such as ``s3://bucket/key``
    :raises SegmentConfigurationError: there is no such storage, or its library is missing
    """
    make: Any
    protocol, separator, rest = text.partition("://")
    try:
        from airflow.providers.common.compat.sdk import ObjectStoragePath as make
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "airflow":
            raise  # Airflow is here, but broken
        if not separator:
            make = Path
        elif protocol in LOCAL:
            make, text = Path, rest  # as fsspec takes it: percent signs are letters
        else:
            make = _remote_path
    try:
        path: UPath = make(text)
    except ValueError as error:  # there is no such storage
        raise SegmentConfigurationError(f"{text} cannot be opened: {error}") from None
    return path


def _remote_path(text: str) -> UPath:
    try:
        from fsspec import get_filesystem_class  # type: ignore[import-untyped]
        from upath import UPath
    except ModuleNotFoundError:
        raise SegmentConfigurationError(
            f"{text} is not a file of this machine. Without Airflow, other storages are reached by "
            "universal-pathlib and the fsspec library of the storage: pip install universal-pathlib, and "
            "s3fs for s3://, gcsfs for gs://, adlfs for abfs://"
        ) from None
    try:
        get_filesystem_class(text.partition("://")[0])
    except (ImportError, ValueError) as error:  # its library is missing; there is no such protocol
        raise SegmentConfigurationError(f"{text} cannot be opened: {error}") from None
    return UPath(text)


def is_local(file: File) -> bool:
    """Whether it is a file of this machine."""
    return getattr(file, "protocol", "file") in LOCAL


def local_path(file: File) -> str:
    """The path of a file of this machine, without a protocol."""
    return str(getattr(file, "path", file))
