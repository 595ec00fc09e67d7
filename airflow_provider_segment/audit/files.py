"""Where the whole report goes."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.private_files import open_private
from airflow_provider_segment.events.storage import is_local, local_path, storage_path


def check_path(path: str) -> None:
    """Make sure that there is such a storage, before hours of reading.

    :raises SegmentConfigurationError: there is none, or a library for it is missing
    """
    try:
        getattr(storage_path(path), "fs", None)
    except (ImportError, ValueError) as error:
        raise SegmentConfigurationError(f"to_path: {path} cannot be opened: {error}") from None


def write_report(path: str, report: dict[str, Any], note: str) -> None:
    """Write the report as JSON, and its note beside it. Local files are their owner's: they name people.

    :raises OSError: it cannot be written
    """
    _write(path, json.dumps(report, indent=1, ensure_ascii=False))
    _write(f"{path.removesuffix('.json')}.md", note)


def _write(path: str, text: str) -> None:
    file = storage_path(path)
    opened = open_private(local_path(file)) if is_local(file) else file.open("wb")
    with opened as stream:
        stream.write(text.encode(errors="backslashreplace"))
