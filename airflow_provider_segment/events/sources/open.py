"""Opens the input of a backfill."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.sources.files import FileSource, describe, list_files
from airflow_provider_segment.events.sources.items import ItemSource
from airflow_provider_segment.events.sources.source import Source


def open_source(events: Iterable[Any] | None, path: str | None, *, rejects_path: str | None) -> Source:
    """The input: either ``events`` or the files at ``path``.

    :raises SegmentConfigurationError: both or neither are given, or ``path`` is the ``rejects_path``
    :raises SegmentInputError: there is no file
    """
    if (events is None) == (path is None):
        raise SegmentConfigurationError("give either events or path")
    if events is not None:
        return ItemSource(events)
    assert path is not None
    files = list_files(path, rejects_path=rejects_path)
    return FileSource(files, describe(files))
