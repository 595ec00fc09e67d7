"""Files, wherever Airflow's object storage reaches."""

from __future__ import annotations

import os
from glob import has_magic
from itertools import takewhile
from typing import Any

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentInputError


def list_files(path: str, *, rejects_path: str | None = None) -> list[ObjectStoragePath]:
    """The files of a path or glob, sorted by name.

    :param rejects_path: will be written, and so is none of them, should it match the glob
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
            raise SegmentConfigurationError(f"{path} is the rejects_path, too, and would be overwritten")
    files = [file for file in found if _location(file) != rejects and file.is_file()]
    if not files:
        raise SegmentInputError(f"no file matches {path}")
    return files


def _location(file: ObjectStoragePath) -> tuple[str, str]:
    """Equal for two spellings of one file."""
    if file.protocol in ("", "file"):
        return "file", os.path.realpath(file.path)
    return file.protocol, file.path


def describe(files: list[ObjectStoragePath]) -> list[list[Any]]:
    """What tells whether the files are still the same: path, bytes, and what the storage knows of each."""
    return [[str(file), file.fs.size(file.path), file.fs.ukey(file.path)] for file in files]
