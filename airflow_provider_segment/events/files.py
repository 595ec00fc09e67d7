"""Files, wherever Airflow's object storage reaches."""

from __future__ import annotations

from glob import has_magic
from typing import Any

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_segment.errors import SegmentInputError


def list_files(path: str, *, without: str | None = None) -> list[ObjectStoragePath]:
    """The files of a path or glob, sorted by name.

    :param without: a path that is none of them, should it match
    :raises SegmentInputError: there is none
    """
    root = ObjectStoragePath(path)
    if has_magic(path):
        found = sorted(str(name) for name in root.fs.glob(root.path))
        excluded = ObjectStoragePath(without).path if without else None
        files = [_sibling(root, name) for name in found if name != excluded]
        files = [file for file in files if file.is_file()]
    else:
        files = [root] if root.is_file() else []
    if not files:
        raise SegmentInputError(f"no file matches {path}")
    return files


def _sibling(root: ObjectStoragePath, path: str) -> ObjectStoragePath:
    return ObjectStoragePath(path, protocol=root.protocol or "file", conn_id=root.conn_id)


def describe(files: list[ObjectStoragePath]) -> list[list[Any]]:
    """What tells whether the files are still the same: path, bytes, and what the storage knows of each."""
    return [[str(file), file.fs.size(file.path), file.fs.ukey(file.path)] for file in files]
