"""Where the whole report goes."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.storage import storage_path
from airflow_provider_segment.events.whole_files import WholeFile


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

    :raises SegmentConfigurationError: there can be no such file
    :raises SegmentOutputError: the storage does not take it
    """
    texts = {
        path: json.dumps(report, indent=1, ensure_ascii=False),
        f"{path.removesuffix('.json')}.md": note,
    }
    for name, text in texts.items():
        with WholeFile(name) as file:
            file.write(text.encode(errors="backslashreplace"))
