"""Files, wherever Airflow's object storage reaches."""

from __future__ import annotations

from glob import has_magic
from itertools import takewhile
from typing import Any

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_segment.errors import SegmentInputError


def list_files(path: str, *, without: str | None = None) -> list[ObjectStoragePath]:
    """The files of a path or glob, sorted by name.

    :param without: a path that is none of them, should it match
    :raises SegmentInputError: there is none
    """
    if has_magic(path):
        parts = path.split("/")
        fixed = list(takewhile(lambda part: not has_magic(part), parts))
        folder = ObjectStoragePath("/".join(fixed) or ("/" if path.startswith("/") else "."))
        found = sorted(folder.glob("/".join(parts[len(fixed) :])), key=str)
    else:
        found = [ObjectStoragePath(path)]
    excluded = ObjectStoragePath(without).path if without else None
    files = [file for file in found if file.path != excluded and file.is_file()]
    if not files:
        raise SegmentInputError(f"no file matches {path}")
    return files


def describe(files: list[ObjectStoragePath]) -> list[list[Any]]:
    """What tells whether the files are still the same: path, bytes, and what the storage knows of each."""
    return [[str(file), file.fs.size(file.path), file.fs.ukey(file.path)] for file in files]
